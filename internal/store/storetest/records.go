package storetest

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"cognate/internal/store"
)

// people makes the pool p with the users a and b.
func people(t *testing.T, db *store.DB) {
	t.Helper()
	update(t, db, func(tx *store.Tx) error {
		return errors.Join(tx.CreatePool(newPool("p")), tx.CreateClient(newClient("p", "c")),
			tx.CreateUser(newUser("p", "a")), tx.CreateUser(newUser("p", "b")))
	})
}

// testRules changes what users are known by.
func testRules(t *testing.T, db *store.DB) {
	people(t, db)
	view(t, db, func(tx *store.Tx) error {
		rules, err := tx.PoolRules("p")
		same(t, "rules at first", rules, 0)
		_, none := tx.PoolRules("q")
		is(t, "rules of another", none, store.ErrNotFound)
		return err
	})
	is(t, "new rules of another", try(db, func(tx *store.Tx) error { return tx.NewPoolRules("q") }), store.ErrNotFound)
	update(t, db, func(tx *store.Tx) error { return errors.Join(tx.NewPoolRules("p"), tx.NewPoolRules("p")) })
	update(t, db, func(tx *store.Tx) error {
		p, err := tx.GetPool("p")
		same(t, "rules", p.Rules, 2)
		return errors.Join(err, tx.UpdatePool(newPool("p")))
	})
	view(t, db, func(tx *store.Tx) error {
		p, err := tx.GetPool("p")
		same(t, "rules after an update", p.Rules, 2)
		return err
	})
	update(t, db, func(tx *store.Tx) error {
		return errors.Join(tx.SetUsernameKey("p", "a", "other"), tx.SetUsernameKey("p", "a", "other"))
	})
	is(t, "a key in use", try(db, func(tx *store.Tx) error { return tx.SetUsernameKey("p", "b", "other") }), store.ErrExists)
	is(t, "a key of nobody's", try(db, func(tx *store.Tx) error { return tx.SetUsernameKey("p", "c", "free") }), store.ErrNotFound)
	view(t, db, func(tx *store.Tx) error {
		u, err := tx.GetUserByUsername("p", "other")
		same(t, "who has the key", u.Sub, "a")
		_, none := tx.GetUserByUsername("p", "user-a")
		is(t, "the key before", none, store.ErrNotFound)
		return err
	})
}

func testManyAliases(t *testing.T, db *store.DB) {
	people(t, db)
	given := map[string][]store.Alias{"a": {{Attribute: "email", Key: "a@x"}, {Attribute: "phone_number", Key: "+1"}}, "b": {{Attribute: "email", Key: "b@x"}}}
	update(t, db, func(tx *store.Tx) error { return errors.Join(tx.CreateAliases("p", nil), tx.CreateAliases("p", given)) })
	is(t, "again", try(db, func(tx *store.Tx) error { return tx.CreateAliases("p", given) }), store.ErrExists)
	update(t, db, func(tx *store.Tx) error { return tx.DeleteAliases("p", "email") })
	view(t, db, func(tx *store.Tx) error {
		_, none := tx.GetAlias("p", "email", "a@x")
		is(t, "a deleted alias", none, store.ErrNotFound)
		sub, err := tx.GetAlias("p", "phone_number", "+1")
		same(t, "of another attribute", sub, "a")
		return err
	})
}

func password(sub string, n int) store.Password {
	return store.Password{PoolID: "p", Sub: sub, Salt: []byte{byte(n)}, Sealed: []byte{0, byte(n), 255}, Temporary: n%2 == 1, Set: day(n)}
}

func testPasswords(t *testing.T, db *store.DB) {
	people(t, db)
	update(t, db, func(tx *store.Tx) error { return tx.PutPassword(password("a", 1)) })
	update(t, db, func(tx *store.Tx) error { return tx.PutPassword(password("a", 2)) })
	view(t, db, func(tx *store.Tx) error {
		got, err := tx.GetPassword("p", "a")
		same(t, "password", got, password("a", 2))
		_, none := tx.GetPassword("p", "b")
		is(t, "another's", none, store.ErrNotFound)
		return err
	})
}

