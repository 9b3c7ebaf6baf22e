package scripttest

import (
	"encoding/json"
	"strings"

	"github.com/descope/virtualwebauthn"
	"github.com/go-webauthn/webauthn/protocol/webauthncose"
)

// authenticator is a browser's, with the passkey that it made last.
type authenticator struct {
	device virtualwebauthn.Authenticator
	key    virtualwebauthn.Credential
}

func newAuthenticator() authenticator {
	return authenticator{device: virtualwebauthn.NewAuthenticator(), key: newKey()}
}

// offerPasskey begins a registration for the user of ${access}, and keeps how a browser answers it.
func (s *Script) offerPasskey(origin string, party ...string) {
	s.Helper()
	s.call("StartWebAuthnRegistration", s.fill(`{"AccessToken":"${access}"}`), false)
	var answer struct{ CredentialCreationOptions json.RawMessage }
	if err := json.Unmarshal(s.last, &answer); err != nil || s.code != 200 {
		s.Fatalf("%s: got %d %s, want options", s.where, s.code, s.last)
	}
	s.last = nil
	options, err := virtualwebauthn.ParseAttestationOptions(string(answer.CredentialCreationOptions))
	if err != nil {
		s.Fatalf("%s: %v", s.where, err)
	}
	s.browser.device.Options.UserHandle = []byte(options.UserID)
	site := virtualwebauthn.RelyingParty{ID: append(party, options.RelyingPartyID)[0], Origin: origin}
	s.Kept["credential"] = virtualwebauthn.CreateAttestationResponse(site, s.browser.device, s.browser.key, *options)
}

// newKey passes over the few keys whose coordinates virtualwebauthn writes too short, without leading zeros.
func newKey() virtualwebauthn.Credential {
	for {
		k := virtualwebauthn.NewCredential(virtualwebauthn.KeyTypeEC2)
		if _, err := webauthncose.ParsePublicKey(k.Key.AttestationData()); err == nil {
			return k
		}
	}
}

// UsePasskey keeps what a browser with the latest passkey answers to the options of a sign-in, as it stands in
// a JSON string.
func (s *Script) UsePasskey(origin, options string) {
	s.Helper()
	asked, err := virtualwebauthn.ParseAssertionOptions(options)
	if err != nil {
		s.Fatalf("%s: %v", s.where, err)
	}
	s.browser.key.Counter++
	site := virtualwebauthn.RelyingParty{ID: asked.RelyingPartyID, Origin: origin}
	text, err := json.Marshal(virtualwebauthn.CreateAssertionResponse(site, s.browser.device, s.browser.key, *asked))
	if err != nil {
		s.Fatal(err)
	}
	s.Kept["proof"] = strings.Trim(string(text), `"`)
}
