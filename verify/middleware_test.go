package verify_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"

	"cognate/verify"
)

// TestMiddleware lets through who brings one good token, and answers all others as RFC 6750 says.
func TestMiddleware(t *testing.T) {
	v, _ := open(t, verify.Config{Scopes: []string{"photos/read"}, Groups: []string{"admins"}, Check: func(c *verify.Claims) error {
		if c.Username == "mallory" {
			return errors.New("not her")
		}
		return nil
	}})
	whole := sign(signing, header, access(nil))
	ask := func(authorization ...string) *httptest.ResponseRecorder {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
		for _, one := range authorization {
			r.Header.Add("Authorization", one)
		}
		w := httptest.NewRecorder()
		v.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			c, found := verify.FromContext(r.Context())
			if !found || c.Username != "alice" {
				t.Errorf("let %+v through", c)
			}
			w.WriteHeader(http.StatusNoContent)
		})).ServeHTTP(w, r)
		return w
	}
	for _, c := range []struct {
		authorization []string
		status        int
		challenge     string
	}{
		{[]string{"Bearer " + whole}, 204, ""},
		{[]string{"bearer  " + whole}, 204, ""},
		{nil, 401, "Bearer"},
		{[]string{whole}, 401, "Bearer"},
		{[]string{"Bearer "}, 401, "Bearer"},
		{[]string{"Basic " + whole}, 401, "Bearer"},
		{[]string{"Bearer " + whole, "Bearer " + whole}, 401, "Bearer"},
		{[]string{"Bearer " + whole + "x"}, 401, `Bearer error="invalid_token"`},
		{[]string{"Bearer " + sign(signing, header, id(nil))}, 401, `Bearer error="invalid_token"`},
		{[]string{"Bearer " + sign(signing, header, access(map[string]any{"scope": "openid"}))}, 403, `Bearer error="insufficient_scope"`},
		{[]string{"Bearer " + sign(signing, header, access(map[string]any{"cognito:groups": nil}))}, 403, "Bearer"},
		{[]string{"Bearer " + sign(signing, header, access(map[string]any{"username": "mallory"}))}, 403, "Bearer"},
	} {
		if w := ask(c.authorization...); w.Code != c.status || w.Header().Get("WWW-Authenticate") != c.challenge {
			t.Errorf("%.40q: %d %q, want %d %q", c.authorization, w.Code, w.Header().Get("WWW-Authenticate"), c.status, c.challenge)
		}
	}
	var s *server
	v, s = open(t, verify.Config{})
	s.set(http.StatusBadGateway, "")
	if w := ask("Bearer " + whole); w.Code != http.StatusServiceUnavailable || w.Header().Get("WWW-Authenticate") != "" {
		t.Errorf("without keys: %d", w.Code)
	}
	if _, found := verify.FromContext(t.Context()); found {
		t.Error("claims from nowhere")
	}
}
