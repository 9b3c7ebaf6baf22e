package gateway_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"cognate/api/idp"
	"cognate/internal/gateway"
	"cognate/internal/pool"
	"cognate/internal/secret/secrettest"
	"cognate/internal/store"
	"cognate/internal/store/storetest"
	"cognate/internal/store/storetest/engines"
	"cognate/internal/token"
)

func TestMain(m *testing.M) { os.Exit(storetest.Main(m)) }

// house is the door over two pools, with a user in the first who is signed in at its app.
type house struct {
	*testing.T
	db            *store.DB
	pools         *pool.Registry
	tokens        *token.Service
	pool, other   *pool.Pool
	app, machine  *pool.Client
	user          store.User
	id, access    string
	door          http.Handler
	machineAccess string
	foreign       string // an ID token of the other pool
	log           bytes.Buffer
}

func onEngines(t *testing.T, test func(*house)) {
	engines.Each(t, func(t *testing.T, db *store.DB) { test(newHouse(t, db)) })
}

func newHouse(t *testing.T, db *store.DB) *house {
	h := &house{T: t, db: db}
	keys := secrettest.Keyring(t)
	h.pools = pool.New(db, keys, pool.Options{AccountID: "000000000000"})
	h.tokens = token.New(db, keys, h.pools, "https://id.example.com")
	h.pool, h.app, h.user = h.open("alice,admins", "äöü|x")
	var stranger *pool.Client
	var foreign store.User
	h.other, stranger, foreign = h.open("mallory", "x")
	var err error
	h.machine, err = h.pools.CreateClient(t.Context(), &idp.CreateUserPoolClientRequest{UserPoolId: h.pool.ID, ClientName: "machine"})
	h.must(err)
	h.id, h.access = h.issue(h.pool, h.app, h.user)
	h.foreign, _ = h.issue(h.other, stranger, foreign)
	machine, err := h.tokens.ClientToken(t.Context(), h.pool, h.machine, []string{"photos/read"}, nil)
	h.must(err)
	h.machineAccess = machine.Access
	mux := http.NewServeMux()
	gateway.New(h.pools, h.tokens, slog.New(slog.NewTextHandler(&h.log, nil))).Register(mux)
	h.door = mux
	return h
}

// open makes a pool with a client, and a user who is in one group.
func (h *house) open(name, group string) (*pool.Pool, *pool.Client, store.User) {
	p, err := h.pools.Create(h.Context(), "us-east-1", &idp.CreateUserPoolRequest{PoolName: "p"})
	h.must(err)
	c, err := h.pools.CreateClient(h.Context(), &idp.CreateUserPoolClientRequest{UserPoolId: p.ID, ClientName: "app"})
	h.must(err)
	u := store.User{PoolID: p.ID, Sub: "sub-of-" + p.ID, Username: name, UsernameKey: name, Status: "CONFIRMED", Enabled: true,
		Attributes: map[string]string{"email": "alice@example.com", "email_verified": "true"}}
	h.must(h.db.Update(h.Context(), func(tx *store.Tx) error {
		if err := tx.CreateUser(u); err != nil {
			return err
		}
		if err := tx.CreateGroup(store.Group{PoolID: p.ID, Name: group}); err != nil {
			return err
		}
		_, err := tx.AddMember(p.ID, group, u.Sub)
		return err
	}))
	return p, c, u
}

func (h *house) issue(p *pool.Pool, c *pool.Client, u store.User) (id, access string) {
	t, err := h.tokens.Issue(h.Context(), token.Grant{Pool: p, Client: c, User: u, Scopes: "aws.cognito.signin.user.admin photos/read", Flow: token.NewFlow()}, nil)
	h.must(err)
	return t.ID, t.Access
}

func (h *house) must(err error) {
	h.Helper()
	if err != nil {
		h.Fatal(err)
	}
}

// ask is a proxy's question about a request with these Authorization headers. Besides the status it returns the message.
func (h *house) ask(query string, authorization ...string) (int, string, http.Header) {
	h.Helper()
	req := httptest.NewRequestWithContext(h.Context(), http.MethodGet, gateway.Path, nil)
	req.URL.RawQuery = query
	for _, one := range authorization {
		req.Header.Add("Authorization", one)
	}
	w := httptest.NewRecorder()
	h.door.ServeHTTP(w, req)
	var out struct{ Message string }
	if w.Body.Len() > 0 {
		h.must(json.Unmarshal(w.Body.Bytes(), &out))
	}
	return w.Code, out.Message, w.Header()
}

