//go:build linux

package main

import (
	"bytes"
	"compress/flate"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"time"
)

// identityProvider stands in for a service that users sign in at. It answers at once, and in the cheapest way.
type identityProvider interface {
	// describe tells the type of provider and its ProviderDetails.
	describe() (kind string, details map[string]string)
	// answer is what a browser that was sent to an address comes back with: a method, a path and a form.
	answer(to *url.URL, subject string) (method, path string, form url.Values, err error)
}

// visitors are users who sign in at an identity provider, each for the first time once.
type visitors struct {
	*workload
	provider      identityProvider
	client, query string
}

// byProvider is a sign-in at a new provider, from the redirect there to the tokens.
func (w *workload) byProvider(open func(pool string) (identityProvider, error)) func(context.Context) (func(context.Context, int) error, error) {
	return func(ctx context.Context) (func(context.Context, int) error, error) {
		v := &visitors{workload: w}
		var err error
		if v.provider, err = open(w.pool); err != nil {
			return nil, err
		}
		return v.signIn, v.register(ctx)
	}
}

// register makes the provider in the pool, and an app that offers it.
func (v *visitors) register(ctx context.Context) error {
	kind, details := v.provider.describe()
	v.providers++
	name := fmt.Sprintf("%s-%d", kind, v.providers)
	text, err := json.Marshal(details)
	if err != nil {
		return err
	}
	_, err = v.call(ctx, "CreateIdentityProvider", fmt.Sprintf(`{"UserPoolId":%q,"ProviderName":%q,"ProviderType":%q,"ProviderDetails":%s,"AttributeMapping":{"email":"email"}}`,
		v.pool, name, kind, text))
	if err != nil {
		return err
	}
	out, err := v.call(ctx, "CreateUserPoolClient", fmt.Sprintf(`{"UserPoolId":%q,"ClientName":"visitors","SupportedIdentityProviders":[%q],"AllowedOAuthFlowsUserPoolClient":true,
		"AllowedOAuthFlows":["code"],"AllowedOAuthScopes":["openid","email"],"CallbackURLs":[%q]}`, v.pool, name, callback))
	v.client = out.UserPoolClient.ClientId
	v.query = "?" + url.Values{"client_id": {v.client}, "response_type": {"code"}, "redirect_uri": {callback}, "identity_provider": {name}}.Encode()
	return err
}

// signIn is the three requests of a sign-in; the provider's part is not the server's.
func (v *visitors) signIn(ctx context.Context, n int) error {
	to, cookies, err := v.follow(ctx, http.MethodGet, "/oauth2/authorize"+v.query, "")
	if err != nil {
		return err
	}
	method, path, form, err := v.provider.answer(to, fmt.Sprintf("visitor-%d", n%len(v.accounts)))
	if err != nil {
		return err
	}
	body := form.Encode()
	if method == http.MethodGet {
		path, body = path+"?"+body, ""
	}
	if to, _, err = v.follow(ctx, method, path, body, cookies...); err != nil {
		return err
	}
	code := to.Query().Get("code")
	if code == "" {
		return fmt.Errorf("no code came: sent to %s", to)
	}
	_, err = v.grant(ctx, url.Values{"grant_type": {"authorization_code"}, "client_id": {v.client}, "redirect_uri": {callback}, "code": {code}}.Encode())
	return err
}

// follow sends a form and returns where that leads, and the cookies that came.
func (v *visitors) follow(ctx context.Context, method, path, form string, cookies ...*http.Cookie) (*url.URL, []*http.Cookie, error) {
	resp, err := v.send(ctx, method, path, form, cookies...)
	if err != nil {
		return nil, nil, err
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		return nil, nil, err
	}
	to, err := resp.Location()
	if err != nil {
		return nil, nil, fmt.Errorf("%s %s: %s: %w", method, path, resp.Status, err)
	}
	return to, resp.Cookies(), nil
}

// guild is an OpenID Connect provider. Its codes say what the ID token is to say.
type guild struct {
	*httptest.Server
	key *ecdsa.PrivateKey
}

// oidcProvider starts one on the loopback network; it ends with the process.
func oidcProvider(string) (identityProvider, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	g := &guild{key: key}
	g.Server = httptest.NewServer(g)
	return g, nil
}

