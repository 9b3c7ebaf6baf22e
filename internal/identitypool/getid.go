package identitypool

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"cognate/api/identity"
	"cognate/internal/awsjson"
	"cognate/internal/fault"
	"cognate/internal/store"
)

// GetID returns the id of the identity that has the logins, which are tokens by the names of their providers. A login that
// no identity has becomes one of the identity that has the others, or of a new one; identities that turn out to be those of
// one user become one. Without logins it makes an identity for a guest.
func (r *Registry) GetID(ctx context.Context, poolID string, logins map[string]string) (string, error) {
	p, err := r.view(ctx, poolID)
	if err != nil {
		return "", err
	}
	if len(logins) == 0 {
		return r.newGuest(ctx, p)
	}
	proven, err := r.prove(ctx, p, logins)
	if err != nil {
		return "", err
	}
	return r.identify(ctx, p, proven)
}

// identify returns the id of the identity that has the logins, after making them those of one.
func (r *Registry) identify(ctx context.Context, p *pool, proven []login) (string, error) {
	// Most have come before: to find that out needs no write.
	first, err := r.ownerOf(ctx, p.IdentityPoolId, proven)
	if err != nil || first != "" {
		return first, err
	}
	return r.join(ctx, p, proven)
}

// ownerOf returns the id of the identity that has all the logins, empty when there is none such.
func (r *Registry) ownerOf(ctx context.Context, poolID string, logins []login) (string, error) {
	var owners []string
	read := r.db.View
	if len(logins) == 1 {
		read = r.db.Look
	}
	err := read(ctx, func(tx *store.Tx) (err error) {
		owners, err = ownersOf(tx, poolID, logins)
		return err
	})
	if err != nil || slices.ContainsFunc(owners, func(id string) bool { return id != owners[0] }) {
		return "", err
	}
	return owners[0], nil
}

func (r *Registry) newGuest(ctx context.Context, p *pool) (string, error) {
	if !p.AllowUnauthenticatedIdentities {
		return "", errNoGuests
	}
	if !r.guests.Take(awsjson.CallerFrom(ctx).OwnAddress()) {
		return "", errTooMany
	}
	i := newIdentity(p, now())
	err := r.db.Update(ctx, func(tx *store.Tx) error { return tx.CreatePoolIdentity(i) })
	if errors.Is(err, store.ErrNotFound) { // the pool was deleted since it was read
		err = noPool(p.IdentityPoolId)
	}
	return i.ID, err
}

func newIdentity(p *pool, at time.Time) store.PoolIdentity {
	return store.PoolIdentity{ID: newID(p.region), PoolID: p.IdentityPoolId, Enabled: true, Created: at, Modified: at}
}

// ownersOf returns, for each login, the id of the identity that has it, empty for none.
func ownersOf(tx *store.Tx, poolID string, logins []login) ([]string, error) {
	owners := make([]string, len(logins))
	for n, l := range logins {
		found, err := tx.GetIdentityLogin(l.row(poolID))
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return nil, err
		}
		owners[n] = found.IdentityID
	}
	return owners, nil
}

// join makes all logins those of one identity.
func (r *Registry) join(ctx context.Context, p *pool, logins []login) (id string, err error) {
	fresh := newIdentity(p, now())
	err = r.db.Update(ctx, func(tx *store.Tx) (err error) {
		if _, err = getPool(tx, p.IdentityPoolId); err != nil {
			return err
		}
		j := joint{tx: tx, at: fresh.Created}
		if err = j.collect(p.IdentityPoolId, logins); err != nil {
			return err
		}
		if len(j.identities) == 0 {
			j.identities = []store.PoolIdentity{fresh}
			err = tx.CreatePoolIdentity(fresh)
		}
		if err != nil {
			return err
		}
		id, err = j.unite()
		return err
	})
	return id, err
}

// joint is what becomes one identity: the first of identities, which is the oldest.
type joint struct {
	tx         *store.Tx
	at         time.Time
	identities []store.PoolIdentity
	has        []store.IdentityLogin // the logins of identities
	lacks      []store.IdentityLogin // those that are nobody's yet
}

// unite makes one identity, and returns its id.
func (j *joint) unite() (string, error) {
	if err := j.merge(); err != nil {
		return "", err
	}
	return j.identities[0].ID, j.link()
}

// includes reports whether an identity is one of those that become one.
func (j *joint) includes(id string) bool {
	return slices.ContainsFunc(j.identities, func(i store.PoolIdentity) bool { return i.ID == id })
}

// collect reads who has the logins.
func (j *joint) collect(poolID string, logins []login) error {
	owners, err := ownersOf(j.tx, poolID, logins)
	if err != nil {
		return err
	}
	for n, id := range owners {
		switch {
		case id == "":
			j.lacks = append(j.lacks, logins[n].row(poolID))
		case !slices.Contains(owners[:n], id):
			if err := j.add(poolID, id); err != nil {
				return err
			}
		}
	}
	j.sort()
	return nil
}

// sort puts the identities that users have come back to before a guest's, and the older before the younger.
func (j *joint) sort() {
	guest := func(i store.PoolIdentity) int {
		if slices.ContainsFunc(j.has, func(l store.IdentityLogin) bool { return l.IdentityID == i.ID }) {
			return 0
		}
		return 1
	}
	slices.SortStableFunc(j.identities, func(a, b store.PoolIdentity) int {
		return cmp.Or(cmp.Compare(guest(a), guest(b)), a.Created.Compare(b.Created))
	})
}

func (j *joint) add(poolID, id string) error {
	i, err := getIdentity(j.tx, id)
	if err != nil {
		return err
	}
	logins, err := j.tx.ListIdentityLogins(poolID, id)
	j.identities, j.has = append(j.identities, i), append(j.has, logins...)
	return err
}

// merge gives the first identity what the others have, and disables those.
func (j *joint) merge() error {
	for n, i := range j.identities {
		i.Modified = j.at
		if n > 0 {
			i.Enabled = false
			if err := j.tx.MoveIdentityLogins(i.PoolID, i.ID, j.identities[0].ID); err != nil {
				return err
			}
		}
		if err := j.tx.UpdatePoolIdentity(i); err != nil {
			return err
		}
	}
	return nil
}

// link gives the first identity the logins that it lacks.
func (j *joint) link() error {
	for _, l := range j.lacks {
		l.IdentityID, l.Created = j.identities[0].ID, j.at
		if err := j.tx.CreateIdentityLogin(l); err != nil {
			return err
		}
	}
	return checkLogins(append(j.has, j.lacks...))
}

// maxDeveloperLogins is how many users of the developer's provider one identity can be.
const maxDeveloperLogins = 20

// checkLogins sees to it that an identity is one user of each public provider.
func checkLogins(logins []store.IdentityLogin) error {
	providers, developer := map[string]bool{}, 0
	for _, l := range logins {
		if l.Developer {
			developer++
			continue
		}
		if providers[l.Provider] {
			return conflict("A login of " + l.Provider + " is already linked to another account.")
		}
		providers[l.Provider] = true
	}
	if developer > maxDeveloperLogins {
		return conflict("The identity would have more than 20 developer user identifiers.")
	}
	return nil
}

func conflict(text string) error { return fault.New(identity.CodeResourceConflict, text) }
