package user

import (
	"context"
	"errors"
	"maps"
	"strings"
	"time"

	"cognate/api/idp"
	"cognate/internal/fault"
	"cognate/internal/message"
	"cognate/internal/pool"
	"cognate/internal/store"
	"cognate/internal/threat"
	"cognate/internal/trigger"
)

// alter changes a user whose sub is known: fn edits the row as it is now, and may write what belongs to
// it. fn may run twice, and gives the user a new map when it changes the attributes.
func (d *Directory) alter(ctx context.Context, p *pool.Pool, sub string, fn func(*store.Tx, *store.User) error) error {
	return shown(d.db.Update(ctx, func(tx *store.Tx) error {
		was, err := tx.GetUser(p.ID, sub)
		if err != nil {
			return err
		}
		is := was
		if err := fn(tx, &is); err != nil {
			return err
		}
		return change(tx, p, was, is, false)
	}))
}

// nameTaken is aliasExists for operations that know no AliasExistsException.
func nameTaken(p *pool.Pool, err error) error {
	if _, ok := errors.AsType[conflict](err); !ok {
		return err
	}
	f, _ := errors.AsType[*fault.Error](aliasExists(p, err))
	return fault.New(idp.CodeInvalidParameter, f.Message)
}

// undelivered is the error of a message for operations that know no CodeDeliveryFailureException: what can
// never be delivered is the request's fault, what is too much at the moment nobody's, anything else the server's.
func undelivered(err error) error {
	f, ok := errors.AsType[*fault.Error](err)
	switch {
	case !ok || f.Code != idp.CodeCodeDeliveryFailure:
		return err
	case errors.Is(err, message.ErrUndeliverable):
		return fault.Because(f.Cause, idp.CodeInvalidParameter, f.Message)
	case errors.Is(err, message.ErrThrottled):
		return fault.Because(f.Cause, errTooMany.Code, errTooMany.Message)
	}
	return f.Cause
}

// AdminSetPassword gives a user a password: a permanent one confirms the user, any other has to be
// replaced at the next sign-in. It ends no session.
func (d *Directory) AdminSetPassword(ctx context.Context, p *pool.Pool, in *idp.AdminSetUserPasswordRequest) error {
	u, err := d.Find(ctx, p, in.Username)
	if err != nil {
		return err
	}
	if err := d.checkNew(ctx, p, policyOther, in.Password); err != nil {
		return err
	}
	if err := d.checkHistory(ctx, p, u, in.Password); err != nil {
		return err
	}
	permanent := in.Permanent != nil && *in.Permanent
	w := d.newPassword(p, u, in.Password, !permanent)
	err = d.alter(ctx, p, u.Sub, func(tx *store.Tx, u *store.User) error {
		u.Status = idp.UserStatusTypeForceChangePassword
		if permanent {
			u.Status = idp.UserStatusTypeConfirmed
		}
		if err := d.Succeeded(tx, p, u.Sub); err != nil {
			return err
		}
		return storePassword(tx, p, w)
	})
	return d.noticed(ctx, p, u.Sub, message.PasswordChanged, nameTaken(p, err))
}

// AdminConfirm confirms a user who has signed up. It verifies no address. Metadata is for functions.
func (d *Directory) AdminConfirm(ctx context.Context, p *pool.Pool, name string, metadata map[string]string) error {
	u, err := d.Find(ctx, p, name)
	if err != nil {
		return err
	}
	var signedUp *threat.Event
	err = d.alter(ctx, p, u.Sub, func(tx *store.Tx, u *store.User) (err error) {
		if u.Status != idp.UserStatusTypeUnconfirmed {
			return notUnconfirmed(*u)
		}
		u.Status = idp.UserStatusTypeConfirmed
		signedUp, err = d.options.Threat.SignedUp(tx, p, *u)
		return err
	})
	if err != nil {
		return nameTaken(p, err)
	}
	d.options.Threat.Committed(ctx, signedUp)
	return d.confirmed(ctx, p, nil, trigger.SourceConfirmSignUp, u.Sub, metadata)
}

// AdminResetPassword makes a user choose a new password, by a code that it sends. The user needs a
// verified address to send it to. Metadata is for functions.
func (d *Directory) AdminResetPassword(ctx context.Context, p *pool.Pool, name string, metadata map[string]string) error {
	u, err := d.Find(ctx, p, name)
	if err != nil {
		return err
	}
	var out delivery
	err = d.alter(ctx, p, u.Sub, func(tx *store.Tx, u *store.User) error {
		if u.Status == idp.UserStatusTypeUnconfirmed || u.Status == idp.UserStatusTypeExternalProvider {
			return errResetState
		}
		attr, err := resettable(tx, p, *u)
		if err != nil {
			return err
		}
		u.Status = idp.UserStatusTypeResetRequired
		code, row := d.newCode(p, u.Sub, codeReset, attr, u.Attributes[attr])
		out = delivery{user: *u, attr: attr, to: u.Attributes[attr], code: code, purpose: message.ForgotPassword, metadata: metadata}
		return tx.PutCode(row)
	})
	if err != nil {
		return err
	}
	_, err = d.send(ctx, p, out)
	return undelivered(err)
}

