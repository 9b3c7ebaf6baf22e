package sqlite_test

import (
	"path/filepath"
	"testing"

	"cognate/internal/store"
	"cognate/internal/store/sqlite"
	"cognate/internal/store/storetest"
)

func open(t testing.TB, path string) *store.DB {
	t.Helper()
	db, err := sqlite.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	return db
}

func TestFile(t *testing.T) {
	storetest.Run(t, func(t *testing.T) *store.DB { return open(t, filepath.Join(t.TempDir(), "a.db")) })
}

func TestMemory(t *testing.T) {
	storetest.Run(t, func(t *testing.T) *store.DB { return open(t, ":memory:") })
}
