package hostedui_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"cognate/api/idp"
	"cognate/internal/hostedui"
)

// TestSignIn signs in with a password; the browser stays signed in then.
func TestSignIn(t *testing.T) {
	onEngines(t, func(h *house) {
		h.user("jane")
		b := h.browser().open("/login" + h.query("login_hint", "jane"))
		if b.status != http.StatusOK || b.header.Get("Content-Type") != "text/html; charset=utf-8" {
			t.Fatalf("%d %v", b.status, b.header)
		}
		b.send("", "username", "jane", "password", "wrong").shows("/login", "Incorrect username or password.")
		b.send("", "username", "nobody", "password", password).shows("/login", "This user does not exist.")
		tokens := b.send("", "username", "jane", "password", password).signedIn()
		if tokens.ID == "" || tokens.Refresh == "" {
			t.Errorf("%+v", tokens)
		}
		b.open("/login" + h.query()).signedIn()
		b.open("/login"+h.query("prompt", "login")).shows("/login", "")
		if b.open("/login" + h.query("prompt", "none")); b.at.Query().Get("code") == "" {
			t.Errorf("without a prompt: at %s", b.at)
		}
		if other := h.browser().open("/login" + h.query("prompt", "none")); other.at.Query().Get("error") != "login_required" {
			t.Errorf("nobody, without a prompt: at %s", other.at)
		}
	})
}

// TestForgedForms takes forms from its own pages only, and at once (checklist 33).
func TestForgedForms(t *testing.T) {
	onEngines(t, func(h *house) {
		h.user("jane")
		right := url.Values{"username": {"jane"}, "password": {password}}
		b := h.browser()
		for _, path := range []string{"/login", "/signup", "/forgotPassword", "/confirm", "/confirmforgotPassword", "/account", "/passkeys/add"} {
			if b.post(h.address+path+h.query(), right); b.status != http.StatusForbidden {
				t.Errorf("%s without a page: %d at %s", path, b.status, b.at)
			}
		}
		b.open("/login" + h.query())
		token := fields(b.form("")).Get("_csrf")
		if b.post(h.address+"/login"+h.query(), url.Values{"username": {"jane"}, "password": {password}, "_csrf": {token[:len(token)-1] + "x"}}); b.status != http.StatusForbidden {
			t.Errorf("another token: %d at %s", b.status, b.at)
		}
		if other := h.browser().post(h.address+"/login"+h.query(), url.Values{"username": {"jane"}, "password": {password}, "_csrf": {token}}); other.status != http.StatusForbidden {
			t.Errorf("a token without its cookie: %d at %s", other.status, other.at)
		}
		right.Set("_csrf", token)
		for header, value := range map[string]string{"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"} {
			r, err := http.NewRequest(http.MethodPost, h.address+"/login"+h.query(), strings.NewReader(right.Encode()))
			h.must(err)
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			r.Header.Set(header, value)
			got, err := b.client.Do(r)
			h.must(err)
			if b.arrive(got); b.status != http.StatusForbidden {
				t.Errorf("%s %s: %d at %s", header, value, b.status, b.at)
			}
		}
		b.post(h.address+"/login"+h.query(), right).signedIn()
	})
}

// TestHeaders holds all pages to what keeps them from being framed, kept, sniffed, or loading from elsewhere (checklist 33,
// 34, 35).
func TestHeaders(t *testing.T) {
	onEngines(t, func(h *house) {
		h.user("jane")
		b := h.browser()
		for _, path := range []string{"/login", "/signup", "/forgotPassword", "/error"} {
			b.open(path + h.query())
			for name, want := range map[string]string{
				"Content-Security-Policy": "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; form-action 'self' https:; frame-ancestors 'none'; base-uri 'none'",
				"X-Frame-Options":         "DENY", "Referrer-Policy": "no-referrer", "X-Content-Type-Options": "nosniff",
			} {
				if got := b.header.Get(name); got != want && !(path == "/error" && strings.Contains(got, "form-action 'self';")) {
					t.Errorf("%s: %s is %q", path, name, got)
				}
			}
			if !strings.Contains(b.header.Get("Cache-Control"), "no-store") {
				t.Errorf("%s: %v", path, b.header)
			}
		}
		b.open("/login"+h.query()).send("", "username", "jane", "password", password)
		if b.status != http.StatusFound {
			t.Errorf("after the form: %d", b.status)
		}
		cookies := strings.Join(b.header.Values("Set-Cookie"), "\n")
		if !strings.Contains(cookies, "cognito-"+h.pool.ID+"=") || !strings.Contains(cookies, "HttpOnly; SameSite=Lax") || !strings.Contains(cookies, "Max-Age=3600") {
			t.Errorf("cookies: %s", cookies)
		}
	})
}