// AdminUpdate changes a user's attributes. A new address that the pool wants verified first is kept aside
// and a code sent to it, unless the request says that it is verified.
func (d *Directory) AdminUpdate(ctx context.Context, p *pool.Pool, in *idp.AdminUpdateUserAttributesRequest) error {
	u, err := d.Find(ctx, p, in.Username)
	if err != nil {
		return err
	}
	values := attributesOf(in.UserAttributes)
	var out []delivery
	err = d.db.Update(ctx, func(tx *store.Tx) error {
		was, err := tx.GetUser(p.ID, u.Sub)
		if err != nil {
			return err
		}
		edits, err := adminEdits(p, was.Attributes, values)
		if err != nil {
			return err
		}
		out, err = d.edit(tx, p, was, edits, adminVerify(p, was.Attributes, edits))
		return err
	})
	if err != nil {
		return aliasExists(p, shown(err))
	}
	d.notifyMoved(ctx, p, u)
	_, err = d.sendAll(ctx, p, nil, in.ClientMetadata, out)
	return undelivered(err)
}

// adminEdits is checkEdits for an administrator, whose word on a new address counts even when it is the
// same as on the old one.
func adminEdits(p *pool.Pool, old, values map[string]string) (map[string]string, error) {
	edits, err := writer{}.checkEdits(p, old, values)
	if err != nil {
		return nil, err
	}
	for _, attr := range []string{attrEmail, attrPhone} {
		if word := values[attr+verified]; edits[attr] != "" && word != "" {
			edits[attr+verified] = strings.ToLower(word)
		}
	}
	return edits, nil
}

// adminVerify is toVerify for an administrator: an address that the administrator vouches for needs no
// code, and of the others a code goes only to those that the pool wants verified before they change.
func adminVerify(p *pool.Pool, old, edits map[string]string) map[string]string {
	out := map[string]string{}
	for _, attr := range []string{attrEmail, attrPhone} {
		value := edits[attr]
		if value == "" || !p.VerifyBeforeUpdate(attr) || edits[attr+verified] == "true" {
			continue
		}
		out[attr] = value
		if old[attr] != "" {
			delete(edits, attr)
			delete(edits, attr+verified) // it was said of the new address
		}
	}
	return out
}

// AdminDeleteAttributes removes attributes of a user. One that the user does not have is no error.
func (d *Directory) AdminDeleteAttributes(ctx context.Context, p *pool.Pool, in *idp.AdminDeleteUserAttributesRequest) error {
	u, err := d.Find(ctx, p, in.Username)
	if err != nil {
		return err
	}
	return d.deleteAttributes(ctx, p, writer{}, u.Sub, in.UserAttributeNames)
}

// AdminEnable lets a user sign in again. It is no error when the user could all along.
func (d *Directory) AdminEnable(ctx context.Context, p *pool.Pool, name string) error {
	u, err := d.Find(ctx, p, name)
	if err != nil {
		return err
	}
	return d.alter(ctx, p, u.Sub, func(tx *store.Tx, u *store.User) error {
		u.Enabled = true
		return d.Succeeded(tx, p, u.Sub) // whoever is enabled is let in
	})
}

// AdminDisable keeps a user from signing in and ends its sessions, those of browsers included.
func (d *Directory) AdminDisable(ctx context.Context, p *pool.Pool, name string) error {
	u, err := d.Find(ctx, p, name)
	if err != nil {
		return err
	}
	return d.alter(ctx, p, u.Sub, func(tx *store.Tx, u *store.User) error {
		u.Enabled = false
		now := time.Now().UTC()
		return errors.Join(tx.RevokeFamilies(p.ID, u.Sub, now), tx.EndLoginSessions(p.ID, u.Sub, "", now))
	})
}

// AdminDelete deletes a user with everything that belongs to it. The name is free again.
func (d *Directory) AdminDelete(ctx context.Context, p *pool.Pool, name string) error {
	u, err := d.Find(ctx, p, name)
	if err != nil {
		return err
	}
	return d.Remove(ctx, p, u.Sub)
}

// Seed creates a confirmed user without asking the pool's password policy or for required attributes, and
// without a message. Attributes may say that an address is verified; an empty password is none. A name
// that is in use is a UsernameExistsException.
func (d *Directory) Seed(ctx context.Context, p *pool.Pool, username, password string, attributes map[string]string) error {
	values := maps.Clone(attributes)
	if values == nil {
		values = map[string]string{}
	}
	u, err := newUser(p, writer{}, username, values)
	if err != nil {
		return err
	}
	u.Status = idp.UserStatusTypeConfirmed
	return d.insert(ctx, p, newcomer{user: u, password: password})
}
