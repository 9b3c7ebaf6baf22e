package hostedui_test

import (
	"context"
	"errors"
	"net/url"
	"strings"
	"testing"

	"cognate/api/idp"
	"cognate/internal/federation"
	"cognate/internal/store"
)

// guild is a kind of provider that pages lead to, and that nobody comes back from.
type guild struct{}

func (guild) Check(_ context.Context, details map[string]string) (map[string]string, error) {
	return details, nil
}

func (guild) Open(federation.Settings) (federation.Provider, error) { return guild{}, nil }

func (guild) Begin(_ context.Context, r federation.Request) (string, error) {
	return "https://idp.example/?state=" + url.QueryEscape(r.State), nil
}

func (guild) Finish(context.Context, federation.Callback) (*federation.Assertion, error) {
	return nil, errors.New("nobody comes back")
}

// TestProviders has a button for each of the app's providers, and no way to sign in with a password, to sign up or to reset one
// where the pool itself is not among them (checklist 27).
func TestProviders(t *testing.T) {
	onEngines(t, func(h *house) {
		h.user("jane")
		_, err := h.core.Pools.CreateProvider(t.Context(), &idp.CreateIdentityProviderRequest{UserPoolId: h.pool.ID, ProviderName: "Guild", ProviderType: "OIDC", ProviderDetails: map[string]string{"client_id": "x"}})
		h.must(err)
		button := func(b *tab) string {
			for _, n := range find(b.page, func(n *htmlNode) bool {
				return n.Data == "a" && strings.Contains(attr(n, "href"), "identity_provider=Guild")
			}) {
				return attr(n, "href")
			}
			return ""
		}
		h.openClient(&idp.CreateUserPoolClientRequest{SupportedIdentityProviders: []string{"COGNITO", "Guild"}})
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
		b.open("/account?client_id="+h.client.ID).shows("/account", "jane")
		if text := b.text(); strings.Contains(text, "assword") || strings.Contains(text, "Recovery codes") || !strings.Contains(text, "Where you are signed in") {
			t.Errorf("%s", text)
		}
	})
}
