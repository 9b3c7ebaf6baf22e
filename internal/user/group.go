package user

import (
	"cmp"
	"context"
	"errors"
	"time"

	"cognate/api"
	"cognate/api/idp"
	"cognate/internal/fault"
	"cognate/internal/pool"
	"cognate/internal/store"
)

const (
	maxGroups       = 10_000 // of a pool
	maxGroupsOfUser = 100
)

var errGroupNotFound = fault.New(idp.CodeResourceNotFound, "Group not found.")

// shownGroup turns the store's word for an absent group into the API's.
func shownGroup(err error) error {
	if isNotFound(err) {
		return errGroupNotFound
	}
	return err
}

// CreateGroup makes a group without members. Its name is unique in the pool, case and all.
func (d *Directory) CreateGroup(ctx context.Context, p *pool.Pool, in *idp.CreateGroupRequest) (*idp.GroupType, error) {
	now := time.Now().UTC()
	g := store.Group{
		PoolID: p.ID, Name: in.GroupName, Description: in.Description, RoleARN: in.RoleArn, Precedence: in.Precedence,
		Created: now, Modified: now,
	}
	err := d.db.Update(ctx, func(tx *store.Tx) error { return insertGroup(tx, g) })
	if err != nil {
		return nil, err
	}
	return describeGroup(g), nil
}

func insertGroup(tx *store.Tx, g store.Group) error {
	err := tx.CreateGroup(g)
	switch {
	case errors.Is(err, store.ErrExists):
		return fault.New(idp.CodeGroupExists, "A group with the name already exists.")
	case isNotFound(err):
		return fault.Newf(idp.CodeResourceNotFound, "User pool %s does not exist.", g.PoolID)
	case err != nil:
		return err
	}
	n, err := tx.CountGroups(g.PoolID)
	if err == nil && n > maxGroups {
		err = fault.Newf(idp.CodeLimitExceeded, "The limit of %d groups of a user pool is reached.", maxGroups)
	}
	return err
}

// Group returns a group.
func (d *Directory) Group(ctx context.Context, p *pool.Pool, name string) (*idp.GroupType, error) {
	var g store.Group
	err := d.db.Look(ctx, func(tx *store.Tx) (err error) {
		g, err = tx.GetGroup(p.ID, name)
		return err
	})
	if err != nil {
		return nil, shownGroup(err)
	}
	return describeGroup(g), nil
}

// UpdateGroup changes what the request names of a group; the rest stays.
func (d *Directory) UpdateGroup(ctx context.Context, p *pool.Pool, in *idp.UpdateGroupRequest) (*idp.GroupType, error) {
	var g store.Group
	err := d.db.Update(ctx, func(tx *store.Tx) (err error) {
		if g, err = tx.GetGroup(p.ID, in.GroupName); err != nil {
			return err
		}
		g.Description, g.RoleARN = cmp.Or(in.Description, g.Description), cmp.Or(in.RoleArn, g.RoleARN)
		g.Precedence = cmp.Or(in.Precedence, g.Precedence)
		g.Modified = time.Now().UTC()
		return tx.UpdateGroup(g)
	})
	if err != nil {
		return nil, shownGroup(err)
	}
	return describeGroup(g), nil
}

// DeleteGroup deletes a group. Its members stay users.
func (d *Directory) DeleteGroup(ctx context.Context, p *pool.Pool, name string) error {
	return shownGroup(d.db.Update(ctx, func(tx *store.Tx) error { return tx.DeleteGroup(p.ID, name) }))
}

// Page is what part of a list to give: up to Limit entries, the most when it is nil or 0, of those after
// After, which is empty for the first page.
type Page struct {
	After string
	Limit *int64
}

func (g Page) size() int {
	if g.Limit == nil || *g.Limit <= 0 {
		return maxListed
	}
	return int(min(*g.Limit, maxListed))
}

