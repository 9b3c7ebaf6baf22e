package postgres_test

import (
	"context"
	"errors"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"cognate/internal/store"
	"cognate/internal/store/postgres"
	"cognate/internal/store/storetest"
)

func TestMain(m *testing.M) { os.Exit(storetest.Main(m)) }

func open(t testing.TB, url string) *store.DB {
	t.Helper()
	db, err := postgres.Open(context.Background(), url)
	if err != nil {
		t.Fatal(err)
	}
	return db
}

func TestPostgres(t *testing.T) {
	storetest.Run(t, func(t *testing.T) *store.DB { return open(t, storetest.PostgresURL(t)) })
}

func TestReopen(t *testing.T) {
	url := storetest.PostgresURL(t)
	storetest.Reopen(t, func(t *testing.T) *store.DB { return open(t, url) })
}

func BenchmarkPostgres(b *testing.B) {
	storetest.Benchmark(b, func(b *testing.B) *store.DB { return open(b, storetest.PostgresURL(b)) })
}

func BenchmarkAuthEvents(b *testing.B) {
	storetest.BenchmarkAuthEvents(b, func(b *testing.B) *store.DB { return open(b, storetest.PostgresURL(b)) })
}

// TestRefused opens what cannot be opened, quickly and without telling passwords.
func TestRefused(t *testing.T) {
	for _, url := range []string{
		"postgres://u:hunter2@127.0.0.1:1/x",
		"postgres://u:hunter2@127.0.0.1:1/x?default_query_exec_mode=simple_protocol",
		"postgres://u:hunter2@127.0.0.1:1/x?default_query_exec_mode=exec",
		"postgres://u:hunter2@127.0.0.1:port/x",
	} {
		_, err := postgres.Open(t.Context(), url)
		if err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %v", url, err)
		}
	}
}

