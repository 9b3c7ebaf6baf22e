package oauthserver_test

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"cognate/api/idp"
	"cognate/internal/authn"
	"cognate/internal/browser"
	"cognate/internal/oauth"
	"cognate/internal/pool"
	"cognate/internal/store"
	"cognate/internal/token"
)

const callback = "https://app.example/cb"

// verifier and challenge are the example of RFC 7636 appendix B.
const (
	verifier  = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
	challenge = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
)

// signIn signs the user in in a browser, and returns what the browser brings from then on.
func (h *house) signIn() string {
	h.Helper()
	e := h.oauth.Entrance(&oauth.Request{Pool: h.pool, Page: oauth.PageAccount}, "agent", "192.0.2.1")
	entry := authn.Entry{User: h.user, Flow: token.NewFlow(), Proof: token.Proof{Methods: []string{"pwd"}}}
	h.must(e.Enter(h.Context(), entry, func(*store.Tx) error { return nil }))
	return e.Value
}

// visit goes to a path as a browser does that brings a login's value, and returns where it is sent.
func (h *house) visit(login, path string, pairs ...string) (int, *url.URL) {
	h.Helper()
	r, err := http.NewRequestWithContext(h.Context(), http.MethodGet, h.server+path+"?"+form(pairs...), nil)
	h.must(err)
	r.AddCookie(&http.Cookie{Name: browser.LoginCookie(h.pool.ID), Value: login})
	got, err := http.DefaultTransport.RoundTrip(r)
	h.must(err)
	got.Body.Close()
	return got.StatusCode, h.sent(got)
}

// sent is where a browser is sent. The error page's address must name the request, by an id that the log knows; it is left out.
func (h *house) sent(got *http.Response) *url.URL {
	h.Helper()
	to, err := url.Parse(got.Header.Get("Location"))
	h.must(err)
	if to.Path != "/error" {
		return to
	}
	q := to.Query()
	if id := q.Get("request_id"); uuid.Validate(id) != nil || !strings.Contains(h.log.String(), "id="+id) {
		h.Errorf("%s names no request of the log", to)
	}
	q.Del("request_id")
	to.RawQuery = q.Encode()
	return to
}

// logged is a log to look into.
type logged struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// ask is an authorization request of the app for a code, with pairs beside or in place of the usual ones.
func (h *house) ask(login string, pairs ...string) *url.URL {
	h.Helper()
	status, to := h.visit(login, "/oauth2/authorize", h.request(pairs...)...)
	if status != http.StatusFound {
		h.Fatalf("%v: %d", pairs, status)
	}
	return to
}

func (h *house) request(pairs ...string) []string {
	usual := []string{"client_id", h.app.ID, "response_type", "code", "redirect_uri", callback}
	for i := 0; i < len(usual); i += 2 {
		if !slices.Contains(pairs, usual[i]) {
			pairs = append(pairs, usual[i], usual[i+1])
		}
	}
	return pairs
}

// code is the code of a request that is granted.
func (h *house) code(login string, pairs ...string) string {
	h.Helper()
	to := h.ask(login, pairs...)
	code := to.Query().Get("code")
	if code == "" || !strings.HasPrefix(to.String(), callback+"?") {
		h.Fatalf("%v: sent to %s", pairs, to)
	}
	return code
}

// exchange brings a code to the token endpoint.
func (h *house) exchange(code string, pairs ...string) answer {
	h.Helper()
	return h.asApp("/oauth2/token", append([]string{"grant_type", "authorization_code", "code", code, "redirect_uri", callback}, pairs...)...)
}

