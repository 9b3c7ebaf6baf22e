package verify_test

import (
	"net/http"
	"testing"

	"cognate/api/idp"
	"cognate/internal/pool"
	"cognate/internal/secret/secrettest"
	"cognate/internal/store"
	"cognate/internal/store/storetest/engines"
	"cognate/internal/token"
	"cognate/verify"
)

// TestOwnTokens takes the tokens that the server makes, with the keys that it tells of.
func TestOwnTokens(t *testing.T) {
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	db, keys := engines.Memory(t), secrettest.Keyring(t)
	pools := pool.New(db, keys, pool.Options{AccountID: "000000000000"})
	tokens := token.New(db, keys, pools, "https://id.example.com")
	p, err := pools.Create(t.Context(), "us-east-1", &idp.CreateUserPoolRequest{PoolName: "p"})
	must(err)
	c, err := pools.CreateClient(t.Context(), &idp.CreateUserPoolClientRequest{UserPoolId: p.ID, ClientName: "app"})
	must(err)
	u := store.User{PoolID: p.ID, Sub: "6f1c2d3e-4b5a-4c7d-8e9f-0a1b2c3d4e5f", Username: "alice", UsernameKey: "alice", Status: "CONFIRMED", Enabled: true}
	must(db.Update(t.Context(), func(tx *store.Tx) error { return tx.CreateUser(u) }))
	made, err := tokens.Issue(t.Context(), token.Grant{Pool: p, Client: c, User: u, Scopes: token.ScopeAdmin, Flow: token.NewFlow()}, nil)
	must(err)
	document, err := tokens.JWKS(t.Context(), p.ID)
	must(err)
	s := &server{status: http.StatusOK, keys: string(document)}
	for use, text := range map[verify.Use]string{verify.ID: made.ID, verify.Access: made.Access} {
		v, err := verify.New(verify.Config{
			Issuers: []string{tokens.Issuer(p)}, Use: use, ClientIDs: []string{c.ID}, HTTP: &http.Client{Transport: s},
			KeysURL: func(string) string { return issuer + "/.well-known/jwks.json" },
		})
		must(err)
		if claims, err := v.Verify(t.Context(), text); err != nil || claims.Username != "alice" || claims.Subject != u.Sub || claims.ClientID != c.ID {
			t.Errorf("%s: %+v, %v", use, claims, err)
		}
	}
}
