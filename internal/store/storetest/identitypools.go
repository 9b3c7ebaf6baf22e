package storetest

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"cognate/internal/store"
)

func newIdentityPool(id string) store.IdentityPool {
	return store.IdentityPool{ID: id, Region: "eu-west-1", Name: "name of " + id, Settings: []byte(`{"a":1}`), Created: day(0), Modified: day(1)}
}

func newPoolIdentity(pool, id string) store.PoolIdentity {
	return store.PoolIdentity{ID: id, PoolID: pool, Enabled: true, Created: day(0), Modified: day(1)}
}

func newIdentityLogin(pool, identity, provider, user string) store.IdentityLogin {
	return store.IdentityLogin{PoolID: pool, Provider: provider, UserID: user, IdentityID: identity, Created: day(0)}
}

// ofDeveloper is the login at the pool's own provider of that name.
func ofDeveloper(l store.IdentityLogin) store.IdentityLogin {
	l.Developer = true
	return l
}

func testIdentityPools(t *testing.T, db *store.DB) {
	p := newIdentityPool("b")
	create := func(p store.IdentityPool) error {
		return try(db, func(tx *store.Tx) error { return tx.CreateIdentityPool(p) })
	}
	is(t, "create", create(p), nil)
	is(t, "create again", create(p), store.ErrExists)
	is(t, "create another", errors.Join(create(newIdentityPool("B")), create(newIdentityPool("a"))), nil)
	p.Name, p.Settings, p.Modified = "new", []byte(`{}`), day(7)
	changed := p
	changed.Region, changed.Created = "elsewhere", day(8) // which stay
	update(t, db, func(tx *store.Tx) error { return tx.UpdateIdentityPool(changed) })
	view(t, db, func(tx *store.Tx) error {
		got, err := tx.GetIdentityPool("b")
		same(t, "identity pool", got, p)
		other, err2 := tx.GetIdentityPool("a")
		same(t, "another identity pool", other, newIdentityPool("a"))
		ids, err3 := pages(func(after string) ([]store.IdentityPool, error) { return tx.ListIdentityPools(after, 2) },
			func(p store.IdentityPool) string { return p.ID })
		same(t, "identity pools", ids, []string{"B", "a", "b"})
		n, err4 := tx.CountIdentityPools()
		same(t, "count", n, 3)
		none, err5 := tx.ListIdentityPools("", -1)
		same(t, "none", len(none), 0)
		return errors.Join(err, err2, err3, err4, err5)
	})
	update(t, db, func(tx *store.Tx) error { return tx.DeleteIdentityPool("b") })
	is(t, "delete again", try(db, func(tx *store.Tx) error { return tx.DeleteIdentityPool("b") }), store.ErrNotFound)
	is(t, "update what is gone", try(db, func(tx *store.Tx) error { return tx.UpdateIdentityPool(p) }), store.ErrNotFound)
	view(t, db, func(tx *store.Tx) error {
		_, none := tx.GetIdentityPool("b")
		is(t, "get what is gone", none, store.ErrNotFound)
		return nil
	})
}

// twoIdentityPools makes the pools p and q; p has the identities a, b and c, of which b is not enabled.
func twoIdentityPools(t *testing.T, db *store.DB) {
	t.Helper()
	update(t, db, func(tx *store.Tx) error {
		disabled := newPoolIdentity("p", "b")
		disabled.Enabled = false
		return errors.Join(tx.CreateIdentityPool(newIdentityPool("p")), tx.CreateIdentityPool(newIdentityPool("q")),
			tx.CreatePoolIdentity(newPoolIdentity("p", "c")), tx.CreatePoolIdentity(disabled),
			tx.CreatePoolIdentity(newPoolIdentity("p", "a")), tx.CreatePoolIdentity(newPoolIdentity("q", "ab")))
	})
}

