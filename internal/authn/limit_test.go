package authn_test

import (
	"testing"
	"time"

	"cognate/api/idp"
	"cognate/internal/authn"
	"cognate/internal/message"
	"cognate/internal/user"
)

// TestFailuresOfAnAddress fails from one address in each way that a sign-in can, by the public's door and by an
// administrator who tells the address, about names that exist and that do not (checklist 5). Refreshes do not
// count, and time ends it.
func TestFailuresOfAnAddress(t *testing.T) {
	inTime(t, func(h *house) {
		in, err := h.signIn("alice", password)
		h.must(err)
		h.users.With(user.Options{FailuresPerAddress: 5})
		h.client, err = h.pools.CreateClient(h.Context(), &idp.CreateUserPoolClientRequest{UserPoolId: h.pool.ID, ClientName: "all",
			ExplicitAuthFlows: []string{"ALLOW_USER_SRP_AUTH", "ALLOW_USER_PASSWORD_AUTH", "ALLOW_ADMIN_USER_PASSWORD_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"}})
		h.must(err)
		from := func(ip, flow string, admin bool, parameters map[string]string) error {
			_, err := h.machine.Start(h.Context(), &authn.Attempt{Pool: h.pool, Client: h.client, Admin: admin, Flow: flow, Parameters: parameters, IP: ip})
			return err
		}
		guess := func(name string) map[string]string { return map[string]string{"USERNAME": name, "PASSWORD": "wrong"} }
		right := map[string]string{"USERNAME": "alice", "PASSWORD": password}
		const here, there = "2001:db8::1", "2001:db8:0:1::1"
		ways := []func() error{
			func() error { return from(here, "USER_PASSWORD_AUTH", false, guess("alice")) },
			func() error { return from(here, "USER_PASSWORD_AUTH", false, guess("nobody")) },
			func() error { return from(here, "ADMIN_USER_PASSWORD_AUTH", true, guess("alice")) },
			func() error {
				answer := h.exchange()
				answer["PASSWORD_CLAIM_SIGNATURE"] = "AAAA"
				_, err := h.machine.Respond(h.Context(), &authn.Attempt{Pool: h.pool, Client: h.client, Challenge: "PASSWORD_VERIFIER", Parameters: answer, IP: here})
				return err
			},
			func() error {
				_, err := h.machine.Respond(h.Context(), &authn.Attempt{Pool: h.pool, Client: h.client, Challenge: "SMS_MFA", Session: "no session", IP: here})
				return err
			},
		}
		for range 20 {
			if err := from(here, "REFRESH_TOKEN_AUTH", false, map[string]string{"REFRESH_TOKEN": in.Tokens.Refresh}); err == nil {
				h.Fatal("another client refreshes")
			}
		}
		for i, fail := range ways {
			if err := fail(); err == nil {
				h.Errorf("way %d: no failure", i)
			}
		}
		const code, text = "TooManyRequestsException", "Too many requests"
		for _, again := range ways {
			h.wants(again(), code, text)
		}
		h.wants(from("2001:db8::ffff", "USER_PASSWORD_AUTH", false, right), code, text)
		h.must(from(there, "USER_PASSWORD_AUTH", false, right))
		h.must(from("", "ADMIN_USER_PASSWORD_AUTH", true, right))
		time.Sleep(3*time.Minute + time.Second) // a fifth of the time
		h.must(from(here, "USER_PASSWORD_AUTH", false, right))
		h.wants(from(here, "USER_PASSWORD_AUTH", false, guess("alice")), "NotAuthorizedException", "Incorrect username or password.")
		h.wants(from(here, "USER_PASSWORD_AUTH", false, right), code, text)
	})
}

// TestNoticeOfTheFirstPassword replaces a temporary password during a sign-in (checklist 19).
func TestNoticeOfTheFirstPassword(t *testing.T) {
	inTime(t, func(h *house) {
		h.users.With(user.Options{Notify: true})
		_, err := h.users.AdminCreate(h.Context(), h.pool, &idp.AdminCreateUserRequest{Username: "bob", TemporaryPassword: password, MessageAction: "SUPPRESS",
			UserAttributes: []*idp.AttributeType{{Name: "email", Value: "bob@b.test"}, {Name: "email_verified", Value: "true"}}})
		h.must(err)
		step, err := h.signIn("bob", password)
		h.must(err)
		answer := map[string]string{"USERNAME": "bob", "NEW_PASSWORD": "weak"}
		_, err = h.respond("NEW_PASSWORD_REQUIRED", step.Session, answer)
		h.wants(err, "InvalidPasswordException", "Password does not conform to policy: Password not long enough")
		h.users.Wait()
		if n := len(h.inbox.Messages("bob@b.test")); n != 0 {
			h.Errorf("%d notices of a refused password", n)
		}
		answer["NEW_PASSWORD"] = "N3wPassw0rd!"
		_, err = h.respond("NEW_PASSWORD_REQUIRED", step.Session, answer)
		h.must(err)
		h.users.Wait()
		if sent := h.inbox.Messages("bob@b.test"); len(sent) != 1 || sent[0].Purpose != message.PasswordChanged {
			h.Errorf("%v", sent)
		}
	})
}
