package user

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"

	"cognate/api/idp"
	"cognate/internal/fault"
	"cognate/internal/pool"
	"cognate/internal/srp"
	"cognate/internal/store"
)

const badCode, mismatchText = "CodeMismatchException", "Invalid verification code provided, please try again."

// self is a user who acts for itself.
func (o *office) self(c *pool.Client, name string) Self {
	return Self{Pool: o.pool, Client: c, User: o.find(name)}
}

func (o *office) edit(c *pool.Client, name string, attributes map[string]string) ([]*idp.CodeDeliveryDetailsType, error) {
	return o.users.Update(o.Context(), o.self(c, name), attributeList(attributes))
}

func (o *office) verify(c *pool.Client, name, attr, code string) error {
	return o.users.VerifyAttribute(o.Context(), o.self(c, name), attr, code)
}

// TestOwnAttributes: nobody says of an own address that it is verified (checklist 18), and no refusal leaves half
// of a change.
func TestOwnAttributes(t *testing.T) {
	o := newOffice(t, func(in *idp.CreateUserPoolRequest) {
		ignoresCase(in)
		in.Schema = []*idp.SchemaAttributeType{
			{Name: "email", Required: new(true), Mutable: new(true)},
			{Name: "once", AttributeDataType: "String", Mutable: new(false)},
			{Name: "is_verified", AttributeDataType: "Boolean", Mutable: new(true)},
		}
	})
	c := o.client(nil)
	o.signedUp(c, "alice", map[string]string{"email": "alice@b.test", "custom:once": "x"})
	o.must(o.users.AdminConfirm(t.Context(), o.pool, "alice", nil))
	narrow := o.client(func(in *idp.CreateUserPoolClientRequest) { in.WriteAttributes = []string{"name"} })
	for _, r := range []struct {
		client     *pool.Client
		name       string
		value      string
		code, text string
	}{
		{c, "custom:x", "1", "InvalidParameterException", "user.custom:x: Attribute does not exist in the schema.\n"},
		{c, "custom:once", "y", "InvalidParameterException", "user.custom:once: Attribute cannot be updated.\n"},
		{c, "email", "", "InvalidParameterException", "user.email: Required attribute cannot be deleted.\n"},
		{c, "sub", "x", "InvalidParameterException", "Cannot modify the non-mutable attribute sub"},
		{c, "email_verified", "true", "NotAuthorizedException", "A client attempted to write unauthorized attribute"},
		{narrow, "locale", "pl", "NotAuthorizedException", "A client attempted to write unauthorized attribute"},
	} {
		before := o.find("alice")
		_, err := o.edit(r.client, "alice", map[string]string{"name": "changed", r.name: r.value})
		wantFault(t, err, r.code, r.text)
		if after := o.find("alice"); after.Attributes["name"] != "" || !after.Modified.Equal(before.Modified) {
			t.Errorf("%s: half of it was written: %+v", r.name, after)
		}
	}
	_, err := o.edit(c, "alice", map[string]string{"name": "A", "custom:once": "x", "custom:is_verified": "TRUE", "locale": "pl"})
	o.must(err)
	o.must(o.users.Delete(t.Context(), o.self(c, "alice"), []string{"locale", "custom:is_verified", "nickname"}))
	u := o.find("alice")
	if len(u.Attributes) != 4 || u.Attributes["name"] != "A" || u.Attributes["custom:once"] != "x" || u.Attributes["email"] != "alice@b.test" {
		t.Errorf("%v", u.Attributes)
	}
	wantFault(t, o.users.Delete(t.Context(), o.self(c, "alice"), []string{"name", "email"}), "InvalidParameterException",
		"user.email: Required attribute cannot be deleted.\n")
	reader := o.client(func(in *idp.CreateUserPoolClientRequest) { in.ReadAttributes = []string{"name"} })
	if got := Attributes(o.pool, reader, u); len(got) != 2 || *got[0] != (idp.AttributeType{Name: "sub", Value: u.Sub}) || got[1].Value != "A" {
		t.Errorf("%v", got)
	}
}

