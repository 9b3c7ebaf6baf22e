package user

import (
	"errors"
	"sync"
	"sync/atomic"
	"testing"

	"cognate/api/idp"
	"cognate/internal/fault"
	"cognate/internal/pool"
)

func (o *office) forgot(c *pool.Client, name string) (*idp.CodeDeliveryDetailsType, error) {
	return o.users.ForgotPassword(o.Context(), o.pool, c, &idp.ForgotPasswordRequest{Username: name})
}

func (o *office) reset(c *pool.Client, name, code, password string) error {
	return o.users.ConfirmForgotPassword(o.Context(), o.pool, c, &idp.ConfirmForgotPasswordRequest{Username: name, ConfirmationCode: code, Password: password})
}

// reachable makes a confirmed user with verified addresses.
func (o *office) reachable(name, email, phone string) {
	o.Helper()
	attributes := map[string]string{}
	if email != "" {
		attributes["email"], attributes["email_verified"] = email, "true"
	}
	if phone != "" {
		attributes["phone_number"], attributes["phone_number_verified"] = phone, "true"
	}
	o.must(o.users.Seed(o.Context(), o.pool, name, good, attributes))
}

func TestWhereResetCodesGo(t *testing.T) {
	recovery := func(names ...string) func(*idp.CreateUserPoolRequest) {
		return func(in *idp.CreateUserPoolRequest) {
			in.AccountRecoverySetting = &idp.AccountRecoverySettingType{}
			for i, name := range names {
				in.AccountRecoverySetting.RecoveryMechanisms = append(in.AccountRecoverySetting.RecoveryMechanisms,
					&idp.RecoveryOptionType{Name: name, Priority: int64(i + 1)})
			}
		}
	}
	const noContact = "Cannot reset password for the user as there is no registered/verified email or phone_number"
	for _, c := range []struct {
		pool         func(*idp.CreateUserPoolRequest)
		email, phone string
		want, text   string
	}{
		{nil, "a@b.test", "+15555550100", "phone_number", ""},
		{nil, "a@b.test", "", "email", ""},
		{nil, "", "", "", noContact},
		{recovery("verified_email", "verified_phone_number"), "a@b.test", "+15555550100", "email", ""},
		{recovery("verified_email", "verified_phone_number"), "", "+15555550100", "phone_number", ""},
		{recovery("verified_email"), "", "+15555550100", "", noContact},
		{recovery("admin_only"), "a@b.test", "+15555550100", "", "Contact administrator to reset password."},
	} {
		o := newOffice(t, c.pool)
		o.reachable("alice", c.email, c.phone)
		client := o.client(nil)
		sent, err := o.forgot(client, "alice")
		switch {
		case c.text != "":
			if f, ok := errors.AsType[*fault.Error](err); !ok || f.Message != c.text {
				t.Errorf("%v, want %s", err, c.text)
			}
		case err != nil || sent.AttributeName != c.want:
			t.Errorf("%+v, %v; want %s", sent, err, c.want)
		}
		if c.want == "phone_number" && sent.Destination != "+*******0100" {
			t.Errorf("%+v", sent)
		}
	}
}

func TestStatesWithoutReset(t *testing.T) {
	o := newOffice(t, nil)
	open, hiding := o.client(nil), o.client(discreet)
	o.reachable("alice", "alice@b.test", "")
	for status, text := range map[string]string{
		"FORCE_CHANGE_PASSWORD": "User password cannot be reset in the current state.",
		"EXTERNAL_PROVIDER":     "User password cannot be reset in the current state.",
	} {
		o.setStatus("alice", status)
		_, err := o.forgot(open, "alice")
		wantFault(t, err, "NotAuthorizedException", text)
	}
	o.setStatus("alice", "CONFIRMED")
	o.must(o.users.AdminDisable(t.Context(), o.pool, "alice"))
	_, err := o.forgot(open, "alice")
	wantFault(t, err, "NotAuthorizedException", "User is disabled.")
	wantFault(t, o.reset(open, "alice", "123456", "N3w-Horse!"), "NotAuthorizedException", "User is disabled.")
	const mismatch, expired = "Invalid verification code provided, please try again.", "Invalid code provided, please request a code again."
	for _, name := range []string{"alice", "nobody"} {
		wantFault(t, o.reset(hiding, name, "123456", "N3w-Horse!"), "ExpiredCodeException", expired)
		wantFault(t, o.reset(hiding, name, "123456", "N3w-Horse!"), "ExpiredCodeException", expired)
		_, err = o.forgot(hiding, name)
		o.must(err)
		wantFault(t, o.reset(hiding, name, "123456", "N3w-Horse!"), "CodeMismatchException", mismatch)
		wantFault(t, o.reset(hiding, name, "123456", "short"), "InvalidPasswordException", "Password does not conform to policy: Password not long enough")
	}
	o.users.Wait()
	if n := len(o.inbox.Messages("")); n != 0 {
		t.Errorf("%d messages were sent", n)
	}
	wantFault(t, o.reset(open, "nobody", "123456", "N3w-Horse!"), "UserNotFoundException", "Username/client id combination not found.")
}

