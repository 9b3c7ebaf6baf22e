package token_test

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	"cognate/internal/store"
)

const (
	groupsClaim    = "cognito:groups"
	rolesClaim     = "cognito:roles"
	preferredClaim = "cognito:preferred_role"
)

func role(name string) string { return "arn:aws:iam::111122223333:role/" + name }

// group is a group the user is in: rank is its precedence, none when negative, and role its role's name.
type group struct {
	name string
	rank int64
	role string
}

// join puts the user into groups that it makes.
func (h *house) join(groups ...group) {
	h.Helper()
	h.must(h.db.Update(h.Context(), func(tx *store.Tx) error {
		for _, g := range groups {
			row := store.Group{PoolID: h.pool.ID, Name: g.name}
			if g.rank >= 0 {
				row.Precedence = &g.rank
			}
			if g.role != "" {
				row.RoleARN = role(g.role)
			}
			if err := tx.CreateGroup(row); err != nil {
				return err
			}
			if _, err := tx.AddMember(h.pool.ID, g.name, h.user.Sub); err != nil {
				return err
			}
		}
		return nil
	}))
}

// list is a claim's value as JSON decodes it, nil for none.
func list(values ...string) any {
	if len(values) == 0 {
		return nil
	}
	out := make([]any, len(values))
	for i, v := range values {
		out[i] = v
	}
	return out
}

func wantClaim(t *testing.T, claims map[string]any, name string, want any) {
	t.Helper()
	if !reflect.DeepEqual(claims[name], want) {
		t.Errorf("%s is %v, want %v", name, claims[name], want)
	}
}

// TestGroupClaims covers the order of groups, and by which precedence a role is preferred (checklist 58).
func TestGroupClaims(t *testing.T) {
	for name, tt := range map[string]struct {
		groups       []group
		names, roles any
		preferred    any
	}{
		"none":                      {nil, list(), list(), nil},
		"one without a role":        {[]group{{"a", -1, ""}}, list("a"), list(), nil},
		"one without a precedence":  {[]group{{"a", -1, "r"}}, list("a"), list(role("r")), role("r")},
		"by precedence, then name":  {[]group{{"a", -1, ""}, {"b", 7, ""}, {"c", 0, ""}, {"d", 7, ""}, {"e", -1, ""}}, list("c", "b", "d", "a", "e"), list(), nil},
		"the lowest role":           {[]group{{"a", 2, "x"}, {"b", 1, "y"}}, list("b", "a"), list(role("y"), role("x")), role("y")},
		"the lowest with a role":    {[]group{{"a", 2, "x"}, {"b", 1, ""}, {"c", 3, "z"}}, list("b", "a", "c"), list(role("x"), role("z")), role("x")},
		"a precedence before none":  {[]group{{"a", -1, "x"}, {"b", 2147483647, "y"}}, list("b", "a"), list(role("y"), role("x")), role("y")},
		"a tie of one role":         {[]group{{"a", 1, "x"}, {"b", 1, "x"}, {"c", 2, "z"}}, list("a", "b", "c"), list(role("x"), role("z")), role("x")},
		"a tie of two roles":        {[]group{{"a", 1, "x"}, {"b", 1, "y"}}, list("a", "b"), list(role("x"), role("y")), nil},
		"a tie of three, two alike": {[]group{{"a", 1, "x"}, {"b", 1, "y"}, {"c", 1, "x"}}, list("a", "b", "c"), list(role("x"), role("y")), nil},
		"a tie without precedence":  {[]group{{"a", -1, "x"}, {"b", -1, "y"}}, list("a", "b"), list(role("x"), role("y")), nil},
		"a tie further down":        {[]group{{"a", 1, "x"}, {"b", 2, "y"}, {"c", 2, "z"}}, list("a", "b", "c"), list(role("x"), role("y"), role("z")), role("x")},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t)
			h.join(tt.groups...)
			out := h.issue()
			access, id := claims(t, out.Access), claims(t, out.ID)
			wantClaim(t, access, groupsClaim, tt.names)
			wantClaim(t, id, groupsClaim, tt.names)
			wantClaim(t, id, rolesClaim, tt.roles)
			wantClaim(t, id, preferredClaim, tt.preferred)
			wantClaim(t, access, rolesClaim, nil)
			wantClaim(t, access, preferredClaim, nil)
		})
	}
}

// TestRefreshReadsGroupsAnew follows a user into a group and out of it again.
func TestRefreshReadsGroupsAnew(t *testing.T) {
	h := newHouse(t)
	first := h.issue()
	wantClaim(t, claims(t, first.Access), groupsClaim, nil)
	h.join(group{"a", 1, "x"})
	in, err := h.refresh(first.Refresh)
	h.must(err)
	wantClaim(t, claims(t, in.Access), groupsClaim, list("a"))
	wantClaim(t, claims(t, in.ID), preferredClaim, role("x"))
	h.must(h.db.Update(t.Context(), func(tx *store.Tx) error { return tx.RemoveMember(h.pool.ID, "a", h.user.Sub) }))
	out, err := h.refresh(first.Refresh)
	h.must(err)
	wantClaim(t, claims(t, out.Access), groupsClaim, nil)
	wantClaim(t, claims(t, out.ID), rolesClaim, nil)
}

// TestManyGroups fills the claim to its limit.
func TestManyGroups(t *testing.T) {
	h := newHouse(t)
	var names []string
	for i := range 100 {
		names = append(names, fmt.Sprintf("group-%03d", i))
		h.join(group{names[i], 1, ""})
	}
	wantClaim(t, claims(t, h.issue().ID), groupsClaim, list(names...))
}

// TestGroupsCost counts the statements about groups: they are read only for those who are in one.
func TestGroupsCost(t *testing.T) {
	h := newHouse(t)
	first := h.issue()
	counted := func(run func()) (all, groups int) {
		h.db.Trace(func(query string, _ []any) {
			all++
			if strings.Contains(query, "JOIN user_groups") {
				groups++
			}
		})
		defer h.db.Trace(nil)
		run()
		return all, groups
	}
	issue := func() { h.issue() }
	refresh := func() {
		_, err := h.refresh(first.Refresh)
		h.must(err)
	}
	for name, tt := range map[string]struct {
		run  func()
		bare int
	}{"issue": {issue, 2}, "refresh": {refresh, 2}} {
		if all, groups := counted(tt.run); all != tt.bare || groups != 0 {
			t.Errorf("%s without groups: %d statements, %d of them for groups, want %d and 0", name, all, groups, tt.bare)
		}
	}
	h.join(group{"a", 1, ""}, group{"b", 2, ""})
	for name, run := range map[string]func(){"issue": issue, "refresh": refresh} {
		if all, groups := counted(run); all != 3 || groups != 1 {
			t.Errorf("%s with groups: %d statements, %d of them for groups, want 3 and 1", name, all, groups)
		}
	}
}

// TestGroupsOfOtherPools keeps a namesake's groups out: the same sub in another pool.
func TestGroupsOfOtherPools(t *testing.T) {
	h := newHouse(t)
	other := *h
	other.pool = h.newPool("us-east-1_Tokens2")
	other.user.PoolID = other.pool.ID
	h.must(h.db.Update(t.Context(), func(tx *store.Tx) error { return tx.CreateUser(other.user) }))
	other.join(group{"admins", 1, "x"})
	wantClaim(t, claims(t, h.issue().Access), groupsClaim, nil)
	h.join(group{"admins", 1, "y"})
	id := claims(t, h.issue().ID)
	wantClaim(t, id, groupsClaim, list("admins"))
	wantClaim(t, id, rolesClaim, list(role("y")))
}