func TestNewAddressCountsAtOnce(t *testing.T) {
	o := newOffice(t, aliased("email"))
	c := o.client(nil)
	o.member(c, "alice", map[string]string{"email": "alice@b.test"})
	sent, err := o.edit(c, "alice", map[string]string{"email": "New@b.test"})
	o.must(err)
	if len(sent) != 1 || *sent[0] != (idp.CodeDeliveryDetailsType{AttributeName: "email", DeliveryMedium: "EMAIL", Destination: "n***@b***"}) {
		t.Errorf("%+v", sent)
	}
	for _, name := range []string{"alice@b.test", "new@b.test"} {
		if _, err := o.users.Find(t.Context(), o.pool, name); err == nil {
			t.Errorf("%s is a sign-in name before it is verified", name)
		}
	}
	code := o.code("new@b.test")
	if again, err := o.edit(c, "alice", map[string]string{"email": "new@b.test"}); err != nil || len(again) != 0 {
		t.Errorf("the same address: %v, %v", again, err)
	}
	wantFault(t, o.verify(c, "alice", "email", wrong(code)), badCode, mismatchText)
	o.must(o.verify(c, "alice", "email", code))
	wantFault(t, o.verify(c, "alice", "email", code), "ExpiredCodeException", "Invalid code provided, please request a code again.")
	if u := o.find("new@b.test"); u.Attributes["email_verified"] != "true" {
		t.Errorf("%+v", u)
	}
	// Whoever verifies an address has it: the alias moves, and the other's is not verified any more.
	o.member(c, "bob", map[string]string{"email": "bob@b.test"})
	_, err = o.edit(c, "bob", map[string]string{"email": "new@b.test"})
	o.must(err)
	o.must(o.verify(c, "bob", "email", o.code("new@b.test")))
	if o.find("new@b.test").Username != "bob" || o.find("alice").Attributes["email_verified"] != "false" {
		t.Errorf("%+v", o.find("alice"))
	}
}

// Checklist item 18.
func TestOldAddressHoldsUntilTheNewIsVerified(t *testing.T) {
	o := newOffice(t, func(in *idp.CreateUserPoolRequest) {
		aliased("email")(in)
		in.UserAttributeUpdateSettings = &idp.UserAttributeUpdateSettingsType{AttributesRequireVerificationBeforeUpdate: []string{"email"}}
	})
	c := o.client(nil)
	o.member(c, "alice", map[string]string{"email": "alice@b.test"})
	_, err := o.edit(c, "alice", map[string]string{"email": "new@b.test", "name": "A"})
	o.must(err)
	if u := o.find("alice@b.test"); u.Attributes["email"] != "alice@b.test" || u.Attributes["email_verified"] != "true" || u.Attributes["name"] != "A" {
		t.Errorf("%+v", u)
	}
	_, err = o.users.SendVerification(t.Context(), o.self(c, "alice"), "email")
	o.must(err) // to the address that waits
	if n := len(o.inbox.Messages("new@b.test")); n != 2 {
		t.Errorf("%d codes went to the new address", n)
	}
	o.must(o.verify(c, "alice", "email", o.code("new@b.test")))
	if u := o.find("new@b.test"); u.Attributes["email"] != "new@b.test" || u.Attributes["email_verified"] != "true" {
		t.Errorf("%+v", u)
	}
	if _, err := o.users.Find(t.Context(), o.pool, "alice@b.test"); err == nil {
		t.Error("the old address is a sign-in name still")
	}
	// An address that waits is given up when the address changes on another way.
	_, err = o.edit(c, "alice", map[string]string{"email": "next@b.test"})
	o.must(err)
	o.must(o.update("alice", map[string]string{"email": "other@b.test", "email_verified": "true"}))
	wantFault(t, o.verify(c, "alice", "email", o.code("next@b.test")), "ExpiredCodeException", "Invalid code provided, please request a code again.")
}

