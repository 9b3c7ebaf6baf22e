package pool

import (
	"context"
	"errors"
	"time"

	"cognate/api/idp"
	"cognate/internal/fault"
	"cognate/internal/store"
)

// SoftDelete hides a pool for a time: to everybody it is deleted, until [Registry.Restore]; then it is. What keeps a pool
// from being deleted keeps it from that, too, but for a domain and a replica, which stay the pool's. Its tokens are refused
// meanwhile.
func (r *Registry) SoftDelete(ctx context.Context, id string, keep time.Duration) (row store.DeletedPool, err error) {
	at := now()
	err = r.db.Update(ctx, func(tx *store.Tx) error {
		p, err := r.getPool(tx, id)
		if err != nil {
			return err
		}
		if err := checkDeletable(tx, p); err != nil {
			return err
		}
		row = store.DeletedPool{ID: id, Region: p.Region, Name: p.Name, Deleted: at, Purge: at.Add(keep)}
		tx.Notify(kindPool, id)
		return tx.SoftDeletePool(row)
	})
	return row, err
}

// Restore brings a soft-deleted pool back, with all that it had. A server of one region knows those of that region alone.
func (r *Registry) Restore(ctx context.Context, id string) error {
	err := r.db.Update(ctx, func(tx *store.Tx) error {
		row, err := tx.GetDeletedPool(id)
		if err == nil && r.opt.Region != "" && row.Region != r.opt.Region {
			err = store.ErrNotFound
		}
		if err != nil {
			return err
		}
		tx.Notify(kindPool, id)
		return tx.RestorePool(id)
	})
	if errors.Is(err, store.ErrNotFound) {
		return fault.Newf(idp.CodeResourceNotFound, "Deleted user pool %s does not exist.", id)
	}
	return err
}

// IsSoftDeleted reports whether a pool is there, but hidden.
func (r *Registry) IsSoftDeleted(ctx context.Context, id string) (bool, error) {
	err := r.db.View(ctx, func(tx *store.Tx) error {
		_, err := tx.GetDeletedPool(id)
		return err
	})
	if errors.Is(err, store.ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}

// ListSoftDeleted is [Registry.List] for soft-deleted pools, on a server of one region for those of that region.
func (r *Registry) ListSoftDeleted(ctx context.Context, after string, limit int) (rows []store.DeletedPool, next string, err error) {
	err = r.db.View(ctx, func(tx *store.Tx) (err error) {
		rows, err = tx.ListDeletedPools(r.opt.Region, after, limit+1)
		return err
	})
	if len(rows) > limit {
		rows = rows[:limit]
		next = rows[limit-1].ID
	}
	return rows, next, err
}
