package user

import (
	"context"
	"errors"
	"time"

	"cognate/api/idp"
	"cognate/internal/fault"
	"cognate/internal/federation"
	"cognate/internal/pool"
	"cognate/internal/store"
)

// Links that no administrator makes: by users themselves, and by a verified e-mail address. Both are extensions.

var errLastWay = invalid("This is the only way to sign in.")

// Identities are the identities of a user, the oldest first.
func (d *Directory) Identities(ctx context.Context, p *pool.Pool, sub string) (rows []store.Identity, err error) {
	err = d.db.Look(ctx, func(tx *store.Tx) error {
		rows, err = tx.ListIdentities(p.ID, sub, maxIdentities+1)
		return err
	})
	return rows, err
}

// MaxIdentities is how many identities a user may have.
const MaxIdentities = maxIdentities

// LinkSelf gives a user who is signed in the identity that a provider has told of. One that the user has already is no error,
// one of another user is an AliasExistsException, and a sixth a LimitExceededException. What else refuses the assertion is a
// [*federation.Error].
func (d *Directory) LinkSelf(ctx context.Context, p *pool.Pool, provider *pool.Provider, a *federation.Assertion, sub string) error {
	f, err := newFederated(p, provider, a)
	if err != nil {
		return err
	}
	return d.db.Update(ctx, func(tx *store.Tx) error {
		if err := f.use(tx); err != nil {
			return err
		}
		was, err := tx.GetUser(p.ID, sub)
		if err != nil {
			return shown(err)
		}
		i, err := f.find(tx)
		switch {
		case isNotFound(err):
			return f.link(tx, was)
		case err != nil:
			return err
		case i.Sub != sub:
			return errLinked
		}
		return relink(tx, p, was, func() error {
			_, err := f.settle(tx, i)
			return err
		})
	})
}

// link gives a user the identity of the assertion, which nobody has.
func (f *federated) link(tx *store.Tx, was store.User) error {
	if err := checkMutable(f.pool, was); err != nil {
		return err
	}
	return relink(tx, f.pool, was, func() error { return addLink(tx, f.identity(was.Sub)) })
}

// identity is that of the assertion, as one of a user.
func (f *federated) identity(sub string) store.Identity {
	return store.Identity{
		PoolID: f.pool.ID, Provider: f.provider.Name, Value: f.assertion.Subject, Type: f.provider.Type, Sub: sub,
		Issuer: f.assertion.Issuer, Created: time.Now().UTC(),
	}
}

// UnlinkSelf takes an identity, by the provider's subject, from the user who has it and asks for that; one that is gone is no
// error. The identity that a user was made for stays, and so does the last one of a user who has no other way to sign in. It ends
// the user's browser logins but for the one with the ID login.
func (d *Directory) UnlinkSelf(ctx context.Context, p *pool.Pool, sub, provider, subject, login string) error {
	return d.db.Update(ctx, func(tx *store.Tx) error {
		i, err := tx.GetIdentity(p.ID, provider, "", subject)
		if isNotFound(err) || err == nil && i.Sub != sub {
			return nil
		}
		if err != nil {
			return err
		}
		was, err := tx.GetUser(p.ID, sub)
		if err != nil {
			return shown(err)
		}
		rows, err := tx.ListIdentities(p.ID, sub, 2)
		if err != nil {
			return err
		}
		if i.Own || len(rows) < 2 && was.Status == idp.UserStatusTypeExternalProvider {
			return errLastWay
		}
		return relink(tx, p, was, func() error { return dropIdentity(tx, i, login) })
	})
}

// linkByEmail links the identity of the assertion to the user whose e-mail address it tells, where the provider's details want
// that, and returns it; ErrNotFound when there is none. Both sides must know the address to be verified. The user must
// be the pool's own, without an identity: of what a provider has told of a user, another is no proof.
func (f *federated) linkByEmail(tx *store.Tx) (store.Identity, error) {
	u, err := f.addressee(tx)
	if err != nil {
		return store.Identity{}, err
	}
	err = f.link(tx, u)
	if known, ok := errors.AsType[*fault.Error](err); ok {
		err = refused("%s", known.Message)
	}
	return f.identity(u.Sub), err
}

// addressee is the user to whom linkByEmail links, or ErrNotFound.
func (f *federated) addressee(tx *store.Tx) (store.User, error) {
	if f.provider.Linking(f.pool) != pool.LinkByVerifiedEmail || f.values[attrEmail+verified] != "true" {
		return store.User{}, store.ErrNotFound
	}
	return f.ownerOf(tx, f.values[attrEmail])
}

// maxNamesakes is how many users with one e-mail address are looked at; with more, it is nobody's.
const maxNamesakes = 200

// ownerOf is the one user of the pool's own whose verified e-mail address it is, whom an administrator has made, and who has no
// identity; ErrNotFound when there is none, or more. Somebody else may have signed up with the address, and keeps the password
// when its owner, or what reads its mail, follows the link that confirms it.
func (f *federated) ownerOf(tx *store.Tx, email string) (owner store.User, err error) {
	if email == "" {
		return owner, store.ErrNotFound
	}
	users, _, err := tx.ListUsers(store.UserQuery{PoolID: f.pool.ID, Attribute: attrEmail, Op: "=", Value: email, Limit: maxNamesakes})
	if err != nil {
		return owner, err
	}
	owners := 0
	for _, u := range users {
		exact := !f.pool.CaseSensitive() || u.Attributes[attrEmail] == email
		if exact && u.Attributes[attrEmail+verified] == "true" {
			owner, owners = u, owners+1
		}
	}
	if owners != 1 || len(users) == maxNamesakes || owner.Attributes[attrIdentities] != "" || !ownStatus(owner.Status) {
		return store.User{}, store.ErrNotFound
	}
	e, err := extraOf(owner)
	if err == nil && e.SignedUp {
		err = store.ErrNotFound
	}
	return owner, err
}

// ownStatus reports whether a user of the pool's own has that status, who has been confirmed or invited.
func ownStatus(status string) bool {
	return status == idp.UserStatusTypeConfirmed || status == idp.UserStatusTypeForceChangePassword
}
