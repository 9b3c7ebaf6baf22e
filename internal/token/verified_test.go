package token

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"strconv"
	"strings"
	"testing"
)

// TestVerifiedTokens believes a token a second time, and nothing that differs from it by a letter (checklist 39).
func TestVerifiedTokens(t *testing.T) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	s := newSigner("k", key)
	good, err := s.sign(map[string]any{"sub": "me"})
	if err != nil {
		t.Fatal(err)
	}
	parts := strings.Split(good, ".")
	other, err := s.sign(map[string]any{"sub": "you"})
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if payload, err := s.verify(good); err != nil || string(payload) != `{"sub":"me"}` {
			t.Errorf("%s, %v", payload, err)
		}
		for _, forged := range []string{
			parts[0] + "." + strings.Split(other, ".")[1] + "." + parts[2],
			parts[0] + "." + parts[1] + "." + strings.Split(other, ".")[2],
			good + "A", good[:len(good)-1], parts[0] + "." + parts[1] + ".",
		} {
			if payload, err := s.verify(forged); err == nil {
				t.Errorf("%s is believed: %s", forged, payload)
			}
		}
	}
	if len(s.seen.now) != 1 {
		t.Errorf("%d tokens are remembered", len(s.seen.now))
	}
}

// TestVerifiedIsBounded forgets what nobody has asked about for long, and nothing else.
func TestVerifiedIsBounded(t *testing.T) {
	sum := func(n int) [sha256.Size]byte { return sha256.Sum256([]byte(strconv.Itoa(n))) }
	var v verified
	v.put(sum(-1))
	for n := range 5 * mostVerified {
		v.put(sum(n))
		if !v.has(sum(-1)) {
			t.Fatalf("what is asked about all the time is forgotten after %d", n)
		}
		if len(v.now)+len(v.before) > 2*mostVerified {
			t.Fatalf("%d are remembered", len(v.now)+len(v.before))
		}
	}
	if v.has(sum(0)) || !v.has(sum(5*mostVerified-1)) {
		t.Error("an old one is remembered, or a new one is not")
	}
}
