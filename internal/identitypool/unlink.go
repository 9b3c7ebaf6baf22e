package identitypool

import (
	"context"
	"slices"

	"cognate/api/identity"
	"cognate/internal/fault"
	"cognate/internal/store"
)

// Unlink takes the logins of providers from an identity whose user proves one of its logins, by tokens as [Registry.GetID]
// takes them. An identity that has no login left is disabled: nobody can prove to be its user any more, and it is no guest.
func (r *Registry) Unlink(ctx context.Context, in *identity.UnlinkIdentityInput) error {
	p, err := r.poolOf(ctx, in.IdentityId)
	switch {
	case err != nil:
		return err
	case len(in.Logins) == 0:
		return forbidden(in.IdentityId)
	case slices.ContainsFunc(in.LoginsToRemove, p.isPrivate):
		return errNotPublic
	}
	proven, err := r.prove(ctx, p, in.Logins)
	if err != nil {
		return err
	}
	at := now()
	return r.db.Update(ctx, func(tx *store.Tx) error {
		i, err := getIdentity(tx, in.IdentityId)
		if err != nil {
			return err
		}
		owners, err := ownersOf(tx, i.PoolID, proven)
		if err != nil {
			return err
		}
		if !slices.Contains(owners, i.ID) {
			return errNoMatch
		}
		i.Modified = at
		return unlink(tx, i, in.LoginsToRemove)
	})
}

func forbidden(id string) error {
	return fault.Newf(identity.CodeNotAuthorized, "Access to Identity '%s' is forbidden.", id)
}

// poolOf reads the pool of an identity.
func (r *Registry) poolOf(ctx context.Context, id string) (p *pool, err error) {
	err = r.db.View(ctx, func(tx *store.Tx) error {
		i, err := getIdentity(tx, id)
		if err != nil {
			return err
		}
		p, err = getPool(tx, i.PoolID)
		return err
	})
	return p, err
}

// unlink takes the logins of public providers from an identity, and writes it.
func unlink(tx *store.Tx, i store.PoolIdentity, providers []string) error {
	return takeLogins(tx, i, func(l store.IdentityLogin) bool {
		return !l.Developer && slices.Contains(providers, l.Provider)
	})
}

// takeLogins takes those logins from an identity that are to go, and writes it.
func takeLogins(tx *store.Tx, i store.PoolIdentity, goes func(store.IdentityLogin) bool) error {
	logins, err := tx.ListIdentityLogins(i.PoolID, i.ID)
	if err != nil {
		return err
	}
	left := len(logins)
	for _, l := range logins {
		if !goes(l) {
			continue
		}
		if err := tx.DeleteIdentityLogin(l); err != nil {
			return err
		}
		left--
	}
	i.Enabled = left > 0
	return tx.UpdatePoolIdentity(i)
}
