package storetest

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"cognate/internal/store"
)

// wholeUser is a user of the pool p, in the group g, who has one or two of each. Every n makes another.
func wholeUser(n int) store.WholeUser {
	sub := fmt.Sprintf("sub%03d", n)
	current := password(sub, n)
	k := newPasskey("p", sub, "k"+sub)
	return store.WholeUser{
		User: newUser("p", sub), Aliases: []store.Alias{{Attribute: "email", Key: sub + "@example.com"}},
		Password: &current, History: []store.Password{password(sub, n+1), password(sub, n)},
		Token: &store.SoftwareToken{PoolID: "p", Sub: sub, Sealed: []byte{byte(n)}, Name: "phone", Step: int64(n)},
		Codes: []store.Code{
			{PoolID: "p", Sub: sub, Purpose: "kept", Attribute: "0", Hash: []byte{1}, Created: day(n), Expires: day(n + 1)},
		},
		Devices:    []store.Device{newDevice("p", sub, "a"), newDevice("p", sub, "b")},
		Passkeys:   []store.Passkey{k},
		Identities: []store.Identity{newIdentity("p", sub, "", sub), newIdentity("p", sub, "email", sub)},
		Groups:     []string{"g", "h"},
	}
}

// testWholeUsers creates users at once with all that belongs to them, and lists them page by page.
func testWholeUsers(t *testing.T, db *store.DB) {
	const n = 70 // more than one statement takes
	var users []store.WholeUser
	for i := range n {
		users = append(users, wholeUser(i))
	}
	update(t, db, func(tx *store.Tx) error {
		return errors.Join(tx.CreatePool(newPool("p")), tx.CreatePool(newPool("q")), tx.CreateUser(newUser("q", "sub005")),
			tx.CreateGroup(newGroup("p", "g")), tx.CreateGroup(newGroup("p", "h")), tx.CreateUsers(users),
			tx.PutCode(store.Code{PoolID: "p", Sub: "sub001", Purpose: "other", Created: day(1), Expires: day(2)}))
	})
	view(t, db, func(tx *store.Tx) error {
		for after, i := "", 0; ; {
			page, err := tx.ListWholeUsers("p", after, "kept", 30)
			if err != nil {
				return err
			}
			for _, got := range page {
				want := wholeUser(i)
				want.Aliases[0].Key = "" // is not told
				same(t, want.Sub, got, want)
				i++
			}
			if len(page) < 30 {
				same(t, "users", i, n)
				break
			}
			after = page[29].Sub
		}
		alone, err := tx.ListWholeUsers("q", "", "kept", 9)
		same(t, "in another pool", alone, []store.WholeUser{{User: newUser("q", "sub005")}})
		nobody, err2 := tx.ListWholeUsers("x", "", "kept", 9)
		same(t, "in no pool", len(nobody), 0)
		past, err3 := tx.ListPasswordHistory("p", "sub000", 9)
		same(t, "history", past, []store.Password{password("sub000", 0), password("sub000", 1)})
		owner, err4 := tx.GetAlias("p", "email", "sub007@example.com")
		same(t, "alias", owner, "sub007")
		return errors.Join(err, err2, err3, err4)
	})
	held := wholeUser(n)
	held.Identities[0].Value = "sub001"
	is(t, "another's identity", try(db, func(tx *store.Tx) error { return tx.CreateUsers([]store.WholeUser{held}) }), store.ErrExists)
	lost := wholeUser(n)
	lost.Groups = []string{"none"}
	is(t, "no such group", try(db, func(tx *store.Tx) error { return tx.CreateUsers([]store.WholeUser{lost}) }), store.ErrNotFound)
}

// testManyDevices lists the devices of a user that were used last, where there are too many.
func testManyDevices(t *testing.T, db *store.DB) {
	people(t, db)
	update(t, db, func(tx *store.Tx) error {
		for i := range 103 {
			d := newDevice("p", "a", fmt.Sprintf("%03d", i))
			d.Authenticated = day(0).Add(time.Duration(i) * time.Hour)
			if err := tx.CreateDevice(d); err != nil {
				return err
			}
		}
		return tx.CreateDevice(newDevice("p", "b", "only"))
	})
	view(t, db, func(tx *store.Tx) error {
		all, err := tx.ListWholeUsers("p", "", "", 9)
		if err != nil || len(all) != 2 {
			t.Fatal(all, err)
		}
		same(t, "devices", len(all[0].Devices), 100)
		same(t, "left out", all[0].MoreDevices, int64(3))
		oldest := "103"
		for _, d := range all[0].Devices {
			oldest = min(oldest, d.Key)
		}
		same(t, "the oldest that is there", oldest, "003")
		same(t, "devices of another", len(all[1].Devices), 1)
		same(t, "left out of another", all[1].MoreDevices, int64(0))
		return nil
	})
}

func testHeldSubs(t *testing.T, db *store.DB) {
	people(t, db)
	view(t, db, func(tx *store.Tx) error {
		held, err := tx.HeldSubs("p", []string{"a", "user-a", "x", "b"})
		same(t, "held", held, map[string]bool{"a": true, "b": true})
		other, err2 := tx.HeldSubs("q", []string{"a"})
		same(t, "in another pool", len(other), 0)
		return errors.Join(err, err2)
	})
}