// TestOpenTogether opens an empty database from several nodes at once: one of them
// makes the tables.
func TestOpenTogether(t *testing.T) {
	url := storetest.PostgresURL(t)
	var wg sync.WaitGroup
	for range 6 {
		wg.Go(func() {
			db, err := postgres.Open(t.Context(), url)
			if err != nil {
				t.Error(err)
				return
			}
			if err := db.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
}

// TestConnectionsLost takes the server's connections away under an open DB.
func TestConnectionsLost(t *testing.T) {
	url := storetest.PostgresURL(t)
	db := open(t, url)
	defer db.Close()
	read := func() error {
		return db.View(t.Context(), func(tx *store.Tx) error { _, err := tx.CountPools(); return err })
	}
	if err := read(); err != nil {
		t.Fatal(err)
	}
	// Several connections, and all of them die.
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			if err := errors.Join(read(), read(), read()); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	terminate(t, url, "")
	if err := read(); err != nil {
		t.Errorf("afterwards: %v", err)
	}
}

// TestIndexesSortByBytes looks at the collation of every index column.
func TestIndexesSortByBytes(t *testing.T) {
	url := storetest.PostgresURL(t)
	if err := open(t, url).Close(); err != nil {
		t.Fatal(err)
	}
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	rows, err := conn.Query(t.Context(), `SELECT i.indexrelid::regclass::text, o.collname FROM pg_index i
		JOIN pg_class c ON c.oid = i.indexrelid AND c.relnamespace = 'public'::regnamespace
		CROSS JOIN LATERAL unnest(i.indcollation) x JOIN pg_collation o ON o.oid = x`)
	if err != nil {
		t.Fatal(err)
	}
	var index, collation string
	tag, err := pgx.ForEachRow(rows, []any{&index, &collation}, func() error {
		if collation != "C" {
			t.Errorf("%s has a column in collation %s", index, collation)
		}
		return nil
	})
	if err != nil || tag.RowsAffected() < 30 {
		t.Errorf("looked at %d columns: %v", tag.RowsAffected(), err)
	}
}

// terminate ends the server's other connections to a database whose last query
// contains a text.
func terminate(t *testing.T, url, query string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	tag, err := conn.Exec(t.Context(), `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
		WHERE datname = current_database() AND pid <> pg_backend_pid() AND query LIKE '%' || $1 || '%'`, query)
	if err != nil || tag.RowsAffected() == 0 {
		t.Fatalf("ended %d connections: %v", tag.RowsAffected(), err)
	}
}

// heard collects the changes that a DB's subscribers hear.
func heard(db *store.DB) <-chan store.Change {
	c := make(chan store.Change, 100)
	db.Subscribe(func(change store.Change) { c <- change })
	return c
}

// await waits for a change to be heard.
func await(t *testing.T, c <-chan store.Change, want store.Change) {
	t.Helper()
	timeout := time.After(20 * time.Second)
	for {
		select {
		case got := <-c:
			if got == want {
				return
			}
		case <-timeout:
			t.Fatalf("%+v was not heard", want)
		}
	}
}

func notify(t *testing.T, db *store.DB, kind, id string) {
	t.Helper()
	err := db.Update(t.Context(), func(tx *store.Tx) error { tx.Notify(kind, id); return nil })
	if err != nil {
		t.Fatal(err)
	}
}

// TestNodes has two nodes on one database: each hears the other, and when its
// connection was cut, that it may have missed something.
func TestNodes(t *testing.T) {
	url := storetest.PostgresURL(t)
	a, b := open(t, url), open(t, url)
	defer a.Close()
	defer b.Close()
	hearA, hearB := heard(a), heard(b)
	notify(t, a, "pool", "eu-west-1_x/ü")
	await(t, hearB, store.Change{Kind: "pool", ID: "eu-west-1_x/ü"})
	await(t, hearA, store.Change{Kind: "pool", ID: "eu-west-1_x/ü"})

	terminate(t, url, "LISTEN")
	await(t, hearA, store.Change{})
	await(t, hearB, store.Change{})
	notify(t, b, "client", "c")
	await(t, hearA, store.Change{Kind: "client", ID: "c"})
}

// TestNotifyInOrder commits changes one after the other and wants them so.
func TestNotifyInOrder(t *testing.T) {
	url := storetest.PostgresURL(t)
	a, b := open(t, url), open(t, url)
	defer a.Close()
	defer b.Close()
	hear := heard(b)
	want := []string{"1", "2", "3", "4", "5", "6", "7", "8"}
	for _, id := range want {
		notify(t, a, "pool", id)
	}
	var got []string
	for range want {
		got = append(got, (<-hear).ID)
	}
	if !slices.Equal(got, want) {
		t.Errorf("heard %v", got)
	}
}

// TestCloseDuringNotify closes while the listener hands on a change to a
// subscriber that wants to read.
func TestCloseDuringNotify(t *testing.T) {
	url := storetest.PostgresURL(t)
	a, b := open(t, url), open(t, url)
	defer a.Close()
	in := make(chan bool, 10)
	b.Subscribe(func(store.Change) {
		in <- true
		time.Sleep(50 * time.Millisecond)
		_ = b.View(context.Background(), func(*store.Tx) error { return nil })
	})
	notify(t, a, "pool", "x")
	<-in
	closed := make(chan error)
	go func() { closed <- b.Close() }()
	select {
	case err := <-closed:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(20 * time.Second):
		t.Fatal("it does not close")
	}
}

// TestByteOrderNeeded shows that the tests' databases sort otherwise than by
// bytes, so that a column without a collation is found out.
func TestByteOrderNeeded(t *testing.T) {
	conn, err := pgx.Connect(t.Context(), storetest.PostgresURL(t))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	var locale bool
	if err := conn.QueryRow(t.Context(), `SELECT 'a' < 'B'`).Scan(&locale); err != nil {
		t.Fatal(err)
	}
	if !locale && os.Getenv(storetest.PostgresEnv) == "" {
		t.Error("the tests' databases sort by bytes: a missing collation would not be noticed")
	}
}

// TestPlansAsTablesGrow fills a new database, of which nobody but the store makes
// statistics, and wants look-ups to use all columns of an index before long.
func TestPlansAsTablesGrow(t *testing.T) {
	db := open(t, storetest.PostgresURL(t))
	defer db.Close()
	err := db.Update(t.Context(), func(tx *store.Tx) error {
		if err := tx.CreatePool(store.Pool{ID: "p", Settings: []byte("{}")}); err != nil {
			return err
		}
		for i := range 600 {
			name := strconv.Itoa(i)
			u := store.User{PoolID: "p", Sub: name, Username: name, UsernameKey: name, Attributes: map[string]string{"email": name}}
			err := errors.Join(tx.CreateUser(u), tx.PutPassword(store.Password{PoolID: "p", Sub: name}))
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, query := range []string{
		"SELECT * FROM users WHERE pool_id = 'p' AND sub = '1'",
		"SELECT * FROM users WHERE pool_id = 'p' AND username_key = '1'",
		"SELECT * FROM users u LEFT JOIN passwords p ON p.pool_id = u.pool_id AND p.sub = u.sub WHERE u.pool_id = 'p' AND u.username_key = '1'",
	} {
		deadline := time.Now().Add(20 * time.Second)
		plan := explain(t, db, query)
		for strings.Contains(plan, " Filter:") && time.Now().Before(deadline) {
			time.Sleep(10 * time.Millisecond)
			plan = explain(t, db, query)
		}
		if strings.Contains(plan, " Filter:") || strings.Contains(plan, "Seq Scan") {
			t.Errorf("%s\n%s", query, plan)
		}
	}
}

func explain(t *testing.T, db *store.DB, query string) (plan string) {
	t.Helper()
	err := db.View(t.Context(), func(tx *store.Tx) error {
		plan = ""
		rows, err := tx.Raw().Query("EXPLAIN " + query)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var line string
			if err := rows.Scan(&line); err != nil {
				return err
			}
			plan += line + "\n"
		}
		return rows.Err()
	})
	if err != nil {
		t.Fatal(err)
	}
	return plan
}
