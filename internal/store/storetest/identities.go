package storetest

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"cognate/internal/store"
)

func newProvider(pool, name string, identifiers ...string) store.IdentityProvider {
	return store.IdentityProvider{
		PoolID: pool, Name: name, Type: "OIDC", Details: []byte{1, 0, 255}, Mapping: []byte(`{"email":"mail"}`), Keys: []byte{2},
		Identifiers: identifiers, Created: day(0), Modified: day(1),
	}
}

func testIdentityProviders(t *testing.T, db *store.DB) {
	p := newProvider("p", "b", "b.example", "a.example")
	create := func(p store.IdentityProvider) error {
		return try(db, func(tx *store.Tx) error { return tx.CreateIdentityProvider(p) })
	}
	is(t, "create without a pool", create(newProvider("p", "x")), store.ErrNotFound)
	update(t, db, func(tx *store.Tx) error {
		return errors.Join(tx.CreatePool(newPool("p")), tx.CreatePool(newPool("q")),
			tx.CreateIdentityProvider(p), tx.CreateIdentityProvider(newProvider("q", "b", "a.example")))
	})
	is(t, "create again", create(newProvider("p", "b")), store.ErrExists)
	is(t, "create with an identifier in use", create(newProvider("p", "c", "c.example", "a.example")), store.ErrExists)
	is(t, "create", create(newProvider("p", "B", "A.example")), nil)
	p.Identifiers = []string{"a.example", "b.example"} // in their order
	provider(t, db, p)

	taken := p
	taken.Identifiers = []string{"A.example"}
	is(t, "update to an identifier in use", try(db, func(tx *store.Tx) error { return tx.UpdateIdentityProvider(taken) }), store.ErrExists)
	p.Details, p.Mapping, p.Keys, p.Identifiers, p.Modified = []byte{9}, []byte("{}"), nil, []string{"b.example", "z"}, day(2)
	changed := p
	changed.Type, changed.Created = "SAML", day(3) // which stay
	update(t, db, func(tx *store.Tx) error { return tx.UpdateIdentityProvider(changed) })
	provider(t, db, p)
	provider(t, db, newProvider("q", "b", "a.example"))

	update(t, db, func(tx *store.Tx) error { return tx.DeleteIdentityProvider("p", "b") })
	providerLists(t, db, []string{"B"}, []string{"A.example"})
	is(t, "delete again", try(db, func(tx *store.Tx) error { return tx.DeleteIdentityProvider("p", "b") }), store.ErrNotFound)
	is(t, "update another", try(db, func(tx *store.Tx) error { return tx.UpdateIdentityProvider(p) }), store.ErrNotFound)
	is(t, "create with free identifiers", create(newProvider("p", "c", "b.example", "z")), nil)
	providerLists(t, db, []string{"B", "c"}, []string{"A.example", "b.example", "z"})
}

// provider checks a provider, and who has its identifiers.
func provider(t *testing.T, db *store.DB, want store.IdentityProvider) {
	t.Helper()
	view(t, db, func(tx *store.Tx) error {
		got, err := tx.GetIdentityProvider(want.PoolID, want.Name)
		same(t, "provider", got, want)
		for _, identifier := range want.Identifiers {
			owner, err2 := tx.GetIdentifierOwner(want.PoolID, identifier)
			same(t, "owner of "+identifier, owner, want.Name)
			err = errors.Join(err, err2)
		}
		_, none := tx.GetIdentifierOwner(want.PoolID, "B.example")
		is(t, "owner of another", none, store.ErrNotFound)
		_, none = tx.GetIdentityProvider(want.PoolID, "none")
		is(t, "get another", none, store.ErrNotFound)
		return err
	})
}

// providerLists checks those of the pool p, page by page, in byte order.
func providerLists(t *testing.T, db *store.DB, names, identifiers []string) {
	t.Helper()
	view(t, db, func(tx *store.Tx) error {
		got, err := pages(func(after string) ([]store.IdentityProvider, error) { return tx.ListIdentityProviders("p", after, 1) },
			func(p store.IdentityProvider) string { return p.Name })
		same(t, "providers", got, names)
		others, err2 := pages(func(after string) ([]store.Identifier, error) { return tx.ListIdentifiers("p", after, 2) },
			func(i store.Identifier) string { return i.Identifier })
		same(t, "identifiers", others, identifiers)
		n, err3 := tx.CountIdentityProviders("p")
		same(t, "count", int(n), len(names))
		list, err4 := tx.ListIdentityProviders("p", "", 9)
		same(t, "listed without details", list[0], store.IdentityProvider{PoolID: "p", Name: names[0], Type: "OIDC", Created: day(0), Modified: day(1)})
		return errors.Join(err, err2, err3, err4)
	})
}

func testFederationKeys(t *testing.T, db *store.DB) {
	create := func(sealed ...byte) error {
		return try(db, func(tx *store.Tx) error { return tx.CreateFederationKeys("p", sealed) })
	}
	replace := func(sealed ...byte) error {
		return try(db, func(tx *store.Tx) error { return tx.UpdateFederationKeys("p", sealed) })
	}
	is(t, "create without a pool", create(1), store.ErrNotFound)
	update(t, db, func(tx *store.Tx) error { return errors.Join(tx.CreatePool(newPool("p")), fill(tx, "q")) })
	is(t, "replace what is not there", replace(9), store.ErrNotFound)
	is(t, "create", create(1, 0, 2), nil)
	is(t, "create again", create(9), store.ErrExists)
	want := func(what string, keys ...byte) {
		t.Helper()
		view(t, db, func(tx *store.Tx) error {
			sealed, err := tx.GetFederationKeys("p")
			same(t, what, sealed, keys)
			other, err2 := tx.GetFederationKeys("q")
			same(t, "keys of another", other, []byte{1})
			_, none := tx.GetFederationKeys("r")
			is(t, "keys of none", none, store.ErrNotFound)
			return errors.Join(err, err2)
		})
	}
	want("keys", 1, 0, 2)
	is(t, "replace", replace(3, 0), nil)
	want("replaced keys", 3, 0)
}

