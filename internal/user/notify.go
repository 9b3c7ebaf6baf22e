package user

import (
	"context"

	"cognate/internal/message"
	"cognate/internal/pool"
	"cognate/internal/store"
)

// notices are the texts that tell a user of a change. None has a secret to carry.
var notices = map[message.Purpose]message.Template{
	message.PasswordChanged: {
		Subject: "Your password was changed",
		Body:    "The password of your account {username} was changed. If this was not you, choose a new one at once.",
	},
	message.FactorsChanged: {
		Subject: "Your sign-in settings were changed",
		Body:    "The second factors of your account {username} were changed. If this was not you, change your password at once and look through your settings.",
	},
	message.EmailChanged: {
		Subject: "Your e-mail address was changed",
		Body:    "This is no longer the e-mail address of your account {username}. If it was not you who changed it, ask for help where you use the account.",
	},
	message.DeviceRemembered: {
		Subject: "A new device is remembered",
		Body:    "A new device is remembered for your account {username}. If this was not you, change your password at once and forget the device.",
	},
}

// Notify tells a user of a change that has just been made, if the operator wants users to be told: after the
// answer, at the verified e-mail address, or else at the verified phone number.
func (d *Directory) Notify(ctx context.Context, p *pool.Pool, sub string, change message.Purpose) {
	if !d.options.Notify {
		return
	}
	d.afterAnswer(ctx, p, change, func(ctx context.Context) error {
		u, err := d.now(ctx, p, sub)
		if err != nil {
			return err
		}
		return d.tell(ctx, p, u, change)
	})
}

// noticed is Notify for a change that err, which it returns, is the outcome of.
func (d *Directory) noticed(ctx context.Context, p *pool.Pool, sub string, change message.Purpose, err error) error {
	if err == nil {
		d.Notify(ctx, p, sub, change)
	}
	return err
}

// notifyMoved tells a user, as it was before a change, at its old e-mail address, if the address has changed.
func (d *Directory) notifyMoved(ctx context.Context, p *pool.Pool, was store.User) {
	if !d.options.Notify || !hasVerified(was, attrEmail) {
		return
	}
	d.afterAnswer(ctx, p, message.EmailChanged, func(ctx context.Context) error {
		is, err := d.now(ctx, p, was.Sub)
		if err != nil || is.Attributes[attrEmail] == was.Attributes[attrEmail] {
			return err
		}
		return d.tell(ctx, p, was, message.EmailChanged)
	})
}

// now is the row of a user as it is.
func (d *Directory) now(ctx context.Context, p *pool.Pool, sub string) (u store.User, err error) {
	err = d.db.View(ctx, func(tx *store.Tx) error {
		u, err = tx.GetUser(p.ID, sub)
		return err
	})
	return u, err
}

func hasVerified(u store.User, attr string) bool {
	return u.Attributes[attr] != "" && u.Attributes[attr+verified] == "true"
}

// tell sends a notice to where the user can be reached, if anywhere.
func (d *Directory) tell(ctx context.Context, p *pool.Pool, u store.User, change message.Purpose) error {
	for _, attr := range []string{attrEmail, attrPhone} {
		if !hasVerified(u, attr) {
			continue
		}
		if err := d.spend(ctx, p, u.Sub, limitNotice); err != nil {
			return err
		}
		_, err := d.send(ctx, p, delivery{user: u, attr: attr, to: u.Attributes[attr], purpose: change, called: signInName(p, u)})
		return err
	}
	return nil
}
