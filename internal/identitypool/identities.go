package identitypool

import (
	"context"
	"errors"
	"slices"

	"cognate/api"
	"cognate/api/identity"
	"cognate/internal/fault"
	"cognate/internal/store"
)

func noIdentity(id string) error {
	return fault.Newf(identity.CodeResourceNotFound, "Identity '%s' not found.", id)
}

func getIdentity(tx *store.Tx, id string) (store.PoolIdentity, error) {
	i, err := tx.GetPoolIdentity(id)
	if errors.Is(err, store.ErrNotFound) {
		return i, noIdentity(id)
	}
	return i, err
}

// DescribeIdentity returns an identity, enabled or not.
func (r *Registry) DescribeIdentity(ctx context.Context, id string) (*identity.IdentityDescription, error) {
	var i store.PoolIdentity
	var logins []store.IdentityLogin
	err := r.db.View(ctx, func(tx *store.Tx) (err error) {
		if i, err = getIdentity(tx, id); err != nil {
			return err
		}
		logins, err = tx.ListIdentityLogins(i.PoolID, id)
		return err
	})
	if err != nil {
		return nil, err
	}
	return describe(i, logins), nil
}

// describe shows an identity and its logins, by the names of their providers.
func describe(i store.PoolIdentity, logins []store.IdentityLogin) *identity.IdentityDescription {
	providers := []string{}
	for _, l := range logins {
		if !slices.Contains(providers, l.Provider) {
			providers = append(providers, l.Provider)
		}
	}
	return &identity.IdentityDescription{
		IdentityId: i.ID, Logins: providers, CreationDate: api.At(i.Created), LastModifiedDate: api.At(i.Modified),
	}
}

// Page says which identities a list has: up to Limit with ids after After.
type Page struct {
	After        string
	Limit        int
	HideDisabled bool
}

// ListIdentities returns a page of a pool's identities, in the order of their ids, and the id to go on after, "" at the end.
func (r *Registry) ListIdentities(ctx context.Context, poolID string, of Page) (out []*identity.IdentityDescription, next string, err error) {
	var rows []store.PoolIdentity
	var logins []store.IdentityLogin
	err = r.db.View(ctx, func(tx *store.Tx) (err error) {
		if _, err = getPool(tx, poolID); err != nil {
			return err
		}
		rows, next, err = listIdentities(tx, poolID, of)
		if err != nil || len(rows) == 0 {
			return err
		}
		logins, err = tx.ListLoginsOfIdentities(poolID, of.After, rows[len(rows)-1].ID)
		return err
	})
	if err != nil {
		return nil, "", err
	}
	byIdentity := map[string][]store.IdentityLogin{}
	for _, l := range logins {
		byIdentity[l.IdentityID] = append(byIdentity[l.IdentityID], l)
	}
	out = make([]*identity.IdentityDescription, len(rows))
	for n, i := range rows {
		out[n] = describe(i, byIdentity[i.ID])
	}
	return out, next, nil
}

func listIdentities(tx *store.Tx, poolID string, of Page) (rows []store.PoolIdentity, next string, err error) {
	list := tx.ListPoolIdentities
	if of.HideDisabled {
		list = tx.ListEnabledPoolIdentities
	}
	if rows, err = list(poolID, of.After, of.Limit+1); err != nil || len(rows) <= of.Limit {
		return rows, "", err
	}
	rows = rows[:of.Limit]
	return rows, rows[of.Limit-1].ID, nil
}

// DeleteIdentities deletes identities and their logins, and returns those of ids that are of none.
func (r *Registry) DeleteIdentities(ctx context.Context, ids []string) (unknown []string, err error) {
	distinct := slices.Compact(slices.Sorted(slices.Values(ids)))
	err = r.db.Update(ctx, func(tx *store.Tx) error {
		unknown = nil
		for _, id := range distinct {
			err := tx.DeletePoolIdentity(id)
			if errors.Is(err, store.ErrNotFound) {
				unknown = append(unknown, id)
			} else if err != nil {
				return err
			}
		}
		return nil
	})
	return unknown, err
}