// ListGroups returns a page of a pool's groups, in the order of their names, and the After of the next
// page, empty at the end.
func (d *Directory) ListGroups(ctx context.Context, p *pool.Pool, page Page) ([]*idp.GroupType, string, error) {
	groups, next, err := cut(page, groupName, func(limit int) (groups []store.Group, err error) {
		err = d.db.Look(ctx, func(tx *store.Tx) error {
			groups, err = tx.ListGroups(p.ID, page.After, limit)
			return err
		})
		return groups, err
	})
	return describeGroups(groups), next, err
}

// GroupsOf returns a page of the groups that a user is in, in the order of their names, and the After of
// the next page, empty at the end.
func (d *Directory) GroupsOf(ctx context.Context, p *pool.Pool, username string, page Page) ([]*idp.GroupType, string, error) {
	groups, next, err := cut(page, groupName, func(limit int) (groups []store.Group, err error) {
		err = d.db.View(ctx, func(tx *store.Tx) error {
			u, err := findAny(tx, p, username)
			if err != nil {
				return shown(err)
			}
			groups, err = tx.ListGroupsOfUser(p.ID, u.Sub, page.After, limit)
			return err
		})
		return groups, err
	})
	return describeGroups(groups), next, err
}

// Members returns a page of the users in a group, in the order of their subs, and the After of the next
// page, empty at the end.
func (d *Directory) Members(ctx context.Context, p *pool.Pool, group string, page Page) ([]*idp.UserType, string, error) {
	rows, next, err := cut(page, func(u store.User) string { return u.Sub }, func(limit int) (users []store.User, err error) {
		err = d.db.View(ctx, func(tx *store.Tx) error {
			if _, err := tx.GetGroup(p.ID, group); err != nil {
				return shownGroup(err)
			}
			users, err = tx.ListMembers(p.ID, group, page.After, limit)
			return err
		})
		return users, err
	})
	users := make([]*idp.UserType, len(rows))
	for i, u := range rows {
		users[i] = Describe(p, u)
	}
	return users, next, err
}

// cut reads a page, and one row more to know whether there is a next one, which goes on after the key of
// this one's last row.
func cut[T any](page Page, key func(T) string, read func(limit int) ([]T, error)) (rows []T, next string, err error) {
	size := page.size()
	rows, err = read(size + 1)
	if err != nil || len(rows) <= size {
		return rows, "", err
	}
	return rows[:size], key(rows[size-1]), nil
}

// AddToGroup puts a user into a group. It is no error when the user is in it.
func (d *Directory) AddToGroup(ctx context.Context, p *pool.Pool, username, group string) error {
	return d.db.Update(ctx, func(tx *store.Tx) error {
		u, err := findAny(tx, p, username)
		if err != nil {
			return shown(err)
		}
		added, err := tx.AddMember(p.ID, group, u.Sub)
		if err != nil || !added {
			return shownGroup(err)
		}
		n, err := tx.CountGroupsOfUser(p.ID, u.Sub)
		if err == nil && n > maxGroupsOfUser {
			// The operation declares no LimitExceededException.
			err = invalid("The limit of %d groups of a user is reached.", maxGroupsOfUser)
		}
		return err
	})
}

// RemoveFromGroup takes a user out of a group. It is no error when the user is not in it.
func (d *Directory) RemoveFromGroup(ctx context.Context, p *pool.Pool, username, group string) error {
	return d.db.Update(ctx, func(tx *store.Tx) error {
		u, err := findAny(tx, p, username)
		if err != nil {
			return shown(err)
		}
		if _, err := tx.GetGroup(p.ID, group); err != nil {
			return shownGroup(err)
		}
		return tx.RemoveMember(p.ID, group, u.Sub)
	})
}

func groupName(g store.Group) string { return g.Name }

func describeGroups(groups []store.Group) []*idp.GroupType {
	out := make([]*idp.GroupType, len(groups))
	for i, g := range groups {
		out[i] = describeGroup(g)
	}
	return out
}

// describeGroup is a group as the API shows it.
func describeGroup(g store.Group) *idp.GroupType {
	return &idp.GroupType{
		GroupName: g.Name, UserPoolId: g.PoolID, Description: g.Description, RoleArn: g.RoleARN, Precedence: g.Precedence,
		LastModifiedDate: api.At(g.Modified), CreationDate: api.At(g.Created),
	}
}
