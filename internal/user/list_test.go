package user

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"cognate/api/idp"
	"cognate/internal/store"
)

// crowd puts n users into the office's pool, of which one in ten has no attributes.
func crowd(o *office, n int) (users []store.User) {
	o.Helper()
	for i := range n {
		u := store.User{
			PoolID: o.pool.ID, Sub: fmt.Sprintf("%08x-0000-4000-8000-%012x", uint32(i*2654435761), i),
			Username: fmt.Sprintf("User%03d", i*7%n), Status: idp.UserStatusTypeConfirmed, Enabled: i%3 != 0,
			Created: time.Now(), Modified: time.Now(), Attributes: map[string]string{},
		}
		if i%4 == 0 {
			u.Status = idp.UserStatusTypeUnconfirmed
		}
		u.UsernameKey = u.Username
		if i%10 != 0 {
			u.Attributes = map[string]string{
				"email": fmt.Sprintf("Mail%d@example.com", i*13%n), "phone_number": fmt.Sprintf("+49%d", i),
				"name": []string{"Ann", "ann", "Bob", "Élise"}[i%4], "given_name": fmt.Sprint("G", i%7),
				"family_name": strings.Repeat("f", i%5+1), "preferred_username": fmt.Sprint("p%_", i),
			}
		}
		users = append(users, u)
	}
	o.must(o.db.Update(o.Context(), func(tx *store.Tx) error {
		for _, u := range users {
			if err := tx.CreateUser(u); err != nil {
				return err
			}
		}
		return nil
	}))
	return users
}

// pages lists all users that a filter finds, limit at a time.
func (o *office) pages(filter string, limit int64) (found []*idp.UserType) {
	o.Helper()
	after := ""
	for range 1000 {
		users, next, err := o.users.List(o.Context(), o.pool, &idp.ListUsersRequest{Filter: filter, Limit: &limit}, after)
		o.must(err)
		if int64(len(users)) > limit || next != "" && int64(len(users)) != limit {
			o.Errorf("%s: a page of %d for a limit of %d", filter, len(users), limit)
		}
		found = append(found, users...)
		if next == "" {
			return found
		}
		after = next
	}
	o.Fatalf("%s: endless", filter)
	return nil
}

func value(u *idp.UserType, attr string) string {
	switch attr {
	case "username":
		return u.Username
	case "cognito:user_status":
		return u.UserStatus
	case "status":
		return map[bool]string{true: "Enabled", false: "Disabled"}[*u.Enabled]
	}
	for _, a := range u.Attributes {
		if a.Name == attr {
			return strings.ToLower(a.Value)
		}
	}
	return ""
}

func TestListPagesHaveNeitherGapsNorDoubles(t *testing.T) {
	o := newOffice(t, nil)
	crowd(o, 200)
	all := o.pages("", 60)
	if len(all) != 200 {
		t.Fatalf("%d users of 200", len(all))
	}
	conditions := map[string][]string{
		"username": {`= "User007"`, `^= "User1"`, `^= ""`}, "email": {`= "mAIL13@example.com"`, `^= "mail1"`, `^= ""`},
		"phone_number": {`= "+4911"`, `^= "+491"`}, "name": {`= "ANN"`, `^= "a"`, `= "éLISE"`, `^= "É"`},
		"given_name": {`= "g3"`, `^= "g"`}, "family_name": {`= "ff"`, `^= "ff"`},
		"preferred_username":  {`= "p%_1"`, `^= "p%_1"`, `^= "p%"`, `^= "%"`},
		"sub":                 {`= "` + all[50].Attributes[0].Value + `"`, `^= "0"`, `^= "A"`, `^= ""`},
		"cognito:user_status": {`= "confirmed"`, `^= "un"`, `^= ""`}, "status": {`= "Enabled"`, `= "Disabled"`, `= "enabled"`, `^= "Dis"`, `^= ""`},
	}
	for _, attr := range searchable {
		if len(conditions[attr]) == 0 {
			t.Errorf("no search by %s", attr)
		}
		for _, condition := range conditions[attr] {
			want := expected(t, all, attr+condition)
			for _, limit := range []int64{1, 7, 59, 60} {
				got := o.pages(attr+" "+condition, limit)
				if err := sameUsers(got, want, attr); err != nil {
					t.Errorf("%s %s by %d: %v", attr, condition, limit, err)
				}
			}
		}
	}
}

// expected finds the users that fit a condition by looking at each.
func expected(t *testing.T, all []*idp.UserType, condition string) (fit []*idp.UserType) {
	f, err := parseFilter(condition)
	if err != nil {
		t.Fatal(err)
	}
	want := f.value
	switch f.attr {
	case "username", "status":
	case "cognito:user_status":
		want = strings.ToUpper(want)
	default:
		want = strings.ToLower(want)
	}
	for _, u := range all {
		v := value(u, f.attr)
		if v != "" && (v == want || f.op == "^=" && strings.HasPrefix(v, want)) {
			fit = append(fit, u)
		}
	}
	slices.SortStableFunc(fit, func(a, b *idp.UserType) int {
		return cmp.Or(cmp.Compare(value(a, f.attr), value(b, f.attr)), cmp.Compare(value(a, "sub"), value(b, "sub")))
	})
	return fit
}

