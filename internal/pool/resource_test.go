package pool_test

import (
	"slices"
	"testing"

	"cognate/api/idp"
	"cognate/internal/pool"
	"cognate/internal/store"
)

// Custom scopes come from the cache, and what changes them empties it, on every node.
func TestCustomScopes(t *testing.T) {
	db := open(t)
	r := pool.New(db, keyring(t), pool.Options{})
	p := create(t, r, &idp.CreateUserPoolRequest{})
	pools, _ := counter(db)
	want := func(what string, reads int64, scopes ...string) {
		t.Helper()
		before := pools.Load()
		for range 3 {
			got, err := r.Pool(t.Context(), p.ID)
			if err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(got.CustomScopes(), scopes) {
				t.Errorf("%s: the scopes are %q, want %q", what, got.CustomScopes(), scopes)
			}
		}
		if got := pools.Load() - before; got != reads {
			t.Errorf("%s: the pool is read %d times, want %d", what, got, reads)
		}
	}
	want("at first", 1)
	scopes := []*idp.ResourceServerScopeType{{ScopeName: "write", ScopeDescription: "w"}, {ScopeName: "read", ScopeDescription: "r"}}
	for _, id := range []string{"https://b", "a"} {
		if _, err := r.CreateResourceServer(t.Context(), &idp.CreateResourceServerRequest{UserPoolId: p.ID, Identifier: id, Name: "n", Scopes: scopes}); err != nil {
			t.Fatal(err)
		}
	}
	want("made", 1, "a/write", "a/read", "https://b/write", "https://b/read")
	if _, err := r.UpdateResourceServer(t.Context(), &idp.UpdateResourceServerRequest{UserPoolId: p.ID, Identifier: "a", Name: "n", Scopes: scopes[1:]}); err != nil {
		t.Fatal(err)
	}
	want("changed", 1, "a/read", "https://b/write", "https://b/read")
	if err := r.DeleteResourceServer(t.Context(), p.ID, "https://b"); err != nil {
		t.Fatal(err)
	}
	want("deleted", 1, "a/read")

	// What another node changed, as the engine tells it.
	err := db.Update(t.Context(), func(tx *store.Tx) error { return tx.DeleteResourceServer(p.ID, "a") })
	if err != nil {
		t.Fatal(err)
	}
	want("before it is told", 0, "a/read")
	db.Publish(store.Change{Kind: "pool", ID: p.ID})
	want("deleted elsewhere", 1)
}
