// Package oauth holds the rules of signing in through a browser: the authorization requests of clients, the
// browsers in which a user is signed in, and the codes and tokens that requests are answered with. The facts are
// those of the protocol page "oauth-endpoints"; RFC 6749, RFC 7636 (PKCE), RFC 8707 (resource), RFC 9207 (iss) and
// OpenID Connect Core stand behind them.
package oauth

import (
	"context"
	"errors"
	"net/url"
	"strings"

	"cognate/internal/fault"
	"cognate/internal/pool"
	"cognate/internal/secret"
	"cognate/internal/store"
	"cognate/internal/token"
	"cognate/internal/user"
)

// Options are what an operator adds to what Cognito does. The zero value adds nothing.
type Options struct {
	// NameIssuer puts the iss parameter of RFC 9207 into the answers of the authorization endpoint.
	NameIssuer bool
}

// Service answers the authorization requests of all pools. It is safe for concurrent use.
type Service struct {
	db      *store.DB
	keys    *secret.Keyring
	pools   *pool.Registry
	users   *user.Directory
	tokens  *token.Service
	options Options
}

// New makes the service over the core.
func New(db *store.DB, keys *secret.Keyring, pools *pool.Registry, users *user.Directory, tokens *token.Service, o Options) *Service {
	return &Service{db: db, keys: keys, pools: pools, users: users, tokens: tokens, options: o}
}

// NamesIssuer reports whether answers of the authorization endpoint carry iss.
func (s *Service) NamesIssuer() bool { return s.options.NameIssuer }

// Addresses are what the addresses of a pool's pages, and of the endpoints that its clients call, begin with: its domain,
// by the scheme and at the port of the public URL, or without a domain the public URL, at which all pools are. Names
// under localhost are known to browsers, but not to every program, so that the calls then go to the public URL.
func (s *Service) Addresses(p *pool.Pool) (pages, calls string) {
	public := s.tokens.PublicURL()
	u, err := url.Parse(public)
	if err != nil || p.Host() == "" {
		return public, public
	}
	u.Host = strings.TrimSuffix(p.Host()+":"+u.Port(), ":")
	pages = u.Scheme + "://" + u.Host
	if strings.HasSuffix(p.Host(), ".localhost") {
		return pages, public
	}
	return pages, pages
}

// Client returns a client by its id, as a request to a host may use it: at the domain of a pool it must be of that
// pool. A client that is not there is nil.
func (s *Service) Client(ctx context.Context, host, id string) (*pool.Pool, *pool.Client, error) {
	p, c, err := s.pools.Client(ctx, id)
	if _, unknown := errors.AsType[*fault.Error](err); unknown {
		return nil, nil, nil
	}
	if err != nil {
		return nil, nil, err
	}
	owner, err := s.pools.ByHost(ctx, host)
	if err != nil || owner != nil && owner.ID != p.ID {
		return nil, nil, err
	}
	return p, c, nil
}
