package store

import (
	"context"
	"fmt"
	"time"
)

const (
	// lateGrace keeps what has expired long enough to say so to a late client.
	lateGrace = 24 * time.Hour
	// counterGrace is how long a counter without effect is remembered.
	counterGrace = 24 * time.Hour
	// challengeGrace keeps answered challenges from coming back where clocks differ.
	challengeGrace = time.Hour
	// logGrace is how long the logs of import jobs are kept.
	logGrace = 90 * 24 * time.Hour
)

// sweeps delete up to $2 rows, the oldest first, that are of no use since $1.
var sweeps = []struct {
	what, query string
	grace       time.Duration
}{
	{"codes", `DELETE FROM codes WHERE (pool_id, sub, purpose, attribute) IN (
		SELECT pool_id, sub, purpose, attribute FROM codes WHERE expires < $1 ORDER BY expires LIMIT $2)`, lateGrace},
	{"families", `DELETE FROM families WHERE id IN (
		SELECT id FROM families WHERE expires < $1 ORDER BY expires LIMIT $2)`, lateGrace},
	{"authorization codes", `DELETE FROM authorization_codes WHERE hash IN (
		SELECT hash FROM authorization_codes WHERE expires < $1 ORDER BY expires LIMIT $2)`, lateGrace},
	{"login sessions", `DELETE FROM login_sessions WHERE hash IN (
		SELECT hash FROM login_sessions WHERE expires < $1 ORDER BY expires LIMIT $2)`, lateGrace},
	{"used assertions", `DELETE FROM used_assertions WHERE (pool_id, provider, id) IN (
		SELECT pool_id, provider, id FROM used_assertions WHERE expires < $1 ORDER BY expires LIMIT $2)`, lateGrace},
	{"challenges", `DELETE FROM challenges WHERE flow IN (
		SELECT flow FROM challenges WHERE expires < $1 ORDER BY expires LIMIT $2)`, challengeGrace},
	{"counters", `DELETE FROM counters WHERE (pool_id, subject, kind) IN (
		SELECT pool_id, subject, kind FROM counters WHERE last_at < $1 AND until_at < $1
		ORDER BY last_at LIMIT $2)`, counterGrace},
	{"import chunks", `DELETE FROM import_chunks WHERE (pool_id, upload, seq) IN (
		SELECT c.pool_id, c.upload, c.seq FROM import_chunks c WHERE c.created < $1
			AND NOT EXISTS (SELECT 1 FROM import_jobs j WHERE j.upload = c.upload)
		ORDER BY c.created LIMIT $2)`, lateGrace},
	{"signing keys", `DELETE FROM signing_keys WHERE kid IN (
		SELECT kid FROM signing_keys WHERE retires > 0 AND retires < $1 ORDER BY retires LIMIT $2)`, 0},
	{"import logs", `DELETE FROM import_logs WHERE (pool_id, job_id, seq) IN (
		SELECT pool_id, job_id, seq FROM import_logs WHERE created < $1 ORDER BY created LIMIT $2)`, logGrace},
	{"deleted users", `DELETE FROM deleted_users WHERE (pool_id, sub) IN (
		SELECT pool_id, sub FROM deleted_users WHERE purge < $1 ORDER BY purge LIMIT $2)`, 0},
	{"auth events", `DELETE FROM auth_events WHERE (pool_id, sub, id) IN (
		SELECT pool_id, sub, id FROM auth_events WHERE expires < $1 ORDER BY expires LIMIT $2)`, 0},
}

// Sweep deletes what time has made useless: codes, families, browser sessions and used assertions that
// expired a day ago, challenges that expired an hour ago, counters that last rose and whose effect
// ended a day ago, parts of files to import that were uploaded a day ago and belong to no job, signing keys
// that have retired, the logs of import jobs after 90 days, events of users that have expired, and soft-deleted users and pools
// whose time has come. It deletes at most limit rows of each kind, each kind in an
// Update of its own so that others get their turn, and returns how many; a full
// sweep repeats it until it returns 0. On an error n counts what is gone already.
func (d *DB) Sweep(ctx context.Context, now time.Time, limit int) (n int, err error) {
	for _, s := range sweeps {
		var gone int64
		err := d.Update(ctx, func(t *Tx) (err error) {
			gone, err = t.exec(s.query, millis(now.Add(-s.grace)), page(limit))
			return err
		})
		if err != nil {
			return n, fmt.Errorf("store: sweep %s: %w", s.what, err)
		}
		n += int(gone)
	}
	purged, err := d.purgePools(ctx, now, limit)
	return n + purged, err
}
