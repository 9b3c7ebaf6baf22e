// Package srp is the password proof of Cognito, for users and for remembered devices: SRP-6a over the
// 3072-bit group of RFC 3526 with g = 2, SHA-256, and Cognito's own encodings (protocol page "srp").
//
// Integers travel through the package as big-endian bytes. The arithmetic is math/big's, which does not
// run in constant time: what it works on that is secret for long, x, is not stored and is used where a
// password has just been received; b is fresh for each challenge. Comparisons of proofs are constant-time.
package srp

import (
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"math/big"
	"strings"
)

// hexN is the prime: RFC 3526 section 4, group 15.
const hexN = "FFFFFFFFFFFFFFFFC90FDAA22168C234C4C6628B80DC1CD129024E088A67CC74020BBEA63B139B22514A08798E3404DD" +
	"EF9519B3CD3A431B302B0A6DF25F14374FE1356D6D51C245E485B576625E7EC6F44C42E9A637ED6B0BFF5CB6F406B7ED" +
	"EE386BFB5A899FA5AE9F24117C4B1FE649286651ECE45B3DC2007CB8A163BF0598DA48361C55D39A69163FA8FD24CF5F" +
	"83655D23DCA3AD961C62F356208552BB9ED529077096966D670C354E4ABC9804F1746C08CA18217C32905E462E36CE3B" +
	"E39E772C180E86039B2783A2EC07A28FB5C55DF06F4C52C9DE2BCBF6955817183995497CEA956AE515D2261898FA0510" +
	"15728E5A8AAAC42DAD33170D04507A33A85521ABDF1CBA64ECFB850458DBEF0A8AEA71575D060C7DB3970F85A6E1E4C7" +
	"ABF5AE8CDB0933D71E8C94E04A25619DCEE3D2261AD2EE6BF12FFA06D98A0864D87602733EC86A64521F2B18177B200C" +
	"BBE117577A615D6C770988C0BAD946E208E24FA074E5AB3143DB5BFCE0FD108E4B82D120A93AD2CAFFFFFFFFFFFFFFFF"

// secretBytes is the size of the server's secret b: 256 bits.
const secretBytes = 32

// Bytes is the size of N, and so of the largest verifier.
const Bytes = 384

var (
	bigN = fromHex(hexN)
	bigG = big.NewInt(2)
	bigK = new(big.Int).SetBytes(hash(pad(bigN), pad(bigG)))
)

func fromHex(s string) *big.Int {
	n, ok := new(big.Int).SetString(s, 16)
	if !ok {
		panic("srp: bad constant")
	}
	return n
}

// pad is the minimal two's-complement encoding of a non-negative integer, as Java's BigInteger writes it:
// a zero byte goes before a top bit that is set. It is not RFC 5054's PAD.
func pad(n *big.Int) []byte {
	b := n.Bytes()
	if len(b) == 0 || b[0]&0x80 != 0 {
		return append([]byte{0}, b...)
	}
	return b
}

func hash(parts ...[]byte) []byte {
	h := sha256.New()
	for _, p := range parts {
		h.Write(p)
	}
	return h.Sum(nil)
}

// PoolName is the part of a user pool's id that its users' proofs are made with: what follows the first "_".
func PoolName(poolID string) string {
	_, name, _ := strings.Cut(poolID, "_")
	return name
}

// Verifier returns v = g^x, all that a server needs to keep, with the salt, to check a password. group is
// the pool's name or a DeviceGroupKey, identity the user name as USER_ID_FOR_SRP gives it or a DeviceKey.
// The salt counts as an integer: leading zero bytes of it do not matter.
func Verifier(group, identity, password string, salt []byte) []byte {
	return powG(private(group, identity, password, salt)).Bytes()
}

// private is x, which follows from the password.
func private(group, identity, password string, salt []byte) *big.Int {
	inner := hash([]byte(group + identity + ":" + password))
	return new(big.Int).SetBytes(hash(pad(new(big.Int).SetBytes(salt)), inner))
}

// A is a client's public value that [ParseA] has found fit.
type A struct{ n *big.Int }

// Bytes returns the value as big-endian bytes without leading zeros.
func (a A) Bytes() []byte { return a.n.Bytes() }

// ErrBadA is returned for a public value that no honest client sends.
var ErrBadA = errors.New("srp: invalid public value")