// TestFixation gives a browser a new login whatever it brings (checklist 35).
func TestFixation(t *testing.T) {
	onEngines(t, func(h *house) {
		h.user("jane")
		b := h.browser()
		at, err := url.Parse(h.address)
		h.must(err)
		planted := strings.Repeat("A", 43)
		b.client.Jar.SetCookies(at, []*http.Cookie{{Name: "cognito-" + h.pool.ID, Value: planted, Path: "/"}})
		b.open("/login"+h.query()).send("", "username", "jane", "password", password).signedIn()
		for _, c := range b.client.Jar.Cookies(at) {
			if c.Name == "cognito-"+h.pool.ID && (c.Value == planted || len(c.Value) < 43) {
				t.Errorf("the login's value is %s", c.Value)
			}
		}
	})
}

// TestBadRequests shows what cannot be sent to an app, and sends the rest (checklist 24, 36).
func TestBadRequests(t *testing.T) {
	onEngines(t, func(h *house) {
		evil := `"><script>alert(1)</script>`
		for what, c := range map[string]struct {
			query, text string
		}{
			"no client":         {"", "Required String parameter 'client_id' is not present"},
			"unknown client":    {h.query("client_id", "nobody"), "invalid_request"},
			"a foreign URI":     {h.query("redirect_uri", "https://evil.example"), "redirect_mismatch"},
			"a hostile client":  {h.query("client_id", evil), "invalid_request"},
			"a huge state":      {h.query("state", strings.Repeat("x", 9000)), "The request is too long."},
			"a malformed query": {"?client_id=%zz", "malformed"},
		} {
			b := h.browser().open("/login" + c.query)
			if b.status != http.StatusBadRequest {
				t.Errorf("%s: %d at %s", what, b.status, b.at)
			}
			b.shows("/login", c.text)
		}
		b := h.browser().open("/login" + h.query("login_hint", evil, "lang", evil, "idp_identifier", ""))
		if len(find(b.page, isAlert)) > 0 {
			t.Errorf("the hint made an element")
		}
		if b.open("/error?error=" + url.QueryEscape(evil)); strings.Contains(b.text(), "alert") {
			t.Errorf("the error page repeats: %s", b.text())
		}
		const id = "4b2a2a2e-9a0c-4a43-9bf6-1f8f3f0a7d11"
		b.open("/error?error=Invalid+state&request_id="+id).shows("/error", "Signing in has failed.").shows("/error", "Request: "+id)
		if b.open("/error?request_id=" + url.QueryEscape(evil)); strings.Contains(b.text(), "alert") || strings.Contains(b.text(), "Request:") {
			t.Errorf("the error page repeats what is no id: %s", b.text())
		}
		if b.open("/login" + h.query("scope", "x")); b.at.String() != callback+"?error=invalid_request&error_description=invalid_scope&state=s+t" {
			t.Errorf("a scope of nobody's: at %s", b.at)
		}
	})
}

