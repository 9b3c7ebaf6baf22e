package social

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"

	"cognate/internal/federation"
	"cognate/internal/federation/oidc"
)

// Verifiers makes those for what apps get from the four companies by themselves, by the names that identity pools have for
// them. Addresses, by the same names, are where they are asked in the place of their own; nil are their own.
func Verifiers(env federation.Env, addresses map[string]string) map[string]federation.Verifier {
	at := func(name, own string) string {
		if other := addresses[name]; other != "" {
			return other
		}
		return own
	}
	return map[string]federation.Verifier{
		"accounts.google.com": oidc.NewVerifier(env, at("accounts.google.com", "https://accounts.google.com"), "accounts.google.com"),
		"appleid.apple.com":   oidc.NewVerifier(env, at("appleid.apple.com", "https://appleid.apple.com")),
		"graph.facebook.com":  facebookTokens{env, at("graph.facebook.com", "https://graph.facebook.com")},
		"www.amazon.com":      amazonTokens{env, at("www.amazon.com", "https://api.amazon.com")},
	}
}

// facebookTokens asks the Graph API which app an access token is for, and whom it is of.
type facebookTokens struct {
	env     federation.Env
	address string
}

// Verify implements [federation.Verifier].
func (f facebookTokens) Verify(ctx context.Context, token string, clients []string) (*federation.Proof, error) {
	app, err := ask(ctx, f.env, f.address+"/app", token, nil)
	if err != nil {
		return nil, err
	}
	client := one(app, "id")
	if !slices.Contains(clients, client) {
		return nil, federation.ErrClient
	}
	user, err := ask(ctx, f.env, f.address+"/me", token, url.Values{"fields": {"id"}})
	if err != nil {
		return nil, err
	}
	return proofOf(one(user, "id"), client)
}

// amazonTokens asks Login with Amazon about an access token. A pool may name the app or its client.
type amazonTokens struct {
	env     federation.Env
	address string
}

// Verify implements [federation.Verifier].
func (a amazonTokens) Verify(ctx context.Context, token string, clients []string) (*federation.Proof, error) {
	info, err := ask(ctx, a.env, a.address+"/auth/o2/tokeninfo", token, nil)
	if err != nil {
		return nil, err
	}
	for _, client := range []string{one(info, "aud"), one(info, "app_id")} {
		if slices.Contains(clients, client) {
			return proofOf(one(info, "user_id"), client)
		}
	}
	return nil, federation.ErrClient
}

func proofOf(subject, client string) (*federation.Proof, error) {
	if subject == "" || client == "" {
		return nil, fmt.Errorf("%w: the answer names no user", federation.ErrSignature)
	}
	return &federation.Proof{Subject: subject, Client: client}, nil
}

// ask reads a document about an access token. That the company refuses it is an answer, too.
func ask(ctx context.Context, env federation.Env, address, token string, query url.Values) (federation.Claims, error) {
	if query == nil {
		query = url.Values{}
	}
	query.Set("access_token", token)
	status, body, err := env.Get(ctx, address+"?"+query.Encode())
	switch {
	case err != nil:
		return nil, err
	case status >= http.StatusInternalServerError, status == http.StatusTooManyRequests:
		return nil, fmt.Errorf("social: %s answers with %d", address, status)
	case status != http.StatusOK:
		return nil, fmt.Errorf("%w: %s answers with %d", federation.ErrSignature, address, status)
	}
	members, err := federation.ReadMembers(body)
	if err != nil {
		return nil, err
	}
	return federation.ClaimsOf(members)
}

// one is the only value of a claim; empty when there is none, or more.
func one(c federation.Claims, name string) string {
	if values := c[name]; len(values) == 1 {
		return values[0]
	}
	return ""
}
