package hostedui_test

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"cognate/api/idp"
	"cognate/internal/browser"
	"cognate/internal/hostedui"
	"cognate/internal/store"
	"cognate/internal/token"
	"cognate/internal/user"
)

// lendingClient makes an app without a secret that may do all that users may.
func (h *house) lendingClient() {
	h.Helper()
	h.openClient(&idp.CreateUserPoolClientRequest{
		GenerateSecret: new(false), AllowedOAuthScopes: []string{"openid", "email", token.ScopeAdmin}, CallbackURLs: []string{callback, "shop://signed-in"},
	})
}

// TestPagesLendNothing keeps users from writing, by the pages, what a client with a secret may write: at sign-up, on the
// account page, and with a new password.
func TestPagesLendNothing(t *testing.T) {
	onEngines(t, func(h *house) {
		full := url.Values{"username": {"eve"}, "password": {password}, "repeat": {password}, "userAttributes.email": {"eve@example.com"}, "userAttributes.name": {"Boss"}}
		b := h.browser().open("/signup" + h.query())
		form := fields(b.form(""))
		maps.Copy(form, full)
		b.post(h.address+"/signup"+h.query(), form).shows("/confirm", "")
		h.attributes("eve", map[string]string{"email": "eve@example.com"})

		h.user("jane")
		b = h.account("jane", password)
		if strings.Contains(b.text(), "jane@example.com") {
			t.Errorf("the page shows attributes: %s", b.text())
		}
		form = fields(b.form(hostedui.AccountSignOut))
		form.Set("action", hostedui.AccountAttributes)
		form.Set("userAttributes.name", "Boss")
		if b.post(h.address+"/account?client_id="+h.client.ID, form); b.status != http.StatusForbidden {
			t.Errorf("attributes: %d %s", b.status, b.text())
		}
		h.attributes("jane", map[string]string{"email": "jane@example.com"})

		_, err := h.core.Users.AdminCreate(t.Context(), h.pool, &idp.AdminCreateUserRequest{Username: "kim", TemporaryPassword: password, MessageAction: "SUPPRESS",
			UserAttributes: []*idp.AttributeType{{Name: "email", Value: "kim@example.com"}}})
		h.must(err)
		b = h.browser().open("/login"+h.query()).send("", "username", "kim", "password", password)
		form = fields(b.form(""))
		maps.Copy(form, url.Values{"new_password": {newPassword}, "repeat": {newPassword}, "userAttributes.name": {"Boss"}, "userAttributes.email": {"boss@example.com"}})
		b.post(h.address+"/login"+h.query(), form).signedIn()
		h.attributes("kim", map[string]string{"email": "kim@example.com"})
	})
}

// attributes wants a user to have the address and no name.
func (h *house) attributes(name string, want map[string]string) {
	h.Helper()
	u, err := h.core.Users.Find(h.Context(), h.pool, name)
	h.must(err)
	if u.Attributes["email"] != want["email"] || u.Attributes["name"] != "" {
		h.Errorf("%s has %v", name, u.Attributes)
	}
}

