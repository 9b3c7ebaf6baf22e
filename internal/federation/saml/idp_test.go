package saml

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"math/big"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/beevik/etree"
	dsig "github.com/russellhaering/goxmldsig"

	"cognate/internal/federation"
)

const (
	idpID    = "https://idp.example.com/metadata"
	idpSSO   = "https://idp.example.com/sso?tenant=1"
	idpSLO   = "https://idp.example.com/slo"
	acs      = "https://auth.example.com/saml2/idpresponse"
	sloBack  = "https://auth.example.com/saml2/logout"
	poolID   = "us-east-1_ExaMPle"
	audience = "urn:amazon:cognito:sp:" + poolID
	asked    = "_request-1"
	alice    = "Alice@example.com"
)

// signer is a key of a provider and its certificate.
type signer struct {
	crypto.Signer
	certificate []byte
}

// fileKey reads a key that stays the same from one run to the next, as fuzzing needs.
func fileKey(t testing.TB, name string) *rsa.PrivateKey {
	t.Helper()
	text, err := os.ReadFile("testdata/" + name + ".pem")
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(text)
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	return key.(*rsa.PrivateKey)
}

func certify(t testing.TB, key crypto.Signer, until time.Time) signer {
	t.Helper()
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "idp"}, NotBefore: until.AddDate(-2, 0, 0), NotAfter: until}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return signer{key, der}
}

func idpSigner(t testing.TB) signer {
	return certify(t, fileKey(t, "idp"), time.Now().AddDate(1, 0, 0))
}

func newKey() (*rsa.PrivateKey, error) { return rsa.GenerateKey(rand.Reader, 2048) }

var strangeKey = sync.OnceValues(newKey)

// another is a signer that the provider does not know, with the same names in its certificate. It is the same all the time.
func another(t testing.TB) signer {
	t.Helper()
	key, err := strangeKey()
	if err != nil {
		t.Fatal(err)
	}
	return certify(t, key, time.Now().AddDate(1, 0, 0))
}

func newSigner(t testing.TB) signer {
	t.Helper()
	key, err := newKey()
	if err != nil {
		t.Fatal(err)
	}
	return certify(t, key, time.Now().AddDate(1, 0, 0))
}

// describe writes the metadata of a provider that signs with one of signers.
func describe(signers ...signer) string {
	var keys strings.Builder
	for _, s := range signers {
		fmt.Fprintf(&keys, `<md:KeyDescriptor use="signing"><ds:KeyInfo xmlns:ds="%s"><ds:X509Data><ds:X509Certificate>%s</ds:X509Certificate></ds:X509Data></ds:KeyInfo></md:KeyDescriptor>`,
			nsSignature, base64.StdEncoding.EncodeToString(s.certificate))
	}
	return fmt.Sprintf(`<?xml version="1.0"?>
<md:EntityDescriptor xmlns:md="%s" entityID="%s"><md:IDPSSODescriptor protocolSupportEnumeration="%s">%s
<md:SingleLogoutService Binding="%s" Location="%s"/>
<md:SingleSignOnService Binding="%s" Location="https://idp.example.com/post"/>
<md:SingleSignOnService Binding="%s" Location="%s"/>
</md:IDPSSODescriptor></md:EntityDescriptor>`, nsMetadata, idpID, nsProtocol, keys.String(), bindingRedirect, idpSLO, bindingPost, bindingRedirect, strings.ReplaceAll(idpSSO, "&", "&amp;"))
}

// answer is what a provider answers, to be altered before and after it is signed.
type answer struct {
	response, assertion         *etree.Element
	signs                       signer
	method                      string // empty for RSA with SHA-256
	signResponse, signAssertion bool
	encrypt                     func(plain []byte) string // returns the EncryptedData
}

func newAnswer(t testing.TB) *answer {
	now := time.Now()
	a := element(t, fmt.Sprintf(`<saml:Assertion xmlns:saml="%s" ID="_assertion-1" Version="2.0" IssueInstant="%s"><saml:Issuer>%s</saml:Issuer>
<saml:Subject><saml:NameID Format="urn:oasis:names:tc:SAML:2.0:nameid-format:persistent" NameQualifier="q" SPNameQualifier="spq">%s</saml:NameID>
<saml:SubjectConfirmation Method="%s"><saml:SubjectConfirmationData InResponseTo="%s" Recipient="%s" NotOnOrAfter="%s"/></saml:SubjectConfirmation></saml:Subject>
<saml:Conditions NotBefore="%s" NotOnOrAfter="%s"><saml:AudienceRestriction><saml:Audience>%s</saml:Audience></saml:AudienceRestriction></saml:Conditions>
<saml:AuthnStatement AuthnInstant="%[2]s" SessionIndex="session-1"><saml:AuthnContext><saml:AuthnContextClassRef>urn:oasis:names:tc:SAML:2.0:ac:classes:Password</saml:AuthnContextClassRef></saml:AuthnContext></saml:AuthnStatement>
<saml:AttributeStatement><saml:Attribute Name="mail" FriendlyName="e-mail"><saml:AttributeValue xmlns:xs="http://www.w3.org/2001/XMLSchema" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type="xs:string">alice@example.com</saml:AttributeValue></saml:Attribute>
<saml:Attribute Name="groups"><saml:AttributeValue>a</saml:AttributeValue><saml:AttributeValue>b c</saml:AttributeValue></saml:Attribute><saml:Attribute Name="empty"><saml:AttributeValue/></saml:Attribute></saml:AttributeStatement>
</saml:Assertion>`, nsAssertion, timeText(now), idpID, alice, methodBearer, asked, acs, timeText(now.Add(5*time.Minute)), timeText(now.Add(-time.Minute)), timeText(now.Add(5*time.Minute)), audience))
	r := element(t, fmt.Sprintf(`<samlp:Response xmlns:samlp="%s" xmlns:saml="%s" ID="_response-1" Version="2.0" IssueInstant="%s" Destination="%s" InResponseTo="%s"><saml:Issuer>%s</saml:Issuer><samlp:Status><samlp:StatusCode Value="%s"/></samlp:Status></samlp:Response>`,
		nsProtocol, nsAssertion, timeText(now), acs, asked, idpID, statusSuccess))
	return &answer{response: r, assertion: a, signs: idpSigner(t), signAssertion: true}
}

