package storetest

import (
	"errors"
	"testing"

	"cognate/internal/store"
)

func testAccessKeys(t *testing.T, db *store.DB) {
	k := store.AccessKey{ID: "b", Name: "name", Sealed: []byte{0, 1, 255}, Policy: `{"a":1}`, Enabled: true, Created: day(0)}
	other := k
	other.ID, other.Enabled = "B", false
	create := func(k store.AccessKey) error {
		return try(db, func(tx *store.Tx) error { return tx.CreateAccessKey(k) })
	}
	is(t, "create", errors.Join(create(k), create(other)), nil)
	is(t, "create again", create(k), store.ErrExists)
	k.Policy, k.Enabled = `{}`, false
	changed := k
	changed.Name, changed.Sealed, changed.Created = "new", nil, day(1) // which stay
	update(t, db, func(tx *store.Tx) error { return tx.UpdateAccessKey(changed) })
	view(t, db, func(tx *store.Tx) error {
		got, err := tx.GetAccessKey("b")
		same(t, "access key", got, k)
		all, err2 := tx.ListAccessKeys()
		same(t, "access keys", all, []store.AccessKey{other, k})
		_, none := tx.GetAccessKey("c")
		is(t, "get what is not there", none, store.ErrNotFound)
		return errors.Join(err, err2)
	})
	update(t, db, func(tx *store.Tx) error { return tx.DeleteAccessKey("b") })
	is(t, "delete again", try(db, func(tx *store.Tx) error { return tx.DeleteAccessKey("b") }), store.ErrNotFound)
	is(t, "update what is gone", try(db, func(tx *store.Tx) error { return tx.UpdateAccessKey(k) }), store.ErrNotFound)
}

func testRoles(t *testing.T, db *store.DB) {
	put := func(r store.Role) { update(t, db, func(tx *store.Tx) error { return tx.PutRole(r) }) }
	a, b := store.Role{ARN: "a", Policy: `{"a":1}`, Modified: day(0)}, store.Role{ARN: "b", Policy: `{}`, Modified: day(1)}
	put(b)
	put(a)
	a.Policy, a.Modified = `{"a":2}`, day(2)
	put(a)
	view(t, db, func(tx *store.Tx) error {
		all, err := tx.ListRoles()
		same(t, "roles", all, []store.Role{a, b})
		return err
	})
	update(t, db, func(tx *store.Tx) error { return tx.DeleteRole("b") })
	is(t, "delete again", try(db, func(tx *store.Tx) error { return tx.DeleteRole("b") }), store.ErrNotFound)
}
