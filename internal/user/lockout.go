package user

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"cognate/api/idp"
	"cognate/internal/fault"
	"cognate/internal/pool"
	"cognate/internal/store"
)

// The lockout (protocol page "auth-flows", section 4): from the fifth failure in a row on, each locks for
// twice as long as the one before, beginning with a second, up to a quarter of an hour. A success, or a
// quarter of an hour without an attempt after the last lock, ends it.
//
// Patience does not help a guesser: after mostFailures without a success between them, however far apart,
// nothing is looked at any more until the password is reset, by a code or by an administrator (NIST SP
// 800-63B-4, section 3.2.2).
const (
	freeFailures = 5
	longestLock  = 15 * time.Minute
	forgetAfter  = 15 * time.Minute
	mostFailures = 100
	// strangerMemory is how long all failures are remembered of a name that nobody has.
	strangerMemory = 7 * 24 * time.Hour
	// lockWithoutReset is how long the lock after the most failures lasts for a user who cannot reset the password.
	lockWithoutReset = 24 * time.Hour
)

// never is later than any lock or sweep.
var never = time.Date(9999, time.December, 31, 0, 0, 0, 0, time.UTC)

var errLocked = fault.New(idp.CodeNotAuthorized, "Password attempts exceeded")

// write is what a transaction writes beside what it is for.
type write = func(*store.Tx) error

// Guard runs an attempt to prove something for an account, unless it is locked. A fault of the attempt
// counts as a failure; any other error does not. It sets a.Failed to whether the account had failed before:
// then [Directory.Succeeded] has something to forget.
//
// No attempt slips between the check and the count, however many come at once. Within a process, attempts
// of one account run one after the other. Between processes, an account that has failed before reserves its
// attempt: it is counted as a failure, with the lock that follows, before it is looked at, and given back
// when it succeeds. Only while an account has no failure at all is nothing written, so that the usual
// sign-in costs none; then each process may have one attempt under way.
func (d *Directory) Guard(ctx context.Context, p *pool.Pool, a *Account, attempt func() error) error {
	done, err := d.turns.take(ctx, p.ID+"/"+a.Subject)
	if err != nil {
		return err
	}
	defer done()
	lock, err := d.reserve(ctx, p, a)
	if err != nil {
		return err
	}
	err = attempt()
	_, refused := errors.AsType[*fault.Error](err)
	if refused == a.Failed {
		return err
	}
	settle := func() error { return d.giveBack(ctx, p, a.Subject, lock) }
	if !a.Failed {
		settle = func() error { _, err := d.countFailure(ctx, p, a.Subject); return err }
	}
	if e := settle(); e != nil && e != errLocked {
		return e
	}
	return err
}

// GuardCall is Guard for an attempt that calls a function of the pool's, which may take long, and may have the same
// user prove something meanwhile: nobody waits for a turn. So the attempt is always counted as a failure first, in one
// Update with what also writes, whose error ends it without a trace; and it is given back unless it fails. It sets
// a.Failed.
func (d *Directory) GuardCall(ctx context.Context, p *pool.Pool, a *Account, also write, attempt func() error) error {
	lock, err := d.countFailure(ctx, p, a.Subject, also)
	if err != nil {
		return err
	}
	a.Failed = true
	err = attempt()
	if _, refused := errors.AsType[*fault.Error](err); refused {
		return err
	}
	if e := d.giveBack(ctx, p, a.Subject, lock); e != nil {
		return e
	}
	return err
}

// reserve refuses a locked account, and counts an attempt of one that has failed before as a failure. The
// caller has its turn. lock is when the lock ends that the reservation sets.
func (d *Directory) reserve(ctx context.Context, p *pool.Pool, a *Account) (lock time.Time, err error) {
	if !a.Failed && a.seen == d.failures.Load()+1 {
		return lock, nil // as read
	}
	c, all, err := d.failed(ctx, p, a.Subject)
	if err != nil {
		return lock, err
	}
	if time.Now().Before(c.Until) {
		return lock, errLocked
	}
	a.Failed = c.Count > 0 || all.Count > 0
	if !a.Failed {
		return lock, nil
	}
	return d.countFailure(ctx, p, a.Subject)
}

