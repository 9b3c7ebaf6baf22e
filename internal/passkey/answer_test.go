package passkey

import (
	"crypto/sha256"
	"encoding/json"
	"net/url"
	"strings"
	"testing"

	"github.com/descope/virtualwebauthn"
	"github.com/go-webauthn/webauthn/protocol/webauthncbor"
	"github.com/go-webauthn/webauthn/protocol/webauthncose"
)

const appHash = "android:apk-key-hash:47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU"

// Checklist item 20: which origins may use a relying party's passkeys.
func TestOrigins_Item20(t *testing.T) {
	for origin, want := range map[string]bool{
		"https://example.com": true, "https://example.com:8443": true, "https://a.b.example.com": true, appHash: true,
		"android:apk-key-hash-sha256:47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU": true,

		"": false, "null": false, "example.com": false, "https://": false, "https://example.com/": false, "https://example.com#": false,
		"https://example.com?": false, "https://u@example.com": false, "https://example.com:": false, "https://example.com:port": false,
		"https://Example.com": false, "HTTPS://example.com": false, "https://example.com.": false, "https://.example.com": false,
		"https://a..example.com": false, "https://badexample.com": false, "https://example.com.evil.com": false, "https://com": false,
		"https://evil.com/.example.com": false, "https://evil.com\\.example.com": false, "https://example.com\n": false,
		"https://evil.com%2f.example.com": false, "http://example.com": false, "ftp://example.com": false, "http://localhost": false,
		"https://localhost": false, "http://127.0.0.1": false, appHash + "x": false, "android:apk-key-hash:": false,
		"ios:bundle-id:com.example": false, "chrome-extension://example.com": false,
	} {
		for _, dev := range []bool{false, true} {
			if got := (&Service{dev: dev}).allowed(origin, "example.com"); got != want {
				t.Errorf("%q: %v, want %v", origin, got, want)
			}
		}
	}
	for _, origin := range []string{"http://localhost", "http://localhost:3000", "http://127.0.0.1:3000"} {
		for party, dev := range map[string]bool{"localhost": true, "example.com": false, "": false} {
			if got := (&Service{dev: true}).allowed(origin, party); got != dev {
				t.Errorf("development, %q at %q: %v", origin, party, got)
			}
			if (&Service{}).allowed(origin, party) {
				t.Errorf("production, %q at %q is allowed", origin, party)
			}
		}
	}
	const prefix = "shop.auth.us-east-1.localhost" // the domain of a pool in development
	for origin, want := range map[string]bool{
		"http://" + prefix: true, "http://" + prefix + ":9229": true, "http://localhost:9229": false, "http://127.0.0.1:9229": false,
		"http://a." + prefix: false, "http://bank.auth.us-east-1.localhost": false,
	} {
		if got := (&Service{dev: true}).allowed(origin, prefix); got != want {
			t.Errorf("development, %q at %q: %v", origin, prefix, got)
		}
		if (&Service{}).allowed(origin, prefix) {
			t.Errorf("production, %q at %q is allowed", origin, prefix)
		}
	}
}

// Checklist item 20: the algorithms are those that are offered, with keys of the right kind and size.
func TestCheckKey_Item20(t *testing.T) {
	ec, rsa := cose(t, virtualwebauthn.KeyTypeEC2), cose(t, virtualwebauthn.KeyTypeRSA)
	const kty, alg, curveOrModulus = 1, 3, -1
	with := func(key map[int64]any, label int64, value any) map[int64]any {
		out := map[int64]any{}
		for k, v := range key {
			out[k] = v
		}
		out[label] = value
		return out
	}
	for name, test := range map[string]struct {
		key  map[int64]any
		want bool
	}{
		"ES256": {ec, true}, "RS256": {rsa, true},
		"ES384": {with(ec, alg, int64(webauthncose.AlgES384)), false}, "PS256": {with(rsa, alg, int64(webauthncose.AlgPS256)), false},
		"RS1": {with(rsa, alg, int64(webauthncose.AlgRS1)), false}, "EC with RS256": {with(ec, alg, int64(-257)), false},
		"RSA with ES256": {with(rsa, alg, int64(-7)), false}, "another curve": {with(ec, curveOrModulus, int64(2)), false},
		"off the curve": {with(ec, -2, make([]byte, 32)), false}, "an unknown kind": {with(ec, kty, int64(99)), false},
		"a short modulus": {with(rsa, curveOrModulus, make255()), false}, "a long modulus": {with(rsa, curveOrModulus, append(make255(), make([]byte, 512)...)), false},
	} {
		text, err := webauthncbor.Marshal(test.key)
		if err != nil {
			t.Fatal(err)
		}
		if err := checkKey(text); (err == nil) != test.want {
			t.Errorf("%s: %v", name, err)
		}
	}
	if checkKey(nil) == nil {
		t.Error("no key is accepted")
	}
}

