package token

import (
	"cmp"
	"math"
	"slices"

	"cognate/internal/store"
)

// maxGroups is how many groups tokens name: a user cannot be in more.
const maxGroups = 100

// holder is whom tokens are made for: the user and its groups, as the tokens order them.
type holder struct {
	store.User
	groups []store.Group
}

// admit returns the groups of a user who signs in, and refuses one who has been disabled since that began.
func admit(tx *store.Tx, u store.User) ([]store.Group, error) {
	enabled, inGroup, err := tx.GetStanding(u.PoolID, u.Sub)
	switch {
	case err != nil:
		return nil, err
	case !enabled:
		return nil, errDisabled
	case !inGroup:
		return nil, nil
	}
	return groupsOf(tx, u.PoolID, u.Sub)
}

// getHolder reads a user and its groups, or returns [store.ErrNotFound].
func getHolder(tx *store.Tx, poolID, sub string) (h holder, err error) {
	var inGroup bool
	if h.User, inGroup, err = tx.GetUserStanding(poolID, sub); err != nil || !inGroup {
		return h, err
	}
	h.groups, err = groupsOf(tx, poolID, sub)
	return h, err
}

// groupsOf reads the groups of a user, the one with the lowest precedence first, those without one last.
func groupsOf(tx *store.Tx, poolID, sub string) ([]store.Group, error) {
	groups, err := tx.ListGroupsOfUser(poolID, sub, "", maxGroups)
	slices.SortStableFunc(groups, func(a, b store.Group) int { return cmp.Compare(rank(a), rank(b)) })
	return groups, err
}

// rank is a group's precedence, in which having none comes after all others.
func rank(g store.Group) int64 {
	if g.Precedence == nil {
		return math.MaxInt64
	}
	return *g.Precedence
}

// groupNames are the value of cognito:groups.
func groupNames(groups []store.Group) []string {
	names := make([]string, len(groups))
	for i, g := range groups {
		names[i] = g.Name
	}
	return names
}

// roles are the value of cognito:roles: each role that a group carries, once. Preferred is that of the
// first such group, empty if another one of the same precedence carries another role.
func roles(groups []store.Group) (all []string, preferred string) {
	var first *store.Group
	for i, g := range groups {
		switch {
		case g.RoleARN == "":
			continue
		case first == nil:
			first, preferred = &groups[i], g.RoleARN
		case rank(g) == rank(*first) && g.RoleARN != first.RoleARN:
			preferred = ""
		}
		if !slices.Contains(all, g.RoleARN) {
			all = append(all, g.RoleARN)
		}
	}
	return all, preferred
}
