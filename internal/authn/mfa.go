package authn

import (
	"context"
	"slices"
	"time"

	"github.com/go-json-experiment/json"

	"cognate/api/idp"
	"cognate/internal/fault"
	"cognate/internal/message"
	"cognate/internal/user"
)

// What a flow has proven, as the amr claim names it (RFC 8176 where it has a name).
const (
	methodPassword = "pwd"
	methodTOTP     = "otp"
	methodSMS      = "sms"
	methodEmail    = "email_otp"
	methodPasskey  = "swk"
)

// bothProven reports whether two factors have been proven.
func bothProven(methods []string) bool {
	return slices.Contains(methods, methodBoth) || slices.Contains(methods, methodPassword) && levelOf(methods) >= 3
}

// secondFactor is how a second factor is asked for and answered.
type secondFactor struct {
	answer string // the parameter that holds the code
	method string
}

var secondFactors = map[string]secondFactor{
	user.FactorSMS:   {"SMS_MFA_CODE", methodSMS},
	user.FactorTOTP:  {"SOFTWARE_TOKEN_MFA_CODE", methodTOTP},
	user.FactorEmail: {"EMAIL_OTP_CODE", methodEmail},
}

// errNoFactor is the answer to a user who needs a second factor, has none and can set up none.
var errNoFactor = fault.New(idp.CodeInvalidParameter, "MFA method not found")

// Digits of the codes that are sent: a second factor by SMS has fewer.
const (
	smsDigits = 6
	otpDigits = 8
)

// askFactor asks for the second factor, or the choice or the set-up of one; nil when none is needed.
func (m *Machine) askFactor(ctx context.Context, a *Attempt, p *progress) (*Step, error) {
	f, err := m.demanded(ctx, a, p)
	switch {
	case err != nil:
		return nil, err
	case len(f.Setup) > 0:
		return m.choose(ctx, a, p, idp.ChallengeNameTypeMfaSetup, "MFAS_CAN_SETUP", f.Setup)
	case f.Preferred != "":
		return m.askFor(ctx, a, p, f.Preferred)
	case len(f.Usable) > 1:
		return m.choose(ctx, a, p, idp.ChallengeNameTypeSelectMfaType, "MFAS_CAN_CHOOSE", f.Usable)
	case len(f.Usable) == 1:
		return m.askFor(ctx, a, p, f.Usable[0])
	case f.Required:
		return nil, errNoFactor
	}
	return nil, nil
}

// choose is a challenge to choose between factors.
func (m *Machine) choose(ctx context.Context, a *Attempt, p *progress, challenge, parameter string, factors []string) (*Step, error) {
	s := a.begin(p, challenge)
	s.Choices = factors
	list, err := json.Marshal(factors)
	if err != nil {
		return nil, err
	}
	return m.ask(ctx, a, p, s, map[string]string{parameter: string(list), "USER_ID_FOR_SRP": p.User.Username})
}

// askFor is the challenge of one second factor. A code is sent for those that need one.
func (m *Machine) askFor(ctx context.Context, a *Attempt, p *progress, factor string) (*Step, error) {
	if factor != user.FactorTOTP {
		attr := user.FactorAttribute(factor)
		return m.askCode(ctx, a, p, a.begin(p, factor), attr, p.User.Attributes[attr])
	}
	name, err := m.users.TokenName(ctx, a.Pool, p.User.Sub)
	if err != nil {
		return nil, err
	}
	parameters := map[string]string{"USER_ID_FOR_SRP": p.User.Username}
	if name != "" {
		parameters["FRIENDLY_DEVICE_NAME"] = name
	}
	return m.ask(ctx, a, p, a.begin(p, factor), parameters)
}

// askCode sends a code to an address and is the challenge that asks for it, which the code lives as long as.
func (m *Machine) askCode(ctx context.Context, a *Attempt, p *progress, s session, attr, address string) (*Step, error) {
	digits := otpDigits
	if s.Challenge == user.FactorSMS {
		digits = smsDigits
	}
	step, err := m.ask(ctx, a, p, s, nil)
	if err != nil {
		return nil, err
	}
	code := user.SignInCode{Flow: p.flow, Attr: attr, Address: address, Digits: digits, Lifetime: time.Until(s.Expires), Metadata: a.occasion().Metadata}
	if s.Link {
		code.Link = a.Link
	}
	sent, err := m.users.SendSignInCode(ctx, a.Pool, a.Client, p.User, code)
	if err != nil {
		return nil, err
	}
	step.Link, step.Parameters = s.Link, sentTo(sent)
	step.Parameters["USER_ID_FOR_SRP"] = p.User.Username
	return step, nil
}

// sentTo are the parameters that tell where a code went.
func sentTo(sent *idp.CodeDeliveryDetailsType) map[string]string {
	return map[string]string{
		"CODE_DELIVERY_DELIVERY_MEDIUM": sent.DeliveryMedium, "CODE_DELIVERY_DESTINATION": sent.Destination,
	}
}

