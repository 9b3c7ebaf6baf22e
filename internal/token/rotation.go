package token

import (
	"context"
	"slices"
	"time"

	"cognate/api/cognate"
	"cognate/internal/fault"
	"cognate/internal/store"
)

const (
	// KeyLead is how long, unless a rotation says otherwise, the next keys of a pool are published before they sign: as long
	// as the document of keys may be kept by those who verify.
	KeyLead = 24 * time.Hour
	// maxTokenLife is the longest that an ID or access token can live, whatever the settings of its client were when it was made.
	maxTokenLife = 24 * time.Hour
	// clockGrace keeps a key that signs no longer for nodes whose clocks are behind.
	clockGrace = time.Hour
	// maxKeys bounds the keys of a pool, and so the document of them.
	maxKeys = 10
)

// The states of a signing key.
const (
	KeyNext     = cognate.SigningKeyStatusTypeNext
	KeyCurrent  = cognate.SigningKeyStatusTypeCurrent
	KeyRetiring = cognate.SigningKeyStatusTypeRetiring
)

// Key is a signing key of a pool as it is now.
type Key struct {
	ID, Use, Status string
	// Created is when it was made, Activates when it begins to sign, zero for a pool's first keys, and Retires when the pool has
	// it no longer, zero while it is not known.
	Created, Activates, Retires time.Time
}

// Keys lists the keys of a pool that are in the document of its keys, in the order in which they sign.
func (s *Service) Keys(ctx context.Context, poolID string) ([]Key, error) {
	rows, err := s.assigned(ctx, poolID)
	if err != nil {
		return nil, err
	}
	return describeKeys(rows, time.Now()), nil
}

func describeKeys(rows []store.SigningKey, now time.Time) (keys []Key) {
	slices.SortStableFunc(rows, inTurn)
	for _, row := range rows {
		if retired(row, now) {
			continue
		}
		k := Key{ID: row.KID, Use: row.Use, Status: KeyCurrent, Created: row.Created, Activates: row.Activates, Retires: row.Retires}
		switch {
		case now.Before(row.Activates):
			k.Status = KeyNext
		case !latest(rows, row, now):
			k.Status = KeyRetiring
		}
		keys = append(keys, k)
	}
	return keys
}

// latest reports whether no other key of its use signs in place of k, of rows in turn.
func latest(rows []store.SigningKey, k store.SigningKey, now time.Time) bool {
	for _, row := range slices.Backward(rows) {
		if row.Use == k.Use && !now.Before(row.Activates) {
			return row.KID == k.KID
		}
	}
	return false
}

// Rotate gives a pool new keys, which are published now and sign from lead later on, and returns all that it has then. The
// old ones stay until no token that they have signed is valid any more. Where the next keys are published already, Rotate
// brings forward when they sign; if that would be no sooner, or if the keys change while it is at work, it is a
// ConcurrentModificationException. A pool whose many old keys are still needed gets no more: LimitExceededException.
func (s *Service) Rotate(ctx context.Context, poolID string, lead time.Duration) ([]Key, error) {
	before, err := s.assigned(ctx, poolID)
	if err != nil {
		return nil, err
	}
	last := slices.MaxFunc(before, inTurn)
	var rows []store.SigningKey
	now := time.Now().UTC().Truncate(time.Millisecond)
	err = s.withSpares(ctx, func(tx *store.Tx) (err error) {
		if err := exists(tx, poolID); err != nil {
			return err
		}
		if rows, err = tx.ListSigningKeys(poolID); err != nil {
			return err
		}
		if k := slices.MaxFunc(rows, inTurn); k.KID != last.KID || !k.Activates.Equal(last.Activates) || !k.Retires.Equal(last.Retires) {
			return errChanged
		}
		if err := rotate(tx, rows, now, now.Add(lead)); err != nil {
			return err
		}
		tx.Notify("pool", poolID)
		rows, err = tx.ListSigningKeys(poolID)
		return err
	})
	if err != nil {
		return nil, err
	}
	return describeKeys(rows, now), nil
}

var errChanged = fault.New(cognate.CodeConcurrentModification, "The signing keys of the user pool were changed at the same time.")

// rotate has the next of a pool's keys sign from activates on, after taking them where there are none, and the present ones
// retire.
func rotate(tx *store.Tx, rows []store.SigningKey, now, activates time.Time) error {
	slices.SortStableFunc(rows, inTurn)
	if last := rows[len(rows)-1]; !now.Before(last.Activates) {
		if err := checkRoom(rows, now); err != nil {
			return err
		}
		if _, err := takeKeys(tx, last.PoolID, activates); err != nil {
			return err
		}
	} else if !activates.Before(last.Activates) {
		return fault.Newf(cognate.CodeConcurrentModification, "The next signing keys of user pool %s are published already.", last.PoolID)
	}
	for _, k := range rows {
		switch {
		case now.Before(k.Activates):
			k.Activates = activates
		case latest(rows, k, now):
			k.Retires = activates.Add(maxTokenLife + clockGrace)
		default:
			continue
		}
		if err := tx.SetSigningKeyTimes(k); err != nil {
			return err
		}
	}
	return nil
}

// Withdraw takes an old key from a pool before its time, and returns what the pool has then: what it has signed is refused here at
// once, and by others when they read the pool's keys again. It is for a key that has leaked and signs no longer: one that
// does, or will, is an InvalidParameterException.
func (s *Service) Withdraw(ctx context.Context, poolID, kid string) (keys []Key, err error) {
	now := time.Now().UTC().Truncate(time.Millisecond)
	err = s.db.Update(ctx, func(tx *store.Tx) error {
		if err := exists(tx, poolID); err != nil {
			return err
		}
		rows, err := tx.ListSigningKeys(poolID)
		if err != nil {
			return err
		}
		slices.SortStableFunc(rows, inTurn)
		at := slices.IndexFunc(rows, func(k store.SigningKey) bool { return k.KID == kid && !retired(k, now) })
		if at < 0 {
			return fault.Newf(cognate.CodeResourceNotFound, "User pool %s has no signing key %s.", poolID, kid)
		}
		if now.Before(rows[at].Activates) || latest(rows, rows[at], now) {
			return fault.Newf(cognate.CodeInvalidParameter, "The signing key %s is not retiring: the keys must be rotated first.", kid)
		}
		rows[at].Retires = now
		tx.Notify("pool", poolID)
		keys = describeKeys(rows, now)
		return tx.SetSigningKeyTimes(rows[at])
	})
	return keys, err
}

// checkRoom refuses more keys to a pool that has many.
func checkRoom(rows []store.SigningKey, now time.Time) error {
	n := 0
	for _, k := range rows {
		if !retired(k, now) {
			n++
		}
	}
	if n+len(uses) <= maxKeys {
		return nil
	}
	return fault.Newf(cognate.CodeLimitExceeded, "User pool %s has %d signing keys: the oldest must retire first.", rows[0].PoolID, n)
}
