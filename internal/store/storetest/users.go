package storetest

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"cognate/internal/store"
)

func testUsers(t *testing.T, db *store.DB) {
	u := newUser("p", "s1")
	is(t, "create without a pool", try(db, func(tx *store.Tx) error { return tx.CreateUser(u) }), store.ErrNotFound)
	update(t, db, func(tx *store.Tx) error {
		return errors.Join(tx.CreatePool(newPool("p")), tx.CreatePool(newPool("q")), tx.CreateUser(u), tx.CreateUser(newUser("q", "s1")))
	})
	other := newUser("p", "s2")
	other.UsernameKey = u.UsernameKey
	is(t, "the same username", try(db, func(tx *store.Tx) error { return tx.CreateUser(other) }), store.ErrExists)
	other = newUser("p", "s1")
	other.UsernameKey = "else"
	is(t, "the same sub", try(db, func(tx *store.Tx) error { return tx.CreateUser(other) }), store.ErrExists)
	view(t, db, func(tx *store.Tx) error {
		got, err := tx.GetUser("p", "s1")
		same(t, "user", got, u)
		named, err2 := tx.GetUserByUsername("p", "user-s1")
		same(t, "user by name", named, u)
		_, none := tx.GetUserByUsername("p", "User-s1")
		is(t, "get by the name itself", none, store.ErrNotFound)
		_, none = tx.GetUser("p", "s2")
		is(t, "get another", none, store.ErrNotFound)
		n, err3 := tx.CountUsers("p")
		same(t, "count", n, 1)
		return errors.Join(err, err2, err3)
	})
	testUpdateUser(t, db, u)
}

func testUpdateUser(t *testing.T, db *store.DB, u store.User) {
	u.Status, u.Enabled, u.Extra = "RESET_REQUIRED", false, nil
	u.Attributes, u.Modified = map[string]string{}, day(4)
	changed := u
	changed.Username, changed.UsernameKey, changed.Created, changed.Attributes = "x", "x", day(9), nil
	update(t, db, func(tx *store.Tx) error { return tx.UpdateUser(changed) })
	view(t, db, func(tx *store.Tx) error {
		got, err := tx.GetUser("p", "s1")
		same(t, "updated user", got, u)
		twin, err2 := tx.GetUser("q", "s1")
		same(t, "the namesake elsewhere", twin, newUser("q", "s1"))
		return errors.Join(err, err2)
	})
	is(t, "update another", try(db, func(tx *store.Tx) error { return tx.UpdateUser(newUser("p", "s9")) }), store.ErrNotFound)
	is(t, "delete another", try(db, func(tx *store.Tx) error { return tx.DeleteUser("p", "s9") }), store.ErrNotFound)
}

func testEnabled(t *testing.T, db *store.DB) {
	people(t, db)
	view(t, db, func(tx *store.Tx) error {
		on, _, err := tx.GetStanding("p", "a")
		same(t, "enabled", on, newUser("p", "a").Enabled)
		_, _, none := tx.GetStanding("p", "nobody")
		is(t, "nobody", none, store.ErrNotFound)
		_, _, none = tx.GetUserStanding("p", "nobody")
		is(t, "nobody's standing", none, store.ErrNotFound)
		return err
	})
	update(t, db, func(tx *store.Tx) error {
		u := newUser("p", "a")
		u.Enabled = !u.Enabled
		err := tx.UpdateUser(u)
		on, _, err2 := tx.GetStanding("p", "a")
		same(t, "changed", on, u.Enabled)
		return errors.Join(err, err2)
	})
}

