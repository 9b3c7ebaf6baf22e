package authn

import (
	"context"
	"errors"
	"slices"

	"cognate/api/idp"
	"cognate/internal/fault"
	"cognate/internal/store"
	"cognate/internal/threat"
	"cognate/internal/token"
	"cognate/internal/user"
)

// watching is an attempt under threat protection, as far as it has come.
type watching struct {
	watch  *threat.Watch // nil where the pool does not want it
	at     *progress     // of the sign-in; nil until it is known
	failed string        // the proof that was wrong; empty where none was
}

// What a wrong proof was of, as events show it; other is shown as nothing.
const (
	failedPassword = idp.ChallengeNamePassword
	failedMFA      = idp.ChallengeNameMfa
	failedOther    = "other"
)

// admit begins to watch an attempt, and turns away who comes from where nobody may sign in from: before a password is
// looked at, by whomever. Find tells whom the attempt is about.
func (m *Machine) admit(ctx context.Context, a *Attempt, custom bool, find func() (user.Account, error)) (err error) {
	if a.watch != nil {
		return nil
	}
	if a.watch, err = m.users.Threat().Watch(ctx, a.Pool, a.Client, a.Origin, custom); err != nil || !a.watch.Shut() {
		return err
	}
	p := &progress{flow: token.NewFlow()}
	if p.Account, err = find(); err != nil && !isUnknown(err) {
		return err
	}
	p.risk = &threat.Risk{}
	return m.block(ctx, a, p)
}

// failing notes that a proof was wrong, unless it was not looked at.
func (a *Attempt) failing(proof string, err error) error {
	if _, refused := errors.AsType[*fault.Error](err); refused && !user.IsLocked(err) {
		a.failed = proof
	}
	return err
}

// tried keeps an attempt that has failed, and returns the error that it has failed with.
func (m *Machine) tried(ctx context.Context, a *Attempt, err error) error {
	p := a.at
	if err == nil || a.watch == nil || p == nil || a.failed == "" {
		return err
	}
	if p.risk == nil { // of a name that nobody has it takes as long
		r, failed := a.watch.Assess(ctx, p.Subject)
		if failed != nil {
			return failed
		}
		p.risk = &r
	}
	if _, failed := m.try(ctx, a, p); failed != nil {
		return failed
	}
	return err
}

// try writes that a sign-in has failed. The event is nil where it was not kept.
func (m *Machine) try(ctx context.Context, a *Attempt, p *progress) (e *threat.Event, err error) {
	if p.Exists() {
		e = a.event(p, idp.EventResponseTypeFail)
	}
	kept, err := m.users.Threat().Try(ctx, a.Pool.ID, p.Subject, e)
	if !kept {
		e = nil
	}
	return e, err
}

// event is the sign-in as it stands.
func (a *Attempt) event(p *progress, response string) *threat.Event {
	e := a.watch.Event(idp.EventTypeSignIn, response, p.flow, p.User)
	if e == nil {
		return nil
	}
	if p.risk != nil {
		e.Risk = *p.risk
	}
	second := slices.ContainsFunc(p.methods, func(method string) bool { return method == methodTOTP || method == methodSMS || method == methodEmail })
	for _, c := range []struct {
		name string
		is   bool
	}{{failedPassword, slices.Contains(p.methods, methodPassword)}, {failedMFA, second}} {
		if c.is && c.name != a.failed {
			e.Challenges = append(e.Challenges, threat.Challenge{Name: c.name, Response: idp.ChallengeResponseSuccess})
		}
	}
	if a.failed == failedPassword || a.failed == failedMFA {
		e.Challenges = append(e.Challenges, threat.Challenge{Name: a.failed, Response: idp.ChallengeResponseFailure})
	}
	return e
}

// assess says once for each sign-in how risky it is: when the first factor has been proven, so that who has not learns
// nothing by it.
func (m *Machine) assess(ctx context.Context, a *Attempt, p *progress) error {
	if a.watch == nil || p.risk != nil {
		return nil
	}
	a.watch.On(p.device)
	r, err := a.watch.Assess(ctx, p.User.Sub)
	if err != nil {
		return err
	}
	r.Compromised = p.public
	p.risk, p.advanced = &r, true
	if r.Blocks() {
		return m.block(ctx, a, p)
	}
	return nil
}

