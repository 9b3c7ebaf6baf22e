package user

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pquerna/otp/totp"

	"cognate/internal/pool"
	"cognate/internal/store"
)

// totp is the code of a seed at a time.
func (o *office) totp(s Seed, at time.Time) string {
	o.Helper()
	code, err := totp.GenerateCode(s.Text(), at)
	o.must(err)
	return code
}

// enrol gives a user a software token, by the code of now.
func (o *office) enrol(me Self) Seed {
	o.Helper()
	seed, err := o.users.AssociateSoftwareToken(o.Context(), me)
	o.must(err)
	o.must(o.users.VerifySoftwareToken(o.Context(), me, o.totp(seed, time.Now()), "phone"))
	return seed
}

// caller is a user as the operations on oneself know it.
func (o *office) caller(name string) Self {
	o.Helper()
	return Self{Pool: o.pool, Client: &pool.Client{}, User: o.find(name)}
}

// use proves a code and uses it up, as the end of a sign-in does.
func (o *office) use(name, code string) error {
	o.Helper()
	a, err := o.users.SignIn(o.Context(), o.pool, name)
	o.must(err)
	use, err := o.users.ProveToken(o.Context(), o.pool, &a, code)
	if err != nil {
		return err
	}
	return o.db.Update(o.Context(), use)
}

// inOffice runs a test in an office whose clock it moves.
func inOffice(t *testing.T, test func(*office)) {
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(t, nil).withMFA(everyFactor("OPTIONAL"))
		test(o)
		o.must(o.db.Close())
	})
}

// TestTokenWindow: the code of a step is good in that step and in those beside it (checklist 16).
func TestTokenWindow(t *testing.T) {
	seed := Seed(bytes.Repeat([]byte{7}, seedBytes))
	now := time.Unix(1800000000, 0)
	for offset, want := range map[int]bool{-3: false, -2: false, -1: true, 0: true, 1: true, 2: false, 3: false} {
		code, err := totp.GenerateCode(seed.Text(), now.Add(time.Duration(offset)*stepTime))
		if err != nil {
			t.Fatal(err)
		}
		if step, ok := seed.step(code, now); ok != want || ok && step != now.Unix()/30+int64(offset) {
			t.Errorf("%d steps off: %t, step %d", offset, ok, step)
		}
	}
	for _, code := range []string{"", "0", "000000000000", strings.Repeat("1", 50<<10), "١٢٣٤٥٦"} {
		if _, ok := seed.step(code, now); ok {
			t.Errorf("%.20q is a code", code)
		}
	}
}

// TestTokenStepOnce: each step is accepted once, and none that is older than the last one (checklist 16).
func TestTokenStepOnce(t *testing.T) {
	inOffice(t, func(o *office) {
		const used = "Your software token has already been used once."
		o.reachable("user", "", "")
		seed := o.enrol(o.caller("user"))
		enrolled := time.Now()
		wantFault(o.T, o.use("user", o.totp(seed, enrolled)), "ExpiredCodeException", used) // the code of the enrolment
		wantFault(o.T, o.use("user", o.totp(seed, enrolled.Add(-stepTime))), "ExpiredCodeException", used)
		o.must(o.use("user", o.totp(seed, enrolled.Add(stepTime))))
		wantFault(o.T, o.use("user", o.totp(seed, enrolled.Add(stepTime))), "ExpiredCodeException", used)
		time.Sleep(2 * stepTime)
		o.must(o.use("user", o.totp(seed, time.Now())))
		wantFault(o.T, o.use("user", o.totp(seed, time.Now().Add(-stepTime))), "ExpiredCodeException", used)
		wantFault(o.T, o.use("user", o.totp(seed, time.Now().Add(2*stepTime))), "CodeMismatchException", "Invalid code received for user")
	})
}

// TestTokenCodeTwiceAtOnce: of two sign-ins that have proven the same code, one uses it up (checklist 16).
func TestTokenCodeTwiceAtOnce(t *testing.T) {
	inOffice(t, func(o *office) {
		o.reachable("user", "", "")
		seed := o.enrol(o.caller("user"))
		time.Sleep(stepTime)
		code := o.totp(seed, time.Now())
		var uses [2]func(*store.Tx) error
		for i := range uses {
			a, err := o.users.SignIn(o.Context(), o.pool, "user")
			o.must(err)
			uses[i], err = o.users.ProveToken(o.Context(), o.pool, &a, code)
			o.must(err)
		}
		o.must(o.db.Update(o.Context(), uses[1]))
		wantFault(o.T, o.db.Update(o.Context(), uses[0]), "ExpiredCodeException", "Your software token has already been used once.")
	})
}

