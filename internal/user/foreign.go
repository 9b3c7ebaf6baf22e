package user

import (
	"context"
	"strings"
	"unicode/utf8"

	"cognate/internal/passhash"
	"cognate/internal/pool"
	"cognate/internal/store"
)

// ProvePassword is CheckPassword for the password of an account, without one as for a user who does not exist. A hash of
// another system that the password fits is replaced by an SRP verifier at once, in a.Password and in the store.
func (d *Directory) ProvePassword(ctx context.Context, p *pool.Pool, a *Account, password string) (bool, error) {
	ok, err := d.fits(ctx, p, a.User, a.Password, password)
	if err != nil || !ok || !a.HasPassword {
		return false, err
	}
	if !a.Password.Foreign() {
		return true, nil
	}
	next := d.newPassword(p, a.User, password, a.Password.Temporary)
	next.Set = a.Password.Set // it is the same password still
	err = d.db.Update(ctx, func(tx *store.Tx) error {
		if err := unchangedPassword(tx, p, a.User.Sub, a.Password); err != nil {
			return err
		}
		return storePassword(tx, p, next)
	})
	if err == errWrongPassword {
		return true, nil // somebody has been quicker, with this password or a new one: that stays
	}
	if err != nil {
		return false, shown(err)
	}
	a.Password = next
	return true, nil
}

// fits reports whether a password is the one of a record, as [Directory.CheckPassword] does, or why it could not find out.
func (d *Directory) fits(ctx context.Context, p *pool.Pool, u store.User, w store.Password, password string) (bool, error) {
	if !w.Foreign() {
		return d.fitsVerifier(p, u, w, password), nil
	}
	algorithm, hash, err := d.foreignHash(w)
	if err != nil {
		return false, err
	}
	h, err := passhash.Parse(algorithm, hash)
	if err != nil || utf8.RuneCountInString(password) > maxPassword {
		return false, err
	}
	select {
	case d.slow <- struct{}{}:
		defer func() { <-d.slow }()
	case <-ctx.Done():
		return false, ctx.Err()
	}
	return h.Verify(password), nil
}

// foreignHash opens the hash of another system.
func (d *Directory) foreignHash(w store.Password) (algorithm, hash string, err error) {
	text, err := d.keys.Open(w.Sealed, foreignAAD(w.PoolID, w.Sub))
	algorithm, hash, _ = strings.Cut(string(text), " ")
	return algorithm, hash, err
}

// foreignAAD binds the hash of another system to its user.
func foreignAAD(poolID, sub string) string { return "password-hash/" + poolID + "/" + sub }
