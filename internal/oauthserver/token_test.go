package oauthserver_test

import (
	"encoding/base64"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"cognate/api/idp"
	"cognate/internal/browser"
	"cognate/internal/federation"
	"cognate/internal/message"
	"cognate/internal/oauth"
	"cognate/internal/oauthserver"
	"cognate/internal/pool"
	"cognate/internal/secret/secrettest"
	"cognate/internal/store"
	"cognate/internal/store/storetest"
	"cognate/internal/store/storetest/engines"
	"cognate/internal/token"
	"cognate/internal/user"
)

func TestMain(m *testing.M) { os.Exit(storetest.Main(m)) }

// house is the door over a pool with a resource server, a machine's client and an app's, and a user.
type house struct {
	*testing.T
	db                    *store.DB
	pools                 *pool.Registry
	users                 *user.Directory
	tokens                *token.Service
	oauth                 *oauth.Service
	pool                  *pool.Pool
	user                  store.User
	machine, app          *pool.Client
	machineSecret, server string
	log                   logged
}

func onEngines(t *testing.T, test func(*house)) {
	engines.Each(t, func(t *testing.T, db *store.DB) { test(newHouse(t, db)) })
}

func newHouse(t *testing.T, db *store.DB) *house {
	h := &house{T: t, db: db, machineSecret: "0123456789abcdefghijklmnopqrstuvwxyz"}
	keys := secrettest.Keyring(t)
	h.pools = pool.New(db, keys, pool.Options{AccountID: "000000000000", Dev: true, Kinds: map[string]federation.Kind{"OIDC": guild{}, "SAML": guild{}}})
	h.tokens = token.New(db, keys, h.pools, "https://id.example.com")
	p, err := h.pools.CreateAs(t.Context(), "us-east-1_OAuth", &idp.CreateUserPoolRequest{PoolName: "p"})
	h.must(err)
	_, err = h.pools.CreateResourceServer(t.Context(), &idp.CreateResourceServerRequest{UserPoolId: p.ID, Identifier: "photos", Name: "Photos",
		Scopes: []*idp.ResourceServerScopeType{{ScopeName: "read", ScopeDescription: "r"}, {ScopeName: "write", ScopeDescription: "w"}, {ScopeName: "admin", ScopeDescription: "a"}}})
	h.must(err)
	h.machine, err = h.pools.CreateClient(t.Context(), &idp.CreateUserPoolClientRequest{UserPoolId: p.ID, ClientName: "machine", ClientSecret: h.machineSecret,
		AllowedOAuthFlowsUserPoolClient: new(true), AllowedOAuthFlows: []string{"client_credentials"}, AllowedOAuthScopes: []string{"photos/read", "photos/write"}})
	h.must(err)
	h.app, err = h.pools.CreateClient(t.Context(), &idp.CreateUserPoolClientRequest{UserPoolId: p.ID, ClientName: "app",
		AllowedOAuthFlowsUserPoolClient: new(true), AllowedOAuthFlows: []string{"code", "implicit"},
		AllowedOAuthScopes: []string{"openid", "email", "photos/read"}, CallbackURLs: []string{callback, "https://app.example/other?a=b"},
		LogoutURLs: []string{"https://app.example/bye"}})
	h.must(err)
	h.pool, err = h.pools.Pool(t.Context(), p.ID)
	h.must(err)
	h.user = store.User{PoolID: p.ID, Sub: "6f1c2d3e-4b5a-4c7d-8e9f-0a1b2c3d4e5f", Username: "alice", UsernameKey: "alice", Status: "CONFIRMED", Enabled: true,
		Attributes: map[string]string{"email": "alice@example.com", "email_verified": "true", "name": "Alice", "phone_number": "+15555550100"}}
	h.must(db.Update(t.Context(), func(tx *store.Tx) error { return tx.CreateUser(h.user) }))
	mux := http.NewServeMux()
	users := user.New(db, keys, message.Nowhere{}).With(user.Options{FailuresPerAddress: 200})
	h.users = users
	h.oauth = oauth.New(db, keys, h.pools, users, h.tokens, oauth.Options{})
	core := oauthserver.Core{Pools: h.pools, Users: users, Tokens: h.tokens, OAuth: h.oauth}
	oauthserver.New(core, browser.Cookies{}, slog.New(slog.NewTextHandler(&h.log, nil))).Register(mux)
	s := httptest.NewServer(mux)
	t.Cleanup(s.Close)
	h.server = s.URL
	return h
}

func (h *house) must(err error) {
	h.Helper()
	if err != nil {
		h.Fatal(err)
	}
}

// session signs the user in at the app.
func (h *house) session() *token.Tokens {
	h.Helper()
	t, err := h.tokens.Issue(h.Context(), token.Grant{Pool: h.pool, Client: h.app, User: h.user, Scopes: token.ScopeAdmin, Flow: token.NewFlow()}, nil)
	h.must(err)
	return t
}

