package token

import (
	"context"
	"strings"
	"time"

	"github.com/google/uuid"

	"cognate/internal/pool"
)

// ClientToken makes an access token for a client itself, for machines without a user (protocol page "tokens",
// section 9), which has sent metadata for functions. There is no session behind it: it ends when it expires, and with the client.
func (s *Service) ClientToken(ctx context.Context, p *pool.Pool, c *pool.Client, scopes []string, metadata map[string]string) (*Tokens, error) {
	r, err := s.ring(ctx, p.ID)
	if err != nil {
		return nil, err
	}
	o, err := s.askClient(ctx, p, c, scopes, metadata)
	if err != nil {
		return nil, err
	}
	now := time.Now()
	claims := map[string]any{
		"sub":       c.ID,
		"token_use": "access",
		"scope":     o.scopesOf(strings.Join(scopes, " ")),
		"auth_time": now.Unix(),
		"iss":       s.Issuer(p),
		"exp":       now.Add(c.AccessLifetime()).Unix(),
		"iat":       now.Unix(),
		"version":   2,
		"jti":       uuid.NewString(),
		"client_id": c.ID,
	}
	constants(claims, c)
	change(claims, o.Access)
	access, err := r.sign(UseAccess, now, claims)
	return &Tokens{Access: access, Lifetime: c.AccessLifetime()}, err
}
