package social_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"cognate/internal/federation"
	"cognate/internal/federation/social"
	"cognate/internal/outbound"
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
	k := social.Kinds(federation.Env{HTTP: outbound.NewClient(true, nil), Dev: true, Skew: time.Minute})[kind]
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

// TestFoulProfiles signs nobody in by a profile that does not say who it is of.
func TestFoulProfiles(t *testing.T) {
	n := newNetwork(t, "LoginWithAmazon", map[string]string{"client_id": "app", "client_secret": "word", "authorize_scopes": "profile", "token_url": "HERE/token", "attributes_url": "HERE/profile"})
	body := `{"user_id":"amzn1.account.X"}`
	n.serve = func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/token" {
			fmt.Fprint(w, `{"access_token":"the token"}`)
			return
		}
		fmt.Fprint(w, body)
	}
	if a, err := n.finish(url.Values{"code": {"c"}}); err != nil || a.Subject != "amzn1.account.X" || len(a.Answers.TokenResponse) == 0 || a.Answers.UserInfo["access_token"] != nil {
		t.Errorf("a good one: %+v, %v", a, err)
	}
	for what, bad := range map[string]string{"no subject": `{"name":"x"}`, "an empty one": `{"user_id":""}`, "several": `{"user_id":["a","b"]}`, "one in a list": `{"user_id":["a"]}`, "an object": `{"user_id":{"a":1}}`, "null": `{"user_id":null}`, "no JSON": "x", "twice": `{"user_id":"a","user_id":"b"}`, "megabytes": `{"x":"` + strings.Repeat("x", 2<<20) + `"}`} {
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

// TestUsualDetails adds what is known of a network, as DescribeIdentityProvider shows it.
func TestUsualDetails(t *testing.T) {
	kinds := social.Kinds(federation.Env{HTTP: outbound.NewClient(false, nil)})
	given := map[string]string{"client_id": "x", "client_secret": "y", "authorize_scopes": "z"}
	der := must(x509.MarshalPKCS8PrivateKey(must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))))
	apple := map[string]string{"client_id": "x", "team_id": "t", "key_id": "k", "private_key": base64.StdEncoding.EncodeToString(der), "authorize_scopes": "email"}
	facebook := maps.Clone(given)
	facebook["api_version"] = "v17.0"
	for _, c := range []struct {
		kind        string
		given, adds map[string]string
	}{
		{"Google", given, map[string]string{"attributes_url": "https://people.googleapis.com/v1/people/me?personFields=", "attributes_url_add_attributes": "true", "authorize_url": "https://accounts.google.com/o/oauth2/v2/auth", "oidc_issuer": "https://accounts.google.com", "token_request_method": "POST", "token_url": "https://www.googleapis.com/oauth2/v4/token"}},
		{"Facebook", facebook, map[string]string{"attributes_url": "https://graph.facebook.com/v17.0/me?fields=", "attributes_url_add_attributes": "true", "authorize_url": "https://www.facebook.com/v17.0/dialog/oauth", "token_request_method": "GET", "token_url": "https://graph.facebook.com/v17.0/oauth/access_token"}},
		{"LoginWithAmazon", given, map[string]string{"attributes_url": "https://api.amazon.com/user/profile", "attributes_url_add_attributes": "false", "authorize_url": "https://www.amazon.com/ap/oa", "token_request_method": "POST", "token_url": "https://api.amazon.com/auth/o2/token"}},
		{"SignInWithApple", apple, map[string]string{"attributes_url_add_attributes": "false", "authorize_url": "https://appleid.apple.com/auth/authorize", "oidc_issuer": "https://appleid.apple.com", "token_request_method": "POST", "token_url": "https://appleid.apple.com/auth/token"}},
	} {
		want := maps.Clone(c.given)
		maps.Copy(want, c.adds)
		got, err := kinds[c.kind].Check(t.Context(), c.given)
		if err != nil || !maps.Equal(got, want) {
			t.Errorf("%s: %v, %v", c.kind, got, err)
		}
		if again, err := kinds[c.kind].Check(t.Context(), got); err != nil || !maps.Equal(again, got) {
			t.Errorf("%s, as shown: %v, %v", c.kind, again, err)
		}
	}
}

// TestCheck refuses details that a network does not have, or that are missing.
func TestCheck(t *testing.T) {
	kinds := social.Kinds(federation.Env{HTTP: outbound.NewClient(false, nil)})
	for name, bad := range map[string][]map[string]string{
		"Google":          {{}, {"client_id": "x", "client_secret": "y"}, {"client_id": "x", "client_secret": "y", "authorize_scopes": "openid", "other": "z"}, {"client_id": "x", "client_secret": "y", "authorize_scopes": "openid", "token_url": "http://x"}, {"client_id": "x", "client_secret": "y", "authorize_scopes": "openid", "token_request_method": "DELETE"}},
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
