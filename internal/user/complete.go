package user

import (
	"context"

	"cognate/api/idp"
	"cognate/internal/fault"
	"cognate/internal/pool"
	"cognate/internal/store"
)

// Completion is a user who has chosen an own password in place of a temporary one: checked, hashed, and
// ready to be written together with the session that follows from it.
type Completion struct {
	User     store.User
	Password store.Password
	Write    func(*store.Tx) error
}

// errSessionOver is what a user gets whose state has changed since the challenge.
var errSessionOver = fault.New(idp.CodeNotAuthorized, "Invalid session for the user.")

// CompleteNewPassword checks the answer to NEW_PASSWORD_REQUIRED: the password against policy and history,
// and the attributes, of which all that the pool requires must then be there. A required attribute that
// the user has already cannot be changed on this way.
func (d *Directory) CompleteNewPassword(ctx context.Context, p *pool.Pool, c *pool.Client, u store.User, password string, values map[string]string) (*Completion, error) {
	for _, name := range p.Required() {
		if v, ok := values[name]; ok && u.Attributes[name] != "" && v != u.Attributes[name] {
			return nil, invalid("Cannot modify an already provided %s", name)
		}
	}
	edits, err := writer{client: c, first: true}.checkEdits(p, u.Attributes, values)
	if err != nil {
		return nil, err
	}
	is := u
	is.Status = idp.UserStatusTypeConfirmed
	is.Attributes = merged(u.Attributes, edits)
	for _, name := range p.Required() {
		if name != attrSub && is.Attributes[name] == "" {
			return nil, invalid("Invalid attributes given, %s is missing", name)
		}
	}
	if err := d.checkNew(ctx, p, policyOther, password); err != nil {
		return nil, err
	}
	if err := d.checkHistory(ctx, p, u, password); err != nil {
		return nil, err
	}
	w := d.newPassword(p, u, password, false)
	write := func(tx *store.Tx) error {
		was, err := tx.GetUser(p.ID, u.Sub)
		if err != nil {
			return err
		}
		if was.Status != u.Status || !was.Enabled {
			return errSessionOver
		}
		now := was
		now.Status = is.Status
		now.Attributes = merged(was.Attributes, edits)
		if err := change(tx, p, was, now, false); err != nil {
			return aliasExists(p, err)
		}
		return storePassword(tx, p, w)
	}
	return &Completion{User: is, Password: w, Write: write}, nil
}
