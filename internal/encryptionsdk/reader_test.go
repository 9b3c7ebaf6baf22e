package encryptionsdk

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha512"
	"encoding/base64"
	"encoding/binary"
	"io"
	"slices"
	"testing"
)

// parsed is a message taken apart by its format, with all that its writer had to choose.
type parsed struct {
	id      []byte
	bound   Context
	key     DataKey // without the key in clear
	signed  []byte  // header and body
	footer  []byte
	frame   []byte // ciphertext and tag
	aad     []byte // of the frame
	nonce   []byte
	header  []byte // up to the nonce of its tag
	headTag []byte
}

// reader takes fields off a message.
type reader struct {
	*testing.T
	*bytes.Reader
}

func (r reader) take(n int) []byte {
	r.Helper()
	out := make([]byte, n)
	if _, err := io.ReadFull(r, out); err != nil {
		r.Fatal(err)
	}
	return out
}

func (r reader) number(bytes int) (n uint64) {
	r.Helper()
	for _, b := range r.take(bytes) {
		n = n<<8 | uint64(b)
	}
	return n
}

func (r reader) short() []byte { return r.take(int(r.number(2))) }

func (r reader) expect(what string, got, want uint64) {
	r.Helper()
	if got != want {
		r.Errorf("%s is %#x, want %#x", what, got, want)
	}
}

func parse(t *testing.T, message []byte) (p parsed) {
	t.Helper()
	r := reader{t, bytes.NewReader(message)}
	at := func() int { return len(message) - r.Len() }
	r.expect("the version", r.number(1), 1)
	r.expect("the type", r.number(1), 0x80)
	r.expect("the algorithm", r.number(2), 0x0378)
	p.id = r.take(16)
	p.bound = readContext(t, r.short())
	r.expect("the number of keys", r.number(2), 1)
	p.key.Provider, p.key.Info, p.key.Wrapped = string(r.short()), r.short(), r.short()
	r.expect("the content type", r.number(1), 2)
	r.expect("reserved", r.number(4), 0)
	r.expect("the size of nonces", r.number(1), 12)
	r.expect("the length of frames", r.number(4), 4096)
	p.header = message[:at()]
	if nonce := r.take(12); !bytes.Equal(nonce, make([]byte, 12)) {
		t.Errorf("the header's nonce is %x", nonce)
	}
	p.headTag = r.take(16)
	r.expect("the last frame", r.number(4), 0xFFFFFFFF)
	sequence := r.number(4)
	r.expect("the number of the frame", sequence, 1)
	p.nonce = r.take(12)
	length := r.number(4)
	p.frame = r.take(int(length) + 16)
	p.aad = append(bytes.Clone(p.id), "AWSKMSEncryptionClient Final Frame"...)
	p.aad = binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint32(p.aad, uint32(sequence)), length)
	p.signed = message[:at()]
	p.footer = r.short()
	r.expect("what is left", uint64(r.Len()), 0)
	return p
}

func readContext(t *testing.T, field []byte) Context {
	t.Helper()
	out := Context{}
	if len(field) == 0 {
		return out
	}
	r := reader{t, bytes.NewReader(field)}
	last := ""
	for range r.number(2) {
		name := string(r.short())
		out[name] = string(r.short())
		if name <= last {
			t.Errorf("%q stands after %q", name, last)
		}
		last = name
	}
	r.expect("what is left of the context", uint64(r.Len()), 0)
	return out
}

// open decrypts a message with its data key, and checks its tags and its signature.
func (p parsed) open(t *testing.T, key []byte) []byte {
	t.Helper()
	aead, err := derive(key, p.id)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := aead.Open(nil, make([]byte, 12), p.headTag, p.header); err != nil {
		t.Errorf("the header: %v", err)
	}
	plain, err := aead.Open(nil, p.nonce, p.frame, p.aad)
	if err != nil {
		t.Errorf("the body: %v", err)
	}
	public, err := base64.StdEncoding.DecodeString(p.bound["aws-crypto-public-key"])
	if err != nil {
		t.Fatal(err)
	}
	x, y := elliptic.UnmarshalCompressed(elliptic.P384(), public)
	if x == nil {
		t.Fatalf("%x is no point", public)
	}
	verifier, err := ecdsa.ParseUncompressedPublicKey(elliptic.P384(), slices.Concat([]byte{4}, x.FillBytes(make([]byte, 48)), y.FillBytes(make([]byte, 48))))
	if err != nil {
		t.Fatal(err)
	}
	digest := sha512.Sum384(p.signed)
	if !ecdsa.VerifyASN1(verifier, digest[:], p.footer) {
		t.Error("the signature is wrong")
	}
	return plain
}