// TestCode walks the whole way, and reads what the tokens say. State and nonce come back unchanged (checklist 28).
func TestCode(t *testing.T) {
	onEngines(t, func(h *house) {
		login := h.signIn()
		state := `a b&c=d%20"<é>` + strings.Repeat("x", 3000)
		to := h.ask(login, "state", state, "nonce", "n-0S6", "scope", "openid email photos/read", "resource", "https://api.example/v1",
			"code_challenge", challenge, "code_challenge_method", "S256")
		if got := to.Query(); got.Get("state") != state || len(got) != 2 || len(got.Get("code")) != 36 {
			t.Fatalf("sent to %s", to)
		}
		got := h.exchange(to.Query().Get("code"), "code_verifier", verifier)
		if got.status != 200 || got.Type != "Bearer" || got.Expire != 3600 || got.Refresh == "" {
			t.Fatalf("%+v", got)
		}
		access, id := h.claims(got.Access), h.claims(got.ID)
		sum := sha256.Sum256([]byte(got.Access))
		for claim, want := range map[string]any{"scope": "openid email photos/read", "version": 2.0, "aud": "https://api.example/v1", "client_id": h.app.ID, "username": "alice", "nonce": nil} {
			if access[claim] != want {
				t.Errorf("access token: %s is %v, want %v", claim, access[claim], want)
			}
		}
		for claim, want := range map[string]any{"nonce": "n-0S6", "aud": h.app.ID, "email": "alice@example.com", "email_verified": true, "name": nil, "phone_number": nil,
			"at_hash": base64.RawURLEncoding.EncodeToString(sum[:16]), "cognito:username": "alice"} {
			if id[claim] != want {
				t.Errorf("ID token: %s is %v, want %v", claim, id[claim], want)
			}
		}
		again := h.asApp("/oauth2/token", "grant_type", "refresh_token", "refresh_token", got.Refresh)
		renewed := h.claims(again.Access)
		if renewed["aud"] != "https://api.example/v1" || renewed["version"] != 2.0 || renewed["auth_time"] != access["auth_time"] || h.claims(again.ID)["nonce"] != nil {
			t.Errorf("after a refresh: %v, %v", renewed, h.claims(again.ID))
		}
	})
}

// TestScopesOfCodes gives what is asked for, or all, and an ID token for openid alone.
func TestScopesOfCodes(t *testing.T) {
	onEngines(t, func(h *house) {
		login := h.signIn()
		all := h.claims(h.exchange(h.code(login)).Access)
		if all["scope"] != "openid email photos/read" {
			t.Errorf("without a scope: %v", all["scope"])
		}
		got := h.exchange(h.code(login, "scope", "photos/read photos/read"))
		if got.ID != "" || h.claims(got.Access)["scope"] != "photos/read" {
			t.Errorf("without openid: %q %v", got.ID, h.claims(got.Access))
		}
		id := h.claims(h.exchange(h.code(login, "scope", "openid")).ID)
		if id["email"] != "alice@example.com" || id["phone_number"] != "+15555550100" || id["name"] != "Alice" {
			t.Errorf("openid alone: %v", id)
		}
	})
}

// TestRedirectURI sends nothing to a URI that is not the client's to the letter (checklist 24).
func TestRedirectURI(t *testing.T) {
	onEngines(t, func(h *house) {
		login := h.signIn()
		for _, uri := range []string{callback + "/", callback + "?x=y", "https://app.example/CB", "https://app.example", "http://app.example/cb", "https://app.example:443/cb",
			callback + "#f", "https://evil.example/cb", "https://app.example@evil.example/cb", "//app.example/cb", "javascript:alert(1)", callback + "%00", "https://app.example/bye"} {
			status, to := h.visit(login, "/oauth2/authorize", h.request("redirect_uri", uri)...)
			if want := "/error?client_id=" + h.app.ID + "&error=redirect_mismatch"; status != http.StatusFound || to.String() != want {
				t.Errorf("%s: %d %s", uri, status, to)
			}
		}
		for what, pairs := range map[string][]string{
			"no URI":          {"client_id", h.app.ID, "response_type", "code"},
			"no client":       {"response_type", "code", "redirect_uri", callback},
			"a huge request":  h.request("state", strings.Repeat("x", 9<<10)),
			"an unnamed exit": {"client_id", h.app.ID, "redirect_uri", ""},
		} {
			if status, to := h.visit(login, "/oauth2/authorize", pairs...); status != http.StatusBadRequest || to.String() != "" {
				t.Errorf("%s: %d %s", what, status, to)
			}
		}
		for what, pairs := range map[string][]string{
			"an unknown client": h.request("client_id", "nobody"),
			"two clients":       h.request("client_id", h.app.ID, "client_id", h.machine.ID),
			"two URIs":          append(h.request(), "redirect_uri", "https://evil.example"),
		} {
			if status, to := h.visit(login, "/oauth2/authorize", pairs...); status != http.StatusFound || to.String() != "/error?error=invalid_request" {
				t.Errorf("%s: %d %s", what, status, to)
			}
		}
		to := h.ask(login, "redirect_uri", "https://app.example/other?a=b")
		if !strings.HasPrefix(to.String(), "https://app.example/other?a=b&code=") {
			t.Errorf("a URI with a query: %s", to)
		}
	})
}