// TestHostileNames takes no name that the API would not take, and leaves nothing behind for it: the list of users is whole.
func TestHostileNames(t *testing.T) {
	onEngines(t, func(h *house) {
		h.user("jane")
		for _, name := range []string{"bad\xff", "a\x00b", " \r\nBcc: z", strings.Repeat("x", 129), strings.Repeat("x", 60_000), "\u200balice", "two words"} {
			for path, action := range map[string]string{"/signup": "", "/login": "", "/forgotPassword": "", "/confirm": "", "/resendcode": "", "/confirmforgotPassword": ""} {
				b := h.browser().open("/login" + h.query())
				form := url.Values{"username": {name}, "password": {password}, "repeat": {password}, "userAttributes.email": {"x@example.com"}, "code": {"123456"}, "new_password": {newPassword}}
				form.Set("_csrf", fields(b.form("")).Get("_csrf"))
				form.Set("action", action)
				b.post(h.address+path+h.query(), form)
				if b.status >= 500 || b.status == http.StatusForbidden {
					t.Errorf("%.20q at %s: %d %s", name, path, b.status, b.text())
				}
				if n := len(b.header.Get("Set-Cookie")); n > 4096 {
					t.Errorf("%.20q at %s: a cookie of %d bytes", name, path, n)
				}
			}
			b := h.browser().open("/confirmUser?" + url.Values{"client_id": {h.client.ID}, "user_name": {name}, "confirmation_code": {"123456"}}.Encode())
			if b.status != http.StatusBadRequest {
				t.Errorf("%.20q at /confirmUser: %d", name, b.status)
			}
		}
		all, _, err := h.core.Users.List(t.Context(), h.pool, &idp.ListUsersRequest{}, "")
		h.must(err)
		if len(all) != 1 {
			t.Errorf("%d users: %+v", len(all), all)
		}
	})
}

// TestOddAgent signs a browser in whose name breaks off within a character, or is no text at all.
func TestOddAgent(t *testing.T) {
	onEngines(t, func(h *house) {
		h.user("jane")
		for _, agent := range []string{strings.Repeat("x", 255) + "é", "caf\xe9", strings.Repeat("é", 300)} {
			b := h.browser()
			b.client.Transport = agentTransport(agent)
			b.open("/login"+h.query()).send("", "username", "jane", "password", password).signedIn()
		}
	})
}

type agentTransport string

func (a agentTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	r.Header.Set("User-Agent", string(a))
	return http.DefaultTransport.RoundTrip(r)
}

// TestConfirmLate confirms a sign-up by a code that is still good when the sign-in that went with it is over.
func TestConfirmLate(t *testing.T) {
	onEngines(t, func(h *house) {
		b := h.browser().open("/signup"+h.query()).send("", "username", "jane", "password", password, "repeat", password, "userAttributes.email", "jane@example.com")
		b.shows("/confirm", "")
		h.expireNote(b)
		b.send("", "code", "000000").shows("/confirm", "")
		b.send(hostedui.ActionResend).shows("/confirm", "A new code is on its way.")
		b.send("", "code", h.code("jane@example.com")).shows("/login", "confirmed")
		b.send("", "username", "jane", "password", password).signedIn()
	})
}

// expireNote ends the Session in the note of a browser.
func (h *house) expireNote(b *tab) {
	h.Helper()
	at, err := url.Parse(h.address)
	h.must(err)
	reseal := func(sealed, aad, name string, edit func(string) any) string {
		text, err := h.core.Keys.OpenText(sealed, aad)
		h.must(err)
		m := map[string]any{}
		h.must(json.Unmarshal(text, &m))
		old, _ := m[name].(string)
		m[name] = edit(old)
		text, err = json.Marshal(m)
		h.must(err)
		return h.core.Keys.SealText(text, aad)
	}
	cookies := b.client.Jar.Cookies(at)
	i := slices.IndexFunc(cookies, func(c *http.Cookie) bool { return c.Name == "page-data" })
	cookies[i].Value = reseal(cookies[i].Value, "page-data", "s", func(session string) any {
		return reseal(session, "challenge-session", "e", func(string) any { return time.Now().Add(-time.Minute) })
	})
	cookies[i].Path = "/"
	b.client.Jar.SetCookies(at, cookies[i:i+1])
}

