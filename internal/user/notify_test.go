package user

import (
	"strings"
	"testing"

	"cognate/api/idp"
	"cognate/internal/message"
)

// notified returns the notices that went to an address since the last call, and empties the inbox.
func (o *office) notified(to string) (changes []message.Purpose) {
	o.Helper()
	o.users.Wait()
	for _, m := range o.inbox.Messages(to) {
		if _, ok := notices[m.Purpose]; !ok {
			continue
		}
		changes = append(changes, m.Purpose)
		if m.Code != "" || m.Subject == "" && m.Medium == message.Email || strings.Contains(m.Body, "{") || strings.Contains(m.Body, good) {
			o.Errorf("the notice is %q: %q", m.Subject, m.Body)
		}
	}
	o.inbox.Empty()
	return changes
}

func (o *office) wantNotices(way, to string, want ...message.Purpose) {
	o.Helper()
	got := o.notified(to)
	if len(got) != len(want) {
		o.Errorf("%s: %v went to %s, want %v", way, got, to, want)
		return
	}
	for i := range want {
		if got[i] != want[i] {
			o.Errorf("%s: %v went to %s, want %v", way, got, to, want)
		}
	}
}

// TestNotices makes every change that a user is told of: by default of none, and else each time after the
// answer, at the old address where that has changed (checklist 19).
func TestNotices(t *testing.T) {
	const old, next = "alice@b.test", "next@b.test"
	o := newOffice(t, func(in *idp.CreateUserPoolRequest) { verifiesEmail(in); tracked(in) })
	c := o.client(nil)
	alice := o.member(c, "alice", map[string]string{"email": old})
	me := func() Self { return o.self(c, "alice") }
	ways := []struct {
		name string
		do   func() error
		want message.Purpose
	}{
		{"ChangePassword", func() error { return o.users.ChangePassword(t.Context(), me(), good, good) }, message.PasswordChanged},
		{"AdminSetUserPassword", func() error { return o.setPassword("alice", good, true) }, message.PasswordChanged},
		{"ConfirmForgotPassword", func() error {
			if _, err := o.forgot(c, "alice"); err != nil {
				return err
			}
			return o.reset(c, "alice", o.code(old), good)
		}, message.PasswordChanged},
		{"SetUserMFAPreference", func() error {
			return o.users.SetFactors(t.Context(), o.pool, alice.Sub, map[string]FactorWish{FactorTOTP: {Enabled: new(false)}})
		}, message.FactorsChanged},
		{"DeleteSoftwareToken", func() error { return o.users.DeleteSoftwareToken(t.Context(), o.pool, alice.Sub) }, message.FactorsChanged},
		{"CreateRecoveryCodes", func() error {
			_, _, err := o.users.CreateRecoveryCodes(t.Context(), o.pool, alice.Sub)
			return err
		}, message.FactorsChanged},
		{"UpdateUserAttributes", func() error { _, err := o.edit(c, "alice", map[string]string{"email": next}); return err }, message.EmailChanged},
		{"AdminUpdateUserAttributes", func() error { return o.update("alice", map[string]string{"email": next, "email_verified": "true"}) }, message.EmailChanged},
		{"DeleteUserAttributes", func() error { return o.users.Delete(t.Context(), me(), []string{"email"}) }, message.EmailChanged},
		{"ConfirmDevice", func() error {
			me := me()
			me.Device = "us-east-1_1"
			o.users.ForgetDevice(t.Context(), o.pool, alice.Sub, me.Device) // of the round before
			return o.users.ConfirmDevice(t.Context(), me, &idp.ConfirmDeviceRequest{DeviceKey: me.Device,
				DeviceSecretVerifierConfig: &idp.DeviceSecretVerifierConfigType{Salt: "AAEC", PasswordVerifier: "AAMC"}}, "")
		}, message.DeviceRemembered},
		{"UpdateDeviceStatus", func() error {
			for _, status := range []string{idp.DeviceRememberedStatusTypeNotRemembered, idp.DeviceRememberedStatusTypeRemembered, idp.DeviceRememberedStatusTypeRemembered} {
				if err := o.users.SetDeviceStatus(t.Context(), o.pool, alice.Sub, "us-east-1_1", status); err != nil {
					return err
				}
			}
			return nil
		}, message.DeviceRemembered},
	}
	for _, on := range []bool{false, true} {
		o.users.With(Options{Notify: on})
		for _, w := range ways {
			o.must(o.update("alice", map[string]string{"email": old, "email_verified": "true"}))
			o.notified(old)
			o.must(w.do())
			if on {
				o.wantNotices(w.name, old, w.want)
			} else {
				o.wantNotices(w.name+" by default", "")
			}
		}
	}
	// What does not concern the account's guard, and what fails, is not told.
	o.must(o.update("alice", map[string]string{"email": old, "email_verified": "true"}))
	o.notified("")
	_, err := o.edit(c, "alice", map[string]string{"name": "A"})
	o.must(err)
	wantFault(t, o.users.ChangePassword(t.Context(), me(), "wrong", good), "NotAuthorizedException", "Incorrect username or password.")
	o.wantNotices("nothing", "")
}

// TestWhereNoticesGo: to a verified address only, the e-mail before the phone, and not without end.
func TestWhereNoticesGo(t *testing.T) {
	o := newOffice(t, nil)
	o.users.With(Options{Notify: true})
	both := map[string]string{"email": "a@b.test", "email_verified": "true", "phone_number": "+15555550100", "phone_number_verified": "true"}
	for name, c := range map[string]struct {
		unverified []string
		to         string
	}{
		"both": {nil, "a@b.test"}, "phone": {[]string{"email"}, "+15555550100"}, "neither": {[]string{"email", "phone_number"}, ""},
	} {
		attributes := merged(both, nil)
		for _, attr := range c.unverified {
			attributes[attr+verified] = "false"
		}
		u := o.create(name, attributes)
		for range limitNotice.most + 5 {
			o.users.Notify(t.Context(), o.pool, u.Sub, message.PasswordChanged)
		}
		o.users.Wait()
		all, there := len(o.inbox.Messages("")), len(o.inbox.Messages(c.to))
		if want := limitNotice.most; c.to != "" && (all != want || there != want) || c.to == "" && all != 0 {
			t.Errorf("%s: %d notices, %d of them to %s", name, all, there, c.to)
		}
		o.inbox.Empty()
	}
}