func sameUsers(got, want []*idp.UserType, attr string) error {
	if len(got) != len(want) {
		return fmt.Errorf("%d users, want %d", len(got), len(want))
	}
	for i := range got {
		if value(got[i], "sub") != value(want[i], "sub") {
			return fmt.Errorf("user %d is %q, want %q", i, value(got[i], attr), value(want[i], attr))
		}
	}
	return nil
}

func TestListPageSize(t *testing.T) {
	o := newOffice(t, nil)
	if users, next, err := o.users.List(t.Context(), o.pool, &idp.ListUsersRequest{}, ""); err != nil || users == nil || len(users) != 0 || next != "" {
		t.Errorf("an empty pool: %v, %q, %v", users, next, err)
	}
	crowd(o, 61)
	for limit, want := range map[int64]int{-1: 60, 0: 60, 1: 1, 60: 60, 1000: 60} {
		in := &idp.ListUsersRequest{Limit: &limit}
		if limit < 0 {
			in.Limit = nil
		}
		users, next, err := o.users.List(t.Context(), o.pool, in, "")
		if err != nil || len(users) != want || next == "" {
			t.Errorf("limit %d: %d users, next %q, %v", limit, len(users), next, err)
		}
	}
	// The last page is known to be the last, also when it is full.
	if n := len(o.pages("", 60)); n != 61 {
		t.Errorf("%d users", n)
	}
	if users, next, err := o.users.List(t.Context(), o.pool, &idp.ListUsersRequest{Filter: `status = "Enabled"`, Limit: new(int64(40))}, ""); err != nil || len(users) != 40 || next != "" {
		t.Errorf("40 of 40: %d, %q, %v", len(users), next, err)
	}
}

func TestListSeesOnlyItsPool(t *testing.T) {
	o := newOffice(t, nil)
	crowd(o, 5)
	other := newOfficeIn(o, nil)
	if users := other.pages("", 60); len(users) != 0 {
		t.Errorf("%d users of another pool", len(users))
	}
	if users := other.pages(`email ^= "mail"`, 60); len(users) != 0 {
		t.Errorf("%d users of another pool by e-mail", len(users))
	}
}

func TestAttributesToGet(t *testing.T) {
	o := newOffice(t, func(in *idp.CreateUserPoolRequest) {
		in.Schema = []*idp.SchemaAttributeType{{Name: "x", AttributeDataType: "String", Mutable: new(true)}}
	})
	o.create("ann", map[string]string{"email": "ann@example.com", "name": "Ann"})
	o.create("bob", map[string]string{"email": "bob@example.com"})
	list := func(filter string, names ...string) ([]*idp.UserType, error) {
		users, _, err := o.users.List(t.Context(), o.pool, &idp.ListUsersRequest{Filter: filter, AttributesToGet: names}, "")
		return users, err
	}
	for _, names := range [][]string{{"email"}, {"email", "sub", "email"}, {"sub"}} {
		users, err := list("", names...)
		if err != nil || len(users) != 2 {
			t.Fatalf("%v: %v", names, err)
		}
		for _, u := range users {
			var got []string
			for _, a := range u.Attributes {
				got = append(got, a.Name)
			}
			slices.Sort(got)
			if !slices.Equal(got, slices.Compact(slices.Sorted(slices.Values(names)))) {
				t.Errorf("%v: got %v", names, got)
			}
		}
	}
	if users, err := list(`username = "ann"`, "name"); err != nil || value(users[0], "name") != "ann" {
		t.Errorf("a value that the one user found has: %v", err)
	}
	const text = "One or more requested attributes do not exist."
	for _, name := range []string{"name", "custom:x", "nonsense", "username", ""} {
		_, err := list("", name)
		wantFault(t, err, idp.CodeInvalidParameter, text)
	}
	_, err := list(`username = "nobody"`, "nonsense")
	wantFault(t, err, idp.CodeInvalidParameter, text)
	if users, err := list(`username = "nobody"`, "custom:x"); err != nil || len(users) != 0 {
		t.Errorf("nobody to lack the attribute: %v", err)
	}
	_, err = list(`custom:x = "1"`)
	wantFault(t, err, idp.CodeInvalidParameter, "Invalid search attribute: custom:x")
}

func TestUserType(t *testing.T) {
	o := newOffice(t, nil)
	o.create("Ann", map[string]string{"email": "a@b.c", "email_verified": "TRUE"})
	got := o.pages("", 1)[0]
	u := o.find("Ann")
	if got.Username != "Ann" || got.UserStatus != "FORCE_CHANGE_PASSWORD" || !*got.Enabled || got.UserCreateDate.Time != u.Created || got.UserLastModifiedDate.Time != u.Modified || got.MFAOptions != nil {
		t.Errorf("%+v", got)
	}
	want := []idp.AttributeType{{Name: "sub", Value: u.Sub}, {Name: "email", Value: "a@b.c"}, {Name: "email_verified", Value: "true"}}
	for i, a := range got.Attributes {
		if i >= len(want) || *a != want[i] {
			t.Errorf("attribute %d is %+v", i, *a)
		}
	}
}
