package authn

import (
	"context"
	"errors"
	"time"

	"cognate/api/idp"
	"cognate/internal/fault"
	"cognate/internal/store"
	"cognate/internal/token"
)

// Errors of a user's state, in Cognito's words.
var (
	errNotFound     = fault.New(idp.CodeUserNotFound, "User does not exist.")
	errUnconfirmed  = fault.New(idp.CodeUserNotConfirmed, "User is not confirmed.")
	errReset        = fault.New(idp.CodePasswordResetRequired, "Password reset required for the user")
	errDisabled     = fault.New(idp.CodeNotAuthorized, "User is disabled.")
	errTemporaryOld = fault.New(idp.CodeNotAuthorized, "Temporary password has expired and must be reset by an administrator.")
)

// person is the user that an attempt names, as far as there is one. A name that nobody has goes through
// the same steps with an empty one, so that neither the answer nor its time tells them apart.
type person struct {
	user        store.User
	password    store.Password
	exists      bool // the user does
	hasPassword bool // the user has a password to prove
	subject     string
	failed      bool // the subject has failures, which a sign-in forgets
}

// identify finds the user of an attempt by sign-in name, and checks the client's secret hash before it says
// anything of the user. Where the client hides which users exist, an unknown one is not an error here.
func (m *Machine) identify(ctx context.Context, a *Attempt, name string) (p person, err error) {
	p.user, p.password, p.hasPassword, err = m.users.SignIn(ctx, a.Pool, name)
	known, _ := errors.AsType[*fault.Error](err)
	unknown := known != nil && known.Code == idp.CodeUserNotFound
	if err != nil && !unknown {
		return p, err
	}
	if err := a.checkSecretHash(p.user.Username, p.user.Sub); err != nil {
		return p, err
	}
	switch {
	case !unknown:
		p.exists, p.subject = true, p.user.Sub
	case a.Client.HidesUsers():
		p.subject = m.users.UnknownSubject(a.Pool, name)
	default:
		return p, errNotFound
	}
	return p, nil
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
	p, err := m.identify(ctx, a, name)
	if err != nil {
		return nil, err
	}
	if p.user.Status == idp.UserStatusTypeUnconfirmed {
		return nil, errUnconfirmed
	}
	proof := func() bool { return m.users.CheckPassword(a.Pool, p.user, p.password, password) && p.hasPassword }
	if err := m.prove(ctx, a, &p, proof); err != nil {
		return nil, err
	}
	return m.afterPassword(ctx, a, p, token.NewFlow())
}

// prove runs a password proof under the lockout: a failure counts against the subject, and while it is
// locked nothing is compared.
func (m *Machine) prove(ctx context.Context, a *Attempt, p *person, proof func() bool) (err error) {
	p.failed, err = m.users.Guard(ctx, a.Pool, p.subject, func() error {
		if !proof() {
			return m.refusal(a, *p)
		}
		return nil
	})
	return err
}

// refusal is the answer to a failed proof. A user who has no password because it must be reset learns so,
// where the client shows who exists.
func (m *Machine) refusal(a *Attempt, p person) error {
	if p.exists && !p.hasPassword && p.user.Status == idp.UserStatusTypeResetRequired && !a.Client.HidesUsers() {
		return errReset
	}
	return errWrongPassword
}

// afterPassword decides what follows a proven password: the user's state may refuse it or ask for a new
// password; otherwise the sign-in is complete.
func (m *Machine) afterPassword(ctx context.Context, a *Attempt, p person, flow string) (*Step, error) {
	switch {
	case !p.user.Enabled:
		return nil, errDisabled
	case p.user.Status == idp.UserStatusTypeUnconfirmed:
		return nil, errUnconfirmed
	case p.user.Status == idp.UserStatusTypeResetRequired:
		return nil, errReset
	case p.user.Status == idp.UserStatusTypeForceChangePassword:
		if time.Now().After(p.password.Set.Add(a.Pool.TemporaryPasswordValidity())) {
			return nil, errTemporaryOld
		}
		return m.askNewPassword(a, p, flow)
	}
	return m.grant(ctx, a, p, flow, nil, errWrongPassword)
}

// grant ends a flow with tokens; used is the answer when the flow has ended before.
func (m *Machine) grant(ctx context.Context, a *Attempt, p person, flow string, also func(*store.Tx) error, used error) (*Step, error) {
	t, err := m.tokens.Issue(ctx, token.Grant{
		Pool: a.Pool, Client: a.Client, User: p.user, Scopes: token.ScopeAdmin,
		Flow: flow,
	}, func(tx *store.Tx) error {
		if p.failed {
			if err := m.users.Succeeded(tx, a.Pool, p.subject); err != nil {
				return err
			}
		}
		if also == nil {
			return nil
		}
		return also(tx)
	})
	if err != nil {
		return nil, once(err, used)
	}
	return &Step{Tokens: t}, nil
}
