package verify

import (
	"context"
	"errors"
	"net/http"
	"strings"
)

// Middleware lets requests through to next that bring a token which [Verifier.Verify] takes, in one header Authorization: Bearer
// (RFC 6750 section 2.1), with its claims in the context. All others it answers itself, with what RFC 6750 section 3 asks for: 401
// without a token or with one that is not good, 403 for one without the scopes or groups or that Config.Check refuses, 503 while the
// issuer's keys cannot be had.
func (v *Verifier) Middleware(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		token, found := bearer(r)
		if !found {
			refuse(w, http.StatusUnauthorized, "")
			return
		}
		claims, err := v.Verify(r.Context(), token)
		if err != nil {
			refuse(w, status(err), code(err))
			return
		}
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), contextKey{}, claims)))
	})
}

type contextKey struct{}

// FromContext returns the claims of the token that [Verifier.Middleware] has let through.
func FromContext(ctx context.Context) (*Claims, bool) {
	c, found := ctx.Value(contextKey{}).(*Claims)
	return c, found
}

// bearer is the token of a request.
func bearer(r *http.Request) (string, bool) {
	all := r.Header.Values("Authorization")
	if len(all) != 1 {
		return "", false
	}
	scheme, token, _ := strings.Cut(all[0], " ")
	token = strings.TrimSpace(token)
	return token, strings.EqualFold(scheme, "Bearer") && token != ""
}

// badToken are the errors about tokens that are not good; all others but ErrKeys are about what a good one may do.
var badToken = []error{ErrMalformed, ErrIssuer, ErrSignature, ErrUse, ErrExpired, ErrNotYet, ErrClient}

func status(err error) int {
	if errors.Is(err, ErrKeys) {
		return http.StatusServiceUnavailable
	}
	for _, bad := range badToken {
		if errors.Is(err, bad) {
			return http.StatusUnauthorized
		}
	}
	return http.StatusForbidden
}

// code is RFC 6750's for an error; empty where it has none.
func code(err error) string {
	switch {
	case status(err) == http.StatusUnauthorized:
		return "invalid_token"
	case errors.Is(err, ErrScope):
		return "insufficient_scope"
	}
	return ""
}

func refuse(w http.ResponseWriter, status int, code string) {
	if status != http.StatusServiceUnavailable {
		challenge := "Bearer"
		if code != "" {
			challenge += ` error="` + code + `"`
		}
		w.Header().Set("WWW-Authenticate", challenge)
	}
	http.Error(w, http.StatusText(status), status)
}