// testPasswordHistory adds 30 passwords at one and the same time.
func testPasswordHistory(t *testing.T, db *store.DB) {
	people(t, db)
	for i := range 30 {
		update(t, db, func(tx *store.Tx) error {
			p := password("a", i)
			p.Set = day(0)
			return errors.Join(tx.AddPasswordHistory(p), tx.AddPasswordHistory(password("b", i)))
		})
	}
	view(t, db, func(tx *store.Tx) error {
		all, err := tx.ListPasswordHistory("p", "a", 100)
		same(t, "kept", len(all), 24)
		for i, p := range all {
			same(t, fmt.Sprint("password ", i), p.Salt, []byte{byte(29 - i)})
		}
		two, err2 := tx.ListPasswordHistory("p", "b", 2)
		same(t, "the latest two", two, []store.Password{password("b", 29), password("b", 28)})
		return errors.Join(err, err2)
	})
}

func testSignIn(t *testing.T, db *store.DB) {
	people(t, db)
	update(t, db, func(tx *store.Tx) error { return tx.PutPassword(password("a", 1)) })
	view(t, db, func(tx *store.Tx) error {
		a, err := tx.GetSignIn("p", "a")
		same(t, "sign-in", a, store.SignIn{User: newUser("p", "a"), Password: password("a", 1), HasPassword: true})
		byName, err2 := tx.GetSignInByUsername("p", "user-a")
		same(t, "sign-in by name", byName, a)
		b, err3 := tx.GetSignIn("p", "b")
		same(t, "sign-in without a password", b, store.SignIn{User: newUser("p", "b")})
		_, none := tx.GetSignIn("p", "x")
		is(t, "nobody", none, store.ErrNotFound)
		_, none = tx.GetSignInByUsername("p", "x")
		is(t, "nobody by name", none, store.ErrNotFound)
		return errors.Join(err, err2, err3)
	})
	testSignInPasskeys(t, db)
	for _, kind := range []string{"another", store.KindSignIn, store.KindFailures} {
		update(t, db, func(tx *store.Tx) error {
			return tx.PutCounter(store.Counter{PoolID: "p", Subject: "a", Kind: kind, Count: 1, Last: day(0)})
		})
		view(t, db, func(tx *store.Tx) error {
			a, err := tx.GetSignInByUsername("p", "user-a")
			same(t, "failed after "+kind, a.Failed, kind != "another")
			return err
		})
		update(t, db, func(tx *store.Tx) error { return tx.DeleteCounter("p", "a", kind) })
	}
}

// testSignInPasskeys wants a sign-in to know the passkeys of its user, and of no other.
func testSignInPasskeys(t *testing.T, db *store.DB) {
	var want []store.Passkey
	update(t, db, func(tx *store.Tx) error {
		want = nil // it may run twice
		errs := []error{tx.CreatePool(newPool("q")), tx.CreateUser(newUser("q", "a")), tx.CreatePasskey(newPasskey("q", "a", "A"))}
		for i, id := range []string{"A", "a", "b"} {
			k := newPasskey("p", "a", id)
			k.PublicKey, k.SignCount = []byte(id), uint32(1<<32-1-i)
			errs = append(errs, tx.CreatePasskey(k))
			k.Attachment, k.Created = "", time.Time{}
			want = append(want, k)
		}
		return errors.Join(errs...)
	})
	view(t, db, func(tx *store.Tx) error {
		a, err := tx.GetSignIn("p", "a")
		slices.SortFunc(a.Passkeys, func(a, b store.Passkey) int { return strings.Compare(a.ID, b.ID) })
		same(t, "sign-in with passkeys", a, store.SignIn{User: newUser("p", "a"), Password: password("a", 1), HasPassword: true, Passkeys: want})
		byName, err2 := tx.GetSignInByUsername("p", "user-a")
		same(t, "passkeys by name", len(byName.Passkeys), len(want))
		b, err3 := tx.GetSignIn("p", "b")
		same(t, "without", len(b.Passkeys), 0)
		return errors.Join(err, err2, err3)
	})
}

