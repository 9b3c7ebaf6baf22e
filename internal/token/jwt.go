package token

import (
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	_ "crypto/sha512" // the hash of RS512
	"encoding/base64"
	"errors"
	"math/big"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"
)

// signer signs JWTs (RFC 7515) with one key. The header of its tokens is always the same text,
// so verifying begins with comparing it: no header of another algorithm, key or extension is ever parsed.
type signer struct {
	key    *rsa.PrivateKey
	hash   crypto.Hash
	header string // base64url, with the dot behind it
	jwk    JWK
	seen   verified
}

// newSigner makes the signer of a pool's tokens, with RS256.
func newSigner(kid string, key *rsa.PrivateKey) *signer {
	return signerOf(key, crypto.SHA256, `{"kid":`+strconv.Quote(kid)+`,"alg":"RS256"}`, JWK{Alg: "RS256", KID: kid})
}

// newOpenIDSigner makes the signer of the tokens of identities, with RS512.
func newOpenIDSigner(kid string, key *rsa.PrivateKey) *signer {
	return signerOf(key, crypto.SHA512, `{"kid":`+strconv.Quote(kid)+`,"typ":"JWS","alg":"RS512"}`, JWK{Alg: "RS512", KID: kid})
}

func signerOf(key *rsa.PrivateKey, hash crypto.Hash, header string, jwk JWK) *signer {
	key.Precompute()
	return &signer{
		key:    key,
		hash:   hash,
		header: b64.EncodeToString([]byte(header)) + ".",
		jwk: JWK{
			Alg: jwk.Alg, KID: jwk.KID, Kty: "RSA", Use: "sig",
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
	sig, err := rsa.SignPKCS1v15(nil, s.key, s.hash, s.digest(text))
	if err != nil {
		return "", err
	}
	return text + "." + b64.EncodeToString(sig), nil
}

func (s *signer) digest(text string) []byte {
	h := s.hash.New()
	h.Write([]byte(text))
	return h.Sum(nil)
}

// Failures of verify.
var (
	errForeign   = errors.New("token: not a token of this key")
	errSignature = errors.New("token: wrong signature")
)

// signs reports whether a token says that it is signed with this key.
func (s *signer) signs(token string) bool { return strings.HasPrefix(token, s.header) }

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
	if sum := sha256.Sum256([]byte(token)); !s.seen.has(sum) {
		if err := s.check(token[:len(s.header)+len(payload)], sig); err != nil {
			return nil, err
		}
		s.seen.put(sum)
	}
	return b64.DecodeString(payload)
}

// check checks the signature of a text.
func (s *signer) check(text, signature string) error {
	raw, err := b64.DecodeString(signature)
	if err != nil || rsa.VerifyPKCS1v15(&s.key.PublicKey, s.hash, s.digest(text), raw) != nil {
		return errSignature
	}
	return nil
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
