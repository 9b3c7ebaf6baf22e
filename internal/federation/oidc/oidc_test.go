package oidc_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"cognate/internal/federation"
	"cognate/internal/federation/oidc"
	"cognate/internal/outbound"
)

const (
	clientID = "our client"
	secret   = "a secret of ours that is long enough for HS256"
	callback = "https://pool.example/oauth2/idpresponse"
	verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk" // RFC 7636 appendix B
)

var (
	rsaKey = must(rsa.GenerateKey(rand.Reader, 2048))
	ecKey  = must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
)

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// idp is a provider that checks every parameter that it is sent.
type idp struct {
	*testing.T
	*httptest.Server
	provider federation.Provider

	claims    map[string]any // of the ID token, over the usual ones; nil takes one away
	info      map[string]any
	algorithm jose.SignatureAlgorithm
	key       any
	kid       string
	raw       string                                        // the ID token, instead of a signed one
	answer    func(w http.ResponseWriter, path string) bool // answers instead
	keyReads  atomic.Int32
}

func newIDP(t *testing.T, details ...string) *idp {
	p := &idp{T: t, claims: map[string]any{}, info: map[string]any{"sub": "4711", "email": "mary@example.com"}, algorithm: jose.RS256, key: rsaKey, kid: "rsa"}
	p.Server = httptest.NewServer(http.HandlerFunc(p.serve))
	t.Cleanup(p.Close)
	k := oidc.Kind{Env: federation.Env{HTTP: outbound.NewClient(true, nil), Dev: true, Skew: time.Minute}}
	d := map[string]string{"client_id": clientID, "client_secret": secret, "attributes_request_method": "GET", "oidc_issuer": p.URL, "authorize_scopes": "openid email"}
	for i := 0; i+1 < len(details); i += 2 {
		d[details[i]] = details[i+1]
	}
	full, err := k.Check(t.Context(), d)
	if err != nil {
		t.Fatal(err)
	}
	if p.provider, err = k.Open(federation.Settings{Name: "Guild", Type: "OIDC", Details: full}); err != nil {
		t.Fatal(err)
	}
	return p
}

func (p *idp) serve(w http.ResponseWriter, r *http.Request) {
	if p.answer != nil && p.answer(w, r.URL.Path) {
		return
	}
	w.Header().Set("Content-Type", "application/json")
	out := any(nil)
	switch r.URL.Path {
	case "/.well-known/openid-configuration":
		out = map[string]any{"issuer": p.URL, "authorization_endpoint": p.URL + "/auth?fixed=1", "token_endpoint": p.URL + "/token", "userinfo_endpoint": p.URL + "/me", "jwks_uri": p.URL + "/keys"}
	case "/keys":
		p.keyReads.Add(1)
		out = jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: rsaKey.Public(), KeyID: "rsa", Use: "sig"}, {Key: ecKey.Public(), KeyID: "ec"}}}
	case "/token":
		want := url.Values{"grant_type": {"authorization_code"}, "code": {"the code"}, "redirect_uri": {callback}, "client_id": {clientID}, "client_secret": {secret}, "code_verifier": {verifier}}
		if r.ParseForm(); r.Method != http.MethodPost || r.PostForm.Encode() != want.Encode() {
			p.Errorf("the token endpoint got %s %v", r.Method, r.PostForm)
		}
		out = map[string]any{"access_token": "access", "token_type": "Bearer", "id_token": p.token()}
	case "/me":
		if r.Header.Get("Authorization") != "Bearer access" {
			p.Errorf("user info got %v", r.Header)
		}
		out = p.info
	default:
		p.Errorf("%s was called", r.URL)
	}
	json.NewEncoder(w).Encode(out)
}

