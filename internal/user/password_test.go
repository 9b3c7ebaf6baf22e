package user

import (
	"bytes"
	"testing"

	"cognate/internal/secret/secrettest"
	"cognate/internal/srp"
	"cognate/internal/store"
)

// TestADumpChecksNoGuess is somebody with a copy of the database, who knows the password, and everything but the
// master key (checklist 1): nothing in the rows tells that password from another.
func TestADumpChecksNoGuess(t *testing.T) {
	o := newOffice(t, verifiesEmail)
	c := o.client(nil)
	for _, name := range []string{"alice", "bob"} {
		o.member(c, name, map[string]string{"email": name + "@b.test"}) // both with the same password
	}
	o.must(o.setPassword("bob", good, true))
	rows := map[string]store.Password{}
	for _, name := range []string{"alice", "bob"} {
		a, err := o.users.SignIn(t.Context(), o.pool, name)
		o.must(err)
		rows[name] = a.Password
		if right, _ := o.signsIn(name, good); !right {
			t.Fatal("the server itself cannot check the password")
		}
	}
	w := rows["alice"]
	guessed := srp.Verifier(srp.PoolName(o.pool.ID), "alice", good, w.Salt)
	if bytes.Contains(w.Sealed, guessed) || bytes.Equal(w.Salt, rows["bob"].Salt) || bytes.Equal(w.Sealed, rows["bob"].Sealed) {
		t.Error("the row shows the verifier, or that two users have one password")
	}
	if a, b := o.users.newPassword(o.pool, o.find("alice"), good, false), o.users.newPassword(o.pool, o.find("alice"), "another, and longer", false); len(a.Sealed) != len(b.Sealed) {
		t.Errorf("%d bytes are kept of one password, %d of another", len(a.Sealed), len(b.Sealed))
	}
	for range 8 {
		keys := secrettest.Keyring(t)
		thief := New(o.db, keys, o.inbox)
		if _, err := thief.Verifier(w); err == nil {
			t.Fatal("another key opens the verifier")
		}
		for _, guess := range []string{good, "another"} {
			if thief.CheckPassword(o.pool, o.find("alice"), w, guess) {
				t.Errorf("a dump tells that the password is %q", guess)
			}
		}
	}
}
