package storetest

import (
	"errors"
	"slices"
	"testing"

	"cognate/internal/store"
)

func newGroup(pool, name string) store.Group {
	return store.Group{
		PoolID: pool, Name: name, Description: "all of " + name, RoleARN: "arn:aws:iam::000000000000:role/" + name,
		Precedence: new(int64(3)), Created: day(0), Modified: day(1),
	}
}

func testGroups(t *testing.T, db *store.DB) {
	g := newGroup("p", "a")
	is(t, "create without a pool", try(db, func(tx *store.Tx) error { return tx.CreateGroup(g) }), store.ErrNotFound)
	update(t, db, func(tx *store.Tx) error {
		return errors.Join(tx.CreatePool(newPool("p")), tx.CreatePool(newPool("q")), tx.CreateGroup(g), tx.CreateGroup(newGroup("q", "a")))
	})
	is(t, "create again", try(db, func(tx *store.Tx) error { return tx.CreateGroup(g) }), store.ErrExists)
	getGroup(t, db, g)
	g.Description, g.RoleARN, g.Precedence, g.Modified = "", "", nil, day(5)
	changed := g
	changed.Created = day(9)
	update(t, db, func(tx *store.Tx) error { return tx.UpdateGroup(changed) })
	getGroup(t, db, g)
	getGroup(t, db, newGroup("q", "a"))
	g.Precedence = new(int64(0))
	update(t, db, func(tx *store.Tx) error { return tx.UpdateGroup(g) })
	getGroup(t, db, g)
	view(t, db, func(tx *store.Tx) error {
		_, none := tx.GetGroup("p", "A")
		is(t, "get by another case", none, store.ErrNotFound)
		return nil
	})
	is(t, "update another", try(db, func(tx *store.Tx) error { return tx.UpdateGroup(newGroup("p", "x")) }), store.ErrNotFound)
	is(t, "delete another", try(db, func(tx *store.Tx) error { return tx.DeleteGroup("p", "x") }), store.ErrNotFound)
	testGroupPaging(t, db)
}

func getGroup(t *testing.T, db *store.DB, want store.Group) {
	t.Helper()
	view(t, db, func(tx *store.Tx) error {
		got, err := tx.GetGroup(want.PoolID, want.Name)
		same(t, "group", got, want)
		return err
	})
}

func groupName(g store.Group) string { return g.Name }
func userSub(u store.User) string    { return u.Sub }

// testGroupPaging wants byte order, and no group of another pool.
func testGroupPaging(t *testing.T, db *store.DB) {
	for _, name := range []string{"ä", "B", "b", "c"} {
		update(t, db, func(tx *store.Tx) error { return tx.CreateGroup(newGroup("p", name)) })
	}
	view(t, db, func(tx *store.Tx) error {
		got, err := pages(func(after string) ([]store.Group, error) { return tx.ListGroups("p", after, 2) }, groupName)
		same(t, "groups", got, []string{"B", "a", "b", "c", "ä"})
		n, err2 := tx.CountGroups("p")
		same(t, "count", n, 5)
		none, err3 := tx.ListGroups("p", "", -1)
		same(t, "groups within a limit of -1", len(none), 0)
		return errors.Join(err, err2, err3)
	})
}

