package secret

import (
	"bytes"
	"crypto/hkdf"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
)

// KeySize is the length of a master key in bytes.
const KeySize = 32

const keyIDSize = 4

// The labels separate what is derived from one master key. They are part of
// the stored format: changing one makes everything sealed or hashed unreadable.
const (
	labelID   = "cognate/key-id/v1"
	labelSeal = "cognate/seal/v1"
	labelMAC  = "cognate/mac/v1"
)

// Keyring holds the master keys. The active key seals; every key opens.
//
// The last key, the oldest, is the root of all keyed hashes ([Keyring.MAC]).
// It has to be: a hash cannot name its key (the fake salt of an unknown user
// must look the same before and after a rotation, and a code is looked up by
// its hash), so adding a new active key in front must not change it. Dropping
// the oldest key therefore ends every outstanding code and changes the fake
// salts; after a leak of that key this is what one wants.
//
// A Keyring is immutable and safe for concurrent use. Its zero value holds no
// key and panics when used. It never prints a key.
type Keyring struct {
	keys []*masterKey // active first; pointers, so that fmt shows addresses where it asks no method
}

type masterKey struct {
	id     [keyIDSize]byte
	sealer *sealer
	mac    []byte
}

// NewKeyring returns a ring that seals with active and also opens what the
// older keys sealed. The older keys are given newest first; the last one is
// the root of [Keyring.MAC]. It copies what it needs. It fails when a key is
// not [KeySize] bytes long, is all zero, or occurs twice.
func NewKeyring(active []byte, older ...[]byte) (*Keyring, error) {
	k := &Keyring{}
	for _, master := range append([][]byte{active}, older...) {
		if err := k.add(master); err != nil {
			return nil, err
		}
	}
	return k, nil
}

func (k *Keyring) add(master []byte) error {
	if len(master) != KeySize {
		return fmt.Errorf("secret: a master key has %d bytes, not %d", KeySize, len(master))
	}
	if bytes.Equal(master, make([]byte, KeySize)) {
		return errors.New("secret: a master key of zeros is not a key")
	}
	key := &masterKey{
		sealer: newSealer(derive(master, labelSeal, KeySize)),
		mac:    derive(master, labelMAC, sha256.Size),
	}
	copy(key.id[:], derive(master, labelID, keyIDSize))
	if k.find(key.id[:]) != nil {
		return errors.New("secret: two master keys have the same key id (is one given twice?)")
	}
	k.keys = append(k.keys, key)
	return nil
}

func (k *Keyring) find(id []byte) *masterKey {
	for _, key := range k.keys {
		if bytes.Equal(key.id[:], id) {
			return key
		}
	}
	return nil
}

// derive panics on no input we give it: HKDF fails only when the length asked
// for is beyond 255 hashes.
func derive(master []byte, label string, n int) []byte {
	out, err := hkdf.Key(sha256.New, master, nil, label, n)
	if err != nil {
		panic("secret: " + err.Error())
	}
	return out
}

// String returns a fixed text that shows no key.
func (k Keyring) String() string { return hidden }

// GoString returns a fixed text that shows no key.
func (k Keyring) GoString() string { return hidden }

// LogValue returns a fixed text that shows no key.
func (k Keyring) LogValue() slog.Value { return slog.StringValue(hidden) }

// Format writes a fixed text that shows no key, whatever the verb.
func (k Keyring) Format(s fmt.State, _ rune) { writeHidden(s) }

// MarshalText returns a fixed text that shows no key, so that no encoder
// finds its way to one.
func (k Keyring) MarshalText() ([]byte, error) { return []byte(hidden), nil }