// TestRequestErrors tells a client what is wrong with its request, with its state (checklist 24, 26, 27).
func TestRequestErrors(t *testing.T) {
	onEngines(t, func(h *house) {
		_, err := h.pools.CreateClient(t.Context(), &idp.CreateUserPoolClientRequest{UserPoolId: h.pool.ID, ClientName: "off", CallbackURLs: []string{callback}})
		h.must(err)
		login := h.signIn()
		for what, c := range map[string]struct {
			pairs []string
			want  string
		}{
			"no type":                {[]string{"response_type", ""}, "error=invalid_request&state=s"},
			"an ID token":            {[]string{"response_type", "id_token"}, "error=invalid_request&state=s"},
			"a mixed type":           {[]string{"response_type", "code token"}, "error=invalid_request&state=s"},
			"a scope of nobody's":    {[]string{"scope", "openid x"}, "error=invalid_request&error_description=invalid_scope&state=s"},
			"a scope of others":      {[]string{"scope", "photos/write"}, "error=invalid_request&error_description=invalid_scope&state=s"},
			"plain PKCE":             {[]string{"code_challenge", challenge, "code_challenge_method", "plain"}, "error=invalid_request&state=s"},
			"PKCE without a method":  {[]string{"code_challenge", challenge}, "error=invalid_request&state=s"},
			"a method without PKCE":  {[]string{"code_challenge_method", "S256"}, "error=invalid_request&state=s"},
			"a short challenge":      {[]string{"code_challenge", "x", "code_challenge_method", "S256"}, "error=invalid_request&state=s"},
			"a scope twice":          {[]string{"scope", "openid", "scope", "email"}, "error=invalid_request&state=s"},
			"a foul prompt":          {[]string{"prompt", "none login"}, "error=invalid_request&state=s"},
			"an unknown prompt":      {[]string{"prompt", "x"}, "error=invalid_request&state=s"},
			"a foul age":             {[]string{"max_age", "-1"}, "error=invalid_request&state=s"},
			"a relative resource":    {[]string{"resource", "/api"}, "error=invalid_request&state=s"},
			"a clear-text resource":  {[]string{"resource", "http://api.example"}, "error=invalid_request&state=s"},
			"a resource's fragment":  {[]string{"resource", "https://api.example#x"}, "error=invalid_request&state=s"},
			"a provider of nobody's": {[]string{"identity_provider", "Nobody"}, "error=invalid_request&error_description=Identity+provider+does+not+exist.&state=s"},
			"a nonce of no text":     {[]string{"nonce", "\xff"}, "error=invalid_request&state=s"},
			"a resource of no text":  {[]string{"resource", "https://x/\xff"}, "error=invalid_request&state=s"},
			"a provider of no text":  {[]string{"identity_provider", "\x00"}, "error=invalid_request&state=s"},
			"a hint of no text":      {[]string{"login_hint", "\xff"}, "error=invalid_request&state=s"},
			"a huge nonce":           {[]string{"nonce", strings.Repeat("n", 2000)}, "error=invalid_request&state=s"},
			"a huge state":           {[]string{"state", strings.Repeat("s", 5000)}, "error=invalid_request"},
		} {
			if !slices.Contains(c.pairs, "state") {
				c.pairs = append(c.pairs, "state", "s")
			}
			if to := h.ask(login, c.pairs...); to.String() != callback+"?"+c.want {
				t.Errorf("%s: sent to %s", what, to)
			}
		}
		if to := h.ask(login, "response_type", "token", "scope", "x"); to.String() != callback+"#error=invalid_request&error_description=invalid_scope" {
			t.Errorf("an implicit request: sent to %s", to)
		}
	})
}

