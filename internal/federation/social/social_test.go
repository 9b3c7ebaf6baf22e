package social_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"cognate/internal/federation"
	"cognate/internal/federation/social"
)

const callback = "https://pool.example/oauth2/idpresponse"

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// network is a stand-in that checks every parameter that it is sent.
type network struct {
	*testing.T
	*httptest.Server
	serve    func(w http.ResponseWriter, r *http.Request)
	provider federation.Provider
	details  map[string]string
}

func newNetwork(t *testing.T, kind string, details map[string]string) *network {
	n := &network{T: t}
	n.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		n.serve(w, r)
	}))
	t.Cleanup(n.Close)
	for name, value := range details {
		details[name] = strings.ReplaceAll(value, "HERE", n.URL)
	}
	k := social.Kinds(federation.Env{HTTP: federation.NewClient(true, nil), Dev: true, Skew: time.Minute})[kind]
	var err error
	if n.details, err = k.Check(t.Context(), details); err != nil {
		t.Fatal(err)
	}
	if n.provider, err = k.Open(federation.Settings{Name: kind, Type: kind, Details: n.details}); err != nil {
		t.Fatal(err)
	}
	return n
}

func (n *network) finish(form url.Values) (*federation.Assertion, error) {
	return n.provider.Finish(n.Context(), federation.Callback{ID: "_id", Callback: callback, Form: form})
}

func (n *network) begins(want string) {
	n.Helper()
	to := must(n.provider.Begin(n.Context(), federation.Request{ID: "_id", State: "s", Callback: callback}))
	if got := must(url.Parse(to)).Query().Encode(); got != must(url.ParseQuery(want)).Encode() {
		n.Errorf("sent with %s", got)
	}
}

func (n *network) same(what, got, want string) {
	n.Helper()
	if got != want {
		n.Errorf("%s is %q, want %q", what, got, want)
	}
}

// TestFacebook gets the token by GET, and the profile with a proof that the app asks.
func TestFacebook(t *testing.T) {
	n := newNetwork(t, "Facebook", map[string]string{"client_id": "app", "client_secret": "word", "authorize_scopes": "public_profile, email", "api_version": "v17.0", "token_url": "HERE/token", "attributes_url": "HERE/me?fields="})
	n.same("authorize_url", n.details["authorize_url"], "https://www.facebook.com/v17.0/dialog/oauth")
	n.begins("client_id=app&redirect_uri=" + url.QueryEscape(callback) + "&response_type=code&scope=public_profile,email&state=s")
	mac := hmac.New(sha256.New, []byte("word"))
	mac.Write([]byte("the token"))
	n.serve = func(w http.ResponseWriter, r *http.Request) {
		n.same("method", r.Method, "GET")
		switch r.URL.Path {
		case "/token":
			n.same("token request", r.URL.Query().Encode(), url.Values{"code": {"c"}, "redirect_uri": {callback}, "client_id": {"app"}, "client_secret": {"word"}}.Encode())
			fmt.Fprint(w, `{"access_token":"the token","token_type":"bearer"}`)
		case "/me":
			n.same("token", r.URL.Query().Get("access_token"), "the token")
			n.same("proof", r.URL.Query().Get("appsecret_proof"), hex.EncodeToString(mac.Sum(nil)))
			if !strings.HasPrefix(r.URL.Query().Get("fields"), "id,email,name,") {
				t.Errorf("fields %s", r.URL.Query().Get("fields"))
			}
			fmt.Fprint(w, `{"id":"4711","name":"Mary","email":"mary@example.com","picture":{"data":{"url":"https://x"}}}`)
		}
	}
	a, err := n.finish(url.Values{"code": {"c"}})
	if err != nil || a.Subject != "4711" || a.Claims["email"][0] != "mary@example.com" || a.Claims["picture"][0] != `{"data":{"url":"https://x"}}` {
		t.Errorf("%+v, %v", a, err)
	}
}

// TestAmazon posts for the token, and asks for the profile with it.
func TestAmazon(t *testing.T) {
	n := newNetwork(t, "LoginWithAmazon", map[string]string{"client_id": "app", "client_secret": "word", "authorize_scopes": "profile postal_code", "token_url": "HERE/token", "attributes_url": "HERE/profile"})
	n.begins("client_id=app&redirect_uri=" + url.QueryEscape(callback) + "&response_type=code&scope=profile+postal_code&state=s")
	body := `{"user_id":"amzn1.account.X","name":"Mary","email":"mary@example.com","postal_code":"98052"}`
	n.serve = func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/token":
			r.ParseForm()
			n.same("token request", r.PostForm.Encode(), url.Values{"grant_type": {"authorization_code"}, "code": {"c"}, "redirect_uri": {callback}, "client_id": {"app"}, "client_secret": {"word"}}.Encode())
			fmt.Fprint(w, `{"access_token":"the token"}`)
		case "/profile":
			n.same("authorization", r.Header.Get("Authorization"), "Bearer the token")
			fmt.Fprint(w, body)
		}
	}
	a, err := n.finish(url.Values{"code": {"c"}})
	if err != nil || a.Subject != "amzn1.account.X" || a.Claims["postal_code"][0] != "98052" {
		t.Errorf("%+v, %v", a, err)
	}
	for what, bad := range map[string]string{"no subject": `{"name":"x"}`, "an empty one": `{"user_id":""}`, "several": `{"user_id":["a","b"]}`, "no JSON": "x", "twice": `{"user_id":"a","user_id":"b"}`, "megabytes": `{"x":"` + strings.Repeat("x", 2<<20) + `"}`} {
		body = bad
		if a, err := n.finish(url.Values{"code": {"c"}}); err == nil {
			t.Errorf("%s: %+v", what, a)
		}
	}
	for _, form := range []url.Values{{}, {"error": {"access_denied"}}} {
		_, err := n.finish(form)
		if f, ok := errors.AsType[*federation.Error](err); !ok || form.Get("error") != "" && f.Code != "access_denied" {
			t.Errorf("%v: %v", form, err)
		}
	}
}