func (p *idp) token() string {
	if p.raw != "" {
		return p.raw
	}
	claims := map[string]any{"iss": p.URL, "sub": "4711", "aud": clientID, "exp": time.Now().Add(time.Hour).Unix(), "iat": time.Now().Unix(), "nonce": "_id", "name": "Mary", "email_verified": true, "roles": []string{"a", "b"}}
	for name, value := range p.claims {
		if claims[name] = value; value == nil {
			delete(claims, name)
		}
	}
	options := new(jose.SignerOptions).WithType("JWT").WithHeader("kid", p.kid)
	s := must(jose.NewSigner(jose.SigningKey{Algorithm: p.algorithm, Key: p.key}, options))
	return must(must(s.Sign(must(json.Marshal(claims)))).CompactSerialize())
}

func (p *idp) finish() (*federation.Assertion, error) {
	return p.provider.Finish(p.Context(), federation.Callback{ID: "_id", Callback: callback, Verifier: verifier, Form: url.Values{"code": {"the code"}, "state": {"s"}}})
}

// refused fails unless the sign-in fails, in words for the app.
func (p *idp) refused(what, text string) {
	p.Helper()
	a, err := p.finish()
	f, ok := errors.AsType[*federation.Error](err)
	if a != nil || !ok || !strings.Contains(f.Description, text) {
		p.Errorf("%s: %+v, %v", what, a, err)
	}
}

// TestSignIn sends what the protocol wants, and takes what comes.
func TestSignIn(t *testing.T) {
	p := newIDP(t)
	to, err := p.provider.Begin(t.Context(), federation.Request{ID: "_id", State: "the state", Callback: callback, LoginHint: "mary", Prompt: "login", Verifier: verifier})
	if err != nil {
		t.Fatal(err)
	}
	u := must(url.Parse(to))
	want := url.Values{"fixed": {"1"}, "client_id": {clientID}, "redirect_uri": {callback}, "scope": {"openid email"}, "response_type": {"code"}, "state": {"the state"}, "nonce": {"_id"}, "login_hint": {"mary"}, "prompt": {"login"},
		"code_challenge": {"E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"}, "code_challenge_method": {"S256"}}
	if u.Query().Encode() != want.Encode() || !strings.HasPrefix(to, p.URL+"/auth?") {
		t.Errorf("sent to %s", to)
	}
	for _, alg := range []struct {
		algorithm jose.SignatureAlgorithm
		key       any
		kid       string
	}{{jose.RS256, rsaKey, "rsa"}, {jose.PS256, rsaKey, "rsa"}, {jose.ES256, ecKey, "ec"}, {jose.RS256, rsaKey, ""}, {jose.HS256, []byte(secret), ""}} {
		p.algorithm, p.key, p.kid = alg.algorithm, alg.key, alg.kid
		a, err := p.finish()
		if err != nil {
			t.Fatalf("%s: %v", alg.algorithm, err)
		}
		c := a.Claims
		if a.Subject != "4711" || a.Once != "" || c["email"][0] != "mary@example.com" || c["name"][0] != "Mary" || c["email_verified"][0] != "true" || strings.Join(c["roles"], " ") != "a b" || c["access_token"][0] != "access" || c["id_token"][0] == "" {
			t.Errorf("%s: %+v", alg.algorithm, a)
		}
	}
	p.info["name"] = "Other"
	a, err := p.finish()
	if err != nil {
		t.Fatal(err)
	}
	// What functions are shown is what came: of the ID token its claims with their types, of the user info what it told by itself.
	if w := a.Answers; !strings.Contains(string(w.TokenResponse), `"token_type":"Bearer"`) || !strings.Contains(string(w.IDToken), `"email_verified":true`) || w.UserInfo["name"][0] != "Other" || w.UserInfo["email"][0] != "mary@example.com" {
		t.Errorf("answers %s, %s, %v", w.TokenResponse, w.IDToken, w.UserInfo)
	}
	if a, err := p.finish(); err != nil || a.Claims["name"][0] != "Mary" {
		t.Errorf("the ID token does not win: %+v, %v", a, err)
	}
}

