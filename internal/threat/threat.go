// Package threat protects accounts from those who have got hold of a password, or are about to: it keeps what users do
// and others try, compares sign-ins with it, knows passwords that have become public, and says what is to be done. The
// rules and texts are those of the protocol page "users-and-pools", sections 13 and 16; docs/security.md tells how risk
// is assessed.
//
// A pool has it that asks for it (UserPoolAddOns). For any other nothing here reads or writes anything.
package threat

import (
	"context"
	"time"

	"cognate/api/idp"
	"cognate/internal/cache"
	"cognate/internal/fault"
	"cognate/internal/pool"
	"cognate/internal/secret"
	"cognate/internal/store"
)

// Options are what a [Service] needs to know besides its parts. The zero value is of use.
type Options struct {
	// Keep is how long events are kept; 0 is [DefaultKeep].
	Keep time.Duration
	// Passwords are the lists of those that have become public; none knows of none.
	Passwords []Passwords
	// Unknown is told of each password that a list could not be asked about; nil is not.
	Unknown func(ctx context.Context, err error)
	// Pages gives what the addresses of a pool's pages begin with, without a slash at the end. It must not depend on
	// any request. Without it, mails have no links.
	Pages func(*pool.Pool) string
}

// DefaultKeep is how long events are kept unless the operator says otherwise.
const DefaultKeep = 90 * 24 * time.Hour

// Passwords knows passwords that have become public. It is safe for concurrent use.
type Passwords interface {
	// Has reports whether a password is among them. An error means that it cannot tell.
	Has(ctx context.Context, password string) (bool, error)
}

// Recorder is told of an event after it has been committed, and again when the event goes on: a sign-in that waits for
// a second factor comes twice under one ID. Each call is in the order of the event's steps; those of different events
// may come at the same time. It must return at once, for a user waits, and must not keep ctx.
type Recorder func(ctx context.Context, e Event)

// Service is the threat protection of all pools. It is safe for concurrent use; nil protects none.
type Service struct {
	db        *store.DB
	keys      *secret.Keyring
	pools     *pool.Registry
	options   Options
	rules     *cache.Cache[rules] // by pool and client
	recorders []Recorder
}

// New makes a service.
func New(db *store.DB, keys *secret.Keyring, pools *pool.Registry, o Options) *Service {
	if o.Keep == 0 {
		o.Keep = DefaultKeep
	}
	s := &Service{db: db, keys: keys, pools: pools, options: o, rules: cache.New[rules]()}
	db.Subscribe(s.changed)
	return s
}

// Subscribe adds a recorder. It is not for a service that is in use.
func (s *Service) Subscribe(r Recorder) { s.recorders = append(s.recorders, r) }

// mode is what a pool asks for: OFF, AUDIT or ENFORCED. For sign-ins whose challenges its functions make it asks apart.
func mode(p *pool.Pool, custom bool) string {
	a := p.Settings.UserPoolAddOns
	switch {
	case a == nil || a.AdvancedSecurityMode == "" || a.AdvancedSecurityMode == idp.AdvancedSecurityModeTypeOff:
		return idp.AdvancedSecurityModeTypeOff
	case !custom:
		return a.AdvancedSecurityMode
	case a.AdvancedSecurityAdditionalFlows == nil || a.AdvancedSecurityAdditionalFlows.CustomAuthMode == "":
		return idp.AdvancedSecurityModeTypeOff
	}
	return a.AdvancedSecurityAdditionalFlows.CustomAuthMode
}

// errOff is the answer to operations of pools that do not ask for threat protection.
var errOff = fault.New(idp.CodeUserPoolAddOnNotEnabled, "Threat protection is not enabled for this user pool.")

// watched returns a pool that asks for threat protection.
func (s *Service) watched(ctx context.Context, poolID string) (*pool.Pool, error) {
	p, err := s.pools.Pool(ctx, poolID)
	if err == nil && mode(p, false) == idp.AdvancedSecurityModeTypeOff {
		err = errOff
	}
	return p, err
}

func invalid(format string, args ...any) error {
	return fault.Newf(idp.CodeInvalidParameter, format, args...)
}