// TestNewPassword changes a temporary password, and asks for what is missing.
func TestNewPassword(t *testing.T) {
	onEngines(t, func(h *house) {
		h.openPool(&idp.CreateUserPoolRequest{PoolName: "names", Schema: []*idp.SchemaAttributeType{{Name: "name", AttributeDataType: "String", Required: new(true), Mutable: new(true)}}})
		_, err := h.core.Users.AdminCreate(t.Context(), h.pool, &idp.AdminCreateUserRequest{UserPoolId: h.pool.ID, Username: "jane", TemporaryPassword: password, MessageAction: "SUPPRESS"})
		h.must(err)
		b := h.browser().open("/login"+h.query()).send("", "username", "jane", "password", password)
		b.send("", "new_password", "N3w-Passw0rd!", "repeat", "other").shows("/login", "do not match")
		b.send("", "new_password", "short", "repeat", "short", "userAttributes.name", "Jane").shows("/login", "too short")
		b.send("", "new_password", "N3w-Passw0rd!", "repeat", "N3w-Passw0rd!", "userAttributes.name", "Jane").signedIn()
		u, err := h.core.Users.Find(t.Context(), h.pool, "jane")
		h.must(err)
		if u.Attributes["name"] != "Jane" || u.Status != "CONFIRMED" {
			t.Errorf("%+v", u)
		}
	})
}

// TestDisabled tells a disabled user, who has shown the password, and lets nobody in.
func TestDisabled(t *testing.T) {
	onEngines(t, func(h *house) {
		h.user("jane")
		b := h.browser().open("/login"+h.query()).send("", "username", "jane", "password", password)
		b.signedIn()
		h.must(h.core.Users.AdminDisable(t.Context(), h.pool, "jane"))
		b.open("/login"+h.query()).shows("/login", "").send("", "username", "jane", "password", password).shows("/login", "disabled")
	})
}

// TestSessionsOfPages are of no use to clients, nor to other pages' requests: a challenge's Session stays where it was
// made.
func TestSessionsOfPages(t *testing.T) {
	onEngines(t, func(h *house) {
		_, err := h.core.Users.AdminCreate(t.Context(), h.pool, &idp.AdminCreateUserRequest{UserPoolId: h.pool.ID, Username: "jane", TemporaryPassword: password, MessageAction: "SUPPRESS",
			UserAttributes: []*idp.AttributeType{{Name: "email", Value: "jane@example.com"}}})
		h.must(err)
		b := h.browser().open("/login"+h.query()).send("", "username", "jane", "password", password)
		session := fields(b.form("")).Get(hostedui.FieldSession)
		h.openClient(&idp.CreateUserPoolClientRequest{})
		b.post(h.address+"/login"+h.query(), url.Values{"_csrf": {fields(b.form("")).Get("_csrf")}, "session": {session}, "challenge": {"NEW_PASSWORD_REQUIRED"}, "username": {"jane"},
			"new_password": {"N3w-Passw0rd!"}, "repeat": {"N3w-Passw0rd!"}}).shows("/login", "")
		if strings.HasPrefix(b.at.String(), callback) {
			t.Errorf("another client's page took it: at %s", b.at)
		}
	})
}

func isAlert(n *html.Node) bool {
	return n.Data == "script" && strings.Contains(attr(n, "src"), "alert") || n.Data == "script" && n.FirstChild != nil
}

// TestFrames lets nobody frame the pages but whom the operator names for a client (checklist 33).
func TestFrames(t *testing.T) {
	onEngines(t, func(h *house) {
		b := h.browser().open("/login" + h.query())
		if !strings.Contains(b.header.Get("Content-Security-Policy"), "frame-ancestors 'none'") || b.header.Get("X-Frame-Options") != "DENY" {
			t.Errorf("%v", b.header)
		}
		for _, bad := range []string{"", "*", "https://*.example.com", "https://app.example/x", "http://", "javascript:x", "https://a.example;script-src", "'self'"} {
			in := &idp.CreateUserPoolRequest{PoolName: "framed", UserPoolTags: map[string]string{"cognate:frame-ancestors:app": bad}}
			if _, err := h.core.Pools.Create(t.Context(), "us-east-1", in); err == nil {
				t.Errorf("%q was taken", bad)
			}
		}
		h.openPool(&idp.CreateUserPoolRequest{PoolName: "framed", UserPoolTags: map[string]string{"cognate:frame-ancestors:app": "https://app.example https://b.example:8443"}})
		b.open("/login" + h.query())
		if !strings.Contains(b.header.Get("Content-Security-Policy"), "frame-ancestors 'self' https://app.example https://b.example:8443;") || b.header.Get("X-Frame-Options") != "" {
			t.Errorf("%v", b.header)
		}
	})
}
