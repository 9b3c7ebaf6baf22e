package oauthserver_test

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"

	"cognate/api/idp"
	"cognate/internal/browser"
	"cognate/internal/federation"
	"cognate/internal/oauth"
	"cognate/internal/store"
)

// guild is a kind of provider whose answers are plain forms: what is tested here is the way there and back.
type guild struct{}

func (guild) Check(_ context.Context, details map[string]string) (map[string]string, error) {
	return details, nil
}

func (guild) Open(s federation.Settings) (federation.Provider, error) { return member{s}, nil }

type member struct{ federation.Settings }

// waiting hears of each call of the provider Down, which never answers.
var waiting = make(chan bool, 2*callsOfDown)

const callsOfDown = 40

func (m member) wait(ctx context.Context) error {
	waiting <- true
	<-ctx.Done()
	return ctx.Err()
}

func (m member) Begin(ctx context.Context, r federation.Request) (string, error) {
	if m.Name == "Down" && r.LoginHint == "" {
		return "", m.wait(ctx)
	}
	return "https://idp.example/" + m.Name + "?" + url.Values{"state": {r.State}, "id": {r.ID}, "to": {r.Callback}, "hint": {r.LoginHint}, "prompt": {r.Prompt}}.Encode(), nil
}

func (m member) Finish(ctx context.Context, c federation.Callback) (*federation.Assertion, error) {
	if m.Name == "Down" {
		return nil, m.wait(ctx)
	}
	if code := c.Form.Get("error"); code != "" {
		return nil, &federation.Error{Code: code, Description: cmp.Or(c.Form.Get("error_description"), "said the provider")}
	}
	if c.Form.Get("id") != c.ID || c.Form.Get("from") != m.Name {
		return nil, &federation.Error{Code: "invalid_request", Description: "another sign-in's"}
	}
	return &federation.Assertion{Subject: c.Form.Get("subject"), Claims: federation.Claims{"mail": {c.Form.Get("mail")}}}, nil
}

// federate gives the app three providers, one of which never answers.
func (h *house) federate() {
	h.Helper()
	for _, name := range []string{"Guild", "Other", "Down"} {
		_, err := h.pools.CreateProvider(h.Context(), &idp.CreateIdentityProviderRequest{UserPoolId: h.pool.ID, ProviderName: name, ProviderType: "OIDC",
			ProviderDetails: map[string]string{"client_id": "x"}, AttributeMapping: map[string]string{"email": "mail"}, IdpIdentifiers: []string{name + ".example"}})
		h.must(err)
	}
	h.app = h.client(&idp.CreateUserPoolClientRequest{ClientName: "federated", AllowedOAuthFlows: []string{"code"}, SupportedIdentityProviders: []string{"COGNITO", "Guild", "Other", "Down"}})
}

// leave goes to a provider by an authorization request, and returns where the browser is sent, and its cookie.
func (h *house) leave(pairs ...string) (*url.URL, *http.Cookie) {
	h.Helper()
	r, err := http.NewRequestWithContext(h.Context(), http.MethodGet, h.server+"/oauth2/authorize?"+form(h.request(pairs...)...), nil)
	h.must(err)
	got, err := http.DefaultTransport.RoundTrip(r)
	h.must(err)
	got.Body.Close()
	to, err := got.Location()
	h.must(err)
	for _, c := range got.Cookies() {
		if c.Name == oauth.StateCookie {
			return to, c
		}
	}
	return to, nil
}

// comeBack brings a form to the callback, by GET or by POST.
func (h *house) comeBack(method string, v url.Values, cookies ...*http.Cookie) (*url.URL, []*http.Cookie) {
	h.Helper()
	at, body := h.server+oauth.PathCallback+"?"+v.Encode(), ""
	if method == http.MethodPost {
		at, body = h.server+oauth.PathCallback, v.Encode()
	}
	r, err := http.NewRequestWithContext(h.Context(), method, at, strings.NewReader(body))
	h.must(err)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	for _, c := range cookies {
		r.AddCookie(c)
	}
	got, err := http.DefaultTransport.RoundTrip(r)
	h.must(err)
	got.Body.Close()
	return h.sent(got), got.Cookies()
}