func testPoolIdentities(t *testing.T, db *store.DB) {
	create := func(pool, id string) error {
		return try(db, func(tx *store.Tx) error { return tx.CreatePoolIdentity(newPoolIdentity(pool, id)) })
	}
	is(t, "create without a pool", create("none", "x"), store.ErrNotFound)
	twoIdentityPools(t, db)
	is(t, "create again", create("p", "a"), store.ErrExists)
	is(t, "create again in another pool", create("q", "a"), store.ErrExists)
	poolIdentities(t, db, []string{"a", "b", "c"}, []string{"a", "c"})

	update(t, db, func(tx *store.Tx) error {
		moved := store.PoolIdentity{ID: "a", PoolID: "q", Created: day(5), Modified: day(4)}
		return tx.UpdatePoolIdentity(moved)
	})
	view(t, db, func(tx *store.Tx) error {
		got, err := tx.GetPoolIdentity("a")
		same(t, "identity", got, store.PoolIdentity{ID: "a", PoolID: "p", Created: day(0), Modified: day(4)})
		_, none := tx.GetPoolIdentity("A")
		is(t, "get by another case", none, store.ErrNotFound)
		return err
	})
	poolIdentities(t, db, []string{"a", "b", "c"}, []string{"c"})
	update(t, db, func(tx *store.Tx) error { return tx.DeletePoolIdentity("b") })
	is(t, "delete again", try(db, func(tx *store.Tx) error { return tx.DeletePoolIdentity("b") }), store.ErrNotFound)
	is(t, "update what is gone", try(db, func(tx *store.Tx) error { return tx.UpdatePoolIdentity(newPoolIdentity("p", "b")) }), store.ErrNotFound)
	poolIdentities(t, db, []string{"a", "c"}, []string{"c"})
}

// poolIdentities checks those of the pool p, page by page.
func poolIdentities(t *testing.T, db *store.DB, all, enabled []string) {
	t.Helper()
	view(t, db, func(tx *store.Tx) error {
		id := func(i store.PoolIdentity) string { return i.ID }
		got, err := pages(func(after string) ([]store.PoolIdentity, error) { return tx.ListPoolIdentities("p", after, 1) }, id)
		same(t, "identities", got, all)
		got, err2 := pages(func(after string) ([]store.PoolIdentity, error) { return tx.ListEnabledPoolIdentities("p", after, 1) }, id)
		same(t, "enabled identities", got, enabled)
		none, err3 := tx.ListPoolIdentities("p", "", 0)
		same(t, "none", len(none), 0)
		return errors.Join(err, err2, err3)
	})
}

// testIdentityLogins wants each user of a provider to be one identity of a pool, compared to the letter.
func testIdentityLogins(t *testing.T, db *store.DB) {
	create := func(l store.IdentityLogin) error {
		return try(db, func(tx *store.Tx) error { return tx.CreateIdentityLogin(l) })
	}
	twoIdentityPools(t, db)
	ann := newIdentityLogin("p", "a", "idp", "Ann")
	mine := ofDeveloper(ann)
	long := newIdentityLogin("p", "a", "jdp", strings.Repeat("\u20ac", 1024))
	longer := newIdentityLogin("p", "c", "jdp", long.UserID+"!")
	for _, l := range []store.IdentityLogin{ann, mine, long, longer, newIdentityLogin("q", "ab", "idp", "Ann")} {
		is(t, fmt.Sprint("create ", l.Provider, l.Developer, l.PoolID), create(l), nil)
	}
	is(t, "create for nobody", create(newIdentityLogin("p", "none", "idp", "x")), store.ErrNotFound)
	is(t, "create for an identity of another pool", create(newIdentityLogin("p", "ab", "idp", "x")), store.ErrNotFound)
	again := ann
	again.IdentityID = "c"
	is(t, "create again for another", create(again), store.ErrExists)
	is(t, "create in another case", create(newIdentityLogin("p", "c", "idp", "ann")), nil)

	logins(t, db, "a", ann, long, mine)
	view(t, db, func(tx *store.Tx) error {
		for _, want := range []store.IdentityLogin{ann, mine, long, longer} {
			got, err := tx.GetIdentityLogin(store.IdentityLogin{PoolID: "p", Developer: want.Developer, Provider: want.Provider, UserID: want.UserID})
			same(t, "login", got, want)
			if err != nil {
				return err
			}
		}
		_, none := tx.GetIdentityLogin(newIdentityLogin("p", "", "idp", "ANN"))
		is(t, "get another", none, store.ErrNotFound)
		few, err := tx.ListLoginsOfIdentities("p", "a", "c")
		same(t, "logins of some", few, []store.IdentityLogin{newIdentityLogin("p", "c", "idp", "ann"), longer})
		all, err2 := tx.ListLoginsOfIdentities("p", "", "a")
		same(t, "logins of others", all, []store.IdentityLogin{ann, long, mine})
		return errors.Join(err, err2)
	})
	changedLogins(t, db, ann, mine, long)
}

