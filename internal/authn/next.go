package authn

import (
	"context"
	"time"

	"cognate/api/idp"
	"cognate/internal/store"
	"cognate/internal/threat"
	"cognate/internal/token"
	"cognate/internal/trigger"
	"cognate/internal/user"
)

// progress is a sign-in under way: whose it is and what has been proven so far. Between two calls it lives
// in the sealed Session.
type progress struct {
	user.Account
	flow     string       // what token.NewFlow gave when the sign-in began
	device   string       // the DEVICE_KEY that the client says it has; once recognised, that of a remembered device
	proven   string       // the key of the device that has made its proof
	methods  []string     // what has been proven, as the amr claim names it (RFC 8176)
	target   level        // what has to be reached; 0 where the client has not asked for one
	raises   string       // the session of the user that is to be raised to the target; empty for a new one
	custom   *custom      // of a sign-in whose challenges the pool's functions make; nil of any other
	risk     *threat.Risk // what threat protection holds of the sign-in; nil until it is asked
	public   bool         // the password has become public
	advanced bool         // something has been proven that no event says yet
	// notAfter ends the tokens of a session that is raised without a new proof.
	notAfter time.Time

	// writes belong together with what comes next: the session that ends the flow, or, when another
	// challenge follows, the Session of that one.
	writes []func(*store.Tx) error
	used   error // the answer when the flow has ended before
}

// afterFirst decides what follows the first factor: the user's state may refuse it or ask for a new
// password.
func (m *Machine) afterFirst(ctx context.Context, a *Attempt, p *progress) (*Step, error) {
	p.advanced = true
	if err := RefusedState(p.User); err != nil {
		return nil, a.failing(failedOther, err)
	}
	if p.User.Status == idp.UserStatusTypeForceChangePassword {
		if temporaryTooOld(a, p) {
			return nil, a.failing(failedOther, errTemporaryOld)
		}
		if err := m.recognise(ctx, a, p); err != nil {
			return nil, err
		}
		if err := m.assess(ctx, a, p); err != nil {
			return nil, err
		}
		return m.askNewPassword(ctx, a, p)
	}
	return m.next(ctx, a, p)
}

// temporaryTooOld reports whether a user's password is a temporary one that is not good any more.
func temporaryTooOld(a *Attempt, p *progress) bool {
	return p.User.Status == idp.UserStatusTypeForceChangePassword &&
		time.Now().After(p.Password.Set.Add(a.Pool.TemporaryPasswordValidity()))
}

// RefusedState tells why a user who has proven a factor is not let in.
func RefusedState(u store.User) error {
	switch {
	case !u.Enabled:
		return errDisabled
	case u.Status == idp.UserStatusTypeUnconfirmed:
		return errUnconfirmed
	case u.Status == idp.UserStatusTypeResetRequired:
		return errReset
	}
	return nil
}

// next decides what follows once the user's state is in order: another challenge, or the tokens. A
// remembered device stands in for the second factor where the pool has it so.
func (m *Machine) next(ctx context.Context, a *Attempt, p *progress) (*Step, error) {
	if err := m.recognise(ctx, a, p); err != nil {
		return nil, err
	}
	if err := m.assess(ctx, a, p); err != nil {
		return nil, err
	}
	if p.target > levelOf(p.methods) {
		return m.askLevel(ctx, a, p)
	}
	if bothProven(p.methods) {
		return m.complete(ctx, a, p)
	}
	if demanded, _ := p.demands(); p.device != "" && a.Pool.DeviceReplacesMFA() && !demanded {
		return m.askDevice(ctx, a, p)
	}
	step, err := m.askFactor(ctx, a, p)
	if step != nil || err != nil {
		return step, err
	}
	return m.complete(ctx, a, p)
}