// answerOfGuild is what the provider sends a browser back with.
func answerOfGuild(to *url.URL) url.Values {
	return url.Values{"state": {to.Query().Get("state")}, "id": {to.Query().Get("id")}, "from": {strings.TrimPrefix(to.Path, "/")}, "subject": {"4711"}, "mail": {"mary@example.com"}}
}

// TestFederated signs a user in at a provider, by its name or an identifier, and lets nobody but the browser that was sent
// there come back, once (checklist 39).
func TestFederated(t *testing.T) {
	onEngines(t, func(h *house) {
		h.federate()
		to, cookie := h.leave("identity_provider", "Guild", "state", "the app's", "login_hint", "mary", "prompt", "login")
		if to.Host != "idp.example" || to.Path != "/Guild" || cookie == nil || to.Query().Get("to") != "https://id.example.com/oauth2/idpresponse" ||
			to.Query().Get("hint") != "mary" || to.Query().Get("prompt") != "login" {
			t.Fatalf("sent to %s with %v", to, cookie)
		}
		answer := answerOfGuild(to)
		const invalid = "/error?error=Invalid+state"
		other, foreign := h.leave("idp_identifier", "Other.example")
		if other.Path != "/Other" {
			t.Fatalf("by identifier: sent to %s", other)
		}
		for what, c := range map[string]struct {
			state  string
			cookie *http.Cookie
		}{
			"no cookie":        {answer.Get("state"), &http.Cookie{Name: "x"}},
			"another browser":  {answer.Get("state"), foreign},
			"no state":         {"", cookie},
			"a state of none":  {"x", cookie},
			"a request as one": {"identity_provider=Guild&client_id=" + h.app.ID + "&redirect_uri=" + url.QueryEscape(callback) + "&response_type=code", cookie},
		} {
			v := answerOfGuild(to)
			v.Set("state", c.state)
			if at, _ := h.comeBack(http.MethodGet, v, c.cookie); at.String() != invalid {
				t.Errorf("%s: sent to %s", what, at)
			}
		}
		long := answerOfGuild(to)
		long.Set("error", "x y")
		long.Set("error_description", strings.Repeat("ä", 10_000))
		if at, _ := h.comeBack(http.MethodPost, long, cookie); at.Query().Get("error") != "invalid_request" || len(at.String()) > 4000 {
			t.Errorf("a provider of many words: sent to %.200s", at)
		}
		mixed := answerOfGuild(to)
		mixed.Set("from", "Other")
		if at, _ := h.comeBack(http.MethodGet, mixed, cookie); at.String() != callback+"?error=invalid_request&error_description=another+sign-in%27s&state=the+app%27s" {
			t.Errorf("another provider's answer: sent to %s", at)
		}
		at, cookies := h.comeBack(http.MethodGet, answer, cookie)
		if at.Query().Get("state") != "the app's" || at.Query().Get("code") == "" || len(cookies) != 1 || cookies[0].Name != browser.LoginCookie(h.pool.ID) {
			t.Fatalf("sent to %s with %v", at, cookies)
		}
		tokens := h.exchange(at.Query().Get("code"))
		id := h.claims(tokens.ID)
		if id["cognito:username"] != "Guild_4711" || id["email"] != "mary@example.com" || id["email_verified"] != nil && id["email_verified"] != false {
			t.Errorf("%v", id)
		}
		if identities, _ := id["identities"].([]any); len(identities) != 1 || identities[0].(map[string]any)["userId"] != "4711" || identities[0].(map[string]any)["providerName"] != "Guild" {
			t.Errorf("identities: %v", id["identities"])
		}
		if at, _ := h.comeBack(http.MethodGet, answer, cookie); at.String() != invalid {
			t.Errorf("the same answer again: sent to %s", at)
		}
		// The browser is signed in now: at this provider, for this app.
		value := cookies[0].Value
		if to := h.ask(value); to.Query().Get("code") == "" {
			t.Errorf("any provider: sent to %s", to)
		}
		if to := h.ask(value, "identity_provider", "Other"); to.Host != "idp.example" {
			t.Errorf("another provider: sent to %s", to)
		}
		h.app = h.client(&idp.CreateUserPoolClientRequest{ClientName: "own users only", AllowedOAuthFlows: []string{"code"}, SupportedIdentityProviders: []string{"COGNITO"}})
		if to := h.ask(value); to.Path != "/login" {
			t.Errorf("an app without the provider: sent to %s", to)
		}
		if to := h.ask(value, "identity_provider", "Guild"); !strings.HasPrefix(to.String(), callback+"?error=invalid_request") {
			t.Errorf("a provider that is not the app's: sent to %s", to)
		}
	})
}

