package user

import (
	"context"
	"errors"

	"cognate/api/idp"
	"cognate/internal/awsjson"
	"cognate/internal/fault"
	"cognate/internal/message"
	"cognate/internal/pool"
	"cognate/internal/store"
	"cognate/internal/threat"
)

// Threat is the threat protection that the directory has; nil without any, which protects nobody.
func (d *Directory) Threat() *threat.Service { return d.options.Threat }

// IsLocked reports whether an attempt was refused without being looked at, because too many have failed.
func IsLocked(err error) bool { return err == errLocked }

// Origin is where a request of a user comes from. The address that an app gives counts where its client may give one,
// which has a secret that it must show: anybody could send any.
func Origin(ctx context.Context, c *pool.Client, data *idp.UserContextDataType) threat.Origin {
	from := awsjson.CallerFrom(ctx)
	o := threat.Origin{IP: from.IP, Agent: from.Agent}
	if data == nil {
		return o
	}
	o.Encoded = data.EncodedData
	if gives := c.Settings.EnablePropagateAdditionalUserContextData; data.IpAddress != "" && c.HasSecret() && gives != nil && *gives {
		o.IP, o.Agent = data.IpAddress, "" // the program that calls is the app's server
	}
	return o
}

// protect begins to watch what a user does at a client, beside signing in. It is nil where nothing is watched.
func (d *Directory) protect(ctx context.Context, p *pool.Pool, c *pool.Client, data *idp.UserContextDataType) (*threat.Watch, error) {
	if d.options.Threat == nil || c == nil {
		return nil, nil
	}
	return d.options.Threat.Watch(ctx, p, c, Origin(ctx, c, data), false)
}

// choice is a password that somebody wants to have.
type choice struct {
	occasion string // an EventFilterType
	prefix   string // of what is said about the policy
	password string
}

// checkChoice is checkNew under threat protection. public tells of a password that has become public, and may be chosen
// all the same.
func (d *Directory) checkChoice(ctx context.Context, p *pool.Pool, w *threat.Watch, c choice) (public bool, err error) {
	if !w.Looks(c.occasion) {
		return false, d.checkNew(ctx, p, c.prefix, c.password)
	}
	if err := checkPolicy(p, c.prefix, c.password); err != nil {
		return false, err
	}
	public, refused := w.Public(ctx, c.occasion, c.password)
	if refused {
		return true, threat.ErrPassword
	}
	return public, d.checkNew(ctx, p, c.prefix, c.password)
}

// refusedChoice keeps that a password could not be chosen, for one of these reasons: a wrong code or old password, or that
// the new one has become public. It returns the error.
func (d *Directory) refusedChoice(ctx context.Context, w *threat.Watch, p *pool.Pool, u store.User, err error) error {
	f, refused := errors.AsType[*fault.Error](err)
	if w == nil || !refused || IsLocked(err) || u.Sub == "" {
		return err
	}
	e := w.Event(idp.EventTypePasswordChange, idp.EventResponseTypeFail, "", u)
	switch {
	case err == threat.ErrPassword:
		e.Risk.Compromised, e.Risk.Refused = true, true
	case err == errWrongPassword:
		e.Challenges = []threat.Challenge{{Name: idp.ChallengeNamePassword, Response: idp.ChallengeResponseFailure}}
	case f.Code != idp.CodeCodeMismatch && f.Code != idp.CodeExpiredCode:
		return err
	}
	if _, failed := d.options.Threat.Try(ctx, p.ID, u.Sub, e); failed != nil {
		return failed
	}
	return err
}

// changedPassword is the event of a password that a user has chosen.
func changedPassword(w *threat.Watch, u store.User, public bool) *threat.Event {
	e := w.Event(idp.EventTypePasswordChange, idp.EventResponseTypePass, "", u)
	if e != nil {
		e.Risk.Compromised = public
	}
	return e
}

// RequireReset has a user choose a new password by a code before the next sign-in, unless the password is another by now.
// What also writes comes with it.
func (d *Directory) RequireReset(ctx context.Context, p *pool.Pool, a Account, also func(*store.Tx) error) error {
	return d.alter(ctx, p, a.User.Sub, func(tx *store.Tx, u *store.User) error {
		if err := unchangedPassword(tx, p, a.User.Sub, a.Password); err != nil {
			return err
		}
		if u.Status == idp.UserStatusTypeConfirmed {
			u.Status = idp.UserStatusTypeResetRequired
		}
		return also(tx)
	})
}

// SpareFactors are the second factors by which a user can prove to be the one where nothing but a risk asks for that:
// those that would do if the pool required one.
func (d *Directory) SpareFactors(ctx context.Context, p *pool.Pool, u store.User) ([]string, error) {
	if p.MFA() == idp.UserPoolMfaTypeOff {
		return nil, nil
	}
	has, err := d.hasSoftwareToken(ctx, p, u.Sub)
	return spareFactors(p, ableFactors(p, u, has)), err
}

// Warn tells a user by e-mail of a sign-in that is held for another's, after the answer: at an address that is known to be
// the user's, for what the mail lets do teaches what is usual.
func (d *Directory) Warn(ctx context.Context, p *pool.Pool, w *threat.Watch, mail threat.Mail, e *threat.Event, u store.User) {
	if w == nil || e == nil || !e.Risk.Notify || !hasVerified(u, attrEmail) {
		return
	}
	called := signInName(p, u)
	d.afterAnswer(ctx, p, message.AccountTakeover, func(ctx context.Context) error {
		if err := d.spend(ctx, p, u.Sub, limitNotice); err != nil {
			return err
		}
		m, more, err := w.Compose(mail, e, called)
		if err != nil {
			return err
		}
		m.Medium, m.Destination, m.Purpose = message.Email, u.Attributes[attrEmail], message.AccountTakeover
		if m.From == "" {
			m.From = p.Settings.EmailConfiguration.From
		}
		if m.Route.Service == "" {
			m.Route = route(p, message.Email)
		}
		v := delivery{user: u, attr: attrEmail, to: m.Destination, purpose: m.Purpose, more: more}
		if _, custom := customSender(p, v); custom != "" {
			return d.handOver(ctx, p, v, m)
		}
		return d.sender.Send(ctx, m)
	})
}