// TestGrantsOfClients keeps clients to the grants that they are allowed (checklist 27).
func TestGrantsOfClients(t *testing.T) {
	onEngines(t, func(h *house) {
		login, app := h.signIn(), h.app
		h.app = h.client(&idp.CreateUserPoolClientRequest{ClientName: "off", CallbackURLs: []string{callback}})
		if to := h.ask(login); to.String() != callback+"?error=invalid_request&error_description=Client+is+not+enabled+for+OAuth2.0+flows." {
			t.Errorf("a client without OAuth: sent to %s", to)
		}
		h.app = h.client(&idp.CreateUserPoolClientRequest{ClientName: "implicit", AllowedOAuthFlows: []string{"implicit"}})
		if to := h.ask(login); to.String() != callback+"?error=unauthorized_client" {
			t.Errorf("a client without codes: sent to %s", to)
		}
		h.refused("exchange of a client without codes", h.exchange("x"), "unauthorized_client")
		h.app = h.client(&idp.CreateUserPoolClientRequest{ClientName: "code", AllowedOAuthFlows: []string{"code"}})
		if to := h.ask(login, "response_type", "token"); to.String() != callback+"#error=unauthorized_client" {
			t.Errorf("a client without implicit: sent to %s", to)
		}
		h.app = app
		h.refused("a code of no machine", h.asMachine("grant_type", "authorization_code", "code", h.code(login), "redirect_uri", callback), "unauthorized_client")
	})
}

// client makes a client that may do OAuth unless in says no flow.
func (h *house) client(in *idp.CreateUserPoolClientRequest) *pool.Client {
	h.Helper()
	in.UserPoolId = h.pool.ID
	if in.AllowedOAuthFlows != nil {
		in.AllowedOAuthFlowsUserPoolClient, in.AllowedOAuthScopes, in.CallbackURLs = new(true), []string{"openid", "email"}, []string{callback}
	}
	c, err := h.pools.CreateClient(h.Context(), in)
	h.must(err)
	return c
}

// TestCodeOnce exchanges a code once; the second time ends the tokens of the first (checklist 25).
func TestCodeOnce(t *testing.T) {
	onEngines(t, func(h *house) {
		code := h.code(h.signIn(), "scope", "openid")
		first := h.exchange(code)
		if first.Access == "" {
			t.Fatalf("%+v", first)
		}
		h.refused("the code again", h.exchange(code), "invalid_grant")
		h.refused("the refresh token of the first time", h.asApp("/oauth2/token", "grant_type", "refresh_token", "refresh_token", first.Refresh), "invalid_grant")
		if got := h.userInfo(http.MethodGet, "Bearer "+first.Access); got.status != http.StatusUnauthorized {
			t.Errorf("the access token of the first time: %d", got.status)
		}
		race := h.code(h.signIn())
		var wins atomic.Int32
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				if h.exchange(race).Access != "" {
					wins.Add(1)
				}
			})
		}
		wg.Wait()
		if wins.Load() != 1 {
			t.Errorf("%d of 8 at once got tokens", wins.Load())
		}
	})
}

// TestCodeBound gives a code's tokens to the client, at the URI and with the verifier that it was asked for with, and
// no other way round PKCE (checklist 25, 26).
func TestCodeBound(t *testing.T) {
	onEngines(t, func(h *house) {
		login, app := h.signIn(), h.app
		pkce := []string{"code_challenge", challenge, "code_challenge_method", "S256"}
		code := h.code(login, pkce...)
		for what, word := range map[string]string{"another": strings.Repeat("a", 43), "the challenge": challenge, "a short one": "x", "a foul one": verifier + "\x00"} {
			h.refused(what+" as verifier", h.exchange(code, "code_verifier", word), "invalid_grant")
		}
		h.refused("no verifier", h.exchange(code), "invalid_grant")
		h.refused("a verifier for nothing", h.exchange(h.code(login), "code_verifier", verifier), "invalid_grant")
		got := h.asApp("/oauth2/token", "grant_type", "authorization_code", "code", code, "redirect_uri", "https://app.example/other?a=b", "code_verifier", verifier)
		if h.refused("at another URI", got, "unauthorized_client"); got.Description != "invalid_redirect" {
			t.Errorf("at another URI: %q", got.Description)
		}
		h.app = h.client(&idp.CreateUserPoolClientRequest{ClientName: "other", AllowedOAuthFlows: []string{"code"}})
		h.refused("another client's", h.exchange(code, "code_verifier", verifier), "invalid_grant")
		h.app = app
		h.refused("no code", h.exchange(""), "invalid_request")
		h.refused("no URI", h.asApp("/oauth2/token", "grant_type", "authorization_code", "code", code), "invalid_request")
		for _, bad := range []string{"x", code + "x", strings.ToUpper(code), "\x00", strings.Repeat("x", 50<<10)} {
			h.refused("a code of nobody's", h.exchange(bad), "invalid_grant")
		}
		if got := h.exchange(code, "code_verifier", verifier); got.Access == "" {
			t.Errorf("after all that: %+v", got)
		}
	})
}

