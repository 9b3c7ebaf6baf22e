package authn

import (
	"context"
	"slices"
	"strings"

	"cognate/api/idp"
	"cognate/internal/fault"
	"cognate/internal/passkey"
	"cognate/internal/pool"
	"cognate/internal/token"
	"cognate/internal/user"
)

// The first factors that a user chooses between, in the order in which they are offered.
var firstFactors = []string{
	idp.ChallengeNameTypePasswordSrp, idp.ChallengeNameTypePassword, idp.ChallengeNameTypeEmailOtp,
	idp.ChallengeNameTypeSmsOtp, idp.ChallengeNameTypeWebAuthn,
}

// startChoice begins a sign-in with the factor that the user prefers among those that it has, or with the
// choice of one (protocol page "auth-flows", section 6).
func (m *Machine) startChoice(ctx context.Context, a *Attempt) (*Step, error) {
	name, err := a.need("USERNAME")
	if err != nil {
		return nil, err
	}
	if a.Session != "" {
		return m.startSignedUp(ctx, a)
	}
	up, err := m.stepUp(ctx, a)
	if err != nil {
		return nil, err
	}
	p, err := m.begin(ctx, a, name)
	if err != nil {
		return nil, err
	}
	if up.session != nil && up.session.User.Sub != p.User.Sub {
		return nil, errWrongPassword
	}
	p.target = up.target
	if step, done, err := m.raise(ctx, a, p, up); done || err != nil {
		return step, err
	}
	available, err := m.available(ctx, a, p, name)
	if err != nil {
		return nil, err
	}
	if available = p.target.reaches(available); len(available) == 0 {
		return nil, errWrongPassword
	}
	chosen := a.Parameters["PREFERRED_CHALLENGE"]
	if !slices.Contains(available, chosen) {
		chosen = ""
		if len(available) == 1 {
			chosen = available[0]
		}
	}
	step, err := m.first(ctx, a, p, name, chosen)
	if err != nil {
		return nil, err
	}
	if step.Tokens == nil && (chosen == "" || step.Challenge == chosen || chosen == idp.ChallengeNameTypePasswordSrp) {
		step.Available = available
	}
	return step, nil
}

// The challenges of the Sessions that signing up hands out. No answer goes by these names.
const (
	sessionSignUp    = "SIGN_UP"
	sessionConfirmed = "SIGN_UP_CONFIRMED"
)

// SignUpSession is the Session of a user who has just signed up, for the call that confirms the user.
func (m *Machine) SignUpSession(ctx context.Context, a *Attempt, sub string) (string, error) {
	return m.sessionFor(ctx, a, sub, sessionSignUp)
}

// Confirm runs what confirms the user of an attempt, whose Session, if it brings one, must be of the same
// user. It returns the Session with which the user can then sign in, once, by USER_AUTH.
func (m *Machine) Confirm(ctx context.Context, a *Attempt, confirm func() (sub string, err error)) (string, error) {
	if a.Session != "" {
		if _, _, err := m.resume(ctx, a, sessionSignUp); err != nil {
			return "", err
		}
	}
	sub, err := confirm()
	if err != nil {
		return "", err
	}
	return m.sessionFor(ctx, a, sub, sessionConfirmed)
}

// sessionFor is a Session for a user of a client that can use it; else it is empty.
func (m *Machine) sessionFor(ctx context.Context, a *Attempt, sub, challenge string) (string, error) {
	if a.Enter == nil && !a.Client.Allows(idp.ExplicitAuthFlowsTypeAllowUserAuth) {
		return "", nil
	}
	account, err := m.users.SignInBySub(ctx, a.Pool, sub)
	if err != nil {
		return "", err
	}
	return m.seal(a.begin(&progress{Account: account, flow: token.NewFlow()}, challenge))
}

// startSignedUp signs in the user who has just confirmed the sign-up, without a further first factor.
func (m *Machine) startSignedUp(ctx context.Context, a *Attempt) (*Step, error) {
	_, p, err := m.resume(ctx, a, sessionConfirmed)
	if err != nil {
		return nil, err
	}
	if err := RefusedState(p.User); err != nil {
		return nil, err
	}
	if err := m.users.BeforeSignIn(ctx, a.Pool, a.Client, p.Account, p.User.Username, a.Metadata); err != nil {
		return nil, err
	}
	p.device = a.device()
	return m.next(ctx, a, p)
}