func newIdentity(pool, sub, attribute, value string) store.Identity {
	return store.Identity{
		PoolID: pool, Provider: "idp", Attribute: attribute, Value: value, Type: "SAML", Sub: sub, Issuer: "https://idp",
		Own: attribute == "", Created: day(0),
	}
}

// testIdentities wants one user for each value, compared to the letter.
func testIdentities(t *testing.T, db *store.DB) {
	subject, link := newIdentity("p", "a", "", "Ann"), newIdentity("p", "a", "email", "ann@example.com")
	create := func(i store.Identity) error {
		return try(db, func(tx *store.Tx) error { return tx.CreateIdentity(i) })
	}
	people(t, db)
	is(t, "create for nobody", create(newIdentity("p", "none", "", "x")), store.ErrNotFound)
	is(t, "create", create(subject), nil)
	is(t, "create a link", create(link), nil)
	again := subject
	again.Sub = "b"
	is(t, "create again for another", create(again), store.ErrExists)
	is(t, "create with another case", create(newIdentity("p", "b", "", "ann")), nil)
	is(t, "create for another attribute", create(newIdentity("p", "b", "custom:x", "Ann")), nil)
	view(t, db, func(tx *store.Tx) error {
		got, err := tx.GetIdentity("p", "idp", "", "Ann")
		same(t, "identity", got, subject)
		all, err2 := tx.ListIdentities("p", "a", 9)
		same(t, "identities", all, []store.Identity{subject, link})
		one, err3 := tx.ListIdentities("p", "a", 1)
		same(t, "one identity", one, []store.Identity{subject})
		_, none := tx.GetIdentity("p", "other", "", "Ann")
		is(t, "of another provider", none, store.ErrNotFound)
		_, none = tx.GetIdentity("q", "idp", "", "Ann")
		is(t, "of another pool", none, store.ErrNotFound)
		return errors.Join(err, err2, err3)
	})
	identityAttributes(t, db, "custom:x", "email")
	link.Issuer = "https://other"
	update(t, db, func(tx *store.Tx) error { return errors.Join(tx.SetIdentityIssuer(link), tx.DeleteIdentity(subject)) })
	view(t, db, func(tx *store.Tx) error {
		all, err := tx.ListIdentities("p", "a", 9)
		same(t, "identities", all, []store.Identity{link})
		return err
	})
	is(t, "delete again", try(db, func(tx *store.Tx) error { return tx.DeleteIdentity(subject) }), store.ErrNotFound)
	is(t, "change another", try(db, func(tx *store.Tx) error { return tx.SetIdentityIssuer(subject) }), store.ErrNotFound)
	long := newIdentity("p", "a", strings.Repeat("é", 32), strings.Repeat("\u20ac", 512))
	is(t, "create a long one", create(long), nil)
}

func identityAttributes(t *testing.T, db *store.DB, want ...string) {
	t.Helper()
	view(t, db, func(tx *store.Tx) (err error) {
		got, attribute := []string(nil), ""
		for err == nil {
			if attribute, err = tx.NextIdentityAttribute("p", "idp", attribute); err == nil {
				got = append(got, attribute)
			}
		}
		is(t, "the end", err, store.ErrNotFound)
		same(t, "attributes", got, want)
		return nil
	})
}

// testUsedAssertions wants each assertion to be used once, however many try at the same time (checklist 49).
func testUsedAssertions(t *testing.T, db *store.DB) {
	use := func(provider, id string) error {
		return try(db, func(tx *store.Tx) error { return tx.UseAssertion("p", provider, id, day(1)) })
	}
	is(t, "use without a pool", use("idp", "a"), store.ErrNotFound)
	update(t, db, func(tx *store.Tx) error { return tx.CreatePool(newPool("p")) })
	errs := make([]error, 8)
	together(len(errs), func(i int) { errs[i] = use("idp", "a") })
	used := 0
	for i, err := range errs {
		if err == nil {
			used++
		} else {
			is(t, fmt.Sprint("use ", i), err, store.ErrExists)
		}
	}
	same(t, "uses", used, 1)
	is(t, "the same id of another provider", use("other", "a"), nil)
	is(t, "a long id", use("idp", strings.Repeat("x", 10_000)), nil)
	is(t, "the long id again", use("idp", strings.Repeat("x", 10_000)), store.ErrExists)
	if use("idp", "") == nil {
		t.Error("an assertion without an id was used")
	}
}

func testDeletePassword(t *testing.T, db *store.DB) {
	people(t, db)
	update(t, db, func(tx *store.Tx) error {
		w := store.Password{PoolID: "p", Sub: "a", Salt: []byte{1}, Sealed: []byte{2}, Set: day(0)}
		other := w
		other.Sub = "b"
		return errors.Join(tx.PutPassword(w), tx.AddPasswordHistory(w), tx.PutPassword(other))
	})
	for range 2 { // the second time there is none
		update(t, db, func(tx *store.Tx) error { return tx.DeletePassword("p", "a") })
	}
	view(t, db, func(tx *store.Tx) error {
		_, none := tx.GetPassword("p", "a")
		is(t, "password", none, store.ErrNotFound)
		history, err := tx.ListPasswordHistory("p", "a", 9)
		same(t, "history", len(history), 0)
		_, err2 := tx.GetPassword("p", "b")
		return errors.Join(err, err2)
	})
}
