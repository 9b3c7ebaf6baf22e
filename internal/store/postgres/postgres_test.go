package postgres_test

import (
	"os"
	"testing"

	"cognate/internal/store"
	"cognate/internal/store/postgres"
	"cognate/internal/store/storetest"
)

func TestMain(m *testing.M) { os.Exit(storetest.Main(m)) }

func open(t testing.TB, url string) *store.DB {
	t.Helper()
	db, err := postgres.Open(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	return db
}

func TestPostgres(t *testing.T) {
	storetest.Run(t, func(t *testing.T) *store.DB { return open(t, storetest.PostgresURL(t)) })
}
