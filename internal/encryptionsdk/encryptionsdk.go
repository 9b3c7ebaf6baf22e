// Package encryptionsdk writes messages that the AWS Encryption SDK reads: of version 1, by the algorithm 0x0378, AES-256-GCM with a
// key derived by HKDF and a signature by ECDSA on P-384, in one frame. It reads none.
// https://docs.aws.amazon.com/encryption-sdk/latest/developer-guide/message-format.html
package encryptionsdk

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha512"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"maps"
	"math"
	"slices"
)

// What the format says of this kind of messages.
const (
	version       = 1
	kind          = 0x80 // authenticated, for whoever has a key
	algorithm     = 0x0378
	framed        = 2
	frameLength   = 4096
	finalFrame    = 0xFFFFFFFF
	finalFrameAAD = "AWSKMSEncryptionClient Final Frame"

	messageIDSize = 16
	nonceSize     = 12

	publicKeyName = "aws-crypto-public-key" // reserved, in an encryption context
)

// KeySize is how many bytes a data key has.
const KeySize = 32

// MaxPlaintext is how many bytes a message can hold: one frame.
const MaxPlaintext = frameLength

// Context is what a message is bound to, in clear. Its names must not begin with "aws-crypto-".
type Context map[string]string

// Keyring makes data keys. It is safe for concurrent use.
type Keyring interface {
	// DataKey makes a key of KeySize bytes for one message, bound to a context.
	DataKey(ctx context.Context, bound Context) (DataKey, error)
}

// DataKey is a key, in clear and wrapped by another. Provider and Info say by which one: they are the format's.
type DataKey struct {
	Plain    []byte
	Provider string
	Info     []byte
	Wrapped  []byte
}

// Seal encrypts up to MaxPlaintext bytes with a new key. It calls what the keyring calls.
func Seal(ctx context.Context, keys Keyring, bound Context, plain []byte) ([]byte, error) {
	if len(plain) > MaxPlaintext {
		return nil, errors.New("encryptionsdk: the plaintext is too long")
	}
	signer, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		return nil, err
	}
	all := maps.Clone(bound)
	if all == nil {
		all = Context{}
	}
	if all[publicKeyName], err = compressed(&signer.PublicKey); err != nil {
		return nil, err
	}
	key, err := keys.DataKey(ctx, all)
	if err != nil {
		return nil, err
	}
	id := make([]byte, messageIDSize)
	rand.Read(id)
	out, err := write(id, all, key, plain)
	if err != nil {
		return nil, err
	}
	digest := sha512.Sum384(out)
	signature, err := ecdsa.SignASN1(rand.Reader, signer, digest[:])
	if err != nil {
		return nil, err
	}
	return appendShort(out, signature), nil
}

// compressed is a public key in the form in which a context holds it: its first coordinate, and which of the two second ones it has
// (SEC 1, section 2.3.3).
func compressed(key *ecdsa.PublicKey) (string, error) {
	point, err := key.Bytes() // 4, and the two coordinates
	if err != nil {
		return "", err
	}
	half := 1 + len(point)/2
	point[0] = 2 + point[len(point)-1]&1
	return base64.StdEncoding.EncodeToString(point[:half]), nil
}

// write makes the header and the body, which the footer signs.
func write(id []byte, bound Context, key DataKey, plain []byte) ([]byte, error) {
	aead, err := derive(key.Plain, id)
	if err != nil {
		return nil, err
	}
	out, err := header(id, bound, key)
	if err != nil {
		return nil, err
	}
	none := make([]byte, nonceSize)
	tag := aead.Seal(nil, none, nil, out)
	out = append(append(out, none...), tag...)
	return appendFrame(out, aead, id, plain), nil
}

// derive makes the key of one message from a data key.
func derive(key, id []byte) (cipher.AEAD, error) {
	if len(key) != KeySize {
		return nil, errors.New("encryptionsdk: the data key has a wrong size")
	}
	info := binary.BigEndian.AppendUint16(nil, algorithm)
	derived, err := hkdf.Key(sha512.New384, key, nil, string(append(info, id...)), KeySize)
	if err != nil {
		return nil, err
	}
	return newGCM(derived)
}

func newGCM(key []byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

func header(id []byte, bound Context, key DataKey) ([]byte, error) {
	aad, err := bound.encode()
	if err != nil {
		return nil, err
	}
	if max(len(aad), len(key.Provider), len(key.Info), len(key.Wrapped)) > math.MaxUint16 {
		return nil, errTooLong
	}
	out := []byte{version, kind}
	out = binary.BigEndian.AppendUint16(out, algorithm)
	out = append(out, id...)
	out = appendShort(out, aad)
	out = binary.BigEndian.AppendUint16(out, 1) // one wrapped key
	for _, field := range [][]byte{[]byte(key.Provider), key.Info, key.Wrapped} {
		out = appendShort(out, field)
	}
	out = append(out, framed, 0, 0, 0, 0, nonceSize)
	return binary.BigEndian.AppendUint32(out, frameLength), nil
}

// appendFrame encrypts all in the last frame, which is the first, too.
func appendFrame(out []byte, aead cipher.AEAD, id, plain []byte) []byte {
	const sequence = 1
	nonce := make([]byte, nonceSize)
	binary.BigEndian.PutUint32(nonce[nonceSize-4:], sequence)
	aad := append(slices.Clone(id), finalFrameAAD...)
	aad = binary.BigEndian.AppendUint32(aad, sequence)
	aad = binary.BigEndian.AppendUint64(aad, uint64(len(plain)))
	out = binary.BigEndian.AppendUint32(out, finalFrame)
	out = binary.BigEndian.AppendUint32(out, sequence)
	out = append(out, nonce...)
	out = binary.BigEndian.AppendUint32(out, uint32(len(plain)))
	return aead.Seal(out, nonce, plain, aad)
}

var errTooLong = errors.New("encryptionsdk: the context or the wrapped key is too long")

// encode lists the pairs of a context in the order of their names' bytes; an empty context is nothing.
func (c Context) encode() ([]byte, error) {
	if len(c) == 0 {
		return nil, nil
	}
	if len(c) > math.MaxUint16 {
		return nil, errTooLong
	}
	out := binary.BigEndian.AppendUint16(nil, uint16(len(c)))
	for _, name := range slices.Sorted(maps.Keys(c)) {
		if max(len(name), len(c[name])) > math.MaxUint16 {
			return nil, errTooLong
		}
		out = appendShort(appendShort(out, []byte(name)), []byte(c[name]))
	}
	return out, nil
}

// appendShort appends a field with its length in two bytes before it.
func appendShort(out, field []byte) []byte {
	return append(binary.BigEndian.AppendUint16(out, uint16(len(field))), field...)
}
