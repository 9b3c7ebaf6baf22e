package passkey_test

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"testing"

	"github.com/descope/virtualwebauthn"
	"github.com/go-webauthn/webauthn/protocol/webauthncbor"
	"github.com/go-webauthn/webauthn/protocol/webauthncose"
)

// device is a browser and an authenticator with one credential.
type device struct {
	*testing.T
	party, origin string
	auth          virtualwebauthn.Authenticator
	key           virtualwebauthn.Credential
	edit          func(clientData map[string]any) // changes what the browser signs
}

func newDevice(t *testing.T, kind virtualwebauthn.KeyType) *device {
	return &device{
		T: t, party: "example.com", origin: "https://app.example.com",
		auth: virtualwebauthn.NewAuthenticator(), key: newKey(kind),
	}
}

// newKey passes over the few keys whose coordinates virtualwebauthn writes too short, without leading zeros.
func newKey(kind virtualwebauthn.KeyType) virtualwebauthn.Credential {
	for {
		k := virtualwebauthn.NewCredential(kind)
		if _, err := webauthncose.ParsePublicKey(k.Key.AttestationData()); err == nil {
			return k
		}
	}
}

func (d *device) relyingParty() virtualwebauthn.RelyingParty {
	return virtualwebauthn.RelyingParty{ID: d.party, Name: d.party, Origin: d.origin}
}

// attested answers the options of a registration with an attestation by the key itself.
func (d *device) attested(options []byte) []byte {
	d.Helper()
	o, err := virtualwebauthn.ParseAttestationOptions(string(options))
	if err != nil {
		d.Fatal(err)
	}
	return []byte(virtualwebauthn.CreateAttestationResponse(d.relyingParty(), d.auth, d.key, *o))
}

// create answers the options of a registration as browsers do, which take the attestation away.
func (d *device) create(options []byte) []byte {
	d.Helper()
	return rewrite(d.T, d.attested(options), func(answer, response map[string]any) {
		var object map[string]any
		if err := webauthncbor.Unmarshal(unbase64(d.T, response["attestationObject"]), &object); err != nil {
			d.Fatal(err)
		}
		object["fmt"], object["attStmt"] = "none", map[string]any{}
		plain, err := webauthncbor.Marshal(object)
		if err != nil {
			d.Fatal(err)
		}
		response["attestationObject"] = rebase64(plain)
		response["transports"] = []string{"internal", "hybrid", "internal", "carrier-pigeon"}
		answer["authenticatorAttachment"] = "platform"
		answer["clientExtensionResults"] = map[string]any{"credProps": map[string]any{"rk": true}}
		d.rewriteClientData(response)
	})
}

// get answers the options of a sign-in.
func (d *device) get(options string) []byte {
	d.Helper()
	o, err := virtualwebauthn.ParseAssertionOptions(options)
	if err != nil {
		d.Fatal(err)
	}
	d.key.Counter++
	text := []byte(virtualwebauthn.CreateAssertionResponse(d.relyingParty(), d.auth, d.key, *o))
	return rewrite(d.T, text, func(_, response map[string]any) {
		d.rewriteClientData(response)
		hash := sha256.Sum256(unbase64(d.T, response["clientDataJSON"]))
		digest := sha256.Sum256(append(unbase64(d.T, response["authenticatorData"]), hash[:]...))
		signature, err := d.key.Key.Sign(digest[:])
		if err != nil {
			d.Fatal(err)
		}
		response["signature"] = rebase64(signature)
	})
}

func (d *device) rewriteClientData(response map[string]any) {
	d.Helper()
	if d.edit == nil {
		return
	}
	var data map[string]any
	if err := json.Unmarshal(unbase64(d.T, response["clientDataJSON"]), &data); err != nil {
		d.Fatal(err)
	}
	d.edit(data)
	text, err := json.Marshal(data)
	if err != nil {
		d.Fatal(err)
	}
	response["clientDataJSON"] = rebase64(text)
}

// rewrite changes an answer of a browser and the response within it.
func rewrite(t *testing.T, text []byte, change func(answer, response map[string]any)) []byte {
	t.Helper()
	var answer map[string]any
	if err := json.Unmarshal(text, &answer); err != nil {
		t.Fatal(err)
	}
	change(answer, answer["response"].(map[string]any))
	out, err := json.Marshal(answer)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func unbase64(t *testing.T, text any) []byte {
	t.Helper()
	out, err := base64.RawURLEncoding.DecodeString(text.(string))
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func rebase64(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }
