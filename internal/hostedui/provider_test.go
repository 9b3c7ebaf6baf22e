package hostedui_test

import (
	"context"
	"errors"
	"maps"
	"net/url"
	"strings"
	"testing"

	"cognate/api/idp"
	"cognate/internal/federation"
	"cognate/internal/hostedui"
	"cognate/internal/oauth"
	"cognate/internal/store"
)

// guild is a kind of provider that pages lead to; whoever comes back from it says who it is.
type guild struct{}

func (guild) Check(_ context.Context, details map[string]string) (map[string]string, error) {
	return details, nil
}

func (guild) Open(federation.Settings) (federation.Provider, error) { return guild{}, nil }

func (guild) Begin(_ context.Context, r federation.Request) (string, error) {
	return "https://idp.example/?state=" + url.QueryEscape(r.State), nil
}

func (guild) Finish(_ context.Context, c federation.Callback) (*federation.Assertion, error) {
	if c.Form.Get("subject") == "" {
		return nil, &federation.Error{Code: "access_denied"}
	}
	return &federation.Assertion{Subject: c.Form.Get("subject")}, nil
}

// guilds gives the house providers, by their names, and a client that takes them.
func (h *house) guilds(details map[string]string, names ...string) {
	h.Helper()
	for _, name := range names {
		in := &idp.CreateIdentityProviderRequest{UserPoolId: h.pool.ID, ProviderName: name, ProviderType: "OIDC", ProviderDetails: map[string]string{"client_id": "x"}}
		maps.Copy(in.ProviderDetails, details)
		_, err := h.core.Pools.CreateProvider(h.Context(), in)
		h.must(err)
	}
	h.openClient(&idp.CreateUserPoolClientRequest{SupportedIdentityProviders: append([]string{"COGNITO"}, names...)})
}

// comeBack is the browser's return from a provider at which a subject has signed in; "" is a refusal.
func (t *tab) comeBack(subject string) *tab {
	t.Helper()
	if t.at.Host != "idp.example" {
		t.Fatalf("not at a provider but at %s: %s", t.at, t.text())
	}
	at, err := url.Parse(t.address)
	t.must(err)
	cookie := ""
	for _, c := range t.client.Jar.Cookies(at) {
		if c.Name == oauth.StateCookie {
			cookie = c.Value
		}
	}
	to, entrance, err := t.core.OAuth.Arrive(t.Context(), oauth.Return{Host: at.Host, Cookie: cookie, Form: url.Values{"state": {t.at.Query().Get("state")}, "subject": {subject}}})
	t.must(err)
	if entrance != nil {
		t.Errorf("there is a login of %s", entrance.Login.User.Username)
	}
	return t.open(to)
}

// TestProviders has a button for each of the app's providers, and no way to sign in with a password, to sign up or to reset one
// where the pool itself is not among them (checklist 27).
func TestProviders(t *testing.T) {
	onEngines(t, func(h *house) {
		h.user("jane")
		h.guilds(nil, "Guild")
		button := func(b *tab) string {
			for _, n := range find(b.page, func(n *htmlNode) bool {
				return n.Data == "a" && strings.Contains(attr(n, "href"), "identity_provider=Guild")
			}) {
				return attr(n, "href")
			}
			return ""
		}
		b := h.browser().open("/login" + h.query())
		if to := button(b); !strings.HasPrefix(to, "/oauth2/authorize?") || !strings.Contains(b.text(), "Guild") {
			t.Errorf("the button leads to %q: %s", to, b.text())
		}
		b.send("", "username", "jane", "password", password).signedIn()
		own := h.browser().open("/login" + h.query())
		form := fields(own.form(""))
		form.Set("username", "jane")
		form.Set("password", password)

		h.openClient(&idp.CreateUserPoolClientRequest{SupportedIdentityProviders: []string{"Guild"}})
		b = h.browser().open("/login" + h.query())
		if button(b) == "" || len(find(b.page, func(n *htmlNode) bool { return attr(n, "type") == "password" })) > 0 {
			t.Errorf("%s", b.text())
		}
		if own.post(h.address+"/login"+h.query(), form); !strings.HasPrefix(own.at.Path, "/login") {
			t.Errorf("a password where there is no form for it: at %s", own.at)
		}
		for _, path := range []string{"/signup", "/forgotPassword", "/confirm", "/confirmforgotPassword", "/link"} {
			if b.open(path + h.query()); b.at.Path != "/login" {
				t.Errorf("%s: at %s", path, b.at)
			}
			if own.post(h.address+path+h.query(), form); own.at.Path != "/login" {
				t.Errorf("a form at %s: at %s", path, own.at)
			}
		}
	})
}

// TestExternalAccount shows who comes from a provider no password, no factors and no passkeys, which are the provider's business.
func TestExternalAccount(t *testing.T) {
	onEngines(t, func(h *house) {
		_, err := h.core.Pools.SetMFA(t.Context(), &idp.SetUserPoolMfaConfigRequest{UserPoolId: h.pool.ID, MfaConfiguration: "OPTIONAL", SoftwareTokenMfaConfiguration: &idp.SoftwareTokenMfaConfigType{Enabled: new(true)}})
		h.must(err)
		u := h.user("jane")
		b := h.account("jane", password)
		if text := b.text(); !strings.Contains(text, "Change password") || !strings.Contains(text, "Recovery codes") {
			t.Errorf("of the pool's own: %s", text)
		}
		u.Status = "EXTERNAL_PROVIDER"
		h.must(h.db.Update(t.Context(), func(tx *store.Tx) error { return tx.UpdateUser(u) }))
		form := fields(b.form(hostedui.AccountSignOut))
		b.open("/account?client_id="+h.client.ID).shows("/account", "jane")
		for _, action := range []string{hostedui.AccountPassword, hostedui.AccountFactors, hostedui.AccountTOTP, "", hostedui.AccountRecoveryCodes, hostedui.AccountAddPasskey} {
			form.Set("action", action)
			if got := b.post(h.address+"/account?client_id="+h.client.ID, form); got.status != 403 {
				t.Errorf("%q by hand: %d at %s", action, got.status, got.at)
			}
		}
		form.Del("action")
		if got := b.post(h.address+"/passkeys/add?client_id="+h.client.ID, form); got.status != 403 {
			t.Errorf("a passkey by hand: %d at %s", got.status, got.at)
		}
		if b.open("/passkeys/add?client_id="+h.client.ID).shows("/account", "jane"); len(find(b.page, func(n *htmlNode) bool { return attr(n, "name") == "credential" })) > 0 {
			t.Error("a passkey is offered")
		}
		if text := b.text(); strings.Contains(text, "assword") || strings.Contains(text, "Recovery codes") || !strings.Contains(text, "Where you are signed in") {
			t.Errorf("%s", text)
		}
	})
}

// TestAccountIdentities links accounts at providers to the user of the account page, tells what comes in between, and unlinks them.
func TestAccountIdentities(t *testing.T) {
	onEngines(t, func(h *house) {
		ann := h.user("ann")
		h.user("bob")
		h.guilds(map[string]string{"authorize_url": "http://idp.example/"}, "Guild", "Other")
		h.guilds(map[string]string{"account_linking": "administrator"}, "Closed")
		h.openClient(&idp.CreateUserPoolClientRequest{SupportedIdentityProviders: []string{"COGNITO", "Guild", "Other", "Closed"}})
		b := h.account("ann", password)
		if text := b.text(); !strings.Contains(text, "Link Guild") || !strings.Contains(text, "Link Other") || strings.Contains(text, "Closed") {
			t.Errorf("to link: %s", text)
		}
		if policy := b.header.Get("Content-Security-Policy"); !strings.Contains(policy, "form-action 'self' https: http:;") {
			t.Errorf("the forms cannot lead there: %s", policy)
		}
		link := func(b *tab, provider string) *tab {
			t.Helper()
			return b.send("link", "name", provider)
		}
		link(b, "Guild").comeBack("a1").shows("/account", "The account has been linked.")
		if text := b.text(); !strings.Contains(text, "a1") || strings.Contains(text, "Link Guild") {
			t.Errorf("linked: %s", text)
		}
		if b.send("unlink", "id", "none").shows("/account", "Link Other"); strings.Contains(b.text(), "has been linked") {
			t.Errorf("said it twice: %s", b.text())
		}
		link(b, "Other").comeBack("").shows("/account", "The account could not be linked.")
		bob := h.account("bob", password)
		link(bob, "Guild").comeBack("a1").shows("/account", "That account belongs to another user already.")
		if rows, err := h.core.Users.Identities(t.Context(), h.pool, ann.Sub); err != nil || len(rows) != 1 || rows[0].Value != "a1" {
			t.Errorf("ann has %v: %v", rows, err)
		}
		for _, provider := range []string{"Closed", "COGNITO", "None", ""} {
			if got := h.account("ann", password); link(got, provider).status != 400 {
				t.Errorf("%q: at %s: %s", provider, got.at, got.text())
			}
		}

		away := link(b, "Other").at
		b.open("/account?client_id=" + h.client.ID).send("sign-out")
		b.at = away
		b.comeBack("a2").shows("/login", "Sign in")
		if rows, err := h.core.Users.Identities(t.Context(), h.pool, ann.Sub); err != nil || len(rows) != 1 {
			t.Errorf("after the sign-out ann has %v: %v", rows, err)
		}

		b = h.account("ann", password)
		bob.open("/account?client_id=" + h.client.ID)
		form := fields(bob.form("link"))
		form.Set("action", "unlink")
		form.Set("name", "Guild")
		form.Set("id", "a1")
		bob.post(h.address+"/account?client_id="+h.client.ID, form) // it is not bob's
		b.open("/account?client_id="+h.client.ID).send("unlink").shows("/account", "The account has been unlinked.")
		if strings.Contains(b.text(), "a1") {
			t.Errorf("still there: %s", b.text())
		}
	})
}

// TestOwnIdentity has no button to unlink the account that the user was made for, and does not do it by hand.
func TestOwnIdentity(t *testing.T) {
	onEngines(t, func(h *house) {
		h.guilds(nil, "Guild", "Other")
		p, err := h.core.Pools.Provider(t.Context(), h.pool, "Guild")
		h.must(err)
		u := h.user("jane")
		h.must(h.core.Users.LinkSelf(t.Context(), h.pool, p, &federation.Assertion{Subject: "s1"}, u.Sub))
		own := store.Identity{PoolID: h.pool.ID, Provider: "Guild", Value: "s1", Type: "OIDC", Sub: u.Sub, Own: true, Created: u.Created}
		h.must(h.db.Update(t.Context(), func(tx *store.Tx) error { return errors.Join(tx.DeleteIdentity(own), tx.CreateIdentity(own)) }))
		b := h.account("jane", password)
		if text := b.text(); !strings.Contains(text, "Your account began with this one.") || strings.Contains(text, "Unlink") || !strings.Contains(text, "Link Other") {
			t.Errorf("%s", text)
		}
		form := fields(b.form("link"))
		form.Set("action", "unlink")
		form.Set("name", "Guild")
		form.Set("id", "s1")
		b.post(h.address+"/account?client_id="+h.client.ID, form).shows("/account", "This is your only way to sign in.")
	})
}

// TestDomainBox finds a SAML provider by the domain of an e-mail address: on classic pages where each has an identifier, in managed
// login where the branding says so.
func TestDomainBox(t *testing.T) {
	onEngines(t, func(h *house) {
		saml := func(name string, identifiers ...string) {
			_, err := h.core.Pools.CreateProvider(t.Context(), &idp.CreateIdentityProviderRequest{UserPoolId: h.pool.ID, ProviderName: name, ProviderType: "SAML",
				ProviderDetails: map[string]string{"MetadataFile": "x"}, IdpIdentifiers: identifiers})
			h.must(err)
		}
		saml("Corp", "corp.example", "corp.test")
		saml("Hidden", "hidden.example")
		h.guilds(nil, "Guild")
		app := func(providers ...string) {
			h.openClient(&idp.CreateUserPoolClientRequest{SupportedIdentityProviders: append(providers, "Guild")})
		}
		app("COGNITO", "Corp")
		start := func() *tab { return h.browser().open("/login"+h.query()).shows("/login", "Guild") }
		box := func(b *tab) bool { return strings.Contains(b.text(), "Work email address") }
		if b := start(); box(b) || !strings.Contains(b.text(), "Corp") {
			t.Errorf("managed login: %s", b.text())
		}
		in := &idp.CreateManagedLoginBrandingRequest{UserPoolId: h.pool.ID, ClientId: h.client.ID, Settings: []byte(`{"categories":{"auth":{"federation":{"interfaceStyle":"DOMAIN_INPUT"}}}}`)}
		_, err := h.core.Pools.CreateBranding(t.Context(), in)
		h.must(err)
		if b := start(); !box(b) || strings.Contains(b.text(), "Corp") {
			t.Errorf("managed login with a box: %s", b.text())
		}
		for email, want := range map[string]string{
			"ann@corp.example": "Corp", " ann@CORP.test ": "Corp", "corp.example": "Corp", "a@b@corp.test": "Corp",
		} {
			b := start().send("domain", "email", email)
			if b.at.Path != "/oauth2/authorize" || b.at.Query().Get("identity_provider") != want || b.at.Query().Get("login_hint") != strings.TrimSpace(email) ||
				b.at.Query().Get("state") != "s t" {
				t.Errorf("%q: at %s", email, b.at)
			}
		}
		for email, want := range map[string]string{
			"": "This field is required.", "ann@example.com": "There is no sign-in for this address.", "@": "There is no sign-in",
			"ann@hidden.example": "There is no sign-in", "ann@corp.example.evil": "There is no sign-in", "x<script>@y": "There is no sign-in",
		} {
			if b := start().send("domain", "email", email).shows("/login", want); !box(b) {
				t.Errorf("%q: %s", email, b.text())
			}
		}
		b := start()
		if b.send("", "username", "nobody", "password", "x").shows("/login", "This user does not exist."); !box(b) {
			t.Errorf("after a password: %s", b.text())
		}
		app("Corp") // without the pool's own users
		in.ClientId = h.client.ID
		_, err = h.core.Pools.CreateBranding(t.Context(), in)
		h.must(err)
		if got := start().send("domain", "email", "ann@corp.example"); got.at.Query().Get("identity_provider") != "Corp" {
			t.Errorf("without users of its own: at %s", got.at)
		}

		_, err = h.core.Pools.CreateDomain(t.Context(), &idp.CreateUserPoolDomainRequest{UserPoolId: h.pool.ID, Domain: "shop"})
		h.must(err)
		saml("Nameless")
		classic := func(providers ...string) *tab {
			app(providers...)
			return h.browser().openAt("shop.auth.us-east-1.localhost", "/login"+h.query()).shows("/login", "Guild")
		}
		if b := classic("Corp", "Hidden"); !box(b) || strings.Contains(b.text(), "Corp") {
			t.Errorf("classic: %s", b.text())
		}
		if b := classic("Corp", "Nameless"); box(b) || !strings.Contains(b.text(), "Corp") {
			t.Errorf("classic, with a provider without an identifier: %s", b.text())
		}
		if b := classic(); box(b) {
			t.Errorf("classic, without SAML: %s", b.text())
		}
	})
}
