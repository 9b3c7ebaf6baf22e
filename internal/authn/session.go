package authn

import (
	"errors"
	"time"

	"github.com/go-json-experiment/json"

	"cognate/api/idp"
	"cognate/internal/fault"
	"cognate/internal/store"
	"cognate/internal/user"
)

// Errors of a Session, in Cognito's words.
var (
	errInvalidSession = fault.New(idp.CodeNotAuthorized, "Invalid session for the user.")
	errExpiredSession = fault.New(idp.CodeNotAuthorized, "Invalid session for the user, session is expired.")
	errUsedSession    = fault.New(idp.CodeNotAuthorized, "Invalid session for the user, session can only be used once.")
	errWrongPassword  = fault.New(idp.CodeNotAuthorized, "Incorrect username or password.")
)

// session is what a Session string holds: who has proven what so far, and what is asked next.
type session struct {
	Flow      string    `json:"f"` // of the whole sign-in; a flow is granted once
	Pool      string    `json:"p"`
	Client    string    `json:"c"`
	Sub       string    `json:"s"`
	Made      time.Time `json:"m"` // when the client was: another one may come under its id
	Challenge string    `json:"n"`
	Password  time.Time `json:"w"` // when the password was set that has been proven
	Expires   time.Time `json:"e"`
}

const sessionAAD = "challenge-session"

// begin makes the session of a user's next challenge. Each step has its own time to be answered.
func (a *Attempt) begin(flow string, p user.Account, challenge string) session {
	return session{
		Flow: flow, Pool: a.Pool.ID, Client: a.Client.ID, Made: a.Client.Created, Sub: p.User.Sub, Challenge: challenge, Password: p.Password.Set,
		Expires: time.Now().Add(a.Client.SessionLifetime()),
	}
}

// seal turns a session into the string that the client carries.
func (m *Machine) seal(s session) (string, error) {
	text, err := json.Marshal(s)
	if err != nil {
		return "", err
	}
	return m.keys.SealText(text, sessionAAD), nil
}

// open reads the Session of an answer: ours, of this client, for this challenge, and not too old.
func (m *Machine) open(a *Attempt) (s session, err error) {
	text, err := m.keys.OpenText(a.Session, sessionAAD)
	if err != nil || json.Unmarshal(text, &s) != nil {
		return s, errInvalidSession
	}
	if s.Pool != a.Pool.ID || s.Client != a.Client.ID || !s.Made.Equal(a.Client.Created) || s.Challenge != a.Challenge {
		return s, errInvalidSession
	}
	if time.Now().After(s.Expires) {
		return s, errExpiredSession
	}
	return s, nil
}

// once tells a client that its flow has been granted before, or that the user has just been deleted.
func once(err error, refusal error) error {
	if errors.Is(err, store.ErrExists) || errors.Is(err, store.ErrNotFound) {
		return refusal
	}
	return err
}