// block refuses a sign-in because of its risk.
func (m *Machine) block(ctx context.Context, a *Attempt, p *progress) error {
	p.risk.Refused = true
	e, err := m.try(ctx, a, p)
	if err != nil {
		return err
	}
	m.users.Warn(ctx, a.Pool, a.watch, threat.MailBlock, e, p.User)
	return threat.ErrBlocked
}

// replacePublic refuses a password that was right and has become public, where it is to be refused: the user must choose
// another one first. Else it is noted.
func (m *Machine) replacePublic(ctx context.Context, a *Attempt, p *progress, password string) error {
	if p.User.Status != idp.UserStatusTypeConfirmed || !p.User.Enabled {
		return nil
	}
	public, refused := a.watch.Public(ctx, idp.EventFilterTypeSignIn, password)
	p.public = public
	if !refused {
		return nil
	}
	p.risk = &threat.Risk{Compromised: true, Refused: true}
	e := a.event(p, idp.EventResponseTypeFail)
	if err := m.users.RequireReset(ctx, a.Pool, p.Account, e.Put); err != nil {
		return once(err, errWrongPassword)
	}
	m.users.Threat().Committed(ctx, e)
	return threat.ErrReplace
}

// demanded are the second factors that the risk of a sign-in demands where nothing else asks for one: those that the
// user has what it takes for, but none that shows no more than the first factor did. There is no setting up of one: who
// is held for somebody else must not choose.
func (m *Machine) demanded(ctx context.Context, a *Attempt, p *progress) (f user.Factors, err error) {
	wanted, required := p.demands()
	if f, err = m.users.SecondFactors(ctx, a.Pool, p.User); err != nil || !wanted {
		return f, err
	}
	if required {
		f.Setup = nil
	}
	if !f.Asks() {
		f.Usable, err = m.users.SpareFactors(ctx, a.Pool, p.User)
		f.Usable = slices.DeleteFunc(f.Usable, func(factor string) bool { return slices.Contains(p.methods, secondFactors[factor].method) })
	}
	if err == nil && required && len(f.Usable) == 0 {
		err = m.block(ctx, a, p)
	}
	return f, err
}

// demands is what the risk of the sign-in demands.
func (p *progress) demands() (factor, required bool) {
	if p.risk == nil {
		return false, false
	}
	return p.risk.Demands()
}

// advance notes that a sign-in goes on to another challenge, when something has been proven since it was noted last. The
// event is to be committed with the sign-in's writes; it is nil where there is none.
func (m *Machine) advance(a *Attempt, p *progress) *threat.Event {
	if a.watch == nil || p.risk == nil || !p.advanced {
		return nil
	}
	p.advanced = false
	e := a.event(p, idp.EventResponseTypeInProgress)
	p.writes = append(p.writes, e.Put)
	return e
}

// pass notes that a sign-in ends well.
func (m *Machine) pass(a *Attempt, p *progress) *threat.Event {
	if a.watch == nil {
		return nil
	}
	e := a.event(p, store.AuthEventPass)
	p.writes = append(p.writes, e.Put)
	return e
}

// committed tells of an event, and the user of a risk, once.
func (m *Machine) committed(ctx context.Context, a *Attempt, p *progress, e *threat.Event, mail threat.Mail) {
	m.users.Threat().Committed(ctx, e)
	if mail != "" && a.watch != nil {
		m.users.Warn(ctx, a.Pool, a.watch, mail, e, p.User)
	}
}

// mfaChallenges are the challenges by which a demand for a second factor shows.
var mfaChallenges = []string{
	idp.ChallengeNameTypeSmsMfa, idp.ChallengeNameTypeSoftwareTokenMfa, idp.ChallengeNameTypeEmailOtp, idp.ChallengeNameTypeSelectMfaType,
}

// mailFor is the mail that is due with a challenge, or with the end of the sign-in where that is "".
func (p *progress) mailFor(challenge string) threat.Mail {
	if p.risk == nil || !p.risk.Notify || p.risk.Told {
		return ""
	}
	mail := threat.MailNoAction
	if wanted, _ := p.risk.Demands(); challenge != "" {
		if !wanted || !slices.Contains(mfaChallenges, challenge) {
			return ""
		}
		mail = threat.MailMFA
	}
	p.risk.Told = true
	return mail
}
