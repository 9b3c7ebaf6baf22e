package storetest

import (
	"errors"
	"testing"

	"cognate/internal/store"
)

func newResourceServer(pool, identifier string) store.ResourceServer {
	return store.ResourceServer{PoolID: pool, Identifier: identifier, Name: "name of " + identifier, Scopes: []byte(`[{"s":1}]`)}
}

func testResourceServers(t *testing.T, db *store.DB) {
	s := newResourceServer("p", "b")
	create := func(s store.ResourceServer) error {
		return try(db, func(tx *store.Tx) error { return tx.CreateResourceServer(s) })
	}
	is(t, "create without a pool", create(s), store.ErrNotFound)
	update(t, db, func(tx *store.Tx) error {
		return errors.Join(tx.CreatePool(newPool("p")), tx.CreatePool(newPool("q")),
			tx.CreateResourceServer(s), tx.CreateResourceServer(newResourceServer("q", "b")))
	})
	is(t, "create again", create(s), store.ErrExists)
	s.Name, s.Scopes = "new", nil
	update(t, db, func(tx *store.Tx) error { return tx.UpdateResourceServer(s) })
	view(t, db, func(tx *store.Tx) error {
		got, err := tx.GetResourceServer("p", "b")
		same(t, "resource server", got, s)
		twin, err2 := tx.GetResourceServer("q", "b")
		same(t, "its namesake", twin, newResourceServer("q", "b"))
		_, none := tx.GetResourceServer("p", "B")
		is(t, "get by another case", none, store.ErrNotFound)
		return errors.Join(err, err2)
	})
	for _, identifier := range []string{"https://b", "c", "B"} {
		is(t, "create "+identifier, create(newResourceServer("p", identifier)), nil)
	}
	resourceServers(t, db, "B", "b", "c", "https://b")
	update(t, db, func(tx *store.Tx) error { return tx.DeleteResourceServer("p", "b") })
	resourceServers(t, db, "B", "c", "https://b")
	is(t, "update another", try(db, func(tx *store.Tx) error { return tx.UpdateResourceServer(s) }), store.ErrNotFound)
	is(t, "delete again", try(db, func(tx *store.Tx) error { return tx.DeleteResourceServer("p", "b") }), store.ErrNotFound)
}

// resourceServers checks those of the pool p, page by page, in byte order.
func resourceServers(t *testing.T, db *store.DB, want ...string) {
	t.Helper()
	view(t, db, func(tx *store.Tx) error {
		got, err := pages(func(after string) ([]store.ResourceServer, error) { return tx.ListResourceServers("p", after, 2) },
			func(s store.ResourceServer) string { return s.Identifier })
		same(t, "resource servers", got, want)
		n, err2 := tx.CountResourceServers("p")
		same(t, "count", int(n), len(want))
		none, err3 := tx.ListResourceServers("p", "", -1)
		same(t, "resource servers within a limit of -1", len(none), 0)
		return errors.Join(err, err2, err3)
	})
}
