package threat

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"cognate/api/idp"
	"cognate/internal/fault"
	"cognate/internal/pool"
	"cognate/internal/store"
)

// Who gives feedback, as events show it.
const (
	byUser  = "User"
	byAdmin = "Admin"
)

// maxListed is how many events are listed at once where the request names no number.
const maxListed = 60

// List lists what a user has done, the newest first, and returns the token of the next page.
func (s *Service) List(ctx context.Context, p *pool.Pool, sub string, most *int64, token string) ([]*idp.AuthEventType, string, error) {
	if err := on(p); err != nil {
		return nil, "", err
	}
	limit := maxListed
	if most != nil && *most > 0 {
		limit = int(*most)
	}
	kind := "AdminListUserAuthEvents/" + p.ID + "/" + sub
	key, err := s.pools.OpenPageToken(kind, token)
	if err != nil {
		return nil, "", err
	}
	var rows []store.AuthEvent
	err = s.db.Look(ctx, func(tx *store.Tx) (err error) {
		rows, err = tx.ListAuthEvents(p.ID, sub, parsePage(key), limit+1)
		return err
	})
	if err != nil {
		return nil, "", err
	}
	next := ""
	if len(rows) > limit {
		rows = rows[:limit]
		next = pageKey(rows[limit-1])
	}
	out := make([]*idp.AuthEventType, len(rows))
	for i, row := range rows {
		if out[i], err = describe(row); err != nil {
			return nil, "", err
		}
	}
	return out, s.pools.PageToken(kind, next), nil
}

// on tells where threat protection is off.
func on(p *pool.Pool) error {
	if mode(p, false) == idp.AdvancedSecurityModeTypeOff {
		return errOff
	}
	return nil
}

// pageKey is what a page goes on after; parsePage reads it.
func pageKey(e store.AuthEvent) string {
	return strconv.FormatInt(e.Created.UnixMilli(), 10) + "/" + e.ID
}

func parsePage(key string) (e store.AuthEvent) {
	at, id, _ := strings.Cut(key, "/")
	ms, err := strconv.ParseInt(at, 10, 64)
	if err != nil {
		return e
	}
	return store.AuthEvent{Created: time.UnixMilli(ms), ID: id}
}

// errNoEvent is the answer to an event that is not there.
var errNoEvent = fault.New(idp.CodeResourceNotFound, "Event not found.")

// Rate takes an administrator's word on an event of a user.
func (s *Service) Rate(ctx context.Context, p *pool.Pool, sub, id, value string) error {
	if err := on(p); err != nil {
		return err
	}
	return s.rate(ctx, store.AuthEvent{PoolID: p.ID, Sub: sub, ID: id, Feedback: value, FeedbackBy: byAdmin})
}

func (s *Service) rate(ctx context.Context, e store.AuthEvent) error {
	e.FeedbackAt = time.Now().UTC()
	err := s.db.Update(ctx, func(tx *store.Tx) error { return tx.SetAuthEventFeedback(e) })
	if errors.Is(err, store.ErrNotFound) {
		return errNoEvent
	}
	return err
}

// feedback is what a feedback token holds: it is good for one event of one user, for a while.
type feedback struct {
	Pool    string    `json:"p"`
	Sub     string    `json:"s"`
	Event   string    `json:"e"`
	Expires time.Time `json:"x"`
}

const (
	feedbackAAD  = "auth-event-feedback"
	feedbackLife = 7 * 24 * time.Hour
)

// errToken is the answer to a feedback token that is forged, old, or another event's.
var errToken = fault.New(idp.CodeNotAuthorized, "Invalid feedback token.")

// token is what lets a user rate an event without signing in.
func (s *Service) token(e *Event) (string, error) {
	plain, err := json.Marshal(feedback{e.PoolID, e.Sub, e.ID, time.Now().Add(feedbackLife)})
	return s.keys.SealText(plain, feedbackAAD), err
}

func (s *Service) openToken(text string) (f feedback, err error) {
	if s == nil {
		return f, errToken
	}
	plain, err := s.keys.OpenText(text, feedbackAAD)
	if err != nil || json.Unmarshal(plain, &f) != nil || time.Now().After(f.Expires) {
		return f, errToken
	}
	return f, nil
}

// RateOwn takes a user's word on an event, by the token that was sent to the user. Find tells whose the name is, and is
// asked only once the token has turned out to be good: nobody else learns who exists.
func (s *Service) RateOwn(ctx context.Context, in *idp.UpdateAuthEventFeedbackRequest, find func(*pool.Pool) (store.User, error)) error {
	p, err := s.watched(ctx, in.UserPoolId)
	if err != nil {
		return err
	}
	f, err := s.openToken(in.FeedbackToken)
	if err != nil {
		return err
	}
	if f.Pool != p.ID || f.Event != in.EventId {
		return errToken
	}
	u, err := find(p)
	if err != nil {
		return err
	}
	if u.Sub != f.Sub {
		return errToken
	}
	return s.rate(ctx, store.AuthEvent{PoolID: p.ID, Sub: u.Sub, ID: in.EventId, Feedback: in.FeedbackValue, FeedbackBy: byUser})
}

// RateByLink is RateOwn for the link of a mail, which tells nothing but the token and the value.
func (s *Service) RateByLink(ctx context.Context, token, value string) error {
	f, err := s.openToken(token)
	if err != nil {
		return err
	}
	if value != idp.FeedbackValueTypeValid && value != idp.FeedbackValueTypeInvalid {
		return errToken
	}
	if _, err := s.watched(ctx, f.Pool); err != nil {
		return err
	}
	return s.rate(ctx, store.AuthEvent{PoolID: f.Pool, Sub: f.Sub, ID: f.Event, Feedback: value, FeedbackBy: byUser})
}

// CheckLink tells whether the token of a mail's link is good for anything.
func (s *Service) CheckLink(ctx context.Context, token string) error {
	f, err := s.openToken(token)
	if err == nil {
		_, err = s.watched(ctx, f.Pool)
	}
	return err
}
