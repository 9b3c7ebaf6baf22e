package authn

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"

	"github.com/go-json-experiment/json"

	"cognate/api/idp"
	"cognate/internal/fault"
	"cognate/internal/srp"
	"cognate/internal/store"
	"cognate/internal/trigger"
	"cognate/internal/user"
)

// custom is how far a sign-in has come whose challenges the pool's functions make (protocol page "auth-flows", section
// 7). It stays with the server: sealed in the Session, or in a row where it is too long for that. A challenge is
// answered once: with a wrong answer an older Session is over, too, so that nobody goes back to one with more guesses
// left.
type custom struct {
	Step     int                       `json:"n"` // of the challenge that is asked; the first is 1
	Results  []trigger.ChallengeResult `json:"r,omitzero"`
	A        []byte                    `json:"a,omitzero"` // what an exchange of SRP begins with, until it does
	Private  map[string]string         `json:"v,omitzero"` // of the challenge, as is Metadata
	Metadata *string                   `json:"m,omitzero"`
	Kept     bool                      `json:"k,omitzero"` // all but the Step is in a row
}

const (
	// longestSession is how long the model lets a Session be.
	longestSession = 2048
	// longestKept is how many bytes the rest may have in a row.
	longestKept = 128 << 10

	keptAAD = "kept-challenge:" // and the flow
)

// proven reports whether anything has been proven.
func (c *custom) proven() bool {
	for _, r := range c.Results {
		if r.Result && r.Name != trigger.ChallengeSRP {
			return true
		}
	}
	return false
}

// lastRight reports whether the challenge that was answered last was answered right.
func (c *custom) lastRight() bool {
	n := len(c.Results)
	return n > 0 && c.Results[n-1].Result && c.Results[n-1].Name != trigger.ChallengeSRP
}

// startCustom begins a sign-in whose challenges the pool's functions make; CHALLENGE_NAME says that it begins with a
// password, by SRP.
func (m *Machine) startCustom(ctx context.Context, a *Attempt) (*Step, error) {
	if a.Pool.Functions().DefineAuthChallenge == "" {
		return nil, user.ErrNoChallenges
	}
	name, err := a.need("USERNAME")
	if err != nil {
		return nil, err
	}
	c := &custom{}
	switch a.Parameters["CHALLENGE_NAME"] {
	case "":
	case trigger.ChallengeSRP:
		text, err := a.need("SRP_A")
		if err != nil {
			return nil, err
		}
		public, err := srp.ParseA(text)
		if err != nil {
			return nil, errWrongPassword
		}
		c.A, c.Results = public.Bytes(), []trigger.ChallengeResult{{Name: trigger.ChallengeSRP, Result: true}}
	default:
		return nil, fault.New(idp.CodeInvalidParameter, "Invalid CHALLENGE_NAME.")
	}
	p, err := m.begin(ctx, a, name)
	if err != nil {
		return nil, err
	}
	if err := m.mayBegin(a, p, name); err != nil {
		return nil, err
	}
	p.custom = c
	return m.define(ctx, a, p)
}

// mayBegin refuses users whom no answer would let in, before a function sends them anything. An identity provider's
// user is nobody here.
func (m *Machine) mayBegin(a *Attempt, p *progress, name string) error {
	hides := a.Client.HidesUsers()
	switch {
	case p.User.Status == idp.UserStatusTypeUnconfirmed:
		return errUnconfirmed
	case p.User.Status == idp.UserStatusTypeExternalProvider && hides:
		p.Account = m.users.Unknown(a.Pool, name)
	case p.User.Status == idp.UserStatusTypeExternalProvider:
		return errWrongPassword
	case p.Exists() && !p.User.Enabled && !hides: // else it is told at the end
		return errDisabled
	}
	return nil
}

// seen is the sign-in as the pool's functions see it.
func (a *Attempt) seen(p *progress) user.CustomSignIn {
	return user.CustomSignIn{
		Pool: a.Pool, Client: a.Client, Account: p.Account, Name: a.Parameters["USERNAME"],
		Results: p.custom.Results, Metadata: a.occasion().Metadata,
	}
}

