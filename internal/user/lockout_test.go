package user

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"cognate/internal/fault"
	"cognate/internal/store"
)

// guess is one attempt with a wrong password.
func guess() error { return errWrongPassword }

// account is the account of a subject as a directory finds it.
func (o *office) account(d *Directory, subject string) Account {
	a, err := d.SignInBySub(o.Context(), o.pool, subject)
	if err != nil {
		return Account{Subject: subject}
	}
	return a
}

// attempt is one guess under the lockout; it reports what came of it.
func (o *office) attempt(d *Directory, subject string, proof func() error) error {
	a := o.account(d, subject)
	return d.Guard(o.Context(), o.pool, &a, proof)
}

// atOnce runs n attempts at the same time, in turn by the directories, and counts those that were looked at
// and those that were locked out.
func (o *office) atOnce(n int, subject string, directories ...*Directory) (looked, locked int) {
	var a, b atomic.Int64
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() {
			err := o.attempt(directories[i%len(directories)], subject, func() error { a.Add(1); return errWrongPassword })
			if errors.Is(err, errLocked) {
				b.Add(1)
			} else if !errors.Is(err, errWrongPassword) {
				o.Error(err)
			}
		})
	}
	all.Wait()
	return int(a.Load()), int(b.Load())
}

func (o *office) counter(subject string) (c store.Counter) {
	o.Helper()
	o.must(o.db.View(o.Context(), func(tx *store.Tx) (err error) {
		c, err = tx.GetCounter(o.pool.ID, subject, store.KindSignIn)
		return err
	}))
	return c
}

// unlock lets the lock of a subject end now.
func (o *office) unlock(subject string) {
	o.Helper()
	o.must(o.db.Update(o.Context(), func(tx *store.Tx) error {
		c, err := tx.GetCounter(o.pool.ID, subject, store.KindSignIn)
		if err != nil {
			return err
		}
		c.Until = time.Now().Add(-time.Millisecond)
		return tx.PutCounter(c)
	}))
}

func TestLocksDouble(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	want := []time.Duration{0, 0, 0, 0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900, 900}
	var c store.Counter
	for i, seconds := range want {
		c = afterFailure(c, now)
		if c.Count != i+1 || lock(c, now) != seconds*time.Second {
			t.Errorf("failure %d: count %d, lock %v; want %d s", i+1, c.Count, lock(c, now), seconds)
		}
		now = now.Add(lock(c, now))
	}
	if again := afterFailure(c, c.Until.Add(15*time.Minute)); again.Count != len(want)+1 {
		t.Errorf("forgotten too early: %d", again.Count)
	}
	if again := afterFailure(c, c.Until.Add(15*time.Minute+time.Second)); again.Count != 1 || !again.Until.IsZero() {
		t.Errorf("not forgotten after a quarter of an hour of peace: %+v", again)
	}
}

func lock(c store.Counter, now time.Time) time.Duration { return max(0, c.Until.Sub(now)) }

func TestThirtyGuessesAtOnce(t *testing.T) {
	o := newOffice(t, nil)
	alice := o.create("alice", nil)
	for _, subject := range []string{alice.Sub, o.users.Unknown(o.pool, "nobody").Subject} {
		if looked, locked := o.atOnce(30, subject, o.users); looked != 5 || locked != 25 {
			t.Errorf("%d were looked at and %d locked, want 5 and 25", looked, locked)
		}
		wantFault(t, o.attempt(o.users, subject, func() error { t.Error("looked at while locked"); return nil }),
			"NotAuthorizedException", "Password attempts exceeded")
		o.unlock(subject)
		if looked, locked := o.atOnce(30, subject, o.users); looked != 1 || locked != 29 {
			t.Errorf("after a lock %d were looked at and %d locked, want 1 and 29", looked, locked)
		}
		if lock := time.Until(o.counter(subject).Until); lock < time.Second || lock > 2*time.Second {
			t.Errorf("the sixth failure locks for %v, want 2 s", lock)
		}
	}
}

