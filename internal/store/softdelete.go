package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"
)

// DeletedPool is a pool that is soft-deleted: no other verb finds it, and it keeps everything that it has until Purge.
type DeletedPool struct {
	ID, Name       string
	Deleted, Purge time.Time
}

func (p *DeletedPool) scan(r *sql.Rows) error {
	return r.Scan(&p.ID, &p.Name, when(&p.Deleted), when(&p.Purge))
}

const deletedPoolColumns = `id, name, deleted, purge`

// SoftDeletePool hides the pool p.ID until p.Purge, or returns ErrNotFound. It may be hidden already, which is ErrNotFound, too.
func (t *Tx) SoftDeletePool(p DeletedPool) error {
	return t.touch("soft-delete pool", `UPDATE pools SET deleted = $2, purge = $3 WHERE id = $1 AND deleted = 0`,
		p.ID, millis(p.Deleted), millis(p.Purge))
}

// RestorePool shows a soft-deleted pool again, or returns ErrNotFound.
func (t *Tx) RestorePool(id string) error {
	return t.touch("restore pool", `UPDATE pools SET deleted = 0, purge = 0 WHERE id = $1 AND deleted > 0`, id)
}

// GetDeletedPool returns a soft-deleted pool, or ErrNotFound.
func (t *Tx) GetDeletedPool(id string) (p DeletedPool, err error) {
	err = get(t, "get deleted pool", p.scan, `SELECT `+deletedPoolColumns+` FROM pools WHERE id = $1 AND deleted > 0`, id)
	return p, err
}

// ListDeletedPools returns up to limit soft-deleted pools whose ID is greater than after, in the order of their IDs.
func (t *Tx) ListDeletedPools(after string, limit int) ([]DeletedPool, error) {
	return list(t, "deleted pools", (*DeletedPool).scan, `
		SELECT `+deletedPoolColumns+` FROM pools WHERE id > $1 AND deleted > 0 ORDER BY id LIMIT $2`, after, page(limit))
}

// purgePools deletes the soft-deleted pools whose time has come, each in an Update of its own, and returns how many.
func (d *DB) purgePools(ctx context.Context, now time.Time, limit int) (n int, err error) {
	for ; n < limit; n++ {
		found := false
		err := d.Update(ctx, func(t *Tx) error {
			var p DeletedPool
			err := get(t, "get pool to purge", p.scan, `
				SELECT `+deletedPoolColumns+` FROM pools WHERE deleted > 0 AND purge < $1 ORDER BY purge LIMIT 1`, millis(now))
			if found = err == nil; isNotFound(err) {
				return nil
			}
			if err != nil {
				return err
			}
			return t.DeletePool(p.ID)
		})
		if err != nil {
			return n, fmt.Errorf("store: purge pools: %w", err)
		}
		if !found {
			break
		}
	}
	return n, nil
}