func testDeleteUser(t *testing.T, db *store.DB) {
	update(t, db, func(tx *store.Tx) error { return errors.Join(fill(tx, "p"), fill(tx, "q")) })
	before := rows(t, db)
	update(t, db, func(tx *store.Tx) error { return tx.DeleteUser("p", "sub-p") })
	for table, n := range rows(t, db) {
		want := before[table] / 2
		if slices.Contains([]string{
			"pools", "pool_replicas", "clients", "client_secrets", "signing_keys", "user_groups", "resource_servers", "domains",
			"classic_styles", "brandings", "branding_assets", "terms",
			"identity_providers", "identity_provider_identifiers", "federation_keys", "used_assertions", "challenges",
			"import_jobs", "import_chunks", "import_logs", "deleted_users", "risk_configurations",
		}, table) {
			want = before[table]
		}
		same(t, "rows of "+table, n, want)
	}
	update(t, db, func(tx *store.Tx) error { return tx.CreateUser(newUser("p", "sub-p")) })
}

// testOrphans writes rows of a user who is not there.
func testOrphans(t *testing.T, db *store.DB) {
	update(t, db, func(tx *store.Tx) error {
		return errors.Join(tx.CreatePool(newPool("p")), tx.CreateClient(newClient("p", "c")))
	})
	orphans := map[string]func(*store.Tx) error{
		"alias":      func(tx *store.Tx) error { return tx.SetAlias("p", "email", "a", "none") },
		"move alias": func(tx *store.Tx) error { return tx.MoveAlias("p", "email", "a", "none") },
		"password":   func(tx *store.Tx) error { return tx.PutPassword(store.Password{PoolID: "p", Sub: "none"}) },
		"history":    func(tx *store.Tx) error { return tx.AddPasswordHistory(store.Password{PoolID: "p", Sub: "none"}) },
		"code":       func(tx *store.Tx) error { return tx.PutCode(store.Code{PoolID: "p", Sub: "none"}) },
		"passkey":    func(tx *store.Tx) error { return tx.CreatePasskey(newPasskey("p", "none", "k")) },
		"family":     func(tx *store.Tx) error { return tx.CreateFamily(newFamily("p", "none", "c", "f")) },
		"secret":     func(tx *store.Tx) error { return tx.CreateClientSecret(store.ClientSecret{ClientID: "none"}) },
		"key":        func(tx *store.Tx) error { return tx.CreateSigningKey(store.SigningKey{KID: "k", PoolID: "none"}) },
		"member": func(tx *store.Tx) error {
			_, err := tx.AddMember("p", "none", "none")
			return err
		},
	}
	for what, fn := range orphans {
		is(t, what, try(db, fn), store.ErrNotFound)
	}
}

// subs returns the users a query finds, by the last letters of their subs.
func subs(t *testing.T, db *store.DB, q store.UserQuery) string {
	t.Helper()
	var found []string
	view(t, db, func(tx *store.Tx) error {
		users, keys, err := tx.ListUsers(q)
		if len(users) != len(keys) {
			t.Errorf("%d users but %d keys", len(users), len(keys))
		}
		found = nil
		for _, u := range users {
			found = append(found, u.Sub)
		}
		return err
	})
	return strings.Join(found, " ")
}

