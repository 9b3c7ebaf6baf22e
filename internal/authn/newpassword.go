package authn

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"

	"cognate/api/idp"
	"cognate/internal/fault"
	"cognate/internal/store"
	"cognate/internal/user"
)

// attributePrefix marks the attributes among the answers to NEW_PASSWORD_REQUIRED.
const attributePrefix = "userAttributes."

// askNewPassword is the challenge of a user whose password was set by an administrator. It tells which
// attributes the user has, and which required ones are missing.
func (m *Machine) askNewPassword(a *Attempt, p user.Account, flow string) (*Step, error) {
	u := p.User
	session, err := m.seal(a.begin(flow, p, idp.ChallengeNameTypeNewPasswordRequired))
	if err != nil {
		return nil, err
	}
	have, missing := map[string]string{}, []string{}
	for name, value := range u.Attributes {
		if name != "sub" && a.Client.CanRead(a.Pool, name) {
			have[name] = value
		}
	}
	for _, name := range missingAttributes(a, u) {
		missing = append(missing, attributePrefix+name)
	}
	attributes, err := json.Marshal(have, json.Deterministic(true))
	if err != nil {
		return nil, err
	}
	required, err := json.Marshal(missing)
	if err != nil {
		return nil, err
	}
	return &Step{Challenge: idp.ChallengeNameTypeNewPasswordRequired, Session: session, Parameters: map[string]string{
		"USER_ID_FOR_SRP": u.Username, "userAttributes": string(attributes), "requiredAttributes": string(required),
	}}, nil
}

// missingAttributes are the attributes that the pool requires and the user does not have.
func missingAttributes(a *Attempt, u store.User) (names []string) {
	for _, name := range a.Pool.Required() {
		if name != "sub" && u.Attributes[name] == "" {
			names = append(names, name)
		}
	}
	return names
}

// newPassword answers NEW_PASSWORD_REQUIRED: the user's own password, and the required attributes.
func (m *Machine) newPassword(ctx context.Context, a *Attempt) (*Step, error) {
	s, err := m.open(a)
	if err != nil {
		return nil, err
	}
	name, err := a.need("USERNAME")
	if err != nil {
		return nil, err
	}
	password, err := a.need("NEW_PASSWORD")
	if err != nil {
		return nil, err
	}
	p, err := m.sessionUser(ctx, a, s, name)
	if err != nil {
		return nil, err
	}
	if err := a.checkSecretHash(p.User.Username, p.User.Sub); err != nil {
		return nil, err
	}
	switch {
	case p.User.Status != idp.UserStatusTypeForceChangePassword:
		return nil, errUsedSession
	case !p.Password.Set.Equal(s.Password):
		return nil, errInvalidSession // the temporary password has been replaced since
	}
	return m.replacePassword(ctx, a, s, p, password)
}

// sessionUser reads the user of a session; name must be one of the user's.
func (m *Machine) sessionUser(ctx context.Context, a *Attempt, s session, name string) (p user.Account, err error) {
	p, err = m.users.SignInBySub(ctx, a.Pool, s.Sub)
	if known := (*fault.Error)(nil); errors.As(err, &known) {
		return p, errInvalidSession
	}
	if err != nil {
		return p, err
	}
	mine := slices.ContainsFunc(namesOf(p.User), func(own string) bool { return a.Pool.Key(own) == a.Pool.Key(name) })
	if !mine {
		return p, errInvalidSession
	}
	if !p.User.Enabled {
		return p, errDisabled
	}
	return p, nil
}

// replacePassword checks everything, and then writes password, attributes, state and session at once.
func (m *Machine) replacePassword(ctx context.Context, a *Attempt, s session, p user.Account, password string) (*Step, error) {
	changes := map[string]string{}
	for name, value := range a.Parameters {
		if attr, ok := strings.CutPrefix(name, attributePrefix); ok {
			changes[attr] = value
		}
	}
	done, err := m.users.CompleteNewPassword(ctx, a.Pool, a.Client, p.User, password, changes)
	if err != nil {
		return nil, err
	}
	p.User = done.User
	return m.grant(ctx, a, p, s.Flow, done.Write, errUsedSession)
}
