package identitypool

import (
	"context"
	"errors"
	"slices"

	"cognate/internal/store"
)

// entry is an identity whose user has proven to be it.
type entry struct {
	pool   *pool
	id     string
	logins []login  // none for a guest
	amr    []string // how the user has proven to be it, in the words of the token
}

func newEntry(p *pool, id string, logins []login) entry {
	e := entry{pool: p, id: id, logins: logins, amr: []string{"unauthenticated"}}
	if len(logins) > 0 {
		e.amr = []string{"authenticated"}
	}
	for _, l := range logins {
		e.amr = append(e.amr, l.provider, l.reference(p))
	}
	return e
}

// enter lets the user of an identity in by the tokens of logins, as [Registry.GetID] takes them; without logins, a guest. A
// login that nobody has is linked to the identity, and identities that turn out to be those of one user become one: the id
// of the entry is what stays. may says whether the pool has what the entry is for.
func (r *Registry) enter(ctx context.Context, id string, logins map[string]string, may func(*pool) error) (entry, error) {
	i, has, err := r.known(ctx, id)
	if err != nil {
		return entry{}, err
	}
	p, err := r.view(ctx, i.PoolID)
	if err != nil {
		return entry{}, err
	}
	if err := may(p); err != nil {
		return entry{}, err
	}
	if len(logins) == 0 {
		return newEntry(p, id, nil), admitGuest(p, i, has)
	}
	proven, err := r.prove(ctx, p, logins)
	if err != nil {
		return entry{}, err
	}
	// Most have come before: to find that out needs no write.
	if !i.Enabled || slices.ContainsFunc(proven, func(l login) bool { return !l.isIn(has) }) {
		id, err = r.connect(ctx, id, proven)
	}
	return newEntry(p, id, proven), err
}

// known reads an identity and its logins.
func (r *Registry) known(ctx context.Context, id string) (i store.PoolIdentity, logins []store.IdentityLogin, err error) {
	err = r.db.Look(ctx, func(tx *store.Tx) (err error) {
		i, logins, err = tx.GetIdentityAndLogins(id)
		return err
	})
	if errors.Is(err, store.ErrNotFound) {
		err = noIdentity(id)
	}
	return i, logins, err
}

// admitGuest refuses whom nobody needs a login to be: an identity that has some, or had.
func admitGuest(p *pool, i store.PoolIdentity, has []store.IdentityLogin) error {
	switch {
	case !i.Enabled || len(has) > 0:
		return forbidden(i.ID)
	case !p.AllowUnauthenticatedIdentities:
		return errNoGuests
	}
	return nil
}

func (l login) isIn(logins []store.IdentityLogin) bool {
	return slices.ContainsFunc(logins, func(has store.IdentityLogin) bool {
		return has.Developer == l.developer && has.Provider == l.provider && has.UserID == l.userID
	})
}

// connect makes the logins those of an identity, and returns the id of what they are then.
func (r *Registry) connect(ctx context.Context, id string, logins []login) (survivor string, err error) {
	at := now()
	err = r.db.Update(ctx, func(tx *store.Tx) error {
		i, err := getIdentity(tx, id)
		if err != nil {
			return err
		}
		j := joint{tx: tx, at: at}
		if err := j.collect(i.PoolID, logins); err != nil {
			return err
		}
		if err := j.admit(i); err != nil {
			return err
		}
		survivor, err = j.unite()
		return err
	})
	return survivor, err
}

// admit adds the identity that is asked for to those that have the logins: it is one of them, or a guest's. An identity
// that has become one with another is not what it was, but its user may still ask for it.
func (j *joint) admit(i store.PoolIdentity) error {
	if j.includes(i.ID) {
		return nil
	}
	if !i.Enabled {
		if len(j.identities) == 0 {
			return forbidden(i.ID)
		}
		return nil
	}
	logins, err := j.tx.ListIdentityLogins(i.PoolID, i.ID)
	if err != nil {
		return err
	}
	if len(logins) > 0 {
		return errNoMatch
	}
	j.identities = append(j.identities, i) // behind those that users have come back to
	return nil
}

// reference names the user of a login among those of all providers.
func (l login) reference(p *pool) string {
	switch {
	case l.developer:
		return p.developerPrefix() + l.userID
	case p.hasUserPool(l.provider):
		return l.provider + ":CognitoSignIn:" + l.userID
	}
	return l.provider + ":" + l.clientID + ":" + l.userID
}

// developerPrefix is what the references to users of the pool's own provider begin with.
func (p *pool) developerPrefix() string {
	return p.DeveloperProviderName + ":" + p.IdentityPoolId + ":"
}