// TestFederatedAgain finds the same user again, by a posted form, and updates what is mapped. A disabled user is not let in,
// and an expired state is none.
func TestFederatedAgain(t *testing.T) {
	onEngines(t, func(h *house) {
		h.federate()
		subject := ""
		for _, mail := range []string{"mary@example.com", "new@example.com"} {
			to, cookie := h.leave("identity_provider", "Guild")
			v := answerOfGuild(to)
			v.Set("mail", mail)
			at, _ := h.comeBack(http.MethodPost, v, cookie)
			id := h.claims(h.exchange(at.Query().Get("code")).ID)
			if id["email"] != mail || subject != "" && id["sub"] != subject {
				t.Errorf("%v", id)
			}
			subject = id["sub"].(string)
		}
		to, cookie := h.leave("identity_provider", "Guild")
		v := answerOfGuild(to)
		v.Set("error", "access_denied")
		if at, _ := h.comeBack(http.MethodGet, v, cookie); at.String() != callback+"?error=access_denied&error_description=said+the+provider" {
			t.Errorf("a refusal: sent to %s", at)
		}
		h.must(h.db.Update(t.Context(), func(tx *store.Tx) error {
			u, err := tx.GetUser(h.pool.ID, subject)
			if err != nil {
				return err
			}
			u.Enabled = false
			return tx.UpdateUser(u)
		}))
		v.Del("error")
		if at, _ := h.comeBack(http.MethodGet, v, cookie); at.Query().Get("error_description") != "User is not enabled" {
			t.Errorf("a disabled user: sent to %s", at)
		}
		if len(h.leaveWithHugeState()) > 0 {
			t.Error("a request too large to carry was carried")
		}
	})
}

// leaveWithHugeState returns where a request leads that cannot be carried to a provider, "" when that is the app.
func (h *house) leaveWithHugeState() string {
	to, _ := h.leave("identity_provider", "Guild", "state", strings.Repeat("s", 3500))
	if strings.HasPrefix(to.String(), callback+"?error=invalid_request") {
		return ""
	}
	return to.String()
}

// TestProviderDown signs users in at one provider while many wait for another, on their way there and back: whoever waits
// holds nothing that others need.
func TestProviderDown(t *testing.T) {
	onEngines(t, func(h *house) {
		h.federate()
		to, cookie := h.leave("identity_provider", "Down", "login_hint", "answers this once")
		back := h.server + oauth.PathCallback + "?" + answerOfGuild(to).Encode()
		there := h.server + "/oauth2/authorize?" + form(h.request("identity_provider", "Down")...)
		ctx, stop := context.WithCancel(h.Context())
		var calls sync.WaitGroup
		for i := range callsOfDown {
			calls.Go(func() {
				r, err := http.NewRequestWithContext(ctx, http.MethodGet, []string{there, back}[i%2], nil)
				if err != nil {
					h.Error(err)
					return
				}
				r.AddCookie(cookie)
				if got, err := http.DefaultTransport.RoundTrip(r); err == nil {
					got.Body.Close()
					h.Errorf("a provider that is down: %s, %s", got.Status, got.Header.Get("Location"))
				}
			})
		}
		for range callsOfDown {
			<-waiting
		}
		to, cookie = h.leave("identity_provider", "Guild")
		if at, _ := h.comeBack(http.MethodGet, answerOfGuild(to), cookie); at.Query().Get("code") == "" {
			h.Errorf("at another provider: sent to %s", at)
		}
		stop()
		calls.Wait()
	})
}