func TestVerificationTexts(t *testing.T) {
	o := newOffice(t, verifiesEmail)
	c := o.client(nil)
	o.reachable("alice", "", "")
	for attr, text := range map[string]string{
		"name":         "Invalid attribute name. Only phone_number and email can be verified.",
		"email":        "User does not have a valid registered email address",
		"phone_number": "User does not have a valid registered phone number",
	} {
		_, err := o.users.SendVerification(t.Context(), o.self(c, "alice"), attr)
		wantFault(t, err, "InvalidParameterException", text)
	}
	wantFault(t, o.verify(c, "alice", "name", "123456"), "InvalidParameterException", "Invalid attribute name. Only phone_number and email can be verified.")
	wantFault(t, o.verify(c, "alice", "email", "123456"), "ExpiredCodeException", "Invalid code provided, please request a code again.")
}

func TestSelfServiceLimits(t *testing.T) {
	o := newOffice(t, verifiesEmail)
	c := o.client(nil)
	o.member(c, "alice", map[string]string{"email": "alice@b.test"})
	const beyond = "Attempt limit exceeded, please try after some time."
	send := func() error { _, err := o.users.SendVerification(t.Context(), o.self(c, "alice"), "email"); return err }
	for range 5 {
		o.must(send())
	}
	wantFault(t, send(), "LimitExceededException", beyond)
	for range 15 {
		wantFault(t, o.verify(c, "alice", "email", wrong(o.code("alice@b.test"))), badCode, mismatchText)
	}
	wantFault(t, o.verify(c, "alice", "email", o.code("alice@b.test")), "LimitExceededException", beyond)
	for i := range 20 {
		_, err := o.edit(c, "alice", map[string]string{"email": fmt.Sprintf("a%d@b.test", i)})
		o.must(err)
	}
	_, err := o.edit(c, "alice", map[string]string{"email": "beyond@b.test"})
	wantFault(t, err, "TooManyRequestsException", "Too many requests")
	if got := o.find("alice").Attributes["email"]; got != "a19@b.test" || len(o.inbox.Messages("beyond@b.test")) != 0 {
		t.Errorf("%s: written beyond the limit", got)
	}
	_, err = o.edit(c, "alice", map[string]string{"name": "A"})
	o.must(err) // which sends nothing
	for range 5 {
		err := o.users.ChangePassword(t.Context(), o.self(c, "alice"), good, "short")
		wantFault(t, err, "InvalidPasswordException", "Password does not conform to policy: Password not long enough")
	}
	wantFault(t, o.users.ChangePassword(t.Context(), o.self(c, "alice"), good, "N3w-Horse!"), "LimitExceededException", beyond)
}

