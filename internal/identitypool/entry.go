package identitypool

import (
	"context"

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
	var i store.PoolIdentity
	err := r.db.Look(ctx, func(tx *store.Tx) (err error) {
		i, err = getIdentity(tx, id)
		return err
	})
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
		return newEntry(p, id, nil), r.admitGuest(ctx, p, i)
	}
	proven, err := r.prove(ctx, p, logins)
	if err != nil {
		return entry{}, err
	}
	survivor, err := r.ownerOf(ctx, i.PoolID, proven)
	if err == nil && survivor != id {
		survivor, err = r.connect(ctx, id, proven)
	}
	return newEntry(p, survivor, proven), err
}

// admitGuest refuses whom nobody needs a login to be: an identity that has some, or had.
func (r *Registry) admitGuest(ctx context.Context, p *pool, i store.PoolIdentity) error {
	var logins []store.IdentityLogin
	err := r.db.Look(ctx, func(tx *store.Tx) (err error) {
		logins, err = tx.ListIdentityLogins(i.PoolID, i.ID)
		return err
	})
	switch {
	case err != nil:
		return err
	case !i.Enabled || len(logins) > 0:
		return forbidden(i.ID)
	case !p.AllowUnauthenticatedIdentities:
		return errNoGuests
	}
	return nil
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
