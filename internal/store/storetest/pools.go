package storetest

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"sync"
	"testing"
	"time"

	"cognate/internal/store"
)

// same fails the test if a row did not come back as it was stored.
func same[T any](t *testing.T, what string, got, want T) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%s:\n got %+v\nwant %+v", what, got, want)
	}
}

// is fails the test if err is not want (nil for success).
func is(t *testing.T, what string, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("%s: %v, want %v", what, err, want)
	}
}

// try runs fn in an Update of its own and returns its error.
func try(db *store.DB, fn func(*store.Tx) error) error {
	return db.Update(context.Background(), fn)
}

func testPools(t *testing.T, db *store.DB) {
	p := newPool("eu-west-1_b")
	update(t, db, func(tx *store.Tx) error { return tx.CreatePool(p) })
	is(t, "create again", try(db, func(tx *store.Tx) error { return tx.CreatePool(p) }), store.ErrExists)
	view(t, db, func(tx *store.Tx) error {
		got, err := tx.GetPool(p.ID)
		same(t, "pool", got, p)
		_, none := tx.GetPool("eu-west-1_B")
		is(t, "get another", none, store.ErrNotFound)
		return err
	})
	p.Name, p.Settings, p.Modified = "new", nil, day(5)
	update(t, db, func(tx *store.Tx) error { return tx.UpdatePool(p) })
	view(t, db, func(tx *store.Tx) error {
		got, err := tx.GetPool(p.ID)
		same(t, "updated pool", got, p)
		return err
	})
	is(t, "update another", try(db, func(tx *store.Tx) error { return tx.UpdatePool(newPool("x")) }), store.ErrNotFound)
	is(t, "delete another", try(db, func(tx *store.Tx) error { return tx.DeletePool("x") }), store.ErrNotFound)
	testPoolPaging(t, db)
}

// testPoolPaging wants byte order: capitals first, umlauts last.
func testPoolPaging(t *testing.T, db *store.DB) {
	want := []string{"A", "B", "a", "b", "eu-west-1_b", "ä"}
	for _, id := range []string{"b", "A", "ä", "B", "a"} {
		update(t, db, func(tx *store.Tx) error { return tx.CreatePool(newPool(id)) })
	}
	view(t, db, func(tx *store.Tx) error {
		got, err := pages(func(after string) ([]store.Pool, error) { return tx.ListPools(after, 2) }, poolID)
		same(t, "pools", got, want)
		n, err2 := tx.CountPools()
		same(t, "count", n, 6)
		none, err3 := tx.ListPools("", -1)
		same(t, "pools within a limit of -1", len(none), 0)
		return errors.Join(err, err2, err3)
	})
}

func poolID(p store.Pool) string     { return p.ID }
func clientID(c store.Client) string { return c.ID }
func familyID(f store.Family) string { return f.ID }

// pages pages through a list to its end and returns the IDs as they came.
func pages[T any](list func(after string) ([]T, error), id func(T) string) (ids []string, err error) {
	for after := ""; ; {
		page, err := list(after)
		if err != nil || len(page) == 0 {
			return ids, err
		}
		for _, row := range page {
			ids = append(ids, id(row))
		}
		after = ids[len(ids)-1]
	}
}

func testClients(t *testing.T, db *store.DB) {
	c := newClient("p", "c1")
	is(t, "create without a pool", try(db, func(tx *store.Tx) error { return tx.CreateClient(c) }), store.ErrNotFound)
	update(t, db, func(tx *store.Tx) error {
		return errors.Join(tx.CreatePool(newPool("p")), tx.CreatePool(newPool("q")), tx.CreateClient(c))
	})
	is(t, "create again elsewhere", try(db, func(tx *store.Tx) error { return tx.CreateClient(newClient("q", "c1")) }), store.ErrExists)
	c.Name, c.Settings, c.Modified = "new", []byte(`{}`), day(7)
	update(t, db, func(tx *store.Tx) error { return tx.UpdateClient(c) })
	c.Claims, c.Modified = []byte(`[]`), day(8)
	other := c
	other.Name, other.Settings = "other", nil // which stay
	update(t, db, func(tx *store.Tx) error { return tx.SetClientClaims(other) })
	for _, id := range []string{"C2", "c0", "c3"} {
		update(t, db, func(tx *store.Tx) error { return tx.CreateClient(newClient("p", id)) })
	}
	update(t, db, func(tx *store.Tx) error { return tx.CreateClient(newClient("q", "c2")) })
	view(t, db, func(tx *store.Tx) error {
		got, err := tx.GetClient("c1")
		same(t, "client", got, c)
		_, none := tx.GetClient("c9")
		is(t, "get another", none, store.ErrNotFound)
		ids, err2 := pages(func(after string) ([]store.Client, error) { return tx.ListClients("p", after, 3) }, clientID)
		same(t, "clients", ids, []string{"C2", "c0", "c1", "c3"})
		n, err3 := tx.CountClients("p")
		same(t, "count", n, 4)
		return errors.Join(err, err2, err3)
	})
	is(t, "update another", try(db, func(tx *store.Tx) error { return tx.UpdateClient(newClient("p", "c9")) }), store.ErrNotFound)
	is(t, "set another's claims", try(db, func(tx *store.Tx) error { return tx.SetClientClaims(newClient("p", "c9")) }), store.ErrNotFound)
}