func testSearch(t *testing.T, db *store.DB) {
	update(t, db, func(tx *store.Tx) error {
		return errors.Join(tx.CreatePool(newPool("p")), tx.CreatePool(newPool("q")), tx.CreateUser(newUser("q", "zz")))
	})
	users := []struct {
		sub, username, status, email, name string
		enabled                            bool
	}{
		{"a", "bob", "CONFIRMED", "Bob@x.com", "Ärger", true},
		{"b", "Bob", "UNCONFIRMED", "anna@x.com", "anna", false},
		{"c", "carl", "CONFIRMED", "bob@X.com", "", true},
		{"d", "B", "FORCE_CHANGE_PASSWORD", "", "ANNA", false},
		{"e", "bobby", "COMPROMISED", "bobby@x.com", "an", true},
	}
	for _, x := range users {
		u := newUser("p", x.sub)
		u.Username, u.UsernameKey, u.Status, u.Enabled = x.username, x.username, x.status, x.enabled
		u.Attributes = map[string]string{"email": x.email, "name": x.name}
		update(t, db, func(tx *store.Tx) error { return tx.CreateUser(u) })
	}
	for _, test := range []struct{ attribute, op, value, want string }{
		{"", "", "", "a b c d e"},
		{"sub", "=", "c", "c"},
		{"sub", "^=", "c", "c"},
		{"sub", "^=", "", "a b c d e"},
		{"sub", "=", "C", ""},
		{"username", "=", "bob", "a"},
		{"username", "^=", "bob", "a e"},
		{"username", "^=", "B", "d b"},
		{"username", "", "", "d b a e c"},
		{"cognito:user_status", "=", "confirmed", "a c"},
		{"cognito:user_status", "^=", "Con", "a c"},
		{"cognito:user_status", "^=", "co", "e a c"},
		{"status", "=", "Enabled", "a c e"},
		{"status", "=", "Disabled", "b d"},
		{"status", "=", "enabled", ""},
		{"status", "^=", "Dis", "b d"},
		{"status", "^=", "", "b d a c e"},
		{"status", "=", "CONFIRMED", ""},
		{"email", "=", "BOB@x.com", "a c"},
		{"email", "^=", "bob", "a c e"},
		{"email", "^=", "", "b a c e"},
		{"email", "", "", "b a c e"},
		{"name", "^=", "AN", "e b d"},
		{"name", "=", "äRGER", "a"},
		{"phone_number", "^=", "", ""},
		{"given_name", "=", "x", ""},
	} {
		what := fmt.Sprintf("%s %s %q", test.attribute, test.op, test.value)
		q := store.UserQuery{PoolID: "p", Attribute: test.attribute, Op: test.op, Value: test.value, Limit: 60}
		same(t, what, subs(t, db, q), test.want)
	}
	for _, q := range []store.UserQuery{{Attribute: "custom:x", Op: "="}, {Attribute: "email", Op: "<"}, {Attribute: "address"}} {
		err := db.View(t.Context(), func(tx *store.Tx) error {
			_, _, err := tx.ListUsers(q)
			return err
		})
		if err == nil {
			t.Errorf("%+v: no error", q)
		}
	}
}

// testSearchKeptInStep changes a user and looks for what it was and what it is.
func testSearchKeptInStep(t *testing.T, db *store.DB) {
	u := newUser("p", "a")
	find := func(attribute, value, want string) {
		t.Helper()
		same(t, attribute+" "+value, subs(t, db, store.UserQuery{PoolID: "p", Attribute: attribute, Op: "=", Value: value, Limit: 9}), want)
	}
	u.Attributes = map[string]string{"email": "old@x.com", "name": "Same", "given_name": "gone"}
	update(t, db, func(tx *store.Tx) error { return errors.Join(tx.CreatePool(newPool("p")), tx.CreateUser(u)) })
	find("email", "old@x.com", "a")
	u.Attributes = map[string]string{"email": "new@x.com", "name": "SAME", "family_name": "come"}
	update(t, db, func(tx *store.Tx) error { return tx.UpdateUser(u) })
	find("email", "old@x.com", "")
	find("email", "new@x.com", "a")
	find("name", "same", "a")
	find("given_name", "gone", "")
	find("family_name", "come", "a")
	update(t, db, func(tx *store.Tx) error { return tx.DeleteUser("p", "a") })
	find("email", "new@x.com", "")
	same(t, "search rows", rows(t, db)["user_search"], 0)
}

