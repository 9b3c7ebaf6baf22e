package oauthserver_test

import (
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"

	"cognate/api/idp"
	"cognate/internal/browser"
	"cognate/internal/message"
	"cognate/internal/oauth"
	"cognate/internal/oauthserver"
	"cognate/internal/pool"
	"cognate/internal/secret/secrettest"
	"cognate/internal/store/storetest/engines"
	"cognate/internal/token"
	"cognate/internal/user"
)

// serve runs the door over two pools, of which the second names AWS as its issuer.
func serve(t *testing.T) *httptest.Server {
	db, keys := engines.Memory(t), secrettest.Keyring(t)
	pools := pool.New(db, keys, pool.Options{AccountID: "000000000000", BaseDomain: "example.com"})
	for id, tags := range map[string]map[string]string{"us-east-1_Own": nil, "eu-west-1_Aws": {"cognate:issuer": "aws"}} {
		if _, err := pools.CreateAs(t.Context(), id, &idp.CreateUserPoolRequest{PoolName: "p", UserPoolTags: tags}); err != nil {
			t.Fatal(err)
		}
	}
	_, err := pools.CreateDomain(t.Context(), &idp.CreateUserPoolDomainRequest{UserPoolId: "eu-west-1_Aws", Domain: "shop"})
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	users, tokens := user.New(db, keys, message.Nowhere{}), token.New(db, keys, pools, "https://id.example.com:8443")
	core := oauthserver.Core{Pools: pools, Users: users, Tokens: tokens, OAuth: oauth.New(db, keys, pools, users, tokens, oauth.Options{NameIssuer: true})}
	oauthserver.New(core, browser.Cookies{}, slog.New(slog.DiscardHandler)).Register(mux)
	s := httptest.NewServer(mux)
	t.Cleanup(s.Close)
	return s
}

// get reads a document as JSON.
func get(t *testing.T, url string, into any) *http.Response {
	t.Helper()
	answer, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, into); err != nil {
		t.Fatalf("%s answers %s", url, text)
	}
	if answer.Header.Get("Access-Control-Allow-Origin") != "*" || answer.Header.Get("Content-Type") != "application/json" {
		t.Errorf("%s: headers %v", url, answer.Header)
	}
	return answer
}

// TestDiscovery names the endpoints at the pool's domain, or, without one, at the public URL; never at the host of the
// request (checklist 44).
func TestDiscovery(t *testing.T) {
	s := serve(t)
	for id, want := range map[string]struct{ issuer, at string }{
		"us-east-1_Own": {"https://id.example.com:8443/us-east-1_Own", "https://id.example.com:8443"},
		"eu-west-1_Aws": {"https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_Aws", "https://shop.auth.eu-west-1.example.com:8443"},
	} {
		var d map[string]any
		answer := get(t, s.URL+"/"+id+"/.well-known/openid-configuration", &d)
		if answer.StatusCode != 200 || d["issuer"] != want.issuer || d["jwks_uri"] != "https://id.example.com:8443/"+id+"/.well-known/jwks.json" {
			t.Errorf("%s: %d %v", id, answer.StatusCode, d)
		}
		for name, path := range map[string]string{
			"authorization_endpoint": "/oauth2/authorize", "token_endpoint": "/oauth2/token", "userinfo_endpoint": "/oauth2/userInfo",
			"revocation_endpoint": "/oauth2/revoke", "end_session_endpoint": "/logout",
		} {
			if d[name] != want.at+path {
				t.Errorf("%s: %s is %v", id, name, d[name])
			}
		}
		if d["authorization_response_iss_parameter_supported"] != true {
			t.Errorf("%s: %v", id, d)
		}
	}
}

func TestJWKS(t *testing.T) {
	s := serve(t)
	var first, again struct{ Keys []token.JWK }
	answer := get(t, s.URL+"/us-east-1_Own/.well-known/jwks.json", &first)
	get(t, s.URL+"/us-east-1_Own/.well-known/jwks.json", &again)
	if answer.StatusCode != 200 || answer.Header.Get("Cache-Control") != "public, max-age=86400" || len(first.Keys) != 2 {
		t.Fatalf("%d %v %v", answer.StatusCode, answer.Header, first)
	}
	for i, k := range first.Keys {
		if k.Alg != "RS256" || k.Kty != "RSA" || k.Use != "sig" || k.E != "AQAB" || len(k.N) != 342 || k != again.Keys[i] {
			t.Errorf("key %d is %+v", i, k)
		}
	}
}

func TestUnknownPool(t *testing.T) {
	s := serve(t)
	for _, id := range []string{"us-east-1_Nobody", "x", "us-east-1_Own%00", "..%2f..", "%ff"} {
		for _, document := range []string{"jwks.json", "openid-configuration"} {
			var e struct{ Message string }
			answer := get(t, s.URL+"/"+id+"/.well-known/"+document, &e)
			if answer.StatusCode != 404 || e.Message == "" {
				t.Errorf("%s of %s: %d %v", document, id, answer.StatusCode, e)
			}
		}
	}
}
