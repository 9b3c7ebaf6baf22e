package authn_test

import (
	"reflect"
	"slices"
	"testing"
	"time"

	"cognate/api/idp"
	"cognate/internal/authn"
	"cognate/internal/srp"
	"cognate/internal/store"
	"cognate/internal/trigger"
)

// srpStart begins with a password, and returns the challenge and how it is answered.
func (h *house) srpStart(name, word string) (*authn.Step, map[string]string) {
	h.Helper()
	c, err := srp.NewClient()
	h.must(err)
	step := h.asks(h.start("CUSTOM_AUTH", map[string]string{"USERNAME": name, "CHALLENGE_NAME": "SRP_A", "SRP_A": c.A()}))("PASSWORD_VERIFIER")
	p := step.Parameters
	at := srp.Timestamp(time.Now())
	signature, err := c.Sign(srp.PoolName(h.pool.ID), p["USER_ID_FOR_SRP"], word, srp.Challenge{Salt: p["SALT"], B: p["SRP_B"], SecretBlock: p["SECRET_BLOCK"]}, at)
	h.must(err)
	return step, map[string]string{"USERNAME": p["USER_ID_FOR_SRP"], "PASSWORD_CLAIM_SECRET_BLOCK": p["SECRET_BLOCK"], "PASSWORD_CLAIM_SIGNATURE": signature, "TIMESTAMP": at}
}

// TestCustomWithSRP proves the password first. Alone it lets nobody in, in whatever way its proof is presented.
func TestCustomWithSRP(t *testing.T) {
	onEngines(t, func(h *house) {
		q := h.quizzes("LEGACY")
		step, answer := h.srpStart("alice", password)
		if _, events := q.called(); !reflect.DeepEqual(events[1].Request.Session, []trigger.ChallengeResult{{Name: "SRP_A", Result: true}}) {
			t.Errorf("begins with %+v", events[1].Request.Session)
		}
		other, _ := h.srpStart("alice", password)
		quizzed := h.asks(h.startCustom("alice"))("CUSTOM_CHALLENGE")
		q.called()
		for _, session := range []string{"", other.Session, quizzed.Session, step.Session + "x"} {
			h.refuses(h.respond("PASSWORD_VERIFIER", session, answer))("NotAuthorizedException", "Invalid session for the user.")
		}
		_, wrong := h.srpStart("alice", "Wr0ng-Horse!")
		q.called()
		h.refuses(h.respond("PASSWORD_VERIFIER", step.Session, wrong))("NotAuthorizedException", "Invalid session for the user.") // of another sign-in
		if names, _ := q.called(); len(names) > 0 {
			t.Errorf("called %v", names)
		}
		asked := h.asks(h.respond("PASSWORD_VERIFIER", step.Session, answer))("CUSTOM_CHALLENGE")
		want := []trigger.ChallengeResult{{Name: "SRP_A", Result: true}, {Name: "PASSWORD_VERIFIER", Result: true}}
		if names, events := q.called(); !slices.Equal(names, []string{"DefineAuthChallenge", "CreateAuthChallenge"}) || !reflect.DeepEqual(events[1].Request.Session, want) {
			t.Errorf("called %v: %+v", names, events)
		}
		next := h.asks(h.guess("alice", asked.Session, "no"))("CUSTOM_CHALLENGE")
		h.refuses(h.respond("PASSWORD_VERIFIER", step.Session, answer))("NotAuthorizedException", usedSession) // for another guess
		h.grants(h.guess("alice", next.Session, "42"))

		step, wrong = h.srpStart("alice", "Wr0ng-Horse!")
		q.called()
		h.refuses(h.respond("PASSWORD_VERIFIER", step.Session, wrong))("NotAuthorizedException", wrongPassword)
		if names, _ := q.called(); len(names) > 0 {
			t.Errorf("a wrong password called %v", names)
		}

		q.define = func(e customEvent) any {
			if len(e.Request.Session) == 1 {
				return map[string]any{"challengeName": "SRP_A"} // the other name of the challenge
			}
			return map[string]any{"challengeName": "PASSWORD_VERIFIER"}
		}
		step, answer = h.srpStart("alice", password)
		h.refuses(h.respond("PASSWORD_VERIFIER", step.Session, answer))("InvalidParameterException", "Missing required parameter SRP_A")
	})
}