// define has the pool's function say what comes next. A name that nobody has goes through the same challenges, and
// never further.
func (m *Machine) define(ctx context.Context, a *Attempt, p *progress) (*Step, error) {
	next, err := m.users.DefineChallenge(ctx, a.seen(p))
	if err != nil {
		return nil, err
	}
	p.custom.Step++
	switch next {
	case trigger.NextFailure:
		return nil, errWrongPassword
	case trigger.NextTokens:
		return m.endCustom(ctx, a, p)
	case idp.ChallengeNameTypePasswordVerifier:
		return m.askCustomPassword(ctx, a, p)
	case idp.ChallengeNameTypeNewPasswordRequired:
		return m.askReplacement(ctx, a, p)
	}
	return m.askCustom(ctx, a, p)
}

// endCustom grants what the pool's function has decided on: without a second factor, but not to users whose state
// forbids it. It is too late to answer that a device is not there: that is a new one.
func (m *Machine) endCustom(ctx context.Context, a *Attempt, p *progress) (*Step, error) {
	if !p.Exists() {
		return nil, errWrongPassword
	}
	p.custom = nil
	err := m.recognise(ctx, a, p)
	if f, ok := errors.AsType[*fault.Error](err); ok && f.Code == idp.CodeResourceNotFound {
		p.device, err = "", nil
	}
	if err != nil {
		return nil, err
	}
	if err := RefusedState(p.User); err != nil {
		return nil, a.failing(failedOther, err)
	}
	if err := m.assess(ctx, a, p); err != nil {
		return nil, err
	}
	if demanded, _ := p.demands(); demanded && !bothProven(p.methods) {
		if step, err := m.askFactor(ctx, a, p); step != nil || err != nil {
			return step, err
		}
	}
	return m.complete(ctx, a, p)
}

// askCustom asks what the pool's function makes up. Who is asked is never the function's to say.
func (m *Machine) askCustom(ctx context.Context, a *Attempt, p *progress) (*Step, error) {
	made, err := m.users.CreateChallenge(ctx, a.seen(p))
	if err != nil {
		return nil, err
	}
	p.custom.Private, p.custom.Metadata = made.Private, made.Metadata
	parameters := map[string]string{}
	maps.Copy(parameters, made.Public)
	parameters["USERNAME"] = p.User.Username
	if !p.Exists() {
		parameters["USERNAME"] = m.users.InventedName(a.Pool, a.Parameters["USERNAME"])
	}
	return m.ask(ctx, a, p, a.begin(p, idp.ChallengeNameTypeCustomChallenge), parameters)
}

// answerCustom answers CUSTOM_CHALLENGE. The pool's function says whether that is right, and a wrong answer counts
// against the user; what follows from it, another function decides.
func (m *Machine) answerCustom(ctx context.Context, a *Attempt) (*Step, error) {
	s, p, err := m.resume(ctx, a, a.Challenge)
	if err != nil {
		return nil, err
	}
	answer, err := a.need("ANSWER")
	if err != nil {
		return nil, err
	}
	take := func(tx *store.Tx) error {
		return tx.TakeChallenge(store.Challenge{Flow: s.Flow, PoolID: s.Pool, Answered: s.Custom.Step, Expires: s.Expires})
	}
	wrong := false
	err = m.users.GuardCall(ctx, a.Pool, &p.Account, take, func() error {
		right, err := m.users.VerifyChallenge(ctx, a.seen(p), p.custom.Private, answer)
		if wrong = err == nil && !right; wrong {
			err = errWrongPassword
		}
		return err
	})
	if wrong {
		a.failed = failedOther
	}
	if err != nil && !wrong {
		return nil, once(err, errUsedSession)
	}
	step, err := m.answered(ctx, a, p, !wrong)
	if err != nil {
		return nil, err
	}
	step.wrong = wrong
	return step, nil
}

// answered notes how a challenge was answered, and goes on.
func (m *Machine) answered(ctx context.Context, a *Attempt, p *progress, right bool) (*Step, error) {
	c := p.custom
	c.Results = append(c.Results, trigger.ChallengeResult{Name: a.Challenge, Result: right, Metadata: c.Metadata})
	c.Private, c.Metadata = nil, nil
	return m.define(ctx, a, p)
}

