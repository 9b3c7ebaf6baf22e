package storetest

import (
	"errors"
	"testing"

	"cognate/internal/store"
)

// Reopen tests what outlives a DB. Each call of open opens one and the same
// database, empty at first.
func Reopen(t *testing.T, open func(t *testing.T) *store.DB) {
	db := open(t)
	update(t, db, func(tx *store.Tx) error { return fill(tx, "p") })
	before := rows(t, db)
	is(t, "close", db.Close(), nil)

	db = open(t)
	for table, n := range rows(t, db) {
		same(t, "rows of "+table, n, before[table])
	}
	view(t, db, func(tx *store.Tx) error {
		s, err := tx.GetSignIn("p", "sub-p")
		same(t, "user", s.User, newUser("p", "sub-p"))
		f, err2 := tx.GetFamily("family-p")
		same(t, "family", f, newFamily("p", "sub-p", "client-p", "family-p"))
		return errors.Join(err, err2)
	})
	// A newer program has been here and is gone again.
	update(t, db, func(tx *store.Tx) error {
		_, err := tx.Raw().Exec(`INSERT INTO goose_db_version (version_id, is_applied) VALUES (987654, TRUE)`)
		return err
	})
	is(t, "close", db.Close(), nil)

	db = open(t)
	same(t, "the pool is there", exists(t, db, "p"), true)
	is(t, "close", db.Close(), nil)
}
