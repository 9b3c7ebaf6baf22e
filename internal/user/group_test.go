package user

import (
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"cognate/api/idp"
	"cognate/internal/store"
)

func (o *office) createGroup(name string) error {
	_, err := o.users.CreateGroup(o.Context(), o.pool, &idp.CreateGroupRequest{GroupName: name})
	return err
}

func (o *office) join(user, group string) error {
	return o.users.AddToGroup(o.Context(), o.pool, user, group)
}

// groups fills the pool with n groups, by the store.
func (o *office) groups(n int) {
	o.Helper()
	o.must(o.db.Update(o.Context(), func(tx *store.Tx) error {
		for i := range n {
			if err := tx.CreateGroup(store.Group{PoolID: o.pool.ID, Name: fmt.Sprintf("g%05d", i)}); err != nil {
				return err
			}
		}
		return nil
	}))
}

// groupsOf are the names of a user's groups, read limit at a time.
func (o *office) groupsOf(user string, limit int64) (names []string) {
	o.Helper()
	page := Page{Limit: &limit}
	for range 1000 {
		groups, next, err := o.users.GroupsOf(o.Context(), o.pool, user, page)
		o.must(err)
		for _, g := range groups {
			names = append(names, g.GroupName)
		}
		if next == "" {
			return names
		}
		page.After = next
	}
	o.Fatal("endless")
	return nil
}

func TestGroupsOfAPoolAreLimited(t *testing.T) {
	o := newOffice(t, nil)
	o.groups(maxGroups - 1)
	o.must(o.createGroup("last"))
	wantFault(t, o.createGroup("one more"), idp.CodeLimitExceeded, "The limit of 10000 groups of a user pool is reached.")
	wantFault(t, o.createGroup("last"), idp.CodeGroupExists, "A group with the name already exists.")
	_, err := o.users.Group(t.Context(), o.pool, "one more")
	wantFault(t, err, idp.CodeResourceNotFound, "Group not found.")
	o.must(newOfficeIn(o, nil).createGroup("first of another pool"))
	o.must(o.users.DeleteGroup(t.Context(), o.pool, "g00000"))
	o.must(o.createGroup("one more"))
}

// TestGroupsOfAUserAreLimited has many ask at once for the last places.
func TestGroupsOfAUserAreLimited(t *testing.T) {
	o := newOffice(t, nil)
	o.create("ann", nil)
	o.groups(maxGroupsOfUser + 10)
	for i := range maxGroupsOfUser - 5 {
		o.must(o.join("ann", fmt.Sprintf("g%05d", i)))
	}
	var in atomic.Int64
	var wg sync.WaitGroup
	for i := maxGroupsOfUser - 5; i < maxGroupsOfUser+10; i++ {
		wg.Go(func() {
			err := o.join("ann", fmt.Sprintf("g%05d", i))
			if err == nil {
				in.Add(1)
				return
			}
			wantFault(t, err, idp.CodeInvalidParameter, "The limit of 100 groups of a user is reached.")
		})
	}
	wg.Wait()
	if names := o.groupsOf("ann", 60); in.Load() != 5 || len(names) != maxGroupsOfUser || !slices.IsSorted(names) {
		t.Errorf("%d came in, and the groups are %d: %v", in.Load(), len(names), names)
	}
	o.must(o.join("ann", "g00000")) // is in it already
	o.must(o.users.RemoveFromGroup(t.Context(), o.pool, "ann", "g00000"))
	o.must(o.join("ann", "g00000"))
}

// TestGroupByAlias adds and removes a user by a sign-in name.
func TestGroupByAlias(t *testing.T) {
	o := newOffice(t, usernames(attrEmail))
	o.create("ann@example.com", nil)
	o.groups(2)
	o.must(o.join("ann@example.com", "g00000"))
	o.must(o.join("ann@example.com", "g00001"))
	o.must(o.users.RemoveFromGroup(t.Context(), o.pool, "ann@example.com", "g00000"))
	if names := o.groupsOf("ann@example.com", 1); !slices.Equal(names, []string{"g00001"}) {
		t.Errorf("ann is in %v", names)
	}
}

func TestMembersByPages(t *testing.T) {
	o := newOffice(t, nil)
	o.groups(2)
	users := crowd(o, 130)
	var want []string
	o.must(o.db.Update(t.Context(), func(tx *store.Tx) error {
		want = nil
		for i, u := range users {
			if i%2 == 0 {
				want = append(want, u.Username)
			}
			if _, err := tx.AddMember(o.pool.ID, fmt.Sprintf("g%05d", i%2), u.Sub); err != nil {
				return err
			}
		}
		return nil
	}))
	for _, limit := range []*int64{nil, new(int64(0)), new(int64(1)), new(int64(13)), new(int64(60))} {
		var got []string
		for page := (Page{Limit: limit}); ; {
			members, next, err := o.users.Members(t.Context(), o.pool, "g00000", page)
			o.must(err)
			for _, m := range members {
				got = append(got, m.Username)
			}
			if next == "" {
				break
			}
			if page.After = next; len(members) != page.size() {
				t.Fatalf("a page of %d, want %d", len(members), page.size())
			}
		}
		if slices.Sort(got); !slices.Equal(got, slices.Sorted(slices.Values(want))) {
			t.Errorf("%d members, want %d", len(got), len(want))
		}
	}
}

func TestUpdateGroupTimes(t *testing.T) {
	o := newOffice(t, nil)
	made, err := o.users.CreateGroup(t.Context(), o.pool, &idp.CreateGroupRequest{GroupName: "g"})
	o.must(err)
	time.Sleep(5 * time.Millisecond)
	changed, err := o.users.UpdateGroup(t.Context(), o.pool, &idp.UpdateGroupRequest{GroupName: "g", Precedence: new(int64(0))})
	o.must(err)
	if created := changed.CreationDate.Sub(made.CreationDate.Time); created.Abs() > time.Millisecond || !changed.LastModifiedDate.After(made.LastModifiedDate.Time) {
		t.Errorf("made %v, then %v; changed %v, then %v", made.CreationDate, changed.CreationDate, made.LastModifiedDate, changed.LastModifiedDate)
	}
}

// TestGroupInAPoolThatWent asks by a pool that has been deleted meanwhile.
func TestGroupInAPoolThatWent(t *testing.T) {
	o := newOffice(t, nil)
	o.must(o.createGroup("g"))
	o.must(o.pools.Delete(t.Context(), o.pool.ID))
	wantFault(t, o.createGroup("h"), idp.CodeResourceNotFound, fmt.Sprintf("User pool %s does not exist.", o.pool.ID))
	wantFault(t, o.users.DeleteGroup(t.Context(), o.pool, "g"), idp.CodeResourceNotFound, "Group not found.")
}
