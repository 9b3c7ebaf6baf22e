package user

import (
	"fmt"
	"testing"

	"cognate/api/idp"
	"cognate/internal/pool"
	"cognate/internal/store"
)

// remade changes the office's pool and reads it again.
func (o *office) remade(m pool.Remake) *pool.Pool {
	o.Helper()
	out, err := o.users.Remake(o.Context(), o.pools, o.pool.ID, m, false)
	o.must(err)
	if !out.Applied {
		o.Fatalf("got %+v, want a change", out)
	}
	p, err := o.pools.Pool(o.Context(), o.pool.ID)
	o.must(err)
	return p
}

func (o *office) created(p *pool.Pool, name string, attributes map[string]string) error {
	_, err := o.users.AdminCreate(o.Context(), p, &idp.AdminCreateUserRequest{
		Username: name, MessageAction: idp.MessageActionTypeSuppress, UserAttributes: attributeList(attributes),
	})
	return err
}

// TestRemakeMany gives more users than fit into a page a name, and finds each of the conflicts.
func TestRemakeMany(t *testing.T) {
	o := newOffice(t, nil)
	const n = 2*remakePage + 10
	for i := range n {
		o.must(o.created(o.pool, fmt.Sprintf("user%d", i), map[string]string{"email": fmt.Sprintf("u%d@example.com", i), "email_verified": "true"}))
	}
	twins := []string{"Twin0@example.com", "twin0@example.com", "twin0@Example.com"}
	for i, address := range twins {
		o.must(o.created(o.pool, fmt.Sprintf("twin%d", i), map[string]string{"email": address, "email_verified": "true"}))
	}
	m := pool.Remake{CaseSensitive: new(false), AliasAttributes: []string{"email"}}
	out, err := o.users.Remake(t.Context(), o.pools, o.pool.ID, m, true)
	o.must(err)
	if out.Applied || out.UserCount != n+3 || out.ConflictCount != 2 {
		t.Fatalf("got %d users and %d conflicts, applied %v", out.UserCount, out.ConflictCount, out.Applied)
	}
	for i := range twins[1:] {
		o.must(o.users.AdminDelete(t.Context(), o.pool, fmt.Sprintf("twin%d", i)))
	}
	p := o.remade(m)
	for _, i := range []int{0, remakePage, n - 1} {
		u, err := o.users.Find(t.Context(), p, fmt.Sprintf("U%d@EXAMPLE.com", i))
		o.must(err)
		if want := fmt.Sprintf("user%d", i); u.Username != want {
			t.Errorf("found %s, want %s", u.Username, want)
		}
	}
}

// TestRemakeRace refuses what a request would write by rules that have changed since it read them.
func TestRemakeRace(t *testing.T) {
	o := newOffice(t, func(in *idp.CreateUserPoolRequest) { in.AutoVerifiedAttributes = []string{"email"} })
	old := o.pool
	o.must(o.created(old, "alice", nil))
	p := o.remade(pool.Remake{CaseSensitive: new(false)})
	const text = "The user pool has just been changed. Please try again."
	wantFault(t, o.created(old, "Alice", nil), idp.CodeInternalError, text)
	u, err := o.users.Find(t.Context(), p, "ALICE")
	o.must(err)
	err = o.users.AdminUpdate(t.Context(), old, &idp.AdminUpdateUserAttributesRequest{
		Username: u.Username, UserAttributes: attributeList(map[string]string{"name": "A"}),
	})
	wantFault(t, err, idp.CodeInternalError, text)
	r, err := o.users.Recruit(old, vouched("Bob", "bob@example.com"))
	o.must(err)
	err = o.db.Update(t.Context(), func(tx *store.Tx) error {
		_, err := o.users.Enlist(tx, old, []Recruit{r})
		return err
	})
	wantFault(t, err, idp.CodeInternalError, text)
	o.must(o.created(p, "Bob", nil))
}
