package user

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"cognate/api/idp"
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

// TestAHundredFailures is a guesser with patience: between its guesses every lock ends, and the last ones are
// half a day apart. After a hundred the password is refused until it is reset, the right one, too
// (checklist 5); and the reset is always open, by code and by an administrator (checklist 6).
func TestAHundredFailures(t *testing.T) {
	o := newOffice(t, verifiesEmail)
	c := o.client(nil)
	alice := o.member(c, "alice", map[string]string{"email": "alice@b.test"})
	for _, subject := range []string{alice.Sub, o.users.Unknown(o.pool, "nobody").Subject} {
		for i := range mostFailures {
			if err := o.attempt(o.users, subject, guess); err != errWrongPassword {
				t.Fatalf("guess %d: %v", i+1, err)
			}
			o.later(subject, 12*time.Hour)
		}
		right := func() error { t.Error("looked at after a hundred failures"); return nil }
		wantFault(t, o.attempt(o.users, subject, right), "NotAuthorizedException", "Password attempts exceeded")
	}
	for name, reset := range map[string]func() error{
		"by code": func() error {
			if _, err := o.forgot(c, "alice"); err != nil {
				return err
			}
			return o.users.ConfirmForgotPassword(t.Context(), o.pool, c, &idp.ConfirmForgotPasswordRequest{
				Username: "alice", Password: good, ConfirmationCode: o.code("alice@b.test")})
		},
		"by an administrator": func() error { return o.setPassword("alice", good, true) },
	} {
		o.exhaust(alice.Sub)
		wantFault(t, o.attempt(o.users, alice.Sub, guess), "NotAuthorizedException", "Password attempts exceeded")
		o.must(reset())
		if err := o.attempt(o.users, alice.Sub, func() error { return nil }); err != nil {
			t.Errorf("after a reset %s: %v", name, err)
		}
	}
}

// TestNobodyIsLockedOutForGood: who cannot reset the password is let in again after a day, or when an
// administrator enables the user (checklist 6).
func TestNobodyIsLockedOutForGood(t *testing.T) {
	o := newOffice(t, nil) // where nothing is verified
	alice := o.create("alice", nil)
	right := func() error { return nil }
	for _, after := range []time.Duration{lockWithoutReset - time.Hour, lockWithoutReset} {
		o.exhaust(alice.Sub)
		o.later(alice.Sub, after)
		want := error(nil)
		if after < lockWithoutReset {
			want = errLocked
		}
		if err := o.attempt(o.users, alice.Sub, right); err != want {
			t.Errorf("after %v: %v, want %v", after, err, want)
		}
		o.must(o.users.AdminEnable(t.Context(), o.pool, "alice"))
		o.must(o.attempt(o.users, alice.Sub, right))
	}
}

// TestResetKeepsTheCountOfTheSecondFactor: the mailbox alone gives no end of guesses at a software token
// (checklist 5, 17).
func TestResetKeepsTheCountOfTheSecondFactor(t *testing.T) {
	o := newOffice(t, verifiesEmail)
	c := o.client(nil)
	alice := o.member(c, "alice", map[string]string{"email": "alice@b.test"})
	o.withMFA(&idp.SetUserPoolMfaConfigRequest{MfaConfiguration: "ON", SoftwareTokenMfaConfiguration: &idp.SoftwareTokenMfaConfigType{Enabled: new(true)}})
	for range 5 {
		o.attempt(o.users, alice.Sub, guess)
	}
	_, err := o.forgot(c, "alice")
	o.must(err)
	o.must(o.reset(c, "alice", o.code("alice@b.test"), "An0ther-Pass!"))
	if n := o.failures(alice.Sub); n != 5 {
		t.Errorf("%d failures are remembered, want 5", n)
	}
	right := func() error { return nil }
	o.must(o.attempt(o.users, alice.Sub, right))

	// After a hundred failures a reset lets the owner in, who fails at neither factor, and leaves one guess.
	o.exhaust(alice.Sub)
	_, err = o.forgot(c, "alice")
	o.must(err)
	o.must(o.reset(c, "alice", o.code("alice@b.test"), "Y3t-An0ther!"))
	o.must(o.attempt(o.users, alice.Sub, right))
	if looked, locked := o.atOnce(5, alice.Sub, o.users); looked != 1 || locked != 4 {
		t.Errorf("%d guesses at the second factor were looked at and %d locked, want 1 and 4", looked, locked)
	}
}

// TestSuccessEndsTheHundred: failures that a sign-in has ended do not count towards the hundred, and one that
// is a right password at last takes nothing away from them.
func TestSuccessEndsTheHundred(t *testing.T) {
	o := newOffice(t, nil)
	alice := o.create("alice", nil)
	for range mostFailures - 1 {
		o.attempt(o.users, alice.Sub, guess)
		o.later(alice.Sub, 12*time.Hour)
	}
	o.must(o.db.Update(t.Context(), func(tx *store.Tx) error { // as the sweep would
		return tx.DeleteCounter(o.pool.ID, alice.Sub, store.KindSignIn)
	}))
	a := o.account(o.users, alice.Sub)
	o.must(o.users.Guard(t.Context(), o.pool, &a, func() error { return nil }))
	if !a.Failed {
		t.Error("the sign-in would not end the failures of days ago")
	}
	if n := o.failures(alice.Sub); n != mostFailures-1 {
		t.Errorf("%d failures after a right password alone", n)
	}
	o.must(o.db.Update(t.Context(), func(tx *store.Tx) error { return o.users.Succeeded(tx, o.pool, alice.Sub) }))
	if n := o.failures(alice.Sub); n != 0 {
		t.Errorf("%d failures after a sign-in", n)
	}
	if err := o.attempt(o.users, alice.Sub, guess); err != errWrongPassword {
		t.Error(err)
	}
}

