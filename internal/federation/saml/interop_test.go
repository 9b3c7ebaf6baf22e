package saml

import (
	"bytes"
	"crypto/x509"
	"encoding/base64"
	"encoding/xml"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"testing"
	"time"

	crewjam "github.com/crewjam/saml"
	"github.com/crewjam/saml/logger"
	dsig "github.com/russellhaering/goxmldsig"

	"cognate/internal/federation"
)

// registry is the service providers that a foreign provider knows, and whoever is signed in at it.
type registry map[string]*crewjam.EntityDescriptor

func (r registry) GetServiceProvider(_ *http.Request, id string) (*crewjam.EntityDescriptor, error) {
	if sp, ok := r[id]; ok {
		return sp, nil
	}
	return nil, os.ErrNotExist
}

func (r registry) GetSession(http.ResponseWriter, *http.Request, *crewjam.IdpAuthnRequest) *crewjam.Session {
	now := time.Now()
	return &crewjam.Session{
		ID: "s", CreateTime: now, ExpireTime: now.Add(time.Hour), Index: "session-1", NameID: alice, NameIDFormat: string(crewjam.PersistentNameIDFormat),
		UserEmail: "alice@example.com", Groups: []string{"a", "b"},
	}
}

// foreign is an identity provider that others wrote, which reads our metadata.
func foreign(t *testing.T, r registry) *crewjam.IdentityProvider {
	t.Helper()
	s := idpSigner(t)
	certificate, err := x509.ParseCertificate(s.certificate)
	if err != nil {
		t.Fatal(err)
	}
	address := func(path string) url.URL { return url.URL{Scheme: "https", Host: "foreign.example.com", Path: path} }
	return &crewjam.IdentityProvider{
		Key: s.Signer, Certificate: certificate, Logger: logger.DefaultLogger, SignatureMethod: dsig.RSASHA256SignatureMethod,
		MetadataURL: address("/metadata"), SSOURL: address("/sso"), LogoutURL: address("/logout"), ServiceProviderProvider: r, SessionProvider: r,
	}
}

// describeTo has a foreign provider read our metadata.
func describeTo(t *testing.T, r registry, keys *federation.Keys) {
	t.Helper()
	text, err := Metadata(poolID, acs, sloBack, keys)
	if err != nil {
		t.Fatal(err)
	}
	sp := new(crewjam.EntityDescriptor)
	if err := xml.Unmarshal(text, sp); err != nil {
		t.Fatal(err)
	}
	r[sp.EntityID] = sp
}

// An identity provider written by others reads our metadata and our request, and we read its metadata and its answer, in clear
// and encrypted.
func TestForeignProvider(t *testing.T) {
	key := certify(t, fileKey(t, "sp"), time.Now().AddDate(10, 0, 0)).certificate
	for name, keys := range map[string]*federation.Keys{"clear": {Certificate: key}, "encrypted": {Certificate: key, Encryption: key}} {
		t.Run(name, func(t *testing.T) {
			r := registry{}
			describeTo(t, r, keys)
			idp := foreign(t, r)
			text, err := xml.Marshal(idp.Metadata())
			if err != nil {
				t.Fatal(err)
			}
			details := map[string]string{detailFile: string(text), detailEncrypted: "false", detailSigning: "rsa-sha256"}
			if keys.Encryption != nil {
				details[detailEncrypted] = "true"
			}
			if details, err = (Kind{}).Check(t.Context(), details); err != nil {
				t.Fatal(err)
			}
			p := open(t, details)
			got, err := p.Finish(t.Context(), federation.Callback{ID: asked, Callback: acs, Form: visit(t, p, idp)})
			if err != nil {
				t.Fatalf("%v: %v", err, causeOf(err))
			}
			if got.Subject != alice || got.Claims["urn:oid:0.9.2342.19200300.100.1.3"][0] != "alice@example.com" {
				t.Errorf("got %v", got)
			}
		})
	}
}

// visit does as the browser does between Begin and Finish, and returns the form that it is given.
func visit(t *testing.T, p federation.Provider, idp *crewjam.IdentityProvider) url.Values {
	t.Helper()
	address, err := p.Begin(t.Context(), federation.Request{ID: asked, State: "state", Callback: acs})
	if err != nil {
		t.Fatal(err)
	}
	req, err := crewjam.NewIdpAuthnRequest(idp, httptest.NewRequest(http.MethodGet, address, nil))
	if err != nil {
		t.Fatal(err)
	}
	if err := req.Validate(); err != nil {
		t.Fatal(err)
	}
	if err := (crewjam.DefaultAssertionMaker{}).MakeAssertion(req, registry{}.GetSession(nil, nil, req)); err != nil {
		t.Fatal(err)
	}
	answer, err := req.PostBinding()
	if err != nil {
		t.Fatal(err)
	}
	plain, err := base64.StdEncoding.DecodeString(answer.SAMLResponse)
	if err != nil || answer.RelayState != "state" || answer.URL != acs {
		t.Fatalf("got %v, %v", answer, err)
	}
	if bytes.Contains(plain, []byte("EncryptedAssertion")) != p.(*provider).encrypted {
		t.Errorf("got %s", plain)
	}
	return url.Values{"SAMLResponse": {answer.SAMLResponse}, "RelayState": {answer.RelayState}}
}