// answerToken answers SOFTWARE_TOKEN_MFA.
func (m *Machine) answerToken(ctx context.Context, a *Attempt) (*Step, error) {
	_, p, err := m.resume(ctx, a, a.Challenge)
	if err != nil {
		return nil, err
	}
	factor := secondFactors[a.Challenge]
	code, err := a.need(factor.answer)
	if err != nil {
		return nil, err
	}
	use, err := m.users.ProveToken(ctx, a.Pool, &p.Account, code)
	if err != nil {
		return nil, a.failing(failedMFA, err)
	}
	p.advanced = true
	p.writes, p.methods = append(p.writes, use), append(p.methods, factor.method)
	return m.complete(ctx, a, p)
}

// answerCode answers SMS_MFA, and EMAIL_OTP and SMS_OTP in either of their roles.
func (m *Machine) answerCode(ctx context.Context, a *Attempt) (*Step, error) {
	s, p, err := m.resume(ctx, a, a.Challenge)
	if err != nil {
		return nil, err
	}
	if err := m.stillAsked(ctx, a, p, s); err != nil {
		return nil, err
	}
	factor := secondFactors[a.Challenge]
	if a.Challenge == idp.ChallengeNameTypeSmsOtp {
		factor = secondFactor{"SMS_OTP_CODE", methodSMS}
	}
	code, err := a.need(factor.answer)
	if err != nil {
		return nil, err
	}
	over, err := m.tokens.Granted(ctx, p.flow)
	if err != nil {
		return nil, err
	}
	if over {
		return nil, errUsedSession
	}
	sent := user.SignInCode{Flow: p.flow, Attr: user.FactorAttribute(a.Challenge)}
	is, use, err := m.users.ProveSignInCode(ctx, a.Pool, &p.Account, sent, code)
	if err != nil {
		return nil, a.failing(failedMFA, err)
	}
	p.advanced = true
	p.User, p.writes, p.methods = *is, append(p.writes, use), append(p.methods, factor.method)
	if s.First {
		return m.afterSingle(ctx, a, p)
	}
	if len(s.Choices) > 0 {
		p.writes = append(p.writes, m.users.TurnOn(a.Pool, p.User.Sub, user.FactorEmail))
	}
	return m.complete(ctx, a, p)
}

// stillAsked is an error unless a code of this kind could be asked for now: pool and user may have changed
// since it was sent.
func (m *Machine) stillAsked(ctx context.Context, a *Attempt, p *progress, s session) error {
	allowed, err := a.Pool.FirstFactors(), error(nil)
	switch {
	case len(s.Choices) > 0:
		return m.settingUp(ctx, a, p, s, user.FactorEmail)
	case !s.First:
		allowed, err = m.due(ctx, a, p)
	}
	if err == nil && !slices.Contains(allowed, s.Challenge) {
		err = errInvalidSession
	}
	return err
}

// complete ends a sign-in whose last factor has been proven, but for the proof of a remembered device.
func (m *Machine) complete(ctx context.Context, a *Attempt, p *progress) (*Step, error) {
	if err := RefusedState(p.User); err != nil {
		return nil, err
	}
	if p.device != "" {
		return m.askDevice(ctx, a, p)
	}
	return m.grant(ctx, a, p)
}

// selectFactor answers SELECT_MFA_TYPE.
func (m *Machine) selectFactor(ctx context.Context, a *Attempt) (*Step, error) {
	s, p, err := m.resume(ctx, a, a.Challenge)
	if err != nil {
		return nil, err
	}
	answer, err := a.need("ANSWER")
	if err != nil {
		return nil, err
	}
	if answer == "EMAIL_MFA" { // as Cognito's documentation calls it
		answer = user.FactorEmail
	}
	due, err := m.due(ctx, a, p)
	if err != nil {
		return nil, err
	}
	if !slices.Contains(s.Choices, answer) || !slices.Contains(due, answer) {
		return nil, fault.New(idp.CodeInvalidParameter, "Invalid MFA type selected.")
	}
	return m.askFor(ctx, a, p, answer)
}

// setUp answers MFA_SETUP: with the Session of a software token that has been verified, or with an e-mail
// address to send a code to.
func (m *Machine) setUp(ctx context.Context, a *Attempt) (*Step, error) {
	s, p, err := m.resume(ctx, a, a.Challenge)
	if err != nil {
		return nil, err
	}
	if s.Ready {
		due, err := m.due(ctx, a, p)
		if err != nil {
			return nil, err
		}
		if !slices.Contains(due, user.FactorTOTP) {
			return nil, errInvalidSession // taken away since
		}
		p.methods = append(p.methods, methodTOTP)
		return m.complete(ctx, a, p)
	}
	address := a.Parameters["EMAIL"]
	if address == "" {
		address = a.Parameters["email"]
	}
	if address == "" {
		return nil, errInvalidSession
	}
	if err := m.settingUp(ctx, a, p, s, user.FactorEmail); err != nil {
		return nil, err
	}
	if address, err = user.CleanEmail(a.Pool, a.Client, address); err != nil {
		return nil, err
	}
	next := a.begin(p, user.FactorEmail)
	next.Choices = s.Choices
	return m.askCode(ctx, a, p, next, user.FactorAttribute(user.FactorEmail), address)
}

