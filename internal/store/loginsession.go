package store

import (
	"database/sql"
	"time"
)

// LoginSession is a browser in which a user has signed in. Hash is what it is found by, Flow the sign-in that
// began it. A zero Ended means that it has not been ended. Extra is a JSON document.
type LoginSession struct {
	Hash, Flow              string
	PoolID, Sub             string
	Created, Expires, Ended time.Time
	Extra                   []byte
}

const loginSessionColumns = `hash, flow, pool_id, sub, created, expires, ended, extra`

func (s *LoginSession) scan(r *sql.Rows) error {
	return r.Scan(&s.Hash, &s.Flow, &s.PoolID, &s.Sub, when(&s.Created), when(&s.Expires), when(&s.Ended), raw(&s.Extra))
}

// CreateLoginSession inserts a session; ErrExists when its hash is in use or its flow has begun another one,
// ErrNotFound when the user is not there.
func (t *Tx) CreateLoginSession(s LoginSession) error {
	return t.create("create login session", `
		INSERT INTO login_sessions (`+loginSessionColumns+`) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
		ON CONFLICT DO NOTHING`,
		s.Hash, s.Flow, s.PoolID, s.Sub, millis(s.Created), millis(s.Expires), millis(s.Ended), string(s.Extra))
}

// GetLoginSession returns a session, expired or ended or not, or ErrNotFound.
func (t *Tx) GetLoginSession(hash string) (s LoginSession, err error) {
	err = get(t, "get login session", s.scan, `
		SELECT `+loginSessionColumns+` FROM login_sessions WHERE hash = $1`, hash)
	return s, err
}

// ListLoginSessions returns up to limit sessions of a user that are neither ended nor expired at the time now, the
// newest first.
func (t *Tx) ListLoginSessions(poolID, sub string, now time.Time, limit int) ([]LoginSession, error) {
	return list(t, "login sessions", (*LoginSession).scan, `
		SELECT `+loginSessionColumns+` FROM login_sessions
		WHERE pool_id = $1 AND sub = $2 AND ended = 0 AND expires > $3
		ORDER BY created DESC, hash DESC LIMIT $4`, poolID, sub, millis(now), page(limit))
}

// EndLoginSession ends a session from the time at on. It does nothing when the session is not there, or ended
// already.
func (t *Tx) EndLoginSession(hash string, at time.Time) error {
	return t.put("end login session",
		`UPDATE login_sessions SET ended = $2 WHERE hash = $1 AND ended = 0`, hash, millis(at))
}

// EndLoginSessions ends all sessions of a user but that with the hash except.
func (t *Tx) EndLoginSessions(poolID, sub, except string, at time.Time) error {
	return t.put("end login sessions", `
		UPDATE login_sessions SET ended = $4 WHERE pool_id = $1 AND sub = $2 AND hash <> $3 AND ended = 0`,
		poolID, sub, except, millis(at))
}
