package user

import (
	"context"
	"errors"

	"cognate/api/idp"
	"cognate/internal/fault"
	"cognate/internal/message"
	"cognate/internal/pool"
	"cognate/internal/store"
	"cognate/internal/trigger"
)

// Errors of the password reset, in Cognito's words.
var (
	errNoContact  = fault.New(idp.CodeInvalidParameter, "Cannot reset password for the user as there is no registered/verified email or phone_number")
	errAdminOnly  = fault.New(idp.CodeNotAuthorized, "Contact administrator to reset password.")
	errResetState = fault.New(idp.CodeNotAuthorized, "User password cannot be reset in the current state.")
	errDisabled   = fault.New(idp.CodeNotAuthorized, "User is disabled.")
)

// recoveryAttribute is where a user's reset code goes: the first of the pool's recovery mechanisms whose
// address is verified; without a setting, the phone before the e-mail. Where the codes of a second factor go
// to, no reset code does: who has taken over that one channel would have both.
func recoveryAttribute(p *pool.Pool, u store.User, second Factors) (string, error) {
	if onlyAdminResets(p) {
		return "", errAdminOnly
	}
	order := []string{attrPhone, attrEmail}
	if s := p.Settings.AccountRecoverySetting; s != nil {
		order = mechanisms(s)
	}
	for _, attr := range order {
		if u.Attributes[attr] != "" && u.Attributes[attr+verified] == "true" && !second.sends(attr) {
			return attr, nil
		}
	}
	return "", errNoContact
}

func onlyAdminResets(p *pool.Pool) bool {
	s := p.Settings.AccountRecoverySetting
	return s != nil && len(mechanisms(s)) == 0
}

// mechanisms are the attributes of a recovery setting by priority; none when only administrators may reset.
func mechanisms(s *idp.AccountRecoverySettingType) []string {
	var byPriority [3]string
	for _, m := range s.RecoveryMechanisms {
		switch m.Name {
		case idp.RecoveryOptionNameTypeVerifiedEmail:
			byPriority[m.Priority] = attrEmail
		case idp.RecoveryOptionNameTypeVerifiedPhoneNumber:
			byPriority[m.Priority] = attrPhone
		}
	}
	var out []string
	for _, attr := range byPriority {
		if attr != "" {
			out = append(out, attr)
		}
	}
	return out
}

// ForgotPassword sends a code to choose a new password with. Where the client hides who exists, a user who
// is not there, is disabled or cannot be reached gets the same answer as any other, and as late.
func (d *Directory) ForgotPassword(ctx context.Context, p *pool.Pool, c *pool.Client, in *idp.ForgotPasswordRequest) (*idp.CodeDeliveryDetailsType, error) {
	return watched(ctx, d, func() (*idp.CodeDeliveryDetailsType, error) { return d.forgotPassword(ctx, p, c, in) })
}

func (d *Directory) forgotPassword(ctx context.Context, p *pool.Pool, c *pool.Client, in *idp.ForgotPasswordRequest) (*idp.CodeDeliveryDetailsType, error) {
	u, hidden, err := d.publicUser(ctx, p, c, in.Username, in.SecretHash)
	if hidden || err == errNoUser {
		migrated, failed := d.Migrate(ctx, p, c, Newcomer{Name: in.Username, Metadata: in.ClientMetadata})
		if failed != nil {
			return nil, failed
		}
		if migrated {
			u, hidden, err = d.publicUser(ctx, p, c, in.Username, in.SecretHash)
		}
	}
	if err != nil {
		return nil, err
	}
	if onlyAdminResets(p) {
		return nil, errAdminOnly
	}
	return Discreetly(ctx, c, sendingTime, func() (*idp.CodeDeliveryDetailsType, error) {
		if err := d.causeMessage(ctx); err != nil {
			return nil, err
		}
		attr, why, err := d.lookResettable(ctx, p, u)
		switch {
		case err != nil:
			return nil, err
		case hidden || why != nil && c.HidesUsers():
			return d.pretend(ctx, p, in.Username, limitForgot, limitForgotSend)
		case why != nil:
			return nil, why
		}
		if err := d.spend(ctx, p, u.Sub, limitForgot, limitForgotSend); err != nil {
			return nil, err
		}
		w, err := d.protect(ctx, p, c, in.UserContextData)
		if err != nil {
			return nil, err
		}
		return d.issue(ctx, p, c, issue{
			u, codeReset, attr, message.ForgotPassword, in.ClientMetadata, []limit{limitForgot, limitForgotSend},
			w.Event(idp.EventTypeForgotPassword, idp.EventResponseTypePass, "", u),
		})
	})
}