// TestCodeExpires gives nothing for a code of more than five minutes ago, nor for one of a user who is disabled, or of
// a client that may not read what the scopes name (checklist 25).
func TestCodeExpires(t *testing.T) {
	onEngines(t, func(h *house) {
		login := h.signIn()
		code := h.code(login)
		h.must(h.db.Update(t.Context(), func(tx *store.Tx) error {
			_, err := tx.Raw().Exec("UPDATE authorization_codes SET expires = expires - $1", (5 * time.Minute).Milliseconds())
			return err
		}))
		h.refused("an old code", h.exchange(code), "invalid_grant")
		h.app = h.client(&idp.CreateUserPoolClientRequest{ClientName: "blind", AllowedOAuthFlows: []string{"code"}, ReadAttributes: []string{"email"}})
		h.refused("a blind client", h.exchange(h.code(login, "scope", "openid email")), "invalid_grant")
		code = h.code(login, "scope", "openid")
		off := h.user
		off.Enabled = false
		h.must(h.db.Update(t.Context(), func(tx *store.Tx) error { return tx.UpdateUser(off) }))
		h.refused("a disabled user's code", h.exchange(code), "invalid_grant")
		if to := h.ask(login); to.Path != "/login" {
			t.Errorf("a disabled user's browser: sent to %s", to)
		}
	})
}

// TestCodeEndsWithItsLogin takes back the codes that have not been exchanged, with all by which a user or an administrator
// ends what somebody else may have begun (checklist 25, 37).
func TestCodeEndsWithItsLogin(t *testing.T) {
	onEngines(t, func(h *house) {
		for what, end := range map[string]func(login string){
			"logout": func(login string) {
				h.visit(login, "/logout", "client_id", h.app.ID, "logout_uri", "https://app.example/bye")
			},
			"the end of all other logins": func(string) { h.must(h.oauth.EndLogins(t.Context(), h.pool, h.user.Sub, "")) },
			"a sign-out everywhere":       func(string) { h.must(h.tokens.SignOut(t.Context(), h.pool.ID, h.user.Sub)) },
			"an administrator's password": func(string) { h.setPassword(true) },
			"a temporary password":        func(string) { h.setPassword(false) },
			"an administrator's reset": func(string) {
				h.must(h.db.Update(t.Context(), func(tx *store.Tx) error { return h.become(tx, "RESET_REQUIRED") }))
			},
			"disabled and enabled once more": func(string) {
				h.must(h.users.AdminDisable(t.Context(), h.pool, "alice"))
				h.must(h.users.AdminEnable(t.Context(), h.pool, "alice"))
			},
		} {
			login := h.signIn()
			code := h.code(login)
			used := h.code(login)
			first := h.exchange(used)
			if first.Access == "" {
				t.Fatalf("%s: before: %+v", what, first)
			}
			time.Sleep(2 * time.Millisecond) // times are kept to the millisecond
			end(login)
			h.refused("after "+what, h.exchange(code), "invalid_grant")
			h.refused("after "+what+", a used one", h.exchange(used), "invalid_grant")
			h.refused("after a replay after "+what, h.asApp("/oauth2/token", "grant_type", "refresh_token", "refresh_token", first.Refresh), "invalid_grant")
			h.must(h.db.Update(t.Context(), func(tx *store.Tx) error { return h.become(tx, "CONFIRMED") }))
			if what == "disabled and enabled once more" {
				if to := h.ask(login); to.Path != "/login" {
					t.Errorf("after %s: sent to %s", what, to)
				}
			}
		}
	})
}

func (h *house) setPassword(permanent bool) {
	h.Helper()
	h.must(h.users.AdminSetPassword(h.Context(), h.pool, &idp.AdminSetUserPasswordRequest{UserPoolId: h.pool.ID, Username: "alice", Password: "Corr3ct-Horse!", Permanent: &permanent}))
}

// become gives the user a status.
func (h *house) become(tx *store.Tx, status string) error {
	u, err := tx.GetUser(h.pool.ID, h.user.Sub)
	if err != nil {
		return err
	}
	u.Status = status
	return tx.UpdateUser(u)
}

// TestLoginsOfOtherClients are of use to clients that take the pool's own users, and to requests for them.
func TestLoginsOfOtherClients(t *testing.T) {
	onEngines(t, func(h *house) {
		login := h.signIn()
		h.federate()
		h.code(login)
		h.code(login, "identity_provider", "COGNITO")
		h.app = h.client(&idp.CreateUserPoolClientRequest{ClientName: "external", AllowedOAuthFlows: []string{"code"}, SupportedIdentityProviders: []string{"Guild"}})
		if to := h.ask(login); to.Path != "/login" || to.Host != "" {
			t.Errorf("a client that takes others' users: sent to %s", to)
		}
	})
}