// TestLevelIsReached sends no code to a request for a level that the sign-in has not reached: not after a sign-up, nor when
// the request is changed on the way.
func TestLevelIsReached(t *testing.T) {
	onEngines(t, func(h *house) {
		h.openClient(&idp.CreateUserPoolClientRequest{ExplicitAuthFlows: []string{"ALLOW_USER_AUTH"}})
		high := h.query("acr_values", "urn:cognito:loa:4")
		b := h.browser().open("/signup"+high).send("", "username", "jane", "password", password, "repeat", password, "userAttributes.email", "jane@example.com")
		b.shows("/confirm", "").send("", "code", h.code("jane@example.com")).shows("/login", "confirmed")
		b.send("", "username", "jane", "password", password).shows("/login", "cannot reach")

		h.user("kim")
		_, err := h.core.Pools.SetMFA(t.Context(), &idp.SetUserPoolMfaConfigRequest{UserPoolId: h.pool.ID, MfaConfiguration: "OPTIONAL",
			EmailMfaConfiguration: &idp.EmailMfaConfigType{}})
		h.must(err)
		h.pool, err = h.core.Pools.Pool(t.Context(), h.pool.ID)
		h.must(err)
		h.must(h.core.Users.SetFactors(t.Context(), h.pool, kimSub(h), map[string]user.FactorWish{user.FactorEmail: {Enabled: new(true), Preferred: new(true)}}))
		low := h.browser().open("/login"+h.query()).send("", "username", "kim", "password", password).shows("/login", "code")
		form := fields(low.form(""))
		form.Set("code", h.code("kim@example.com"))
		low.post(h.address+"/login"+high, form)
		if low.at.String() != callback+"?error=unmet_authentication_requirements&state=s+t" {
			t.Errorf("sent to %s: %s", low.at, low.text())
		}
	})
}

func kimSub(h *house) string {
	u, err := h.core.Users.Find(h.Context(), h.pool, "kim")
	h.must(err)
	return u.Sub
}

// TestNextLoginEndsTheLast leaves one login in a browser: a copy of what it had before is of no use.
func TestNextLoginEndsTheLast(t *testing.T) {
	onEngines(t, func(h *house) {
		h.user("jane")
		b := h.account("jane", password)
		at, err := url.Parse(h.address)
		h.must(err)
		before, stolen := b.client.Jar.Cookies(at), h.browser()
		stolen.client.Jar.SetCookies(at, before)
		stolen.open("/account?client_id="+h.client.ID).shows("/account", "jane")
		b.open("/login"+h.query("prompt", "login")).send("", "username", "jane", "password", password).signedIn()
		stolen.open("/account?client_id="+h.client.ID).shows("/login", "")
		b.open("/account?client_id="+h.client.ID).shows("/account", "jane")
	})
}

// TestNeverAPage shows no page to a request that wants none.
func TestNeverAPage(t *testing.T) {
	onEngines(t, func(h *house) {
		for _, path := range []string{"/login", "/signup", "/forgotPassword", "/confirm", "/confirmforgotPassword"} {
			if b := h.browser().open(path + h.query("prompt", "none")); b.at.String() != callback+"?error=login_required&state=s+t" {
				t.Errorf("%s: %d at %s", path, b.status, b.at)
			}
		}
	})
}

// TestWayBackToNativeApps links to an app's own scheme.
func TestWayBackToNativeApps(t *testing.T) {
	onEngines(t, func(h *house) {
		h.lendingClient()
		h.user("jane")
		b := h.account("jane", password)
		b.open("/account?client_id=" + h.client.ID + "&redirect_uri=" + url.QueryEscape("shop://signed-in"))
		links := find(b.page, func(n *htmlNode) bool { return n.Data == "a" && attr(n, "href") == "shop://signed-in" })
		if len(links) != 1 {
			t.Errorf("no way back on %s", b.text())
		}
	})
}

// TestAttributesAllOrNothing writes nothing of a form with something wrong.
func TestAttributesAllOrNothing(t *testing.T) {
	onEngines(t, func(h *house) {
		h.lendingClient()
		h.user("jane")
		b := h.account("jane", password)
		b.send(hostedui.AccountAttributes, "userAttributes.nickname", "J").shows("/account", "saved")
		b.send(hostedui.AccountAttributes, "userAttributes.nickname", "", "userAttributes.birthdate", "no date")
		u, err := h.core.Users.Find(t.Context(), h.pool, "jane")
		h.must(err)
		if u.Attributes["nickname"] != "J" || u.Attributes["birthdate"] != "" {
			t.Errorf("%v after %s", u.Attributes, b.text())
		}
	})
}

