package saml

import (
	"bytes"
	"compress/flate"
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"io"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/beevik/etree"
	"github.com/google/go-cmp/cmp"

	"cognate/internal/federation"
)

// sent takes an address apart as a provider does. The query keeps its order, in which it is signed.
func sent(t *testing.T, address, to string) (*etree.Element, url.Values) {
	t.Helper()
	if !strings.HasPrefix(address, to) {
		t.Fatalf("%s does not lead to %s", address, to)
	}
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	packed, err := base64.StdEncoding.DecodeString(u.Query().Get("SAMLRequest"))
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(flate.NewReader(bytes.NewReader(packed)))
	if err != nil {
		t.Fatal(err)
	}
	return element(t, string(text)), u.Query()
}

// wantSigned checks the signature of a query over its octets.
func wantSigned(t *testing.T, address string) {
	t.Helper()
	_, query, _ := strings.Cut(address, "SAMLRequest=")
	text, signature, ok := strings.Cut("SAMLRequest="+query, "&Signature=")
	if !ok || !strings.HasSuffix(text, "&SigAlg="+url.QueryEscape(algRSASHA256)) {
		t.Fatalf("%s is not signed", address)
	}
	signature, err := url.QueryUnescape(signature)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := base64.StdEncoding.DecodeString(signature)
	if err != nil {
		t.Fatal(err)
	}
	hash := sha256.Sum256([]byte(text))
	if err := rsa.VerifyPKCS1v15(&fileKey(t, "sp").PublicKey, crypto.SHA256, hash[:], raw); err != nil {
		t.Error(err)
	}
}

func attributesOf(e *etree.Element) map[string]string {
	out := map[string]string{}
	for _, a := range e.Attr {
		if a.Space != "xmlns" {
			out[a.Key] = a.Value
		}
	}
	return out
}

// wantNow takes the time out of attributes and looks at it.
func wantNow(t *testing.T, attributes map[string]string, key string, from, to time.Duration) {
	t.Helper()
	at, err := time.Parse("2006-01-02T15:04:05.000Z", attributes[key])
	if in := time.Until(at); err != nil || in < from || in > to {
		t.Errorf("%s is %q", key, attributes[key])
	}
	delete(attributes, key)
}

func TestBegin(t *testing.T) {
	const state = `a&b="<é>`
	for _, tt := range []struct {
		details map[string]string
		prompt  string
		more    map[string]string
	}{
		{nil, "", nil},
		{map[string]string{detailSigning: "rsa-sha256"}, "select_account login", map[string]string{"ForceAuthn": "true"}},
	} {
		address, err := open(t, tt.details).Begin(t.Context(), federation.Request{ID: asked, State: state, Callback: acs, Prompt: tt.prompt, LoginHint: "x"})
		if err != nil {
			t.Fatal(err)
		}
		e, query := sent(t, address, idpSSO+"&SAMLRequest=")
		if !is(e, nsProtocol, "AuthnRequest") || query.Get("RelayState") != state || query.Get("tenant") != "1" {
			t.Errorf("got %s with %v", e.Tag, query)
		}
		got := attributesOf(e)
		wantNow(t, got, "IssueInstant", -time.Minute, 0)
		want := map[string]string{"ID": asked, "Version": "2.0", "Destination": idpSSO, "ProtocolBinding": bindingPost, "AssertionConsumerServiceURL": acs}
		for k, v := range tt.more {
			want[k] = v
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
		if issuer, err := textOfOne(e, "Issuer"); issuer != audience {
			t.Errorf("the issuer is %q, %v", issuer, err)
		}
		if signed := query.Has("Signature"); signed != (tt.details != nil) {
			t.Errorf("signed is %v", signed)
		} else if signed {
			wantSigned(t, address)
		}
	}
}

// BenchmarkBegin: what it allocates has to be collected by the same processors that sign.
func BenchmarkBegin(b *testing.B) {
	p := open(b, nil)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := p.Begin(b.Context(), federation.Request{ID: asked, State: "s", Callback: acs}); err != nil {
			b.Fatal(err)
		}
	}
}

func TestMetadataDescribesThePool(t *testing.T) {
	key := certify(t, fileKey(t, "sp"), time.Now().Add(time.Hour)).certificate
	text, err := Metadata(poolID, acs+`?a=1&b="2"`, sloBack, &federation.Keys{Certificate: key, Encryption: key})
	if err != nil {
		t.Fatal(err)
	}
	root, err := parse(text, 100)
	if err != nil {
		t.Fatal(err)
	}
	if !is(root, nsMetadata, "EntityDescriptor") || attribute(root, "entityID") != audience {
		t.Errorf("got %s", text)
	}
	role, err := exactlyOne(root, nsMetadata, "SPSSODescriptor")
	if err != nil {
		t.Fatal(err)
	}
	var order []string
	for _, e := range role.ChildElements() {
		order = append(order, e.Tag+" "+attribute(e, "use")+attribute(e, "Location")+attribute(e, "Binding"))
		for _, c := range certificateTexts(e) {
			if c != base64.StdEncoding.EncodeToString(key) {
				t.Errorf("the certificate is %s", c)
			}
		}
	}
	want := []string{"KeyDescriptor signing", "KeyDescriptor encryption", "SingleLogoutService " + sloBack + bindingPost, "AssertionConsumerService " + acs + `?a=1&b="2"` + bindingPost}
	if diff := cmp.Diff(want, order); diff != "" {
		t.Error(diff)
	}
	if text, err = Metadata(poolID, acs, "", nil); err != nil || bytes.Contains(text, []byte("Logout")) || bytes.Contains(text, []byte("Key")) {
		t.Errorf("got %s, %v", text, err)
	}
}

// What a provider does not do is not in what it is shown.
func TestDescribe(t *testing.T) {
	for _, tt := range []struct {
		details     map[string]string
		logout, key bool
	}{
		{nil, false, false},
		{map[string]string{detailSignout: "true"}, true, false},
		{map[string]string{detailEncrypted: "true"}, false, true},
	} {
		p := open(t, tt.details)
		if l, ok := p.(leaver); ok {
			p = l.provider
		}
		text, err := p.(*provider).Describe(acs, sloBack)
		logout, key := bytes.Contains(text, []byte(sloBack)), bytes.Contains(text, []byte(`use="encryption"`))
		if err != nil || logout != tt.logout || key != tt.key || !bytes.Contains(text, []byte(audience)) {
			t.Errorf("%v: got %s, %v", tt.details, text, err)
		}
	}
}