// testSearchPaging pages by every attribute through users most of whom share
// their value, with every small page size.
func testSearchPaging(t *testing.T, db *store.DB) {
	const n = 23
	update(t, db, func(tx *store.Tx) error {
		errs := []error{tx.CreatePool(newPool("p")), tx.CreatePool(newPool("q")), tx.CreateUser(newUser("q", "zz"))}
		for i := range n {
			u := newUser("p", fmt.Sprintf("s%02d", i*7%n))
			u.Username = fmt.Sprint("U", i%4)
			u.Status, u.Enabled = fmt.Sprint("S", i%3), i%2 == 0
			u.Attributes = map[string]string{"email": fmt.Sprint("e", i%5, "@x"), "name": "n"}
			errs = append(errs, tx.CreateUser(u))
		}
		return errors.Join(errs...)
	})
	for _, q := range []store.UserQuery{
		{}, {Attribute: "sub", Op: "^=", Value: "s"}, {Attribute: "username"}, {Attribute: "username", Op: "^=", Value: "U"},
		{Attribute: "status"}, {Attribute: "cognito:user_status", Op: "^=", Value: "s"},
		{Attribute: "email"}, {Attribute: "email", Op: "^=", Value: "e"}, {Attribute: "name", Op: "=", Value: "N"},
	} {
		q.PoolID, q.Limit = "p", 60
		all := strings.Fields(subs(t, db, q))
		same(t, fmt.Sprintf("users by %+v", q), len(all), n)
		for limit := range 6 {
			q.Limit = limit + 1
			same(t, fmt.Sprintf("pages by %+v", q), userPages(t, db, q), all)
		}
	}
}

// userPages pages through a query to its end.
func userPages(t *testing.T, db *store.DB, q store.UserQuery) (all []string) {
	t.Helper()
	for {
		var users []store.User
		var keys []string
		view(t, db, func(tx *store.Tx) (err error) {
			users, keys, err = tx.ListUsers(q)
			return err
		})
		if len(users) == 0 || len(all) > 100 {
			return all
		}
		for _, u := range users {
			all = append(all, u.Sub)
		}
		q.AfterKey, q.AfterSub = keys[len(keys)-1], all[len(all)-1]
	}
}

// testSearchPrefixBytes searches by prefixes that are special to LIKE, to
// collations, to UTF-8 or to the arithmetic of the range.
func testSearchPrefixBytes(t *testing.T, db *store.DB) {
	names := []string{
		"%", "%a", "_", "_a", "a", "a%b", "ab", "a\uD7FF", "a\uD7FFx", "a\uE000", "a\U0010FFFF", "a\U0010FFFFz", "b",
		"ÿ", "ÿÿ", "\u00FF\u0100", "é", "e\u0301", "z\u007F", "z\u0080", "z\u07FF", "z\u0800", "z\uFFFF", "z\U00010000",
		"\U0010FFFF", "\U0010FFFF\U0010FFFF", "\U0010FFFF\U0010FFFFx", "[x]", `\`, `'`, `"`, "a b", "日本", "日本語",
	}
	update(t, db, func(tx *store.Tx) error { return tx.CreatePool(newPool("p")) })
	for i, name := range names {
		u := newUser("p", fmt.Sprintf("s%02d", i))
		u.Attributes = map[string]string{"name": name}
		u.Username = name
		update(t, db, func(tx *store.Tx) error { return tx.CreateUser(u) })
	}
	prefixes := slices.Clone(names)
	for _, name := range names {
		runes := []rune(name)
		prefixes = append(prefixes, string(runes[:1]), name+"\U0010FFFF")
	}
	for _, prefix := range prefixes {
		for _, attribute := range []string{"name", "username"} {
			q := store.UserQuery{PoolID: "p", Attribute: attribute, Op: "^=", Value: prefix, Limit: 60}
			same(t, fmt.Sprintf("%s ^= %q", attribute, prefix), subs(t, db, q), withPrefix(names, prefix))
		}
	}
}

// withPrefix is the plain way to the result: the subs of the names, sorted by byte.
func withPrefix(names []string, prefix string) string {
	type named struct{ name, sub string }
	var found []named
	for i, name := range names {
		if strings.HasPrefix(name, prefix) {
			found = append(found, named{name, fmt.Sprintf("s%02d", i)})
		}
	}
	slices.SortFunc(found, func(a, b named) int {
		return strings.Compare(a.name+"\x00"+a.sub, b.name+"\x00"+b.sub)
	})
	var all []string
	for _, f := range found {
		all = append(all, f.sub)
	}
	return strings.Join(all, " ")
}