// answer is what an endpoint says.
type answer struct {
	status int
	header http.Header
	Error  string `json:"error"`
	ID     string `json:"id_token"`
	Access string `json:"access_token"`
	Expire int64  `json:"expires_in"`
	Type   string `json:"token_type"`

	Refresh     string `json:"refresh_token"`
	Description string `json:"error_description"`
}

func (h *house) send(path, authorization, body string) (a answer) {
	h.Helper()
	r, err := http.NewRequestWithContext(h.Context(), http.MethodPost, h.server+path, strings.NewReader(body))
	h.must(err)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if authorization != "" {
		r.Header.Set("Authorization", authorization)
	}
	return h.do(r)
}

func (h *house) do(r *http.Request) (a answer) {
	h.Helper()
	got, err := http.DefaultClient.Do(r)
	h.must(err)
	defer got.Body.Close()
	text, err := io.ReadAll(got.Body)
	h.must(err)
	if len(text) > 0 {
		h.must(json.Unmarshal(text, &a))
	}
	a.status, a.header = got.StatusCode, got.Header
	return a
}

func basic(id, secret string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(id+":"+secret))
}

// asMachine sends a form as the machine's client.
func (h *house) asMachine(pairs ...string) answer {
	h.Helper()
	return h.send("/oauth2/token", basic(h.machine.ID, h.machineSecret), form(pairs...))
}

// asApp sends a form as the app, which has no secret.
func (h *house) asApp(path string, pairs ...string) answer {
	h.Helper()
	return h.send(path, "", form(append(pairs, "client_id", h.app.ID)...))
}

func form(pairs ...string) string {
	v := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		v.Add(pairs[i], pairs[i+1])
	}
	return v.Encode()
}

func (h *house) refused(what string, got answer, code string) {
	h.Helper()
	if got.status != http.StatusBadRequest || got.Error != code || got.Access != "" {
		h.Errorf("%s: %d %q %q; want %s", what, got.status, got.Error, got.Description, code)
	}
}

func (h *house) claims(text string) (claims map[string]any) {
	h.Helper()
	payload, err := base64.RawURLEncoding.DecodeString(strings.Split(text, ".")[1])
	h.must(err)
	h.must(json.Unmarshal(payload, &claims))
	return claims
}

// TestClientCredentials gives machines tokens for their custom scopes and no others (checklist 27, 30).
func TestClientCredentials(t *testing.T) {
	onEngines(t, func(h *house) {
		for scope, want := range map[string]string{"": "photos/read photos/write", "photos/write": "photos/write", "photos/write  photos/read photos/write": "photos/write photos/read"} {
			got := h.asMachine("grant_type", "client_credentials", "scope", scope)
			if got.status != 200 || got.Type != "Bearer" || got.Expire != 3600 || got.ID != "" || got.Refresh != "" {
				t.Fatalf("%q: %+v", scope, got)
			}
			c := h.claims(got.Access)
			if c["scope"] != want || c["sub"] != h.machine.ID || c["client_id"] != h.machine.ID || c["token_use"] != "access" || c["version"] != 2.0 || c["jti"] == nil {
				t.Errorf("%q: %v", scope, c)
			}
			for _, name := range []string{"username", "cognito:groups", "origin_jti", "event_id", "device_key"} {
				if c[name] != nil {
					t.Errorf("%q: has %s", scope, name)
				}
			}
			if _, err := h.tokens.Authorize(t.Context(), got.Access); err == nil {
				t.Error("a machine's token passes for a user's")
			}
			if got.header.Get("Cache-Control") == "" || got.header.Get("Access-Control-Allow-Origin") != "*" || got.header.Get("Content-Type") != "application/json;charset=UTF-8" {
				t.Errorf("headers %v", got.header)
			}
		}
		for scope, code := range map[string]string{"photos/admin": "invalid_grant", "photos/read photos/admin": "invalid_grant", "photos/none": "invalid_scope",
			"openid": "invalid_scope", "x": "invalid_scope", "\x00": "invalid_scope", strings.Repeat("x", 50<<10): "invalid_scope"} {
			h.refused("scope "+scope[:1], h.asMachine("grant_type", "client_credentials", "scope", scope), code)
		}
		h.refused("an app", h.asApp("/oauth2/token", "grant_type", "client_credentials"), "unauthorized_client")
		_, err := h.pools.UpdateResourceServer(t.Context(), &idp.UpdateResourceServerRequest{UserPoolId: h.pool.ID, Identifier: "photos", Name: "Photos",
			Scopes: []*idp.ResourceServerScopeType{{ScopeName: "read", ScopeDescription: "r"}}})
		h.must(err)
		if got := h.claims(h.asMachine("grant_type", "client_credentials").Access); got["scope"] != "photos/read" {
			t.Errorf("a scope that is gone: %v", got["scope"])
		}
		h.must(h.pools.DeleteResourceServer(t.Context(), h.pool.ID, "photos"))
		h.refused("no scope at all", h.asMachine("grant_type", "client_credentials"), "invalid_scope")
	})
}

