package user

import (
	"context"
	"slices"
	"strings"

	"cognate/api"
	"cognate/api/idp"
	"cognate/internal/pool"
	"cognate/internal/store"
)

// maxListed is the number of users in a page: the most, and what is given when none is asked for.
const maxListed = 60

// List returns a page of a pool's users, sorted by the attribute that in.Filter names (by sub when there
// is none), and where to go on: next is empty at the end, and otherwise the after of the next page. after
// is for the same filter only, and empty for the first page. in.PaginationToken is not looked at.
func (d *Directory) List(ctx context.Context, p *pool.Pool, in *idp.ListUsersRequest, after string) (users []*idp.UserType, next string, err error) {
	f, err := parseFilter(in.Filter)
	if err != nil {
		return nil, "", err
	}
	if err := checkAsked(p, in.AttributesToGet); err != nil {
		return nil, "", err
	}
	rows, next, err := d.page(ctx, f.query(p), after, Page{Limit: in.Limit}.size())
	if err != nil {
		return nil, "", err
	}
	users = make([]*idp.UserType, len(rows))
	for i, u := range rows {
		users[i] = Describe(p, u)
		if users[i].Attributes, err = asked(users[i].Attributes, in.AttributesToGet); err != nil {
			return nil, "", err
		}
	}
	return users, next, nil
}

// page reads limit rows, and one more to know whether there is one.
func (d *Directory) page(ctx context.Context, q store.UserQuery, after string, limit int) (rows []store.User, next string, err error) {
	q.AfterSub, q.AfterKey, _ = strings.Cut(after, "/")
	q.Limit = limit + 1
	var keys []string
	err = d.db.View(ctx, func(tx *store.Tx) error {
		rows, keys, err = tx.ListUsers(q)
		return err
	})
	if err != nil || len(rows) <= limit {
		return rows, "", err
	}
	return rows[:limit], rows[limit-1].Sub + "/" + keys[limit-1], nil
}

// query is the filter in the store's terms.
func (f filter) query(p *pool.Pool) store.UserQuery {
	q := store.UserQuery{PoolID: p.ID, Attribute: f.attr, Op: f.op, Value: f.value}
	if f.attr == attrSub {
		q.Value = strings.ToLower(f.value) // as every sub is kept
	}
	return q
}

var errNotSet = invalid("One or more requested attributes do not exist.")

// checkAsked refuses attributes that no user of the pool can have.
func checkAsked(p *pool.Pool, names []string) error {
	for _, name := range names {
		if _, ok := p.Attribute(name); !ok {
			return errNotSet
		}
	}
	return nil
}

// asked picks the attributes that a list asks for; nil asks for all. As in Cognito, a user who has no
// value for one of them fails the whole list.
func asked(have []*idp.AttributeType, names []string) ([]*idp.AttributeType, error) {
	if len(names) == 0 {
		return have, nil
	}
	named := func(name string) func(*idp.AttributeType) bool {
		return func(a *idp.AttributeType) bool { return a.Name == name }
	}
	for _, name := range names {
		if !slices.ContainsFunc(have, named(name)) {
			return nil, errNotSet
		}
	}
	return slices.DeleteFunc(have, func(a *idp.AttributeType) bool { return !slices.Contains(names, a.Name) }), nil
}

// Describe is a user as lists and AdminCreateUser show it, with all attributes.
func Describe(p *pool.Pool, u store.User) *idp.UserType {
	return &idp.UserType{
		Username:             u.Username,
		Attributes:           Attributes(p, nil, u),
		UserCreateDate:       api.At(u.Created),
		UserLastModifiedDate: api.At(u.Modified),
		Enabled:              new(u.Enabled),
		UserStatus:           u.Status,
	}
}