// Accounts that were read before the first failure do not let their attempts through after it.
func TestGuessesOfAccountsReadBefore(t *testing.T) {
	o := newOffice(t, nil)
	alice := o.create("alice", nil)
	looked := 0
	accounts := make([]Account, 30)
	for i := range accounts {
		accounts[i] = o.account(o.users, alice.Sub)
	}
	for i := range accounts {
		err := o.users.Guard(t.Context(), o.pool, &accounts[i], func() error { looked++; return errWrongPassword })
		if want := []error{errWrongPassword, errLocked}[min(i/5, 1)]; err != want {
			t.Errorf("guess %d: %v, want %v", i+1, err, want)
		}
	}
	if looked != 5 {
		t.Errorf("%d were looked at, want 5", looked)
	}
}

// Two processes on one database: a failure before makes them reserve their attempts.
func TestGuessesFromTwoProcesses(t *testing.T) {
	o := newOffice(t, nil)
	alice := o.create("alice", nil)
	other := New(o.db, o.users.keys, o.inbox)
	if err := o.attempt(o.users, alice.Sub, guess); !errors.Is(err, errWrongPassword) {
		t.Fatal(err)
	}
	if looked, locked := o.atOnce(30, alice.Sub, o.users, other); looked != 4 || locked != 26 {
		t.Errorf("%d were looked at and %d locked, want 4 and 26", looked, locked)
	}
}

func TestSuccessForgets(t *testing.T) {
	o := newOffice(t, nil)
	alice := o.create("alice", nil)
	for range 3 {
		o.attempt(o.users, alice.Sub, guess)
	}
	right := func() error { return nil }
	o.must(o.attempt(o.users, alice.Sub, right))
	if c := o.counter(alice.Sub); c.Count != 3 || !c.Until.IsZero() {
		t.Errorf("a right password alone: %+v, want the three failures", c)
	}
	o.must(o.db.Update(t.Context(), func(tx *store.Tx) error { return o.users.Succeeded(tx, o.pool, alice.Sub) }))
	if c := o.counter(alice.Sub); c.Count != 0 {
		t.Errorf("after a sign-in: %+v", c)
	}
	if looked, _ := o.atOnce(10, alice.Sub, o.users); looked != 5 {
		t.Errorf("%d free guesses after a sign-in, want 5", looked)
	}
}

func TestFirstTryWritesNothing(t *testing.T) {
	o := newOffice(t, nil)
	alice := o.create("alice", nil)
	o.db.Trace(func(query string, _ []any) {
		if !strings.HasPrefix(strings.TrimSpace(query), "SELECT") {
			t.Errorf("a right password at the first try runs %s", query)
		}
	})
	defer o.db.Trace(nil)
	o.must(o.attempt(o.users, alice.Sub, func() error { return nil }))
	o.must(o.db.View(t.Context(), func(tx *store.Tx) error { return o.users.Succeeded(tx, o.pool, alice.Sub) }))
}

func TestOnlyFaultsCount(t *testing.T) {
	o := newOffice(t, nil)
	alice := o.create("alice", nil)
	broken := errors.New("the disk is full")
	if err := o.attempt(o.users, alice.Sub, func() error { return broken }); !errors.Is(err, broken) {
		t.Error(err)
	}
	if c := o.counter(alice.Sub); c.Count != 0 {
		t.Errorf("a failure of the server counts: %+v", c)
	}
	o.attempt(o.users, alice.Sub, guess)
	o.attempt(o.users, alice.Sub, func() error { return broken })
	if c := o.counter(alice.Sub); c.Count != 1 {
		t.Errorf("a failure of the server counts: %+v", c)
	}
}

// Who leaves early does not guess for free, and one who waits for a turn can leave.
func TestLeavingEarly(t *testing.T) {
	o := newOffice(t, nil)
	alice := o.create("alice", nil)
	ctx, leave := context.WithCancel(t.Context())
	a := o.account(o.users, alice.Sub)
	err := o.users.Guard(ctx, o.pool, &a, func() error {
		leave()
		if err := o.users.Guard(ctx, o.pool, &a, guess); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v, want to be let go", err)
		}
		return errWrongPassword
	})
	if _, ok := errors.AsType[*fault.Error](err); !ok || o.counter(alice.Sub).Count != 1 {
		t.Errorf("%v, %+v", err, o.counter(alice.Sub))
	}
	if len(o.users.turns.waiting) != 0 {
		t.Errorf("%d turns are kept", len(o.users.turns.waiting))
	}
}