func testCodes(t *testing.T, db *store.DB) {
	people(t, db)
	code := store.Code{PoolID: "p", Sub: "a", Purpose: "verify", Attribute: "email", Hash: []byte{1, 2}, Value: "a@x",
		Destination: "email", Created: day(0), Expires: day(1)}
	other := code
	other.Attribute = "phone_number"
	update(t, db, func(tx *store.Tx) error { return errors.Join(tx.PutCode(code), tx.PutCode(other)) })
	get := func(want store.Code) {
		t.Helper()
		view(t, db, func(tx *store.Tx) error {
			got, err := tx.GetCode(want.PoolID, want.Sub, want.Purpose, want.Attribute)
			same(t, "code", got, want)
			return err
		})
	}
	get(code)
	get(other)
	code.Hash, code.Value, code.Created, code.Expires = []byte{9}, "b@x", day(2), day(3)
	update(t, db, func(tx *store.Tx) error { return tx.PutCode(code) })
	get(code)
	update(t, db, func(tx *store.Tx) error {
		err := errors.Join(tx.DeleteCode("p", "a", "verify", "email"), tx.DeleteCode("p", "a", "verify", "email"))
		_, none := tx.GetCode("p", "a", "verify", "email")
		is(t, "get deleted", none, store.ErrNotFound)
		return err
	})
	get(other)

	reset := other
	reset.Purpose = "reset"
	list := func(purpose string, want ...store.Code) {
		t.Helper()
		view(t, db, func(tx *store.Tx) error {
			got, err := tx.ListCodes("p", "a", purpose)
			same(t, "codes for "+purpose, got, want)
			return err
		})
	}
	update(t, db, func(tx *store.Tx) error { return errors.Join(tx.PutCode(code), tx.PutCode(reset)) })
	list("verify", code, other)
	list("none")
	update(t, db, func(tx *store.Tx) error { return tx.DeleteCodes("p", "a", "verify") })
	list("verify")
	list("reset", reset)
}

func testCounters(t *testing.T, db *store.DB) {
	update(t, db, func(tx *store.Tx) error { return tx.CreatePool(newPool("p")) })
	c := store.Counter{PoolID: "p", Subject: "nobody", Kind: "sign-in", Count: 3, Since: day(0), Until: day(2), Last: day(1)}
	get := func(want store.Counter) {
		t.Helper()
		view(t, db, func(tx *store.Tx) error {
			got, err := tx.GetCounter("p", "nobody", "sign-in")
			same(t, "counter", got, want)
			return err
		})
	}
	zero := store.Counter{PoolID: "p", Subject: "nobody", Kind: "sign-in"}
	get(zero)
	update(t, db, func(tx *store.Tx) error { return tx.PutCounter(c) })
	get(c)
	c.Count, c.Until = 4, time.Time{}
	update(t, db, func(tx *store.Tx) error { return tx.PutCounter(c) })
	get(c)
	update(t, db, func(tx *store.Tx) error {
		return errors.Join(tx.DeleteCounter("p", "nobody", "sign-in"), tx.DeleteCounter("p", "nobody", "sign-in"))
	})
	get(zero)
}

func testFamilies(t *testing.T, db *store.DB) {
	people(t, db)
	f := newFamily("p", "a", "c", "f1")
	update(t, db, func(tx *store.Tx) error { return tx.CreateFamily(f) })
	is(t, "create again", try(db, func(tx *store.Tx) error { return tx.CreateFamily(newFamily("p", "b", "c", "f1")) }), store.ErrExists)
	f.Generation, f.DeviceKey, f.Scopes = 4, "other", "x"
	f.Rotated, f.LastUsed, f.Expires, f.Extra = day(5), day(6), day(31), nil
	update(t, db, func(tx *store.Tx) error { return tx.UpdateFamily(f) })
	get := func(id string, want store.Family) {
		t.Helper()
		view(t, db, func(tx *store.Tx) error {
			got, err := tx.GetFamily(id)
			same(t, "family", got, want)
			return err
		})
	}
	get("f1", f)
	is(t, "update another", try(db, func(tx *store.Tx) error { return tx.UpdateFamily(newFamily("p", "a", "c", "f9")) }), store.ErrNotFound)
	_, none := tx9(t, db)
	is(t, "get another", none, store.ErrNotFound)
	update(t, db, func(tx *store.Tx) error { return tx.RevokeFamily("f1", day(7)) })
	update(t, db, func(tx *store.Tx) error {
		return errors.Join(tx.RevokeFamily("f1", day(8)), tx.RevokeFamily("f9", day(8)))
	})
	f.Revoked = day(7)
	get("f1", f)
	testRevokeFamilies(t, db, f)
}

func tx9(t *testing.T, db *store.DB) (f store.Family, err error) {
	err = db.View(t.Context(), func(tx *store.Tx) (err error) {
		f, err = tx.GetFamily("f9")
		return err
	})
	return f, err
}

