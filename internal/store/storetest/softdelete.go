package storetest

import (
	"errors"
	"testing"
	"time"

	"cognate/internal/store"
)

func deletedPool(id string, n int) store.DeletedPool {
	return store.DeletedPool{ID: id, Region: newPool(id).Region, Name: newPool(id).Name, Deleted: day(n), Purge: day(n + 1)}
}

// testSoftDeletePools hides pools, shows one again, and lets time delete the others.
func testSoftDeletePools(t *testing.T, db *store.DB) {
	people(t, db)
	update(t, db, func(tx *store.Tx) error {
		return errors.Join(tx.CreatePool(newPool("q")), tx.CreatePool(newPool("r")), tx.CreatePool(newPool("s")))
	})
	for i, id := range []string{"p", "q", "r"} {
		update(t, db, func(tx *store.Tx) error { return tx.SoftDeletePool(deletedPool(id, i)) })
	}
	is(t, "twice", try(db, func(tx *store.Tx) error { return tx.SoftDeletePool(deletedPool("p", 1)) }), store.ErrNotFound)
	is(t, "none", try(db, func(tx *store.Tx) error { return tx.SoftDeletePool(deletedPool("x", 1)) }), store.ErrNotFound)
	is(t, "in use", try(db, func(tx *store.Tx) error { return tx.CreatePool(newPool("p")) }), store.ErrExists)
	view(t, db, func(tx *store.Tx) error {
		_, none := tx.GetPool("p")
		is(t, "a hidden pool", none, store.ErrNotFound)
		_, none = tx.PoolRules("p")
		is(t, "its rules", none, store.ErrNotFound)
		live, err := tx.ListPools("", 9)
		same(t, "pools", live, []store.Pool{newPool("s")})
		hidden, err2 := tx.ListDeletedPools("", "", 2)
		same(t, "hidden pools", hidden, []store.DeletedPool{deletedPool("p", 0), deletedPool("q", 1)})
		hidden, err3 := tx.ListDeletedPools("", "q", 2)
		same(t, "those after", hidden, []store.DeletedPool{deletedPool("r", 2)})
		here, err5 := tx.ListDeletedPools(newPool("p").Region, "", 9)
		same(t, "those of a region", len(here), 3)
		elsewhere, err6 := tx.ListDeletedPools("af-south-9", "", 9)
		same(t, "those of another region", len(elsewhere), 0)
		served, err7 := tx.ListPoolsIn(newPool("s").Region, "", 9)
		same(t, "those that a region serves", served, []store.Pool{newPool("s")})
		one, err4 := tx.GetDeletedPool("r")
		same(t, "one", one, deletedPool("r", 2))
		_, none = tx.GetDeletedPool("s")
		is(t, "one that is not", none, store.ErrNotFound)
		return errors.Join(err, err2, err3, err4, err5, err6, err7)
	})
	update(t, db, func(tx *store.Tx) error { return tx.RestorePool("q") })
	is(t, "restored again", try(db, func(tx *store.Tx) error { return tx.RestorePool("q") }), store.ErrNotFound)
	if _, err := db.Sweep(t.Context(), day(2), 9); err != nil {
		t.Fatal(err)
	}
	view(t, db, func(tx *store.Tx) error {
		live, err := tx.ListPools("", 9)
		same(t, "pools", live, []store.Pool{newPool("q"), newPool("s")})
		hidden, err2 := tx.ListDeletedPools("", "", 9)
		same(t, "hidden pools", hidden, []store.DeletedPool{deletedPool("r", 2)})
		_, none := tx.GetUser("p", "a")
		is(t, "a user of a purged pool", none, store.ErrNotFound)
		return errors.Join(err, err2)
	})
}

// testSoftDeleteUsers deletes users and brings one back, whole.
func testSoftDeleteUsers(t *testing.T, db *store.DB) {
	update(t, db, func(tx *store.Tx) error {
		return errors.Join(tx.CreatePool(newPool("p")), tx.CreateGroup(newGroup("p", "g")), tx.CreateGroup(newGroup("p", "h")),
			tx.CreateUsers([]store.WholeUser{wholeUser(1), wholeUser(2), wholeUser(3)}))
	})
	gone := func(n int, purge time.Time) store.DeletedUser {
		u := wholeUser(n)
		return store.DeletedUser{PoolID: "p", Sub: u.Sub, Username: u.Username, Deleted: day(1), Purge: purge}
	}
	for n := 1; n <= 3; n++ {
		update(t, db, func(tx *store.Tx) error { return tx.SoftDeleteUser(gone(n, day(n)), "kept") })
	}
	is(t, "twice", try(db, func(tx *store.Tx) error { return tx.SoftDeleteUser(gone(1, day(9)), "kept") }), store.ErrNotFound)
	view(t, db, func(tx *store.Tx) error {
		_, none := tx.GetUser("p", "sub001")
		is(t, "a deleted user", none, store.ErrNotFound)
		list, err := tx.ListDeletedUsers("p", "sub001", 1)
		same(t, "deleted users", list, []store.DeletedUser{gone(2, day(2))})
		list, err2 := tx.ListDeletedUsers("q", "", 9)
		same(t, "in another pool", len(list), 0)
		return errors.Join(err, err2)
	})
	if _, err := db.Sweep(t.Context(), day(1).Add(time.Second), 9); err != nil {
		t.Fatal(err)
	}
	_, err := takeDeleted(db, "sub001")
	is(t, "a purged user", err, store.ErrNotFound)
	got, err := takeDeleted(db, "sub002")
	is(t, "restore", err, nil)
	same(t, "alias", got.Aliases, []store.Alias{{Attribute: "email"}})
	update(t, db, func(tx *store.Tx) error { return tx.CreateUsers([]store.WholeUser{got}) })
	view(t, db, func(tx *store.Tx) error {
		list, err := tx.ListWholeUsers("p", "", "kept", 9)
		want := wholeUser(2)
		want.Aliases[0].Key = "" // is not told
		same(t, "restored", list, []store.WholeUser{want})
		return err
	})
	_, err = takeDeleted(db, "sub002")
	is(t, "again", err, store.ErrNotFound)
	update(t, db, func(tx *store.Tx) error {
		return errors.Join(tx.CreateUsers([]store.WholeUser{wholeUser(3)}), tx.SoftDeleteUser(gone(3, day(7)), "kept"))
	})
	view(t, db, func(tx *store.Tx) error {
		list, err := tx.ListDeletedUsers("p", "", 9)
		same(t, "one who was deleted again", list, []store.DeletedUser{gone(3, day(7))})
		return err
	})
	update(t, db, func(tx *store.Tx) error { return tx.DeletePool("p") })
	same(t, "left of a deleted pool", rows(t, db)["deleted_users"], 0)
}

func takeDeleted(db *store.DB, sub string) (u store.WholeUser, err error) {
	err = try(db, func(tx *store.Tx) (err error) {
		u, err = tx.TakeDeletedUser("p", sub)
		return err
	})
	return u, err
}
