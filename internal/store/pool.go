package store

import (
	"database/sql"
	"time"
)

// Pool is a user pool. Settings is its configuration document, JSON. Rules counts the changes of what its users are known
// by, and of what they may have: see [Tx.NewPoolRules].
type Pool struct {
	ID, Region, Name  string
	Settings          []byte
	Created, Modified time.Time
	Rules             int64
}

const poolColumns = `id, region, name, settings, created, modified, rules`

func (p *Pool) scan(r *sql.Rows) error {
	return r.Scan(&p.ID, &p.Region, &p.Name, raw(&p.Settings), when(&p.Created), when(&p.Modified), &p.Rules)
}

// CreatePool inserts a pool; ErrExists when its ID is in use.
func (t *Tx) CreatePool(p Pool) error {
	return t.create("create pool", `
		INSERT INTO pools (`+poolColumns+`) VALUES ($1, $2, $3, $4, $5, $6, 0)
		ON CONFLICT DO NOTHING`,
		p.ID, p.Region, p.Name, string(p.Settings), millis(p.Created), millis(p.Modified))
}

// GetPool returns a pool, or ErrNotFound, also of one that is soft-deleted.
func (t *Tx) GetPool(id string) (p Pool, err error) {
	err = get(t, "get pool", p.scan, `SELECT `+poolColumns+` FROM pools WHERE id = $1 AND deleted = 0`, id)
	return p, err
}

// UpdatePool writes Name, Settings and Modified of the pool p.ID, or returns
// ErrNotFound. Region and Created never change, and Rules only by NewPoolRules.
func (t *Tx) UpdatePool(p Pool) error {
	return t.touch("update pool", `UPDATE pools SET name = $2, settings = $3, modified = $4 WHERE id = $1`,
		p.ID, p.Name, string(p.Settings), millis(p.Modified))
}

// PoolRules returns the Rules of a pool, or ErrNotFound. Who writes users by what it knows of a pool's rules makes sure by
// it, in the same transaction, that these are still the ones.
func (t *Tx) PoolRules(id string) (rules int64, err error) {
	err = get(t, "get pool's rules", func(r *sql.Rows) error { return r.Scan(&rules) }, `SELECT rules FROM pools WHERE id = $1 AND deleted = 0`, id)
	return rules, err
}

// NewPoolRules raises the Rules of a pool by one, or returns ErrNotFound.
func (t *Tx) NewPoolRules(id string) error {
	return t.touch("change pool's rules", `UPDATE pools SET rules = rules + 1 WHERE id = $1`, id)
}

// DeletePool deletes a pool and everything in it, or returns ErrNotFound. Its time
// grows with the number of users.
func (t *Tx) DeletePool(id string) error {
	// What hangs on the pool or its users by a foreign key goes with them.
	if err := t.put("delete pool", `DELETE FROM user_search WHERE pool_id = $1`, id); err != nil {
		return err
	}
	if err := t.put("delete pool", `DELETE FROM counters WHERE pool_id = $1`, id); err != nil {
		return err
	}
	return t.touch("delete pool", `DELETE FROM pools WHERE id = $1`, id)
}

// ListPools returns up to limit pools whose ID is greater than after, in the
// order of their IDs, without those that are soft-deleted.
func (t *Tx) ListPools(after string, limit int) ([]Pool, error) {
	return list(t, "pools", (*Pool).scan, `
		SELECT `+poolColumns+` FROM pools WHERE id > $1 AND deleted = 0 ORDER BY id LIMIT $2`, after, page(limit))
}

// CountPools returns the number of pools, soft-deleted ones among them. It reads an index to its end.
func (t *Tx) CountPools() (int64, error) {
	return t.count("pools", `SELECT count(*) FROM pools`)
}
