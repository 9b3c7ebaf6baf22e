package srp

import (
	"bytes"
	"encoding/base64"
	"math/big"
	"strings"
	"testing"
	"time"
)

// vector is one exchange; integers in hex without leading zeros.
type vector struct {
	name, group, identity, password, salt string
	x, v, a, publicA, b, publicB, u, s    string
	key, block, timestamp, signature      string
}

func integer(t testing.TB, text string) *big.Int {
	t.Helper()
	n, ok := new(big.Int).SetString(text, 16)
	if !ok {
		t.Fatalf("%q is not hex", text)
	}
	return n
}

func TestK(t *testing.T) {
	if got := bigK.Text(16); got != "538282c4354742d7cbbde2359fcf67f9f5b3a6b08791e5011b43b8a5b66d9ee6" {
		t.Errorf("k is %s", got)
	}
}

// TestVectors runs every step of each exchange, on both sides, to the bit.
func TestVectors(t *testing.T) {
	for _, v := range vectors {
		t.Run(v.name, func(t *testing.T) {
			salt := integer(t, v.salt).Bytes()
			same := func(what string, got *big.Int, want string) {
				t.Helper()
				if got.Cmp(integer(t, want)) != 0 {
					t.Errorf("%s is %s, want %s", what, got.Text(16), want)
				}
			}
			same("x", private(v.group, v.identity, v.password, salt), v.x)
			verifier := Verifier(v.group, v.identity, v.password, salt)
			same("v", new(big.Int).SetBytes(verifier), v.v)
			same("B", public(verifier, integer(t, v.b).Bytes()), v.publicB)
			u := scramble(integer(t, v.publicA), integer(t, v.publicB))
			same("u", u, v.u)
			if got := key(integer(t, v.s), u); !bytes.Equal(got, integer(t, v.key).FillBytes(make([]byte, 16))) {
				t.Errorf("key is %x, want %s", got, v.key)
			}
			c := newClient(integer(t, v.a))
			same("A", c.public, v.publicA)
			same("S", c.shared(integer(t, v.x), u, integer(t, v.publicB)), v.s)
			signed, err := c.Sign(v.group, v.identity, v.password, Challenge{v.salt, v.publicB, v.block}, v.timestamp)
			if err != nil || signed != v.signature {
				t.Errorf("signature is %s (%v), want %s", signed, err, v.signature)
			}
			verify(t, v, verifier)
		})
	}
}

// verify checks the vector's proof, and that no other passes (checklist 7).
func verify(t *testing.T, v vector, verifier []byte) {
	block, _ := base64.StdEncoding.DecodeString(v.block)
	signature, _ := base64.StdEncoding.DecodeString(v.signature)
	e := Exchange{v.group, v.identity, verifier, integer(t, v.publicA).Bytes(), integer(t, v.b).Bytes(), integer(t, v.publicB).Bytes()}
	if !e.Verify(block, v.timestamp, signature) {
		t.Error("the right proof is refused")
	}
	wrong := e
	wrong.Verifier = Verifier(v.group, v.identity, v.password+"x", integer(t, v.salt).Bytes())
	other := bytes.Clone(signature)
	other[0] ^= 1
	for what, ok := range map[string]bool{
		"wrong password":    wrong.Verify(block, v.timestamp, signature),
		"changed signature": e.Verify(block, v.timestamp, other),
		"empty signature":   e.Verify(block, v.timestamp, nil),
		"other timestamp":   e.Verify(block, v.timestamp+" ", signature),
		"other block":       e.Verify(block[1:], v.timestamp, signature),
	} {
		if ok {
			t.Errorf("accepted: %s", what)
		}
	}
}

// TestParseARefuses covers the values that would fix the shared secret, and what is no integer (checklist 7).
func TestParseARefuses(t *testing.T) {
	for name, text := range map[string]string{
		"empty": "", "zero": "0", "many zeros": strings.Repeat("0", 768), "N": hexN, "N in lower case": strings.ToLower(hexN),
		"above N": strings.Repeat("F", 768), "2N": new(big.Int).Lsh(bigN, 1).Text(16), "one megabyte": strings.Repeat("1", 1<<20),
		"sign": "-1", "plus": "+1", "prefix": "0x1", "space": " 1", "underscore": "1_1", "no hex": "g", "NUL": "1\x00",
	} {
		if _, err := ParseA(text); err == nil {
			t.Errorf("%s was accepted", name)
		}
	}
	for _, text := range []string{"1", "ABC", "abc", "0abc", strings.ToLower(hexN[:767])} {
		if _, err := ParseA(text); err != nil {
			t.Errorf("%q was refused", text)
		}
	}
}

func TestNewChallengeIsFresh(t *testing.T) {
	a, _ := ParseA("abc")
	b1, public1, err1 := NewChallenge([]byte{7}, a)
	b2, public2, err2 := NewChallenge([]byte{7}, a)
	if err1 != nil || err2 != nil || len(b1) != 32 || bytes.Equal(b1, b2) || bytes.Equal(public1, public2) {
		t.Error("two challenges are alike")
	}
}

