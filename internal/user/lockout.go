package user

import (
	"context"
	"errors"
	"sync"
	"time"

	"cognate/api/idp"
	"cognate/internal/fault"
	"cognate/internal/pool"
	"cognate/internal/store"
)

// The lockout (protocol page "auth-flows", section 4): from the fifth failure in a row on, each locks for
// twice as long as the one before, beginning with a second, up to a quarter of an hour. A success, or a
// quarter of an hour without an attempt, ends it.
const (
	freeFailures = 5
	longestLock  = 15 * time.Minute
	forgetAfter  = 15 * time.Minute
	kindSignIn   = "sign-in"
)

var errLocked = fault.New(idp.CodeNotAuthorized, "Password attempts exceeded")

// Guard runs an attempt to prove something for a subject, unless the subject is locked. A fault of the
// attempt counts as a failure; any other error does not.
//
// Attempts of one subject run one after the other in a process, so that of many at once no more than the
// free ones are looked at. With several processes on one database, each can have one attempt under way.
func (d *Directory) Guard(ctx context.Context, p *pool.Pool, subject string, attempt func() error) error {
	done, err := d.turns.take(ctx, p.ID+"/"+subject)
	if err != nil {
		return err
	}
	defer done()
	var c store.Counter
	err = d.db.View(ctx, func(tx *store.Tx) (err error) {
		c, err = tx.GetCounter(p.ID, subject, kindSignIn)
		return err
	})
	if err != nil {
		return err
	}
	if time.Now().Before(c.Until) {
		return errLocked
	}
	err = attempt()
	if _, failed := errors.AsType[*fault.Error](err); !failed {
		return err
	}
	if countErr := d.countFailure(ctx, p, subject); countErr != nil {
		return countErr
	}
	return err
}

// countFailure counts a failure and sets the lock that follows from it. It is written even when the
// client has gone: leaving early must not be a way to guess for free.
func (d *Directory) countFailure(ctx context.Context, p *pool.Pool, subject string) error {
	return d.db.Update(context.WithoutCancel(ctx), func(tx *store.Tx) error {
		c, err := tx.GetCounter(p.ID, subject, kindSignIn)
		if err != nil {
			return err
		}
		now := time.Now().UTC()
		if now.Sub(c.Last) > forgetAfter {
			c = store.Counter{Since: now}
		}
		c.PoolID, c.Subject, c.Kind = p.ID, subject, kindSignIn
		c.Count, c.Last = c.Count+1, now
		if over := c.Count - freeFailures; over >= 0 {
			c.Until = now.Add(min(time.Second<<min(over, 20), longestLock))
		}
		return tx.PutCounter(c)
	})
}

// Succeeded forgets the failures of a subject, in the transaction that signs it in.
func (d *Directory) Succeeded(tx *store.Tx, p *pool.Pool, subject string) error {
	c, err := tx.GetCounter(p.ID, subject, kindSignIn)
	if err != nil || c.Count == 0 {
		return err
	}
	return tx.DeleteCounter(p.ID, subject, kindSignIn)
}

// turns lets the users of one key go one at a time. Keys that nobody waits for take no memory.
type turns struct {
	mu      sync.Mutex
	waiting map[string]*turn
}

type turn struct {
	free  chan struct{} // holds a token while nobody's turn
	users int
}

// take waits for the turn of key, and returns what ends it.
func (t *turns) take(ctx context.Context, key string) (done func(), err error) {
	t.mu.Lock()
	w := t.waiting[key]
	if w == nil {
		w = &turn{free: make(chan struct{}, 1)}
		w.free <- struct{}{}
		t.waiting[key] = w
	}
	w.users++
	t.mu.Unlock()
	select {
	case <-w.free:
		return func() { w.free <- struct{}{}; t.leave(key, w) }, nil
	case <-ctx.Done():
		t.leave(key, w)
		return nil, ctx.Err()
	}
}

func (t *turns) leave(key string, w *turn) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if w.users--; w.users == 0 {
		delete(t.waiting, key)
	}
}

// limit is how often in an hour a user may do something (protocol page "users-and-pools", section 7).
type limit struct {
	kind string
	most int
}

var (
	limitResend         = limit{"resend", 5}
	limitConfirm        = limit{"confirm-sign-up", 15}
	limitSendCode       = limit{"send-code", 5}
	limitVerify         = limit{"verify-attribute", 15}
	limitChangePassword = limit{"change-password", 5}
	limitForgot         = limit{"forgot-password", 20}
)

// spend counts one use against a limit before it is made, so that of many at once no more pass.
func (d *Directory) spend(ctx context.Context, p *pool.Pool, subject string, l limit) error {
	return d.db.Update(ctx, func(tx *store.Tx) error {
		c, err := tx.GetCounter(p.ID, subject, l.kind)
		if err != nil {
			return err
		}
		now := time.Now().UTC()
		if now.Sub(c.Since) >= time.Hour {
			c = store.Counter{Since: now}
		}
		if c.Count >= l.most {
			return fault.New(idp.CodeLimitExceeded, "Attempt limit exceeded, please try after some time.")
		}
		c.PoolID, c.Subject, c.Kind = p.ID, subject, l.kind
		c.Count, c.Last = c.Count+1, now
		return tx.PutCounter(c)
	})
}