// TestForgedTokens refuses what is not signed by the provider for this request of ours (checklist 39, 41).
func TestForgedTokens(t *testing.T) {
	p := newIDP(t)
	good := p.token()
	for what, change := range map[string]func(){
		"alg none":                 func() { p.raw = "eyJhbGciOiJub25lIn0." + strings.Split(good, ".")[1] + "." },
		"a changed payload":        func() { p.raw = strings.Replace(good, ".", ".e", 1) },
		"no token":                 func() { p.raw = "x" },
		"the public key as secret": func() { p.algorithm, p.key = jose.HS256, x509.MarshalPKCS1PublicKey(&rsaKey.PublicKey) },
		"another secret":           func() { p.algorithm, p.key = jose.HS256, []byte(strings.Repeat("x", 32)) },
		"another key":              func() { p.key = must(rsa.GenerateKey(rand.Reader, 2048)) },
		"a key that is not there":  func() { p.kid = "none" },
		"a key of another kind":    func() { p.kid = "ec" },
		"another issuer":           func() { p.claims["iss"] = "https://evil.example" },
		"an issuer with a slash":   func() { p.claims["iss"] = p.URL + "/" },
		"another audience":         func() { p.claims["aud"] = "other" },
		"no audience":              func() { p.claims["aud"] = nil },
		"many audiences":           func() { p.claims["aud"] = []string{clientID, "other"} },
		"another party":            func() { p.claims["aud"], p.claims["azp"] = []string{clientID, "other"}, "other" },
		"no nonce":                 func() { p.claims["nonce"] = nil },
		"another nonce":            func() { p.claims["nonce"] = "_ID" },
		"an old token":             func() { p.claims["exp"] = time.Now().Add(-2 * time.Minute).Unix() },
		"no expiry":                func() { p.claims["exp"] = nil },
		"no time of issue":         func() { p.claims["iat"] = nil },
		"a token of tomorrow":      func() { p.claims["iat"] = time.Now().Add(24 * time.Hour).Unix() },
		"not before tomorrow":      func() { p.claims["nbf"] = time.Now().Add(24 * time.Hour).Unix() },
		"another access token's":   func() { p.claims["at_hash"] = "x" },
		"no subject":               func() { p.claims["sub"] = nil },
		"an empty subject":         func() { p.claims["sub"] = "" },
	} {
		p.raw, p.claims, p.algorithm, p.key, p.kid = "", map[string]any{}, jose.RS256, rsaKey, "rsa"
		change()
		p.refused(what, "Guild Error - ")
	}
	p.raw, p.claims, p.algorithm, p.key, p.kid = "", map[string]any{}, jose.RS256, rsaKey, "rsa"
	p.info["sub"] = "another"
	p.refused("another user's info", "user info of another user")
	p.info["sub"] = "4711"
	p.raw = must(must(must(jose.NewSigner(jose.SigningKey{Algorithm: jose.RS256, Key: rsaKey}, nil)).Sign([]byte(`{"iss":"` + p.URL + `","sub":"victim","sub":"4711","aud":"` + clientID + `","exp":9999999999,"iat":1,"nonce":"_id"}`))).CompactSerialize())
	p.refused("a claim twice", "the ID token is not valid")
	p.raw = ""
	if _, err := p.finish(); err != nil {
		t.Errorf("after all that: %v", err)
	}
}

// TestKeyFlood reads a provider's keys once for many tokens with made-up keys (checklist 43).
func TestKeyFlood(t *testing.T) {
	p := newIDP(t)
	for range 20 {
		p.kid = "made-up"
		p.refused("a made-up key", "")
	}
	if n := p.keyReads.Load(); n != 1 {
		t.Errorf("the keys were read %d times", n)
	}
}

