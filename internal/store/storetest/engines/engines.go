// Package engines opens stores for the tests of what stands on them.
package engines

import (
	"path/filepath"
	"testing"

	"cognate/internal/store"
	"cognate/internal/store/postgres"
	"cognate/internal/store/sqlite"
	"cognate/internal/store/storetest"
)

// Each runs a test on every engine, each time with a new database that is closed after it. PostgreSQL needs
// [storetest.Main].
func Each(t *testing.T, test func(*testing.T, *store.DB)) {
	t.Run("sqlite", func(t *testing.T) {
		db, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "db"))
		test(t, opened(t, db, err))
	})
	t.Run("postgres", func(t *testing.T) {
		db, err := postgres.Open(t.Context(), storetest.PostgresURL(t))
		test(t, opened(t, db, err))
	})
}

// Memory opens a new SQLite database in memory, for what no engine has a part in. It is closed after the test.
func Memory(t testing.TB) *store.DB {
	t.Helper()
	db, err := sqlite.Open(t.Context(), ":memory:")
	return opened(t, db, err)
}

func opened(t testing.TB, db *store.DB, err error) *store.DB {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}
