package hostedui_test

import (
	"bytes"
	"image"
	"image/png"
	"io"
	"net/http"
	"strings"
	"testing"

	"cognate/api/idp"
)

// openAt opens a path at a host of the house.
func (t *tab) openAt(host, path string) *tab {
	t.Helper()
	r, err := http.NewRequest(http.MethodGet, t.address+path, nil)
	t.must(err)
	r.Host = host
	got, err := t.client.Do(r)
	t.must(err)
	return t.arrive(got)
}

// read returns what is at an address of the house.
func (t *tab) read(path string) (string, http.Header) {
	t.Helper()
	got, err := t.client.Get(t.address + path)
	t.must(err)
	defer got.Body.Close()
	text, err := io.ReadAll(got.Body)
	t.must(err)
	if got.StatusCode != http.StatusOK {
		t.Fatalf("%s: %d %s", path, got.StatusCode, text)
	}
	return string(text), got.Header
}

func sheets(b *tab) (out []string) {
	for _, n := range find(b.page, func(n *htmlNode) bool { return n.Data == "link" && attr(n, "rel") == "stylesheet" }) {
		out = append(out, attr(n, "href"))
	}
	return out
}

func drawing(t *testing.T) []byte {
	var b bytes.Buffer
	if err := png.Encode(&b, image.NewGray(image.Rect(0, 0, 4, 4))); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// TestBranding dresses managed login in a client's branding, and has no pages at its domain for a client without one.
func TestBranding(t *testing.T) {
	onEngines(t, func(h *house) {
		_, err := h.core.Pools.CreateDomain(t.Context(), &idp.CreateUserPoolDomainRequest{UserPoolId: h.pool.ID, Domain: "shop", ManagedLoginVersion: new(int64(2))})
		h.must(err)
		const host = "shop.auth.us-east-1.localhost"
		b := h.browser().openAt(host, "/login"+h.query())
		if b.status != http.StatusForbidden || !strings.Contains(b.text(), "Login pages unavailable. Please contact an administrator.") {
			t.Fatalf("%d %s", b.status, b.text())
		}
		_, err = h.core.Pools.CreateBranding(t.Context(), &idp.CreateManagedLoginBrandingRequest{UserPoolId: h.pool.ID, ClientId: h.client.ID,
			Settings: []byte(`{"components":{"primaryButton":{"lightMode":{"defaults":{"backgroundColor":"123456ff"}}},"form":{"logo":{"enabled":true}}}}`),
			Assets:   []*idp.AssetType{{Category: "FORM_LOGO", ColorMode: "LIGHT", Extension: "PNG", Bytes: drawing(t)}}})
		h.must(err)
		b.openAt(host, "/login"+h.query())
		if b.status != http.StatusOK || len(sheets(b)) != 2 {
			t.Fatalf("%d, style sheets %v", b.status, sheets(b))
		}
		if css, header := b.read(sheets(b)[1]); !strings.Contains(css, "#123456ff") || header.Get("Content-Type") != "text/css; charset=utf-8" || !strings.Contains(header.Get("Cache-Control"), "immutable") {
			t.Errorf("%v %s", header, css)
		}
		logos := find(b.page, func(n *htmlNode) bool { return n.Data == "img" })
		if len(logos) != 1 {
			t.Fatalf("%d images", len(logos))
		}
		content, header := b.read(attr(logos[0], "src"))
		if content != string(drawing(t)) || header.Get("Content-Type") != "image/png" || !strings.Contains(header.Get("Content-Security-Policy"), "sandbox") || header.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%v", header)
		}
		for _, nothing := range []string{"/_cognate/branding/" + h.pool.ID + "/x.png", "/_cognate/branding/us-east-1_Nobody/0123456789abcdef0123456789abcdef.png", "/_cognate/themes/nobody/x/theme.css"} {
			if b.open(nothing); b.status != http.StatusNotFound {
				t.Errorf("%s: %d", nothing, b.status)
			}
		}
	})
}

