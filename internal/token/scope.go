package token

import (
	"slices"
	"strings"
)

// The standard scopes (OpenID Connect Core section 5.4) and Cognito's own.
const (
	// ScopeAdmin is the scope of tokens from the API: it opens the operations that take an access token.
	ScopeAdmin = "aws.cognito.signin.user.admin"
	// ScopeOpenID asks for an ID token, and opens the UserInfo endpoint.
	ScopeOpenID = "openid"

	scopeProfile = "profile"
	scopeEmail   = "email"
	scopePhone   = "phone"
)

// hasScope reports whether a scope is among space-separated ones.
func hasScope(scopes, scope string) bool { return slices.Contains(strings.Fields(scopes), scope) }

// opened tells which attributes the scopes of an authorization request open: openid alone all of them, with any of
// profile, email and phone beside it what these say (protocol page "tokens", section 4).
func opened(scopes string) func(attribute string) bool {
	profile, email, phone := hasScope(scopes, scopeProfile), hasScope(scopes, scopeEmail), hasScope(scopes, scopePhone)
	all := !profile && !email && !phone
	return func(name string) bool {
		switch name {
		case "email", "email_verified":
			return all || email
		case "phone_number", "phone_number_verified":
			return all || phone
		}
		return all || profile
	}
}

// UserInfo returns the attributes that a session's scopes open and its client may read, with its sub (protocol page
// "oauth-endpoints", section 5).
func (s *Session) UserInfo() map[string]string {
	shown, out := opened(s.Claims.Scope), map[string]string{"sub": s.User.Sub, "username": s.User.Username}
	for name, value := range s.User.Attributes {
		if value != "" && shown(name) && s.Client.CanRead(s.Pool, name) {
			out[name] = value
		}
	}
	return out
}