// TestFailuresOutliveSweeps holds that the hundred of a user are remembered for good, and those of a name
// that nobody has for a week.
func TestFailuresOutliveSweeps(t *testing.T) {
	o := newOffice(t, nil)
	alice, nobody := o.create("alice", nil).Sub, o.users.Unknown(o.pool, "nobody").Subject
	for after, want := range map[time.Duration]int{6 * 24 * time.Hour: 1, 9 * 24 * time.Hour: 0} {
		o.attempt(o.users, nobody, guess)
		o.attempt(o.users, alice, guess)
		had := o.failures(alice)
		if _, err := o.db.Sweep(t.Context(), time.Now().Add(after), 100); err != nil {
			t.Fatal(err)
		}
		if n := o.failures(nobody); n > 0 != (want > 0) {
			t.Errorf("after %v %d failures of nobody are remembered", after, n)
		}
		if n := o.failures(alice); n != had {
			t.Errorf("after %v %d failures of a user are remembered, want %d", after, n, had)
		}
	}
}

// failures are all since the last success.
func (o *office) failures(subject string) (n int) {
	o.Helper()
	o.must(o.db.View(o.Context(), func(tx *store.Tx) error {
		c, err := tx.GetCounter(o.pool.ID, subject, store.KindFailures)
		n = c.Count
		return err
	}))
	return n
}

// later makes the failures of a subject older; a lock that ends in time ends.
func (o *office) later(subject string, age time.Duration) {
	o.Helper()
	o.must(o.db.Update(o.Context(), func(tx *store.Tx) error {
		for _, kind := range []string{store.KindSignIn, store.KindFailures} {
			c, err := tx.GetCounter(o.pool.ID, subject, kind)
			if err != nil {
				return err
			}
			c.Last = c.Last.Add(-age)
			if !c.Until.Equal(never) {
				c.Until = c.Until.Add(-age)
			}
			if err := tx.PutCounter(c); err != nil {
				return err
			}
		}
		return nil
	}))
}

// exhaust leaves a subject one failure short of the hundred, and fails.
func (o *office) exhaust(subject string) {
	o.Helper()
	o.must(o.db.Update(o.Context(), func(tx *store.Tx) error {
		return tx.PutCounter(store.Counter{PoolID: o.pool.ID, Subject: subject, Kind: store.KindFailures, Count: mostFailures - 1, Until: never, Last: time.Now()})
	}))
	o.attempt(o.users, subject, guess)
}

// TestGuardCall counts attempts from their beginning, several at a time, and a right one takes back no more than what it has set itself.
func TestGuardCall(t *testing.T) {
	inOffice(t, func(o *office) {
		o.reachable("user", "user@code.test", "")
		nothing := func(*store.Tx) error { return nil }
		guard := func(also func(*store.Tx) error, attempt func() error) error {
			a, err := o.users.SignIn(o.Context(), o.pool, "user")
			o.must(err)
			return o.users.GuardCall(o.Context(), o.pool, &a, also, attempt)
		}
		right, wrong := func() error { return nil }, func() error { return errMismatch }
		counts := func() (locking, all int) {
			u := o.find("user")
			c, total, err := o.users.failed(o.Context(), o.pool, u.Sub)
			o.must(err)
			return c.Count, total.Count
		}
		o.must(guard(nothing, right))
		o.must(o.db.View(o.Context(), func(tx *store.Tx) error {
			for _, kind := range []string{store.KindSignIn, store.KindFailures} {
				if c, err := tx.GetCounter(o.pool.ID, o.find("user").Sub, kind); err != nil || !c.Last.IsZero() {
					o.Errorf("a right attempt leaves %+v, %v", c, err)
				}
			}
			return nil
		}))
		errGone := errors.New("gone")
		if err := guard(func(*store.Tx) error { return errGone }, func() error { o.Error("attempted"); return nil }); err != errGone {
			o.Error(err)
		}
		for range 4 {
			wantFault(o.T, guard(nothing, wrong), errMismatch.Code, errMismatch.Message)
		}
		if n, all := counts(); n != 4 || all != 4 {
			o.Errorf("counted %d and %d", n, all)
		}
		o.must(guard(nothing, func() error { // sets a lock of a second
			if err := guard(nothing, right); err != errLocked {
				o.Errorf("beside an attempt that may be the fifth failure: %v", err)
			}
			time.Sleep(time.Second)
			wantFault(o.T, guard(nothing, wrong), errMismatch.Code, errMismatch.Message) // and this of two
			return nil
		}))
		if n, all := counts(); n != 5 || all != 5 {
			o.Errorf("counted %d and %d", n, all)
		}
		if err := guard(nothing, right); err != errLocked {
			o.Errorf("a right attempt has ended another one's lock: %v", err)
		}
		time.Sleep(2 * time.Second)
		o.must(guard(nothing, right))
	})
}