// TestClassic dresses the classic pages in the pool's style sheet and logo.
func TestClassic(t *testing.T) {
	onEngines(t, func(h *house) {
		_, err := h.core.Pools.CreateDomain(t.Context(), &idp.CreateUserPoolDomainRequest{UserPoolId: h.pool.ID, Domain: "shop"})
		h.must(err)
		const host = "shop.auth.us-east-1.localhost"
		if b := h.browser().openAt(host, "/login"+h.query()); b.status != http.StatusOK || len(sheets(b)) != 1 {
			t.Fatalf("%d, style sheets %v", b.status, sheets(b))
		}
		_, err = h.core.Pools.SetUICustomization(t.Context(), &idp.SetUICustomizationRequest{UserPoolId: h.pool.ID, CSS: ".submitButton-customizable {background-color: #abcdef;}", ImageFile: drawing(t)})
		h.must(err)
		b := h.browser().openAt(host, "/login"+h.query())
		if len(sheets(b)) != 2 {
			t.Fatalf("style sheets %v", sheets(b))
		}
		if css, _ := b.read(sheets(b)[1]); !strings.Contains(css, "#abcdef") {
			t.Errorf("%s", css)
		}
		if len(find(b.page, func(n *htmlNode) bool { return n.Data == "img" })) != 1 {
			t.Error("no logo")
		}
	})
}

// TestTerms links both documents in the language of the page, and neither alone.
func TestTerms(t *testing.T) {
	onEngines(t, func(h *house) {
		terms := func(name string) {
			_, err := h.core.Pools.CreateTerms(t.Context(), &idp.CreateTermsRequest{UserPoolId: h.pool.ID, ClientId: h.client.ID, TermsName: name, TermsSource: "LINK", Enforcement: "NONE",
				Links: map[string]string{"cognito:default": "https://shop.example/" + name, "cognito:german": "https://shop.example/de/" + name}})
			h.must(err)
		}
		links := func(lang string) (out []string) {
			for _, n := range find(h.browser().open("/signup"+h.query("lang", lang)).page, func(n *htmlNode) bool { return strings.HasPrefix(attr(n, "href"), "https://shop.example/") }) {
				out = append(out, attr(n, "href"))
			}
			return out
		}
		terms("terms-of-use")
		if got := links("en"); len(got) != 0 {
			t.Errorf("one alone: %v", got)
		}
		terms("privacy-policy")
		if got := strings.Join(links("en"), " "); got != "https://shop.example/terms-of-use https://shop.example/privacy-policy" {
			t.Errorf("in English: %v", got)
		}
		if got := strings.Join(links("de"), " "); got != "https://shop.example/de/terms-of-use https://shop.example/de/privacy-policy" {
			t.Errorf("in German: %v", got)
		}
	})
}

// TestPreview shows every page of a client, with no way to do anything there.
func TestPreview(t *testing.T) {
	onEngines(t, func(h *house) {
		b := h.browser().open("/_cognate/preview/" + h.client.ID)
		links := find(b.page, func(n *htmlNode) bool { return n.Data == "a" })
		if len(links) < 30 {
			t.Fatalf("%d pages: %s", len(links), b.text())
		}
		for _, n := range links {
			if b.open(attr(n, "href") + "?lang=fr"); b.status != http.StatusOK || attr(find(b.page, func(n *htmlNode) bool { return n.Data == "html" })[0], "lang") != "fr" {
				t.Errorf("%s: %d", attr(n, "href"), b.status)
			}
		}
		for path, status := range map[string]int{"/_cognate/preview/nobody": http.StatusBadRequest, "/_cognate/preview/" + h.client.ID + "/nothing": http.StatusNotFound} {
			if b.open(path); b.status != status {
				t.Errorf("%s: %d", path, b.status)
			}
		}
	})
}