func make255() []byte {
	out := make([]byte, 255)
	out[0] = 0x80
	return out
}

// cose returns a public key as its labels and values.
func cose(t *testing.T, kind virtualwebauthn.KeyType) (key map[int64]any) {
	t.Helper()
	for len(key) == 0 || kind == virtualwebauthn.KeyTypeEC2 && len(key[-2].([]byte))+len(key[-3].([]byte)) < 64 { // virtualwebauthn drops leading zeros
		if err := webauthncbor.Unmarshal(virtualwebauthn.NewCredential(kind).Key.AttestationData(), &key); err != nil {
			t.Fatal(err)
		}
	}
	return key
}

// FuzzRegistration feeds the parsers of what browsers send with what is packed within: the client data and the
// attestation object. What they let pass has an allowed origin that a URL parser agrees with, or a key that can
// be used.
func FuzzRegistration(f *testing.F) {
	party := virtualwebauthn.RelyingParty{ID: "example.com", Origin: "https://example.com"}
	answer := virtualwebauthn.CreateAttestationResponse(party, virtualwebauthn.NewAuthenticator(),
		virtualwebauthn.NewCredential(virtualwebauthn.KeyTypeEC2), virtualwebauthn.AttestationOptions{Challenge: []byte("c")})
	seed, err := readRegistration([]byte(answer))
	if err != nil {
		f.Fatal(err)
	}
	f.Add([]byte(seed.Raw.AttestationResponse.ClientDataJSON), []byte(seed.Raw.AttestationResponse.AttestationObject))
	f.Add([]byte(`{"origin":"https://example.com:1"}`), []byte{0xa3})
	f.Fuzz(func(t *testing.T, clientData, object []byte) {
		text, err := json.Marshal(map[string]any{"id": "AAAA", "rawId": "AAAA", "type": "public-key", "response": map[string]any{
			"clientDataJSON": textID(clientData), "attestationObject": textID(object),
		}})
		if err != nil {
			t.Fatal(err)
		}
		made, err := readRegistration(text)
		if err != nil {
			return
		}
		data := made.Response.AttestationObject.AuthData
		if len(data.RPIDHash) != sha256.Size || len(text) > maxAnswer {
			t.Fatalf("accepted %q", text)
		}
		fuzzOrigin(t, made.Response.CollectedClientData.Origin)
		if err := checkKey(data.AttData.CredentialPublicKey); err == nil && len(data.AttData.CredentialPublicKey) > len(object) {
			t.Fatalf("a key of %d bytes", len(data.AttData.CredentialPublicKey))
		}
	})
}

// FuzzSignIn is FuzzRegistration for sign-ins.
func FuzzSignIn(f *testing.F) {
	party := virtualwebauthn.RelyingParty{ID: "example.com", Origin: "https://example.com"}
	f.Add([]byte(virtualwebauthn.CreateAssertionResponse(party, virtualwebauthn.NewAuthenticator(), virtualwebauthn.NewCredential(virtualwebauthn.KeyTypeEC2), virtualwebauthn.AssertionOptions{Challenge: []byte("c")})))
	f.Add([]byte(`{"id":"AAAA","rawId":"AAAA","type":"public-key","response":{"clientDataJSON":"e30","authenticatorData":"AA","signature":"AA","userHandle":null}}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		answer, err := readSignIn(text)
		if err != nil {
			return
		}
		if len(answer.RawID) == 0 || len(answer.Response.AuthenticatorData.RPIDHash) != sha256.Size || len(text) > maxAnswer {
			t.Fatalf("accepted %q", text)
		}
		fuzzOrigin(t, answer.Response.CollectedClientData.Origin)
	})
}

// fuzzOrigin holds the rule for origins to a parser of URLs.
func fuzzOrigin(t *testing.T, origin string) {
	t.Helper()
	if !(&Service{}).allowed(origin, "example.com") || strings.HasPrefix(origin, "android:") {
		return
	}
	u, err := url.Parse(origin)
	if err != nil || u.Scheme != "https" || u.Hostname() != "example.com" && !strings.HasSuffix(u.Hostname(), ".example.com") {
		t.Fatalf("allowed %q", origin)
	}
}

// TestClientDataIsOurs: go-webauthn's own reading would see the second origin.
func TestClientDataIsOurs_Item20(t *testing.T) {
	text, err := json.Marshal(map[string]string{"type": "webauthn.get", "origin": "https://evil.com", "origiN": "https://example.com"})
	if err != nil {
		t.Fatal(err)
	}
	if d, err := readClientData(text); err != nil || d.Origin != "https://evil.com" {
		t.Errorf("read %q, %v", d.Origin, err)
	}
	for _, bad := range []string{`{"origin":"a","origin":"b"}`, `{"origin":1}`, `{"origin":"` + "\xff" + `"}`, `{}{}`, ``} {
		if _, err := readClientData([]byte(bad)); err == nil {
			t.Errorf("read %q", bad)
		}
	}
}
