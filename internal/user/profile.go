package user

import (
	"context"

	"cognate/api/idp"
	"cognate/internal/fault"
	"cognate/internal/message"
	"cognate/internal/pool"
	"cognate/internal/store"
)

// Self is a user who acts for itself through a client, as its access token shows.
type Self struct {
	Pool   *pool.Pool
	Client *pool.Client
	User   store.User
}

// Update changes the user's own attributes and returns where codes went that verify new addresses. A new
// address that the pool wants verified first is kept aside until VerifyAttribute.
func (d *Directory) Update(ctx context.Context, me Self, list []*idp.AttributeType) ([]*idp.CodeDeliveryDetailsType, error) {
	var held, changed map[string]string
	var is store.User
	err := d.db.Update(ctx, func(tx *store.Tx) error {
		was, err := tx.GetUser(me.Pool.ID, me.User.Sub)
		if err != nil {
			return err
		}
		edits, err := writer{me.Client}.checkEdits(me.Pool, was.Attributes, attributesOf(list))
		if err != nil {
			return err
		}
		held, changed = hold(me.Pool, was, edits)
		is = was
		is.Attributes = merged(was.Attributes, edits)
		return change(tx, me.Pool, was, is, false)
	})
	if err != nil {
		return nil, aliasExists(me.Pool, shown(err))
	}
	return d.verifyNew(ctx, me.Pool, is, held, changed)
}

// hold takes out of edits the new addresses that must be verified before they count, and tells which
// others are new.
func hold(p *pool.Pool, u store.User, edits map[string]string) (held, changed map[string]string) {
	held, changed = map[string]string{}, map[string]string{}
	for _, attr := range []string{attrEmail, attrPhone} {
		value := edits[attr]
		switch {
		case value == "":
		case p.VerifyBeforeUpdate(attr) && u.Attributes[attr] != "":
			held[attr] = value
			delete(edits, attr)
		case p.AutoVerified(attr):
			changed[attr] = value
		}
	}
	return held, changed
}

// verifyNew sends the codes for new addresses.
func (d *Directory) verifyNew(ctx context.Context, p *pool.Pool, u store.User, held, changed map[string]string) (sent []*idp.CodeDeliveryDetailsType, err error) {
	sent = []*idp.CodeDeliveryDetailsType{}
	for _, attr := range []string{attrEmail, attrPhone} {
		to, ok := changed[attr]
		pending := held[attr]
		if !ok && pending == "" {
			continue
		}
		if pending != "" {
			to = pending
		}
		out, err := d.issue(ctx, p, u, codeVerify, attr, to, message.UpdateUserAttribute)
		if err != nil {
			return nil, err
		}
		sent = append(sent, out)
	}
	return sent, nil
}

// Delete removes attributes of the user's own. One that the user does not have is no error.
func (d *Directory) Delete(ctx context.Context, me Self, names []string) error {
	return d.deleteAttributes(ctx, me.Pool, writer{me.Client}, me.User.Sub, names)
}

func (d *Directory) deleteAttributes(ctx context.Context, p *pool.Pool, w writer, sub string, names []string) error {
	values := make(map[string]string, len(names))
	for _, name := range names {
		values[name] = ""
	}
	err := d.db.Update(ctx, func(tx *store.Tx) error {
		was, err := tx.GetUser(p.ID, sub)
		if err != nil {
			return err
		}
		edits, err := w.checkEdits(p, was.Attributes, values)
		if err != nil {
			return err
		}
		is := was
		is.Attributes = merged(was.Attributes, edits)
		return change(tx, p, was, is, false)
	})
	return shown(err)
}

// SendVerification sends a code for one of the user's own addresses. An address that is verified already
// can be verified again.
func (d *Directory) SendVerification(ctx context.Context, me Self, attr string) (*idp.CodeDeliveryDetailsType, error) {
	if attr != attrEmail && attr != attrPhone {
		return nil, errNotVerifiable
	}
	if me.User.Attributes[attr] == "" {
		what := map[string]string{attrEmail: "email address", attrPhone: "phone number"}[attr]
		return nil, invalid("User does not have a valid registered %s", what)
	}
	if err := d.spend(ctx, me.Pool, me.User.Sub, limitSendCode); err != nil {
		return nil, err
	}
	return d.issue(ctx, me.Pool, me.User, codeVerify, attr, me.User.Attributes[attr], message.VerifyUserAttribute)
}

var errNotVerifiable = fault.New(idp.CodeInvalidParameter, "Invalid attribute name. Only phone_number and email can be verified.")

// VerifyAttribute verifies an address by the code that was sent to it. An address that was kept aside
// becomes the user's now. As a sign-in alias it is taken over from whoever had it.
func (d *Directory) VerifyAttribute(ctx context.Context, me Self, attr, code string) error {
	if attr != attrEmail && attr != attrPhone {
		return errNotVerifiable
	}
	if err := d.spend(ctx, me.Pool, me.User.Sub, limitVerify); err != nil {
		return err
	}
	err := d.db.Update(ctx, func(tx *store.Tx) error {
		was, err := tx.GetUser(me.Pool.ID, me.User.Sub)
		if err != nil {
			return err
		}
		c, err := d.takeCode(tx, me.Pool, was.Sub, codeVerify, attr, code)
		if err != nil {
			return err
		}
		if c.Value != was.Attributes[attr] && !me.Pool.VerifyBeforeUpdate(attr) {
			return errExpired // the code went to an address that the user has given up since
		}
		is := was
		is.Attributes = merged(was.Attributes, map[string]string{attr: c.Value, attr + verified: "true"})
		return change(tx, me.Pool, was, is, true)
	})
	return aliasExists(me.Pool, shown(err))
}

// ChangePassword replaces the user's password. The old one must be right, and a wrong one counts as a
// failed sign-in; a user without a password sets the first one.
func (d *Directory) ChangePassword(ctx context.Context, me Self, old, proposed string) error {
	u, w, has, err := d.SignInBySub(ctx, me.Pool, me.User.Sub)
	if err != nil {
		return err
	}
	if has && old == "" {
		return invalid("Missing required parameter PreviousPassword")
	}
	if err := d.spend(ctx, me.Pool, u.Sub, limitChangePassword); err != nil {
		return err
	}
	if has {
		err = d.Guard(ctx, me.Pool, u.Sub, func() error {
			if !d.CheckPassword(me.Pool, u, w, old) {
				return fault.New(idp.CodeNotAuthorized, "Incorrect username or password.")
			}
			return nil
		})
	}
	if err != nil {
		return err
	}
	if err := checkPolicy(me.Pool, policyOther, proposed); err != nil {
		return err
	}
	if err := d.checkHistory(ctx, me.Pool, u, proposed); err != nil {
		return err
	}
	next := d.newPassword(me.Pool, u, proposed, false)
	return shown(d.db.Update(ctx, func(tx *store.Tx) error {
		if err := d.Succeeded(tx, me.Pool, u.Sub); err != nil {
			return err
		}
		return storePassword(tx, me.Pool, next)
	}))
}

// Remove deletes a user with everything that belongs to it.
func (d *Directory) Remove(ctx context.Context, p *pool.Pool, sub string) error {
	return shown(d.db.Update(ctx, func(tx *store.Tx) error { return tx.DeleteUser(p.ID, sub) }))
}