// askCustomPassword asks for the proof of the password that the sign-in began with.
func (m *Machine) askCustomPassword(ctx context.Context, a *Attempt, p *progress) (*Step, error) {
	if len(p.custom.A) == 0 {
		return nil, fault.New(idp.CodeInvalidParameter, "Missing required parameter SRP_A")
	}
	if !p.HasPassword && p.User.Status == idp.UserStatusTypeResetRequired && !a.Client.HidesUsers() {
		return nil, errReset
	}
	public, err := srp.ParseA(hex.EncodeToString(p.custom.A))
	if err != nil {
		return nil, err
	}
	step, err := m.challenge(a, p, a.Parameters["USERNAME"], public)
	if err != nil {
		return nil, err
	}
	p.custom.A = nil
	return m.ask(ctx, a, p, a.begin(p, step.Challenge), step.Parameters)
}

// answerCustomPassword answers PASSWORD_VERIFIER where the pool's functions decide what follows. A wrong password ends
// there, and no function is asked about it.
func (m *Machine) answerCustomPassword(ctx context.Context, a *Attempt, c claim, b block, raw []byte) (*Step, error) {
	s, p, err := m.resume(ctx, a, a.Challenge)
	if err != nil {
		return nil, err
	}
	if s.Flow != b.Flow {
		return nil, errInvalidSession
	}
	if err := m.proveBlock(ctx, a, &p.Account, c, b, raw); err != nil {
		return nil, a.failing(failedPassword, err)
	}
	switch {
	case !p.User.Enabled:
		return nil, errDisabled
	case temporaryTooOld(a, p):
		return nil, errTemporaryOld
	}
	p.methods = append(p.methods, methodPassword)
	return m.answered(ctx, a, p, true)
}

// askReplacement asks for a new password, as the pool's function wants it: of a user who must replace it, and has just
// proven something.
func (m *Machine) askReplacement(ctx context.Context, a *Attempt, p *progress) (*Step, error) {
	switch {
	case !p.Exists():
		return nil, errWrongPassword
	case !p.User.Enabled:
		return nil, errDisabled
	case !replaces(p) || !p.custom.lastRight():
		return nil, trigger.Unrecognizable(errors.New("the user has no password to replace, or has proven nothing"))
	}
	return m.askNewPassword(ctx, a, p)
}

// replacedCustom goes on after a new password.
func (m *Machine) replacedCustom(ctx context.Context, a *Attempt, p *progress) (*Step, error) {
	return m.answered(ctx, a, p, true)
}

// sealOrKeep is seal for a session that may not fit into a Session: then what the functions have made of it is kept in
// a row.
func (m *Machine) sealOrKeep(a *Attempt, p *progress, s session) (string, error) {
	text, err := m.seal(s)
	if err != nil || s.Custom == nil || len(text) <= longestSession {
		return text, err
	}
	plain, err := json.Marshal(s.Custom)
	if err != nil {
		return "", err
	}
	if len(plain) > longestKept {
		return "", trigger.Unrecognizable(fmt.Errorf("the sign-in has come to more than %d bytes", longestKept))
	}
	row := store.Challenge{
		Flow: s.Flow, PoolID: s.Pool, Answered: s.Custom.Step - 1, State: m.keys.Seal(plain, keptAAD+s.Flow), Expires: s.Expires,
	}
	p.writes = append(p.writes, m.users.KeepChallenge(a.Pool, p.Subject, row))
	s.Custom = &custom{Step: s.Custom.Step, Kept: true}
	return m.seal(s)
}

// recallCustom is the state of a session's challenges, nil where it has none: an error once its challenge, or a later
// one, was answered.
func (m *Machine) recallCustom(ctx context.Context, s session) (*custom, error) {
	if s.Custom == nil {
		return nil, nil
	}
	row, err := m.users.Challenge(ctx, s.Flow)
	switch {
	case err != nil:
		return nil, err
	case row.Answered >= s.Custom.Step:
		return nil, errUsedSession
	case !s.Custom.Kept:
		return s.Custom, nil
	case row.Answered != s.Custom.Step-1:
		return nil, errInvalidSession
	}
	c := &custom{}
	plain, err := m.keys.Open(row.State, keptAAD+s.Flow)
	if err != nil || json.Unmarshal(plain, c) != nil || c.Step != s.Custom.Step {
		return nil, errInvalidSession
	}
	return c, nil
}