func testDeleteClient(t *testing.T, db *store.DB) {
	update(t, db, func(tx *store.Tx) error { return errors.Join(fill(tx, "p"), fill(tx, "q")) })
	before := rows(t, db)
	update(t, db, func(tx *store.Tx) error { return tx.DeleteClient("client-p") })
	after := rows(t, db)
	for table := range before {
		want := before[table]
		if slices.Contains([]string{"clients", "client_secrets", "families", "authorization_codes", "classic_styles", "brandings", "branding_assets", "terms", "risk_configurations"}, table) {
			want /= 2
		}
		same(t, "rows of "+table, after[table], want)
	}
	is(t, "delete again", try(db, func(tx *store.Tx) error { return tx.DeleteClient("client-p") }), store.ErrNotFound)
}

func testClientSecrets(t *testing.T, db *store.DB) {
	secret := func(id string, n int) store.ClientSecret {
		return store.ClientSecret{ClientID: "c", ID: id, Sealed: []byte{0, byte(n)}, Created: day(n)}
	}
	update(t, db, func(tx *store.Tx) error {
		return errors.Join(tx.CreatePool(newPool("p")), tx.CreateClient(newClient("p", "c")),
			tx.CreateClientSecret(secret("a", 2)), tx.CreateClientSecret(secret("z", 1)), tx.CreateClientSecret(secret("b", 2)))
	})
	is(t, "create again", try(db, func(tx *store.Tx) error { return tx.CreateClientSecret(secret("a", 3)) }), store.ErrExists)
	update(t, db, func(tx *store.Tx) error { return tx.DeleteClientSecret("c", "b") })
	is(t, "delete again", try(db, func(tx *store.Tx) error { return tx.DeleteClientSecret("c", "b") }), store.ErrNotFound)
	view(t, db, func(tx *store.Tx) error {
		got, err := tx.ListClientSecrets("c")
		same(t, "secrets", got, []store.ClientSecret{secret("z", 1), secret("a", 2)})
		return err
	})
}

func testSigningKeys(t *testing.T, db *store.DB) {
	key := func(kid, pool, use string, n int) store.SigningKey {
		return store.SigningKey{KID: kid, PoolID: pool, Use: use, Sealed: []byte{1}, Public: []byte{2}, Created: day(n)}
	}
	update(t, db, func(tx *store.Tx) error {
		return errors.Join(tx.CreatePool(newPool("p")), tx.CreateSigningKey(key("k2", "p", "id", 2)),
			tx.CreateSigningKey(key("k1", "p", "access", 2)), tx.CreateSigningKey(key("k3", "p", "id", 1)),
			tx.CreateSigningKey(key("s2", "", "", 5)), tx.CreateSigningKey(key("s1", "", "", 4)))
	})
	is(t, "create again", try(db, func(tx *store.Tx) error { return tx.CreateSigningKey(key("k1", "p", "id", 3)) }), store.ErrExists)
	update(t, db, func(tx *store.Tx) error {
		n, err := tx.CountSpareKeys()
		same(t, "spare keys", n, 2)
		got, err2 := tx.TakeSpareKey("p", "access", day(6))
		want := key("s1", "p", "access", 4)
		want.Activates = day(6)
		same(t, "the oldest spare", got, want)
		return errors.Join(err, err2)
	})
	view(t, db, func(tx *store.Tx) error {
		got, err := tx.ListSigningKeys("p")
		taken := key("s1", "p", "access", 4)
		taken.Activates = day(6)
		same(t, "keys", got, []store.SigningKey{key("k3", "p", "id", 1), key("k1", "p", "access", 2), key("k2", "p", "id", 2), taken})
		spare, err2 := tx.ListSigningKeys("")
		same(t, "keys of no pool", len(spare), 0)
		return errors.Join(err, err2)
	})
	update(t, db, func(tx *store.Tx) error {
		_, err := tx.TakeSpareKey("p", "id", time.Time{})
		_, none := tx.TakeSpareKey("p", "id", time.Time{})
		is(t, "take from none", none, store.ErrNotFound)
		return err
	})
}

