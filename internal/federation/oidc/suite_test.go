package oidc_test

import (
	"errors"
	"net/http"
	"net/url"
	"testing"
	"time"

	"cognate/internal/federation"
	"cognate/internal/federation/federationtest"
	"cognate/internal/federation/oidc"
	"cognate/internal/outbound"
)

// openAt opens a provider at a stand-in, by details that differ from the plain ones.
func openAt(t *testing.T, n *federationtest.Network, details map[string]string) *federationtest.Suite {
	t.Helper()
	d := map[string]string{
		"client_id": federationtest.ClientID, "client_secret": federationtest.Secret, "attributes_request_method": "GET", "authorize_scopes": "openid email",
		"oidc_issuer": n.URL, "authorize_url": n.URL + "/auth", "token_url": n.URL + "/token", "attributes_url": n.URL + "/me", "jwks_uri": n.URL + "/keys",
	}
	for name, value := range details {
		d[name] = value
	}
	n.OIDC, n.Asks = true, url.Values{"scope": {"openid email"}}
	method := d["attributes_request_method"]
	n.Claims = map[string]any{"name": "Mary", "email_verified": true, "roles": []string{"a", "b"}}
	n.Info = func(r *http.Request, _, subject string) any {
		if r.Method != method {
			t.Errorf("user info by %s, want %s", r.Method, method)
		}
		return map[string]any{"sub": subject, "email": "mary@example.com", "name": "Other"}
	}
	k := oidc.Kind{Env: federation.Env{HTTP: outbound.NewClient(true, nil), Dev: true, Skew: time.Minute}}
	full, err := k.Check(t.Context(), d)
	if err != nil {
		t.Fatal(err)
	}
	s := n.Suite()
	if s.Provider, err = k.Open(federation.Settings{Name: "Guild", Type: "OIDC", Details: full}); err != nil {
		t.Fatal(err)
	}
	s.Told = federation.Claims{"name": {"Mary"}, "email": {"mary@example.com"}, "email_verified": {"true"}, "roles": {"a", "b"}}
	return s
}

// TestSuite is also for checklist 39 and 51.
func TestSuite(t *testing.T) {
	federationtest.Run(t, func(t *testing.T) *federationtest.Suite { return openAt(t, federationtest.NewNetwork(t), nil) })
}

// TestPublicClient proves itself by PKCE alone, and asks for user info by POST.
func TestPublicClient(t *testing.T) {
	federationtest.Run(t, func(t *testing.T) *federationtest.Suite {
		n := federationtest.NewNetwork(t)
		n.Authenticate = func(r *http.Request, form url.Values) error {
			if form.Has("client_secret") || r.Header.Get("Authorization") != "" {
				return errors.New("a secret that is none")
			}
			return nil
		}
		return openAt(t, n, map[string]string{"client_secret": "", "attributes_request_method": "POST"})
	})
}

// TestBasicSecret sends the secret form-encoded in the header, as RFC 6749 section 2.3.1 wants it.
func TestBasicSecret(t *testing.T) {
	federationtest.Run(t, func(t *testing.T) *federationtest.Suite {
		n := federationtest.NewNetwork(t)
		n.Authenticate = func(r *http.Request, form url.Values) error {
			id, word, ok := r.BasicAuth()
			if !ok || id != url.QueryEscape(federationtest.ClientID) || word != "a+%3Aword" || form.Has("client_secret") {
				return errors.New("another secret")
			}
			return nil
		}
		return openAt(t, n, map[string]string{"client_secret": "a :word", "token_endpoint_auth_method": "client_secret_basic"})
	})
}