// available are the first factors that a user has. Where a second factor must follow, only a password can
// come first, for nothing else is one of two; a passkey can where the pool counts it as both. A name that
// nobody has gets what a usual user of the pool has.
func (m *Machine) available(ctx context.Context, a *Attempt, p *progress, name string) ([]string, error) {
	has := map[string]bool{
		idp.ChallengeNameTypePasswordSrp: true, idp.ChallengeNameTypePassword: true,
		idp.ChallengeNameTypeEmailOtp: !strings.HasPrefix(name, "+"), idp.ChallengeNameTypeSmsOtp: strings.HasPrefix(name, "+"),
	}
	if p.Exists() {
		has = hasFactors(a.Pool, p.Account)
	}
	f, err := m.users.SecondFactors(ctx, a.Pool, p.User)
	if err != nil {
		return nil, err
	}
	settings, err := user.SettingsOf(p.User)
	if err != nil {
		return nil, err
	}
	// A temporary password is replaced by no other factor, and an identity provider's user has none here.
	others := p.User.Status != idp.UserStatusTypeForceChangePassword && p.User.Status != idp.UserStatusTypeExternalProvider
	passkey, code := others && (!f.Asks() || settings.CountsPasskey(a.Pool)), others && !f.Asks()
	allowed := a.Pool.FirstFactors()
	var out []string
	for _, factor := range firstFactors {
		fits := slices.Contains(allowed, factor)
		switch factor {
		case idp.ChallengeNameTypePasswordSrp, idp.ChallengeNameTypePassword:
			fits = true
		case idp.ChallengeNameTypeWebAuthn:
			fits = fits && passkey
		default:
			fits = fits && code
		}
		if has[factor] && fits {
			out = append(out, factor)
		}
	}
	return out, nil
}

// Factors are what a user can sign in with: the first factors, and the choice of second ones.
func (m *Machine) Factors(ctx context.Context, p *pool.Pool, sub string) (first []string, second user.MFASettings, err error) {
	account, err := m.users.SignInBySub(ctx, p, sub)
	if err != nil {
		return nil, second, err
	}
	has := hasFactors(p, account)
	for _, factor := range firstFactors {
		if has[factor] && factor != idp.ChallengeNameTypePasswordSrp && slices.Contains(p.FirstFactors(), factor) {
			first = append(first, factor)
		}
	}
	second, err = user.SettingsOf(account.User)
	return first, second, err
}

// hasFactors tells which first factors a user has, whether or not the pool allows them.
func hasFactors(p *pool.Pool, u user.Account) map[string]bool {
	return map[string]bool{
		idp.ChallengeNameTypePasswordSrp: u.HasVerifier(),
		idp.ChallengeNameTypePassword:    u.HasPassword,
		idp.ChallengeNameTypeEmailOtp:    u.User.Attributes["email"] != "",
		idp.ChallengeNameTypeSmsOtp:      u.User.Attributes["phone_number"] != "",
		idp.ChallengeNameTypeWebAuthn:    len(passkey.Usable(p, u.Passkeys)) > 0,
	}
}

// first is the challenge of a first factor, or of the choice when none is chosen. A password that came along
// is looked at in the same call.
func (m *Machine) first(ctx context.Context, a *Attempt, p *progress, name, chosen string) (*Step, error) {
	switch {
	case chosen == idp.ChallengeNameTypePassword && a.Parameters["PASSWORD"] != "":
		return m.provePassword(ctx, a, p, a.Parameters["PASSWORD"])
	case chosen == idp.ChallengeNameTypePasswordSrp && a.Parameters["SRP_A"] != "":
		return m.proveSRP(ctx, a, p, name)
	case chosen == idp.ChallengeNameTypeEmailOtp, chosen == idp.ChallengeNameTypeSmsOtp:
		return m.askFirstCode(ctx, a, p, name, chosen)
	case chosen == idp.ChallengeNameTypeWebAuthn:
		return m.askPasskey(ctx, a, p)
	case chosen == "":
		chosen = idp.ChallengeNameTypeSelectChallenge
	}
	return m.ask(ctx, a, p, a.beginFirst(p, chosen), map[string]string{})
}