// settingUp is an error unless the session's user still has to set up this factor: who has one by now must
// prove it. What the progress writes then fails when that changes on the way.
func (m *Machine) settingUp(ctx context.Context, a *Attempt, p *progress, s session, factor string) error {
	f, err := m.users.SecondFactors(ctx, a.Pool, p.User)
	if err != nil {
		return err
	}
	if !slices.Contains(s.Choices, factor) || !slices.Contains(f.Setup, factor) {
		return errInvalidSession
	}
	p.writes = append(p.writes, m.users.SettingUp(a.Pool, p.User.Sub, factor))
	return nil
}

// AssociateSoftwareToken begins to set up a software token for the user of an MFA_SETUP Session. It returns
// the seed and the Session that goes with it.
func (m *Machine) AssociateSoftwareToken(ctx context.Context, a *Attempt) (user.Seed, string, error) {
	s, p, err := m.setupSession(ctx, a)
	if err != nil {
		return nil, "", err
	}
	seed, err := user.NewSeed(a.Pool)
	if err != nil {
		return nil, "", err
	}
	next := a.begin(p, s.Challenge)
	next.Choices, next.Seed, next.Expires = s.Choices, seed, s.Expires // asking again does not prolong it
	text, err := m.seal(next)
	return seed, text, err
}

// Seed is the seed that an MFA_SETUP Session of [Machine.AssociateSoftwareToken] carries, for a page that shows it
// again.
func (m *Machine) Seed(a *Attempt) (user.Seed, error) {
	s, err := m.open(a, idp.ChallengeNameTypeMfaSetup)
	if err == nil && len(s.Seed) == 0 {
		err = errInvalidSession
	}
	return s.Seed, err
}

// Resend sends the code of a challenge again, in place of the one that was sent: for pages. What was a link is one
// again, unless the pool has stopped to want links. It prolongs nothing.
func (m *Machine) Resend(ctx context.Context, a *Attempt) (*Step, error) {
	return user.Watched(m.users, a.IP, func() (*Step, error) { return m.resend(ctx, a) })
}

func (m *Machine) resend(ctx context.Context, a *Attempt) (*Step, error) {
	s, p, err := m.resume(ctx, a, idp.ChallengeNameTypeSmsMfa, idp.ChallengeNameTypeEmailOtp, idp.ChallengeNameTypeSmsOtp)
	if err != nil {
		return nil, err
	}
	if len(s.Choices) > 0 {
		return nil, errInvalidSession // to an address that only the code's row knows
	}
	s.Link = s.Link && a.sendsLink(s.Challenge)
	attr := user.FactorAttribute(s.Challenge)
	if !p.Exists() {
		return m.pretendCode(ctx, a, p, s, a.Parameters["USERNAME"])
	}
	if err := m.stillAsked(ctx, a, p, s); err != nil {
		return nil, err
	}
	return m.askCode(ctx, a, p, s, attr, p.User.Attributes[attr])
}

// VerifySoftwareToken registers the software token of a Session by its first code. It returns the Session
// that answers MFA_SETUP.
func (m *Machine) VerifySoftwareToken(ctx context.Context, a *Attempt, code, name string) (string, error) {
	s, p, err := m.setupSession(ctx, a)
	if err != nil {
		return "", err
	}
	if len(s.Seed) == 0 {
		return "", errInvalidSession
	}
	register, err := m.users.EnrolSoftwareToken(ctx, a.Pool, &p.Account, s.Seed, code, name)
	if err != nil {
		return "", err
	}
	p.writes = append(p.writes, register, m.users.TurnOn(a.Pool, p.User.Sub, user.FactorTOTP))
	next := a.begin(p, s.Challenge)
	next.Ready = true
	step, err := m.ask(ctx, a, p, next, nil)
	if err != nil {
		return "", err
	}
	m.users.Notify(ctx, a.Pool, p.User.Sub, message.FactorsChanged)
	return step.Session, nil
}

// setupSession resumes an MFA_SETUP Session for the two operations, which carry nothing else.
func (m *Machine) setupSession(ctx context.Context, a *Attempt) (s session, p *progress, err error) {
	if err = a.checkRegion(idp.ChallengeNameTypeMfaSetup); err != nil {
		return s, nil, err
	}
	if s, err = m.open(a, idp.ChallengeNameTypeMfaSetup); err != nil {
		return s, nil, err
	}
	if p, err = m.recallSession(ctx, a, s); err != nil {
		return s, nil, err
	}
	return s, p, m.settingUp(ctx, a, p, s, user.FactorTOTP)
}