// TestImplicit gives tokens in the fragment, without a refresh token (checklist 27, 34).
func TestImplicit(t *testing.T) {
	onEngines(t, func(h *house) {
		to := h.ask(h.signIn(), "response_type", "token", "state", "s t", "nonce", "n", "scope", "openid")
		got, err := url.ParseQuery(to.Fragment)
		h.must(err)
		if to.RawQuery != "" || got.Get("state") != "s t" || got.Get("token_type") != "Bearer" || got.Get("expires_in") != "3600" || got.Has("refresh_token") || got.Has("code") {
			t.Fatalf("sent to %s", to)
		}
		if id := h.claims(got.Get("id_token")); id["nonce"] != "n" || id["at_hash"] == nil {
			t.Errorf("%v", id)
		}
		if info := h.userInfo(http.MethodGet, "Bearer "+got.Get("access_token")); info.status != 200 {
			t.Errorf("userInfo: %d", info.status)
		}
		if to := h.ask(h.signIn(), "response_type", "token", "scope", "photos/read"); strings.Contains(to.Fragment, "id_token") {
			t.Errorf("without openid: sent to %s", to)
		}
	})
}

// TestPrompt shows a page when it must, and never when it must not (checklist 36).
func TestPrompt(t *testing.T) {
	onEngines(t, func(h *house) {
		login := h.signIn()
		for _, prompt := range []string{"login", "select_account", "login consent"} {
			if to := h.ask(login, "prompt", prompt); to.Path != "/login" || to.Host != "" || to.Query().Get("prompt") != prompt {
				t.Errorf("%s: sent to %s", prompt, to)
			}
		}
		for _, prompt := range []string{"none", "consent"} {
			h.code(login, "prompt", prompt)
		}
		for _, nobody := range []string{"", "x", strings.Repeat("x", 3000)} {
			if to := h.ask(nobody, "prompt", "none", "state", "s"); to.String() != callback+"?error=login_required&state=s" {
				t.Errorf("none, of nobody: sent to %s", to)
			}
		}
		if to := h.ask(login, "prompt", "none", "max_age", "0"); to.String() != callback+"?error=login_required" {
			t.Errorf("none, too old: sent to %s", to)
		}
		if to := h.ask(login, "acr_values", "urn:cognito:loa:4"); to.Path != "/login" {
			t.Errorf("not sure enough: sent to %s", to)
		}
		got := h.exchange(h.code(login, "acr_values", "urn:cognito:loa:1 x", "max_age", "3600"))
		if c := h.claims(got.Access); c["acr"] != "urn:cognito:loa:1" {
			t.Errorf("acr: %v", c["acr"])
		}
		if to := h.ask(login, "prompt", "login", "login_hint", `"><script>`, "lang", "de"); to.Query().Get("login_hint") != `"><script>` {
			t.Errorf("the hint: %s", to)
		}
	})
}

// TestLoginEnds ends a login on the server: what the browser had brought is of no use after that (checklist 35, 37).
func TestLoginEnds(t *testing.T) {
	onEngines(t, func(h *house) {
		login := h.signIn()
		if login == h.signIn() || len(login) < 22 {
			t.Fatalf("value %q", login)
		}
		for _, gone := range []string{"https://app.example/bye?x", "https://evil.example", ""} {
			login := h.signIn()
			status, to := h.visit(login, "/logout", "client_id", h.app.ID, "logout_uri", gone)
			if status == http.StatusFound && to.String() != "/error?client_id="+h.app.ID+"&error=redirect_mismatch" || gone == "" && status != http.StatusBadRequest {
				t.Errorf("logout to %q: %d %s", gone, status, to)
			}
			if to := h.ask(login); to.Path != "/login" {
				t.Errorf("after a logout to %q: sent to %s", gone, to)
			}
		}
		if status, to := h.visit(login, "/logout", "client_id", h.app.ID, "logout_uri", "https://app.example/bye"); status != http.StatusFound || to.String() != "https://app.example/bye" {
			t.Errorf("logout: %d %s", status, to)
		}
		if to := h.ask(login, "prompt", "none"); to.Query().Get("error") != "login_required" {
			t.Errorf("after the logout: sent to %s", to)
		}
		login = h.signIn()
		status, to := h.visit(login, "/logout", h.request("state", "s")...)
		if status != http.StatusFound || to.Path != "/login" || to.Query().Get("redirect_uri") != callback || to.Query().Get("state") != "s" {
			t.Errorf("logout to sign in again: %d %s", status, to)
		}
		if status, to := h.visit(login, "/logout", "client_id", "nobody"); status != http.StatusFound || to.String() != "/error?error=invalid_request" {
			t.Errorf("logout of nobody's: %d %s", status, to)
		}
		login = h.signIn()
		h.must(h.db.Update(t.Context(), func(tx *store.Tx) error {
			_, err := tx.Raw().Exec("UPDATE login_sessions SET expires = expires - $1", time.Hour.Milliseconds())
			return err
		}))
		if to := h.ask(login); to.Path != "/login" {
			t.Errorf("after an hour: sent to %s", to)
		}
	})
}

