package federationtest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// Where answers of a Network go to, and the app that it knows.
const (
	Callback = "https://pool.example/oauth2/idpresponse"
	ClientID = "the app"
	Secret   = "a word of the app's that is long enough for HS256"
)

// The endpoints of a Network.
const (
	authorizePath = "/auth"
	TokenPath     = "/token"
	InfoPath      = "/me"
	KeysPath      = "/keys"
)

// Network is a service of OAuth 2.0, and of OpenID Connect where OIDC says so. It takes what the protocols, and the fields here,
// say, and fails its test for all else.
type Network struct {
	URL  string
	OIDC bool // sends ID tokens and wants nonce and PKCE
	// Asks are the parameters of a request beside those of the protocols.
	Asks url.Values
	// Method is how the token is asked for; POST when empty. A request by GET has no grant_type, as at Facebook.
	Method string
	// Authenticate takes out of a request for a token what proves who asks, and checks it. Nil wants the parameter client_secret.
	Authenticate func(r *http.Request, form url.Values) error
	// Claims go into the ID token, or nil.
	Claims map[string]any
	// Info is what the service tells beside the ID token to a request with the right access token; nil for nothing.
	Info func(r *http.Request, access, subject string) any

	t      *testing.T
	server *httptest.Server
	key    *ecdsa.PrivateKey

	mu     sync.Mutex
	grants map[string]*grant // by code, and by access token
	broken map[string]http.Handler
	served map[string]int
	names  int
}

// grant is a sign-in between the request and the tokens.
type grant struct {
	subject, callback, nonce, challenge string
}

// NewNetwork starts a service, which ends with t.
func NewNetwork(t *testing.T) *Network {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	n := &Network{t: t, key: key, grants: map[string]*grant{}, broken: map[string]http.Handler{}, served: map[string]int{}}
	n.server = httptest.NewServer(n)
	t.Cleanup(n.Down)
	n.URL = n.server.URL
	return n
}

// Down ends the service.
func (n *Network) Down() { n.server.Close() }

// Served tells how often an endpoint was called.
func (n *Network) Served(endpoint string) int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.served[endpoint]
}

// Break lets a handler answer for an endpoint.
func (n *Network) Break(endpoint string, h http.Handler) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.broken[endpoint] = h
}

// SignIn is a browser in which subject signs in.
func (n *Network) SignIn(t *testing.T, to, subject string) url.Values {
	t.Helper()
	u, err := url.Parse(to)
	if err != nil || u.Scheme+"://"+u.Host+u.Path != n.URL+authorizePath {
		t.Fatalf("sent to %s, %v", to, err)
	}
	q, g := u.Query(), &grant{subject: subject}
	state := take(q, "state")
	g.callback = take(q, "redirect_uri")
	want := url.Values{"client_id": {ClientID}, "response_type": {"code"}}
	if n.OIDC {
		g.nonce, g.challenge = take(q, "nonce"), take(q, "code_challenge")
		want.Set("code_challenge_method", "S256")
		if g.nonce == "" || g.challenge == "" {
			t.Errorf("sent without nonce or challenge: %s", to)
		}
	}
	maps.Copy(want, n.Asks)
	if q.Encode() != want.Encode() || state == "" || g.callback == "" {
		t.Errorf("sent with %v, want %v", q, want)
	}
	return url.Values{"state": {state}, "code": {n.keep("code", g)}}
}

// Refuse is a browser in which nobody signs in.
func (n *Network) Refuse(t *testing.T, to string) url.Values {
	t.Helper()
	form := n.SignIn(t, to, "nobody")
	return url.Values{"state": form["state"], "error": {"access_denied"}, "error_description": {"The user said no"}}
}

// keep keeps a grant under a name of its own.
func (n *Network) keep(kind string, g *grant) string {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.names++
	name := fmt.Sprintf("%s-%d", kind, n.names)
	n.grants[name] = g
	return name
}

// take takes a parameter that comes once out of the others; empty when it does not.
func take(q url.Values, name string) string {
	defer q.Del(name)
	if len(q[name]) != 1 {
		return ""
	}
	return q.Get(name)
}

// ServeHTTP implements http.Handler.
func (n *Network) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	n.mu.Lock()
	n.served[r.URL.Path]++
	broken := n.broken[r.URL.Path]
	n.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	switch {
	case broken != nil:
		broken.ServeHTTP(w, r)
	case r.URL.Path == TokenPath:
		n.token(w, r)
	case r.URL.Path == KeysPath && n.OIDC:
		n.write(w, jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: n.key.Public(), KeyID: "k", Use: "sig", Algorithm: "ES256"}}})
	case r.URL.Path == InfoPath && n.Info != nil:
		n.info(w, r)
	default:
		n.t.Errorf("%s %s was called", r.Method, r.URL)
	}
}