// TestFederatedLogins are not the pool's own, and prove no level of it.
func TestFederatedLogins(t *testing.T) {
	onEngines(t, func(h *house) {
		h.federate()
		to, cookie := h.leave("identity_provider", "Guild", "acr_values", "urn:cognito:loa:1")
		at, _ := h.comeBack(http.MethodGet, answerOfGuild(to), cookie)
		if at.String() != callback+"?error=unmet_authentication_requirements" {
			t.Errorf("for a level: sent to %s", at)
		}
		to, cookie = h.leave("identity_provider", "Guild")
		at, cookies := h.comeBack(http.MethodGet, answerOfGuild(to), cookie)
		if at.Query().Get("code") == "" {
			t.Fatalf("sent to %s", at)
		}
		if at := h.ask(cookies[0].Value, "identity_provider", "COGNITO"); at.Path != "/login" || at.Host != "" {
			t.Errorf("where the pool's own users are asked for: sent to %s", at)
		}
		to, cookie = h.leave("identity_provider", "Guild", "prompt", "login")
		if _, next := h.comeBack(http.MethodGet, answerOfGuild(to), cookie, cookies[0]); len(next) != 1 || next[0].Value == cookies[0].Value {
			t.Errorf("the next login: %v", next)
		}
		if at := h.ask(cookies[0].Value, "prompt", "none"); at.Query().Get("error") != "login_required" {
			t.Errorf("the login before the next: sent to %s", at)
		}
	})
}

// TestFederatedPages lets who comes from a provider see one of our own pages, and says on one of ours what went wrong.
func TestFederatedPages(t *testing.T) {
	onEngines(t, func(h *house) {
		h.federate()
		to, cookie := h.leave("identity_provider", "Guild", "goto", "account", "response_type", "", "redirect_uri", "")
		if to.Path != "/Guild" {
			t.Fatalf("sent to %s", to)
		}
		refusal := answerOfGuild(to)
		refusal.Set("error", "access_denied")
		if at, _ := h.comeBack(http.MethodGet, refusal, cookie); at.String() != "/error?client_id="+h.app.ID+"&error=access_denied" {
			t.Errorf("refused: sent to %s", at)
		}
		at, cookies := h.comeBack(http.MethodGet, answerOfGuild(to), cookie)
		if at.Path != "/account" || at.Query().Get("client_id") != h.app.ID || len(cookies) != 1 {
			t.Errorf("sent to %s with %v", at, cookies)
		}
		if _, to := h.visit("", "/oauth2/authorize", h.request("identity_provider", "None", "goto", "account")...); to.String() != "/error?client_id="+h.app.ID+"&error=invalid_request" {
			t.Errorf("an unknown provider: sent to %s", to)
		}
	})
}

// linkAway is where the account page sends the browser of a login to link an identity, and its cookie.
func (h *house) linkAway(value, provider string) (*url.URL, *http.Cookie) {
	h.Helper()
	request, err := h.oauth.Parse(h.Context(), "", form("client_id", h.app.ID, "goto", "account"))
	h.must(err)
	login, err := h.oauth.Login(h.Context(), h.pool, value)
	h.must(err)
	to, binding, err := h.oauth.DepartToLink(h.Context(), request, login, provider, "")
	h.must(err)
	away, err := url.Parse(to)
	h.must(err)
	return away, &http.Cookie{Name: oauth.StateCookie, Value: binding}
}

