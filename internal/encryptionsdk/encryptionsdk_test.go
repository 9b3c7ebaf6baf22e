package encryptionsdk

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"maps"
	"os"
	"strings"
	"testing"
)

const keyName = "arn:aws:kms:us-east-1:000000000000:key/test"

// wrapping is the key of the vectors, bytes from 0 to 31, and of the other tests.
func wrapping() []byte {
	out := make([]byte, KeySize)
	for i := range out {
		out[i] = byte(i)
	}
	return out
}

func local(t *testing.T) *Local {
	t.Helper()
	l, err := NewLocal("cognate", keyName, wrapping())
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// unwrap gives the data key of a message by a raw AES keyring.
func (p parsed) unwrap(t *testing.T, l *Local) []byte {
	t.Helper()
	nonce := p.key.Info[len(p.key.Info)-nonceSize:]
	aad, err := p.bound.encode()
	if err != nil {
		t.Fatal(err)
	}
	key, err := l.aead.Open(nil, nonce, p.key.Wrapped, aad)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// TestVectors writes, from what a writer may choose, the messages of another implementation: @aws-crypto/client-node 5.0.2, byte for
// byte up to the signature, which no two have in common and which is verified.
func TestVectors(t *testing.T) {
	file, err := os.Open("testdata/vectors.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	n := 0
	for lines := bufio.NewScanner(file); lines.Scan(); n++ {
		var v struct {
			Plain   string
			Context Context
			Message []byte
		}
		if err := json.Unmarshal(lines.Bytes(), &v); err != nil {
			t.Fatal(err)
		}
		p := parse(t, v.Message)
		key := p.unwrap(t, local(t))
		if got := string(p.open(t, key)); got != v.Plain {
			t.Errorf("read %q, want %q", got, v.Plain)
		}
		wrapped, err := local(t).wrap(key, p.key.Info[len(p.key.Info)-nonceSize:], p.bound)
		if err != nil {
			t.Fatal(err)
		}
		if wrapped.Provider != p.key.Provider || !bytes.Equal(wrapped.Info, p.key.Info) || !bytes.Equal(wrapped.Wrapped, p.key.Wrapped) {
			t.Errorf("wrapped %+v\nwant %+v", wrapped, p.key)
		}
		got, err := write(p.id, p.bound, wrapped, []byte(v.Plain))
		if err != nil || !bytes.Equal(got, p.signed) {
			t.Errorf("%v: wrote %x\nwant %x", err, got, p.signed)
		}
		delete(p.bound, publicKeyName)
		if !maps.Equal(p.bound, v.Context) {
			t.Errorf("bound to %v", p.bound)
		}
	}
	if n < 3 {
		t.Errorf("%d vectors", n)
	}
}

func TestSeal(t *testing.T) {
	bound := Context{"userpool-id": "us-east-1_ExaMPle", "b": "ż"}
	seen := map[string]bool{}
	for _, plain := range []string{"734512", "", strings.Repeat("x", MaxPlaintext), "734512"} {
		message, err := Seal(t.Context(), local(t), bound, []byte(plain))
		if err != nil {
			t.Fatal(err)
		}
		p := parse(t, message)
		if got := string(p.open(t, p.unwrap(t, local(t)))); got != plain {
			t.Errorf("read %d bytes, want %d", len(got), len(plain))
		}
		for _, once := range []string{string(p.id), string(p.key.Wrapped), string(p.key.Info), p.bound[publicKeyName]} {
			if seen[once] {
				t.Errorf("%x is used twice", once)
			}
			seen[once] = true
		}
		if delete(p.bound, publicKeyName); !maps.Equal(p.bound, bound) {
			t.Errorf("bound to %v", p.bound)
		}
	}
	if len(bound) != 2 {
		t.Errorf("the caller's context is now %v", bound)
	}
}

// broken is a keyring that makes a given key, or none.
type broken struct {
	key DataKey
	err error
}

func (b broken) DataKey(context.Context, Context) (DataKey, error) { return b.key, b.err }

func TestRefusals(t *testing.T) {
	down := errors.New("down")
	long := strings.Repeat("x", 1<<16)
	for name, c := range map[string]struct {
		keys  Keyring
		bound Context
		plain string
	}{
		"a long text":   {local(t), nil, strings.Repeat("x", MaxPlaintext+1)},
		"a long name":   {local(t), Context{long: ""}, ""},
		"a long value":  {local(t), Context{"a": long}, ""},
		"a key":         {broken{DataKey{Plain: make([]byte, 16)}, nil}, nil, ""},
		"no key":        {broken{err: down}, nil, ""},
		"a wrapped key": {broken{DataKey{Plain: make([]byte, 32), Wrapped: []byte(long)}, nil}, nil, ""},
	} {
		if out, err := Seal(t.Context(), c.keys, c.bound, []byte(c.plain)); err == nil || out != nil {
			t.Errorf("%s: %d bytes, %v", name, len(out), err)
		}
	}
	if _, err := Seal(t.Context(), broken{err: down}, nil, nil); !errors.Is(err, down) {
		t.Errorf("the keyring's error: %v", err)
	}
	for _, n := range []int{0, 16, 31, 33} {
		if _, err := NewLocal("a", "b", make([]byte, n)); err == nil {
			t.Errorf("a key of %d bytes", n)
		}
	}
}
