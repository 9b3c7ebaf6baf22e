// Package idpserver is the door of user pools: it translates the cognito-idp operations, and those that
// Cognate adds to them, to the core and back. ops.go lists all that it serves; each noun has its file.
package idpserver

import (
	"context"

	"cognate/internal/authn"
	"cognate/internal/oauth"
	"cognate/internal/passkey"
	"cognate/internal/pool"
	"cognate/internal/quota"
	"cognate/internal/store"
	"cognate/internal/token"
	"cognate/internal/user"
	"cognate/internal/userimport"
)

// Service holds the parts of the core that the operations call.
type Service struct {
	pools    *pool.Registry
	users    *user.Directory
	passkeys *passkey.Service
	tokens   *token.Service
	authn    *authn.Machine
	oauth    *oauth.Service
	imports  *userimport.Service
	quotas   *quota.Registry
}

// Core is what the door stands on.
type Core struct {
	Pools    *pool.Registry
	Users    *user.Directory
	Passkeys *passkey.Service
	Tokens   *token.Service
	Machine  *authn.Machine
	OAuth    *oauth.Service
	Imports  *userimport.Service
	Quotas   *quota.Registry
}

// New makes the door over the core.
func New(c Core) *Service {
	return &Service{
		pools: c.Pools, users: c.Users, passkeys: c.Passkeys, tokens: c.Tokens, authn: c.Machine, oauth: c.OAuth, imports: c.Imports,
		quotas: c.Quotas,
	}
}

// findUser returns the user whom an administrator names, and the pool.
func (s *Service) findUser(ctx context.Context, poolID, username string) (*pool.Pool, store.User, error) {
	p, err := s.pools.Pool(ctx, poolID)
	if err != nil {
		return nil, store.User{}, err
	}
	u, err := s.users.Find(ctx, p, username)
	return p, u, err
}
