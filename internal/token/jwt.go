package token

import (
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"math/big"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"
)

// signer signs JWTs (RFC 7515, RS256) with one key. The header of its tokens is always the same text,
// so verifying begins with comparing it: no header of another algorithm, key or extension is ever parsed.
type signer struct {
	key    *rsa.PrivateKey
	header string // base64url, with the dot behind it
	jwk    JWK
}

func newSigner(kid string, key *rsa.PrivateKey) *signer {
	key.Precompute()
	header := `{"kid":` + strconv.Quote(kid) + `,"alg":"RS256"}`
	return &signer{
		key:    key,
		header: b64.EncodeToString([]byte(header)) + ".",
		jwk: JWK{
			Alg: "RS256", KID: kid, Kty: "RSA", Use: "sig",
			E: b64.EncodeToString(big.NewInt(int64(key.E)).Bytes()),
			N: b64.EncodeToString(key.N.Bytes()),
		},
	}
}

// b64 refuses what is not the one encoding of its bytes.
var b64 = base64.RawURLEncoding.Strict()

// sign returns the compact JWT of the claims.
func (s *signer) sign(claims any) (string, error) {
	payload, err := json.Marshal(claims, json.Deterministic(true))
	if err != nil {
		return "", err
	}
	text := s.header + b64.EncodeToString(payload)
	digest := sha256.Sum256([]byte(text))
	sig, err := rsa.SignPKCS1v15(nil, s.key, crypto.SHA256, digest[:])
	if err != nil {
		return "", err
	}
	return text + "." + b64.EncodeToString(sig), nil
}

// Failures of verify.
var (
	errForeign   = errors.New("token: not a token of this key")
	errSignature = errors.New("token: wrong signature")
)

// verify checks the signature of a token of this very key and returns its payload.
func (s *signer) verify(token string) ([]byte, error) {
	rest, ok := strings.CutPrefix(token, s.header)
	if !ok {
		return nil, errForeign
	}
	payload, sig, ok := strings.Cut(rest, ".")
	if !ok {
		return nil, errForeign
	}
	raw, err := b64.DecodeString(sig)
	if err != nil {
		return nil, errSignature
	}
	digest := sha256.Sum256([]byte(token[:len(s.header)+len(payload)]))
	if rsa.VerifyPKCS1v15(&s.key.PublicKey, crypto.SHA256, digest[:], raw) != nil {
		return nil, errSignature
	}
	return b64.DecodeString(payload)
}

// peek reads the payload of a token without believing it: to find the key to verify it with.
func peek(token string, claims any) bool {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return false
	}
	payload, err := b64.DecodeString(parts[1])
	return err == nil && json.Unmarshal(payload, claims) == nil
}
