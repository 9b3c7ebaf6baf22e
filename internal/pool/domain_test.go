package pool_test

import (
	"strings"
	"sync/atomic"
	"testing"

	"cognate/api/idp"
	"cognate/internal/pool"
	"cognate/internal/store"
)

// addDomain gives a pool a prefix, or, when the name has a dot, a custom domain.
func addDomain(t *testing.T, r *pool.Registry, p *pool.Pool, name string, version int64) {
	t.Helper()
	in := &idp.CreateUserPoolDomainRequest{UserPoolId: p.ID, Domain: name, ManagedLoginVersion: &version}
	if strings.Contains(name, ".") {
		in.CustomDomainConfig = &idp.CustomDomainConfigType{CertificateArn: "arn:aws:acm:us-east-1:123456789012:certificate/x"}
	}
	if _, err := r.CreateDomain(t.Context(), in); err != nil {
		t.Fatal(err)
	}
}

// owner returns the id of the pool at a host, "" for none.
func owner(t *testing.T, r *pool.Registry, host string) string {
	t.Helper()
	p, err := r.ByHost(t.Context(), host)
	if err != nil {
		t.Fatal(err)
	}
	if p == nil {
		return ""
	}
	return p.ID
}

func TestByHost(t *testing.T) {
	db := open(t)
	r := pool.New(db, keyring(t), pool.Options{BaseDomain: "id.example.com"})
	p := create(t, r, &idp.CreateUserPoolRequest{UserPoolTags: map[string]string{"cognate:id": "eu-west-1_first"}})
	q := create(t, r, &idp.CreateUserPoolRequest{UserPoolTags: map[string]string{"cognate:id": "eu-west-1_second"}})
	addDomain(t, r, p, "shop", 1)
	addDomain(t, r, p, "login.shop.example", 2)
	addDomain(t, r, q, "bank.id.example.com", 1)
	for host, want := range map[string]string{
		"shop.auth.eu-west-1.id.example.com": p.ID, "SHOP.auth.eu-west-1.id.example.com:9443": p.ID, "shop.auth.eu-west-1.id.example.com.": p.ID,
		"login.shop.example": p.ID, "login.shop.example:443": p.ID, "bank.id.example.com": q.ID,

		"": "", "shop": "", "shop:80": "", "shop.auth.us-east-1.id.example.com": "", "shop.auth.eu-west-1.example.com": "",
		"shop.auth.eu-west-1.id.example.com.evil.example": "", "a.shop.auth.eu-west-1.id.example.com": "", "shop.auth.eu-west-1.x.id.example.com": "",
		"shop.id.example.com": "", "a.login.shop.example": "", "shop.example": "", "id.example.com": "", "127.0.0.1:9229": "", "[::1]:9229": "",
		"login.shop.example/": "", "login.shop.example\x00": "", "\xff": "", strings.Repeat("a", 9000): "",
	} {
		if got := owner(t, r, host); got != want {
			t.Errorf("%.80q is the domain of %q, want %q", host, got, want)
		}
	}
	got, err := r.Pool(t.Context(), p.ID)
	if err != nil {
		t.Fatal(err)
	}
	if got.ManagedLogin("shop.auth.eu-west-1.id.example.com") || !got.ManagedLogin("login.shop.example:443") {
		t.Error("the pages are of another version than the domains say")
	}
}

func TestByHostIsCached(t *testing.T) {
	db := open(t)
	r := pool.New(db, keyring(t), pool.Options{})
	p := create(t, r, &idp.CreateUserPoolRequest{UserPoolTags: map[string]string{"cognate:id": "eu-west-1_first"}})
	const host = "shop.auth.eu-west-1.localhost"
	var reads atomic.Int64
	db.Trace(func(query string, _ []any) {
		if strings.Contains(query, "FROM domains WHERE name") {
			reads.Add(1)
		}
	})
	want := func(what, id string, queries int64) {
		t.Helper()
		before := reads.Load()
		for range 3 {
			if got := owner(t, r, host); got != id {
				t.Errorf("%s: the domain of %q, want %q", what, got, id)
			}
		}
		if n := reads.Load() - before; n != queries {
			t.Errorf("%s: %d reads, want %d", what, n, queries)
		}
	}
	want("at first", "", 1)
	want("again", "", 0)
	addDomain(t, r, p, "shop", 1)
	want("made", p.ID, 1)
	if err := r.DeleteDomain(t.Context(), p.ID, "shop"); err != nil {
		t.Fatal(err)
	}
	want("deleted", "", 1)

	// What another node changed, as the engine tells it.
	err := db.Update(t.Context(), func(tx *store.Tx) error {
		return tx.CreateDomain(store.Domain{Name: "shop", PoolID: p.ID, Settings: []byte(`{"ManagedLoginVersion":1}`)})
	})
	if err != nil {
		t.Fatal(err)
	}
	want("before it is told", "", 0)
	db.Publish(store.Change{Kind: "domain", ID: "shop"})
	db.Publish(store.Change{Kind: "pool", ID: p.ID})
	want("made elsewhere", p.ID, 1)
	db.Publish(store.Change{})
	want("after a flush", p.ID, 1)
}

// The relying party of passkeys is what the pool names, else its custom domain, else that of its prefix.
func TestRelyingPartyOfDomain(t *testing.T) {
	r := registry(t)
	p := create(t, r, &idp.CreateUserPoolRequest{UserPoolTags: map[string]string{"cognate:id": "eu-west-1_first"}})
	want := func(party string) {
		t.Helper()
		got, err := r.Pool(t.Context(), p.ID)
		if err != nil {
			t.Fatal(err)
		}
		if got.Passkeys().RelyingParty != party {
			t.Errorf("the relying party is %q, want %q", got.Passkeys().RelyingParty, party)
		}
	}
	want("")
	addDomain(t, r, p, "shop", 1)
	want("shop.auth.eu-west-1.localhost")
	addDomain(t, r, p, "login.shop.example", 1)
	want("login.shop.example")
	_, err := r.SetMFA(t.Context(), &idp.SetUserPoolMfaConfigRequest{
		UserPoolId: p.ID, WebAuthnConfiguration: &idp.WebAuthnConfigurationType{RelyingPartyId: "shop.example"},
	})
	if err != nil {
		t.Fatal(err)
	}
	want("shop.example")
}
