package hostedui_test

import (
	"cmp"
	"context"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"cognate/api/idp"
	"cognate/internal/authn"
	"cognate/internal/browser"
	"cognate/internal/federation"
	"cognate/internal/hostedui"
	"cognate/internal/message/inbox"
	"cognate/internal/oauth"
	"cognate/internal/passkey"
	"cognate/internal/pool"
	"cognate/internal/secret/secrettest"
	"cognate/internal/store"
	"cognate/internal/store/storetest"
	"cognate/internal/store/storetest/engines"
	"cognate/internal/threat"
	"cognate/internal/token"
	"cognate/internal/user"
)

func TestMain(m *testing.M) { os.Exit(storetest.Main(m)) }

const (
	callback = "https://app.example/cb"
	password = "Corr3ct-Horse!"
)

// house is the pages of a pool, whose app may use them.
type house struct {
	*testing.T
	db      *store.DB
	core    hostedui.Core
	mail    *inbox.Inbox
	pool    *pool.Pool
	client  *pool.Client
	address string
	threat  *threat.Service
}

func onEngines(t *testing.T, test func(*house)) {
	engines.Each(t, func(t *testing.T, db *store.DB) { test(newHouse(t, db)) })
}

func newHouse(t *testing.T, db *store.DB) *house {
	h := &house{T: t, db: db, mail: inbox.New()}
	keys := secrettest.Keyring(t)
	pools := pool.New(db, keys, pool.Options{AccountID: "000000000000", Dev: true, Kinds: map[string]federation.Kind{"OIDC": guild{}, "SAML": guild{}}})
	users, tokens, passkeys := user.New(db, keys, h.mail), token.New(db, keys, pools, "http://cognate.test"), passkey.New(db, keys, true)
	h.core = hostedui.Core{
		Keys: keys, Pools: pools, Users: users, Passkeys: passkeys, Tokens: tokens,
		OAuth: oauth.New(db, keys, pools, users, tokens, oauth.Options{}), Machine: authn.New(keys, users, passkeys, tokens),
	}
	h.threat = threat.New(db, keys, pools, threat.Options{Pages: func(*pool.Pool) string { return h.address }})
	users.With(user.Options{Threat: h.threat})
	view, err := hostedui.NewView(hostedui.ViewOptions{})
	h.must(err)
	mux := http.NewServeMux()
	door := hostedui.New(h.core, view, browser.Cookies{}, slog.New(slog.DiscardHandler))
	door.Register(mux)
	hostedui.Preview{Service: door}.Register(mux)
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	t.Cleanup(users.Wait)
	h.address = server.URL
	h.openPool(&idp.CreateUserPoolRequest{PoolName: "shop", AutoVerifiedAttributes: []string{"email"}, Schema: []*idp.SchemaAttributeType{
		{Name: "email", AttributeDataType: "String", Required: new(true), Mutable: new(true)},
	}})
	return h
}

// openPool makes the pool of the house, and its app.
func (h *house) openPool(in *idp.CreateUserPoolRequest) {
	h.Helper()
	p, err := h.core.Pools.Create(h.Context(), "us-east-1", in)
	h.must(err)
	h.pool = p
	h.openClient(&idp.CreateUserPoolClientRequest{})
}

// openClient makes the app of the house, with a secret unless in says otherwise: the pages act for it.
func (h *house) openClient(in *idp.CreateUserPoolClientRequest) {
	h.Helper()
	in.UserPoolId, in.ClientName, in.GenerateSecret = h.pool.ID, "app", cmp.Or(in.GenerateSecret, new(true))
	in.AllowedOAuthFlowsUserPoolClient, in.AllowedOAuthFlows = new(true), []string{"code"}
	if in.AllowedOAuthScopes == nil {
		in.AllowedOAuthScopes, in.CallbackURLs = []string{"openid", "email"}, []string{callback}
	}
	c, err := h.core.Pools.CreateClient(h.Context(), in)
	h.must(err)
	h.client = c
	h.pool, err = h.core.Pools.Pool(h.Context(), h.pool.ID)
	h.must(err)
}

func (h *house) must(err error) {
	h.Helper()
	if err != nil {
		h.Fatal(err)
	}
}

// user makes a confirmed user with a verified address.
func (h *house) user(name string) store.User {
	h.Helper()
	h.must(h.core.Users.Seed(h.Context(), h.pool, name, password, map[string]string{"email": name + "@example.com", "email_verified": "true"}))
	u, err := h.core.Users.Find(h.Context(), h.pool, name)
	h.must(err)
	return u
}

// code is the code that was sent to an address last.
func (h *house) code(to string) string {
	h.Helper()
	h.core.Users.Wait()
	all := h.mail.Messages(to)
	if len(all) == 0 {
		h.Fatalf("nothing was sent to %s", to)
	}
	return string(all[len(all)-1].Code)
}

// tab is a browser that has a page open.
type tab struct {
	*house
	client *http.Client
	at     *url.URL
	status int
	header http.Header
	page   *html.Node
}