type info struct {
	status int
	header http.Header
	body   map[string]any
}

func (h *house) userInfo(method, authorization string) (out info) {
	h.Helper()
	r, err := http.NewRequestWithContext(h.Context(), method, h.server+"/oauth2/userInfo", nil)
	h.must(err)
	if authorization != "" {
		r.Header.Set("Authorization", authorization)
	}
	got, err := http.DefaultClient.Do(r)
	h.must(err)
	defer got.Body.Close()
	h.must(json.NewDecoder(got.Body).Decode(&out.body))
	out.status, out.header = got.StatusCode, got.Header
	return out
}

// TestUserInfo shows the user of a live access token with openid, and takes no other token (checklist 38).
func TestUserInfo(t *testing.T) {
	onEngines(t, func(h *house) {
		login := h.signIn()
		tokens := h.exchange(h.code(login, "scope", "openid email"))
		for _, method := range []string{http.MethodGet, http.MethodPost} {
			got := h.userInfo(method, "Bearer "+tokens.Access)
			want := map[string]any{"sub": h.user.Sub, "username": "alice", "email": "alice@example.com", "email_verified": "true"}
			if got.status != 200 || len(got.body) != len(want) || got.header.Get("Access-Control-Allow-Origin") != "*" {
				t.Fatalf("%d %v", got.status, got.body)
			}
			for name, value := range want {
				if got.body[name] != value {
					t.Errorf("%s is %v", name, got.body[name])
				}
			}
		}
		for what, bad := range map[string]string{"none": "", "a word": "x", "basic": basic("a", "b"), "no token": "Bearer "} {
			got := h.userInfo(http.MethodGet, bad)
			if got.status != 400 || got.header.Get("Www-Authenticate") != `error="invalid_request", error_description="Bad OAuth2 request at UserInfo Endpoint"` {
				t.Errorf("%s: %d %v", what, got.status, got.header)
			}
		}
		api, machine := h.session(), h.asMachine("grant_type", "client_credentials")
		revoked := h.exchange(h.code(login, "scope", "openid"))
		h.asApp("/oauth2/revoke", "token", revoked.Refresh)
		for what, bad := range map[string]string{"an ID token": tokens.ID, "the API's": api.Access, "a machine's": machine.Access, "without openid": h.exchange(h.code(login, "scope", "photos/read")).Access,
			"a refresh token": tokens.Refresh, "a revoked one": revoked.Access, "a forged one": tokens.Access[:len(tokens.Access)-4] + "AAAA", "garbage": "x.y.z"} {
			got := h.userInfo(http.MethodGet, "Bearer "+bad)
			if got.status != 401 || got.body["error"] != "invalid_token" || !strings.HasPrefix(got.header.Get("Www-Authenticate"), `error="invalid_token"`) {
				t.Errorf("%s: %d %v", what, got.status, got.body)
			}
		}
	})
}

// TestWrongSecretsAreLimited stops who guesses client secrets, by address (checklist 29).
func TestWrongSecretsAreLimited(t *testing.T) {
	onEngines(t, func(h *house) {
		stopped := 0
		for range 210 {
			got := h.send("/oauth2/token", basic(h.machine.ID, "x"), form("grant_type", "client_credentials"))
			if got.status == http.StatusTooManyRequests {
				stopped++
			}
		}
		if stopped != 10 {
			t.Errorf("%d of 210 were stopped", stopped)
		}
	})
}
