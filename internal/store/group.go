package store

import (
	"database/sql"
	"fmt"
	"time"
)

// Group is a group of a pool's users. Precedence is nil when the group has none, RoleARN empty when it
// carries no role.
type Group struct {
	PoolID, Name, Description, RoleARN string
	Precedence                         *int64
	Created, Modified                  time.Time
}

const groupColumns = `g.pool_id, g.name, g.description, g.role_arn, g.precedence, g.created, g.modified`

func (g *Group) scan(r *sql.Rows) error {
	return r.Scan(&g.PoolID, &g.Name, &g.Description, &g.RoleARN, &g.Precedence, when(&g.Created), when(&g.Modified))
}

// CreateGroup inserts a group; ErrExists when the pool has one of that name, ErrNotFound when the pool is
// not there.
func (t *Tx) CreateGroup(g Group) error {
	return t.create("create group", `
		INSERT INTO user_groups (pool_id, name, description, role_arn, precedence, created, modified)
		VALUES ($1, $2, $3, $4, $5, $6, $7)
		ON CONFLICT DO NOTHING`,
		g.PoolID, g.Name, g.Description, g.RoleARN, g.Precedence, millis(g.Created), millis(g.Modified))
}

// GetGroup returns a group, or ErrNotFound.
func (t *Tx) GetGroup(poolID, name string) (g Group, err error) {
	err = get(t, "get group", g.scan,
		`SELECT `+groupColumns+` FROM user_groups g WHERE g.pool_id = $1 AND g.name = $2`, poolID, name)
	return g, err
}

// UpdateGroup writes Description, RoleARN, Precedence and Modified of the group (PoolID, Name), or returns
// ErrNotFound. Created never changes.
func (t *Tx) UpdateGroup(g Group) error {
	return t.touch("update group", `
		UPDATE user_groups SET description = $3, role_arn = $4, precedence = $5, modified = $6
		WHERE pool_id = $1 AND name = $2`,
		g.PoolID, g.Name, g.Description, g.RoleARN, g.Precedence, millis(g.Modified))
}

// DeleteGroup deletes a group and its memberships, or returns ErrNotFound. Its time grows with the number
// of members.
func (t *Tx) DeleteGroup(poolID, name string) error {
	return t.touch("delete group", `DELETE FROM user_groups WHERE pool_id = $1 AND name = $2`, poolID, name)
}

// ListGroups returns up to limit groups of a pool whose name is greater than after, in the order of their
// names.
func (t *Tx) ListGroups(poolID, after string, limit int) ([]Group, error) {
	return list(t, "groups", (*Group).scan, `
		SELECT `+groupColumns+` FROM user_groups g WHERE g.pool_id = $1 AND g.name > $2
		ORDER BY g.name LIMIT $3`, poolID, after, page(limit))
}

// CountGroups returns the number of a pool's groups.
func (t *Tx) CountGroups(poolID string) (int64, error) {
	return t.count("groups", `SELECT count(*) FROM user_groups WHERE pool_id = $1`, poolID)
}

// AddMember puts a user into a group and reports whether the user was not in it before. ErrNotFound when
// the group or the user is not there.
func (t *Tx) AddMember(poolID, group, sub string) (added bool, err error) {
	n, err := t.exec(`
		INSERT INTO group_members (pool_id, sub, group_name) VALUES ($1, $2, $3)
		ON CONFLICT DO NOTHING`, poolID, sub, group)
	if err != nil {
		return false, fmt.Errorf("store: add member: %w", err)
	}
	return n == 1, nil
}

// RemoveMember takes a user out of a group, if it is in it.
func (t *Tx) RemoveMember(poolID, group, sub string) error {
	return t.put("remove member", `
		DELETE FROM group_members WHERE pool_id = $1 AND sub = $2 AND group_name = $3`, poolID, sub, group)
}

// The page of memberships comes first in the two lists below: PostgreSQL would otherwise read the users, or
// the groups, of the whole pool in their order where it thinks that a page is soon full.

// ListMembers returns up to limit users of a group whose sub is greater than afterSub, in the order of
// their subs.
func (t *Tx) ListMembers(poolID, group, afterSub string, limit int) ([]User, error) {
	return list(t, "members", (*User).scan, `
		SELECT `+userColumns+` FROM (
			SELECT pool_id, sub FROM group_members WHERE pool_id = $1 AND group_name = $2 AND sub > $3
			ORDER BY sub LIMIT $4) m
		JOIN users u ON u.pool_id = m.pool_id AND u.sub = m.sub
		ORDER BY m.sub`, poolID, group, afterSub, page(limit))
}

// ListGroupsOfUser returns up to limit groups that a user is in, of those whose name is greater than after,
// in the order of their names.
func (t *Tx) ListGroupsOfUser(poolID, sub, after string, limit int) ([]Group, error) {
	return list(t, "groups of user", (*Group).scan, `
		SELECT `+groupColumns+` FROM (
			SELECT pool_id, group_name FROM group_members WHERE pool_id = $1 AND sub = $2 AND group_name > $3
			ORDER BY group_name LIMIT $4) m
		JOIN user_groups g ON g.pool_id = m.pool_id AND g.name = m.group_name
		ORDER BY m.group_name`, poolID, sub, after, page(limit))
}

// CountGroupsOfUser returns the number of groups that a user is in.
func (t *Tx) CountGroupsOfUser(poolID, sub string) (int64, error) {
	return t.count("groups of user", `SELECT count(*) FROM group_members WHERE pool_id = $1 AND sub = $2`, poolID, sub)
}

// grouped reports, as a column of a query for a user u, whether the user is in a group.
const grouped = `EXISTS (SELECT 1 FROM group_members m WHERE m.pool_id = u.pool_id AND m.sub = u.sub)`

// GetStanding reports whether a user may sign in and whether it is in a group, or returns ErrNotFound. It
// reads no more of the user than that: every sign-in ends with it.
func (t *Tx) GetStanding(poolID, sub string) (enabled, inGroup bool, err error) {
	err = get(t, "get standing", func(r *sql.Rows) error { return r.Scan(&enabled, &inGroup) },
		`SELECT u.enabled, `+grouped+` FROM users u WHERE u.pool_id = $1 AND u.sub = $2`, poolID, sub)
	return enabled, inGroup, err
}

// GetUserStanding is [Tx.GetUser] and whether the user is in a group, in one statement.
func (t *Tx) GetUserStanding(poolID, sub string) (u User, inGroup bool, err error) {
	err = get(t, "get user", func(r *sql.Rows) error { return u.scanWith(r, &inGroup) },
		`SELECT `+userColumns+`, `+grouped+` FROM users u WHERE u.pool_id = $1 AND u.sub = $2`, poolID, sub)
	return u, inGroup, err
}