func testGroupMembers(t *testing.T, db *store.DB) {
	people(t, db)
	update(t, db, func(tx *store.Tx) error {
		return errors.Join(tx.CreatePool(newPool("q")), tx.CreateUser(newUser("q", "a")), tx.CreateGroup(newGroup("q", "one")),
			tx.CreateGroup(newGroup("p", "one")), tx.CreateGroup(newGroup("p", "two")), tx.CreateGroup(newGroup("p", "three")))
	})
	standing(t, db, "a", false)
	for _, m := range []struct{ pool, group, sub string }{
		{"p", "one", "a"}, {"p", "two", "a"}, {"p", "three", "a"}, {"p", "one", "b"}, {"q", "one", "a"},
	} {
		same(t, "added", addMember(t, db, m.pool, m.group, m.sub), true)
	}
	same(t, "added again", addMember(t, db, "p", "one", "a"), false)
	standing(t, db, "a", true)
	members(t, db, "one", "a", "b")
	members(t, db, "two", "a")
	groupsOf(t, db, "a", "one", "three", "two")
	groupsOf(t, db, "b", "one")

	update(t, db, func(tx *store.Tx) error {
		return errors.Join(tx.RemoveMember("p", "two", "a"), tx.RemoveMember("p", "two", "a"))
	})
	groupsOf(t, db, "a", "one", "three")
	update(t, db, func(tx *store.Tx) error { return tx.DeleteGroup("p", "one") })
	groupsOf(t, db, "a", "three")
	groupsOf(t, db, "b")
	standing(t, db, "b", false)
	update(t, db, func(tx *store.Tx) error { return tx.DeleteUser("p", "a") })
	members(t, db, "three")
	view(t, db, func(tx *store.Tx) error {
		twin, err := tx.ListMembers("q", "one", "", 9)
		same(t, "the namesakes elsewhere", twin, []store.User{newUser("q", "a")})
		return err
	})
}

func addMember(t *testing.T, db *store.DB, pool, group, sub string) (added bool) {
	t.Helper()
	update(t, db, func(tx *store.Tx) (err error) {
		added, err = tx.AddMember(pool, group, sub)
		return err
	})
	return added
}

// members checks who is in a group of the pool p, page by page.
func members(t *testing.T, db *store.DB, group string, want ...string) {
	t.Helper()
	view(t, db, func(tx *store.Tx) error {
		got, err := pages(func(after string) ([]store.User, error) { return tx.ListMembers("p", group, after, 1) }, userSub)
		same(t, "members of "+group, got, want)
		all, err2 := tx.ListMembers("p", group, "", 9)
		for _, u := range all {
			same(t, "member", u, newUser("p", u.Sub))
		}
		return errors.Join(err, err2)
	})
}

// groupsOf checks the groups of a user of the pool p, page by page.
func groupsOf(t *testing.T, db *store.DB, sub string, want ...string) {
	t.Helper()
	view(t, db, func(tx *store.Tx) error {
		got, err := pages(func(after string) ([]store.Group, error) { return tx.ListGroupsOfUser("p", sub, after, 2) }, groupName)
		same(t, "groups of "+sub, got, want)
		n, err2 := tx.CountGroupsOfUser("p", sub)
		same(t, "count", int(n), len(want))
		all, err3 := tx.ListGroupsOfUser("p", sub, "", 9)
		for _, g := range all {
			same(t, "group", g, newGroup("p", g.Name))
		}
		return errors.Join(err, err2, err3)
	})
}

// standing checks what tokens are made from, of a user of the pool p who may sign in.
func standing(t *testing.T, db *store.DB, sub string, want bool) {
	t.Helper()
	view(t, db, func(tx *store.Tx) error {
		enabled, inGroup, err := tx.GetStanding("p", sub)
		same(t, "enabled", enabled, true)
		same(t, "in a group", inGroup, want)
		u, inGroup, err2 := tx.GetUserStanding("p", sub)
		same(t, "user", u, newUser("p", sub))
		same(t, "user in a group", inGroup, want)
		return errors.Join(err, err2)
	})
}

// testGroupCascade deletes what memberships hang on.
func testGroupCascade(t *testing.T, db *store.DB) {
	update(t, db, func(tx *store.Tx) error { return errors.Join(fill(tx, "p"), fill(tx, "q")) })
	before := rows(t, db)
	update(t, db, func(tx *store.Tx) error { return tx.DeleteGroup("p", "group-p") })
	for table, n := range rows(t, db) {
		want := before[table]
		if slices.Contains([]string{"user_groups", "group_members"}, table) {
			want /= 2
		}
		same(t, "rows of "+table, n, want)
	}
}
