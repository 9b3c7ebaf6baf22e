package user

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"cognate/api/idp"
	"cognate/internal/srp"
	"cognate/internal/store"
)

// Checklist item 9: where a client hides who exists, who is there cannot be told from who is not.
func TestHiddenUsers(t *testing.T) {
	o := newOffice(t, verifiesEmail)
	c := o.client(discreet)
	o.signedUp(c, "alice", map[string]string{"email": "alice@b.test"})
	for _, ask := range []func(string) (*idp.CodeDeliveryDetailsType, error){
		func(name string) (*idp.CodeDeliveryDetailsType, error) { return o.forgot(c, name) },
		func(name string) (*idp.CodeDeliveryDetailsType, error) {
			return o.users.ResendConfirmationCode(t.Context(), o.pool, c, &idp.ResendConfirmationCodeRequest{Username: name})
		},
	} {
		before := time.Now()
		there, err := ask("alice")
		took := time.Since(before)
		o.must(err)
		for _, name := range []string{"nobody", "n@b.test"} {
			before = time.Now()
			one, err := ask(name)
			if slow := time.Since(before); slow < sendingTime || took < sendingTime {
				t.Errorf("answers come early: who exists after %v, who does not after %v", took, slow)
			}
			o.must(err)
			two, _ := ask(name)
			if *one != *two || one.DeliveryMedium != there.DeliveryMedium || len(one.Destination) != len(there.Destination) {
				t.Errorf("%+v, then %+v; of who exists: %+v", one, two, there)
			}
		}
		const beyond = "Attempt limit exceeded, please try after some time."
		for _, name := range []string{"alice", "nobody"} {
			for {
				if _, err := ask(name); err != nil {
					wantFault(t, err, "LimitExceededException", beyond)
					break
				}
			}
		}
	}
	wantFault(t, o.confirm(c, "nobody", "123456", false), "ExpiredCodeException", "Invalid code provided, please request a code again.")
	wantFault(t, o.confirm(o.client(nil), "nobody", "123456", false), "UserNotFoundException", "Username/client id combination not found.")
}

// TestInventedNames: what is invented for a name that nobody has stands for that name wherever it is given, as a
// user's sub does (checklist 9).
func TestInventedNames(t *testing.T) {
	for way, change := range map[string]func(*idp.CreateUserPoolRequest){"user names": usernames("email"), "aliases": aliased("email")} {
		o := newOffice(t, change)
		const name = "nobody@b.test"
		id := o.users.InventedName(o.pool, name)
		if len(id) != 36 || id[14] != '4' || o.users.InventedName(o.pool, name) != id {
			t.Errorf("%s: invented %s", way, id)
		}
		if got := o.users.InventedName(o.pool, id); got != id {
			t.Errorf("%s: of %s comes %s", way, id, got)
		}
		if o.users.Unknown(o.pool, id).Subject != o.users.Unknown(o.pool, name).Subject {
			t.Errorf("%s: %s counts by itself", way, id)
		}
		if upper := strings.ToUpper(id); o.users.InventedName(o.pool, upper) == id && o.pool.CaseSensitive() {
			t.Errorf("%s: %s is %s, where case tells the names of users apart", way, upper, id)
		}
		if sub := uuid.NewString(); way == "user names" && o.users.InventedName(o.pool, sub) == sub {
			t.Error("any id passes for an invented one")
		}
	}
	o := newOffice(t, nil)
	if id := o.users.InventedName(o.pool, strings.Repeat("x", 50<<10)); len(id) != 36 {
		t.Errorf("a name that cannot be is sent back: %d bytes", len(id))
	}
	if id := o.users.InventedName(o.pool, "bob"); id != "bob" {
		t.Errorf("a user name becomes %s", id)
	}
}

// TestInventedCase: where case does not count in names, it does not in invented ones.
func TestInventedCase(t *testing.T) {
	o := newOffice(t, func(in *idp.CreateUserPoolRequest) {
		in.UsernameAttributes, in.UsernameConfiguration = []string{"email"}, &idp.UsernameConfigurationType{}
	})
	id := o.users.InventedName(o.pool, "nobody@b.test")
	for _, same := range []string{"Nobody@B.test", id, strings.ToUpper(id)} {
		if got := o.users.InventedName(o.pool, same); got != id || o.users.Unknown(o.pool, same).Subject != o.users.Unknown(o.pool, id).Subject {
			t.Errorf("%s is %s, want %s", same, got, id)
		}
	}
}

// TestInventedPassword holds that what stands in for a password that is not there takes as much work as a real
// one, and fits none (checklist 9).
func TestInventedPassword(t *testing.T) {
	o := newOffice(t, nil)
	alice := o.member(o.client(nil), "alice", nil)
	real, err := o.users.SignInBySub(t.Context(), o.pool, alice.Sub)
	o.must(err)
	one, two, other := o.users.InventedPassword(o.pool, "nobody"), o.users.InventedPassword(o.pool, "nobody"), o.users.InventedPassword(o.pool, "somebody")
	v, err := o.users.Verifier(one)
	o.must(err)
	same, err := o.users.Verifier(two)
	o.must(err)
	if !bytes.Equal(v, same) || !bytes.Equal(one.Salt, two.Salt) || bytes.Equal(one.Salt, other.Salt) {
		t.Error("the same name must give the same salt and verifier, and another name others")
	}
	if _, err := srp.ParseVerifier(v); err != nil || len(v) != srp.Bytes || len(one.Salt) != len(real.Password.Salt) {
		t.Errorf("%v, a verifier of %d bytes, a salt of %d", err, len(v), len(one.Salt))
	}
	if n := len(one.Sealed) - len(real.Password.Sealed); n < 0 || n > 2 {
		t.Errorf("sealed, it is %d bytes longer than a real one", n)
	}
	if o.users.CheckPassword(o.pool, store.User{}, store.Password{}, "") || o.users.CheckPassword(o.pool, alice, one, good) {
		t.Error("a password fits")
	}
}
