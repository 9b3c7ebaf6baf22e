package user

import (
	"cmp"
	"errors"

	"cognate/api/idp"
	"cognate/internal/fault"
	"cognate/internal/pool"
	"cognate/internal/store"
)

// owned is the look-up key under which a user signs in with an attribute; empty when the user does not.
// Where addresses are user names, any address counts; as an alias, only a verified one does, and a
// preferred name counts once the user is confirmed.
func owned(p *pool.Pool, u store.User, attr string) string {
	value := u.Attributes[attr]
	switch {
	case value == "" || madeFor(p, u) && p.UsernameAttribute(attr):
		return ""
	case p.UsernameAttribute(attr):
		return p.Key(value)
	case !p.Alias(attr):
		return ""
	case attr == attrPreferred && u.Status != idp.UserStatusTypeUnconfirmed:
		return p.Key(value)
	case u.Attributes[attr+verified] == "true":
		return p.Key(value)
	}
	return ""
}

// madeFor reports whether a user has been made for an identity provider, in a pool where addresses are user names, and has
// had no other way to sign in since: its address is no name of its own, and in nobody's way who signs up with it.
func madeFor(p *pool.Pool, u store.User) bool {
	return p.HasUsernameAttributes() && u.Username != u.Sub && u.Status == idp.UserStatusTypeExternalProvider
}

// conflict says that another user signs in with the value of an attribute.
type conflict struct{ attr string }

func (c conflict) Error() string { return "another user has this " + c.attr }

// syncAliases moves the sign-in names from what a user was to what the user is. With force, an address that
// another user has as an alias is taken over, and is no longer verified there; otherwise it is a conflict.
func syncAliases(tx *store.Tx, p *pool.Pool, was, is store.User, force bool) error {
	for _, attr := range signInAttributes {
		old, now := owned(p, was, attr), owned(p, is, attr)
		if old == now {
			continue
		}
		if old != "" {
			if err := tx.DeleteAlias(p.ID, attr, is.Sub); err != nil {
				return err
			}
		}
		if now != "" {
			if err := claim(tx, p, attr, now, is.Sub, force); err != nil {
				return err
			}
		}
	}
	return nil
}

// syncFreeAliases is syncAliases for names that are not worth a failure: those that another user has stay there.
func syncFreeAliases(tx *store.Tx, p *pool.Pool, was, is store.User) error {
	for _, attr := range signInAttributes {
		old, now := owned(p, was, attr), owned(p, is, attr)
		if old == now {
			continue
		}
		if old != "" {
			if err := tx.DeleteAlias(p.ID, attr, is.Sub); err != nil {
				return err
			}
		}
		if now == "" {
			continue
		}
		err := claim(tx, p, attr, now, is.Sub, false)
		if _, taken := errors.AsType[conflict](err); err != nil && !taken {
			return err
		}
	}
	return nil
}

// claim gives a sign-in name to a user. No name means two users: it is neither another's user name or sub,
// nor another's alias, of whichever attribute. A verified address is stronger than a preferred name, which
// anybody can make up: with force it takes the name away.
func claim(tx *store.Tx, p *pool.Pool, attr, key, sub string, force bool) error {
	if free, err := isFree(tx, p, key, sub); err != nil || !free {
		return cmp.Or(err, error(conflict{attr}))
	}
	for _, other := range signInAttributes {
		owner, err := tx.GetAlias(p.ID, other, key)
		if isNotFound(err) || other == attr || owner == sub {
			continue
		}
		if err != nil {
			return err
		}
		if !force || other != attrPreferred {
			return conflict{attr}
		}
		if err := tx.DeleteAlias(p.ID, other, owner); err != nil {
			return err
		}
	}
	err := tx.SetAlias(p.ID, attr, key, sub)
	if !errors.Is(err, store.ErrExists) {
		return err
	}
	if !force || p.UsernameAttribute(attr) || attr == attrPreferred {
		return conflict{attr}
	}
	if err := unverify(tx, p, attr, key); err != nil {
		return err
	}
	return tx.MoveAlias(p.ID, attr, key, sub)
}

// isFree reports whether no other user than sub is named, or identified, by key.
func isFree(tx *store.Tx, p *pool.Pool, key, sub string) (bool, error) {
	for _, get := range []func(poolID, key string) (store.User, error){tx.GetUserByUsername, tx.GetUser} {
		u, err := get(p.ID, key)
		if err == nil && u.Sub != sub {
			return false, nil
		}
		if err != nil && !isNotFound(err) {
			return false, err
		}
	}
	return true, nil
}

// unverify marks the address of an alias's owner as not verified any more.
func unverify(tx *store.Tx, p *pool.Pool, attr, key string) error {
	u, err := tx.GetUserByAlias(p.ID, attr, key)
	if err != nil {
		return err
	}
	u.Attributes[attr+verified] = "false"
	return tx.UpdateUser(u)
}

// aliasExists is the fault of a conflict when a user who exists takes a name.
func aliasExists(p *pool.Pool, err error) error {
	c, ok := errors.AsType[conflict](err)
	if !ok {
		return err
	}
	if p.UsernameAttribute(c.attr) {
		return fault.Newf(idp.CodeAliasExists, "An account with the given %s already exists.", c.attr)
	}
	return fault.Newf(idp.CodeAliasExists, "An account with the %s already exists.", c.attr)
}

// usernameExists is the fault of a conflict when a user is created, or of a pool that is gone.
func usernameExists(p *pool.Pool, err error, text string) error {
	if errors.Is(err, store.ErrExists) {
		return fault.New(idp.CodeUsernameExists, text)
	}
	if isNotFound(err) {
		return fault.Newf(idp.CodeResourceNotFound, "User pool %s does not exist.", p.ID)
	}
	c, ok := errors.AsType[conflict](err)
	if ok && p.UsernameAttribute(c.attr) {
		return fault.Newf(idp.CodeUsernameExists, "An account with the given %s already exists.", c.attr)
	}
	return aliasExists(p, err)
}
