package saml

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
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
