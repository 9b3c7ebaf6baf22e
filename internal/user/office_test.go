package user

import (
	"errors"
	"testing"

	"cognate/api/idp"
	"cognate/internal/fault"
	"cognate/internal/message/inbox"
	"cognate/internal/pool"
	"cognate/internal/secret/secrettest"
	"cognate/internal/store"
	"cognate/internal/store/sqlite"
)

// office is where an administrator works: a directory, an inbox and a pool.
type office struct {
	*testing.T
	db    *store.DB
	pools *pool.Registry
	users *Directory
	inbox *inbox.Inbox
	pool  *pool.Pool
}

func newOffice(t *testing.T, change func(*idp.CreateUserPoolRequest)) *office {
	t.Helper()
	return newOfficeAt(t, ":memory:", change)
}

func newOfficeAt(t *testing.T, path string, change func(*idp.CreateUserPoolRequest)) *office {
	t.Helper()
	db, err := sqlite.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	keys := secrettest.Keyring(t)
	box := inbox.New()
	o := &office{T: t, db: db, inbox: box, users: New(db, keys, box), pools: pool.New(db, keys, pool.Options{AccountID: "000000000000", Dev: true, Kinds: providerKinds})}
	return newOfficeIn(o, change)
}

// newOfficeIn is an office with the same directory and another pool, without any policy for passwords but
// their length.
func newOfficeIn(o *office, change func(*idp.CreateUserPoolRequest)) *office {
	o.Helper()
	in := &idp.CreateUserPoolRequest{PoolName: "p", Policies: &idp.UserPoolPolicyType{PasswordPolicy: &idp.PasswordPolicyType{MinimumLength: new(int64(8))}}}
	if change != nil {
		change(in)
	}
	next := *o
	p, err := o.pools.Create(o.Context(), "us-east-1", in)
	o.must(err)
	next.pool = p
	return &next
}

func (o *office) must(err error) {
	o.Helper()
	if err != nil {
		o.Fatal(err)
	}
}

func wantFault(t *testing.T, err error, code, text string) {
	t.Helper()
	f, ok := errors.AsType[*fault.Error](err)
	if !ok || f.Code != code || f.Message != text {
		t.Errorf("got %v\nwant %s: %s", err, code, text)
	}
}

func attributeList(m map[string]string) (out []*idp.AttributeType) {
	for _, name := range sorted(m) {
		out = append(out, &idp.AttributeType{Name: name, Value: m[name]})
	}
	return out
}

// create makes a user without telling anybody.
func (o *office) create(name string, attributes map[string]string) store.User {
	o.Helper()
	u, err := o.tryCreate(name, attributes, nil)
	o.must(err)
	return u
}

func (o *office) tryCreate(name string, attributes map[string]string, change func(*idp.AdminCreateUserRequest)) (store.User, error) {
	in := &idp.AdminCreateUserRequest{Username: name, UserAttributes: attributeList(attributes), MessageAction: "SUPPRESS"}
	if change != nil {
		change(in)
	}
	return o.users.AdminCreate(o.Context(), o.pool, in)
}

func told(in *idp.AdminCreateUserRequest)   { in.MessageAction = "" }
func resent(in *idp.AdminCreateUserRequest) { in.MessageAction = "RESEND" }
func forced(in *idp.AdminCreateUserRequest) { in.ForceAliasCreation = new(true) }

func (o *office) find(name string) store.User {
	o.Helper()
	u, err := o.users.Find(o.Context(), o.pool, name)
	o.must(err)
	return u
}

// signsIn reports whether a name and a password go together, and whether the password is temporary.
func (o *office) signsIn(name, password string) (right, temporary bool) {
	o.Helper()
	a, err := o.users.SignIn(o.Context(), o.pool, name)
	if f, ok := errors.AsType[*fault.Error](err); ok && f.Code == idp.CodeUserNotFound {
		return false, false
	}
	o.must(err)
	return o.users.CheckPassword(o.pool, a.User, a.Password, password), a.Password.Temporary
}

func (o *office) setStatus(name, status string) {
	o.Helper()
	u := o.find(name)
	u.Status = status
	o.must(o.db.Update(o.Context(), func(tx *store.Tx) error { return tx.UpdateUser(u) }))
}

func (o *office) update(name string, attributes map[string]string) error {
	return o.users.AdminUpdate(o.Context(), o.pool, &idp.AdminUpdateUserAttributesRequest{Username: name, UserAttributes: attributeList(attributes)})
}

func (o *office) setPassword(name, password string, permanent bool) error {
	return o.users.AdminSetPassword(o.Context(), o.pool, &idp.AdminSetUserPasswordRequest{Username: name, Password: password, Permanent: &permanent})
}

func aliases(attrs ...string) func(*idp.CreateUserPoolRequest) {
	return func(in *idp.CreateUserPoolRequest) { in.AliasAttributes = attrs }
}

func usernames(attrs ...string) func(*idp.CreateUserPoolRequest) {
	return func(in *idp.CreateUserPoolRequest) { in.UsernameAttributes = attrs }
}