// TestAccountOfOtherClients shows nobody's account through a client whose users come from elsewhere, and does nothing there.
func TestAccountOfOtherClients(t *testing.T) {
	onEngines(t, func(h *house) {
		h.user("jane")
		h.guilds(nil, "Guild")
		own := h.client
		b := h.account("jane", password)
		form := fields(b.form(hostedui.AccountSignOut))
		h.openClient(&idp.CreateUserPoolClientRequest{SupportedIdentityProviders: []string{"Guild"}})
		for _, path := range []string{"/account", "/passkeys/add"} {
			if b.open(path + "?client_id=" + h.client.ID); b.at.Path != "/login" {
				t.Errorf("%s: at %s: %s", path, b.at, b.text())
			}
			form.Set("action", hostedui.AccountEndOthers)
			if b.post(h.address+path+"?client_id="+h.client.ID, form); b.at.Path != "/login" {
				t.Errorf("a form for %s: at %s: %s", path, b.at, b.text())
			}
		}
		b.open("/account?client_id="+own.ID).shows("/account", "jane")
	})
}

// TestRecentSignIn asks for a new sign-in before anything is made that opens the account for long.
func TestRecentSignIn(t *testing.T) {
	onEngines(t, func(h *house) {
		_, err := h.core.Pools.SetMFA(t.Context(), &idp.SetUserPoolMfaConfigRequest{UserPoolId: h.pool.ID, MfaConfiguration: "OPTIONAL", SoftwareTokenMfaConfiguration: &idp.SoftwareTokenMfaConfigType{Enabled: new(true)}})
		h.must(err)
		u := h.user("jane")
		h.guilds(map[string]string{"account_linking": "user"}, "Guild")
		for age, asks := range map[time.Duration]bool{9 * time.Minute: false, 11 * time.Minute: true} {
			for _, action := range []string{hostedui.AccountTOTP, hostedui.AccountRecoveryCodes, hostedui.AccountLink} {
				b := h.browser().open("/login" + h.query())
				h.signedInSince(b, u, age)
				b.open("/account?client_id="+h.client.ID).shows("/account", "jane").send(action)
				if got := strings.Contains(b.text(), "For your security, please sign in again."); got != asks {
					t.Errorf("%s after %v: at %s: %s", action, age, b.at, b.text())
				}
				if asks {
					b.send("", "username", "jane", "password", password).shows("/account", "jane")
				}
			}
		}
	})
}

// signedInSince signs a user in in a browser, some time ago.
func (h *house) signedInSince(b *tab, u store.User, age time.Duration) {
	h.Helper()
	value := rand.Text()
	sum := sha256.Sum256([]byte(value))
	now := time.Now().UTC()
	h.must(h.db.Update(h.Context(), func(tx *store.Tx) error {
		w, err := tx.GetPassword(h.pool.ID, u.Sub)
		if err != nil {
			return err
		}
		w.Set = now.Add(-time.Hour) // one set after a sign-in ends it
		if err := tx.PutPassword(w); err != nil {
			return err
		}
		return tx.CreateLoginSession(store.LoginSession{
			Hash: hex.EncodeToString(sum[:]), Flow: token.NewFlow(), PoolID: h.pool.ID, Sub: u.Sub, Created: now.Add(-age), Expires: now.Add(time.Hour - age), Extra: []byte("{}"),
		})
	}))
	at, err := url.Parse(h.address)
	h.must(err)
	b.client.Jar.SetCookies(at, []*http.Cookie{{Name: browser.LoginCookie(h.pool.ID), Value: value, Path: "/"}})
}
