package passkey

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"regexp"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-webauthn/webauthn/protocol"

	"cognate/api/idp"
	"cognate/internal/fault"
	"cognate/internal/pool"
)

// maxAnswer bounds what browsers send, some kilobytes at most with the certificates of an attestation. It
// also bounds the RSA keys in it, whose checking takes time by the square of their length.
const maxAnswer = 32 << 10

// Errors of an answer that does not belong to the challenge.
var (
	errInvalid  = fault.New(idp.CodeInvalidParameter, "Credential data is not valid") // Cognito's words
	errNotFound = fault.New(idp.CodeWebAuthnChallengeNotFound, "There is no challenge that the passkey answers.")
	errOrigin   = fault.New(idp.CodeWebAuthnOriginNotAllowed, "The passkey was made at an origin that is not allowed.")
	errParty    = fault.New(idp.CodeWebAuthnRelyingPartyMismatch, "The passkey is for another relying party.")
)

// readRegistration reads the RegistrationResponseJSON of a browser.
func readRegistration(text []byte) (*protocol.ParsedCredentialCreationData, error) {
	var r protocol.CredentialCreationResponse
	if err := readStrictly(text, &r); err != nil {
		return nil, err
	}
	out, err := r.Parse()
	if err != nil {
		return nil, err
	}
	out.Response.CollectedClientData, err = readClientData(r.AttestationResponse.ClientDataJSON)
	return out, err
}

// readSignIn reads the AuthenticationResponseJSON of a browser.
func readSignIn(text []byte) (*protocol.ParsedCredentialAssertionData, error) {
	var r protocol.CredentialAssertionResponse
	if err := readStrictly(text, &r); err != nil {
		return nil, err
	}
	out, err := r.Parse()
	if err != nil {
		return nil, err
	}
	out.Response.CollectedClientData, err = readClientData(r.AssertionResponse.ClientDataJSON)
	return out, err
}

func readStrictly(text []byte, into any) error {
	if len(text) > maxAnswer {
		return errors.New("passkey: the answer is too long")
	}
	return json.Unmarshal(text, into)
}

// readClientData reads what the browser signed, in place of go-webauthn's reading: that takes names in any case
// and the last of two members, and could see another origin than we do.
func readClientData(text []byte) (d protocol.CollectedClientData, err error) {
	return d, json.Unmarshal(text, &d)
}

// check sees to it that an answer is one of the ceremony, to the challenge, from an allowed origin and for the
// pool's relying party. A page within a frame of another site's is not allowed: its user sees that other site.
func (s *Service) check(p *pool.Pool, c protocol.CollectedClientData, ceremony protocol.CeremonyType, challenge string, partyHash []byte) error {
	party := p.Passkeys().RelyingParty
	hash := sha256.Sum256([]byte(party))
	switch {
	case c.Type != ceremony:
		return errInvalid
	case c.Challenge != challenge:
		return errNotFound
	case c.CrossOrigin || c.TopOrigin != "" || !s.allowed(c.Origin, party):
		return errOrigin
	case !bytes.Equal(partyHash, hash[:]):
		return errParty
	}
	return nil
}

var (
	// webOrigin is an origin as browsers write it: scheme, host and maybe a port.
	webOrigin = regexp.MustCompile(`^(https?)://([a-z0-9_-]+(?:\.[a-z0-9_-]+)*)(?::[0-9]{1,5})?$`)
	// androidOrigin is the origin of an Android app: the hash of its signing certificate.
	androidOrigin = regexp.MustCompile(`^android:apk-key-hash(-sha256)?:[A-Za-z0-9_-]{43}$`)
)

// allowed reports whether an origin may use the passkeys of a relying party: its domain, domains below it, and
// Android apps, for Android itself makes sure that the domain names them as its own.
func (s *Service) allowed(origin, party string) bool {
	m := webOrigin.FindStringSubmatch(origin)
	switch {
	case m == nil:
		return androidOrigin.MatchString(origin)
	case m[1] == "https":
		return m[2] == party || strings.HasSuffix(m[2], "."+party)
	case !s.dev:
		return false
	case party == "localhost":
		return m[2] == "localhost" || m[2] == "127.0.0.1"
	default: // the domain of a prefix in development
		return m[2] == party && strings.HasSuffix(party, ".localhost")
	}
}