// changedLogins deletes and moves logins of the identity a, which has these.
func changedLogins(t *testing.T, db *store.DB, ann, mine, long store.IdentityLogin) {
	t.Helper()
	update(t, db, func(tx *store.Tx) error { return tx.DeleteIdentityLogin(ann) })
	is(t, "delete again", try(db, func(tx *store.Tx) error { return tx.DeleteIdentityLogin(ann) }), store.ErrNotFound)
	logins(t, db, "a", long, mine)
	update(t, db, func(tx *store.Tx) error { return tx.MoveIdentityLogins("p", "a", "b") })
	logins(t, db, "a")
	mine.IdentityID, long.IdentityID = "b", "b"
	logins(t, db, "b", long, mine)
	is(t, "move to nobody", try(db, func(tx *store.Tx) error { return tx.MoveIdentityLogins("p", "b", "none") }), store.ErrNotFound)
	update(t, db, func(tx *store.Tx) error { return tx.DeletePoolIdentity("b") })
	logins(t, db, "b")
	view(t, db, func(tx *store.Tx) error {
		_, none := tx.GetIdentityLogin(mine)
		is(t, "the login of a deleted identity", none, store.ErrNotFound)
		return nil
	})
}

func logins(t *testing.T, db *store.DB, identity string, want ...store.IdentityLogin) {
	t.Helper()
	view(t, db, func(tx *store.Tx) error {
		got, err := tx.ListIdentityLogins("p", identity)
		same(t, "logins of "+identity, got, want)
		i, together, err2 := tx.GetIdentityAndLogins(identity)
		if errors.Is(err2, store.ErrNotFound) {
			_, err2 = tx.GetPoolIdentity(identity)
			is(t, "get none with its logins", err2, store.ErrNotFound)
			return err
		}
		alone, err3 := tx.GetPoolIdentity(identity)
		same(t, "identity with its logins", i, alone)
		slices.SortFunc(together, func(a, b store.IdentityLogin) int { return slices.Index(want, a) - slices.Index(want, b) })
		same(t, "logins with their identity", together, want)
		return errors.Join(err, err2, err3)
	})
}

// testDeleteIdentityPool wants nothing of a pool to be left, and nothing of another to be gone.
func testDeleteIdentityPool(t *testing.T, db *store.DB) {
	twoIdentityPools(t, db)
	update(t, db, func(tx *store.Tx) error {
		return errors.Join(tx.CreateIdentityLogin(newIdentityLogin("p", "a", "idp", "x")), tx.CreateIdentityLogin(newIdentityLogin("q", "ab", "idp", "x")))
	})
	update(t, db, func(tx *store.Tx) error { return tx.DeleteIdentityPool("p") })
	left := rows(t, db)
	for _, table := range []string{"identity_pools", "pool_identities", "identity_logins"} {
		same(t, "rows of "+table, left[table], 1)
	}
	view(t, db, func(tx *store.Tx) error {
		_, err := tx.GetIdentityLogin(newIdentityLogin("q", "", "idp", "x"))
		return err
	})
}

func testOpenIDKeys(t *testing.T, db *store.DB) {
	first := store.OpenIDKey{KID: "eu-west-1-1", Sealed: []byte{1, 2}, Public: []byte{3}, Created: day(1)}
	create := func(k store.OpenIDKey) error {
		return try(db, func(tx *store.Tx) error { return tx.CreateOpenIDKey(k) })
	}
	is(t, "create", create(first), nil)
	other := first
	other.Sealed, other.Created = []byte{9}, day(2)
	is(t, "create again", create(other), store.ErrExists)
	other.KID = "eu-west-1-2"
	is(t, "create another", create(other), nil)
	view(t, db, func(tx *store.Tx) error {
		got, err := tx.GetOpenIDKey(first.KID)
		same(t, "key", got, first)
		_, none := tx.GetOpenIDKey("eu-west-1-3")
		is(t, "get none", none, store.ErrNotFound)
		return err
	})
}