// wants checks a question's answer; what may not pass has no claims in its headers.
func (h *house) wants(status int, message, query string, authorization ...string) {
	h.Helper()
	got, text, header := h.ask(query, authorization...)
	if got != status || text != message {
		h.Errorf("%s: %d %q, want %d %q", query, got, text, status, message)
	}
	for name := range header {
		if status != http.StatusOK && strings.HasPrefix(name, "X-Cognate") {
			h.Errorf("%s: %d with %s", query, got, name)
		}
	}
}

// TestAuthorizer is the table of API Gateway's rules: ID tokens without scopes, access tokens with one of the scopes.
func TestAuthorizer(t *testing.T) {
	onEngines(t, func(h *house) {
		here := "user_pool_id=" + h.pool.ID
		both := "user_pool_id=" + h.other.ID + "&" + here
		const no, lacking = "Unauthorized", "Forbidden"
		h.wants(200, "", here, h.id)
		h.wants(200, "", here, "Bearer "+h.id)
		h.wants(200, "", here, "bearer  "+h.id)
		h.wants(200, "", both, h.id)
		h.wants(200, "", both, h.foreign)
		h.wants(200, "", here+"&client_id=x&client_id="+h.app.ID, h.id)
		h.wants(200, "", here+"&scope=photos/write&scope=photos/read", h.access)
		h.wants(200, "", here+"&scope=photos/write+photos/read", h.access)
		h.wants(200, "", here+"&scope=photos/read", "Bearer "+h.machineAccess)

		h.wants(401, no, here)
		h.wants(401, no, here, "")
		h.wants(401, no, here, "Bearer")
		h.wants(401, no, here, "Basic "+h.id)
		h.wants(401, no, here, h.id, h.id)
		h.wants(401, no, here, "Bearer "+h.foreign)
		h.wants(401, no, here, "Bearer "+h.access)
		h.wants(401, no, here, "Bearer "+h.machineAccess)
		h.wants(401, no, here+"&scope=photos/read", "Bearer "+h.id)
		h.wants(401, no, here+"&client_id="+h.machine.ID, h.id)
		h.wants(401, no, here+"&scope=photos/read&client_id="+h.app.ID, h.machineAccess)
		h.wants(403, lacking, here+"&scope=photos/write", h.access)
		h.wants(403, lacking, here+"&scope=photos", h.access)
	})
}

// TestForged is checklist items 41 and 42 at this door: only the pool's own key for this use, by RS256, signs what is believed.
func TestForged(t *testing.T) {
	onEngines(t, func(h *house) {
		here := "user_pool_id=" + h.pool.ID
		parts := strings.Split(h.id, ".")
		none := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none"}`))
		payload, err := base64.RawURLEncoding.DecodeString(parts[1])
		h.must(err)
		other := base64.RawURLEncoding.EncodeToString(bytes.Replace(payload, []byte("admins"), []byte("others"), 1))
		for _, forged := range []string{
			none + "." + parts[1] + ".", none + "." + parts[1] + "." + parts[2], parts[0] + "." + parts[1] + ".", parts[0] + "." + other + "." + parts[2],
			parts[0] + "." + parts[1], h.id + ".", h.id + "=", h.id[:len(h.id)-2], parts[1], "..", ".", strings.Split(h.foreign, ".")[0] + "." + parts[1] + "." + parts[2],
		} {
			h.wants(401, "Unauthorized", here, "Bearer "+forged)
		}
	})
}

