//go:build linux

package server

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

const (
	killRounds  = 5
	killClients = 8
)

// record is what a client knows of one user: what the server acknowledged, and what it was asked for
// when it died. Only one client writes a user.
type record struct {
	name     string
	signedUp bool     // acknowledged
	past     []string // passwords that acknowledged ones replaced
	password string   // the last acknowledged one
	asked    string   // a password whose change was not answered
	sessions []session
}

// session is a sign-in of a user.
type session struct {
	refresh    string
	ended, end bool // the end was acknowledged; was asked for
}

// TestKill kills a server that many clients write to, as hard as can be, starts it again on the same
// data, and looks for everything that it had acknowledged.
func TestKill(t *testing.T) {
	data := t.TempDir()
	p := launch(t, data)
	pool, client := p.pool(t)
	var all []*record
	for round := range killRounds {
		if testing.Short() && round > 1 {
			break
		}
		made := p.writeUntilKilled(pool, client, round)
		p = launch(t, data)
		all = append(all, made...)
		// Those of earlier rounds lived through several deaths: a sample of them.
		rand.Shuffle(len(all)-len(made), func(i, j int) { all[i], all[j] = all[j], all[i] })
		checkTogether(t, p.door, pool, client, append(made, all[:min(len(all)-len(made), 50)]...))
	}
}

// writeUntilKilled has clients make users and change them, kills the process in the middle of it, and
// returns what the clients know.
func (p *process) writeUntilKilled(pool, client string, round int) (all []*record) {
	p.Helper()
	var killed atomic.Bool
	var lives atomic.Int64 // that have come to their end
	var mu sync.Mutex
	var wg sync.WaitGroup
	for i := range killClients {
		wg.Go(func() {
			for n := 0; !killed.Load(); n++ {
				w := &writer{door: p.door, pool: pool, client: client, record: &record{name: fmt.Sprintf("user-%d-%d-%d", round, i, n)}}
				err := w.live()
				if err != nil && !killed.Load() {
					p.Errorf("before the server was killed: %v", err)
				}
				if err == nil {
					lives.Add(1)
				}
				mu.Lock()
				all = append(all, w.record)
				mu.Unlock()
			}
		})
	}
	for begin := time.Now(); lives.Load() == 0 && time.Since(begin) < 30*time.Second; { // a busy machine takes its time
		time.Sleep(10 * time.Millisecond)
	}
	time.Sleep(500*time.Millisecond + rand.N(time.Second))
	killed.Store(true)
	p.kill()
	wg.Wait()
	p.count(all)
	return all
}

// count fails the test when a round shows nothing.
func (p *process) count(all []*record) {
	signUps, changes, ends := 0, 0, 0
	for _, r := range all {
		if r.signedUp {
			signUps++
		}
		changes += len(r.past)
		for _, s := range r.sessions {
			if s.ended {
				ends++
			}
		}
	}
	p.Logf("killed after %d sign-ups, %d changes of passwords and %d sign-outs", signUps, changes, ends)
	if signUps == 0 || changes == 0 || ends == 0 {
		p.Error("the server was killed before it had acknowledged one of each")
	}
}

// writer lives one user's life.
type writer struct {
	door
	*record
	pool, client string
}

// live signs a user up and in, changes the password in both ways, and signs out. Any answer but success
// ends it with an error.
func (w *writer) live() error {
	first := w.name + "-First1!"
	if _, err := w.do("SignUp", `{"ClientId":%q,"Username":%q,"Password":%q}`, w.client, w.name, first); err != nil {
		return err
	}
	w.signedUp, w.password = true, first
	if _, err := w.do("AdminConfirmSignUp", `{"UserPoolId":%q,"Username":%q}`, w.pool, w.name); err != nil {
		return err
	}
	for n := range 3 {
		in, err := w.signIn()
		if err != nil {
			return err
		}
		if err := w.change(in.AuthenticationResult.AccessToken, n); err != nil || n == 2 {
			return err // the last session stays
		}
		s := &w.sessions[n]
		s.end = true
		if _, err := w.do("GlobalSignOut", `{"AccessToken":%q}`, in.AuthenticationResult.AccessToken); err != nil {
			return err
		}
		s.ended = true
	}
	return nil
}

