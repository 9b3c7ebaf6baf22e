package browser_test

import (
	"crypto/tls"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"cognate/internal/browser"
)

func request(method string, secure bool, form url.Values) *http.Request {
	r := httptest.NewRequest(method, "/login", strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if secure {
		r.TLS = new(tls.ConnectionState)
	}
	r.ParseForm()
	return r
}

// TestCookies are for this host alone, out of reach of scripts, and by TLS where clients come by it (checklist 35).
func TestCookies(t *testing.T) {
	for what, c := range map[string]struct {
		cookies browser.Cookies
		tls     bool
		want    string
	}{
		"in clear":       {browser.Cookies{}, false, "x=v; Path=/; Max-Age=3600; HttpOnly; SameSite=Lax"},
		"by TLS":         {browser.Cookies{}, true, "__Host-x=v; Path=/; Max-Age=3600; HttpOnly; Secure; SameSite=Lax"},
		"behind a proxy": {browser.Cookies{Secure: true}, false, "__Host-x=v; Path=/; Max-Age=3600; HttpOnly; Secure; SameSite=Lax"},
	} {
		w, r := httptest.NewRecorder(), request(http.MethodGet, c.tls, nil)
		c.cookies.Set(w, r, "x", "v", time.Hour)
		if got := w.Header().Get("Set-Cookie"); got != c.want {
			t.Errorf("%s: %s", what, got)
		}
		r.AddCookie(w.Result().Cookies()[0])
		if got := c.cookies.Get(r, "x"); got != "v" {
			t.Errorf("%s: comes back as %q", what, got)
		}
		w = httptest.NewRecorder()
		if c.cookies.Clear(w, r, "x"); !strings.Contains(w.Header().Get("Set-Cookie"), "Max-Age=0") {
			t.Errorf("%s: cleared by %s", what, w.Header().Get("Set-Cookie"))
		}
	}
	plain := request(http.MethodGet, true, nil)
	plain.AddCookie(&http.Cookie{Name: "x", Value: "planted in clear"})
	if got := (browser.Cookies{}).Get(plain, "x"); got != "" {
		t.Errorf("a cookie that anybody on the way could set: %q", got)
	}
}

// TestForged takes a form whose token is its cookie's, from a page of this origin (checklist 33).
func TestForged(t *testing.T) {
	w := httptest.NewRecorder()
	var cookies browser.Cookies
	token := cookies.FormToken(w, request(http.MethodGet, false, nil))
	cookie := w.Result().Cookies()[0]
	if cookie.Name != "XSRF-TOKEN" || cookie.Value != token || len(token) < 22 {
		t.Fatalf("%v", cookie)
	}
	again := request(http.MethodGet, false, nil)
	again.AddCookie(cookie)
	if w := httptest.NewRecorder(); cookies.FormToken(w, again) != token || w.Header().Get("Set-Cookie") != "" {
		t.Error("a second page has another token")
	}
	for what, c := range map[string]struct {
		token, cookie, header, value string
		forged                       bool
	}{
		"right":                {token, token, "", "", false},
		"this origin's":        {token, token, "Sec-Fetch-Site", "same-origin", false},
		"typed in":             {token, token, "Sec-Fetch-Site", "none", false},
		"no token":             {"", token, "", "", true},
		"no cookie":            {token, "", "", "", true},
		"neither":              {"", "", "", "", true},
		"another token":        {strings.Repeat("A", 22), token, "", "", true},
		"a token of one's own": {"x", "x", "", "", true},
		"another site's":       {token, token, "Sec-Fetch-Site", "cross-site", true},
		"another host's":       {token, token, "Sec-Fetch-Site", "same-site", true},
		"another origin's":     {token, token, "Origin", "https://evil.example", true},
	} {
		r := request(http.MethodPost, false, url.Values{browser.FormField: {c.token}})
		if c.cookie != "" {
			r.AddCookie(&http.Cookie{Name: "XSRF-TOKEN", Value: c.cookie})
		}
		if c.header != "" {
			r.Header.Set(c.header, c.value)
		}
		if cookies.Forged(r) != c.forged {
			t.Errorf("%s: forged is %v", what, !c.forged)
		}
	}
}
