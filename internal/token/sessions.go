package token

import (
	"context"
	"errors"
	"time"

	"cognate/api/idp"
	"cognate/internal/fault"
	"cognate/internal/store"
)

// maxScanned is how many families one call of Sessions reads: the dead ones stay in the store until they would
// have expired, and there may be many of them.
const maxScanned = 500

// LiveSession is a session that can still be refreshed, with the name of its client.
type LiveSession struct {
	store.Family
	ClientName string
}

// Sessions returns up to limit of a user's live sessions after the one with the id after, in the order of their
// beginning, and the id to go on after, "" at the end. There may be fewer, or none, before the end.
func (s *Service) Sessions(ctx context.Context, poolID, sub, after string, limit int) (live []LiveSession, next string, err error) {
	var rows []store.Family
	err = s.db.Look(ctx, func(tx *store.Tx) error {
		rows, err = tx.ListFamilies(poolID, sub, after, maxScanned)
		return err
	})
	if err != nil {
		return nil, "", err
	}
	now := time.Now()
	for i, f := range rows {
		if !isLive(f, now) {
			continue
		}
		_, c, err := s.pools.Client(ctx, f.ClientID)
		if gone := (*fault.Error)(nil); errors.As(err, &gone) {
			continue // and the session with it
		}
		if err != nil {
			return nil, "", err
		}
		live = append(live, LiveSession{f, c.Name})
		if len(live) == limit && i < len(rows)-1 {
			return live, f.ID, nil
		}
	}
	if len(rows) == maxScanned {
		next = rows[maxScanned-1].ID
	}
	return live, next, nil
}

func isLive(f store.Family, now time.Time) bool { return f.Revoked.IsZero() && now.Before(f.Expires) }

var errNoSession = fault.New(idp.CodeResourceNotFound, "Session does not exist.")

// EndSession ends a live session of a user: its refresh tokens and its access tokens are refused from now on.
// One of another user is as if it were not there.
func (s *Service) EndSession(ctx context.Context, poolID, sub, id string) error {
	now := time.Now().UTC()
	return s.db.Update(ctx, func(tx *store.Tx) error {
		f, err := tx.GetFamily(id)
		if errors.Is(err, store.ErrNotFound) || err == nil && (f.PoolID != poolID || f.Sub != sub || !isLive(f, now)) {
			return errNoSession
		}
		if err != nil {
			return err
		}
		return tx.RevokeFamily(id, now)
	})
}