// TestCustomPasswordAfterChallenge asks for the password after another challenge.
func TestCustomPasswordAfterChallenge(t *testing.T) {
	onEngines(t, func(h *house) {
		q := h.quizzes("LEGACY")
		q.define = func(e customEvent) any {
			switch len(e.Request.Session) {
			case 1:
				return map[string]any{"challengeName": "CUSTOM_CHALLENGE"}
			case 2:
				return map[string]any{"challengeName": "PASSWORD_VERIFIER"}
			}
			return map[string]any{"issueTokens": true}
		}
		c, err := srp.NewClient()
		h.must(err)
		step := h.asks(h.start("CUSTOM_AUTH", map[string]string{"USERNAME": "alice", "CHALLENGE_NAME": "SRP_A", "SRP_A": c.A()}))("CUSTOM_CHALLENGE")
		step = h.asks(h.guess("alice", step.Session, "42"))("PASSWORD_VERIFIER")
		p, at := step.Parameters, srp.Timestamp(time.Now())
		signature, err := c.Sign(srp.PoolName(h.pool.ID), "alice", password, srp.Challenge{Salt: p["SALT"], B: p["SRP_B"], SecretBlock: p["SECRET_BLOCK"]}, at)
		h.must(err)
		h.grants(h.respond("PASSWORD_VERIFIER", step.Session, map[string]string{"USERNAME": "alice", "PASSWORD_CLAIM_SECRET_BLOCK": p["SECRET_BLOCK"], "PASSWORD_CLAIM_SIGNATURE": signature, "TIMESTAMP": at}))
	})
}

// asksReplacement is a quiz's function that asks for a new password once something is proven.
func asksReplacement(e customEvent) any {
	s := e.Request.Session
	switch last := len(s) - 1; {
	case last < 0:
		return map[string]any{"challengeName": "CUSTOM_CHALLENGE"}
	case s[last].Name == "SRP_A":
		return map[string]any{"challengeName": "PASSWORD_VERIFIER"}
	case s[last].Name == "NEW_PASSWORD_REQUIRED":
		return map[string]any{"issueTokens": true}
	}
	return map[string]any{"challengeName": "NEW_PASSWORD_REQUIRED"}
}

// TestCustomNewPassword replaces temporary passwords, and those that must be reset, when the function wants it and something is proven.
func TestCustomNewPassword(t *testing.T) {
	onEngines(t, func(h *house) {
		q := h.quizzes("LEGACY")
		q.define = asksReplacement
		h.invite("bob")
		step, answer := h.srpStart("bob", password)
		step = h.asks(h.respond("PASSWORD_VERIFIER", step.Session, answer))("NEW_PASSWORD_REQUIRED")
		if step.Parameters["userAttributes"] == "" || step.Parameters["requiredAttributes"] != "[]" {
			t.Errorf("asked %v", step.Parameters)
		}
		replace := func(name, session, word string) (*authn.Step, error) {
			return h.respond("NEW_PASSWORD_REQUIRED", session, map[string]string{"USERNAME": name, "NEW_PASSWORD": word})
		}
		h.refuses(replace("bob", step.Session, "weak"))("InvalidPasswordException", "Password does not conform to policy: Password not long enough")
		q.called()
		h.grants(replace("bob", step.Session, "N3w-Passw0rd!"))
		names, events := q.called()
		if s := events[0].Request.Session; !slices.Equal(names, []string{"DefineAuthChallenge", "PostAuthentication", "TokenGeneration"}) || len(s) != 3 || s[2].Name != "NEW_PASSWORD_REQUIRED" ||
			!s[2].Result || events[2].Source != trigger.SourceTokensNewPassword {
			t.Errorf("called %v: %+v", names, events)
		}
		h.refuses(replace("bob", step.Session, "An0ther-Passw0rd!"))("NotAuthorizedException", usedSession)
		h.grants(h.signIn("bob", "N3w-Passw0rd!"))

		// A password that must be reset is replaced by who has answered right.
		h.must(h.users.AdminResetPassword(h.Context(), h.pool, "alice", nil))
		step = h.asks(h.startCustom("alice"))("CUSTOM_CHALLENGE")
		h.refuses(h.guess("alice", step.Session, "no"))("InvalidLambdaResponseException", badOutput)
		step = h.asks(h.guess("alice", h.asks(h.startCustom("alice"))("CUSTOM_CHALLENGE").Session, "42"))("NEW_PASSWORD_REQUIRED")
		h.grants(replace("alice", step.Session, "N3w-Passw0rd!"))
		h.grants(h.signIn("alice", "N3w-Passw0rd!"))

		// Nobody else's is.
		step = h.asks(h.startCustom("alice"))("CUSTOM_CHALLENGE")
		h.refuses(h.guess("alice", step.Session, "42"))("InvalidLambdaResponseException", badOutput)
	})
}