func TestOneResetByOneCode(t *testing.T) {
	o := newOffice(t, nil)
	c := o.client(nil)
	o.reachable("alice", "alice@b.test", "")
	alice := o.find("alice")
	_, err := o.forgot(c, "alice")
	o.must(err)
	code := o.code("alice@b.test")
	wantFault(t, o.reset(c, "alice", wrong(code), "N3w-Horse!"), "CodeMismatchException", "Invalid verification code provided, please try again.")
	o.atOnce(30, alice.Sub, o.users) // somebody locks alice out
	var done atomic.Int64
	var all sync.WaitGroup
	for range 12 {
		all.Go(func() {
			if err := o.reset(c, "alice", code, "N3w-Horse!"); err == nil {
				done.Add(1)
			} else {
				wantFault(t, err, "ExpiredCodeException", "Invalid code provided, please request a code again.")
			}
		})
	}
	all.Wait()
	if done.Load() != 1 {
		t.Errorf("%d resets by one code", done.Load())
	}
	if right, temporary := o.signsIn("alice", "N3w-Horse!"); !right || temporary {
		t.Error("the new password does not hold")
	}
	if right, _ := o.signsIn("alice", good); right {
		t.Error("the old password holds")
	}
	o.must(o.attempt(o.users, alice.Sub, func() error { return nil })) // a reset ends the lock
}

func TestResetKeepsHistory(t *testing.T) {
	o := newOffice(t, func(in *idp.CreateUserPoolRequest) { in.Policies.PasswordPolicy.PasswordHistorySize = new(int64(2)) })
	c := o.client(nil)
	o.reachable("alice", "alice@b.test", "")
	change := func(password string) error {
		_, err := o.forgot(c, "alice")
		o.must(err)
		return o.reset(c, "alice", o.code("alice@b.test"), password)
	}
	const used = "Password has previously been used."
	wantFault(t, change(good), "PasswordHistoryPolicyViolationException", used)
	o.must(change("N3w-Horse!2"))
	wantFault(t, change(good), "PasswordHistoryPolicyViolationException", used)
	// A refused password does not use up the code, nor tells anything to who has none.
	wantFault(t, o.reset(c, "alice", wrong(o.code("alice@b.test")), good), "CodeMismatchException", "Invalid verification code provided, please try again.")
	o.must(o.reset(c, "alice", o.code("alice@b.test"), "N3w-Horse!3"))
	o.must(change(good)) // the third last
}

func TestUnconfirmedUserResets(t *testing.T) {
	o := newOffice(t, nil)
	c := o.client(nil)
	o.signedUp(c, "alice", map[string]string{"email": "alice@b.test"})
	o.must(o.update("alice", map[string]string{"email_verified": "true"}))
	_, err := o.forgot(c, "alice")
	o.must(err)
	o.must(o.reset(c, "alice", o.code("alice@b.test"), "N3w-Horse!"))
	if u := o.find("alice"); u.Status != "CONFIRMED" {
		t.Errorf("%+v", u)
	}
}

func TestResetLimits(t *testing.T) {
	o := newOffice(t, nil)
	c := o.client(nil)
	o.reachable("alice", "alice@b.test", "")
	const beyond = "Attempt limit exceeded, please try after some time."
	for range 5 {
		_, err := o.forgot(c, "alice")
		o.must(err)
	}
	_, err := o.forgot(c, "alice")
	wantFault(t, err, "LimitExceededException", beyond)
	for range 15 {
		wantFault(t, o.reset(c, "alice", wrong(o.code("alice@b.test")), "N3w-Horse!"), "CodeMismatchException", "Invalid verification code provided, please try again.")
	}
	wantFault(t, o.reset(c, "alice", o.code("alice@b.test"), "N3w-Horse!"), "LimitExceededException", beyond)
}
