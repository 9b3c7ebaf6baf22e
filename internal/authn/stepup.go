package authn

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"cognate/api/idp"
	"cognate/internal/fault"
	"cognate/internal/token"
	"cognate/internal/user"
)

// A level says how sure a sign-in is (protocol page "auth-flows", section 6): 1 a password, 2 a code that
// was sent, 3 a passkey or a password with such a code, 4 a password with a software token.
type level int

const levelPrefix = "urn:cognito:loa:"

// String is the level as the acr claim and TARGET_ACR_VALUES name it.
func (l level) String() string {
	if l == 0 {
		return ""
	}
	return levelPrefix + strconv.Itoa(int(l))
}

// levelOf is the level that methods reach together; 0 is none.
func levelOf(methods []string) level {
	has := func(method string) bool { return slices.Contains(methods, method) }
	sent := has(methodSMS) || has(methodEmail)
	switch {
	case has(methodPassword) && has(methodTOTP):
		return 4
	case has(methodPasskey), has(methodPassword) && sent:
		return 3
	case sent:
		return 2
	case has(methodPassword):
		return 1
	}
	return 0
}

// stepUp is what a sign-in by choice asks for beyond a usual one.
type stepUp struct {
	target level
	proven token.Proof // by the session of the ACCESS_TOKEN, as far as it is young enough
}

// stepUp reads TARGET_ACR_VALUES, the first of which that is known counts, MAX_AGE in seconds, and
// ACCESS_TOKEN, which must be of this client. It is empty without TARGET_ACR_VALUES.
func (m *Machine) stepUp(ctx context.Context, a *Attempt) (s stepUp, sub string, err error) {
	targets := strings.Fields(a.Parameters["TARGET_ACR_VALUES"])
	if len(targets) == 0 {
		return s, "", nil
	}
	if a.Pool.Settings.UserPoolTier == idp.UserPoolTierTypeLite {
		return s, "", fault.New(idp.CodeNotAuthorized, "TARGET_ACR_VALUES is not available in the pool's feature plan.")
	}
	for _, l := range []level{1, 2, 3, 4} {
		if at := slices.Index(targets, l.String()); at >= 0 && (s.target == 0 || at < slices.Index(targets, s.target.String())) {
			s.target = l
		}
	}
	if s.target == 0 {
		return s, "", fault.New(idp.CodeInvalidParameter, "Invalid TARGET_ACR_VALUES.")
	}
	maxAge, err := maxAge(a.Parameters["MAX_AGE"])
	if err != nil || a.Parameters["ACCESS_TOKEN"] == "" {
		return s, "", err
	}
	session, err := m.tokens.Authorize(ctx, a.Parameters["ACCESS_TOKEN"])
	if err != nil {
		return s, "", err
	}
	if session.Client.ID != a.Client.ID {
		return s, "", fault.New(idp.CodeNotAuthorized, "Invalid Access Token")
	}
	proof, err := session.Proof()
	if err == nil && time.Since(proof.Time) <= maxAge {
		s.proven = proof
	}
	return s, session.User.Sub, err
}

// maxAge reads MAX_AGE; without it, any age will do.
func maxAge(text string) (time.Duration, error) {
	if text == "" {
		return 1<<63 - 1, nil
	}
	seconds, err := strconv.ParseUint(text, 10, 31)
	if err != nil {
		return 0, fault.New(idp.CodeInvalidParameter, "Invalid MAX_AGE.")
	}
	return time.Duration(seconds) * time.Second, nil
}

// startStepUp begins a sign-in that has to reach a level, with the credit that the user's present session
// gives. Where that is enough, the tokens come at once, and keep the time of the old proof.
func (m *Machine) startStepUp(ctx context.Context, a *Attempt, p *progress, s stepUp) (step *Step, done bool, err error) {
	p.target = s.target
	enough := levelOf(s.proven.Methods) >= p.target
	if !enough && !slices.Contains(s.proven.Methods, methodPassword) {
		return nil, false, nil // nothing of it is a part of what is missing
	}
	if err := refusedState(p.User); err != nil {
		return nil, true, err
	}
	p.methods = s.proven.Methods
	if enough {
		p.since = s.proven.Time
	}
	step, err = m.next(ctx, a, p)
	return step, true, err
}

// errLevel is the answer to a user who lacks the factors of a level.
var errLevel = fault.New(idp.CodeInvalidParameter, "The user cannot reach the requested authentication level.")

// askLevel asks for the second factor by which a password reaches the target.
func (m *Machine) askLevel(ctx context.Context, a *Attempt, p *progress) (*Step, error) {
	able, err := m.users.AbleFactors(ctx, a.Pool, p.User)
	if err != nil {
		return nil, err
	}
	if p.target == 4 {
		able = slices.DeleteFunc(able, func(factor string) bool { return factor != user.FactorTOTP })
	}
	switch len(able) {
	case 0:
		return nil, errLevel
	case 1:
		return m.askFor(ctx, a, p, able[0])
	}
	return m.choose(ctx, a, p, idp.ChallengeNameTypeSelectMfaType, "MFAS_CAN_CHOOSE", able)
}

// reaches are the first factors by which a sign-in can reach the target.
func (l level) reaches(factors []string) []string {
	first := map[string]level{
		idp.ChallengeNameTypePassword: 4, idp.ChallengeNameTypePasswordSrp: 4, // with a second factor
		idp.ChallengeNameTypeEmailOtp: 2, idp.ChallengeNameTypeSmsOtp: 2, idp.ChallengeNameTypeWebAuthn: 3,
	}
	return slices.DeleteFunc(factors, func(factor string) bool { return first[factor] < l })
}
