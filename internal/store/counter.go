package store

import (
	"database/sql"
	"time"
)

// Counter counts something about a subject, such as failed sign-ins. The subject
// may be a user who does not exist: what a stranger meets must not tell. Since is
// when the count began, Until when its effect ends, Last when it last rose.
type Counter struct {
	PoolID, Subject, Kind string
	Count                 int
	Since, Until, Last    time.Time
}

// The kinds of the counters of failed sign-ins: of those that the lockout remembers, and of all since the last
// one that succeeded.
const (
	KindSignIn   = "sign-in"
	KindFailures = "failures"
)

const counterColumns = `pool_id, subject, kind, n, since_at, until_at, last_at`

func (c *Counter) scan(r *sql.Rows) error {
	return r.Scan(&c.PoolID, &c.Subject, &c.Kind, &c.Count, when(&c.Since), when(&c.Until), when(&c.Last))
}

// GetCounter returns a counter. One that is not there is zero but for its names,
// and no error.
func (t *Tx) GetCounter(poolID, subject, kind string) (c Counter, err error) {
	err = get(t, "get counter", c.scan, `
		SELECT `+counterColumns+` FROM counters WHERE pool_id = $1 AND subject = $2 AND kind = $3`,
		poolID, indexKey(subject), kind)
	if isNotFound(err) {
		err = nil
	}
	c.PoolID, c.Subject, c.Kind = poolID, subject, kind
	return c, err
}

// PutCounter stores a counter in place of the one that was there.
func (t *Tx) PutCounter(c Counter) error {
	return t.put("put counter", `
		INSERT INTO counters (`+counterColumns+`) VALUES ($1, $2, $3, $4, $5, $6, $7)
		ON CONFLICT (pool_id, subject, kind) DO UPDATE SET n = excluded.n,
			since_at = excluded.since_at, until_at = excluded.until_at, last_at = excluded.last_at`,
		c.PoolID, indexKey(c.Subject), c.Kind, c.Count, millis(c.Since), millis(c.Until), millis(c.Last))
}

// DeleteCounter deletes a counter, if it is there.
func (t *Tx) DeleteCounter(poolID, subject, kind string) error {
	return t.put("delete counter", `
		DELETE FROM counters WHERE pool_id = $1 AND subject = $2 AND kind = $3`,
		poolID, indexKey(subject), kind)
}
