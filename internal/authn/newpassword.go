package authn

import (
	"context"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"

	"cognate/api/idp"
	"cognate/internal/message"
	"cognate/internal/store"
	"cognate/internal/threat"
)

// attributePrefix marks the attributes among the answers to NEW_PASSWORD_REQUIRED.
const attributePrefix = "userAttributes."

// askNewPassword is the challenge of a user whose password was set by an administrator. It tells which
// attributes the user has, and which required ones are missing.
func (m *Machine) askNewPassword(ctx context.Context, a *Attempt, p *progress) (*Step, error) {
	u := p.User
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
	return m.ask(ctx, a, p, a.begin(p, idp.ChallengeNameTypeNewPasswordRequired), map[string]string{
		"USER_ID_FOR_SRP": u.Username, "userAttributes": string(attributes), "requiredAttributes": string(required),
	})
}

// replaces reports whether a user's password may be replaced in the course of a sign-in: a temporary one, or where the
// pool's functions ask for that, one that must be reset.
func replaces(p *progress) bool {
	return p.User.Status == idp.UserStatusTypeForceChangePassword ||
		p.custom != nil && p.User.Status == idp.UserStatusTypeResetRequired
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

// newPassword answers NEW_PASSWORD_REQUIRED: the user's own password, and the required attributes. A
// session from before the temporary password was replaced is refused.
func (m *Machine) newPassword(ctx context.Context, a *Attempt) (*Step, error) {
	_, p, err := m.resume(ctx, a, a.Challenge)
	if err != nil {
		return nil, err
	}
	password, err := a.need("NEW_PASSWORD")
	if err != nil {
		return nil, err
	}
	return m.replacePassword(ctx, a, p, password)
}

// replacePassword checks everything, and then writes password, attributes and state together with what
// comes next. A page takes only the attributes that it has asked for: it lends nobody what else the client may write.
func (m *Machine) replacePassword(ctx context.Context, a *Attempt, p *progress, password string) (*Step, error) {
	changes, missing := map[string]string{}, missingAttributes(a, p.User)
	for name, value := range a.Parameters {
		attr, ok := strings.CutPrefix(name, attributePrefix)
		if ok && (a.Enter == nil || slices.Contains(missing, attr)) {
			changes[attr] = value
		}
	}
	done, err := m.users.CompleteNewPassword(ctx, a.Pool, a.Client, p.User, password, changes)
	if err != nil {
		return nil, err
	}
	public, refused := a.watch.Public(ctx, idp.EventFilterTypePasswordChange, password)
	if refused {
		if a.failed = failedOther; p.risk != nil {
			p.risk.Compromised, p.risk.Refused = true, true
		}
		return nil, threat.ErrPassword
	}
	if public && p.risk != nil {
		p.risk.Compromised = true
	}
	p.User, p.Password = done.User, done.Password
	p.writes = append(p.writes, done.Write)
	next := m.next
	if p.custom != nil {
		next = m.replacedCustom
	}
	step, err := next(ctx, a, p)
	if err == nil {
		m.users.Notify(ctx, a.Pool, p.User.Sub, message.PasswordChanged)
	}
	return step, err
}
