package threat

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/go-json-experiment/json"

	"cognate/api"
	"cognate/api/idp"
	"cognate/internal/pool"
	"cognate/internal/store"
)

// Event is something that a user has done, or that somebody has tried as the user. The words are those of the API's
// AuthEventType.
type Event struct {
	ID         string // of a sign-in, the event_id of its tokens
	PoolID     string
	ClientID   string
	Sub        string
	Username   string
	Type       string // SignIn, SignUp, ForgotPassword, PasswordChange or ResendCode
	Response   string // Pass, Fail or InProgress
	Created    time.Time
	Risk       Risk
	Challenges []Challenge
	Context    Context

	network, device string
	expires         time.Time
}

// Challenge is a proof that was asked for: Password or Mfa, and Success or Failure.
type Challenge struct {
	Name     string `json:"n"`
	Response string `json:"r"`
}

// Context is where an event came from, as far as that is known.
type Context struct {
	IP       string `json:"ip,omitzero"`
	Device   string `json:"device,omitzero"`
	Timezone string `json:"timezone,omitzero"`
}

// row is the event as it is kept.
func (e *Event) row() (store.AuthEvent, error) {
	where, err := json.Marshal(e.Context, json.Deterministic(true))
	if err != nil {
		return store.AuthEvent{}, err
	}
	proofs, err := json.Marshal(e.Challenges, json.Deterministic(true))
	return store.AuthEvent{
		PoolID: e.PoolID, Sub: e.Sub, ID: e.ID, ClientID: e.ClientID, Kind: e.Type, Response: e.Response,
		Decision: e.Risk.Decision(), Level: e.Risk.Level, Compromised: e.Risk.Compromised, Network: e.network, Device: e.device,
		Context: where, Challenges: proofs, Created: e.Created, Expires: e.expires,
	}, err
}

// Put writes an event, in the transaction that it belongs to, or how it has gone on. After the commit, hand it to
// [Service.Committed]. It does nothing for nil.
func (e *Event) Put(tx *store.Tx) error {
	if e == nil {
		return nil
	}
	row, err := e.row()
	if err != nil {
		return err
	}
	return tx.PutAuthEvent(row)
}

// SignedUp writes that a user who has signed up is confirmed now, and returns the event as it then is; nil where none was
// kept.
func (s *Service) SignedUp(tx *store.Tx, p *pool.Pool, u store.User) (*Event, error) {
	if s == nil || on(p) != nil {
		return nil, nil
	}
	row, err := tx.GetAuthEvent(p.ID, u.Sub, SignUpID(u.Sub))
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	row.Response = store.AuthEventPass
	e, err := eventOf(row, u)
	if err != nil {
		return nil, err
	}
	return e, tx.PassAuthEvent(p.ID, u.Sub, row.ID)
}

// eventOf is the event of a row.
func eventOf(row store.AuthEvent, u store.User) (*Event, error) {
	e := &Event{
		ID: row.ID, PoolID: row.PoolID, ClientID: row.ClientID, Sub: row.Sub, Username: u.Username, Type: row.Kind, Response: row.Response,
		Created: row.Created, Risk: Risk{Level: row.Level, Compromised: row.Compromised, Refused: row.Decision == idp.RiskDecisionTypeBlock},
		network: row.Network, device: row.Device, expires: row.Expires,
	}
	if err := errors.Join(json.Unmarshal(row.Context, &e.Context), json.Unmarshal(row.Challenges, &e.Challenges)); err != nil {
		return nil, fmt.Errorf("threat: event %s: %w", row.ID, err)
	}
	return e, nil
}

// Committed tells the recorders of an event that has been committed. It does nothing for nil.
func (s *Service) Committed(ctx context.Context, e *Event) {
	if s == nil || e == nil {
		return
	}
	for _, record := range s.recorders {
		record(ctx, *e)
	}
}

// What nobody has proven anything for can be tried by anybody: no more than so many of a user's events in an hour are
// kept that did not succeed. The others are forgotten at once; their number is the lockout's to bound.
const (
	maxTried  = 30
	triedIn   = time.Hour
	kindTried = "auth-events"
)

// Try writes an event that anybody can cause, in an Update of its own, and tells the recorders, unless there have been
// too many of the user in this hour: kept tells. Of a name that nobody has, which subject then stands for and e is nil
// for, it keeps nothing, but takes as long. It is written even when the client has gone.
func (s *Service) Try(ctx context.Context, poolID, subject string, e *Event) (kept bool, err error) {
	if s == nil {
		return false, nil
	}
	err = s.db.Update(context.WithoutCancel(ctx), func(tx *store.Tx) (err error) {
		if kept, err = spend(tx, poolID, subject); err != nil || !kept {
			return err
		}
		return e.Put(tx)
	})
	if err == nil && kept {
		s.Committed(ctx, e)
	}
	return kept && err == nil, err
}

func spend(tx *store.Tx, poolID, subject string) (bool, error) {
	c, err := tx.GetCounter(poolID, subject, kindTried)
	if err != nil {
		return false, err
	}
	now := time.Now().UTC()
	if now.Sub(c.Since) >= triedIn {
		c.Count, c.Since = 0, now
	}
	if c.Count >= maxTried {
		return false, nil
	}
	c.Count, c.Last = c.Count+1, now
	return true, tx.PutCounter(c)
}

// describe is an event as the API shows it.
func describe(row store.AuthEvent) (*idp.AuthEventType, error) {
	e, err := eventOf(row, store.User{})
	if err != nil {
		return nil, err
	}
	out := &idp.AuthEventType{
		EventId: row.ID, EventType: row.Kind, CreationDate: api.At(row.Created), EventResponse: row.Response,
		EventRisk:        &idp.EventRiskType{RiskDecision: row.Decision, RiskLevel: row.Level, CompromisedCredentialsDetected: &row.Compromised},
		EventContextData: &idp.EventContextDataType{IpAddress: e.Context.IP, DeviceName: e.Context.Device, Timezone: e.Context.Timezone},
	}
	for _, c := range e.Challenges {
		out.ChallengeResponses = append(out.ChallengeResponses, &idp.ChallengeResponseType{ChallengeName: c.Name, ChallengeResponse: c.Response})
	}
	if row.Feedback != "" {
		out.EventFeedback = &idp.EventFeedbackType{FeedbackValue: row.Feedback, Provider: row.FeedbackBy, FeedbackDate: api.At(row.FeedbackAt)}
	}
	return out, nil
}