// TestEnded refuses what was good once.
func TestEnded(t *testing.T) {
	onEngines(t, func(h *house) {
		here := "user_pool_id=" + h.pool.ID
		client, err := h.pools.CreateClient(h.Context(), &idp.CreateUserPoolClientRequest{UserPoolId: h.pool.ID, ClientName: "short"})
		h.must(err)
		id, _ := h.issue(h.pool, client, h.user)
		h.must(h.pools.DeleteClient(h.Context(), h.pool.ID, client.ID))
		h.wants(401, "Unauthorized", here, id)

		h.must(h.tokens.SignOut(h.Context(), h.pool.ID, h.user.Sub))
		h.wants(401, "Unauthorized", here, h.id)
		h.wants(401, "Unauthorized", here+"&scope=photos/read", h.access)

		id, _ = h.issue(h.pool, h.app, h.user)
		h.wants(200, "", here, id)
		h.must(h.db.Update(h.Context(), func(tx *store.Tx) error {
			u, err := tx.GetUser(h.pool.ID, h.user.Sub)
			if err != nil {
				return err
			}
			u.Enabled = false
			return tx.UpdateUser(u)
		}))
		h.wants(401, "Unauthorized", here, id)
	})
}

// TestExpired has API Gateway's own words for tokens that are over.
func TestExpired(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t, engines.Memory(t))
		here := "user_pool_id=" + h.pool.ID
		time.Sleep(time.Hour - time.Second)
		h.wants(200, "", here, h.id)
		time.Sleep(time.Second)
		h.wants(401, "The incoming token has expired", here, h.id)
		h.wants(401, "The incoming token has expired", here+"&scope=photos/read", h.access)
		h.wants(401, "Unauthorized", here, h.access)
	})
}

// TestClaims are those of the token, whatever the names in it are.
func TestClaims(t *testing.T) {
	onEngines(t, func(h *house) {
		_, _, header := h.ask("user_pool_id="+h.pool.ID, h.id)
		for name, want := range map[string]string{
			"X-Cognate-Sub": h.user.Sub, "X-Cognate-Username": "alice%2Cadmins", "X-Cognate-Client-Id": h.app.ID, "X-Cognate-Groups": "%C3%A4%C3%B6%C3%BC%7Cx",
			"X-Cognate-Email": "alice@example.com", "X-Cognate-Scope": "", "Cache-Control": "no-store",
		} {
			if got, there := header[name]; !there || got[0] != want {
				h.Errorf("%s: %q, want %q", name, got, want)
			}
		}
		text, err := base64.RawURLEncoding.DecodeString(header.Get("X-Cognate-Claims"))
		h.must(err)
		var claims map[string]any
		if h.must(json.Unmarshal(text, &claims)); claims["token_use"] != "id" || claims["cognito:username"] != "alice,admins" {
			h.Errorf("claims %s", text)
		}
		_, _, header = h.ask("user_pool_id="+h.pool.ID+"&scope=photos/read", h.access)
		if got := header.Get("X-Cognate-Scope"); got != "aws.cognito.signin.user.admin photos/read" || header.Get("X-Cognate-Username") != "alice%2Cadmins" || header.Get("X-Cognate-Email") != "" {
			h.Errorf("access token's: %v", header)
		}
	})
}

// pools is a query that names n of them.
func pools(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "&user_pool_id=us-east-1_%d", i)
	}
	return b.String()
}

// TestMisuse opens nothing for a proxy that is set up wrongly, whatever token comes.
func TestMisuse(t *testing.T) {
	onEngines(t, func(h *house) {
		here := "user_pool_id=" + h.pool.ID
		for query, want := range map[string]string{
			"": "user_pool_id is missing", "client_id=" + h.app.ID: "user_pool_id is missing", "user_pool_id=us-east-1_Nobody": "user_pool_id is not that of a pool",
			here + "&scopes=photos/read": "scopes is not a parameter", here + "&client_id=": "client_id is empty", here + "&scope=+": "scope is empty", here + "&scope": "scope is empty",
			here + "&scope=%zz": "the query cannot be read", here + ";scope=photos/read": "the query cannot be read", here + "&user_pool_id=" + url.QueryEscape("x\x00\xff"): "user_pool_id is not that of a pool",
			here + "&%ff=x": "Bad request", here + strings.Repeat("&user_pool_id=x", 100): "user_pool_id is not that of a pool",
			here + pools(11): "user_pool_id is there too often",
		} {
			got, text, _ := h.ask(query, h.id)
			if got != http.StatusBadRequest || !strings.HasSuffix(text, want) {
				h.Errorf("%s: %d %q, want %q", query, got, text, want)
			}
		}
	})
}
