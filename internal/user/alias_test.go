package user

import (
	"strings"
	"testing"

	"cognate/internal/pool"
)

// TestAliases: no two users reach one sign-in name, and who takes one over has proven it (checklist 14).
func TestAliases(t *testing.T) {
	o := newOffice(t, aliased("email", "preferred_username"))
	c := o.client(nil)
	first := o.member(c, "first", map[string]string{"email": "shared@b.test"})
	if o.find("SHARED@b.test").Sub != first.Sub {
		t.Error("a verified address is no sign-in name")
	}
	second := o.signedUp(c, "second", map[string]string{"email": "Shared@b.test"})
	code := o.code("shared@b.test")
	wantFault(t, o.confirm(c, "second", code, false), "AliasExistsException", "An account with the email already exists.")
	o.must(o.confirm(c, "second", code, true)) // the refusal did not use it up
	if o.find("shared@b.test").Sub != second || o.find("first").Attributes["email_verified"] != "false" {
		t.Errorf("the name has not moved: %+v", o.find("first"))
	}
	as := func(name string) Self { return Self{Pool: o.pool, Client: c, User: o.find(name)} }
	prefer := func(who, name string) error {
		_, err := o.users.Update(t.Context(), as(who), attributeList(map[string]string{"preferred_username": name}))
		return err
	}
	o.must(prefer("first", "Boss"))
	if u := o.find("BOSS"); u.Sub != first.Sub || u.Attributes["preferred_username"] != "boss" {
		t.Errorf("%+v", u)
	}
	const taken = "An account with the preferred_username already exists."
	for _, name := range []string{"boss", "FIRST", first.Sub} {
		wantFault(t, prefer("second", name), "AliasExistsException", taken)
	}
	wantFault(t, prefer("first", "shared@b.test"), "AliasExistsException", taken)
	for _, name := range []string{"boss", first.Sub, strings.ToUpper(first.Sub)} {
		_, err := o.signUp(c, name, nil)
		wantFault(t, err, "UsernameExistsException", "User already exists")
	}
	// A name that somebody made up does not keep its owner from an address.
	o.must(prefer("first", "third@b.test"))
	third := o.member2(c, "third", "third@b.test")
	if o.find("third@b.test").Sub != third {
		t.Error("an address belongs to who made it up")
	}
	o.must(prefer("first", ""))
	if _, err := o.users.Find(t.Context(), o.pool, "boss"); err == nil {
		t.Error("a name outlives its removal")
	}
}

// member2 is member with the alias taken over.
func (o *office) member2(c *pool.Client, name, email string) (sub string) {
	o.Helper()
	sub = o.signedUp(c, name, map[string]string{"email": email})
	code := o.code(email)
	wantFault(o.T, o.confirm(c, name, code, false), "AliasExistsException", "An account with the email already exists.")
	o.must(o.confirm(c, name, code, true))
	return sub
}