// TestCustomTemporaryPassword takes no temporary password that is too old.
func TestCustomTemporaryPassword(t *testing.T) {
	inTime(t, func(h *house) {
		h.quizzes("LEGACY").define = asksReplacement
		h.invite("bob")
		time.Sleep(7*24*time.Hour + time.Second)
		step, answer := h.srpStart("bob", password)
		h.refuses(h.respond("PASSWORD_VERIFIER", step.Session, answer))("NotAuthorizedException", "Temporary password has expired and must be reset by an administrator.")
	})
}

// TestCustomUserStates lets in who is confirmed, or has a temporary password, and nobody else (checklist 13).
func TestCustomUserStates(t *testing.T) {
	onEngines(t, func(h *house) {
		for _, hide := range []string{"LEGACY", "ENABLED"} {
			q := h.quizzes(hide)
			_, err := h.users.SignUp(h.Context(), h.pool, h.client, &idp.SignUpRequest{Username: "carol", Password: password, UserAttributes: []*idp.AttributeType{{Name: "email", Value: "carol@example.com"}}})
			h.must(err)
			h.refuses(h.startCustom("carol"))("UserNotConfirmedException", "User is not confirmed.")

			external := store.User{PoolID: h.pool.ID, Sub: "6f1c2d3e-4b5a-4c7d-8e9f-0a1b2c3d4e5f", Username: "guild_1", UsernameKey: "guild_1", Status: idp.UserStatusTypeExternalProvider, Enabled: true,
				Attributes: map[string]string{"email": "mary@example.com"}}
			h.must(h.db.Update(h.Context(), func(tx *store.Tx) error { return tx.CreateUser(external) }))
			if hide == "LEGACY" {
				h.refuses(h.startCustom("guild_1"))("NotAuthorizedException", wrongPassword)
			} else {
				q.called()
				step := h.asks(h.startCustom("guild_1"))("CUSTOM_CHALLENGE")
				if _, events := q.called(); !events[2].Request.NotFound || len(events[2].Request.Attributes) > 0 {
					t.Errorf("an identity provider's user: %+v", events)
				}
				h.refuses(h.guess("guild_1", step.Session, "42"))("NotAuthorizedException", wrongPassword)
			}

			h.invite("bob") // for whom the function wants no new password
			h.grants(h.guess("bob", h.asks(h.startCustom("bob"))("CUSTOM_CHALLENGE").Session, "42"))

			reset := h.asks(h.startCustom("alice"))("CUSTOM_CHALLENGE")
			h.must(h.users.AdminResetPassword(h.Context(), h.pool, "alice", nil))
			h.refuses(h.guess("alice", reset.Session, "42"))("PasswordResetRequiredException", "Password reset required for the user")

			h.seed("dora", "dora@example.com", "")
			open := h.asks(h.startCustom("dora"))("CUSTOM_CHALLENGE")
			with, answer := h.srpStart("dora", password)
			h.must(h.users.AdminDisable(h.Context(), h.pool, "dora"))
			h.refuses(h.respond("PASSWORD_VERIFIER", with.Session, answer))("NotAuthorizedException", "User is disabled.")
			h.refuses(h.guess("dora", open.Session, "42"))("NotAuthorizedException", "User is disabled.")
			q.called()
			if hide == "LEGACY" {
				h.refuses(h.startCustom("dora"))("NotAuthorizedException", "User is disabled.")
				if names, _ := q.called(); !slices.Equal(names, []string{"PreAuthentication"}) {
					t.Errorf("called %v", names)
				}
				continue
			}
			open = h.asks(h.startCustom("dora"))("CUSTOM_CHALLENGE")
			open = h.asks(h.guess("dora", open.Session, "no"))("CUSTOM_CHALLENGE")
			h.refuses(h.guess("dora", open.Session, "42"))("NotAuthorizedException", "User is disabled.")
		}
	})
}

