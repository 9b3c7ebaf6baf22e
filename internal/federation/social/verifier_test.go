package social_test

import (
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"cognate/internal/federation"
	"cognate/internal/federation/social"
	"cognate/internal/outbound"
)

// company answers what the Graph API and Login with Amazon answer about the access token "good".
func company(t *testing.T) *httptest.Server {
	documents := map[string]map[string]any{
		"/app":               {"id": "1234", "name": "An app", "link": "https://app.example/"},
		"/me":                {"id": "4711"},
		"/auth/o2/tokeninfo": {"iss": "https://www.amazon.com", "user_id": "amzn1.account.A", "aud": "amzn1.application-oa2-client.b", "app_id": "amzn1.application.c", "exp": 3597, "iat": 1795737600},
	}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		d, ok := documents[r.URL.Path]
		switch token := r.URL.Query().Get("access_token"); {
		case !ok || r.Method != http.MethodGet || r.URL.Path == "/me" && r.URL.Query().Get("fields") != "id":
			t.Errorf("%s %s", r.Method, r.URL)
		case token == "busy":
			w.WriteHeader(http.StatusTooManyRequests)
		case token != "good":
			w.WriteHeader(http.StatusBadRequest)
		}
		w.Header().Set("Content-Type", "application/json")
		json.NewEncoder(w).Encode(d)
	}))
	t.Cleanup(s.Close)
	return s
}

// TestAccessTokens takes access tokens of the identity pool's own app only (checklist 57).
func TestAccessTokens(t *testing.T) {
	s := company(t)
	env := federation.Env{HTTP: outbound.NewClient(true, nil), Dev: true, Skew: time.Minute}
	all := social.Verifiers(env, map[string]string{"graph.facebook.com": s.URL, "www.amazon.com": s.URL})
	for _, tt := range []struct {
		provider, token, client, subject string
		err                              error
	}{
		{"graph.facebook.com", "good", "1234", "4711", nil},
		{"graph.facebook.com", "good", "1235", "", federation.ErrClient},
		{"graph.facebook.com", "bad", "1234", "", federation.ErrSignature},
		{"graph.facebook.com", "good&access_token=x", "1234", "", federation.ErrSignature},
		{"www.amazon.com", "good", "amzn1.application-oa2-client.b", "amzn1.account.A", nil},
		{"www.amazon.com", "good", "amzn1.application.c", "amzn1.account.A", nil},
		{"www.amazon.com", "good", "amzn1.application.d", "", federation.ErrClient},
		{"www.amazon.com", "bad", "amzn1.application.c", "", federation.ErrSignature},
	} {
		got, err := all[tt.provider].Verify(t.Context(), tt.token, []string{tt.client})
		if !errors.Is(err, tt.err) || err == nil && (got.Subject != tt.subject || got.Client != tt.client) {
			t.Errorf("%+v: %+v, %v", tt, got, err)
		}
	}
	for _, provider := range []string{"graph.facebook.com", "www.amazon.com"} {
		_, err := all[provider].Verify(t.Context(), "busy", []string{"1234"})
		if err == nil || errors.Is(err, federation.ErrSignature) || errors.Is(err, federation.ErrClient) {
			t.Errorf("%s is busy: %v", provider, err)
		}
	}
	want := []string{"accounts.google.com", "appleid.apple.com", "graph.facebook.com", "www.amazon.com"}
	if got := slices.Sorted(maps.Keys(all)); !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
}
