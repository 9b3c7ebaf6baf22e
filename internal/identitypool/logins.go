package identitypool

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"time"

	"cognate/api/identity"
	"cognate/internal/fault"
	"cognate/internal/store"
	"cognate/internal/token"
)

// login is one that has been proven: the user of a provider.
type login struct {
	provider, userID string
	developer        bool   // the provider is the pool's own
	clientID         string // the app that a token is for; empty without a token
	claims           []byte // what the token says, a JSON object; nil without one
}

func (l login) row(poolID string) store.IdentityLogin {
	return store.IdentityLogin{PoolID: poolID, Developer: l.developer, Provider: l.provider, UserID: l.userID}
}

// Refusals of logins, in the words of the API.
var (
	errNoGuests   = notAuthorized("Unauthenticated access is not supported for this identity pool.")
	errNoMatch    = notAuthorized("Logins don't match. Please include at least one valid login for this identity or identity pool.")
	errProvider   = notAuthorized("Token is not from a supported provider of this identity pool.")
	errNoToken    = notAuthorized("Invalid login token. Not a valid OpenId Connect identity token.")
	errNoAudience = notAuthorized("Invalid login token. Missing a required claim: aud")
	errIssuer     = notAuthorized("Invalid login token. Issuer doesn't match providerName")
	errUse        = notAuthorized("Invalid login token. Not a Cognito token.")
	errUnverified = notAuthorized("Invalid login token. Couldn't verify signed token.")
	errRevoked    = notAuthorized("Invalid login token. Token has been revoked.")
	errTooMany    = fault.New(identity.CodeTooManyRequests, "Too many requests")
	errNotPublic  = invalid("Please provide a valid public provider")
)

// expired refuses a token that was good until a time, in seconds since the epoch.
func expired(at int64) error {
	return fault.Newf(identity.CodeNotAuthorized, "Invalid login token. Token expired: %d >= %d", time.Now().Unix(), at)
}

func notAuthorized(text string) error { return fault.New(identity.CodeNotAuthorized, text) }

// prove verifies the tokens of logins, by the names of their providers. One that is refused fails all.
func (r *Registry) prove(ctx context.Context, p *pool, logins map[string]string) ([]login, error) {
	var out []login
	for _, provider := range slices.Sorted(maps.Keys(logins)) {
		l, err := r.proveOne(ctx, p, provider, logins[provider])
		if err != nil {
			return nil, err
		}
		out = append(out, l)
	}
	return out, nil
}

func (r *Registry) proveOne(ctx context.Context, p *pool, provider, text string) (login, error) {
	switch {
	case p.isPrivate(provider):
		return login{}, errNotPublic
	case p.hasUserPool(provider):
		return r.proveUser(ctx, p, provider, text)
	case p.hasOther(provider):
		return r.proveOther(ctx, p, provider, text)
	}
	return login{}, errNoMatch
}

// isPrivate reports whether a provider is not for the operations that anybody may call.
func (s *settings) isPrivate(provider string) bool {
	return provider == ownProvider || provider == s.DeveloperProviderName
}

// hasOther reports whether the pool is configured for a public provider that is no user pool. The key of an OpenID Connect
// provider is what its ARN ends with.
func (s *settings) hasOther(provider string) bool {
	_, social := s.SupportedLoginProviders[provider]
	oidc := slices.ContainsFunc(s.OpenIdConnectProviderARNs, func(arn string) bool { return issuerOf(arn) == provider })
	return social || oidc || slices.Contains(s.SamlProviderARNs, provider)
}

// proveUser verifies an ID token of a user pool.
func (r *Registry) proveUser(ctx context.Context, p *pool, provider, text string) (login, error) {
	t, ok := token.ReadID(text)
	if !ok {
		return login{}, errNoToken
	}
	c := p.userPool(provider, t.ClientID)
	if err := fits(t, provider, c); err != nil {
		return login{}, err
	}
	claims, err := r.tokens.VerifyID(ctx, t)
	switch {
	case errors.Is(err, token.ErrRefused):
		return login{}, errUnverified
	case errors.Is(err, token.ErrExpired):
		return login{}, expired(t.Expires)
	case err != nil:
		return login{}, err
	}
	if c.ServerSideTokenCheck != nil && *c.ServerSideTokenCheck {
		if err = r.tokens.IDInForce(ctx, t); errors.Is(err, token.ErrRefused) {
			err = errRevoked
		}
	}
	return login{provider: provider, userID: t.Sub, clientID: t.ClientID, claims: claims}, err
}

// fits refuses a token that, by what it says of itself, is not one for a provider; c is nil when the pool has the provider
// for another client.
func fits(t token.IDToken, provider string, c *identity.CognitoIdentityProvider) error {
	switch {
	case t.ClientID == "":
		return errNoAudience
	case withoutScheme(t.Issuer) != provider:
		return errIssuer
	case c == nil:
		return errProvider
	case t.Use != token.UseID:
		return errUse
	}
	return nil
}

// userPool returns the configuration of a user pool for a client, nil when there is none.
func (s *settings) userPool(provider, client string) *identity.CognitoIdentityProvider {
	for _, c := range s.CognitoIdentityProviders {
		if c.ProviderName == provider && c.ClientId == client {
			return c
		}
	}
	return nil
}

// withoutScheme is an issuer as the keys of logins name it.
func withoutScheme(issuer string) string {
	_, rest, _ := strings.Cut(issuer, "://")
	return rest
}
