package saml

import (
	"crypto/ecdsa"
	"crypto/x509"
	"encoding/asn1"
	"encoding/base64"
	"errors"
	"fmt"
	"math/big"
	"slices"

	"github.com/beevik/etree"
	dsig "github.com/russellhaering/goxmldsig"
	"github.com/russellhaering/goxmldsig/etreeutils"
)

const (
	algEnveloped = "http://www.w3.org/2000/09/xmldsig#enveloped-signature"
	algExclusive = "http://www.w3.org/2001/10/xml-exc-c14n#"
	algRSASHA256 = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"
)

// What signatures may be made with. Whatever is not here is refused, above all SHA-1 and the keyed hashes.
var (
	signatureMethods = []string{
		algRSASHA256,
		"http://www.w3.org/2001/04/xmldsig-more#rsa-sha384", "http://www.w3.org/2001/04/xmldsig-more#rsa-sha512",
		"http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256",
		"http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha384", "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha512",
	}
	digestMethods = []string{
		"http://www.w3.org/2001/04/xmlenc#sha256",
		"http://www.w3.org/2001/04/xmldsig-more#sha384", "http://www.w3.org/2001/04/xmlenc#sha512",
	}
)

// errSignature says that no certificate of the metadata made a signature. Newer metadata could have one that did.
var errSignature = errors.New("the signature is of no certificate of the provider")

// checkSignature looks at a signature before it is trusted: it must be of the one form in which the profile wants it, over
// the element that it stands in and nothing else.
func checkSignature(sig *etree.Element) error {
	if err := checkChildren(sig, "SignedInfo", "SignatureValue", "?KeyInfo"); err != nil {
		return err
	}
	info := sig.ChildElements()[0]
	if err := checkChildren(info, "CanonicalizationMethod", "SignatureMethod", "Reference"); err != nil {
		return err
	}
	parts := info.ChildElements()
	if err := checkAlgorithm(parts[0], algExclusive); err != nil {
		return err
	}
	if err := checkAlgorithm(parts[1], signatureMethods...); err != nil {
		return err
	}
	return checkReference(parts[2], sig.Parent())
}

func checkReference(ref, signed *etree.Element) error {
	if err := checkChildren(ref, "Transforms", "DigestMethod", "DigestValue"); err != nil {
		return err
	}
	if err := checkAttributes(ref, "URI"); err != nil {
		return err
	}
	id, err := identifier(signed)
	if err != nil {
		return err
	}
	if attribute(ref, "URI") != "#"+id {
		return errors.New("a signature refers to another element than the one that it stands in")
	}
	parts := ref.ChildElements()
	if err := checkTransforms(parts[0]); err != nil {
		return err
	}
	return checkAlgorithm(parts[1], digestMethods...)
}

// checkTransforms wants the two of the profile and no third, which could take away what is not to be seen.
func checkTransforms(e *etree.Element) error {
	if err := checkChildren(e, "Transform", "Transform"); err != nil {
		return err
	}
	t := e.ChildElements()
	if len(t[0].ChildElements()) > 0 {
		return errors.New("the first transform of a signature has parameters")
	}
	for _, c := range t[1].ChildElements() {
		if !is(c, algExclusive, "InclusiveNamespaces") {
			return errors.New("the second transform of a signature has an unknown parameter")
		}
	}
	if err := checkAlgorithm(t[0], algEnveloped); err != nil {
		return err
	}
	return checkAlgorithm(t[1], algExclusive)
}

// checkChildren wants the named children of XML signatures in their order; "?" is before a name that may be missing.
func checkChildren(e *etree.Element, names ...string) error {
	found := e.ChildElements()
	for _, name := range names {
		optional := name[0] == '?'
		if optional {
			name = name[1:]
		}
		if len(found) > 0 && is(found[0], nsSignature, name) {
			found = found[1:]
		} else if !optional {
			return fmt.Errorf("a signature has no %s where it should be", name)
		}
	}
	if len(found) > 0 {
		return fmt.Errorf("a signature has a %s where none should be", found[0].Tag)
	}
	return nil
}