func (g *guild) describe() (string, map[string]string) {
	return "OIDC", map[string]string{
		"client_id": "bench", "client_secret": "word", "attributes_request_method": "GET", "oidc_issuer": g.URL, "authorize_scopes": "openid email",
		"authorize_url": g.URL + "/authorize", "token_url": g.URL + "/token", "attributes_url": g.URL + "/me", "jwks_uri": g.URL + "/keys",
	}
}

func (g *guild) answer(to *url.URL, subject string) (method, path string, form url.Values, err error) {
	q := to.Query()
	return http.MethodGet, "/oauth2/idpresponse", url.Values{"code": {subject + " " + q.Get("nonce")}, "state": q["state"]}, nil
}

// ServeHTTP implements http.Handler. The access token is the subject.
func (g *guild) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	switch r.URL.Path {
	case "/keys":
		point, err := g.key.PublicKey.Bytes() // 4, and the two coordinates
		if err != nil {
			panic(err) // only for curves that it does not know
		}
		fmt.Fprintf(w, `{"keys":[{"kty":"EC","crv":"P-256","use":"sig","alg":"ES256","kid":"k","x":%q,"y":%q}]}`, raw(point[1:33]), raw(point[33:]))
	case "/me":
		subject := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
		fmt.Fprintf(w, `{"sub":%q,"email":"%[1]s@example.com"}`, subject)
	case "/token":
		subject, nonce, _ := strings.Cut(r.PostFormValue("code"), " ")
		fmt.Fprintf(w, `{"access_token":%q,"token_type":"Bearer","id_token":%q}`, subject, g.idToken(subject, nonce))
	}
}

func (g *guild) idToken(subject, nonce string) string {
	now := time.Now().Unix()
	text := raw([]byte(`{"alg":"ES256","kid":"k"}`)) + "." + raw(fmt.Appendf(nil, `{"iss":%q,"aud":"bench","sub":%q,"nonce":%q,"iat":%d,"exp":%d,"name":"A Visitor"}`,
		g.URL, subject, nonce, now, now+3600))
	return text + "." + raw(signed(g.key, text))
}