// beginFirst is begin for the challenge of a first factor.
func (a *Attempt) beginFirst(p *progress, challenge string) session {
	s := a.begin(p, challenge)
	s.First = true
	return s
}

// askFirstCode sends a code that is enough to sign in, or pretends to.
func (m *Machine) askFirstCode(ctx context.Context, a *Attempt, p *progress, name, challenge string) (*Step, error) {
	attr := user.FactorAttribute(challenge)
	s := a.beginFirst(p, challenge)
	s.Link = a.sendsLink(challenge)
	if p.Exists() {
		return m.askCode(ctx, a, p, s, attr, p.User.Attributes[attr])
	}
	return m.pretendCode(ctx, a, p, s, name)
}

// sendsLink reports whether the code of a first factor goes out in a link.
func (a *Attempt) sendsLink(challenge string) bool {
	return a.Link != "" && a.Enter != nil && challenge == idp.ChallengeNameTypeEmailOtp && a.Pool.SignInLinks()
}

// pretendCode is askCode for a name that nobody has.
func (m *Machine) pretendCode(ctx context.Context, a *Attempt, p *progress, s session, name string) (*Step, error) {
	step, err := m.ask(ctx, a, p, s, nil)
	if err != nil {
		return nil, err
	}
	sent, err := m.users.PretendSignInCode(ctx, a.Pool, name, user.FactorAttribute(s.Challenge))
	if err != nil {
		return nil, err
	}
	step.Link, step.Parameters = s.Link, sentTo(sent)
	step.Parameters["USER_ID_FOR_SRP"] = m.users.InventedName(a.Pool, name)
	return step, nil
}

// afterSingle goes on after a code, or a passkey, that was the first factor. Whether it can be one is asked
// again, for the pool and the user may have changed since.
func (m *Machine) afterSingle(ctx context.Context, a *Attempt, p *progress) (*Step, error) {
	f, err := m.users.SecondFactors(ctx, a.Pool, p.User)
	if err != nil {
		return nil, err
	}
	if f.Asks() && !bothProven(p.methods) || p.User.Status == idp.UserStatusTypeForceChangePassword {
		return nil, errInvalidSession
	}
	if err := RefusedState(p.User); err != nil {
		return nil, err
	}
	return m.next(ctx, a, p)
}

// selectChallenge answers SELECT_CHALLENGE: with a factor, and what that needs.
func (m *Machine) selectChallenge(ctx context.Context, a *Attempt) (*Step, error) {
	answer, err := a.need("ANSWER")
	if err != nil {
		return nil, err
	}
	return m.chosen(ctx, a, answer)
}

// choosePassword answers PASSWORD, or SELECT_CHALLENGE by this name.
func (m *Machine) choosePassword(ctx context.Context, a *Attempt) (*Step, error) {
	return m.chosen(ctx, a, idp.ChallengeNameTypePassword)
}

// chooseSRP answers PASSWORD_SRP, or SELECT_CHALLENGE by this name.
func (m *Machine) chooseSRP(ctx context.Context, a *Attempt) (*Step, error) {
	return m.chosen(ctx, a, idp.ChallengeNameTypePasswordSrp)
}

func (m *Machine) chosen(ctx context.Context, a *Attempt, answer string) (*Step, error) {
	if answer == idp.ChallengeNameTypeWebAuthn && a.Parameters["CREDENTIAL"] != "" {
		return m.answerPasskey(ctx, a)
	}
	_, p, err := m.resume(ctx, a, idp.ChallengeNameTypeSelectChallenge, a.Challenge)
	if err != nil {
		return nil, err
	}
	name := a.Parameters["USERNAME"]
	available, err := m.available(ctx, a, p, name)
	if err != nil {
		return nil, err
	}
	if !slices.Contains(p.target.reaches(available), answer) {
		return nil, fault.New(idp.CodeInvalidParameter, "Selected challenge is not available for the user.")
	}
	for factor, parameter := range map[string]string{
		idp.ChallengeNameTypePassword: "PASSWORD", idp.ChallengeNameTypePasswordSrp: "SRP_A",
	} {
		if _, err := a.need(parameter); factor == answer && err != nil {
			return nil, err
		}
	}
	return m.first(ctx, a, p, name, answer)
}