// TestBrokenProviders fail their own sign-ins, in time, whatever they answer.
func TestBrokenProviders(t *testing.T) {
	for path, text := range map[string]string{"/token": "getting token", "/me": "getting user info", "/keys": "the ID token is not valid"} {
		for what, answer := range map[string]func(http.ResponseWriter){
			"an error":      func(w http.ResponseWriter) { w.WriteHeader(http.StatusInternalServerError) },
			"no JSON":       func(w http.ResponseWriter) { w.Write([]byte("<html>")) },
			"a list":        func(w http.ResponseWriter) { w.Write([]byte("[1]")) },
			"null":          func(w http.ResponseWriter) { w.Write([]byte("null")) },
			"megabytes":     func(w http.ResponseWriter) { w.Write([]byte(`{"x":"` + strings.Repeat("x", 3<<20) + `"}`)) },
			"a lost answer": func(w http.ResponseWriter) { panic(http.ErrAbortHandler) },
		} {
			p := newIDP(t)
			p.answer = func(w http.ResponseWriter, at string) bool {
				if at == path {
					answer(w)
				}
				return at == path
			}
			want := text
			if path == "/token" && what == "null" {
				want = "Guild Error - no ID token"
			}
			if what == "a lost answer" {
				want = "Connection reset"
			}
			p.refused(path+": "+what, want)
		}
	}
	p := newIDP(t)
	for _, form := range []url.Values{{}, {"error": {"access_denied"}, "error_description": {"no"}}} {
		_, err := p.provider.Finish(t.Context(), federation.Callback{ID: "_id", Callback: callback, Form: form})
		if f, ok := errors.AsType[*federation.Error](err); !ok || form.Get("error") != "" && (f.Code != "access_denied" || f.Description != "no") {
			t.Errorf("%v: %v", form, err)
		}
	}
	if _, err := p.provider.Finish(t.Context(), federation.Callback{Callback: callback, Verifier: verifier, Form: url.Values{"code": {"the code"}}}); err == nil {
		t.Error("a sign-in that nobody began")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	p.answer = func(w http.ResponseWriter, at string) bool { time.Sleep(200 * time.Millisecond); return false }
	_, err := p.provider.Finish(ctx, federation.Callback{ID: "_id", Callback: callback, Verifier: verifier, Form: url.Values{"code": {"the code"}}})
	if f, ok := errors.AsType[*federation.Error](err); !ok || f.Description != "Timeout occurred in calling IdP token endpoint" {
		t.Errorf("a provider that sleeps: %v", err)
	}
}

// TestCheck wants what a provider needs, and discovers the rest.
func TestCheck(t *testing.T) {
	p := newIDP(t)
	full := map[string]string{"client_id": "x", "attributes_request_method": "POST", "oidc_issuer": p.URL, "authorize_scopes": "openid"}
	k := oidc.Kind{Env: federation.Env{HTTP: outbound.NewClient(true, nil), Dev: true}}
	got, err := k.Check(t.Context(), full)
	if err != nil || got["token_url"] != p.URL+"/token" || got["jwks_uri"] != p.URL+"/keys" || got["attributes_url_add_attributes"] != "false" || full["token_url"] != "" {
		t.Errorf("%v, %v", got, err)
	}
	for what, change := range map[string]map[string]string{
		"no client": {"client_id": ""}, "no method": {"attributes_request_method": ""}, "a foul method": {"attributes_request_method": "PUT"}, "no issuer": {"oidc_issuer": ""},
		"a slash": {"oidc_issuer": p.URL + "/"}, "no scopes": {"authorize_scopes": ""}, "without openid": {"authorize_scopes": "email"}, "another name": {"token_endpoint": p.URL},
		"an odd address": {"token_url": "javascript:x"}, "an issuer of none": {"oidc_issuer": p.URL + "/none"}, "a foul secret method": {"token_endpoint_auth_method": "none"},
	} {
		d := map[string]string{}
		for name, value := range full {
			d[name] = value
		}
		for name, value := range change {
			d[name] = value
		}
		p.answer = func(w http.ResponseWriter, at string) bool {
			if strings.HasPrefix(at, "/none") {
				w.WriteHeader(http.StatusNotFound)
			}
			return strings.HasPrefix(at, "/none")
		}
		if got, err := k.Check(t.Context(), d); err == nil {
			t.Errorf("%s: %v", what, got)
		}
	}
	k.Env.Dev = false
	if _, err := k.Check(t.Context(), full); err == nil {
		t.Error("http in production")
	}
	k.Env = federation.Env{HTTP: outbound.NewClient(false, nil), Dev: true}
	if _, err := k.Check(t.Context(), full); err == nil || !strings.Contains(err.Error(), "the address is not public") {
		t.Errorf("the inside of the network: %v", err)
	}
}