// signed is an ID token.
func signed(key any, alg jose.SignatureAlgorithm, claims map[string]any) string {
	s := must(jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: key}, new(jose.SignerOptions).WithHeader("kid", "k")))
	return must(must(s.Sign(must(json.Marshal(claims)))).CompactSerialize())
}

// TestApple signs the client secret, has the answer posted, and takes the name from the form, but nothing else.
func TestApple(t *testing.T) {
	theirs, ours := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader)), must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	der := must(x509.MarshalPKCS8PrivateKey(ours))
	for _, text := range []string{base64.StdEncoding.EncodeToString(der), string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))} {
		n := newNetwork(t, "SignInWithApple", map[string]string{"client_id": "service", "team_id": "TEAM", "key_id": "KEY", "private_key": text, "authorize_scopes": "email name",
			"oidc_issuer": "HERE", "token_url": "HERE/token", "jwks_uri": "HERE/keys"})
		n.begins("client_id=service&redirect_uri=" + url.QueryEscape(callback) + "&response_type=code&response_mode=form_post&scope=email+name&state=s&nonce=_id")
		n.serve = func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/keys" {
				json.NewEncoder(w).Encode(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: theirs.Public(), KeyID: "k"}}})
				return
			}
			r.ParseForm()
			token := must(jose.ParseSignedCompact(r.PostForm.Get("client_secret"), []jose.SignatureAlgorithm{jose.ES256}))
			var claims struct {
				Iss, Aud, Sub string
				Iat, Exp      int64
			}
			if err := json.Unmarshal(must(token.Verify(ours.Public())), &claims); err != nil || claims.Iss != "TEAM" || claims.Aud != n.URL || claims.Sub != "service" || claims.Exp-claims.Iat > 15777000 || token.Signatures[0].Header.KeyID != "KEY" {
				t.Errorf("client secret %+v", claims)
			}
			id := signed(theirs, jose.ES256, map[string]any{"iss": n.URL, "aud": "service", "sub": "001", "exp": time.Now().Add(time.Hour).Unix(), "iat": time.Now().Unix(), "nonce": "_id", "email": "mary@example.com", "email_verified": "true"})
			fmt.Fprintf(w, `{"access_token":"a","id_token":%q}`, id)
		}
		a, err := n.finish(url.Values{"code": {"c"}, "user": {`{"name":{"firstName":"Mary","lastName":"Poppins"},"email":"evil@example.com","sub":"002"}`}})
		if err != nil || a.Subject != "001" || a.Claims["email"][0] != "mary@example.com" || a.Claims["email_verified"][0] != "true" || a.Claims["firstName"][0] != "Mary" || a.Claims["lastName"][0] != "Poppins" {
			t.Errorf("%+v, %v", a, err)
		}
	}
}

// TestGoogle takes the claims of the ID token.
func TestGoogle(t *testing.T) {
	theirs := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	n := newNetwork(t, "Google", map[string]string{"client_id": "app", "client_secret": "word", "authorize_scopes": "profile email openid", "oidc_issuer": "HERE", "token_url": "HERE/token", "jwks_uri": "HERE/keys"})
	n.same("authorize_url", n.details["authorize_url"], "https://accounts.google.com/o/oauth2/v2/auth")
	n.serve = func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/keys" {
			json.NewEncoder(w).Encode(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: theirs.Public(), KeyID: "k"}}})
			return
		}
		id := signed(theirs, jose.ES256, map[string]any{"iss": n.URL, "aud": "app", "sub": "1122", "exp": time.Now().Add(time.Hour).Unix(), "iat": time.Now().Unix(), "nonce": "_id", "email": "mary@example.com", "email_verified": true, "picture": "https://x"})
		fmt.Fprintf(w, `{"access_token":"a","id_token":%q}`, id)
	}
	a, err := n.finish(url.Values{"code": {"c"}})
	if err != nil || a.Subject != "1122" || a.Claims["picture"][0] != "https://x" {
		t.Errorf("%+v, %v", a, err)
	}
}

// TestCheck refuses details that a network does not have, or that are missing.
func TestCheck(t *testing.T) {
	kinds := social.Kinds(federation.Env{HTTP: federation.NewClient(false, nil)})
	for name, bad := range map[string][]map[string]string{
		"Google":          {{}, {"client_id": "x", "client_secret": "y"}, {"client_id": "x", "client_secret": "y", "authorize_scopes": "openid", "other": "z"}, {"client_id": "x", "client_secret": "y", "authorize_scopes": "openid", "token_url": "http://x"}},
		"Facebook":        {{"client_id": "x", "client_secret": "y", "authorize_scopes": "email", "api_version": "../v1"}},
		"LoginWithAmazon": {{"client_id": "x", "authorize_scopes": "profile"}},
		"SignInWithApple": {{"client_id": "x", "team_id": "t", "key_id": "k", "private_key": "no key", "authorize_scopes": "email"}},
	} {
		for _, d := range bad {
			if got, err := kinds[name].Check(t.Context(), d); err == nil {
				t.Errorf("%s: %v", name, got)
			}
		}
	}
}