// grant ends a flow, with tokens or for a page, and writes together with the session what the way there has
// left to write.
func (m *Machine) grant(ctx context.Context, a *Attempt, p *progress) (*Step, error) {
	if err := m.assess(ctx, a, p); err != nil {
		return nil, err
	}
	proof := token.Proof{Methods: p.methods}
	if p.target > 0 {
		proof.Level = levelOf(p.methods).String()
	}
	isNew := p.proven == "" && a.Pool.RemembersDevices()
	if err := m.users.AfterSignIn(ctx, a.Pool, a.Client, p.User, isNew, a.occasion().Metadata); err != nil {
		return nil, err
	}
	e, mail := m.pass(a, p), p.mailFor("")
	step, err := m.end(ctx, a, p, proof, isNew)
	if err == nil {
		m.committed(ctx, a, p, e, mail)
	}
	return step, err
}

// end writes the end of a flow: a session, or what the page makes of it.
func (m *Machine) end(ctx context.Context, a *Attempt, p *progress, proof token.Proof, isNew bool) (*Step, error) {
	succeed := func(tx *store.Tx) error { return m.succeed(tx, a, p) }
	if a.Enter != nil {
		if err := a.Enter(ctx, Entry{User: p.User, Flow: p.flow, Proof: proof}, succeed); err != nil {
			return nil, once(err, p.used)
		}
		return &Step{}, nil
	}
	if p.raises != "" {
		t, err := m.tokens.Raise(ctx, token.Raise{
			Pool: a.Pool, Client: a.Client, User: p.User, Session: p.raises, Proof: proof, NotAfter: p.notAfter, Occasion: a.occasion(),
		}, p.write)
		if err != nil {
			return nil, once(err, p.used)
		}
		return &Step{Tokens: t}, nil
	}
	t, err := m.tokens.Issue(ctx, token.Grant{
		Pool: a.Pool, Client: a.Client, User: p.User, Scopes: token.ScopeAdmin, Flow: p.flow, Proof: proof,
		Device: p.proven, NewDevice: isNew, Occasion: a.occasion(),
	}, succeed)
	if err != nil {
		return nil, once(err, p.used)
	}
	return &Step{Tokens: t}, nil
}

// occasion is what the pool's function is told of tokens that end an attempt: by the challenge that was answered last, and with
// what the app has sent along with the answer, but not with the beginning (protocol page "triggers", section 6).
func (a *Attempt) occasion() token.Occasion {
	switch a.Challenge {
	case "":
		return token.Occasion{Source: trigger.SourceTokens}
	case idp.ChallengeNameTypeNewPasswordRequired:
		return token.Occasion{Source: trigger.SourceTokensNewPassword, Metadata: a.Metadata}
	case idp.ChallengeNameTypeDevicePasswordVerifier:
		return token.Occasion{Source: trigger.SourceTokensDevice, Metadata: a.Metadata}
	}
	return token.Occasion{Source: trigger.SourceTokens, Metadata: a.Metadata}
}

// succeed writes what the end of a sign-in has left to write.
func (m *Machine) succeed(tx *store.Tx, a *Attempt, p *progress) error {
	if p.Failed {
		if err := m.users.Succeeded(tx, a.Pool, p.Subject); err != nil {
			return err
		}
	}
	return p.write(tx)
}

func (p *progress) write(tx *store.Tx) error {
	for _, write := range p.writes {
		if err := write(tx); err != nil {
			return err
		}
	}
	return nil
}

// ask is the next challenge of a sign-in, with the Session that its answer brings back. What there is to
// write is written first: the Session stands on it.
func (m *Machine) ask(ctx context.Context, a *Attempt, p *progress, s session, parameters map[string]string) (*Step, error) {
	mail := p.mailFor(s.Challenge) // before it is sealed that there was one
	text, err := m.sealOrKeep(a, p, s)
	if err != nil {
		return nil, err
	}
	e := m.advance(a, p)
	if len(p.writes) > 0 {
		if err := m.users.Write(ctx, p.write); err != nil {
			return nil, once(err, p.used)
		}
		p.writes = nil
	}
	m.committed(ctx, a, p, e, mail)
	return &Step{Challenge: s.Challenge, Session: text, Parameters: parameters}, nil
}
