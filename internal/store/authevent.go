package store

import (
	"database/sql"
	"fmt"
	"time"
)

// AuthEvent is something that a user has done, or that somebody has tried as the user, as threat protection keeps it.
// Network and Device are what the user is known by; empty where they are not known. Context, which tells more of them, and
// Challenges are JSON documents.
// Feedback is what the user or an administrator has said of it since, FeedbackBy who; empty until then.
type AuthEvent struct {
	PoolID, Sub, ID string
	ClientID        string
	Kind, Response  string
	Decision, Level string
	Compromised     bool
	Network, Device string
	Context         []byte
	Challenges      []byte
	Created         time.Time
	Expires         time.Time // when it is swept

	Feedback, FeedbackBy string
	FeedbackAt           time.Time
}

// The kind of event by which a user becomes known, and the response that ends an event for good.
const (
	AuthEventSignIn = "SignIn"
	AuthEventPass   = "Pass"
)

const authEventColumns = `pool_id, sub, id, client_id, kind, response, decision, level, compromised, network, device,
	context, challenges, feedback, feedback_by, feedback_at, created, expires`

func (e *AuthEvent) scan(r *sql.Rows) error {
	return r.Scan(&e.PoolID, &e.Sub, &e.ID, &e.ClientID, &e.Kind, &e.Response, &e.Decision, &e.Level, &e.Compromised, &e.Network, &e.Device,
		raw(&e.Context), raw(&e.Challenges), &e.Feedback, &e.FeedbackBy, when(&e.FeedbackAt), when(&e.Created), when(&e.Expires))
}

// teaches reports whether an event tells what is usual for its user, or what is not.
func (e *AuthEvent) teaches() bool {
	return e.Kind == AuthEventSignIn && e.Response == AuthEventPass || e.Feedback != ""
}

// PutAuthEvent inserts an event, or writes how the one with its ID has gone on: ClientID, Kind, Created, Expires and the
// feedback stay, and so do Network, Device and Context where they are known: an event is where it began. One whose response is Pass stays
// as it is. ErrNotFound when the user is not there.
func (t *Tx) PutAuthEvent(e AuthEvent) error {
	return t.put("put auth event", `
		INSERT INTO auth_events (`+authEventColumns+`, teaches)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19)
		ON CONFLICT (pool_id, sub, id) DO UPDATE SET response = excluded.response, decision = excluded.decision,
			level = excluded.level, compromised = excluded.compromised, challenges = excluded.challenges,
			context = CASE WHEN auth_events.network = '' AND auth_events.device = '' THEN excluded.context ELSE auth_events.context END,
			network = CASE WHEN auth_events.network = '' THEN excluded.network ELSE auth_events.network END,
			device = CASE WHEN auth_events.device = '' THEN excluded.device ELSE auth_events.device END, teaches = excluded.teaches OR auth_events.teaches
		WHERE auth_events.response <> '`+AuthEventPass+`'`,
		e.PoolID, e.Sub, e.ID, e.ClientID, e.Kind, e.Response, e.Decision, e.Level, e.Compromised, e.Network, e.Device,
		string(e.Context), string(e.Challenges), e.Feedback, e.FeedbackBy, millis(e.FeedbackAt), millis(e.Created), millis(e.Expires), e.teaches())
}

// GetAuthEvent returns an event of a user, or ErrNotFound.
func (t *Tx) GetAuthEvent(poolID, sub, id string) (e AuthEvent, err error) {
	err = get(t, "get auth event", e.scan, `
		SELECT `+authEventColumns+` FROM auth_events WHERE pool_id = $1 AND sub = $2 AND id = $3`, poolID, sub, id)
	return e, err
}

// PassAuthEvent sets the response of an event of a user that is no sign-in to Pass, if the event is there.
func (t *Tx) PassAuthEvent(poolID, sub, id string) error {
	return t.put("pass auth event", `
		UPDATE auth_events SET response = '`+AuthEventPass+`'
		WHERE pool_id = $1 AND sub = $2 AND id = $3 AND kind <> '`+AuthEventSignIn+`'`, poolID, sub, id)
}

// SetAuthEventFeedback writes the feedback of the event (PoolID, Sub, ID), or returns ErrNotFound.
func (t *Tx) SetAuthEventFeedback(e AuthEvent) error {
	return t.touch("set auth event feedback", `
		UPDATE auth_events SET feedback = $4, feedback_by = $5, feedback_at = $6, teaches = TRUE
		WHERE pool_id = $1 AND sub = $2 AND id = $3`,
		e.PoolID, e.Sub, e.ID, e.Feedback, e.FeedbackBy, millis(e.FeedbackAt))
}

// ListAuthEvents returns up to limit events of a user that are older than the event before, the newest first; a before
// without an ID is later than all.
func (t *Tx) ListAuthEvents(poolID, sub string, before AuthEvent, limit int) ([]AuthEvent, error) {
	if before.ID == "" {
		return list(t, "auth events", (*AuthEvent).scan, `
			SELECT `+authEventColumns+` FROM auth_events WHERE pool_id = $1 AND sub = $2
			ORDER BY created DESC, id DESC LIMIT $3`, poolID, sub, page(limit))
	}
	return list(t, "auth events", (*AuthEvent).scan, `
		SELECT `+authEventColumns+` FROM auth_events
		WHERE pool_id = $1 AND sub = $2 AND (created, id) < ($3, $4)
		ORDER BY created DESC, id DESC LIMIT $5`, poolID, sub, millis(before.Created), before.ID, page(limit))
}

// RecentAuthEvents returns what a sign-in of a user is compared with: the last of the events that tell what is usual for
// the user, which are sign-ins that have succeeded and events with feedback, and the last of all others since a time; up
// to limit of each, in no order. However many of one sort there are, they do not hide the other. Of each there are ID, Kind,
// Response, Decision, Network, Device, Feedback, FeedbackAt and Created alone.
func (t *Tx) RecentAuthEvents(poolID, sub string, since time.Time, limit int) ([]AuthEvent, error) {
	const last = `SELECT * FROM (SELECT id, kind, response, decision, network, device, feedback, feedback_at, created FROM auth_events WHERE pool_id = $1 AND sub = $2 `
	query := fmt.Sprintf(`%[1]sAND teaches ORDER BY created DESC, id DESC LIMIT $3) AS usual
		UNION ALL %[1]sAND created > $4 AND NOT teaches ORDER BY created DESC, id DESC LIMIT $3) AS others`, last)
	scan := func(e *AuthEvent, r *sql.Rows) error {
		return r.Scan(&e.ID, &e.Kind, &e.Response, &e.Decision, &e.Network, &e.Device, &e.Feedback, when(&e.FeedbackAt), when(&e.Created))
	}
	return list(t, "recent auth events", scan, query, poolID, sub, page(limit), millis(since))
}
