package secret

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
)

const (
	nonceSize = 24 // of XAES-256-GCM
	tagSize   = 16
)

// Overhead is how many bytes longer a sealed record is than its plaintext.
const Overhead = keyIDSize + nonceSize + tagSize

// ErrOpen reports that something sealed cannot be opened: it was altered, cut
// short, bound to other associated data, or sealed under a key that is not in
// the ring. The cases are one to the caller, for the sealed text may come from
// a client.
var ErrOpen = errors.New("secret: cannot open what was sealed")

// ErrUnknownKey is the [ErrOpen] (errors.Is says so) of a record whose key id
// is not in the ring. It tells an operator that an old key was dropped too
// soon; anybody can forge a key id, so it says nothing about authenticity.
var ErrUnknownKey = fmt.Errorf("%w: its key is not in the key ring", ErrOpen)

// Seal encrypts and authenticates plaintext with the active key, bound to aad,
// which Open must be given again: the purpose and the identity of the record,
// such as "verifier/" + pool + "/" + sub, so that a sealed value cannot be moved
// to another row. A nil plaintext is sealed like an empty one.
//
// The result is key id (4 bytes), nonce (24), ciphertext, tag (16). The cipher
// is XAES-256-GCM (https://c2sp.org/XAES-256-GCM): AES-256-GCM under a key
// derived anew for each message from 24 random bytes. Plain AES-256-GCM with
// random 12-byte nonces must not seal more than 2^32 messages under one key,
// which a busy server that seals every challenge passes within weeks.
func (k *Keyring) Seal(plaintext []byte, aad string) []byte {
	key := k.keys[0]
	out := make([]byte, keyIDSize+nonceSize, len(plaintext)+Overhead)
	copy(out, key.id[:])
	nonce := out[keyIDSize:]
	rand.Read(nonce)
	return key.sealer.gcm(nonce).Seal(out, nonce[12:], plaintext, []byte(aad))
}

// Open returns the plaintext of what Seal returned for the same aad, in new
// memory. It fails with an error that is [ErrOpen], and never returns a part.
func (k *Keyring) Open(sealed []byte, aad string) ([]byte, error) {
	if len(sealed) < Overhead {
		return nil, ErrOpen
	}
	key := k.find(sealed[:keyIDSize])
	if key == nil {
		return nil, ErrUnknownKey
	}
	nonce, ciphertext := sealed[keyIDSize:keyIDSize+nonceSize], sealed[keyIDSize+nonceSize:]
	plaintext, err := key.sealer.gcm(nonce).Open(nil, nonce[12:], ciphertext, []byte(aad))
	if err != nil {
		return nil, ErrOpen
	}
	return plaintext, nil
}

// Stale reports whether sealed was sealed by another key than the active one,
// or is no sealed record at all: key rotation opens and seals such records anew.
func (k *Keyring) Stale(sealed []byte) bool {
	return len(sealed) < Overhead || string(sealed[:keyIDSize]) != string(k.keys[0].id[:])
}

// text is strict about trailing bits; line ends, which the decoder skips, are
// refused by OpenText. One sealed record has thus one text only, as the record
// of used strings needs.
var text = base64.RawURLEncoding.Strict()

// SealText is [Keyring.Seal] in base64url without padding, for strings that
// clients carry (A-Z a-z 0-9 - _).
func (k *Keyring) SealText(plaintext []byte, aad string) string {
	return text.EncodeToString(k.Seal(plaintext, aad))
}

// OpenText opens what SealText returned for the same aad. Anything else,
// another spelling of the same bytes included, fails with an error that is [ErrOpen].
func (k *Keyring) OpenText(sealed string, aad string) ([]byte, error) {
	raw, err := text.DecodeString(sealed)
	if err != nil || text.EncodedLen(len(raw)) != len(sealed) {
		return nil, ErrOpen
	}
	return k.Open(raw, aad)
}

// sealer is XAES-256-GCM with one 256-bit key: what does not depend on the
// message is computed once.
type sealer struct {
	block cipher.Block
	k1    [aes.BlockSize]byte // the CMAC subkey K1 (NIST SP 800-38B section 6.1)
}

func newSealer(key []byte) *sealer {
	s := &sealer{block: newAES(key)}
	s.block.Encrypt(s.k1[:], s.k1[:])
	var carry byte
	for i := len(s.k1) - 1; i >= 0; i-- {
		carry, s.k1[i] = s.k1[i]>>7, s.k1[i]<<1|carry
	}
	s.k1[len(s.k1)-1] ^= carry * 0b10000111
	return s
}

// gcm derives the message key from the first 12 bytes of the nonce by the
// counter-mode KDF over CMAC (NIST SP 800-108r1 section 4.1) and returns
// AES-256-GCM under it; the other 12 bytes are the nonce of that.
func (s *sealer) gcm(nonce []byte) cipher.AEAD {
	var key [KeySize]byte
	for i := range byte(2) {
		half := key[int(i)*aes.BlockSize:][:aes.BlockSize]
		copy(half, []byte{0, i + 1, 'X', 0})
		copy(half[4:], nonce[:12])
		subtle.XORBytes(half, half, s.k1[:])
		s.block.Encrypt(half, half)
	}
	aead, err := cipher.NewGCM(newAES(key[:]))
	if err != nil {
		panic("secret: " + err.Error())
	}
	return aead
}

// newAES panics only on a key length that no caller here gives.
func newAES(key []byte) cipher.Block {
	block, err := aes.NewCipher(key)
	if err != nil {
		panic("secret: " + err.Error())
	}
	return block
}