// checkAttributes wants one attribute. A prefix of the same name is refused as well: to encoding/xml it looks like one.
func checkAttributes(e *etree.Element, key string) error {
	_, ok := lookAttribute(e, key)
	for _, a := range e.Attr {
		declares := a.Space == "xmlns" || a.Space == "" && a.Key == "xmlns"
		if declares && a.Key == key || !declares && (a.Space != "" || a.Key != key) {
			ok = false
		}
	}
	if !ok {
		return fmt.Errorf("%s of a signature has other attributes than %s", e.Tag, key)
	}
	return nil
}

func checkAlgorithm(e *etree.Element, allowed ...string) error {
	if err := checkAttributes(e, "Algorithm"); err != nil {
		return err
	}
	if a := attribute(e, "Algorithm"); !slices.Contains(allowed, a) {
		return fmt.Errorf("the algorithm %q is not accepted", a)
	}
	return nil
}

// identifier returns the ID of an element that can be signed.
func identifier(e *etree.Element) (string, error) {
	id := attribute(e, "ID")
	for _, a := range e.Attr {
		if a.Key == "ID" && a.Space != "" { // the libraries do not tell the two apart
			return "", fmt.Errorf("%s has an ID of another namespace", e.Tag)
		}
	}
	if !isName(id) {
		return "", fmt.Errorf("%s has no ID", e.Tag)
	}
	return id, nil
}

const maxID = 1024

func isName(s string) bool {
	for i, r := range s {
		letter := r == '_' || 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z'
		if !letter && (i == 0 || r != '-' && r != '.' && (r < '0' || r > '9')) {
			return false
		}
	}
	return s != "" && len(s) <= maxID
}

// verify checks the signature that stands in e, whose document has passed checkShape, and returns what was signed: the
// only element to go on with. The error is errSignature when it could be that newer metadata help.
func (m *metadata) verify(e *etree.Element) (*etree.Element, error) {
	id, err := identifier(e)
	if err != nil {
		return nil, err
	}
	detached, err := detach(e)
	if err != nil {
		return nil, err
	}
	var last error
	for _, c := range m.certificates {
		signed, err := validate(detached, c)
		if err != nil {
			last = err
			continue
		}
		if got, err := identifier(signed); err != nil || got != id || !is(signed, e.NamespaceURI(), e.Tag) {
			return nil, errors.New("another element is signed than the one looked at")
		}
		return signed, nil
	}
	return nil, fmt.Errorf("%w: %w", errSignature, last)
}

// detach copies an element with the namespaces around it. Who says that he signed is left out, so that nothing but the
// metadata decides about it.
func detach(e *etree.Element) (*etree.Element, error) {
	around, err := etreeutils.NSBuildParentContext(e)
	if err != nil {
		return nil, err
	}
	c, err := etreeutils.NSDetatch(around, e)
	if err != nil {
		return nil, err
	}
	sig, err := exactlyOne(c, nsSignature, "Signature")
	if err != nil {
		return nil, err
	}
	for _, info := range children(sig, nsSignature, "KeyInfo") {
		sig.RemoveChild(info)
	}
	for _, value := range children(sig, nsSignature, "SignatureValue") {
		plain := withoutSpace(allText(value))
		value.Child = nil
		value.SetText(plain)
	}
	return c, nil
}

func validate(e *etree.Element, c *x509.Certificate) (*etree.Element, error) {
	if key, ok := c.PublicKey.(*ecdsa.PublicKey); ok {
		e = withASN1(e, key)
	}
	v := dsig.NewDefaultValidationContext(&dsig.MemoryX509CertificateStore{Roots: []*x509.Certificate{c}})
	v.IdAttribute = "ID"
	return v.Validate(e)
}

// withASN1 returns e with its ECDSA signature in the form that the library reads: XML signatures are the two numbers one
// after the other (RFC 4050 section 3.3), and it wants what X.509 has. What is neither stays, to be refused.
func withASN1(e *etree.Element, key *ecdsa.PublicKey) *etree.Element {
	e = e.Copy()
	value := children(children(e, nsSignature, "Signature")[0], nsSignature, "SignatureValue")[0]
	raw, err := base64.StdEncoding.DecodeString(allText(value))
	size := (key.Params().BitSize + 7) / 8
	if err != nil || len(raw) != 2*size {
		return e
	}
	numbers := struct{ R, S *big.Int }{new(big.Int).SetBytes(raw[:size]), new(big.Int).SetBytes(raw[size:])}
	if der, err := asn1.Marshal(numbers); err == nil {
		value.SetText(base64.StdEncoding.EncodeToString(der))
	}
	return e
}