// browser opens one without cookies.
func (h *house) browser() *tab {
	jar, err := cookiejar.New(nil)
	h.must(err)
	t := &tab{house: h}
	t.client = &http.Client{Jar: jar, CheckRedirect: func(r *http.Request, _ []*http.Request) error {
		if !strings.HasPrefix(r.URL.String(), h.address) {
			return http.ErrUseLastResponse // to the app
		}
		return nil
	}}
	return t
}

// query is the authorization request of the app, with pairs beside or in place of the usual ones.
func (h *house) query(pairs ...string) string {
	q := url.Values{"client_id": {h.client.ID}, "response_type": {"code"}, "redirect_uri": {callback}, "state": {"s t"}}
	for i := 0; i+1 < len(pairs); i += 2 {
		q.Set(pairs[i], pairs[i+1])
	}
	return "?" + q.Encode()
}

func (t *tab) open(path string) *tab {
	t.Helper()
	got, err := t.client.Get(t.address + path)
	t.must(err)
	return t.arrive(got)
}

func (t *tab) arrive(got *http.Response) *tab {
	t.Helper()
	defer got.Body.Close()
	var err error
	t.page, err = html.Parse(got.Body)
	t.must(err)
	t.at, t.status, t.header = got.Request.URL, got.StatusCode, got.Header
	if to := got.Header.Get("Location"); to != "" {
		t.at, err = url.Parse(to)
		t.must(err)
	}
	return t
}

// find returns the elements that fit.
func find(n *html.Node, fits func(*html.Node) bool) (out []*html.Node) {
	for c := range n.Descendants() {
		if c.Type == html.ElementNode && fits(c) {
			out = append(out, c)
		}
	}
	return out
}

func attr(n *html.Node, name string) string {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

// form returns the form with a button, or a hidden field, that says the action; for "" the first one that posts.
func (t *tab) form(action string) *html.Node {
	t.Helper()
	for _, f := range find(t.page, func(n *html.Node) bool { return n.Data == "form" && strings.EqualFold(attr(n, "method"), "post") }) {
		says := func(n *html.Node) bool { return attr(n, "name") == hostedui.FieldAction && attr(n, "value") == action }
		if action == "" || len(find(f, says)) > 0 {
			return f
		}
	}
	t.Fatalf("no form for %q on the page:\n%s", action, t.text())
	return nil
}

// fields are what a form would send as it stands, without a button.
func fields(form *html.Node) url.Values {
	v := url.Values{}
	for _, n := range find(form, func(n *html.Node) bool { return n.Data == "input" && attr(n, "name") != "" }) {
		kind := attr(n, "type")
		checked := slices.ContainsFunc(n.Attr, func(a html.Attribute) bool { return a.Key == "checked" })
		if kind == "submit" || (kind == "checkbox" || kind == "radio") && !checked {
			continue
		}
		v.Add(attr(n, "name"), attr(n, "value"))
	}
	return v
}

// send fills in a form of the page and presses the button of an action.
func (t *tab) send(action string, pairs ...string) *tab {
	t.Helper()
	form := t.form(action)
	v := fields(form)
	if action != "" {
		v.Set(hostedui.FieldAction, action)
	}
	for i := 0; i+1 < len(pairs); i += 2 {
		v.Set(pairs[i], pairs[i+1])
	}
	to, err := t.at.Parse(attr(form, "action"))
	t.must(err)
	return t.post(to.String(), v)
}

func (t *tab) post(to string, v url.Values) *tab {
	t.Helper()
	got, err := t.client.PostForm(to, v)
	t.must(err)
	return t.arrive(got)
}

// text is what the page says.
func (t *tab) text() string {
	var b strings.Builder
	for n := range t.page.Descendants() {
		if n.Type == html.TextNode && n.Parent.Data != "style" && n.Parent.Data != "script" {
			b.WriteString(strings.TrimSpace(n.Data) + " ")
		}
	}
	return strings.Join(strings.Fields(b.String()), " ")
}

// shows fails unless the page says something, under a path.
func (t *tab) shows(path, text string) *tab {
	t.Helper()
	if t.at.Path != path || !strings.Contains(t.text(), text) {
		t.Fatalf("at %s (%d):\n%s\nwant %s: %q", t.at, t.status, t.text(), path, text)
	}
	return t
}

// signedIn fails unless the browser has been sent to the app with a code, and returns the tokens that the code is good for.
func (t *tab) signedIn() *token.Tokens {
	t.Helper()
	if !strings.HasPrefix(t.at.String(), callback+"?code=") || t.at.Query().Get("state") != "s t" {
		t.Fatalf("at %s (%d):\n%s", t.at, t.status, t.text())
	}
	tokens, err := t.core.OAuth.Exchange(context.Background(), t.pool, t.house.client, oauth.Exchange{Code: t.at.Query().Get("code"), RedirectURI: callback})
	t.must(err)
	return tokens
}

type htmlNode = html.Node

func textOf(n *html.Node) string {
	var b strings.Builder
	for c := range n.Descendants() {
		if c.Type == html.TextNode {
			b.WriteString(c.Data + " ")
		}
	}
	return b.String()
}