// testRevokeFamilies gives a the families f1 (revoked), f2 and F3, and b f4.
func testRevokeFamilies(t *testing.T, db *store.DB, revoked store.Family) {
	update(t, db, func(tx *store.Tx) error {
		return errors.Join(tx.CreateFamily(newFamily("p", "a", "c", "f2")), tx.CreateFamily(newFamily("p", "a", "c", "F3")),
			tx.CreateFamily(newFamily("p", "b", "c", "f4")), tx.RevokeFamilies("p", "a", day(9)))
	})
	view(t, db, func(tx *store.Tx) error {
		ids, err := pages(func(after string) ([]store.Family, error) { return tx.ListFamilies("p", "a", after, 2) }, familyID)
		same(t, "families", ids, []string{"F3", "f1", "f2"})
		all, err2 := tx.ListFamilies("p", "a", "", 10)
		if len(all) == 3 {
			same(t, "revoked before", all[1], revoked)
			same(t, "revoked now", []time.Time{all[0].Revoked, all[2].Revoked}, []time.Time{day(9), day(9)})
		}
		other, err3 := tx.GetFamily("f4")
		same(t, "another's", other, newFamily("p", "b", "c", "f4"))
		return errors.Join(err, err2, err3)
	})
}

// testFamiliesConcurrent has 50 creators of one family, several times: a sign-in is granted by that insert,
// so exactly one of them must get it.
func testFamiliesConcurrent(t *testing.T, db *store.DB) {
	people(t, db)
	for round := range 5 {
		id := fmt.Sprint("family", round)
		var mu sync.Mutex
		won := 0
		together(50, func(int) {
			err := try(db, func(tx *store.Tx) error { return tx.CreateFamily(newFamily("p", "a", "c", id)) })
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				won++
			} else if !errors.Is(err, store.ErrExists) {
				t.Error(err)
			}
		})
		same(t, "winners", won, 1)
		same(t, "families", rows(t, db)["families"], round+1)
	}
}

func testMeta(t *testing.T, db *store.DB) {
	update(t, db, func(tx *store.Tx) error {
		_, err := tx.GetMeta("a")
		is(t, "get", err, store.ErrNotFound)
		return errors.Join(tx.PutMeta("a", []byte{1}), tx.PutMeta("b", []byte{2}), tx.PutMeta("a", []byte{3, 0, 255}))
	})
	view(t, db, func(tx *store.Tx) error {
		a, err := tx.GetMeta("a")
		same(t, "replaced", a, []byte{3, 0, 255})
		b, err2 := tx.GetMeta("b")
		same(t, "the other", b, []byte{2})
		return errors.Join(err, err2)
	})
}

// testSweep makes 7 rows of each kind on either side of its limit.
func testSweep(t *testing.T, db *store.DB) {
	people(t, db)
	update(t, db, func(tx *store.Tx) error {
		var errs []error
		for i := range 14 {
			expires := day(9).Add(time.Duration(i-7) * time.Second) // 7 before day 9
			f := newFamily("p", "a", "c", fmt.Sprint("f", i))
			f.Expires = expires.AddDate(0, 0, -1)
			last := expires.AddDate(0, 0, -1)
			code, browser := newAuthorizationCode("p", "a", "c", fmt.Sprint(i)), newLoginSession("p", "a", fmt.Sprint(i))
			code.Expires, browser.Expires = f.Expires, f.Expires
			errs = append(errs, tx.CreateFamily(f), tx.CreateAuthorizationCode(code), tx.CreateLoginSession(browser),
				tx.UseAssertion("p", "idp", fmt.Sprint(i), f.Expires),
				tx.TakeChallenge(store.Challenge{Flow: fmt.Sprint(i), PoolID: "p", Answered: 1, Expires: expires.Add(-time.Hour)}),
				tx.PutCode(store.Code{PoolID: "p", Sub: "a", Purpose: fmt.Sprint(i), Expires: expires.AddDate(0, 0, -1)}),
				tx.PutCounter(store.Counter{PoolID: "p", Subject: fmt.Sprint(i), Last: last}),
				tx.PutCounter(store.Counter{PoolID: "p", Subject: fmt.Sprint("locked", i), Last: last, Until: day(40)}))
		}
		return errors.Join(errs...)
	})
	total := 0
	for rounds := 0; ; rounds++ {
		n, err := db.Sweep(t.Context(), day(9), 2)
		if err != nil {
			t.Fatal(err)
		}
		if n > 14 {
			t.Errorf("%d rows in one sweep of 2 for each of 7 kinds", n)
		}
		if total += n; n == 0 {
			same(t, "sweeps", rounds, 4)
			break
		}
	}
	same(t, "swept", total, 49)
	left := rows(t, db)
	for table, want := range map[string]int{"codes": 7, "families": 7, "counters": 21, "authorization_codes": 7, "login_sessions": 7, "used_assertions": 7, "challenges": 7, "users": 2} {
		same(t, "left in "+table, left[table], want)
	}
}

