package storetest

import (
	"errors"
	"testing"

	"cognate/internal/store"
)

func newDomain(pool, name string, custom bool) store.Domain {
	return store.Domain{Name: name, PoolID: pool, Custom: custom, Settings: []byte(`{"d":1}`)}
}

func testDomains(t *testing.T, db *store.DB) {
	prefix, custom, other := newDomain("p", "b", false), newDomain("p", "a.example", true), newDomain("q", "a", false)
	create := func(d store.Domain) error {
		return try(db, func(tx *store.Tx) error { return tx.CreateDomain(d) })
	}
	is(t, "create without a pool", create(prefix), store.ErrNotFound)
	update(t, db, func(tx *store.Tx) error {
		return errors.Join(tx.CreatePool(newPool("p")), tx.CreatePool(newPool("q")),
			tx.CreateDomain(custom), tx.CreateDomain(prefix), tx.CreateDomain(other))
	})
	is(t, "create again elsewhere", create(newDomain("q", "a.example", true)), store.ErrExists)
	is(t, "create a second prefix", create(newDomain("p", "c", false)), store.ErrExists)
	is(t, "create a second custom domain", create(newDomain("p", "c.example", true)), store.ErrExists)
	custom.Settings = []byte(`{"d":2}`)
	changed := custom
	changed.PoolID, changed.Custom = "q", false
	update(t, db, func(tx *store.Tx) error { return tx.UpdateDomain(changed) })
	domains(t, db, "p", prefix, custom)
	domains(t, db, "q", other)
	view(t, db, func(tx *store.Tx) error {
		got, err := tx.GetDomain("a.example")
		same(t, "domain", got, custom)
		_, none := tx.GetDomain("A.example")
		is(t, "get by another case", none, store.ErrNotFound)
		return err
	})
	update(t, db, func(tx *store.Tx) error { return tx.DeleteDomain("b") })
	domains(t, db, "p", custom)
	is(t, "delete again", try(db, func(tx *store.Tx) error { return tx.DeleteDomain("b") }), store.ErrNotFound)
	is(t, "update another", try(db, func(tx *store.Tx) error { return tx.UpdateDomain(prefix) }), store.ErrNotFound)
	is(t, "create elsewhere", create(newDomain("q", "b.example", true)), nil)
}

func domains(t *testing.T, db *store.DB, pool string, want ...store.Domain) {
	t.Helper()
	view(t, db, func(tx *store.Tx) error {
		got, err := tx.ListDomains(pool)
		same(t, "domains of "+pool, got, want)
		return err
	})
}