// ParseA reads SRP_A: an integer in hex of either case, with any number of digits up to those of N. It
// refuses zero, N and everything above: they would let a client choose the shared secret (RFC 5054
// section 2.5.4).
func ParseA(text string) (A, error) {
	if text == "" || len(text) > len(hexN) || strings.Trim(text, "0123456789abcdefABCDEF") != "" {
		return A{}, ErrBadA
	}
	n, ok := new(big.Int).SetString(text, 16)
	if !ok || n.Sign() == 0 || n.Cmp(bigN) >= 0 {
		return A{}, ErrBadA
	}
	return A{n}, nil
}

// ErrBadVerifier is returned for a verifier that no honest client makes.
var ErrBadVerifier = errors.New("srp: invalid verifier")

// ParseVerifier reads a verifier that a client has made: big-endian bytes, which may begin with zeros. It
// returns them without. It refuses everything but 1 < v < N-1: the secret of such a verifier needs no
// password to be known.
func ParseVerifier(b []byte) ([]byte, error) {
	v := new(big.Int).SetBytes(b)
	if v.Cmp(big.NewInt(1)) <= 0 || new(big.Int).Add(v, big.NewInt(1)).Cmp(bigN) >= 0 {
		return nil, ErrBadVerifier
	}
	return v.Bytes(), nil
}

// NewChallenge returns the server's fresh secret b and its public value B for a client that sent a, and
// whose verifier is v. Neither B nor the hash of both public values is ever zero, which clients refuse.
func NewChallenge(v []byte, a A) (b, publicB []byte, err error) {
	for {
		b = make([]byte, secretBytes)
		if _, err := rand.Read(b); err != nil {
			return nil, nil, err
		}
		p := public(v, b)
		if p.Sign() != 0 && scramble(a.n, p).Sign() != 0 {
			return b, p.Bytes(), nil
		}
	}
}

// public is B = k*v + g^b.
func public(v, b []byte) *big.Int {
	p := new(big.Int).Mul(bigK, new(big.Int).SetBytes(v))
	p.Add(p, powG(new(big.Int).SetBytes(b)))
	return p.Mod(p, bigN)
}

// scramble is u.
func scramble(a, b *big.Int) *big.Int {
	return new(big.Int).SetBytes(hash(pad(a), pad(b)))
}

// Exchange is one run of the protocol as the server saw it, to check the client's proof with.
type Exchange struct {
	Group, Identity string
	Verifier        []byte
	A, SecretB, B   []byte // B as [NewChallenge] gave it for this Verifier
}

// Verify reports whether signature is the proof of a client that knows the password: the HMAC over the
// group, the identity, the challenge's SECRET_BLOCK and the timestamp text.
func (e *Exchange) Verify(block []byte, timestamp string, signature []byte) bool {
	a, b := new(big.Int).SetBytes(e.A), new(big.Int).SetBytes(e.B)
	u := scramble(a, b)
	s := new(big.Int).Exp(new(big.Int).SetBytes(e.Verifier), u, bigN) // u is public
	s.Mul(s, a).Mod(s, bigN)
	s.Exp(s, new(big.Int).SetBytes(e.SecretB), bigN)
	return hmac.Equal(sign(e.Group, e.Identity, key(s, u), block, timestamp), signature)
}

// key is the 16 bytes that HKDF derives from the shared secret.
func key(s, u *big.Int) []byte {
	k, err := hkdf.Key(sha256.New, pad(s), pad(u), "Caldera Derived Key", 16)
	if err != nil {
		panic(err) // only for lengths that HKDF cannot give
	}
	return k
}

func sign(group, identity string, key, block []byte, timestamp string) []byte {
	m := hmac.New(sha256.New, key)
	for _, p := range [][]byte{[]byte(group), []byte(identity), block, []byte(timestamp)} {
		m.Write(p)
	}
	return m.Sum(nil)
}

// SecretHash is the SECRET_HASH of a user name at a client with a secret:
// Base64(HMAC-SHA256(secret, user name | client id)).
func SecretHash(username, clientID, secret string) string {
	m := hmac.New(sha256.New, []byte(secret))
	m.Write([]byte(username + clientID))
	return base64.StdEncoding.EncodeToString(m.Sum(nil))
}
