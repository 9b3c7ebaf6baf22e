package authn

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"time"

	"github.com/go-json-experiment/json"

	"cognate/api/idp"
	"cognate/internal/fault"
	"cognate/internal/store"
	"cognate/internal/threat"
	"cognate/internal/user"
)

// Errors of a Session, in Cognito's words.
var (
	errInvalidSession = fault.New(idp.CodeNotAuthorized, "Invalid session for the user.")
	errExpiredSession = fault.New(idp.CodeNotAuthorized, "Invalid session for the user, session is expired.")
	errUsedSession    = fault.New(idp.CodeNotAuthorized, "Invalid session for the user, session can only be used once.")
	errWrongPassword  = fault.New(idp.CodeNotAuthorized, "Incorrect username or password.")
)

// session is what a Session string holds: who has proven what so far, and what is asked next. It is bound
// to pool, client, user and challenge.
type session struct {
	Flow      string    `json:"f"` // of the whole sign-in; a flow is granted once
	Pool      string    `json:"p"`
	Client    string    `json:"c"`
	Made      time.Time `json:"m"` // when the client was: another one may come under its id
	Subject   string    `json:"s"` // what failures count against
	Real      int       `json:"u"` // 1 when Subject is the sub of a user; a number, for its fixed width
	Challenge string    `json:"n"`
	First     bool      `json:"1,omitzero"` // the challenge is of a first factor, or of the choice of one
	Password  string    `json:"w"`          // when the password was set that the user had
	Device    string    `json:"d,omitzero"`
	Methods   []string  `json:"a,omitzero"`
	Target    level     `json:"l,omitzero"`
	Raises    string    `json:"b,omitzero"`
	Expires   time.Time `json:"e"`

	Choices []string `json:"o,omitzero"` // what a choice is between, or a set-up under way
	Seed    []byte   `json:"k,omitzero"` // of a software token that is being set up
	Ready   bool     `json:"r,omitzero"` // the factor has been set up
	Passkey []byte   `json:"y,omitzero"` // what a passkey's answer is checked against
	Page    bool     `json:"g,omitzero"` // of a page of the server's own
	Link    bool     `json:"h,omitzero"` // what was sent is a link
	Custom  *custom  `json:"x,omitzero"` // of challenges that functions make

	Risk *threat.Risk `json:"t,omitzero"`
}

const sessionAAD = "challenge-session"

// sessionSize is what the length of a session's content is a multiple of.
const sessionSize = 256

// begin makes the session of a user's next challenge. Each step has its own time to be answered.
func (a *Attempt) begin(p *progress, challenge string) session {
	return session{
		Flow: p.flow, Pool: a.Pool.ID, Client: a.Client.ID, Made: a.Client.Created, Subject: p.Subject, Real: oneIf(p.Exists()), Challenge: challenge,
		Password: stamp(p.Password.Set), Device: p.device, Methods: p.methods, Target: p.target, Raises: p.raises,
		First: p.custom != nil && !p.custom.proven(),
		Page:  a.Enter != nil, Expires: time.Now().Add(a.Client.SessionLifetime()), Custom: p.custom, Risk: p.risk,
	}
}

// stamp is a time as the store keeps it, and in a fixed width.
func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000") }

// seal turns a session into the string that the client carries.
func (m *Machine) seal(s session) (string, error) {
	text, err := json.Marshal(s)
	if err != nil {
		return "", err
	}
	// Its length must not tell a user from a name that nobody has.
	text = append(text, bytes.Repeat([]byte{' '}, sessionSize-len(text)%sessionSize)...)
	return m.keys.SealText(text, sessionAAD), nil
}

// open reads the Session of an answer: ours, of this client, for one of these challenges, and not too old.
func (m *Machine) open(a *Attempt, challenges ...string) (s session, err error) {
	text, err := m.keys.OpenText(a.Session, sessionAAD)
	if err != nil || json.Unmarshal(text, &s) != nil {
		return s, errInvalidSession
	}
	if s.Page != (a.Enter != nil) || s.Pool != a.Pool.ID || s.Client != a.Client.ID || !s.Made.Equal(a.Client.Created) || !slices.Contains(challenges, s.Challenge) {
		return s, errInvalidSession
	}
	if time.Now().After(s.Expires) {
		return s, errExpiredSession
	}
	return s, nil
}

// resume opens the Session of an answer and reads its user anew: the state may have changed since. The
// USERNAME of the answer must be one of the user's names.
func (m *Machine) resume(ctx context.Context, a *Attempt, challenges ...string) (s session, p *progress, err error) {
	if s, err = m.open(a, challenges...); err != nil {
		return s, nil, err
	}
	name, err := a.need("USERNAME")
	if err != nil {
		return s, nil, err
	}
	if p, err = m.recallSession(ctx, a, s); err != nil {
		return s, nil, err
	}
	if !m.names(a, p, name) {
		return s, nil, errInvalidSession
	}
	return s, p, a.checkSecretHash(p.User.Username, p.User.Sub)
}

// names reports whether a name is one of those of the user of a sign-in, or the one that nobody has.
func (m *Machine) names(a *Attempt, p *progress, name string) bool {
	if !p.Exists() {
		return m.users.Unknown(a.Pool, name).Subject == p.Subject
	}
	return slices.ContainsFunc(namesOf(p.User), func(own string) bool { return a.Pool.Key(own) == a.Pool.Key(name) })
}

// recallSession reads the user of a session anew. A password that has been replaced since ends the session.
// That a user has been disabled is told to those only who have proven something.
func (m *Machine) recallSession(ctx context.Context, a *Attempt, s session) (*progress, error) {
	p := &progress{
		Account: user.Account{Subject: s.Subject}, flow: s.Flow, device: s.Device, methods: s.Methods, target: s.Target, raises: s.Raises,
		used: errUsedSession, risk: s.Risk,
	}
	whose := func() (user.Account, error) {
		if s.Real == 0 {
			return p.Account, nil
		}
		return m.users.SignInBySub(ctx, a.Pool, s.Subject)
	}
	if err := m.admit(ctx, a, s.Custom != nil, whose); err != nil {
		return p, err
	}
	a.at = p
	var err error
	if p.custom, err = m.recallCustom(ctx, s); s.Real == 0 || err != nil {
		return p, err
	}
	if p.Account, err = m.users.SignInBySub(ctx, a.Pool, s.Subject); err != nil {
		if _, gone := errors.AsType[*fault.Error](err); gone {
			err = errInvalidSession
		}
		return nil, err
	}
	switch {
	case s.Challenge == idp.ChallengeNameTypeNewPasswordRequired && !replaces(p):
		return nil, errUsedSession
	case stamp(p.Password.Set) != s.Password:
		return nil, errInvalidSession
	case !p.User.Enabled && !s.First:
		return nil, errDisabled
	}
	return p, nil
}

// SessionClient returns the id of the client that a Session belongs to, for the operations that carry only
// that.
func (m *Machine) SessionClient(text string) (id string, err error) {
	var s session
	plain, err := m.keys.OpenText(text, sessionAAD)
	if err != nil || json.Unmarshal(plain, &s) != nil {
		return "", errInvalidSession
	}
	return s.Client, nil
}

// once tells a client that its flow has been granted before, or that the user has just been deleted.
func once(err error, refusal error) error {
	if errors.Is(err, store.ErrExists) || errors.Is(err, store.ErrNotFound) {
		return refusal
	}
	return err
}
