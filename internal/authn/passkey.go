package authn

import (
	"context"

	"cognate/api/idp"
	"cognate/internal/passkey"
	"cognate/internal/user"
)

// methodBoth says that one proof counts as two factors.
const methodBoth = "mfa"

// askPasskey is the challenge to prove a passkey.
func (m *Machine) askPasskey(ctx context.Context, a *Attempt, p *progress) (*Step, error) {
	options, state, err := m.passkeys.Options(a.Pool, p.User, passkey.Usable(a.Pool, p.Passkeys))
	if err != nil {
		return nil, err
	}
	s := a.beginFirst(p, idp.ChallengeNameTypeWebAuthn)
	s.Passkey = state
	return m.ask(ctx, a, p, s, map[string]string{"CREDENTIAL_REQUEST_OPTIONS": options})
}

// answerPasskey answers WEB_AUTHN. A proof that fails does not count as a failed sign-in: there is nothing to
// guess, and a lock by others' guesses at the password does not keep a passkey out.
func (m *Machine) answerPasskey(ctx context.Context, a *Attempt) (*Step, error) {
	s, p, err := m.resume(ctx, a, idp.ChallengeNameTypeWebAuthn)
	if err != nil {
		return nil, err
	}
	credential, err := a.need("CREDENTIAL")
	if err != nil {
		return nil, err
	}
	proof, err := m.passkeys.Verify(ctx, a.Pool, p.SignIn, s.Passkey, []byte(credential))
	if err != nil {
		return nil, a.failing(failedOther, err)
	}
	p.advanced = true
	p.methods, p.writes = append(p.methods, methodPasskey), append(p.writes, proof.Used)
	settings, err := user.SettingsOf(p.User)
	if err != nil {
		return nil, err
	}
	if proof.UserVerified && settings.CountsPasskey(a.Pool) {
		p.methods = append(p.methods, methodBoth)
	}
	return m.afterSingle(ctx, a, p)
}
