package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/go-json-experiment/json"
)

// DeletedPool is a pool that is soft-deleted: no other verb finds it, and it keeps everything that it has until Purge.
type DeletedPool struct {
	ID, Region, Name string
	Deleted, Purge   time.Time
}

func (p *DeletedPool) scan(r *sql.Rows) error {
	return r.Scan(&p.ID, &p.Region, &p.Name, when(&p.Deleted), when(&p.Purge))
}

const deletedPoolColumns = `id, region, name, deleted, purge`

// SoftDeletePool hides the pool p.ID, from p.Deleted until p.Purge, or returns ErrNotFound. It may be hidden already, which is ErrNotFound, too.
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

// ListDeletedPools returns up to limit soft-deleted pools of a region, "" for all, whose ID is greater than after, in the order
// of their IDs. It reads past those of other regions.
func (t *Tx) ListDeletedPools(region, after string, limit int) ([]DeletedPool, error) {
	return list(t, "deleted pools", (*DeletedPool).scan, `
		SELECT `+deletedPoolColumns+` FROM pools WHERE id > $1 AND deleted > 0 AND ($2 = '' OR region = $2) ORDER BY id LIMIT $3`,
		after, region, page(limit))
}

// DeletedUser is a user who is soft-deleted: a row of its own, in which all is that the user had, and nothing else.
type DeletedUser struct {
	PoolID, Sub, Username string
	Deleted, Purge        time.Time
}

const deletedUserColumns = `pool_id, sub, username, deleted, purge`

func (u *DeletedUser) scan(r *sql.Rows) error {
	return r.Scan(&u.PoolID, &u.Sub, &u.Username, when(&u.Deleted), when(&u.Purge))
}

// SoftDeleteUser deletes the user (PoolID, Sub) as DeleteUser does, and keeps until u.Purge what [Tx.ListWholeUsers] lists of it,
// with the codes of a purpose. ErrNotFound when the user is not there.
func (t *Tx) SoftDeleteUser(u DeletedUser, purpose string) error {
	whole, err := t.getWholeUser(u.PoolID, u.Sub, purpose)
	if err != nil {
		return err
	}
	text, err := json.Marshal(whole)
	if err != nil {
		return fmt.Errorf("store: soft-delete user: %w", err)
	}
	if err := t.DeleteUser(u.PoolID, u.Sub); err != nil {
		return err
	}
	// A user who was restored by other means, such as an import, may be deleted again.
	return t.put("soft-delete user", `
		INSERT INTO deleted_users (`+deletedUserColumns+`, whole) VALUES ($1, $2, $3, $4, $5, $6)
		ON CONFLICT (pool_id, sub) DO UPDATE SET username = excluded.username, deleted = excluded.deleted, purge = excluded.purge, whole = excluded.whole`,
		u.PoolID, u.Sub, whole.Username, millis(u.Deleted), millis(u.Purge), string(text))
}

// getWholeUser is ListWholeUsers for one user; ErrNotFound when it is not there.
func (t *Tx) getWholeUser(poolID, sub, purpose string) (WholeUser, error) {
	var before string
	err := get(t, "get user", scanString(&before), `
		SELECT sub FROM users WHERE pool_id = $1 AND sub < $2 ORDER BY sub DESC LIMIT 1`, poolID, sub)
	if err != nil && !isNotFound(err) {
		return WholeUser{}, err
	}
	users, err := t.ListWholeUsers(poolID, before, purpose, 1)
	if err == nil && (len(users) == 0 || users[0].Sub != sub) {
		err = fmt.Errorf("store: get user: %w", ErrNotFound)
	}
	if err != nil {
		return WholeUser{}, err
	}
	return users[0], nil
}

// TakeDeletedUser deletes what is kept of a soft-deleted user, and returns it for [Tx.CreateUsers]: of an alias the attribute
// alone. ErrNotFound when there is none.
func (t *Tx) TakeDeletedUser(poolID, sub string) (whole WholeUser, err error) {
	var text []byte
	err = get(t, "take deleted user", func(r *sql.Rows) error { return r.Scan(raw(&text)) }, `
		DELETE FROM deleted_users WHERE pool_id = $1 AND sub = $2 RETURNING whole`, poolID, sub)
	if err != nil {
		return whole, err
	}
	if err := json.Unmarshal(text, &whole); err != nil {
		return whole, fmt.Errorf("store: take deleted user: %w", err)
	}
	return whole, nil
}

// ListDeletedUsers returns up to limit soft-deleted users of a pool whose sub is greater than after, in the order of their subs.
func (t *Tx) ListDeletedUsers(poolID, after string, limit int) ([]DeletedUser, error) {
	return list(t, "deleted users", (*DeletedUser).scan, `
		SELECT `+deletedUserColumns+` FROM deleted_users WHERE pool_id = $1 AND sub > $2 ORDER BY sub LIMIT $3`, poolID, after, page(limit))
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
