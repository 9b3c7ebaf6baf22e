package storetest

import (
	"testing"

	"cognate/internal/store"
)

func newSoftwareToken(pool, sub string) store.SoftwareToken {
	return store.SoftwareToken{PoolID: pool, Sub: sub, Sealed: []byte{1, 0, 255}, Pending: []byte{2}, Name: "phone", Step: 1 << 40}
}

func testSoftwareTokens(t *testing.T, db *store.DB) {
	s := newSoftwareToken("p", "a")
	is(t, "put without a user", try(db, func(tx *store.Tx) error { return tx.PutSoftwareToken(s) }), store.ErrNotFound)
	people(t, db)
	update(t, db, func(tx *store.Tx) error { return tx.PutSoftwareToken(s) })
	getSoftwareToken(t, db, s)
	s.Sealed, s.Pending, s.Name, s.Step = []byte{3}, nil, "", 0
	update(t, db, func(tx *store.Tx) error { return tx.PutSoftwareToken(s) })
	getSoftwareToken(t, db, s)
	update(t, db, func(tx *store.Tx) error { return tx.DeleteSoftwareToken("p", "b") })
	getSoftwareToken(t, db, s)
	update(t, db, func(tx *store.Tx) error { return tx.DeleteSoftwareToken("p", "a") })
	view(t, db, func(tx *store.Tx) error {
		_, none := tx.GetSoftwareToken("p", "a")
		is(t, "get a deleted one", none, store.ErrNotFound)
		return nil
	})
}

func getSoftwareToken(t *testing.T, db *store.DB, want store.SoftwareToken) {
	t.Helper()
	view(t, db, func(tx *store.Tx) error {
		got, err := tx.GetSoftwareToken(want.PoolID, want.Sub)
		same(t, "software token", got, want)
		return err
	})
}
