package token

import (
	"context"
	"errors"
	"time"

	"cognate/internal/pool"
	"cognate/internal/store"
)

// Raise is a session of a user that has proven more since it began.
type Raise struct {
	Pool    *pool.Pool
	Client  *pool.Client
	User    store.User
	Session string // its id, which its tokens name as event_id
	Proof   Proof  // all of it
	// NotAfter ends the new tokens sooner than the client's settings do; zero does not.
	NotAfter time.Time
	Occasion Occasion // for the pool's function
}

// Raise makes new ID and access tokens for a session, and keeps what is proven. There is no new refresh token:
// the session's own goes on, and what ends the session ends these. The session must be live, and of this
// client and user. Together with the proof it writes what also writes.
func (s *Service) Raise(ctx context.Context, r Raise, also func(*store.Tx) error) (*Tokens, error) {
	u := holder{User: r.User}
	b := builder{pool: r.Pool, client: r.Client, user: u, notAfter: r.NotAfter}
	err := s.db.View(ctx, func(tx *store.Tx) (err error) {
		b.family, err = liveFamily(tx, r)
		return err
	})
	if err != nil {
		return nil, err
	}
	if b.change, err = s.ask(ctx, b, r.Occasion); err != nil {
		return nil, err
	}
	var f store.Family
	err = s.db.Update(ctx, func(tx *store.Tx) (err error) {
		if f, err = liveFamily(tx, r); err != nil {
			return err
		}
		if u.groups, err = admit(tx, r.User); err != nil {
			return err
		}
		e, err := extraOf(f)
		if err != nil {
			return err
		}
		e.Proof = r.Proof
		if f.Extra, err = e.encode(); err != nil {
			return err
		}
		if err := tx.UpdateFamily(f); err != nil {
			return err
		}
		return also(tx)
	})
	if err != nil {
		return nil, err
	}
	b.user, b.family = u, f
	return s.mint(ctx, b)
}

// liveFamily reads the family of a session that is to be raised.
func liveFamily(tx *store.Tx, r Raise) (store.Family, error) {
	f, err := tx.GetFamily(r.Session)
	if errors.Is(err, store.ErrNotFound) {
		return f, errRevokedAccess
	}
	if err == nil && (!f.Revoked.IsZero() || !time.Now().Before(f.Expires) || f.Sub != r.User.Sub || f.ClientID != r.Client.ID) {
		err = errRevokedAccess
	}
	return f, err
}
