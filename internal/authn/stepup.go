package authn

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"cognate/api/idp"
	"cognate/internal/fault"
	"cognate/internal/passkey"
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
	target  level
	session *token.Session // of the ACCESS_TOKEN; nil without one
	proof   token.Proof    // of the session, as far as it is young enough
}

// stepUp reads TARGET_ACR_VALUES, the first of which that is known counts, MAX_AGE in seconds, and
// ACCESS_TOKEN, which must be of this client. It is empty without TARGET_ACR_VALUES.
func (m *Machine) stepUp(ctx context.Context, a *Attempt) (s stepUp, err error) {
	targets := strings.Fields(a.Parameters["TARGET_ACR_VALUES"])
	if len(targets) == 0 {
		return s, nil
	}
	if a.Pool.Settings.UserPoolTier == idp.UserPoolTierTypeLite {
		return s, fault.New(idp.CodeNotAuthorized, "TARGET_ACR_VALUES is not available in the pool's feature plan.")
	}
	for _, l := range []level{1, 2, 3, 4} {
		if at := slices.Index(targets, l.String()); at >= 0 && (s.target == 0 || at < slices.Index(targets, s.target.String())) {
			s.target = l
		}
	}
	if s.target == 0 {
		return s, fault.New(idp.CodeInvalidParameter, "Invalid TARGET_ACR_VALUES.")
	}
	maxAge, err := maxAge(a.Parameters["MAX_AGE"])
	if err != nil || a.Parameters["ACCESS_TOKEN"] == "" {
		return s, err
	}
	if s.session, err = m.tokens.Authorize(ctx, a.Parameters["ACCESS_TOKEN"]); err != nil {
		return s, err
	}
	if s.session.Client.ID != a.Client.ID {
		return s, fault.New(idp.CodeNotAuthorized, "Invalid Access Token")
	}
	proof, err := s.session.Proof()
	if err == nil && time.Since(proof.Time) <= maxAge {
		s.proof = proof
	}
	return s, err
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

// raise begins to raise the user's present session to the level that is asked for, by what is missing only.
// The session stays the same: its refresh token, its end, its device and the time of its oldest proof. Where
// nothing is missing there are new tokens, which end when the access token does that was shown: to show one
// is no way to prolong it. done is false where nothing of what the session has proven is a part of the level.
func (m *Machine) raise(ctx context.Context, a *Attempt, p *progress, s stepUp) (step *Step, done bool, err error) {
	if s.session == nil {
		return nil, false, nil
	}
	methods, err := m.credit(ctx, a, p, s.proof)
	if err != nil {
		return nil, true, err
	}
	if levelOf(methods) < p.target && !slices.Contains(methods, methodPassword) {
		return nil, false, nil
	}
	if err := RefusedState(p.User); err != nil {
		return nil, true, err
	}
	p.methods, p.raises, p.device = methods, s.session.Claims.EventID, ""
	p.notAfter = time.Unix(s.session.Claims.Expires, 0)
	step, err = m.next(ctx, a, p)
	return step, true, err
}

// credit is what an earlier proof still counts for: nothing once the password has been replaced, and no
// factor that would not be asked for now.
func (m *Machine) credit(ctx context.Context, a *Attempt, p *progress, proof token.Proof) (methods []string, err error) {
	if len(proof.Methods) == 0 || p.Password.Set.After(proof.Time) {
		return nil, nil
	}
	due, err := m.due(ctx, a, p)
	if err != nil {
		return nil, err
	}
	passkeys := passkey.Usable(a.Pool, p.Passkeys)
	settings, err := user.SettingsOf(p.User)
	counts := map[string]bool{
		methodPassword: p.HasPassword,
		methodPasskey:  len(passkeys) > 0,
		methodBoth:     len(passkeys) > 0 && settings.CountsPasskey(a.Pool),
	}
	for factor, f := range secondFactors {
		counts[f.method] = slices.Contains(due, factor)
	}
	for _, method := range proof.Methods {
		if counts[method] {
			methods = append(methods, method)
		}
	}
	return methods, err
}

// due are the second factors that can be asked for: where one must follow, those and no weaker ones; else all
// that the user has.
func (m *Machine) due(ctx context.Context, a *Attempt, p *progress) ([]string, error) {
	f, err := m.users.SecondFactors(ctx, a.Pool, p.User)
	if err != nil || f.Asks() {
		return f.Usable, err
	}
	return m.users.AbleFactors(ctx, a.Pool, p.User)
}

// errLevel is the answer to a user who lacks the factors of a level.
var errLevel = fault.New(idp.CodeInvalidParameter, "The user cannot reach the requested authentication level.")

// askLevel asks for the second factor by which a password reaches the target. A user who must set one up
// first does that, whichever level it then comes to.
func (m *Machine) askLevel(ctx context.Context, a *Attempt, p *progress) (*Step, error) {
	f, err := m.users.SecondFactors(ctx, a.Pool, p.User)
	if err != nil {
		return nil, err
	}
	if f.Asks() && len(f.Usable) == 0 {
		return m.askFactor(ctx, a, p)
	}
	due, err := m.due(ctx, a, p)
	if err != nil {
		return nil, err
	}
	if p.target == 4 {
		due = slices.DeleteFunc(due, func(factor string) bool { return factor != user.FactorTOTP })
	}
	switch {
	case len(due) == 0:
		return nil, errLevel
	case slices.Contains(due, f.Preferred):
		return m.askFor(ctx, a, p, f.Preferred)
	case len(due) == 1:
		return m.askFor(ctx, a, p, due[0])
	}
	return m.choose(ctx, a, p, idp.ChallengeNameTypeSelectMfaType, "MFAS_CAN_CHOOSE", due)
}

// reaches are the first factors by which a sign-in can reach the target.
func (l level) reaches(factors []string) []string {
	first := map[string]level{
		idp.ChallengeNameTypePassword: 4, idp.ChallengeNameTypePasswordSrp: 4, // with a second factor
		idp.ChallengeNameTypeEmailOtp: 2, idp.ChallengeNameTypeSmsOtp: 2, idp.ChallengeNameTypeWebAuthn: 3,
	}
	return slices.DeleteFunc(factors, func(factor string) bool { return first[factor] < l })
}

// IsLevel reports whether an acr value names a level.
func IsLevel(acr string) bool {
	l, err := strconv.Atoi(strings.TrimPrefix(acr, levelPrefix))
	return err == nil && l >= 1 && l <= 4 && level(l).String() == acr
}

// LevelOf is the level that methods reach together, as an acr value; empty for none.
func LevelOf(methods []string) string { return levelOf(methods).String() }

// Reaches reports whether methods reach any of space-separated acr values that name levels.
func Reaches(methods []string, acrs string) bool {
	reached := levelOf(methods)
	for acr := range strings.FieldsSeq(acrs) {
		if l, err := strconv.Atoi(strings.TrimPrefix(acr, levelPrefix)); err == nil && level(l) <= reached {
			return true
		}
	}
	return false
}
