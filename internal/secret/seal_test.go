package secret

import (
	"bytes"
	"encoding/hex"
	"errors"
	"strings"
	"sync"
	"testing"
)

func testKey(b byte) []byte { return bytes.Repeat([]byte{b}, KeySize) }

func newRing(t testing.TB, active []byte, older ...[]byte) *Keyring {
	t.Helper()
	ring, err := NewKeyring(active, older...)
	if err != nil {
		t.Fatal(err)
	}
	return ring
}

// The vectors of https://c2sp.org/XAES-256-GCM. The second key's CMAC subkey
// needs the reduction that the first one's does not.
func TestXAESVectors(t *testing.T) {
	const nonce = "ABCDEFGHIJKLMNOPQRSTUVWX"
	for _, v := range []struct {
		key       byte
		aad, want string
	}{
		{1, "", "ce546ef63c9cc60765923609b33a9a1974e96e52daf2fcf7075e2271"},
		{3, "c2sp.org/XAES-256-GCM", "986ec1832593df5443a179437fd083bf3fdb41abd740a21f71eb769d"},
	} {
		s := newSealer(testKey(v.key))
		got := s.gcm([]byte(nonce)).Seal(nil, []byte(nonce)[12:], []byte("XAES-256-GCM"), []byte(v.aad))
		if hex.EncodeToString(got) != v.want {
			t.Errorf("key %#x: got %x, want %s", v.key, got, v.want)
		}
	}
}

// Checklist item 61: what is sealed opens under the same key and data only.
func TestSealOpen_Item61(t *testing.T) {
	ring := newRing(t, testKey(1))
	for _, plaintext := range [][]byte{nil, {}, {0}, []byte("a secret"), make([]byte, 70000)} {
		sealed := ring.Seal(plaintext, "verifier/pool/sub")
		if len(sealed) != len(plaintext)+Overhead {
			t.Errorf("sealed %d bytes into %d", len(plaintext), len(sealed))
		}
		got, err := ring.Open(sealed, "verifier/pool/sub")
		if err != nil || !bytes.Equal(got, plaintext) {
			t.Errorf("Open = %q, %v", got, err)
		}
		if bytes.Equal(sealed, ring.Seal(plaintext, "verifier/pool/sub")) {
			t.Error("sealing twice gave the same bytes")
		}
	}
}

// Checklist items 8 and 61: one changed bit anywhere, a missing or an extra
// byte, or other associated data, and nothing opens.
func TestOpenRefusesAlteration_Item8_Item61(t *testing.T) {
	ring := newRing(t, testKey(1))
	sealed := ring.Seal([]byte("a secret"), "aad")
	for i := range sealed {
		for bit := range 8 {
			altered := bytes.Clone(sealed)
			altered[i] ^= 1 << bit
			wantErrOpen(t, ring, altered, "aad")
		}
		wantErrOpen(t, ring, sealed[:i], "aad")
		wantErrOpen(t, ring, sealed[i+1:], "aad")
	}
	wantErrOpen(t, ring, append(bytes.Clone(sealed), 0), "aad")
	for _, aad := range []string{"", "aa", "aad ", "AAD"} {
		wantErrOpen(t, ring, sealed, aad)
	}
}

func wantErrOpen(t *testing.T, ring *Keyring, sealed []byte, aad string) {
	t.Helper()
	if got, err := ring.Open(sealed, aad); !errors.Is(err, ErrOpen) || got != nil {
		t.Fatalf("Open(%x, %q) = %q, %v; want ErrOpen", sealed, aad, got, err)
	}
}

// Checklist item 61, rotation: a new active key seals, the old one still opens.
func TestRotation_Item61(t *testing.T) {
	before := newRing(t, testKey(1))
	after := newRing(t, testKey(2), testKey(1))
	dropped := newRing(t, testKey(2))
	sealed := before.Seal([]byte("x"), "aad")
	if got, err := after.Open(sealed, "aad"); err != nil || string(got) != "x" {
		t.Errorf("after rotation: %q, %v", got, err)
	}
	if before.Stale(sealed) || !after.Stale(sealed) || after.Stale(after.Seal(nil, "")) || !after.Stale(nil) {
		t.Error("Stale does not tell old records from new ones")
	}
	if _, err := dropped.Open(sealed, "aad"); !errors.Is(err, ErrUnknownKey) || !errors.Is(err, ErrOpen) {
		t.Errorf("with the key dropped: %v, want ErrUnknownKey", err)
	}
	if got, err := dropped.Open(after.Seal([]byte("y"), "aad"), "aad"); err != nil || string(got) != "y" {
		t.Errorf("the active key did not seal: %q, %v", got, err)
	}
}