// TestTokenReplacedMeanwhile: what was proven with a token that has been replaced since is worth nothing.
func TestTokenReplacedMeanwhile(t *testing.T) {
	inOffice(t, func(o *office) {
		o.reachable("user", "", "")
		seed := o.enrol(o.caller("user"))
		time.Sleep(stepTime)
		a, err := o.users.SignIn(o.Context(), o.pool, "user")
		o.must(err)
		use, err := o.users.ProveToken(o.Context(), o.pool, &a, o.totp(seed, time.Now()))
		o.must(err)
		o.enrol(o.caller("user"))
		wantFault(o.T, o.db.Update(o.Context(), use), "CodeMismatchException", "Invalid code received for user")
	})
}

// TestSeedAtRest: the store has no seed that can be read, and nothing prints one (checklist 16).
func TestSeedAtRest(t *testing.T) {
	inOffice(t, func(o *office) {
		o.reachable("user", "", "")
		me := o.caller("user")
		seed, err := o.users.AssociateSoftwareToken(o.Context(), me)
		o.must(err)
		row, err := o.users.softwareToken(o.Context(), o.pool, me.User.Sub)
		o.must(err)
		if len(row.Pending) == 0 || row.Sealed != nil {
			o.Errorf("begun: %+v", row)
		}
		o.must(o.users.VerifySoftwareToken(o.Context(), me, o.totp(seed, time.Now()), "phone"))
		verified, err := o.users.softwareToken(o.Context(), o.pool, me.User.Sub)
		o.must(err)
		if len(verified.Sealed) == 0 || verified.Pending != nil || verified.Name != "phone" {
			o.Errorf("verified: %+v", verified)
		}
		for _, text := range []string{string(row.Pending), string(verified.Sealed), fmt.Sprintf("%v %+v %#v %s %x", seed, seed, seed, seed, seed.String())} {
			if strings.Contains(text, string(seed)) || strings.Contains(text, seed.Text()) {
				o.Errorf("the seed can be read in %q", text)
			}
		}
		if len(seed) < 20 || len(seed.Text()) != 52 {
			o.Errorf("a seed of %d bytes", len(seed))
		}
	})
}

// TestEnrollingForgivesNothing: the code of a token of one's own does not take failed sign-ins back, else who
// has an access token could guess the password for ever (checklist 5).
func TestEnrollingForgivesNothing(t *testing.T) {
	inOffice(t, func(o *office) {
		o.reachable("user", "", "")
		me := o.caller("user")
		fail := func() error {
			a, err := o.users.SignIn(o.Context(), o.pool, "user")
			o.must(err)
			return o.users.Guard(o.Context(), o.pool, &a, func() error { return errTokenCode })
		}
		for range 4 {
			wantFault(o.T, fail(), "CodeMismatchException", "Invalid code received for user")
		}
		o.enrol(me)
		wantFault(o.T, fail(), "CodeMismatchException", "Invalid code received for user")
		wantFault(o.T, fail(), "NotAuthorizedException", "Password attempts exceeded")
	})
}

// TestVerifyOfAnotherPending: a code that was computed for a token that has been begun anew enrols nothing.
func TestVerifyOfAnotherPending(t *testing.T) {
	inOffice(t, func(o *office) {
		o.reachable("user", "", "")
		me := o.caller("user")
		first, err := o.users.AssociateSoftwareToken(o.Context(), me)
		o.must(err)
		_, err = o.users.AssociateSoftwareToken(o.Context(), me)
		o.must(err)
		wantFault(o.T, o.users.VerifySoftwareToken(o.Context(), me, o.totp(first, time.Now()), ""), "EnableSoftwareTokenMFAException", "Code mismatch and fail enable Software Token MFA")
	})
}

// TestRecoveryCodeForAToken: a recovery code stands in for the code of a software token, once (checklist 21).
func TestRecoveryCodeForAToken(t *testing.T) {
	inOffice(t, func(o *office) {
		const wrong = "Invalid code received for user"
		o.reachable("user", "", "")
		o.reachable("other", "", "")
		o.enrol(o.caller("user"))
		codes, _, err := o.users.CreateRecoveryCodes(o.Context(), o.pool, o.find("user").Sub)
		o.must(err)
		o.must(o.use("user", string(codes[0])))
		wantFault(o.T, o.use("user", string(codes[0])), "CodeMismatchException", wrong)
		o.must(o.use("user", strings.ToLower(strings.ReplaceAll(string(codes[1]), "-", ""))))
		o.enrol(o.caller("other"))
		wantFault(o.T, o.use("other", string(codes[2])), "CodeMismatchException", wrong)
		again, _, err := o.users.CreateRecoveryCodes(o.Context(), o.pool, o.find("user").Sub)
		o.must(err)
		wantFault(o.T, o.use("user", string(codes[2])), "CodeMismatchException", wrong)
		wantFault(o.T, o.use("user", "AAAA-AAAA-AAAA-AAAA"), "CodeMismatchException", wrong)
		o.must(o.use("user", string(again[0])))
	})
}