// unasked makes the answer one that nobody asked for.
func (a *answer) unasked() {
	a.response.RemoveAttr("InResponseTo")
	a.find("Subject/SubjectConfirmation/SubjectConfirmationData").RemoveAttr("InResponseTo")
}

// find finds an element of the assertion.
func (a *answer) find(path string) *etree.Element { return a.assertion.FindElement(path) }

// make signs and joins the parts.
func (a *answer) make(t testing.TB) *etree.Element {
	t.Helper()
	if a.signAssertion {
		a.sign(t, a.assertion)
	}
	child := a.assertion
	if a.encrypt != nil {
		child = etree.NewElement("saml:EncryptedAssertion")
		child.AddChild(element(t, a.encrypt([]byte(write(t, a.assertion)))))
	}
	a.response.AddChild(child)
	if a.signResponse {
		a.sign(t, a.response)
	}
	return a.response
}

// sign puts a signature after the issuer.
func (a *answer) sign(t testing.TB, e *etree.Element) {
	t.Helper()
	c, err := dsig.NewSigningContext(a.signs.Signer, [][]byte{a.signs.certificate})
	if err != nil {
		t.Fatal(err)
	}
	c.Canonicalizer = dsig.MakeC14N10ExclusiveCanonicalizerWithPrefixList("")
	if a.method != "" {
		if err := c.SetSignatureMethod(a.method); err != nil {
			t.Fatal(err)
		}
	}
	sig, err := c.ConstructSignature(e.Copy(), true)
	if err != nil {
		t.Fatal(err)
	}
	if key, ok := a.signs.Public().(*ecdsa.PublicKey); ok {
		rawSignature(t, sig, (key.Params().BitSize+7)/8)
	}
	e.InsertChildAt(1, sig)
}

// rawSignature turns an ECDSA signature into the form of XML signatures.
func rawSignature(t testing.TB, sig *etree.Element, size int) {
	value := sig.FindElement("SignatureValue")
	der, err := base64.StdEncoding.DecodeString(value.Text())
	if err != nil {
		t.Fatal(err)
	}
	var n struct{ R, S *big.Int }
	if _, err := asn1.Unmarshal(der, &n); err != nil {
		t.Fatal(err)
	}
	raw := make([]byte, 2*size)
	n.R.FillBytes(raw[:size])
	n.S.FillBytes(raw[size:])
	value.SetText(base64.StdEncoding.EncodeToString(raw))
}

func element(t testing.TB, text string) *etree.Element {
	t.Helper()
	d := etree.NewDocument()
	if err := d.ReadFromString(text); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	root := d.Root()
	d.RemoveChild(root)
	return root
}

func write(t testing.TB, e *etree.Element) string {
	t.Helper()
	text, err := etree.NewDocumentWithRoot(e.Copy()).WriteToString()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func form(text string) url.Values {
	return url.Values{"SAMLResponse": {base64.StdEncoding.EncodeToString([]byte(text))}}
}

func callback(text string) federation.Callback {
	return federation.Callback{ID: asked, Callback: acs, Form: form(text)}
}

// open opens a provider by the details that differ from the plain ones.
func open(t testing.TB, details map[string]string) federation.Provider {
	t.Helper()
	all := map[string]string{detailFile: describe(idpSigner(t))}
	for k, v := range details {
		all[k] = v
	}
	key := fileKey(t, "sp")
	own := certify(t, key, time.Now().AddDate(10, 0, 0)).certificate
	kind := Kind{Env: federation.Env{Skew: time.Minute}}
	p, err := kind.Open(federation.Settings{
		PoolID: poolID, Name: "Corp", Type: "SAML", Details: all,
		Keys: &federation.Keys{Signer: key, Certificate: own, Decrypter: key, Encryption: own},
	})
	if err != nil {
		t.Fatal(err)
	}
	return p
}