// TestClientAuthentication tries what is not the client's own way to show who it is (checklist 29).
func TestClientAuthentication(t *testing.T) {
	onEngines(t, func(h *house) {
		grant := form("grant_type", "client_credentials")
		id, word := "&client_id="+h.machine.ID, "&client_secret="+h.machineSecret
		for what, c := range map[string]struct{ authorization, body, want string }{
			"header":                  {basic(h.machine.ID, h.machineSecret), grant, ""},
			"header and its name":     {basic(h.machine.ID, h.machineSecret), grant + id, ""},
			"form":                    {"", grant + id + word, ""},
			"both":                    {basic(h.machine.ID, h.machineSecret), grant + id + word, "invalid_request"},
			"nobody":                  {"", grant, "invalid_client"},
			"no secret":               {"", grant + id, "invalid_client"},
			"a wrong secret":          {"", grant + id + word + "x", "invalid_client"},
			"a wrong header":          {basic(h.machine.ID, "x"), grant, "invalid_client"},
			"an empty secret":         {basic(h.machine.ID, ""), grant, "invalid_client"},
			"two names":               {basic(h.machine.ID, h.machineSecret), grant + "&client_id=" + h.app.ID, "invalid_client"},
			"a bearer":                {"Bearer x", grant + id, "invalid_client"},
			"a client that is none":   {"", grant + "&client_id=nobody" + word, "invalid_client"},
			"a foul name":             {"", grant + "&client_id=%00%ff" + word, "invalid_client"},
			"a secret of one without": {"", grant + "&client_id=" + h.app.ID + word, "invalid_client"},
			"a name twice":            {"", grant + id + id + word, "invalid_request"},
			"no form":                 {"", "grant_type=%zz" + id + word, "invalid_request"},
			"no grant":                {"", strings.TrimPrefix(id+word, "&"), "invalid_request"},
			"another grant":           {"", "grant_type=password" + id + word, "unsupported_grant_type"},
			"a huge form":             {"", grant + id + word + "&x=" + strings.Repeat("x", 1<<20), "invalid_request"},
		} {
			got := h.send("/oauth2/token", c.authorization, c.body)
			if c.want != "" {
				h.refused(what, got, c.want)
			} else if got.Access == "" {
				t.Errorf("%s: %+v", what, got)
			}
		}
		h.refused("in the address", h.send("/oauth2/token?client_id="+h.machine.ID+word, "", grant), "invalid_client")
		second, err := h.pools.AddClientSecret(t.Context(), &idp.AddUserPoolClientSecretRequest{UserPoolId: h.pool.ID, ClientId: h.machine.ID})
		h.must(err)
		for _, word := range []string{h.machineSecret, second.ClientSecretValue} {
			if got := h.send("/oauth2/token", basic(h.machine.ID, word), grant); got.Access == "" {
				t.Errorf("one of two secrets: %+v", got)
			}
		}
	})
}

// TestRefreshGrant answers refresh tokens of the JSON API, to their own client, until they are revoked
// (checklist 31, 32).
func TestRefreshGrant(t *testing.T) {
	onEngines(t, func(h *house) {
		first := h.session()
		got := h.asApp("/oauth2/token", "grant_type", "refresh_token", "refresh_token", first.Refresh)
		if got.status != 200 || got.Access == "" || got.ID == "" || got.Refresh != "" || h.claims(got.Access)["sub"] != h.user.Sub {
			t.Fatalf("%+v", got)
		}
		h.refused("none", h.asApp("/oauth2/token", "grant_type", "refresh_token"), "invalid_request")
		h.refused("another client's", h.asMachine("grant_type", "refresh_token", "refresh_token", first.Refresh), "invalid_grant")
		for _, bad := range []string{"garbage", first.Access, first.Refresh + "x", "\x00", strings.Repeat("x", 50<<10)} {
			h.refused("a bad one", h.asApp("/oauth2/token", "grant_type", "refresh_token", "refresh_token", bad), "invalid_grant")
		}
		if got := h.asApp("/oauth2/revoke", "token", first.Refresh); got.status != 200 {
			t.Errorf("revoke: %+v", got)
		}
		h.refused("a revoked one", h.asApp("/oauth2/token", "grant_type", "refresh_token", "refresh_token", first.Refresh), "invalid_grant")
		if _, err := h.tokens.Authorize(t.Context(), first.Access); err == nil {
			t.Error("the access token lives on")
		}
		second := h.session()
		disabled := h.user
		disabled.Enabled = false
		h.must(h.db.Update(t.Context(), func(tx *store.Tx) error { return tx.UpdateUser(disabled) }))
		h.refused("a disabled user's", h.asApp("/oauth2/token", "grant_type", "refresh_token", "refresh_token", second.Refresh), "invalid_grant")
	})
}

