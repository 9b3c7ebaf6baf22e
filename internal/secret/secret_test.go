package secret

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"
)

func TestNewKeyringRefuses(t *testing.T) {
	for name, keys := range map[string][][]byte{
		"nil":       {nil},
		"short":     {make([]byte, KeySize-1)},
		"long":      {append(testKey(1), 1)},
		"zero":      {make([]byte, KeySize)},
		"twice":     {testKey(1), testKey(1)},
		"old short": {testKey(1), {1}},
	} {
		if ring, err := NewKeyring(keys[0], keys[1:]...); err == nil || ring != nil {
			t.Errorf("%s: NewKeyring = %v, %v", name, ring, err)
		}
	}
}

func TestKeyringKeepsNoReference(t *testing.T) {
	key := testKey(1)
	ring := newRing(t, key)
	sealed, mac := ring.Seal([]byte("x"), ""), ring.MAC("p")
	clear(key)
	if _, err := ring.Open(sealed, ""); err != nil || !bytes.Equal(mac, ring.MAC("p")) {
		t.Error("clearing the caller's key changed the ring")
	}
}

// The values are part of the stored format: a change of label or framing would
// orphan every stored hash. The expected bytes come from an independent
// computation (HKDF-SHA256 without salt, then HMAC-SHA256).
func TestMACIsStable(t *testing.T) {
	got := hex.EncodeToString(newRing(t, testKey(1)).MAC("salt", "pool", "user"))
	if got != wantMAC {
		t.Errorf("MAC = %s, want %s", got, wantMAC)
	}
	if got := hex.EncodeToString(newRing(t, testKey(1)).Seal(nil, "")[:keyIDSize]); got != wantKeyID {
		t.Errorf("key id = %s, want %s", got, wantKeyID)
	}
}

func TestMACSurvivesRotation(t *testing.T) {
	first := newRing(t, testKey(1)).MAC("salt", "user")
	if !bytes.Equal(first, newRing(t, testKey(3), testKey(2), testKey(1)).MAC("salt", "user")) {
		t.Error("adding keys in front changed the MAC")
	}
	if bytes.Equal(first, newRing(t, testKey(3), testKey(2)).MAC("salt", "user")) {
		t.Error("dropping the oldest key left the MAC")
	}
}

func TestMACFraming(t *testing.T) {
	ring := newRing(t, testKey(1))
	seen := map[string][]string{}
	for _, parts := range [][]string{
		{"p"}, {"p", ""}, {"p", "", ""}, {"p", "ab", "c"}, {"p", "a", "bc"}, {"p", "abc"}, {"pabc"}, {"", "pabc"},
		{"p", "a\x00b"}, {"p", "a", "b"}, {"p", "c", "ab"},
	} {
		mac := string(ring.MAC(parts[0], parts[1:]...))
		if other, ok := seen[mac]; ok {
			t.Errorf("%q and %q have one MAC", parts, other)
		}
		seen[mac] = parts
	}
}

// Checklist item 15, the part that is here: a stored code hash is good for its
// binding and its digits only.
func TestCodes_Item15(t *testing.T) {
	ring := newRing(t, testKey(1))
	hash := ring.HashCode("123456", "pool", "user", "confirm")
	if !ring.CheckCode(hash, "123456", "pool", "user", "confirm") {
		t.Error("the right code was refused")
	}
	for name, ok := range map[string]bool{
		"other code":    ring.CheckCode(hash, "123457", "pool", "user", "confirm"),
		"other purpose": ring.CheckCode(hash, "123456", "pool", "user", "reset"),
		"no binding":    ring.CheckCode(hash, "123456"),
		"nil hash":      ring.CheckCode(nil, "123456", "pool", "user", "confirm"),
		"cut hash":      ring.CheckCode(hash[:8], "123456", "pool", "user", "confirm"),
		"empty":         ring.CheckCode(nil, ""),
		"other key":     newRing(t, testKey(2)).CheckCode(hash, "123456", "pool", "user", "confirm"),
	} {
		if ok {
			t.Errorf("%s was accepted", name)
		}
	}
}

// Each character must come close to its share. The bound of six standard
// deviations makes a false alarm practically impossible; the samples are large
// enough that the bias of a plain remainder (2 % for digits, 12 % for letters)
// lies outside it.
func TestRandomIsUnbiased(t *testing.T) {
	check := func(name, alphabet, sample string) {
		counts := map[rune]int{}
		for _, c := range sample {
			counts[c]++
		}
		share := float64(len(sample)) / float64(len(alphabet))
		for _, c := range alphabet {
			if d := float64(counts[c]) - share; d*d > 36*share {
				t.Errorf("%s: %q came %d times, expected about %.0f", name, c, counts[c], share)
			}
			delete(counts, c)
		}
		if len(counts) != 0 {
			t.Errorf("%s: characters outside the alphabet: %v", name, counts)
		}
	}
	check("digits", digits, RandomDigits(1_500_000))
	check("alnum", alnum, RandomAlnum(400_000))
	for n := range 30 {
		if len(RandomDigits(n)) != n || len(RandomAlnum(n)) != n || len(RandomBytes(n)) != n {
			t.Errorf("a random value of %d is not that long", n)
		}
	}
}

// Checklist item 62: whatever the verb or the handler, no secret comes out.
func TestNothingPrints_Item62(t *testing.T) {
	const canary = "c4n4ry-value"
	key := []byte(strings.Repeat("K3yCanary", 4)[:KeySize])
	ring := newRing(t, key)
	values := []any{Text(canary), struct{ T Text }{canary}, []Text{canary}, map[string]Text{"a": canary},
		ring, *ring, struct{ R *Keyring }{ring}, struct{ r *Keyring }{ring}, []*Keyring{ring}}
	var out strings.Builder
	for _, v := range append(values[4:], *ring) {
		fmt.Fprintf(&out, "%p\n", v) // fmt asks no method about %p
	}
	for _, v := range values {
		for _, verb := range strings.Split("v +v #v s q x X d c T t e", " ") {
			fmt.Fprintf(&out, "%"+verb+"\n", v)
		}
	}
	logger := slog.New(slog.NewTextHandler(&out, nil))
	logger.Info("text", "t", Text(canary), "ring", ring, "copy", *ring)
	logger = slog.New(slog.NewJSONHandler(&out, nil))
	logger.Info("json", "t", Text(canary), "ring", ring, "inside", struct{ R *Keyring }{ring})
	derived := string(ring.keys[0].mac)
	for _, leak := range []string{canary, hex.EncodeToString([]byte(canary)), string(key), hex.EncodeToString(key),
		base64.StdEncoding.EncodeToString(key), derived, hex.EncodeToString([]byte(derived)), strings.Trim(fmt.Sprint([]byte(derived)), "[]")} {
		if strings.Contains(strings.ToLower(out.String()), strings.ToLower(leak)) {
			t.Errorf("%q was printed", leak)
		}
	}
	if !strings.Contains(out.String(), hidden) {
		t.Error("nothing was hidden: the test looks at the wrong output")
	}
}

func TestTextCrossesTheWire(t *testing.T) {
	b, err := json.Marshal(map[string]Text{"Password": "p"})
	if err != nil || string(b) != `{"Password":"p"}` {
		t.Errorf("json = %s, %v", b, err)
	}
}

func BenchmarkMAC(b *testing.B) {
	ring := newRing(b, testKey(1))
	for b.Loop() {
		ring.MAC("salt", "us-east-1_ExaMPle", "alice")
	}
}
