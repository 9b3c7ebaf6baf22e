package verify

import (
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Claims is what a token says. Fields for claims that it has not are empty.
type Claims struct {
	Issuer   string
	Subject  string // sub: the user's, for ever the same; of a client's own token the client
	Username string // username, or cognito:username of an ID token
	ClientID string // client_id, or aud of an ID token
	Use      Use
	Scopes   []string
	Groups   []string // cognito:groups
	IssuedAt time.Time
	AuthTime time.Time // when the user has signed in
	Expires  time.Time

	notBefore time.Time
	payload   []byte
}

// Decode reads all claims into a value, as json.Unmarshal does.
func (c *Claims) Decode(into any) error { return json.Unmarshal(c.payload, into) }

// signed is a token that has been read and not been believed yet.
type signed struct {
	kid       string
	input     string // what the signature is over
	signature []byte
	claims    Claims
}

// maxToken bounds the size of a token, in bytes.
const maxToken = 256 << 10

// b64 refuses what is not the one encoding of its bytes.
var b64 = base64.RawURLEncoding.Strict()

// parse reads a token (RFC 7515 section 7.1).
func parse(token string) (t signed, err error) {
	if len(token) > maxToken {
		return t, ErrMalformed
	}
	head, rest, _ := strings.Cut(token, ".")
	body, signature, found := strings.Cut(rest, ".")
	if !found || signature == "" {
		return t, ErrMalformed
	}
	var h struct {
		Alg  string         `json:"alg"`
		KID  string         `json:"kid"`
		Crit jsontext.Value `json:"crit"` // extensions that we do not have
	}
	if !decode(head, &h) || h.Alg != "RS256" || h.KID == "" || h.Crit != nil {
		return t, ErrMalformed
	}
	t.kid, t.input = h.KID, token[:len(head)+1+len(body)]
	if t.signature, err = b64.DecodeString(signature); err != nil {
		return t, ErrMalformed
	}
	if t.claims.payload, err = b64.DecodeString(body); err != nil || !t.claims.read() {
		return t, ErrMalformed
	}
	return t, nil
}

func decode(part string, into any) bool {
	text, err := b64.DecodeString(part)
	return err == nil && json.Unmarshal(text, into) == nil
}

// read takes the claims out of the payload.
func (c *Claims) read() bool {
	var p struct {
		Issuer   string   `json:"iss"`
		Subject  string   `json:"sub"`
		Use      Use      `json:"token_use"`
		ClientID string   `json:"client_id"`
		Audience any      `json:"aud"` // an access token's is whatever was asked for
		Username string   `json:"username"`
		Name     string   `json:"cognito:username"`
		Scope    string   `json:"scope"`
		Groups   []string `json:"cognito:groups"`
		IssuedAt int64    `json:"iat"`
		AuthTime int64    `json:"auth_time"`
		Expires  int64    `json:"exp"`
		Before   int64    `json:"nbf"`
	}
	if json.Unmarshal(c.payload, &p) != nil {
		return false
	}
	c.Issuer, c.Subject, c.Use, c.ClientID, c.Username = p.Issuer, p.Subject, p.Use, p.ClientID, p.Username
	c.Groups, c.Scopes = p.Groups, strings.Fields(p.Scope)
	if p.Use == ID {
		c.ClientID, _ = p.Audience.(string)
		c.Username = p.Name
	}
	c.IssuedAt, c.AuthTime, c.Expires = moment(p.IssuedAt), moment(p.AuthTime), moment(p.Expires)
	c.notBefore = moment(p.Before)
	return true
}

// moment is a NumericDate (RFC 7519 section 2); 0 is none.
func moment(seconds int64) time.Time {
	if seconds == 0 {
		return time.Time{}
	}
	return time.Unix(seconds, 0)
}

func (t *signed) signedBy(key *rsa.PublicKey) bool {
	digest := sha256.Sum256([]byte(t.input))
	return rsa.VerifyPKCS1v15(key, crypto.SHA256, digest[:], t.signature) == nil
}