// TestRotationGrant rotates at the endpoint, too.
func TestRotationGrant(t *testing.T) {
	onEngines(t, func(h *house) {
		var err error
		h.app, err = h.pools.CreateClient(t.Context(), &idp.CreateUserPoolClientRequest{UserPoolId: h.pool.ID, ClientName: "rotates", ExplicitAuthFlows: []string{"ALLOW_USER_SRP_AUTH"},
			RefreshTokenRotation: &idp.RefreshTokenRotationType{Feature: "ENABLED", RetryGracePeriodSeconds: new(int64(0))}})
		h.must(err)
		first := h.session()
		got := h.asApp("/oauth2/token", "grant_type", "refresh_token", "refresh_token", first.Refresh)
		if got.Refresh == "" || got.Refresh == first.Refresh {
			t.Fatalf("%+v", got)
		}
		h.refused("the old one", h.asApp("/oauth2/token", "grant_type", "refresh_token", "refresh_token", first.Refresh), "invalid_grant")
		h.refused("the new one, after that", h.asApp("/oauth2/token", "grant_type", "refresh_token", "refresh_token", got.Refresh), "invalid_grant")
	})
}

func TestRevokeEndpoint(t *testing.T) {
	onEngines(t, func(h *house) {
		tokens := h.session()
		for _, bad := range []string{"garbage", tokens.Refresh + "x", "\x00"} {
			if got := h.asApp("/oauth2/revoke", "token", bad); got.status != 200 {
				t.Errorf("%q: %+v", bad, got)
			}
		}
		h.refused("none", h.asApp("/oauth2/revoke"), "invalid_request")
		for _, jwt := range []string{tokens.Access, tokens.ID} {
			h.refused("a JWT", h.asApp("/oauth2/revoke", "token", jwt), "unsupported_token_type")
		}
		h.refused("by another client", h.send("/oauth2/revoke", basic(h.machine.ID, h.machineSecret), form("token", tokens.Refresh)), "unauthorized_client")
		if got := h.send("/oauth2/revoke", "", form("token", tokens.Refresh, "client_id", "nobody")); got.status != http.StatusUnauthorized || got.Error != "invalid_client" {
			t.Errorf("nobody: %+v", got)
		}
		if _, err := h.tokens.Authorize(t.Context(), tokens.Access); err != nil {
			t.Errorf("revoked all the same: %v", err)
		}
		var err error
		h.app, err = h.pools.CreateClient(t.Context(), &idp.CreateUserPoolClientRequest{UserPoolId: h.pool.ID, ClientName: "keeps", EnableTokenRevocation: new(false)})
		h.must(err)
		h.refused("where it is off", h.asApp("/oauth2/revoke", "token", h.session().Refresh), "invalid_request")
	})
}

// TestMethods covers the preflight of browsers, and what is no request.
func TestMethods(t *testing.T) {
	onEngines(t, func(h *house) {
		for _, path := range []string{"/oauth2/token", "/oauth2/revoke"} {
			for method, want := range map[string]int{http.MethodGet: 405, http.MethodPut: 405, http.MethodOptions: 200} {
				r, err := http.NewRequestWithContext(t.Context(), method, h.server+path, nil)
				h.must(err)
				got := h.do(r)
				if got.status != want || got.header.Get("Access-Control-Allow-Origin") != "*" {
					t.Errorf("%s %s: %d, %v", method, path, got.status, got.header)
				}
				if allowed := got.header.Get("Access-Control-Allow-Headers"); method == http.MethodOptions && !strings.Contains(allowed, "x-amz-user-agent") {
					t.Errorf("%s: allows %s", path, allowed)
				}
			}
			r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, h.server+path, strings.NewReader(`{"grant_type":"client_credentials"}`))
			h.must(err)
			r.Header.Set("Content-Type", "application/json")
			h.refused("JSON", h.do(r), "invalid_request")
		}
	})
}

// TestClientTokenEnds expires.
func TestClientTokenEnds(t *testing.T) {
	onEngines(t, func(h *house) {
		c := h.claims(h.asMachine("grant_type", "client_credentials").Access)
		if left := time.Until(time.Unix(int64(c["exp"].(float64)), 0)); left > time.Hour || left < 59*time.Minute {
			t.Errorf("ends in %v", left)
		}
	})
}