func (w *writer) signIn() (answer, error) {
	a, err := w.do("InitiateAuth", `{"ClientId":%q,"AuthFlow":"USER_PASSWORD_AUTH","AuthParameters":{"USERNAME":%q,"PASSWORD":%q}}`, w.client, w.name, w.password)
	if err == nil {
		w.sessions = append(w.sessions, session{refresh: a.AuthenticationResult.RefreshToken})
	}
	return a, err
}

// change changes the password: the user does every other time, else an administrator.
func (w *writer) change(access string, n int) (err error) {
	w.asked = fmt.Sprintf("%s-Next%d!", w.name, n)
	if n%2 == 0 {
		_, err = w.do("ChangePassword", `{"AccessToken":%q,"PreviousPassword":%q,"ProposedPassword":%q}`, access, w.password, w.asked)
	} else {
		_, err = w.do("AdminSetUserPassword", `{"UserPoolId":%q,"Username":%q,"Password":%q,"Permanent":true}`, w.pool, w.name, w.asked)
	}
	if err == nil {
		w.past, w.password, w.asked = append(w.past, w.password), w.asked, ""
	}
	return err
}

// do is call where a refusal is an error too.
func (w *writer) do(op, format string, args ...any) (answer, error) {
	a, err := w.call(op, format, args...)
	if err == nil && a.Type != "" {
		err = fmt.Errorf("%s of %s: %s", op, w.name, a.Type)
	}
	return a, err
}

// checkTogether looks for everything acknowledged, from several clients.
func checkTogether(t *testing.T, d door, pool, client string, all []*record) {
	var wg sync.WaitGroup
	work := make(chan *record)
	for range killClients {
		wg.Go(func() {
			for r := range work {
				if err := r.check(d, pool, client); err != nil {
					t.Errorf("%s: %v", r.name, err)
				}
			}
		})
	}
	for _, r := range all {
		work <- r
	}
	close(work)
	wg.Wait()
}

// check holds the server to what it had acknowledged of one user.
func (r *record) check(d door, pool, client string) error {
	if !r.signedUp {
		return nil
	}
	if a, err := d.call("AdminGetUser", `{"UserPoolId":%q,"Username":%q}`, pool, r.name); err != nil || a.Username != r.name {
		return fmt.Errorf("the sign-up was acknowledged, and the user is not there: %s %v", a.Type, err)
	}
	if len(r.sessions) == 0 {
		return nil // perhaps not confirmed: its password does not sign in
	}
	if err := r.checkPasswords(d, client); err != nil {
		return err
	}
	for i, s := range r.sessions {
		a, err := d.call("InitiateAuth", `{"ClientId":%q,"AuthFlow":"REFRESH_TOKEN_AUTH","AuthParameters":{"REFRESH_TOKEN":%q}}`, client, s.refresh)
		if err != nil {
			return err
		}
		if s.ended && a.Type != "NotAuthorizedException" {
			return fmt.Errorf("the end of session %d was acknowledged, and its refresh token is accepted", i)
		}
		if !s.end && a.AuthenticationResult.AccessToken == "" {
			return fmt.Errorf("session %d, never ended, is refused: %s", i, a.Type)
		}
	}
	return nil
}

// checkPasswords tries every password that the user has had: those replaced fail, and the last one
// acknowledged signs in unless the one whose change was not answered does.
func (r *record) checkPasswords(d door, client string) error {
	for _, old := range r.past {
		if ok, err := opens(d, client, r.name, old); err != nil || ok {
			return fmt.Errorf("%q was replaced, and signs in (%v)", old, err)
		}
	}
	last, err := opens(d, client, r.name, r.password)
	if err != nil {
		return err
	}
	if r.asked == "" {
		if !last {
			return fmt.Errorf("%q was acknowledged, and does not sign in", r.password)
		}
		return nil
	}
	asked, err := opens(d, client, r.name, r.asked)
	if err == nil && last == asked {
		err = fmt.Errorf("of %q and %q both or none sign in (%v)", r.password, r.asked, last)
	}
	return err
}

// opens reports whether a password signs a user in.
func opens(d door, client, name, password string) (bool, error) {
	a, err := d.signIn(client, name, password)
	if err == nil && a.Type != "" && a.Type != "NotAuthorizedException" {
		err = fmt.Errorf("%s", a.Type)
	}
	return err == nil && a.AuthenticationResult.AccessToken != "", err
}