func raw(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

// signed is a signature as JOSE and XML write it: two numbers one after the other. It is cheap: the machine is the server's.
func signed(key *ecdsa.PrivateKey, text string) []byte {
	sum := sha256.Sum256([]byte(text))
	r, s, err := ecdsa.Sign(rand.Reader, key, sum[:])
	if err != nil {
		panic(err) // only for curves that it does not know
	}
	out := make([]byte, 64)
	r.FillBytes(out[:32])
	s.FillBytes(out[32:])
	return out
}

// corp is a SAML provider that signs assertions.
type corp struct {
	pool, certificate string
	key               *ecdsa.PrivateKey
}

func samlProvider(pool string) (identityProvider, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	return &corp{pool, base64.StdEncoding.EncodeToString(der), key}, err
}

func (c *corp) describe() (string, map[string]string) {
	return "SAML", map[string]string{"MetadataFile": `<EntityDescriptor xmlns="urn:oasis:names:tc:SAML:2.0:metadata" entityID="corp"><IDPSSODescriptor protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol">` +
		`<KeyDescriptor use="signing"><KeyInfo xmlns="http://www.w3.org/2000/09/xmldsig#"><X509Data><X509Certificate>` + c.certificate + `</X509Certificate></X509Data></KeyInfo></KeyDescriptor>` +
		`<SingleSignOnService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect" Location="http://localhost/sso"/></IDPSSODescriptor></EntityDescriptor>`}
}

func (c *corp) answer(to *url.URL, subject string) (method, path string, form url.Values, err error) {
	q := to.Query()
	packed, err := base64.StdEncoding.DecodeString(q.Get("SAMLRequest"))
	if err != nil {
		return "", "", nil, err
	}
	var request struct {
		ID   string `xml:"ID,attr"`
		Back string `xml:"AssertionConsumerServiceURL,attr"`
	}
	if err := xml.NewDecoder(flate.NewReader(bytes.NewReader(packed))).Decode(&request); err != nil {
		return "", "", nil, err
	}
	text := c.response(request.ID, request.Back, subject)
	return http.MethodPost, "/saml2/idpresponse", url.Values{"SAMLResponse": {base64.StdEncoding.EncodeToString([]byte(text))}, "RelayState": q["RelayState"]}, nil
}

// Parts of an assertion, in the canonical form in which they are signed.
const (
	assertionHead = `<saml:Assertion xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion" ID="%s" IssueInstant="%s" Version="2.0"><saml:Issuer>corp</saml:Issuer>`
	assertionTail = `<saml:Subject><saml:NameID Format="urn:oasis:names:tc:SAML:2.0:nameid-format:persistent">%s</saml:NameID>` +
		`<saml:SubjectConfirmation Method="urn:oasis:names:tc:SAML:2.0:cm:bearer"><saml:SubjectConfirmationData InResponseTo="%s" NotOnOrAfter="%s" Recipient="%s"></saml:SubjectConfirmationData></saml:SubjectConfirmation></saml:Subject>` +
		`<saml:Conditions NotBefore="%s" NotOnOrAfter="%[3]s"><saml:AudienceRestriction><saml:Audience>urn:amazon:cognito:sp:%[6]s</saml:Audience></saml:AudienceRestriction></saml:Conditions>` +
		`<saml:AuthnStatement AuthnInstant="%[5]s" SessionIndex="s"><saml:AuthnContext><saml:AuthnContextClassRef>urn:oasis:names:tc:SAML:2.0:ac:classes:Password</saml:AuthnContextClassRef></saml:AuthnContext></saml:AuthnStatement>` +
		`<saml:AttributeStatement><saml:Attribute Name="email"><saml:AttributeValue>%[1]s@example.com</saml:AttributeValue></saml:Attribute>` +
		`<saml:Attribute Name="name"><saml:AttributeValue>A Visitor</saml:AttributeValue></saml:Attribute></saml:AttributeStatement></saml:Assertion>`
	signedInfo = `<ds:SignedInfo xmlns:ds="http://www.w3.org/2000/09/xmldsig#"><ds:CanonicalizationMethod Algorithm="http://www.w3.org/2001/10/xml-exc-c14n#"></ds:CanonicalizationMethod>` +
		`<ds:SignatureMethod Algorithm="http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256"></ds:SignatureMethod><ds:Reference URI="#%s"><ds:Transforms>` +
		`<ds:Transform Algorithm="http://www.w3.org/2000/09/xmldsig#enveloped-signature"></ds:Transform><ds:Transform Algorithm="http://www.w3.org/2001/10/xml-exc-c14n#"></ds:Transform></ds:Transforms>` +
		`<ds:DigestMethod Algorithm="http://www.w3.org/2001/04/xmlenc#sha256"></ds:DigestMethod><ds:DigestValue>%s</ds:DigestValue></ds:Reference></ds:SignedInfo>`
)

func (c *corp) response(request, back, subject string) string {
	now := time.Now().UTC()
	from, until := now.Format(time.RFC3339), now.Add(5*time.Minute).Format(time.RFC3339)
	id := "_" + rand.Text()
	head := fmt.Sprintf(assertionHead, id, from)
	tail := fmt.Sprintf(assertionTail, subject, request, until, back, from, c.pool)
	sum := sha256.Sum256([]byte(head + tail))
	info := fmt.Sprintf(signedInfo, id, base64.StdEncoding.EncodeToString(sum[:]))
	signature := `<ds:Signature xmlns:ds="http://www.w3.org/2000/09/xmldsig#">` + info + `<ds:SignatureValue>` + base64.StdEncoding.EncodeToString(signed(c.key, info)) +
		`</ds:SignatureValue><ds:KeyInfo><ds:X509Data><ds:X509Certificate>` + c.certificate + `</ds:X509Certificate></ds:X509Data></ds:KeyInfo></ds:Signature>`
	return fmt.Sprintf(`<samlp:Response xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol" ID="_r%s" InResponseTo="%s" IssueInstant="%s" Version="2.0" Destination="%s">`+
		`<samlp:Status><samlp:StatusCode Value="urn:oasis:names:tc:SAML:2.0:status:Success"/></samlp:Status>%s%s%s</samlp:Response>`, id, request, from, back, head, signature, tail)
}
