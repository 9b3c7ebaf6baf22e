package storetest

import (
	"errors"
	"testing"
	"time"

	"cognate/internal/store"
)

// newPasskey has not been used yet.
func newPasskey(pool, sub, id string) store.Passkey {
	return store.Passkey{
		PoolID: pool, ID: id, Sub: sub, RelyingParty: "example.com", PublicKey: []byte{0xa5, 0, 255},
		Attachment: "platform", Transports: "hybrid internal", Flags: 0xff, SignCount: 0, Created: day(0),
	}
}

func passkeyID(p store.Passkey) string { return p.ID }

func testPasskeys(t *testing.T, db *store.DB) {
	k := newPasskey("p", "a", "k")
	is(t, "create without a user", try(db, func(tx *store.Tx) error { return tx.CreatePasskey(k) }), store.ErrNotFound)
	people(t, db)
	update(t, db, func(tx *store.Tx) error {
		return errors.Join(tx.CreatePool(newPool("q")), tx.CreateUser(newUser("q", "a")),
			tx.CreatePasskey(k), tx.CreatePasskey(newPasskey("q", "a", "k")))
	})
	is(t, "the same for another user", try(db, func(tx *store.Tx) error { return tx.CreatePasskey(newPasskey("p", "b", "k")) }), store.ErrExists)
	onlyPasskey(t, db, k)

	changed := k
	changed.Flags, changed.SignCount, changed.LastUsed = 5, 1<<32-2, day(3)
	k = changed
	changed.RelyingParty, changed.Created = "other", day(9)
	use := func(k store.Passkey) error { return try(db, func(tx *store.Tx) error { return tx.UsePasskey(k) }) }
	is(t, "use", use(changed), nil)
	onlyPasskey(t, db, k)
	onlyPasskey(t, db, newPasskey("q", "a", "k"))

	is(t, "use with the same count", use(changed), store.ErrNotFound)
	changed.SignCount, changed.PublicKey = 1<<32-1, []byte{1}
	is(t, "use one with another key", use(changed), store.ErrNotFound)
	changed.PublicKey, changed.Sub = k.PublicKey, "b"
	is(t, "use another's", use(changed), store.ErrNotFound)
	is(t, "use one that is not there", use(newPasskey("p", "a", "x")), store.ErrNotFound)
	onlyPasskey(t, db, k)
	is(t, "delete another's", try(db, func(tx *store.Tx) error { return tx.DeletePasskey("p", "b", "k") }), store.ErrNotFound)
	update(t, db, func(tx *store.Tx) error { return tx.DeletePasskey("p", "a", "k") })
	view(t, db, func(tx *store.Tx) error {
		none, err := tx.ListPasskeys("p", "a", "", 9)
		same(t, "after the only one was deleted", len(none), 0)
		return err
	})
	onlyPasskey(t, db, newPasskey("q", "a", "k"))
}

// onlyPasskey wants a user to have one passkey.
func onlyPasskey(t *testing.T, db *store.DB, want store.Passkey) {
	t.Helper()
	view(t, db, func(tx *store.Tx) error {
		got, err := tx.ListPasskeys(want.PoolID, want.Sub, "", 9)
		same(t, "passkeys", got, []store.Passkey{want})
		return err
	})
}

// testPasskeyLists wants byte order, and the passkeys of no other user.
func testPasskeyLists(t *testing.T, db *store.DB) {
	people(t, db)
	for _, id := range []string{"b", "_", "B", "a", "-"} {
		update(t, db, func(tx *store.Tx) error { return tx.CreatePasskey(newPasskey("p", "a", id)) })
	}
	view(t, db, func(tx *store.Tx) error {
		got, err := pages(func(after string) ([]store.Passkey, error) { return tx.ListPasskeys("p", "a", after, 2) }, passkeyID)
		same(t, "passkeys", got, []string{"-", "B", "_", "a", "b"})
		none, err2 := tx.ListPasskeys("p", "b", "", 9)
		same(t, "another's", len(none), 0)
		return errors.Join(err, err2)
	})
	view(t, db, func(tx *store.Tx) error {
		all, err := tx.ListPasskeys("p", "a", "", 1)
		same(t, "the first", all, []store.Passkey{newPasskey("p", "a", "-")})
		same(t, "never used", all[0].LastUsed, time.Time{})
		return err
	})
}
