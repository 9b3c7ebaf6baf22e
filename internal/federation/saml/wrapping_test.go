package saml

import (
	"testing"

	"github.com/beevik/etree"

	"cognate/internal/federation"
)

// wrapping is a signed answer and what attackers make of it who move the signed part to where it is checked, and put one of
// their own to where it could be read.
type wrapping struct {
	t    testing.TB
	root *etree.Element // the answer as it was signed
}

// evil copies an element, makes it speak of somebody else, and takes its signature away.
func (w wrapping) evil(e *etree.Element, id string) *etree.Element {
	c := e.Copy()
	if id != "" {
		c.CreateAttr("ID", id)
	}
	for _, n := range c.FindElements(".//NameID") {
		n.SetText("admin@example.com")
	}
	for _, s := range c.SelectElements("Signature") {
		c.RemoveChild(s)
	}
	return c
}

// plain copies an element without its signature, which it returns as well.
func (w wrapping) plain(e *etree.Element) (*etree.Element, *etree.Element) {
	c := e.Copy()
	sig := c.SelectElement("Signature")
	c.RemoveChild(sig)
	return c, sig
}

func (w wrapping) assertion() *etree.Element { return w.root.SelectElement("Assertion") }

// responseWraps are made of an answer whose response is signed.
func responseWraps(w wrapping) map[string]*etree.Element {
	out := map[string]*etree.Element{}
	original, sig := w.plain(w.root)

	e := w.evil(w.root, "_evil") // 1: the response within its signature
	s := sig.Copy()
	s.AddChild(original.Copy())
	e.InsertChildAt(1, s)
	out["1"] = e

	e = w.evil(w.root, "_evil") // 2: the response before its signature
	e.InsertChildAt(1, original.Copy())
	e.InsertChildAt(2, sig.Copy())
	out["2"] = e

	e = w.evil(w.root, "_evil") // 9: the signed response among the extensions
	extensions := etree.NewElement("samlp:Extensions")
	extensions.AddChild(w.root.Copy())
	e.InsertChildAt(1, extensions)
	out["9"] = e

	e = w.evil(w.root, "") // the same, under its ID
	e.AddChild(w.root.Copy())
	out["9, with the same ID"] = e
	return out
}

// assertionWraps are made of an answer whose assertion is signed.
func assertionWraps(w wrapping) map[string]*etree.Element {
	out := map[string]*etree.Element{}
	original, sig := w.plain(w.assertion())
	bare := func() *etree.Element {
		c := w.root.Copy()
		c.RemoveChild(c.SelectElement("Assertion"))
		return c
	}
	put := func(name string, children ...*etree.Element) {
		c := bare()
		for _, child := range children {
			c.AddChild(child)
		}
		out[name] = c
	}
	put("3", w.evil(w.assertion(), "_evil"), w.assertion().Copy())
	put("3, the other way", w.assertion().Copy(), w.evil(w.assertion(), "_evil"))
	put("3, with the same ID", w.evil(w.assertion(), ""), w.assertion().Copy())

	e := w.evil(w.assertion(), "_evil") // 4: the signed one within
	e.AddChild(w.assertion().Copy())
	put("4", e)

	e = w.evil(w.assertion(), "_evil") // 5: the signature with the wrong one
	e.InsertChildAt(1, sig.Copy())
	put("5", e, original.Copy())

	e = w.evil(w.assertion(), "_evil") // 6: the original within the signature
	s := sig.Copy()
	s.AddChild(original.Copy())
	e.InsertChildAt(1, s)
	put("6", e)

	extensions := etree.NewElement("samlp:Extensions") // 7: the wrong one among the extensions, under the same ID
	extensions.AddChild(w.evil(w.assertion(), ""))
	put("7", extensions, w.assertion().Copy())

	e = w.evil(w.assertion(), "") // 8: the original as an object of the signature
	s = sig.Copy()
	s.CreateElement("ds:Object").AddChild(original.Copy())
	e.InsertChildAt(1, s)
	put("8", e)

	e = w.evil(w.assertion(), "_evil") // the original as advice
	e.CreateElement("saml:Advice").AddChild(w.assertion().Copy())
	put("advice", e)

	e = w.evil(w.assertion(), "_evil") // the original as the value of an attribute
	e.FindElement(".//AttributeValue").AddChild(w.assertion().Copy())
	put("value", e)

	e = w.evil(w.assertion(), "_evil") // one of another namespace that looks the same
	e.Space = ""
	e.CreateAttr("xmlns", "urn:x")
	put("lookalike", e, w.assertion().Copy())

	e = w.evil(w.assertion(), "_evil")
	e.Tag = "EncryptedAssertion"
	put("encrypted beside", e, w.assertion().Copy())
	return out
}

// Checklist 46: no shape of signature wrapping has anybody signed in but who the provider told of.
func TestFinishRefusesWrapping(t *testing.T) {
	for _, details := range []map[string]string{nil, {detailEncrypted: "true"}} {
		p := open(t, details)
		a := newAnswer(t)
		a.signAssertion, a.signResponse = false, true
		tryWraps(t, p, responseWraps(wrapping{t, a.make(t)}))
		tryWraps(t, p, assertionWraps(wrapping{t, newAnswer(t).make(t)}))
		both := newAnswer(t)
		both.signResponse = true
		signed := both.make(t)
		tryWraps(t, p, responseWraps(wrapping{t, signed}))
		tryWraps(t, p, assertionWraps(wrapping{t, signed}))
	}
}

func tryWraps(t *testing.T, p federation.Provider, wraps map[string]*etree.Element) {
	t.Helper()
	for name, root := range wraps {
		got, err := finish(t, p, write(t, root))
		if err == nil {
			t.Errorf("%s: %s is signed in", name, got.Subject)
			continue
		}
		wantError(t, got, err, codeRequest, malformedText)
	}
}
