package user

import (
	"context"
	"encoding/hex"
	"strings"

	"cognate/internal/pool"
	"cognate/internal/store"
)

// Account is whom an attempt to sign in names, as far as there is one: for a name that nobody has, all but
// its Subject is empty.
type Account struct {
	store.SignIn
	Subject string // what failures count against

	// seen is how many failures this process had counted before the account was read, and one more: while
	// it has counted no other, Failed still holds. 0: it has not been read.
	seen uint64
}

// Exists reports whether there is such a user.
func (a *Account) Exists() bool { return a.User.Sub != "" }

// SignIn returns the account that a sign-in name means. A sub is no sign-in name, except where it is the
// user name.
func (d *Directory) SignIn(ctx context.Context, p *pool.Pool, name string) (Account, error) {
	a, err := d.account(ctx, d.db.Look, func(tx *store.Tx) (store.SignIn, error) {
		return tx.GetSignInByUsername(p.ID, p.Key(name))
	})
	if isNotFound(err) {
		a, err = d.account(ctx, d.db.View, func(tx *store.Tx) (store.SignIn, error) {
			sub, err := aliasOwner(tx, p, name)
			if err != nil {
				return store.SignIn{}, err
			}
			return tx.GetSignIn(p.ID, sub)
		})
	}
	return a, shown(err)
}

// SignInBySub is SignIn for a user whose sub is known.
func (d *Directory) SignInBySub(ctx context.Context, p *pool.Pool, sub string) (Account, error) {
	a, err := d.account(ctx, d.db.Look, func(tx *store.Tx) (store.SignIn, error) { return tx.GetSignIn(p.ID, sub) })
	return a, shown(err)
}

type transaction func(context.Context, func(*store.Tx) error) error

func (d *Directory) account(ctx context.Context, in transaction, read func(*store.Tx) (store.SignIn, error)) (a Account, err error) {
	a.seen = d.failures.Load() + 1
	err = in(ctx, func(tx *store.Tx) error {
		a.SignIn, err = read(tx)
		return err
	})
	a.Subject = a.User.Sub
	return a, err
}

// Write runs a write of the sign-in machine in an Update of its own.
func (d *Directory) Write(ctx context.Context, write func(*store.Tx) error) error {
	return d.db.Update(ctx, write)
}

// Unknown is the account of a name that nobody has: it locks as any other does.
func (d *Directory) Unknown(p *pool.Pool, name string) Account {
	return Account{Subject: d.unknownSubject(p, name)}
}

// unknownSubject is what failures count against for a name that nobody has. It is as long as a sub.
func (d *Directory) unknownSubject(p *pool.Pool, name string) string {
	return stranger + hex.EncodeToString(d.keys.MAC("unknown-user", p.ID, p.Key(d.InventedName(p, name))))[:35]
}

// stranger begins the subjects that are no user's.
const stranger = "?"

func isStranger(subject string) bool { return strings.HasPrefix(subject, stranger) }
