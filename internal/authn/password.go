package authn

import (
	"context"
	"errors"

	"cognate/api/idp"
	"cognate/internal/fault"
	"cognate/internal/token"
	"cognate/internal/user"
)

// Errors of a user's state, in Cognito's words.
var (
	errNotFound     = fault.New(idp.CodeUserNotFound, "User does not exist.")
	errUnconfirmed  = fault.New(idp.CodeUserNotConfirmed, "User is not confirmed.")
	errReset        = fault.New(idp.CodePasswordResetRequired, "Password reset required for the user")
	errDisabled     = fault.New(idp.CodeNotAuthorized, "User is disabled.")
	errTemporaryOld = fault.New(idp.CodeNotAuthorized, "Temporary password has expired and must be reset by an administrator.")
)

// identify finds the account of an attempt by sign-in name, and checks the client's secret hash before it
// says anything of the user. Where the client hides which users exist, an unknown one is not an error here:
// it goes through the same steps with an empty account, so that neither the answer nor its time tells.
func (m *Machine) identify(ctx context.Context, a *Attempt, name string) (user.Account, error) {
	p, err := m.users.SignIn(ctx, a.Pool, name)
	unknown := isUnknown(err)
	if err != nil && !unknown {
		return p, err
	}
	if err := a.checkSecretHash(p.User.Username, p.User.Sub); err != nil {
		return p, err
	}
	if unknown {
		migrated, err := m.migrate(ctx, a, name)
		if err != nil {
			return p, err
		}
		if migrated {
			return m.users.SignIn(ctx, a.Pool, name)
		}
	}
	switch {
	case !unknown:
		return p, nil
	case a.Client.HidesUsers():
		return m.users.Unknown(a.Pool, name), nil
	}
	return p, errNotFound
}

// migrate has the pool's function tell of a user whom the pool does not know, by the password that was sent; without one there is
// nobody to ask about. Who must reset the password first is told so.
func (m *Machine) migrate(ctx context.Context, a *Attempt, name string) (bool, error) {
	password := a.Parameters["PASSWORD"]
	switch a.Flow {
	case idp.AuthFlowTypeUserPasswordAuth, idp.AuthFlowTypeAdminUserPasswordAuth, idp.AuthFlowTypeAdminNoSrpAuth:
	case idp.AuthFlowTypeUserAuth:
		if a.Parameters["PREFERRED_CHALLENGE"] != idp.ChallengeNameTypePassword {
			return false, nil
		}
	default:
		return false, nil
	}
	if password == "" {
		return false, nil
	}
	migrated, err := m.users.Migrate(ctx, a.Pool, a.Client, user.Newcomer{Name: name, Password: password, Validation: a.Metadata})
	if err != nil || !migrated {
		return false, err
	}
	account, err := m.users.SignIn(ctx, a.Pool, name)
	if err == nil && account.User.Status == idp.UserStatusTypeResetRequired {
		err = errReset
	}
	return err == nil, err
}

// startPassword is a sign-in with the password in clear, public or by an administrator.
func (m *Machine) startPassword(ctx context.Context, a *Attempt) (*Step, error) {
	name, err := a.need("USERNAME")
	if err != nil {
		return nil, err
	}
	password, err := a.need("PASSWORD")
	if err != nil {
		return nil, err
	}
	p, err := m.begin(ctx, a, name)
	if err != nil {
		return nil, err
	}
	if a.Enter != nil { // a page has this flow for users who choose nothing
		up, err := m.stepUp(ctx, a)
		if err != nil {
			return nil, err
		}
		p.target = up.target
	}
	return m.provePassword(ctx, a, p, password)
}

// named finds the account of a name, for those who may not know whether there is one.
func (m *Machine) named(ctx context.Context, a *Attempt, name string) func() (user.Account, error) {
	return func() (user.Account, error) {
		p, err := m.users.SignIn(ctx, a.Pool, name)
		if isUnknown(err) {
			return m.users.Unknown(a.Pool, name), nil
		}
		return p, err
	}
}

// isUnknown reports whether an error says that there is no such user.
func isUnknown(err error) bool {
	known, ok := errors.AsType[*fault.Error](err)
	return ok && known.Code == idp.CodeUserNotFound
}

// begin makes the progress of a sign-in that begins with a name.
func (m *Machine) begin(ctx context.Context, a *Attempt, name string) (*progress, error) {
	if err := m.admit(ctx, a, a.Flow == idp.AuthFlowTypeCustomAuth, m.named(ctx, a, name)); err != nil {
		return nil, err
	}
	account, err := m.identify(ctx, a, name)
	if err != nil {
		return nil, err
	}
	p := &progress{Account: account, flow: token.NewFlow(), device: a.device(), used: errWrongPassword}
	a.at = p
	return p, m.users.BeforeSignIn(ctx, a.Pool, a.Client, account, name, a.Metadata)
}

// provePassword checks a password in clear.
func (m *Machine) provePassword(ctx context.Context, a *Attempt, p *progress, password string) (*Step, error) {
	if p.User.Status == idp.UserStatusTypeUnconfirmed {
		return nil, errUnconfirmed
	}
	err := m.users.Guard(ctx, a.Pool, &p.Account, func() error {
		ok, err := m.users.ProvePassword(ctx, a.Pool, &p.Account, password)
		if err == nil && !ok {
			err = m.refusal(a, &p.Account)
		}
		return err
	})
	if err != nil {
		return nil, a.failing(failedPassword, err)
	}
	p.methods = []string{methodPassword}
	if err := m.replacePublic(ctx, a, p, password); err != nil {
		return nil, err
	}
	return m.afterFirst(ctx, a, p)
}

// prove runs a password proof under the lockout: a failure counts against the account, and while it is
// locked nothing is compared.
func (m *Machine) prove(ctx context.Context, a *Attempt, p *user.Account, proof func() bool) error {
	return m.users.Guard(ctx, a.Pool, p, func() error {
		if !proof() {
			return m.refusal(a, p)
		}
		return nil
	})
}

// refusal is the answer to a failed proof. A user who has no password because it must be reset learns so,
// where the client shows who exists.
func (m *Machine) refusal(a *Attempt, p *user.Account) error {
	if p.Exists() && !p.HasPassword && p.User.Status == idp.UserStatusTypeResetRequired && !a.Client.HidesUsers() {
		return errReset
	}
	return errWrongPassword
}
