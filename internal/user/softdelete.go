package user

import (
	"context"
	"errors"
	"slices"
	"time"

	"cognate/api/idp"
	"cognate/internal/fault"
	"cognate/internal/pool"
	"cognate/internal/store"
)

// SoftDelete deletes a user as [Directory.AdminDelete] does, and keeps for a time what [Directory.Restore] brings back: all but sessions
// and codes that were sent, and of more than a hundred devices those that were last used. The names are free meanwhile.
func (d *Directory) SoftDelete(ctx context.Context, p *pool.Pool, name string, keep time.Duration) (row store.DeletedUser, err error) {
	u, err := d.Find(ctx, p, name)
	if err != nil {
		return row, err
	}
	now := time.Now().UTC().Truncate(time.Millisecond)
	row = store.DeletedUser{PoolID: p.ID, Sub: u.Sub, Username: u.Username, Deleted: now, Purge: now.Add(keep)}
	err = d.db.Update(ctx, func(tx *store.Tx) error { return tx.SoftDeleteUser(row, purposeRecovery) })
	return row, shown(err)
}

// Restore brings a soft-deleted user back, unless another has one of its names or its accounts at identity providers: then it
// stays deleted, with an AliasExistsException or a UsernameExistsException. Attributes and groups that the pool no longer has
// are left out.
func (d *Directory) Restore(ctx context.Context, p *pool.Pool, sub string) error {
	err := d.db.Update(ctx, func(tx *store.Tx) error { return restore(tx, p, sub) })
	if isNotFound(err) {
		return fault.New(idp.CodeUserNotFound, "Deleted user does not exist.")
	}
	return usernameExists(p, err, "User already exists")
}

func restore(tx *store.Tx, p *pool.Pool, sub string) error {
	if err := checkRules(tx, p); err != nil {
		return err
	}
	u, err := tx.TakeDeletedUser(p.ID, sub)
	if err != nil {
		return err
	}
	for name := range u.Attributes {
		if _, ok := p.Attribute(name); !ok {
			delete(u.Attributes, name)
		}
	}
	u.UsernameKey = p.Key(u.Username)
	if err := freeToRestore(tx, p, &u); err != nil {
		return err
	}
	u.Groups, err = kept(u.Groups, func(name string) error { _, err := tx.GetGroup(p.ID, name); return err })
	if err != nil {
		return err
	}
	return tx.CreateUsers([]store.WholeUser{u})
}

// kept are those of names that get finds.
func kept(names []string, get func(string) error) (found []string, err error) {
	for _, name := range names {
		switch err := get(name); {
		case err == nil:
			found = append(found, name)
		case !isNotFound(err):
			return nil, err
		}
	}
	return found, nil
}

// freeToRestore makes sure that nobody else has what is a user's alone, and gives the user the aliases that follow from its
// attributes. Those that were never its own, for another user had them first, stay out of it.
func freeToRestore(tx *store.Tx, p *pool.Pool, u *store.WholeUser) error {
	if free, err := isFree(tx, p, u.UsernameKey, u.Sub); err != nil || !free {
		return errors.Join(err, store.ErrExists)
	}
	had, keys := u.Aliases, []string{u.UsernameKey, u.Sub}
	u.Aliases = nil
	for _, attr := range signInAttributes {
		key := owned(p, u.User, attr)
		wasName := slices.ContainsFunc(had, func(a store.Alias) bool { return a.Attribute == attr })
		if key == "" || u.Status == idp.UserStatusTypeExternalProvider && !wasName {
			continue
		}
		u.Aliases = append(u.Aliases, store.Alias{Attribute: attr, Key: key})
		keys = append(keys, key)
	}
	owners, err := tx.NameOwners(p.ID, keys)
	if err != nil {
		return err
	}
	if len(owners[u.UsernameKey]) > 0 || len(owners[u.Sub]) > 0 {
		return store.ErrExists
	}
	for _, a := range u.Aliases {
		if len(owners[a.Key]) > 0 {
			return conflict{a.Attribute}
		}
	}
	for _, i := range u.Identities {
		if _, err := tx.GetIdentity(p.ID, i.Provider, i.Attribute, i.Value); err == nil {
			return fault.Newf(idp.CodeAliasExists, "Another user has the account at %s.", i.Provider)
		} else if !isNotFound(err) {
			return err
		}
	}
	return nil
}

// ListSoftDeleted returns up to limit soft-deleted users of a pool with subs after after, in the order of their subs, and the sub to go
// on after, "" at the end.
func (d *Directory) ListSoftDeleted(ctx context.Context, p *pool.Pool, after string, limit int) (rows []store.DeletedUser, next string, err error) {
	err = d.db.View(ctx, func(tx *store.Tx) (err error) {
		rows, err = tx.ListDeletedUsers(p.ID, after, limit+1)
		return err
	})
	if len(rows) > limit {
		rows = rows[:limit]
		next = rows[limit-1].Sub
	}
	return rows, next, err
}
