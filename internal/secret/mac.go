package secret

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"hash"
)

const purposeCode = "code"

// MAC returns the 32 bytes of HMAC-SHA256 over purpose and parts, under a key
// derived from the oldest key of the ring (see [Keyring] for why and for what
// ends it). Each string is framed by its length, so that MAC("p", "ab", "c")
// and MAC("p", "a", "bc") differ. Compare results with hmac.Equal.
func (k *Keyring) MAC(purpose string, parts ...string) []byte {
	oldest := k.keys[len(k.keys)-1]
	h := hmac.New(sha256.New, oldest.mac)
	frame(h, purpose)
	for _, part := range parts {
		frame(h, part)
	}
	return h.Sum(nil)
}

// frame needs no count of parts: a sequence of length-prefixed strings can be
// read back in one way only.
func frame(h hash.Hash, s string) {
	var length [8]byte
	binary.BigEndian.PutUint64(length[:], uint64(len(s)))
	h.Write(length[:])
	h.Write([]byte(s))
}

// HashCode returns the 32 bytes to store in place of a one-time code. The
// binding says what the code is good for (pool, user, purpose, destination):
// the same digits for another binding have another hash. A code of six digits
// is only as safe as the key, which is why this is no plain hash.
func (k *Keyring) HashCode(code Text, binding ...string) []byte {
	return k.MAC(purposeCode, append([]string{string(code)}, binding...)...)
}

// CheckCode reports in constant time whether hash is the [Keyring.HashCode] of
// code and binding. A nil hash matches no code.
func (k *Keyring) CheckCode(hash []byte, code Text, binding ...string) bool {
	return hmac.Equal(hash, k.HashCode(code, binding...))
}
