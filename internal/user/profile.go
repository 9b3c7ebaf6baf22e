package user

import (
	"bytes"
	"context"
	"time"

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
	Device string // the key of the device that the session is of; empty when it is of none
	// Metadata is what the app has sent for functions.
	Metadata map[string]string
}

// Update changes the user's own attributes and returns where codes went that verify new addresses. A new
// address that the pool wants verified first is kept aside, with its code, until VerifyAttribute.
func (d *Directory) Update(ctx context.Context, me Self, list []*idp.AttributeType) ([]*idp.CodeDeliveryDetailsType, error) {
	values := attributesOf(list)
	if values[attrEmail] != "" || values[attrPhone] != "" {
		if err := d.causeMessage(ctx); err != nil {
			return nil, err
		}
	}
	var out []delivery
	err := d.db.Update(ctx, func(tx *store.Tx) (err error) {
		out, err = d.update(tx, me, values)
		return err
	})
	if err != nil {
		return nil, aliasExists(me.Pool, shown(err))
	}
	d.notifyMoved(ctx, me.Pool, me.User)
	return d.sendAll(ctx, me.Pool, me.Client, me.Metadata, out)
}

// update writes the changes and the codes of the messages that are then to be sent.
func (d *Directory) update(tx *store.Tx, me Self, values map[string]string) ([]delivery, error) {
	was, err := tx.GetUser(me.Pool.ID, me.User.Sub)
	if err != nil {
		return nil, err
	}
	edits, err := writer{client: me.Client}.checkEdits(me.Pool, was.Attributes, values)
	if err != nil {
		return nil, err
	}
	out, err := d.edit(tx, me.Pool, was, edits, toVerify(me.Pool, was, edits))
	if err != nil || len(out) == 0 {
		return nil, err
	}
	for _, v := range out {
		if err := d.spendMessage(tx, me.Pool, v.purpose, v.attr, v.to); err != nil {
			return nil, tooMany(err)
		}
	}
	return out, tooMany(limitUpdate.spend(tx, me.Pool, was.Sub))
}

// edit writes the edits of a user's attributes, and the codes for the addresses that are to be verified,
// by attribute. It returns the messages to send.
func (d *Directory) edit(tx *store.Tx, p *pool.Pool, was store.User, edits, addresses map[string]string) (out []delivery, err error) {
	is := was
	is.Attributes = merged(was.Attributes, edits)
	if err := change(tx, p, was, is, false); err != nil {
		return nil, err
	}
	for _, attr := range sorted(addresses) {
		code, row := d.newCode(p, is.Sub, codeVerify, attr, addresses[attr])
		if err := tx.PutCode(row); err != nil {
			return nil, err
		}
		out = append(out, delivery{user: is, attr: attr, to: addresses[attr], code: code, purpose: message.UpdateUserAttribute})
	}
	return out, nil
}

// toVerify returns the new addresses that a code goes to, and takes out of edits those that must be
// verified before they count.
func toVerify(p *pool.Pool, u store.User, edits map[string]string) map[string]string {
	out := map[string]string{}
	for _, attr := range []string{attrEmail, attrPhone} {
		value := edits[attr]
		if value == "" || !p.AutoVerified(attr) {
			continue
		}
		out[attr] = value
		if p.VerifyBeforeUpdate(attr) && u.Attributes[attr] != "" {
			delete(edits, attr)
		}
	}
	return out
}

// Delete removes attributes of the user's own. One that the user does not have is no error.
func (d *Directory) Delete(ctx context.Context, me Self, names []string) error {
	return d.deleteAttributes(ctx, me.Pool, writer{client: me.Client}, me.User.Sub, names)
}