// Two rings may meet in one key id only; the ciphertext must then still differ.
func TestKeyIDDoesNotAuthenticate_Item61(t *testing.T) {
	a, b := newRing(t, testKey(1)), newRing(t, testKey(2))
	sealed := a.Seal([]byte("x"), "aad")
	copy(sealed, b.Seal(nil, "")[:keyIDSize])
	wantErrOpen(t, b, sealed, "aad")
}

func TestSealText_Item8(t *testing.T) {
	ring := newRing(t, testKey(1))
	for n := range 40 {
		plaintext := RandomBytes(n)
		sealed := ring.SealText(plaintext, "session")
		if len(sealed) != text.EncodedLen(n+Overhead) || strings.Trim(sealed, alnum+"ABCDEFGHIJKLMNOPQRSTUVWXYZ-_") != "" {
			t.Fatalf("SealText of %d bytes: %d characters, %q", n, len(sealed), sealed)
		}
		if got, err := ring.OpenText(sealed, "session"); err != nil || !bytes.Equal(got, plaintext) {
			t.Fatalf("OpenText = %x, %v", got, err)
		}
		wantOneSpelling(t, ring, sealed)
	}
}

// wantOneSpelling tries the texts that a lenient decoder takes for the same
// bytes: each would be a second single-use string.
func wantOneSpelling(t *testing.T, ring *Keyring, sealed string) {
	t.Helper()
	last := sealed[len(sealed)-1]
	others := []string{sealed + "=", sealed + "==", sealed + "\n", "\r\n" + sealed, sealed[:4] + "\n" + sealed[4:], sealed + " ", sealed + "A", ""}
	for _, c := range []byte("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") {
		if c != last {
			others = append(others, sealed[:len(sealed)-1]+string(c))
		}
	}
	if std := strings.NewReplacer("-", "+", "_", "/").Replace(sealed); std != sealed {
		others = append(others, std)
	}
	for _, other := range others {
		if got, err := ring.OpenText(other, "session"); !errors.Is(err, ErrOpen) || got != nil {
			t.Fatalf("OpenText(%q) = %x, %v; want ErrOpen", other, got, err)
		}
	}
}

func TestConcurrentUse(t *testing.T) {
	ring := newRing(t, testKey(1))
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 100 {
				if _, err := ring.Open(ring.Seal([]byte("x"), "a"), "a"); err != nil {
					t.Error(err)
				}
				ring.MAC("p", "x")
			}
		})
	}
	wg.Wait()
}

func FuzzOpenText(f *testing.F) {
	ring := newRing(f, testKey(1))
	f.Add(ring.SealText([]byte("x"), "a"), "a")
	f.Add(ring.SealText([]byte("x"), "a"), "b")
	f.Add("", "")
	f.Add("AAAA\n", "a")
	f.Fuzz(func(t *testing.T, sealed, aad string) {
		plaintext, err := ring.OpenText(sealed, aad)
		if err == nil && (string(plaintext) != "x" || aad != "a") {
			t.Errorf("%q opened with %q to %q, which was never sealed so", sealed, aad, plaintext)
		}
		if err != nil && (!errors.Is(err, ErrOpen) || plaintext != nil) {
			t.Errorf("OpenText = %q, %v", plaintext, err)
		}
	})
}

func BenchmarkSeal400(b *testing.B) {
	ring, plaintext := newRing(b, testKey(1)), make([]byte, 400)
	b.ReportAllocs()
	for b.Loop() {
		ring.Seal(plaintext, "session/pool/client/user")
	}
}

func BenchmarkOpen400(b *testing.B) {
	ring := newRing(b, testKey(1))
	sealed := ring.Seal(make([]byte, 400), "session/pool/client/user")
	b.ReportAllocs()
	for b.Loop() {
		ring.Open(sealed, "session/pool/client/user")
	}
}