// TestLink links an identity to the user of a browser's login, once for each way there, and leaves the login as it is.
func TestLink(t *testing.T) {
	onEngines(t, func(h *house) {
		h.federate()
		login := h.signIn()
		to, cookie := h.linkAway(login, "Guild")
		want := func(what string, v url.Values, result string, cookies ...*http.Cookie) {
			t.Helper()
			at, set := h.comeBack(http.MethodGet, v, cookies...)
			if at.Path != "/account" || at.Query().Get("linked") != result || at.Query().Get("client_id") != h.app.ID || len(set) > 0 {
				t.Errorf("%s: sent to %s with %v", what, at, set)
			}
		}
		if at, _ := h.comeBack(http.MethodGet, answerOfGuild(to)); at.Path != "/error" {
			t.Errorf("another browser: sent to %s", at)
		}
		refusal := answerOfGuild(to)
		refusal.Set("error", "access_denied")
		want("a refusal", refusal, "failed", cookie)
		want("the answer", answerOfGuild(to), "done", cookie)
		again := answerOfGuild(to)
		again.Set("subject", "another")
		want("the same way again", again, "failed", cookie)
		to, cookie = h.linkAway(login, "Guild")
		want("the same identity", answerOfGuild(to), "done", cookie)
		if rows, err := h.users.Identities(t.Context(), h.pool, h.user.Sub); err != nil || len(rows) != 1 || rows[0].Value != "4711" {
			t.Errorf("identities %v: %v", rows, err)
		}

		// Who comes by it signs in as the user from now on, until it is unlinked or the provider is gone.
		enter := func() string {
			to, cookie := h.leave("identity_provider", "Guild")
			at, cookies := h.comeBack(http.MethodGet, answerOfGuild(to), cookie)
			if at.Query().Get("code") == "" || len(cookies) != 1 {
				t.Fatalf("sent to %s", at)
			}
			return cookies[0].Value
		}
		by := enter()
		code := h.code(by)
		h.must(h.users.Unlink(t.Context(), h.pool, &idp.AdminDisableProviderForUserRequest{User: &idp.ProviderUserIdentifierType{ProviderName: "Guild", ProviderAttributeName: "Cognito_Subject", ProviderAttributeValue: "4711"}}))
		h.refused("a code from before", h.exchange(code), "invalid_grant")
		if to := h.ask(by); to.Path != "/login" {
			t.Errorf("after it was unlinked: sent to %s", to)
		}
		by = enter()
		h.must(h.pools.DeleteProvider(t.Context(), h.pool.ID, "Guild"))
		if to := h.ask(by); to.Path != "/login" {
			t.Errorf("without the provider: sent to %s", to)
		}
	})
}

// TestSAMLAddress takes the answers of SAML providers by POST at their own address alone, and no others there.
func TestSAMLAddress(t *testing.T) {
	onEngines(t, func(h *house) {
		h.federate()
		_, err := h.pools.CreateProvider(t.Context(), &idp.CreateIdentityProviderRequest{UserPoolId: h.pool.ID, ProviderName: "Corp", ProviderType: "SAML", ProviderDetails: map[string]string{"MetadataFile": "x"}})
		h.must(err)
		h.app = h.client(&idp.CreateUserPoolClientRequest{ClientName: "corp", AllowedOAuthFlows: []string{"code"}, SupportedIdentityProviders: []string{"Guild", "Corp"}})
		arrive := func(provider string, saml bool) string {
			to, cookie := h.leave("identity_provider", provider)
			host, err := url.Parse(h.server)
			h.must(err)
			at, _, err := h.oauth.Arrive(t.Context(), oauth.Return{Host: host.Host, Cookie: cookie.Value, Form: answerOfGuild(to), SAML: saml})
			if shown, ok := errors.AsType[*oauth.PageError](err); ok {
				return shown.Code
			}
			h.must(err)
			return strings.Split(at, "?")[0]
		}
		for _, c := range []struct {
			provider string
			saml     bool
			want     string
		}{{"Guild", false, callback}, {"Guild", true, "Invalid state"}, {"Corp", true, callback}, {"Corp", false, "Invalid state"}} {
			if got := arrive(c.provider, c.saml); got != c.want {
				t.Errorf("%s at the address of SAML (%v): %s, want %s", c.provider, c.saml, got, c.want)
			}
		}
		to, cookie := h.leave("identity_provider", "Corp")
		if at, _ := h.comeBack(http.MethodGet, answerOfGuild(to), cookie); at.Path != "/error" {
			t.Errorf("by GET: sent to %s", at)
		}
	})
}