func (d *Directory) deleteAttributes(ctx context.Context, p *pool.Pool, w writer, sub string, names []string) error {
	values := make(map[string]string, len(names))
	for _, name := range names {
		values[name] = ""
	}
	var was store.User
	err := d.db.Update(ctx, func(tx *store.Tx) (err error) {
		if was, err = tx.GetUser(p.ID, sub); err != nil {
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
	if err != nil {
		return shown(err)
	}
	d.notifyMoved(ctx, p, was)
	return nil
}

// SendVerification sends a code for one of the user's own addresses: the new one, when one is kept aside.
// An address that is verified already can be verified again.
func (d *Directory) SendVerification(ctx context.Context, me Self, attr string) (*idp.CodeDeliveryDetailsType, error) {
	if attr != attrEmail && attr != attrPhone {
		return nil, errNotVerifiable
	}
	if me.User.Attributes[attr] == "" {
		what := map[string]string{attrEmail: "email address", attrPhone: "phone number"}[attr]
		return nil, invalid("User does not have a valid registered %s", what)
	}
	if err := d.causeMessage(ctx); err != nil {
		return nil, err
	}
	var out delivery
	err := d.db.Update(ctx, func(tx *store.Tx) (err error) {
		out, err = d.verification(tx, me, attr)
		return err
	})
	if err != nil {
		return nil, shown(err)
	}
	out.client, out.metadata = me.Client, me.Metadata
	sent, err := d.send(ctx, me.Pool, out)
	return sent, d.unspent(ctx, me.Pool, me.User.Sub, err, limitSendCode)
}

// verification makes the code for one of the user's addresses: the one that waits to be verified, if any.
func (d *Directory) verification(tx *store.Tx, me Self, attr string) (v delivery, err error) {
	if err := limitSendCode.spend(tx, me.Pool, me.User.Sub); err != nil {
		return v, err
	}
	to := me.User.Attributes[attr]
	waiting, err := tx.GetCode(me.Pool.ID, me.User.Sub, codeVerify.purpose, attr)
	if err != nil && !isNotFound(err) {
		return v, err
	}
	if err == nil && time.Now().Before(waiting.Expires) {
		to = waiting.Value
	}
	if err := d.spendMessage(tx, me.Pool, message.VerifyUserAttribute, attr, to); err != nil {
		return v, err
	}
	code, row := d.newCode(me.Pool, me.User.Sub, codeVerify, attr, to)
	return delivery{user: me.User, attr: attr, to: to, code: code, purpose: message.VerifyUserAttribute}, tx.PutCode(row)
}

var errNotVerifiable = fault.New(idp.CodeInvalidParameter, "Invalid attribute name. Only phone_number and email can be verified.")

// VerifyAttribute verifies an address by the code that was sent to it. An address that was kept aside
// becomes the user's now. As a sign-in alias it is taken over from whoever had it.
func (d *Directory) VerifyAttribute(ctx context.Context, me Self, attr, code string) error {
	return d.watch(ctx, func() error { return d.verifyAttribute(ctx, me, attr, code) })
}

func (d *Directory) verifyAttribute(ctx context.Context, me Self, attr, code string) error {
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
		is := was
		is.Attributes = merged(was.Attributes, map[string]string{attr: c.Value, attr + verified: "true"})
		return change(tx, me.Pool, was, is, true)
	})
	if err != nil {
		return aliasExists(me.Pool, shown(err))
	}
	d.notifyMoved(ctx, me.Pool, me.User)
	return nil
}

var errWrongPassword = fault.New(idp.CodeNotAuthorized, "Incorrect username or password.")

// ChangePassword replaces the user's password. In this order: the limit, the policy, the old password, a
// wrong one of which counts as a failed sign-in, and the history. A user without a password sets the first
// one, and need not tell an old one; one who signs in through a provider alone has none to set. Of several changes at once, one
// succeeds.
func (d *Directory) ChangePassword(ctx context.Context, me Self, old, proposed string) error {
	return d.watch(ctx, func() error { return d.changePassword(ctx, me, old, proposed) })
}

func (d *Directory) changePassword(ctx context.Context, me Self, old, proposed string) error {
	a, err := d.SignInBySub(ctx, me.Pool, me.User.Sub)
	if err != nil {
		return err
	}
	u, w := a.User, a.Password
	if u.Status == idp.UserStatusTypeExternalProvider {
		return errResetState
	}
	if err := d.spend(ctx, me.Pool, u.Sub, limitChangePassword); err != nil {
		return err
	}
	watch, err := d.protect(ctx, me.Pool, me.Client, nil)
	if err != nil {
		return err
	}
	public, err := d.checkChoice(ctx, me.Pool, watch, choice{idp.EventFilterTypePasswordChange, policyOther, proposed})
	if err != nil {
		return d.refusedChoice(ctx, watch, me.Pool, u, err)
	}
	if a.HasPassword {
		err = d.Guard(ctx, me.Pool, &a, func() error {
			ok, err := d.fits(ctx, me.Pool, u, w, old)
			if err == nil && !ok {
				err = errWrongPassword
			}
			return err
		})
	}
	if err != nil {
		return d.refusedChoice(ctx, watch, me.Pool, u, err)
	}
	if err := d.checkHistory(ctx, me.Pool, u, proposed); err != nil {
		return err
	}
	next, changed := d.newPassword(me.Pool, u, proposed, false), changedPassword(watch, u, public)
	err = d.db.Update(ctx, func(tx *store.Tx) error {
		if err := unchangedPassword(tx, me.Pool, u.Sub, w); err != nil {
			return err
		}
		if err := d.Succeeded(tx, me.Pool, u.Sub); err != nil {
			return err
		}
		if err := storePassword(tx, me.Pool, next); err != nil {
			return err
		}
		return changed.Put(tx)
	})
	if err == nil {
		d.options.Threat.Committed(ctx, changed)
	}
	return d.noticed(ctx, me.Pool, u.Sub, message.PasswordChanged, shown(err))
}

// unchangedPassword is an error unless the user's password is still the one that was looked at, or still
// none when w is empty.
func unchangedPassword(tx *store.Tx, p *pool.Pool, sub string, w store.Password) error {
	now, err := tx.GetPassword(p.ID, sub)
	if err != nil && !isNotFound(err) {
		return err
	}
	if !bytes.Equal(now.Sealed, w.Sealed) {
		return errWrongPassword
	}
	return nil
}

// Remove deletes a user with everything that belongs to it.
func (d *Directory) Remove(ctx context.Context, p *pool.Pool, sub string) error {
	return shown(d.db.Update(ctx, func(tx *store.Tx) error { return tx.DeleteUser(p.ID, sub) }))
}
