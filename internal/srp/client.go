package srp

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"math/big"
	"time"
)

// clientSecretBytes is the size of a client's secret: 1024 bits, as the official clients have it.
const clientSecretBytes = 128

// Client is the client's half of one exchange.
type Client struct {
	secret, public *big.Int
}

// NewClient begins an exchange.
func NewClient() (*Client, error) {
	secret := make([]byte, clientSecretBytes)
	if _, err := rand.Read(secret); err != nil {
		return nil, err
	}
	return newClient(new(big.Int).SetBytes(secret)), nil
}

func newClient(secret *big.Int) *Client {
	return &Client{secret, new(big.Int).Exp(bigG, secret, bigN)}
}

// A is the SRP_A to send.
func (c *Client) A() string { return c.public.Text(16) }

// Challenge is what the server answers, as it goes over the wire.
type Challenge struct{ Salt, B, SecretBlock string }

// Sign returns the PASSWORD_CLAIM_SIGNATURE for a challenge. It fails when the challenge is not well formed,
// or one that would give the password away.
func (c *Client) Sign(group, identity, password string, ch Challenge, timestamp string) (string, error) {
	salt, ok1 := new(big.Int).SetString(ch.Salt, 16)
	b, ok2 := new(big.Int).SetString(ch.B, 16)
	block, err := base64.StdEncoding.DecodeString(ch.SecretBlock)
	if !ok1 || !ok2 || err != nil {
		return "", errors.New("srp: malformed challenge")
	}
	u := scramble(c.public, b)
	if new(big.Int).Mod(b, bigN).Sign() == 0 || u.Sign() == 0 {
		return "", errors.New("srp: unsafe challenge")
	}
	s := c.shared(private(group, identity, password, salt.Bytes()), u, b)
	return base64.StdEncoding.EncodeToString(sign(group, identity, key(s, u), block, timestamp)), nil
}

// shared is S = (B - k*g^x)^(a + u*x).
func (c *Client) shared(x, u, b *big.Int) *big.Int {
	base := new(big.Int).Mul(bigK, powG(x))
	base.Sub(b, base).Mod(base, bigN)
	exponent := new(big.Int).Mul(u, x)
	return base.Exp(base, exponent.Add(exponent, c.secret), bigN)
}

// Timestamp is the TIMESTAMP of t, as clients write and sign it.
func Timestamp(t time.Time) string { return t.UTC().Format(timestampLayout) }

// Hex is a salt or a B as it goes over the wire: without leading zeros.
func Hex(b []byte) string {
	text := hex.EncodeToString(b)
	for len(text) > 1 && text[0] == '0' {
		text = text[1:]
	}
	return text
}