// testTimes stores times that are odd for milliseconds in an integer.
func testTimes(t *testing.T, db *store.DB) {
	zone := time.FixedZone("", 3600*5)
	for i, test := range []struct{ in, want time.Time }{
		{time.Time{}, time.Time{}},
		{time.Date(1969, 12, 31, 23, 59, 59, 999_000_000, time.UTC), time.Date(1969, 12, 31, 23, 59, 59, 999_000_000, time.UTC)},
		{time.Date(2026, 2, 3, 4, 5, 6, 789_999_999, zone), time.Date(2026, 2, 2, 23, 5, 6, 789_000_000, time.UTC)},
		{time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)},
	} {
		p := store.Pool{ID: fmt.Sprint("p", i), Created: test.in}
		update(t, db, func(tx *store.Tx) error { return tx.CreatePool(p) })
		view(t, db, func(tx *store.Tx) error {
			got, err := tx.GetPool(p.ID)
			same(t, "time", got.Created, test.want)
			return err
		})
	}
}

// testOddText wants text back as it was, or an error, but never a panic.
func testOddText(t *testing.T, db *store.DB) {
	people(t, db)
	for _, text := range []string{"\x00", "a\x00b", "\xff", "a\xc3", "\xed\xa0\x80"} {
		is(t, "create "+strconv.Quote(text), try(db, func(tx *store.Tx) error { return tx.CreateUser(newUser("p", text)) }), store.ErrText)
		odd := newUser("p", "odd")
		odd.Attributes["custom:x"] = text
		is(t, "create one with "+strconv.Quote(text), try(db, func(tx *store.Tx) error { return tx.CreateUser(odd) }), store.ErrText)
		odd.Sub = "a"
		is(t, "update one to "+strconv.Quote(text), try(db, func(tx *store.Tx) error { return tx.UpdateUser(odd) }), store.ErrText)
		is(t, "half of it", try(db, func(tx *store.Tx) error { // what is ignored is not committed
			_ = tx.CreateUser(newUser("p", text))
			return tx.CreateUser(newUser("p", "half"))
		}), store.ErrText)
		view(t, db, func(tx *store.Tx) error {
			_, none := tx.GetUser("p", text)
			is(t, "get "+strconv.Quote(text), none, store.ErrNotFound)
			_, none = tx.GetUser("p", "half")
			is(t, "get half", none, store.ErrNotFound)
			keys, err := tx.ListPasskeys("p", text, "", 9)
			same(t, "list by "+strconv.Quote(text), len(keys), 0)
			return err
		})
	}
	for i, text := range []string{"\x00", "a\x00b", "\xff", "a\xc3", "\xed\xa0\x80", "'; DROP TABLE users; --", "\u202e", ""} {
		id := fmt.Sprint("pool", i)
		err := try(db, func(tx *store.Tx) error { return tx.CreatePool(store.Pool{ID: id, Name: text, Settings: []byte(text)}) })
		if err != nil {
			continue
		}
		view(t, db, func(tx *store.Tx) error {
			got, err := tx.GetPool(id)
			same(t, "name", got.Name, text)
			same(t, "settings", string(got.Settings), text)
			return err
		})
		u := newUser(id, "u")
		u.Username, u.UsernameKey, u.Attributes = text, text, map[string]string{"name": text, "email": text}
		_ = try(db, func(tx *store.Tx) error { return tx.CreateUser(u) })
		for _, op := range []string{"=", "^="} {
			_ = db.View(t.Context(), func(tx *store.Tx) error {
				_, _, err := tx.ListUsers(store.UserQuery{PoolID: text, Attribute: "name", Op: op, Value: text, Limit: 1})
				return err
			})
		}
	}
	same(t, "users left alone", rows(t, db)["users"] >= 2, true)
}
