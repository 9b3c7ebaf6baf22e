package saml

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	dsig "github.com/russellhaering/goxmldsig"

	"cognate/internal/federation"
)

func finish(t testing.TB, p federation.Provider, text string) (*federation.Assertion, error) {
	t.Helper()
	return p.Finish(t.Context(), callback(text))
}

func wantAlice(t testing.TB, a *federation.Assertion, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("%v: %v", err, causeOf(err))
	}
	want := &federation.Assertion{
		Subject: alice, Issuer: idpID, Once: "_assertion-1", Until: a.Until,
		Claims: federation.Claims{"mail": {"alice@example.com"}, "groups": {"a", "b c"}, "empty": {""}},
	}
	if diff := cmp.Diff(want, a); diff != "" {
		t.Error(diff)
	}
	if in := time.Until(a.Until); in < 5*time.Minute || in > 6*time.Minute {
		t.Errorf("the assertion counts for %v", in)
	}
}

func TestFinishTakesWhatIsSigned(t *testing.T) {
	p := open(t, nil)
	for name, which := range map[string][2]bool{"the assertion": {true, false}, "the response": {false, true}, "both": {true, true}} {
		t.Run(name, func(t *testing.T) {
			a := newAnswer(t)
			a.signAssertion, a.signResponse = which[0], which[1]
			got, err := finish(t, p, write(t, a.make(t)))
			wantAlice(t, got, err)
		})
	}
}

func TestFinishTakesECDSA(t *testing.T) {
	for method, curve := range map[string]elliptic.Curve{
		dsig.ECDSASHA256SignatureMethod: elliptic.P256(), dsig.ECDSASHA384SignatureMethod: elliptic.P384(), dsig.ECDSASHA512SignatureMethod: elliptic.P521(),
	} {
		key, err := ecdsa.GenerateKey(curve, rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		a := newAnswer(t)
		a.signs, a.method = certify(t, key, time.Now().AddDate(1, 0, 0)), method
		p := open(t, map[string]string{detailFile: describe(another(t), a.signs)})
		got, err := finish(t, p, write(t, a.make(t)))
		wantAlice(t, got, err)
	}
}

// A pretty-printed document, and one that came in lines, are as good.
func TestFinishTakesOtherSpelling(t *testing.T) {
	a := newAnswer(t)
	text := write(t, a.make(t))
	c := callback("<?xml version=\"1.0\" encoding=\"utf-8\"?>\n" + text + "\n<!-- the end -->\n")
	encoded := c.Form.Get("SAMLResponse")
	c.Form.Set("SAMLResponse", encoded[:76]+"\r\n"+encoded[76:])
	got, err := open(t, nil).Finish(t.Context(), c)
	wantAlice(t, got, err)
}

func causeOf(err error) error { return errors.Unwrap(err) }

// Whatever is made of answers, nobody but those whom the provider told of is signed in, as it told of them.
func FuzzFinish(f *testing.F) {
	a := newAnswer(f)
	f.Add(write(f, a.make(f)))
	both := newAnswer(f)
	both.signResponse = true
	f.Add(write(f, both.make(f)))
	f.Add(write(f, encrypted(f, gcm()).make(f)))
	outer := newAnswer(f)
	outer.signAssertion, outer.signResponse = false, true
	signed := outer.make(f)
	f.Add(write(f, signed))
	for _, root := range responseWraps(wrapping{f, signed}) {
		f.Add(write(f, root))
	}
	for _, root := range assertionWraps(wrapping{f, a.response}) {
		f.Add(write(f, root))
	}
	plain, secret := open(f, nil), open(f, map[string]string{detailEncrypted: "true"})
	want := federation.Claims{"mail": {"alice@example.com"}, "groups": {"a", "b c"}, "empty": {""}}
	f.Fuzz(func(t *testing.T, text string) {
		for _, p := range []federation.Provider{plain, secret} {
			got, err := finish(t, p, text)
			if err != nil {
				continue
			}
			if got.Subject != alice || got.Issuer != idpID || got.Once != "_assertion-1" || !cmp.Equal(want, got.Claims) {
				t.Errorf("%v is signed in", got)
			}
		}
	})
}

// BenchmarkFinish beside its floor, the check of one signature by RSA.
func BenchmarkFinish(b *testing.B) {
	p := open(b, nil)
	c := callback(write(b, newAnswer(b).make(b)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := p.Finish(b.Context(), c); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkFinishFloor(b *testing.B) {
	key := fileKey(b, "idp")
	hash := sha256.Sum256([]byte("text"))
	signature, err := key.Sign(rand.Reader, hash[:], crypto.SHA256)
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if err := rsa.VerifyPKCS1v15(&key.PublicKey, crypto.SHA256, hash[:], signature); err != nil {
			b.Fatal(err)
		}
	}
}
