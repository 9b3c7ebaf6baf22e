package oauth

import (
	"context"
	"slices"

	"cognate/internal/pool"
	"cognate/internal/token"
)

// ClientToken gives a client that has shown to be itself a token of its own, for the custom scopes that it asks for, or
// for all that it has (protocol page "tokens", section 9). Metadata is what it has sent for functions. Its errors are an [*Error] or the server's own.
func (s *Service) ClientToken(ctx context.Context, p *pool.Pool, c *pool.Client, asked []string, metadata map[string]string) (*token.Tokens, error) {
	if !c.HasSecret() || !c.AllowsGrant(pool.GrantClient) {
		return nil, ErrNotAllowed
	}
	scopes, err := clientScopes(p, c, asked)
	if err != nil {
		return nil, err
	}
	return s.tokens.ClientToken(ctx, p, c, scopes, metadata)
}

// clientScopes are the scopes asked for, each once, or all that the client has. A scope that is gone from its resource
// server is without force. One that is not the client's refuses them all.
func clientScopes(p *pool.Pool, c *pool.Client, asked []string) (scopes []string, err error) {
	custom, own := p.CustomScopes(), c.Settings.AllowedOAuthScopes
	for _, scope := range asked {
		switch {
		case slices.Contains(scopes, scope):
			continue
		case !slices.Contains(custom, scope):
			return nil, ErrScope
		case !slices.Contains(own, scope):
			return nil, ErrGrant
		}
		scopes = append(scopes, scope)
	}
	if len(asked) == 0 {
		for _, scope := range own {
			if slices.Contains(custom, scope) {
				scopes = append(scopes, scope)
			}
		}
	}
	if len(scopes) == 0 {
		return nil, ErrScope
	}
	return scopes, nil
}
