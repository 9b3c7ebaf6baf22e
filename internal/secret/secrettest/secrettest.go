// Package secrettest makes keys for tests.
package secrettest

import (
	"testing"

	"cognate/internal/secret"
)

// Keyring is one of a new master key.
func Keyring(t testing.TB) *secret.Keyring {
	t.Helper()
	keys, err := secret.NewKeyring(secret.RandomBytes(secret.KeySize))
	if err != nil {
		t.Fatal(err)
	}
	return keys
}
