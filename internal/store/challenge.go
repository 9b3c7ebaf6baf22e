package store

import (
	"database/sql"
	"time"
)

// Challenge is what is kept of a sign-in whose challenges functions make, apart from its Session: of which of its
// challenges, by their numbers, the last one has been answered, and the State of the one that follows, where that is
// too long for a Session.
type Challenge struct {
	Flow, PoolID string
	Answered     int
	State        []byte
	Expires      time.Time
}

const challengeColumns = `flow, pool_id, answered, state, expires`

func (c *Challenge) scan(r *sql.Rows) error {
	return r.Scan(&c.Flow, &c.PoolID, &c.Answered, raw(&c.State), when(&c.Expires))
}

// PutChallenge keeps the State of the challenge after c.Answered, in place of the one that was there. ErrExists when a
// later challenge of the flow has been answered, ErrNotFound when the pool is not there.
func (t *Tx) PutChallenge(c Challenge) error {
	return t.must("put challenge", ErrExists, `
		INSERT INTO challenges (`+challengeColumns+`) VALUES ($1, $2, $3, $4, $5)
		ON CONFLICT (flow) DO UPDATE SET answered = excluded.answered, state = excluded.state, expires = excluded.expires
		WHERE challenges.answered <= excluded.answered`,
		c.Flow, c.PoolID, c.Answered, c.State, millis(c.Expires))
}

// TakeChallenge notes that the challenge c.Answered of a flow has been answered, and drops what was kept for it. ErrExists
// when it or a later one has been answered before, ErrNotFound when the pool is not there.
func (t *Tx) TakeChallenge(c Challenge) error {
	return t.must("take challenge", ErrExists, `
		INSERT INTO challenges (`+challengeColumns+`) VALUES ($1, $2, $3, NULL, $4)
		ON CONFLICT (flow) DO UPDATE SET answered = excluded.answered, state = NULL, expires = excluded.expires
		WHERE challenges.answered < excluded.answered`,
		c.Flow, c.PoolID, c.Answered, millis(c.Expires))
}

// GetChallenge returns what is kept of a flow, expired or not, or ErrNotFound.
func (t *Tx) GetChallenge(flow string) (c Challenge, err error) {
	err = get(t, "get challenge", c.scan, `SELECT `+challengeColumns+` FROM challenges WHERE flow = $1`, flow)
	return c, err
}
