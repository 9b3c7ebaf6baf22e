package encryptionsdk

import (
	"context"
	"crypto/cipher"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"slices"
)

const tagBits = 128

// Local is a keyring that wraps data keys with a key of its own: what other implementations call a raw AES keyring.
type Local struct {
	namespace, name string
	aead            cipher.AEAD
}

// NewLocal makes a keyring of a key of 32 bytes. Whoever decrypts names the key by the same namespace and name.
func NewLocal(namespace, name string, key []byte) (*Local, error) {
	if len(key) != KeySize {
		return nil, errors.New("the key is not 32 bytes")
	}
	aead, err := newGCM(key)
	if err != nil {
		return nil, err
	}
	return &Local{namespace: namespace, name: name, aead: aead}, nil
}

// DataKey implements Keyring.
func (l *Local) DataKey(_ context.Context, bound Context) (DataKey, error) {
	plain, nonce := make([]byte, KeySize), make([]byte, nonceSize)
	rand.Read(plain)
	rand.Read(nonce)
	return l.wrap(plain, nonce, bound)
}

func (l *Local) wrap(plain, nonce []byte, bound Context) (DataKey, error) {
	aad, err := bound.encode()
	if err != nil {
		return DataKey{}, err
	}
	info := binary.BigEndian.AppendUint32([]byte(l.name), tagBits)
	info = binary.BigEndian.AppendUint32(info, nonceSize)
	return DataKey{
		Plain: plain, Provider: l.namespace, Info: slices.Concat(info, nonce), Wrapped: l.aead.Seal(nil, nonce, plain, aad),
	}, nil
}
