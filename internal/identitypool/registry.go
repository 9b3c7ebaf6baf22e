// Package identitypool holds the rules of identity pools: what they accept and refuse, whom they give an identity, and
// which logins belong to one. The facts are those of the protocol page "identity-pools".
package identitypool

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/go-json-experiment/json"

	"cognate/api/identity"
	"cognate/internal/cache"
	"cognate/internal/credential"
	"cognate/internal/fault"
	"cognate/internal/meter"
	"cognate/internal/store"
	"cognate/internal/token"
)

// Registry reads and changes identity pools and their identities. It is safe for concurrent use. Its errors are faults of
// the API, or wrapped errors of the store, which the API does not show.
type Registry struct {
	db        *store.DB
	tokens    *token.Service
	broker    credential.Broker
	accountID string
	guests    *meter.Meter
	providers map[string]Provider
	pools     *cache.Cache[pool]
}

// Options are what an operator adds to what Cognito does. The zero value adds nothing.
type Options struct {
	// GuestsPerAddress is how many identities of guests one address may have made in an hour; 0 is any number.
	GuestsPerAddress int
	// Providers are those that pools may trust beside user pools, by their ARNs, the social ones by the keys of their logins.
	// Logins of others are an ExternalServiceException.
	Providers map[string]Provider
}

// New makes a registry over db, which believes the ID tokens that tokens has issued and has broker give credentials;
// accountID is the account number in ARNs.
func New(db *store.DB, tokens *token.Service, broker credential.Broker, accountID string) *Registry {
	r := &Registry{db: db, tokens: tokens, broker: broker, accountID: accountID, pools: cache.New[pool]()}
	db.Subscribe(r.forget)
	return r
}

// kindPool is that of changes of identity pools.
const kindPool = "identitypool"

// forget drops what is known of a pool that changed.
func (r *Registry) forget(c store.Change) {
	if c.Kind == kindPool || c.Kind == "" {
		r.pools.Drop(func(id string, _ *pool) bool { return id == c.ID || c.Kind == "" })
	}
}

// With sets the options. It is not for a registry that is in use.
func (r *Registry) With(o Options) *Registry {
	r.guests, r.providers = meter.New(o.GuestsPerAddress, time.Hour), o.Providers
	return r
}

// settings is the document of a pool: what DescribeIdentityPool shows, and what has operations of its own.
type settings struct {
	identity.IdentityPool
	Roles         map[string]string                `json:"Roles,omitzero"`
	RoleMappings  map[string]*identity.RoleMapping `json:"RoleMappings,omitzero"`
	PrincipalTags map[string]principalTags         `json:"PrincipalTags,omitzero"` // by provider
}

// pool is an identity pool as it was when it was read. It is read-only: many requests share it.
type pool struct {
	settings
	region string
}

// now is cut to what the store keeps, so that an answer shows what the next will.
func now() time.Time { return time.Now().UTC().Truncate(time.Millisecond) }

func invalid(text string) error { return fault.New(identity.CodeInvalidParameter, text) }

func invalidf(format string, args ...any) error {
	return fault.Newf(identity.CodeInvalidParameter, format, args...)
}

func noPool(id string) error {
	return fault.Newf(identity.CodeResourceNotFound, "IdentityPool '%s' not found.", id)
}

func getPool(tx *store.Tx, id string) (*pool, error) {
	row, err := tx.GetIdentityPool(id)
	if errors.Is(err, store.ErrNotFound) {
		return nil, noPool(id)
	}
	if err != nil {
		return nil, err
	}
	return parse(row)
}

func parse(row store.IdentityPool) (*pool, error) {
	p := &pool{region: row.Region}
	if err := json.Unmarshal(row.Settings, &p.settings); err != nil {
		return nil, fmt.Errorf("identitypool: settings of %s: %w", row.ID, err)
	}
	p.IdentityPoolId, p.IdentityPoolName = row.ID, row.Name
	return p, nil
}

// encode leaves out what the row's other columns say.
func (s *settings) encode() ([]byte, error) {
	doc := *s
	doc.IdentityPoolId, doc.IdentityPoolName = "", ""
	return json.Marshal(&doc, json.Deterministic(true))
}

// view returns a pool, from memory when it can.
func (r *Registry) view(ctx context.Context, id string) (*pool, error) {
	p, generation := r.pools.Get(id)
	if p != nil {
		return p, nil
	}
	at := time.Now()
	err := r.db.Look(ctx, func(tx *store.Tx) (err error) {
		p, err = getPool(tx, id)
		return err
	})
	if err != nil {
		return nil, err
	}
	r.pools.Put(id, p, generation, at)
	return p, nil
}

// change rewrites a pool in one transaction, and returns it as it is then.
func (r *Registry) change(ctx context.Context, id string, fn func(*pool) error) (p *pool, err error) {
	modified := now()
	err = r.db.Update(ctx, func(tx *store.Tx) (err error) {
		if p, err = getPool(tx, id); err != nil {
			return err
		}
		if err = fn(p); err != nil {
			return err
		}
		doc, err := p.encode()
		if err != nil {
			return err
		}
		tx.Notify(kindPool, id)
		return tx.UpdateIdentityPool(store.IdentityPool{ID: id, Name: p.IdentityPoolName, Settings: doc, Modified: modified})
	})
	return p, err
}