// testLongValues stores values beyond what an index row can hold.
func testLongValues(t *testing.T, db *store.DB) {
	// Random enough not to be compressed into fitting.
	long := func(seed int) string {
		var b strings.Builder
		for i := range 2048 {
			b.WriteRune(rune(0x4E00 + (i*i*7919+i*seed)%20000))
		}
		return b.String()
	}
	a, b := newUser("p", "a"), newUser("p", "b")
	a.Attributes = map[string]string{"name": long(1)}
	b.Attributes = map[string]string{"name": long(1)[:6000] + "end"}
	update(t, db, func(tx *store.Tx) error {
		return errors.Join(tx.CreatePool(newPool("p")), tx.CreateUser(a), tx.CreateUser(b),
			tx.SetAlias("p", "email", long(1), "a"), tx.SetAlias("p", "email", long(2), "b"))
	})
	find := func(op, value, want string) {
		t.Helper()
		same(t, op, subs(t, db, store.UserQuery{PoolID: "p", Attribute: "name", Op: op, Value: value, Limit: 9}), want)
	}
	find("=", a.Attributes["name"], "a")
	find("=", b.Attributes["name"], "b")
	find("=", a.Attributes["name"][:3000], "")
	view(t, db, func(tx *store.Tx) error {
		u, err := tx.GetUserByAlias("p", "email", long(2))
		same(t, "user by a long alias", u, b)
		_, none := tx.GetAlias("p", "email", long(3))
		is(t, "another long alias", none, store.ErrNotFound)
		return err
	})
	find("^=", a.Attributes["name"][:768], subs(t, db, store.UserQuery{PoolID: "p", Attribute: "name", Limit: 9}))
}

func testAliases(t *testing.T, db *store.DB) {
	update(t, db, func(tx *store.Tx) error {
		return errors.Join(tx.CreatePool(newPool("p")), tx.CreateUser(newUser("p", "a")), tx.CreateUser(newUser("p", "b")),
			tx.SetAlias("p", "email", "a@x", "a"))
	})
	owner := func(key, want string, wantErr error) {
		t.Helper()
		err := db.View(t.Context(), func(tx *store.Tx) error {
			sub, err := tx.GetAlias("p", "email", key)
			same(t, "owner of "+key, sub, want)
			u, err2 := tx.GetUserByAlias("p", "email", key)
			same(t, "user by "+key, u.Sub, want)
			is(t, "get user by alias", err2, wantErr)
			return err
		})
		is(t, "get alias", err, wantErr)
	}
	owner("a@x", "a", nil)
	owner("A@x", "", store.ErrNotFound)
	is(t, "set again", try(db, func(tx *store.Tx) error { return tx.SetAlias("p", "email", "a@x", "a") }), nil)
	is(t, "set another's", try(db, func(tx *store.Tx) error { return tx.SetAlias("p", "email", "a@x", "b") }), store.ErrExists)
	owner("a@x", "a", nil)
	update(t, db, func(tx *store.Tx) error {
		// A refusal leaves the transaction usable.
		if err := tx.SetAlias("p", "email", "a@x", "b"); !errors.Is(err, store.ErrExists) {
			t.Errorf("set another's: %v", err)
		}
		return tx.MoveAlias("p", "email", "a@x", "b")
	})
	owner("a@x", "b", nil)
	update(t, db, func(tx *store.Tx) error {
		return errors.Join(tx.MoveAlias("p", "email", "new@x", "b"), tx.MoveAlias("p", "phone_number", "+1", "b"), tx.DeleteAlias("p", "email", "a"))
	})
	owner("new@x", "b", nil)
	update(t, db, func(tx *store.Tx) error {
		return errors.Join(tx.DeleteAlias("p", "email", "b"), tx.DeleteAlias("p", "email", "b"))
	})
	owner("a@x", "", store.ErrNotFound)
	owner("new@x", "", store.ErrNotFound)
	view(t, db, func(tx *store.Tx) error {
		_, err := tx.GetAlias("p", "phone_number", "+1")
		return err
	})
}
