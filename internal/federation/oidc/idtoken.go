package oidc

import (
	"context"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Algorithms of ID tokens: those by public keys, and those by the client's secret, which never take a public key.
var (
	publicAlgorithms = []jose.SignatureAlgorithm{
		jose.RS256, jose.RS384, jose.RS512, jose.PS256, jose.PS384, jose.PS512, jose.ES256, jose.ES384, jose.ES512, jose.EdDSA,
	}
	secretAlgorithms = []jose.SignatureAlgorithm{jose.HS256, jose.HS384, jose.HS512}
)

var errWrongSignature = errors.New("oidc: the signature of the ID token is not right")

// idClaims are the claims that an ID token is judged by (OpenID Connect Core section 3.1.3.7).
type idClaims struct {
	Issuer   string   `json:"iss"`
	Subject  string   `json:"sub"`
	Audience audience `json:"aud"`
	Party    string   `json:"azp"`
	Expires  *float64 `json:"exp"`
	Issued   *float64 `json:"iat"`
	After    *float64 `json:"nbf"`
	Nonce    string   `json:"nonce"`
	AtHash   string   `json:"at_hash"`
}

// audience is a string or a list of them.
type audience []string

// UnmarshalJSONFrom implements json.UnmarshalerFrom.
func (a *audience) UnmarshalJSONFrom(d *jsontext.Decoder) error {
	if d.PeekKind() == '[' {
		return json.UnmarshalDecode(d, (*[]string)(a))
	}
	var one string
	err := json.UnmarshalDecode(d, &one)
	*a = audience{one}
	return err
}

// judgement is what an ID token has to be like.
type judgement struct {
	issuer, clientID, secret string
	nonce, access            string
	keys                     *keySet
	skew                     time.Duration
}

// read checks an ID token and returns its claims, by which it is judged and all of them.
func (j judgement) read(ctx context.Context, text string) (c idClaims, payload []byte, err error) {
	payload, algorithm, err := j.verify(ctx, text)
	if err != nil {
		return c, nil, err
	}
	if err := json.Unmarshal(payload, &c); err != nil {
		return c, nil, fmt.Errorf("oidc: ID token: %v", err)
	}
	return c, payload, j.check(c, algorithm)
}

// verify checks the signature: by a key of the provider, or by the secret, as the algorithm says, never one for the other.
func (j judgement) verify(ctx context.Context, text string) ([]byte, jose.SignatureAlgorithm, error) {
	algorithms := publicAlgorithms
	if j.secret != "" {
		algorithms = slices.Concat(algorithms, secretAlgorithms)
	}
	token, err := jose.ParseSignedCompact(text, algorithms)
	if err != nil {
		return nil, "", fmt.Errorf("oidc: ID token: %v", err)
	}
	head := token.Signatures[0].Header
	algorithm := jose.SignatureAlgorithm(head.Algorithm)
	if slices.Contains(secretAlgorithms, algorithm) {
		payload, err := token.Verify([]byte(j.secret))
		return payload, algorithm, err
	}
	keys, err := j.keys.find(ctx, head.KeyID)
	if err != nil {
		return nil, "", err
	}
	for _, k := range keys {
		if k.Algorithm != "" && k.Algorithm != head.Algorithm {
			continue
		}
		if payload, err := token.Verify(k.Key); err == nil {
			return payload, algorithm, nil
		}
	}
	return nil, "", errWrongSignature
}

func (j judgement) check(c idClaims, algorithm jose.SignatureAlgorithm) error {
	now := time.Now()
	at := func(seconds *float64) time.Time { return time.Unix(int64(*seconds), 0) }
	switch {
	case c.Issuer != j.issuer:
		return fmt.Errorf("oidc: the ID token is of the issuer %q", c.Issuer)
	case !slices.Contains(c.Audience, j.clientID):
		return errors.New("oidc: the ID token is for another client")
	case len(c.Audience) > 1 && c.Party == "", c.Party != "" && c.Party != j.clientID:
		return errors.New("oidc: the ID token was issued to another client")
	case c.Expires == nil || now.After(at(c.Expires).Add(j.skew)):
		return errors.New("oidc: the ID token has expired")
	case c.Issued == nil || now.Before(at(c.Issued).Add(-j.skew)), c.After != nil && now.Before(at(c.After).Add(-j.skew)):
		return errors.New("oidc: the ID token is from the future")
	case subtle.ConstantTimeCompare([]byte(c.Nonce), []byte(j.nonce)) != 1:
		return errors.New("oidc: the ID token answers another request")
	case c.AtHash != "" && c.AtHash != accessHash(algorithm, j.access):
		return errors.New("oidc: the ID token goes with another access token")
	}
	return nil
}

// accessHash is the at_hash claim (section 3.1.3.6): the left half of the hash that the algorithm uses.
func accessHash(algorithm jose.SignatureAlgorithm, access string) string {
	var sum []byte
	switch algorithm[len(algorithm)-3:] {
	case "384":
		h := sha512.Sum384([]byte(access))
		sum = h[:]
	case "512", "DSA": // EdDSA with Ed25519 uses SHA-512
		h := sha512.Sum512([]byte(access))
		sum = h[:]
	default:
		h := sha256.Sum256([]byte(access))
		sum = h[:]
	}
	return base64.RawURLEncoding.EncodeToString(sum[:len(sum)/2])
}