// failed returns the counters of a subject: of the failures that lock, empty when they are too old for that,
// and of all failures since the last success.
func (d *Directory) failed(ctx context.Context, p *pool.Pool, subject string) (c, all store.Counter, err error) {
	err = d.db.View(ctx, func(tx *store.Tx) error {
		if c, err = tx.GetCounter(p.ID, subject, store.KindSignIn); err != nil {
			return err
		}
		all, err = tx.GetCounter(p.ID, subject, store.KindFailures)
		return err
	})
	return current(c, time.Now()), all, err
}

// current forgets a counter that nobody has added to for long enough since its last lock ended.
func current(c store.Counter, now time.Time) store.Counter {
	since := c.Last
	if c.Until.After(since) {
		since = c.Until
	}
	if now.Sub(since) > forgetAfter {
		return store.Counter{PoolID: c.PoolID, Subject: c.Subject, Kind: c.Kind, Since: now}
	}
	return c
}

// afterFailure is a counter after one more failure.
func afterFailure(c store.Counter, now time.Time) store.Counter {
	c = current(c, now)
	c.Count, c.Last = c.Count+1, now
	if over := c.Count - freeFailures; over >= 0 {
		c.Until = now.Add(min(time.Second<<min(over, 20), longestLock))
	}
	return c
}

// countFailure counts a failure and sets the lock that follows from it, or returns errLocked when another
// process has set one meanwhile. It is written even when the client has gone: leaving early must not be a
// way to guess for free. What also writes comes first; lock is when the lock ends, zero without one.
func (d *Directory) countFailure(ctx context.Context, p *pool.Pool, subject string, also ...write) (lock time.Time, err error) {
	defer d.failures.Add(1)
	err = d.db.Update(context.WithoutCancel(ctx), func(tx *store.Tx) error {
		c, err := tx.GetCounter(p.ID, subject, store.KindSignIn)
		if err != nil {
			return err
		}
		now := time.Now().UTC()
		if now.Before(c.Until) {
			return errLocked
		}
		for _, write := range also {
			if err := write(tx); err != nil {
				return err
			}
		}
		c = afterFailure(c, now)
		all, err := countForever(tx, c, now)
		if err != nil {
			return err
		}
		if all >= mostFailures {
			if c.Until, err = endOfLock(tx, p, subject, now); err != nil {
				return err
			}
		}
		lock = c.Until
		return tx.PutCounter(c)
	})
	return lock, err
}

// endOfLock is when the lock after the most failures ends: with a reset of the password, and after a day where
// the owner cannot have one, whom nobody may shut out for good.
func endOfLock(tx *store.Tx, p *pool.Pool, subject string, now time.Time) (time.Time, error) {
	u, err := tx.GetUser(p.ID, subject)
	if isNotFound(err) {
		return never, nil
	}
	if err != nil {
		return never, err
	}
	_, err = resettable(tx, p, u)
	if _, refused := errors.AsType[*fault.Error](err); refused {
		return now.Add(lockWithoutReset), nil
	}
	return never, err
}

// countForever counts a failure among all since the last success, and returns how many they are. What is
// counted of a user stays until then; a name that nobody has is forgotten after a while.
func countForever(tx *store.Tx, c store.Counter, now time.Time) (int, error) {
	all, err := tx.GetCounter(c.PoolID, c.Subject, store.KindFailures)
	if err != nil {
		return 0, err
	}
	all.Count, all.Last, all.Until = all.Count+1, now, never
	if isStranger(c.Subject) {
		all.Until = now.Add(strangerMemory)
	}
	return all.Count, tx.PutCounter(all)
}