func TestChangePassword(t *testing.T) {
	o := newOffice(t, nil)
	c := o.client(nil)
	o.reachable("alice", "alice@b.test", "")
	alice := o.self(c, "alice")
	wantFault(t, o.users.ChangePassword(t.Context(), alice, "wrong", "N3w-Horse!"), "NotAuthorizedException", "Incorrect username or password.")
	wantFault(t, o.users.ChangePassword(t.Context(), alice, "", "N3w-Horse!"), "NotAuthorizedException", "Incorrect username or password.")
	if n := o.counter(alice.User.Sub).Count; n != 2 {
		t.Errorf("%d failures are counted, want 2", n)
	}
	var done atomic.Int64
	var all sync.WaitGroup
	for i := range 3 {
		all.Go(func() {
			err := o.users.ChangePassword(t.Context(), alice, good, fmt.Sprintf("N3w-Horse!%d", i))
			if err == nil {
				done.Add(1)
			} else if f, ok := errors.AsType[*fault.Error](err); !ok || f.Code != idp.CodeNotAuthorized {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if done.Load() != 1 {
		t.Errorf("%d of three changes from one password succeeded", done.Load())
	}
	if n := o.counter(alice.User.Sub).Count; n > 2 {
		t.Errorf("%d failures after a success", n)
	}
}

func TestFirstPassword(t *testing.T) {
	o := newOffice(t, nil)
	o.must(o.users.Seed(t.Context(), o.pool, "alice", "", nil))
	o.must(o.users.ChangePassword(t.Context(), o.self(o.client(nil), "alice"), "", good))
	if right, _ := o.signsIn("alice", good); !right {
		t.Error("the password does not hold")
	}
}

func TestCompleteNewPassword(t *testing.T) {
	o := newOffice(t, func(in *idp.CreateUserPoolRequest) {
		in.Schema = []*idp.SchemaAttributeType{{Name: "email", Required: new(true)}, {Name: "name", Required: new(true), Mutable: new(true)}}
	})
	c := o.client(nil)
	o.create("alice", map[string]string{"name": "A"})
	complete := func(password string, values map[string]string) (*Completion, error) {
		return o.users.CompleteNewPassword(t.Context(), o.pool, c, o.find("alice"), password, values)
	}
	_, err := complete(good, nil)
	wantFault(t, err, "InvalidParameterException", "Invalid attributes given, email is missing")
	_, err = complete(good, map[string]string{"email": "alice@b.test", "name": "B"})
	wantFault(t, err, "InvalidParameterException", "Cannot modify an already provided name")
	_, err = complete("short", map[string]string{"email": "alice@b.test"})
	wantFault(t, err, "InvalidPasswordException", "Password does not conform to policy: Password not long enough")
	first, err := complete(good, map[string]string{"email": "alice@b.test"}) // immutable, but not given yet
	o.must(err)
	second, err := complete("N3w-Horse!", map[string]string{"email": "eve@b.test"})
	o.must(err)
	o.must(o.db.Update(t.Context(), first.Write))
	wantFault(t, o.db.Update(t.Context(), second.Write), "NotAuthorizedException", "Invalid session for the user.")
	u := o.find("alice")
	if right, temporary := o.signsIn("alice", good); !right || temporary || u.Status != "CONFIRMED" || u.Attributes["email"] != "alice@b.test" {
		t.Errorf("%v %v %+v", right, temporary, u)
	}
}

// Checklist items 1 and 15: the file tells neither password nor code, nor what checks a guess.
func TestNothingSecretAtRest(t *testing.T) {
	folder := t.TempDir()
	o := newOfficeAt(t, filepath.Join(folder, "db"), verifiesEmail)
	c := o.client(nil)
	o.member(c, "alice", map[string]string{"email": "alice@b.test"})
	_, err := o.forgot(c, "alice")
	o.must(err)
	a, err := o.users.SignIn(t.Context(), o.pool, "alice")
	o.must(err)
	w := a.Password
	v, err := o.users.Verifier(w)
	o.must(err)
	if !bytes.Equal(v, srp.Verifier(srp.PoolName(o.pool.ID), "alice", good, w.Salt)) || len(w.Salt) != 16 || w.Salt[0] == 0 {
		t.Error("the record is not the verifier of the password")
	}
	files, err := filepath.Glob(filepath.Join(folder, "*"))
	o.must(err)
	for _, file := range files {
		text, err := os.ReadFile(file)
		o.must(err)
		for what, secret := range map[string][]byte{"password": []byte(good), "code": []byte(o.code("alice@b.test")), "verifier": v} {
			if bytes.Contains(text, secret) {
				t.Errorf("%s holds the %s in clear", file, what)
			}
		}
	}
	moved := w
	moved.Sub = "another"
	if _, err := o.users.Verifier(moved); err == nil {
		t.Error("a record can be moved to another user")
	}
}

func TestNothingIsLeftOfAUser(t *testing.T) {
	o := newOffice(t, aliased("email"))
	c := o.client(nil)
	u := o.member(c, "alice", map[string]string{"email": "alice@b.test"})
	o.attempt(o.users, u.Sub, guess)
	_, err := o.forgot(c, "alice")
	o.must(err)
	o.must(o.users.Remove(t.Context(), o.pool, u.Sub))
	wantFault(t, o.users.Remove(t.Context(), o.pool, u.Sub), "UserNotFoundException", "User does not exist.")
	o.must(o.db.View(t.Context(), func(tx *store.Tx) error {
		for _, table := range []string{"users", "user_search", "aliases", "passwords", "password_history", "codes", "counters"} {
			rows, err := tx.Raw().Query("SELECT 1 FROM "+table+" WHERE pool_id = $1", o.pool.ID)
			if err != nil {
				return err
			}
			if rows.Next() {
				t.Errorf("there is a row in %s", table)
			}
			if err := rows.Close(); err != nil {
				return err
			}
		}
		return nil
	}))
	if next := o.member(c, "alice", map[string]string{"email": "alice@b.test"}); next.Sub == u.Sub {
		t.Error("a sub was used again")
	}
}