// TestCustomForNobody goes through the functions for a name that nobody has, where the client hides that: with the same challenges, as much
// patience, and no way in.
func TestCustomForNobody(t *testing.T) {
	inTime(t, func(h *house) {
		q := h.quizzes("ENABLED")
		real := h.asks(h.startCustom("alice"))("CUSTOM_CHALLENGE")
		q.called()
		step := h.asks(h.startCustom("nobod"))("CUSTOM_CHALLENGE")
		names, events := q.called()
		if !slices.Equal(names, []string{"PreAuthentication", "DefineAuthChallenge", "CreateAuthChallenge"}) {
			t.Errorf("called %v", names)
		}
		for _, e := range events {
			if !e.Request.NotFound || e.Name != "nobod" || len(e.Request.Attributes) > 0 {
				t.Errorf("told %+v", e)
			}
		}
		if len(step.Session) != len(real.Session) || len(step.Parameters) != len(real.Parameters) || step.Parameters["USERNAME"] != "nobod" {
			t.Errorf("asked %v with %d, for who exists %v with %d", step.Parameters, len(step.Session), real.Parameters, len(real.Session))
		}
		h.refuses(h.guess("alice", step.Session, "42"))("NotAuthorizedException", "Invalid session for the user.")
		step = h.asks(h.guess("nobod", step.Session, "no"))("CUSTOM_CHALLENGE")
		if _, events := q.called(); !events[0].Request.NotFound || events[0].Request.Private["answer"] != "42" {
			t.Errorf("told %+v", events)
		}
		h.refuses(h.guess("nobod", step.Session, "42"))("NotAuthorizedException", wrongPassword) // though the function says issueTokens

		first := h.asks(h.startCustom("nobod"))("CUSTOM_CHALLENGE")
		with, answer := h.srpStart("nobod", password)
		h.refuses(h.respond("PASSWORD_VERIFIER", with.Session, answer))("NotAuthorizedException", wrongPassword)
		for range 3 {
			h.asks(h.guess("nobod", h.asks(h.startCustom("nobod"))("CUSTOM_CHALLENGE").Session, "no"))("CUSTOM_CHALLENGE")
		}
		h.refuses(h.guess("nobod", first.Session, "42"))("NotAuthorizedException", "Password attempts exceeded")

		q.define = func(customEvent) any { return map[string]any{"issueTokens": true} }
		h.refuses(h.startCustom("nobody"))("NotAuthorizedException", wrongPassword)
		h.grants(h.startCustom("alice"))
		q.define = func(customEvent) any { return map[string]any{"challengeName": "NEW_PASSWORD_REQUIRED"} }
		h.refuses(h.startCustom("nobody"))("NotAuthorizedException", wrongPassword)
		q.called()
	})
}

// TestCustomDevice asks a remembered device for its proof once the functions want tokens, and gives a new one a key.
func TestCustomDevice(t *testing.T) {
	onEngines(t, func(h *house) {
		h.quizzes("LEGACY")
		h.must(h.pools.Update(h.Context(), &idp.UpdateUserPoolRequest{
			UserPoolId: h.pool.ID, AutoVerifiedAttributes: []string{"email"}, LambdaConfig: h.pool.Settings.LambdaConfig,
			DeviceConfiguration: &idp.DeviceConfigurationType{ChallengeRequiredOnNewDevice: new(true), DeviceOnlyRememberedOnUserPrompt: new(false)},
		}))
		h.reload()
		d := h.remembered("alice")
		on := func(key string) *authn.Step {
			h.Helper()
			step := h.asks(h.start("CUSTOM_AUTH", map[string]string{"USERNAME": "alice", "DEVICE_KEY": key}))("CUSTOM_CHALLENGE")
			return h.asks(h.guess("alice", step.Session, "no"))("CUSTOM_CHALLENGE")
		}
		asked := h.asks(h.guess("alice", on(d.Key).Session, "42"))("DEVICE_SRP_AUTH")
		h.refuses(h.respond("CUSTOM_CHALLENGE", asked.Session, map[string]string{"USERNAME": "alice", "ANSWER": "42"}))("NotAuthorizedException", badSession)
		step, err := h.proveDevice(d, deviceSecret, asked.Session)
		h.grants(step, err)
		if step.Tokens.Device != nil || h.deviceOf(step.Tokens.Access) != d.Key {
			t.Errorf("on %v, bound to %s", step.Tokens.Device, h.deviceOf(step.Tokens.Access))
		}
		step, err = h.guess("alice", on("us-east-1_unknown").Session, "42")
		h.grants(step, err)
		if step.Tokens.Device == nil {
			t.Error("a new device gets no key")
		}
	})
}