func TestFixedBaseIsExp(t *testing.T) {
	for _, text := range []string{"0", "1", "3f", "40", "41", "fff", strings.Repeat("f", 64), "1" + strings.Repeat("0", 63), "1" + strings.Repeat("0", 64)} {
		e := integer(t, text)
		if powG(e).Cmp(new(big.Int).Exp(bigG, e, bigN)) != 0 {
			t.Errorf("g^%s differs", text)
		}
	}
}

func TestTimestamp(t *testing.T) {
	for text, want := range map[string]string{
		"Tue Mar 3 04:05:06 UTC 2026":  "Tue Mar 3 04:05:06 UTC 2026",
		"Tue Mar 03 04:05:06 UTC 2026": "Tue Mar 3 04:05:06 UTC 2026",
		"Mon Mar 3 04:05:06 UTC 2026":  "Tue Mar 3 04:05:06 UTC 2026",
	} {
		at, canonical, err := ParseTimestamp(text)
		if err != nil || canonical != want || !at.Equal(time.Date(2026, 3, 3, 4, 5, 6, 0, time.UTC)) {
			t.Errorf("%q: %v, %q, %v", text, at, canonical, err)
		}
	}
	for _, text := range []string{"", "2026-03-03T04:05:06Z", "Tue Mar 3 04:05:06 2026", "Tue Foo 3 04:05:06 UTC 2026", "1772510706", "Tue Mar 3 04:05:06 UTC 20261"} {
		if _, _, err := ParseTimestamp(text); err == nil {
			t.Errorf("%q was accepted", text)
		}
	}
}

func TestSecretHash(t *testing.T) {
	got := SecretHash("alice", "1example23456789abcdefghij", "s3cr3tValueForVectors0123456789abcdefghijklmnopqrst")
	if got != "BcRODfeD4sCOfoBIInGQTJYO/ooO62dcknp499b50LI=" {
		t.Errorf("got %s", got)
	}
}

func FuzzParseA(f *testing.F) {
	for _, s := range []string{"", "0", "abc", hexN, "-1", "0x0"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		a, err := ParseA(text)
		if err == nil && (a.n.Sign() <= 0 || a.n.Cmp(bigN) >= 0) {
			t.Errorf("%q passed", text)
		}
	})
}

func FuzzTimestamp(f *testing.F) {
	f.Add("Tue Mar 3 04:05:06 UTC 2026")
	f.Fuzz(func(t *testing.T, text string) {
		at, canonical, err := ParseTimestamp(text)
		if err != nil {
			return
		}
		again, same, err := ParseTimestamp(canonical)
		if at.Year() < 10000 && at.Year() > 999 && (err != nil || !again.Equal(at) || same != canonical) {
			t.Errorf("%q reads as %q, which reads as %q (%v)", text, canonical, same, err)
		}
	})
}

// FuzzProof runs whole exchanges: both sides agree exactly when the passwords do.
func FuzzProof(f *testing.F) {
	f.Add("pool", "user", "password", "password", []byte{1, 2})
	f.Add("", "", "", "x", []byte{})
	f.Fuzz(func(t *testing.T, group, identity, kept, typed string, salt []byte) {
		v := Verifier(group, identity, kept, salt)
		c := newClient(new(big.Int).SetBytes(append([]byte{1}, salt...)))
		a, err := ParseA(c.A())
		if err != nil {
			t.Skip()
		}
		b, publicB, err := NewChallenge(v, a)
		if err != nil {
			t.Fatal(err)
		}
		text, err := c.Sign(group, identity, typed, Challenge{"0" + Hex(salt), Hex(publicB), "QUJD"}, "now")
		if err != nil {
			t.Fatal(err)
		}
		signature, _ := base64.StdEncoding.DecodeString(text)
		e := Exchange{group, identity, v, a.Bytes(), b, publicB}
		if e.Verify([]byte("ABC"), "now", signature) != (kept == typed) {
			t.Errorf("%q against %q", typed, kept)
		}
	})
}

func BenchmarkVerifier(b *testing.B) {
	for b.Loop() {
		Verifier("pool", "user", "password", []byte{1, 2, 3})
	}
}

func BenchmarkNewChallenge(b *testing.B) {
	v := Verifier("pool", "user", "password", []byte{1, 2, 3})
	a, _ := ParseA("abc")
	for b.Loop() {
		NewChallenge(v, a)
	}
}

func BenchmarkVerify(b *testing.B) {
	v := Verifier("pool", "user", "password", []byte{1, 2, 3})
	a, _ := ParseA(strings.Repeat("a", 760))
	secret, publicB, _ := NewChallenge(v, a)
	e := Exchange{"pool", "user", v, a.Bytes(), secret, publicB}
	for b.Loop() {
		e.Verify(nil, "now", nil)
	}
}

func BenchmarkTable(b *testing.B) {
	for b.Loop() {
		newTable()
	}
}