// giveBack takes back a reserved failure, and the lock that it has set. The others stay until the sign-in is complete: a
// right password alone may not be all that it takes.
func (d *Directory) giveBack(ctx context.Context, p *pool.Pool, subject string, lock time.Time) error {
	return d.db.Update(context.WithoutCancel(ctx), func(tx *store.Tx) error {
		c, err := tx.GetCounter(p.ID, subject, store.KindSignIn)
		if err != nil || c.Count == 0 {
			return err
		}
		if c.Until.Equal(lock.Truncate(time.Millisecond)) {
			c.Until = time.Time{}
		}
		if err := countDown(tx, c); err != nil {
			return err
		}
		all, err := tx.GetCounter(p.ID, subject, store.KindFailures)
		if err != nil || all.Count == 0 {
			return err
		}
		return countDown(tx, all)
	})
}

// countDown takes one off a counter, and the last one with the counter.
func countDown(tx *store.Tx, c store.Counter) error {
	if c.Count--; c.Count == 0 {
		return tx.DeleteCounter(c.PoolID, c.Subject, c.Kind)
	}
	return tx.PutCounter(c)
}

// Succeeded forgets the failures of a subject, in the transaction that signs it in or gives it another
// password.
func (d *Directory) Succeeded(tx *store.Tx, p *pool.Pool, subject string) error {
	return d.forget(tx, p, subject, store.KindSignIn, store.KindFailures)
}

func (d *Directory) forget(tx *store.Tx, p *pool.Pool, subject string, kinds ...string) error {
	for _, kind := range kinds {
		c, err := tx.GetCounter(p.ID, subject, kind)
		if err != nil {
			return err
		}
		if c.Last.IsZero() {
			continue // not there
		}
		if err := tx.DeleteCounter(p.ID, subject, kind); err != nil {
			return err
		}
	}
	return nil
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
	limitForgot         = limit{"forgot-password", 20}     // sending and confirming together
	limitForgotSend     = limit{"forgot-password-send", 5} // of which sending
	limitSignInCode     = limit{"sign-in-code", 20}
	limitUpdate         = limit{"update-attributes", 20} // updates that send a code
	limitNotice         = limit{"notice", 20}
	limitKeptChallenge  = limit{"kept-challenge", 100} // states that outgrow a Session
)

// errLimit is the answer beyond a limit.
var errLimit = fault.New(idp.CodeLimitExceeded, "Attempt limit exceeded, please try after some time.")

// spend counts one use against each limit before it is made, so that of many at once no more pass. A new
// code does not make the count start again.
func (d *Directory) spend(ctx context.Context, p *pool.Pool, subject string, limits ...limit) error {
	return d.db.Update(ctx, func(tx *store.Tx) error {
		for _, l := range limits {
			if err := l.spend(tx, p, subject); err != nil {
				return err
			}
		}
		return nil
	})
}

// unspent is failed, why a message was not sent, after it has taken back the uses that the message cost its user: who got nothing can
// ask again. A message that may have gone out all the same costs what it costs.
func (d *Directory) unspent(ctx context.Context, p *pool.Pool, subject string, failed error, limits ...limit) error {
	if failed == nil || errors.Is(failed, context.DeadlineExceeded) || errors.Is(failed, context.Canceled) {
		return failed
	}
	err := d.db.Update(ctx, func(tx *store.Tx) error {
		for _, l := range limits {
			c, err := tx.GetCounter(p.ID, subject, l.kind)
			if err != nil {
				return err
			}
			if c.Count == 0 {
				continue
			}
			c.Count--
			if err := tx.PutCounter(c); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		slog.WarnContext(ctx, "what an unsent message cost could not be taken back", "pool", p.ID, "cause", err)
	}
	return failed
}

// spend counts one use in the transaction that makes it.
func (l limit) spend(tx *store.Tx, p *pool.Pool, subject string) error {
	return spendWithin(tx, p, subject, l, time.Hour)
}

// spendWithin is limit.spend with another length than an hour.
func spendWithin(tx *store.Tx, p *pool.Pool, subject string, l limit, window time.Duration) error {
	c, err := tx.GetCounter(p.ID, subject, l.kind)
	if err != nil {
		return err
	}
	now := time.Now().UTC()
	if now.Sub(c.Since) >= window {
		c.Count, c.Since = 0, now
	}
	if c.Count >= l.most {
		return errLimit
	}
	c.Count, c.Last = c.Count+1, now
	return tx.PutCounter(c)
}