// lookResettable is resettable in a View of its own; why is the fault that says why there can be no code.
func (d *Directory) lookResettable(ctx context.Context, p *pool.Pool, u store.User) (attr string, why *fault.Error, err error) {
	err = d.db.View(ctx, func(tx *store.Tx) error {
		attr, err = resettable(tx, p, u)
		return err
	})
	if why, refused := errors.AsType[*fault.Error](err); refused {
		return "", why, nil
	}
	return attr, nil, err
}

// resettable tells where the reset code of a user goes, or why there can be none.
func resettable(tx *store.Tx, p *pool.Pool, u store.User) (attr string, err error) {
	switch {
	case !u.Enabled:
		return "", errDisabled
	case u.Status == idp.UserStatusTypeForceChangePassword || u.Status == idp.UserStatusTypeExternalProvider:
		return "", errResetState
	}
	second, err := secondFactors(p, u, softwareTokenIn(tx, u))
	if err != nil {
		return "", err
	}
	return recoveryAttribute(p, u, second)
}

// ConfirmForgotPassword sets a new password by the code. The policy is looked at first, the code before
// anything is said about the password's history, and it is used up only together with the change.
func (d *Directory) ConfirmForgotPassword(ctx context.Context, p *pool.Pool, c *pool.Client, in *idp.ConfirmForgotPasswordRequest) error {
	return d.watch(ctx, func() error {
		_, err := Discreetly(ctx, c, Discretion, func() (struct{}, error) { return struct{}{}, d.confirmReset(ctx, p, c, in) })
		return err
	})
}

func (d *Directory) confirmReset(ctx context.Context, p *pool.Pool, c *pool.Client, in *idp.ConfirmForgotPasswordRequest) error {
	u, hidden, err := d.publicUser(ctx, p, c, in.Username, in.SecretHash)
	if err != nil {
		return err
	}
	w, err := d.protect(ctx, p, c, in.UserContextData)
	if err != nil {
		return err
	}
	public, err := d.checkChoice(ctx, p, w, choice{idp.EventFilterTypePasswordChange, policyOther, in.Password})
	if err != nil {
		return d.refusedChoice(ctx, w, p, u, err)
	}
	_, why, err := d.lookResettable(ctx, p, u)
	if err != nil {
		return err
	}
	if hidden || why != nil && c.HidesUsers() {
		return d.pretendReset(ctx, p, in.Username)
	}
	if !u.Enabled {
		return errDisabled
	}
	if err := d.spend(ctx, p, u.Sub, limitForgot); err != nil {
		return err
	}
	err = d.db.View(ctx, func(tx *store.Tx) error {
		_, err := d.checkCode(tx, p, u.Sub, codeReset, "", in.ConfirmationCode)
		return err
	})
	if err != nil {
		return d.refusedChoice(ctx, w, p, u, err)
	}
	if err := d.checkHistory(ctx, p, u, in.Password); err != nil {
		return err
	}
	next, changed := d.newPassword(p, u, in.Password, false), changedPassword(w, u, public)
	err = d.db.Update(ctx, func(tx *store.Tx) error {
		if err := d.reset(tx, p, next, in.ConfirmationCode); err != nil {
			return err
		}
		return changed.Put(tx)
	})
	if err := d.noticed(ctx, p, u.Sub, message.PasswordChanged, shown(err)); err != nil {
		return err
	}
	d.options.Threat.Committed(ctx, changed)
	return d.confirmed(ctx, p, c, trigger.SourceConfirmForgotPassword, u.Sub, in.ClientMetadata)
}

// reset takes the code and writes the password and the state that it brings.
func (d *Directory) reset(tx *store.Tx, p *pool.Pool, w store.Password, code string) error {
	was, err := tx.GetUser(p.ID, w.Sub)
	if err != nil {
		return err
	}
	if _, err := d.takeCode(tx, p, w.Sub, codeReset, "", code); err != nil {
		return err
	}
	if err := storePassword(tx, p, w); err != nil {
		return err
	}
	// Who can read the user's messages is let in even while somebody else keeps the user locked out.
	// Where a second factor is due, the guesses at it go on counting.
	second, err := secondFactors(p, was, softwareTokenIn(tx, was))
	if err != nil {
		return err
	}
	kinds := []string{store.KindSignIn, store.KindFailures}
	if second.Asks() {
		kinds = kinds[:1]
	}
	if err := d.forget(tx, p, w.Sub, kinds...); err != nil {
		return err
	}
	is := was
	is.Status = idp.UserStatusTypeConfirmed
	return change(tx, p, was, is, false)
}