// testRetiredKeys has the keys of a pool follow each other: what has retired is swept, and nothing else.
func testRetiredKeys(t *testing.T, db *store.DB) {
	old := store.SigningKey{KID: "old", PoolID: "p", Use: "id", Created: day(0)}
	next := store.SigningKey{KID: "new", PoolID: "p", Use: "id", Created: day(0), Activates: day(2)}
	update(t, db, func(tx *store.Tx) error {
		return errors.Join(tx.CreatePool(newPool("p")), tx.CreatePool(newPool("q")), tx.CreateSigningKey(old), tx.CreateSigningKey(next),
			tx.CreateSigningKey(store.SigningKey{KID: "spare", Created: day(0)}))
	})
	old.Activates, old.Retires = day(1), day(3)
	update(t, db, func(tx *store.Tx) error { return tx.SetSigningKeyTimes(old) })
	for what, k := range map[string]store.SigningKey{"no such key": {KID: "none", PoolID: "p"}, "another pool's": {KID: "old", PoolID: "q"}, "a spare": {KID: "spare"}} {
		is(t, what, try(db, func(tx *store.Tx) error { return tx.SetSigningKeyTimes(k) }), store.ErrNotFound)
	}
	for _, step := range []struct {
		day  int
		want []store.SigningKey
	}{{3, []store.SigningKey{next, old}}, {4, []store.SigningKey{next}}, {99, []store.SigningKey{next}}} {
		_, err := db.Sweep(t.Context(), day(step.day), 100)
		is(t, "sweep", err, nil)
		view(t, db, func(tx *store.Tx) error {
			got, err := tx.ListSigningKeys("p")
			same(t, fmt.Sprint("keys on day ", step.day), got, step.want)
			spares, err2 := tx.CountSpareKeys()
			same(t, "spare keys", spares, 1)
			return errors.Join(err, err2)
		})
	}
}

// testSpareKeysConcurrent has 20 takers share 10 keys.
func testSpareKeysConcurrent(t *testing.T, db *store.DB) {
	update(t, db, func(tx *store.Tx) error { return tx.CreatePool(newPool("p")) })
	for i := range 10 {
		update(t, db, func(tx *store.Tx) error {
			return tx.CreateSigningKey(store.SigningKey{KID: fmt.Sprint("k", i), Created: day(0)})
		})
	}
	var mu sync.Mutex
	taken, missed := map[string]bool{}, 0
	together(20, func(int) {
		var k store.SigningKey
		err := try(db, func(tx *store.Tx) (err error) {
			k, err = tx.TakeSpareKey("p", "id", time.Time{})
			return err
		})
		mu.Lock()
		defer mu.Unlock()
		switch {
		case errors.Is(err, store.ErrNotFound):
			missed++
		case err != nil:
			t.Error(err)
		case taken[k.KID]:
			t.Errorf("key %s taken twice", k.KID)
		default:
			taken[k.KID] = true
		}
	})
	if len(taken) != 10 || missed != 10 {
		t.Errorf("%d taken and %d missed, want 10 and 10", len(taken), missed)
	}
}

// elsewhere are the tables whose rows belong to no user pool.
var elsewhere = map[string]bool{
	"meta": true, "identity_pools": true, "pool_identities": true, "identity_logins": true, "openid_keys": true, "access_keys": true, "roles": true,
	"provisioned_limits": true,
}

func testDeletePool(t *testing.T, db *store.DB) {
	update(t, db, func(tx *store.Tx) error { return errors.Join(fill(tx, "p"), fill(tx, "q")) })
	before := rows(t, db)
	for table, n := range before {
		if n == 0 && !elsewhere[table] {
			t.Errorf("the fixture makes no row in %s: nothing shows that it is deleted", table)
		}
	}
	update(t, db, func(tx *store.Tx) error { return tx.DeletePool("p") })
	for table, n := range rows(t, db) {
		same(t, "rows of "+table, n, before[table]/2)
	}
	update(t, db, func(tx *store.Tx) error { return tx.DeletePool("q") })
	for table, n := range rows(t, db) {
		same(t, "rows of "+table, n, 0)
	}
	// Everything can be made anew under the same names.
	update(t, db, func(tx *store.Tx) error { return fill(tx, "p") })
}

// rows counts the rows of every table.
func rows(t *testing.T, db *store.DB) map[string]int {
	t.Helper()
	tables := make(map[string]int)
	catalogue := `SELECT name FROM sqlite_master WHERE type = 'table'
		AND name NOT IN ('goose_db_version', 'sqlite_sequence')`
	if isPostgres(db) {
		catalogue = `SELECT table_name FROM information_schema.tables
			WHERE table_schema = 'public' AND table_name <> 'goose_db_version'`
	}
	view(t, db, func(tx *store.Tx) error {
		names, err := column(tx, catalogue)
		for _, name := range names {
			r, err := tx.Raw().Query("SELECT count(*) FROM " + name)
			if err != nil {
				return err
			}
			var n int
			r.Next()
			if err := errors.Join(r.Scan(&n), r.Close()); err != nil {
				return err
			}
			tables[name] = n
		}
		return err
	})
	if len(tables) < 10 {
		t.Fatalf("found only the tables %v", tables)
	}
	return tables
}

// column returns the first column of a query's rows.
func column(tx *store.Tx, query string, args ...any) (all []string, err error) {
	r, err := tx.Raw().Query(query, args...)
	if err != nil {
		return nil, err
	}
	for r.Next() && err == nil {
		all = append(all, "")
		err = r.Scan(&all[len(all)-1])
	}
	return all, errors.Join(err, r.Err(), r.Close())
}

// isPostgres tells the engines apart where their catalogues differ.
func isPostgres(db *store.DB) bool {
	err := db.View(context.Background(), func(tx *store.Tx) error {
		_, err := column(tx, "SELECT sqlite_version()")
		return err
	})
	return err != nil
}
