package identitypool

import (
	"context"
	"regexp"

	"github.com/google/uuid"

	"cognate/api/identity"
	"cognate/internal/fault"
	"cognate/internal/store"
)

const maxPools = 1000

// regionPattern leaves room for ":" and a UUID in an id, which has at most 55 characters.
var regionPattern = regexp.MustCompile(`^[\w-]{1,18}$`)

// Create makes a pool in region.
func (r *Registry) Create(ctx context.Context, region string, in *identity.CreateIdentityPoolInput) (*identity.IdentityPool, error) {
	s := settings{IdentityPool: identity.IdentityPool{
		IdentityPoolName: in.IdentityPoolName, AllowUnauthenticatedIdentities: in.AllowUnauthenticatedIdentities,
		AllowClassicFlow: in.AllowClassicFlow, SupportedLoginProviders: in.SupportedLoginProviders,
		DeveloperProviderName: in.DeveloperProviderName, OpenIdConnectProviderARNs: in.OpenIdConnectProviderARNs,
		CognitoIdentityProviders: in.CognitoIdentityProviders, SamlProviderARNs: in.SamlProviderARNs, IdentityPoolTags: in.IdentityPoolTags,
	}}
	if err := s.finish(); err != nil {
		return nil, err
	}
	if !regionPattern.MatchString(region) {
		return nil, invalidf("%q is not a valid region.", region)
	}
	s.IdentityPoolId = newID(region)
	doc, err := s.encode()
	if err != nil {
		return nil, err
	}
	at := now()
	row := store.IdentityPool{ID: s.IdentityPoolId, Region: region, Name: s.IdentityPoolName, Settings: doc, Created: at, Modified: at}
	err = r.db.Update(ctx, func(tx *store.Tx) error {
		n, err := tx.CountIdentityPools()
		if err != nil {
			return err
		}
		if n >= maxPools {
			return fault.Newf(identity.CodeLimitExceeded, "The limit of %d identity pools is reached.", maxPools)
		}
		return tx.CreateIdentityPool(row)
	})
	return &s.IdentityPool, err
}

// newID makes an id of a pool or an identity.
func newID(region string) string { return region + ":" + uuid.NewString() }

// Describe returns what DescribeIdentityPool shows.
func (r *Registry) Describe(ctx context.Context, id string) (*identity.IdentityPool, error) {
	p, err := r.view(ctx, id)
	if err != nil {
		return nil, err
	}
	return &p.IdentityPool, nil
}

// Update replaces the settings of a pool: what in leaves out is taken away. Only the name of the developer's provider
// stays, for the identities that have logins there.
func (r *Registry) Update(ctx context.Context, in *identity.IdentityPool) (*identity.IdentityPool, error) {
	p, err := r.change(ctx, in.IdentityPoolId, func(p *pool) error {
		developer := p.DeveloperProviderName
		p.IdentityPool = *in
		if developer != "" && in.DeveloperProviderName != "" && in.DeveloperProviderName != developer {
			return invalid("The developer provider name cannot be changed once it is set.")
		}
		if developer != "" {
			p.DeveloperProviderName = developer
		}
		return p.finish()
	})
	if err != nil {
		return nil, err
	}
	return &p.IdentityPool, nil
}

// Delete deletes a pool and its identities.
func (r *Registry) Delete(ctx context.Context, id string) error {
	return r.db.Update(ctx, func(tx *store.Tx) error {
		if _, err := getPool(tx, id); err != nil {
			return err
		}
		tx.Notify(kindPool, id)
		return tx.DeleteIdentityPool(id)
	})
}

// List returns up to limit pools with ids after after, in the order of their ids, and the id to go on after, "" at the end.
func (r *Registry) List(ctx context.Context, after string, limit int) (pools []*identity.IdentityPoolShortDescription, next string, err error) {
	var rows []store.IdentityPool
	err = r.db.Look(ctx, func(tx *store.Tx) (err error) {
		rows, err = tx.ListIdentityPools(after, limit+1)
		return err
	})
	if err != nil {
		return nil, "", err
	}
	if len(rows) > limit {
		rows = rows[:limit]
		next = rows[limit-1].ID
	}
	pools = make([]*identity.IdentityPoolShortDescription, len(rows))
	for i, row := range rows {
		pools[i] = &identity.IdentityPoolShortDescription{IdentityPoolId: row.ID, IdentityPoolName: row.Name}
	}
	return pools, next, nil
}