func (n *Network) write(w http.ResponseWriter, v any) {
	if err := json.NewEncoder(w).Encode(v); err != nil {
		n.t.Errorf("%v", err)
	}
}

// token turns a code into tokens, once.
func (n *Network) token(w http.ResponseWriter, r *http.Request) {
	form, err := n.tokenForm(r)
	if err != nil {
		n.t.Errorf("the token endpoint: %v", err)
		return
	}
	n.mu.Lock()
	code := take(form, "code")
	g := n.grants[code]
	delete(n.grants, code)
	n.mu.Unlock()
	callback, proof := take(form, "redirect_uri"), sha256.Sum256([]byte(form.Get("code_verifier")))
	if n.OIDC {
		form.Del("code_verifier")
	}
	if len(form) > 0 {
		n.t.Errorf("the token endpoint got %v besides", form)
	}
	if g == nil || callback != g.callback || n.OIDC && base64.RawURLEncoding.EncodeToString(proof[:]) != g.challenge {
		w.WriteHeader(http.StatusBadRequest)
		n.write(w, map[string]string{"error": "invalid_grant"})
		return
	}
	access := n.keep("access", g)
	answer := map[string]any{"access_token": access, "token_type": "Bearer", "expires_in": 3600}
	if n.OIDC {
		answer["id_token"] = n.idToken(g, access)
	}
	n.write(w, answer)
}

// tokenForm is a request for a token without what is the same in all.
func (n *Network) tokenForm(r *http.Request) (url.Values, error) {
	form, method := r.URL.Query(), http.MethodGet
	if n.Method != http.MethodGet {
		method = http.MethodPost
		if len(form) > 0 {
			return nil, fmt.Errorf("query %v", form)
		}
		if err := r.ParseForm(); err != nil {
			return nil, err
		}
		if form = r.PostForm; take(form, "grant_type") != "authorization_code" {
			return nil, fmt.Errorf("grant_type is missing or wrong")
		}
	}
	if r.Method != method || take(form, "client_id") != ClientID {
		return nil, fmt.Errorf("%s by another client", r.Method)
	}
	if n.Authenticate != nil {
		return form, n.Authenticate(r, form)
	}
	if take(form, "client_secret") != Secret || r.Header.Get("Authorization") != "" {
		return nil, fmt.Errorf("another secret")
	}
	return form, nil
}

func (n *Network) idToken(g *grant, access string) string {
	now, sum := time.Now(), sha256.Sum256([]byte(access))
	claims := map[string]any{
		"iss": n.URL, "aud": ClientID, "sub": g.subject, "nonce": g.nonce, "iat": now.Unix(), "exp": now.Add(time.Hour).Unix(),
		"at_hash": base64.RawURLEncoding.EncodeToString(sum[:len(sum)/2]),
	}
	maps.Copy(claims, n.Claims)
	text, err := json.Marshal(claims)
	if err != nil {
		n.t.Error(err)
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: n.key}, new(jose.SignerOptions).WithHeader("kid", "k"))
	if err != nil {
		n.t.Error(err)
		return ""
	}
	signed, err := signer.Sign(text)
	if err != nil {
		n.t.Error(err)
		return ""
	}
	out, err := signed.CompactSerialize()
	if err != nil {
		n.t.Error(err)
	}
	return out
}

// info tells of who an access token is for, which stands in the header or in the query.
func (n *Network) info(w http.ResponseWriter, r *http.Request) {
	access := r.URL.Query().Get("access_token")
	if header := r.Header.Get("Authorization"); header != "" {
		if _, err := fmt.Sscanf(header, "Bearer %s", &access); err != nil || header != "Bearer "+access {
			n.t.Errorf("authorization %q", header)
		}
	}
	n.mu.Lock()
	g := n.grants[access]
	n.mu.Unlock()
	if g == nil {
		n.t.Errorf("%s was called with the access token %q", r.URL, access)
		return
	}
	n.write(w, n.Info(r, access, g.subject))
}

// Suite is the suite of a provider of the service.
func (n *Network) Suite() *Suite {
	s := &Suite{
		Callback: Callback, SignIn: n.SignIn, Refuse: n.Refuse, State: "state", Unbound: !n.OIDC, Break: n.Break, Down: n.Down,
		Endpoints: []string{TokenPath}, Secrets: []string{Secret, "code-1", "access-1", "verifier-"},
	}
	if n.Info != nil {
		s.Endpoints = append(s.Endpoints, InfoPath)
	}
	if n.OIDC {
		s.Endpoints = append(s.Endpoints, KeysPath)
	}
	return s
}
