package authn_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"

	"cognate/api/idp"
	"cognate/internal/authn"
	"cognate/internal/user"
)

const sms = "arn:aws:iam::123456789012:role/sms"

// withMFA turns second factors of the pool on: all three, or those that are named.
func (h *house) withMFA(mode string, factors ...string) {
	h.Helper()
	in := &idp.SetUserPoolMfaConfigRequest{UserPoolId: h.pool.ID, MfaConfiguration: mode}
	has := func(factor string) bool { return len(factors) == 0 || slices.Contains(factors, factor) }
	if has(user.FactorTOTP) {
		in.SoftwareTokenMfaConfiguration = &idp.SoftwareTokenMfaConfigType{Enabled: new(true)}
	}
	if has(user.FactorEmail) {
		in.EmailMfaConfiguration = &idp.EmailMfaConfigType{}
	}
	if has(user.FactorSMS) {
		in.SmsMfaConfiguration = &idp.SmsMfaConfigType{SmsConfiguration: &idp.SmsConfigurationType{SnsCallerArn: sms}}
	}
	_, err := h.pools.SetMFA(h.Context(), in)
	h.must(err)
	h.reload()
}

// withChoice makes a pool whose users can sign in by codes, and a client that lets them choose.
func (h *house) withChoice(hide string, minutes int64) {
	h.Helper()
	var err error
	h.pool, err = h.pools.CreateAs(h.Context(), "us-east-1_Choice", &idp.CreateUserPoolRequest{
		PoolName: "p", AutoVerifiedAttributes: []string{"email"},
		Policies: &idp.UserPoolPolicyType{SignInPolicy: &idp.SignInPolicyType{AllowedFirstAuthFactors: []string{"PASSWORD", "EMAIL_OTP", "SMS_OTP"}}},
	})
	h.must(err)
	h.client, err = h.pools.CreateClient(h.Context(), &idp.CreateUserPoolClientRequest{
		UserPoolId: h.pool.ID, ClientName: "c", PreventUserExistenceErrors: hide, AuthSessionValidity: &minutes,
		ExplicitAuthFlows: []string{"ALLOW_USER_AUTH", "ALLOW_USER_PASSWORD_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"},
	})
	h.must(err)
}

// seed makes a confirmed user with a password and verified addresses.
func (h *house) seed(name, email, phone string) {
	h.Helper()
	attributes := map[string]string{}
	if email != "" {
		attributes["email"], attributes["email_verified"] = email, "true"
	}
	if phone != "" {
		attributes["phone_number"], attributes["phone_number_verified"] = phone, "true"
	}
	h.must(h.users.Seed(h.Context(), h.pool, name, password, attributes))
}

// prefers turns a factor of a user on.
func (h *house) prefers(name, factor string) {
	h.Helper()
	u, err := h.users.Find(h.Context(), h.pool, name)
	h.must(err)
	h.must(h.users.SetFactors(h.Context(), h.pool, u.Sub, map[string]user.FactorWish{factor: {Enabled: new(true), Preferred: new(true)}}))
}

// enrol gives a user a software token, whose code of now is then used up.
func (h *house) enrol(name string) user.Seed {
	h.Helper()
	u, err := h.users.Find(h.Context(), h.pool, name)
	h.must(err)
	me := user.Self{Pool: h.pool, Client: h.client, User: u}
	seed, err := h.users.AssociateSoftwareToken(h.Context(), me)
	h.must(err)
	h.must(h.users.VerifySoftwareToken(h.Context(), me, h.totp(seed), ""))
	return seed
}

func (h *house) totp(seed user.Seed) string {
	h.Helper()
	code, err := totp.GenerateCode(seed.Text(), time.Now())
	h.must(err)
	return code
}

// asks checks that the results of a call are this challenge.
func (h *house) asks(step *authn.Step, err error) func(challenge string) *authn.Step {
	h.Helper()
	return func(challenge string) *authn.Step {
		h.Helper()
		h.must(err)
		if step.Challenge != challenge || step.Session == "" {
			h.Fatalf("got %s, want %s", step.Challenge, challenge)
		}
		return step
	}
}

func (h *house) grants(step *authn.Step, err error) {
	h.Helper()
	h.must(err)
	if step.Tokens == nil {
		h.Fatalf("got %s, want tokens", step.Challenge)
	}
}

// TestSecondFactorTime: a Session and its code live as long as the client says, from each step on (checklist
// 10 and 15).
func TestSecondFactorTime(t *testing.T) {
	inTime(t, func(h *house) {
		h.withChoice("LEGACY", 5)
		h.withMFA("OPTIONAL")
		h.seed("bob", "bob@example.com", "+15550000001")
		h.prefers("bob", user.FactorEmail)
		step := h.asks(h.signIn("bob", password))("EMAIL_OTP")
		answer := map[string]string{"USERNAME": "bob", "EMAIL_OTP_CODE": h.code("bob@example.com")}
		time.Sleep(5*time.Minute + time.Millisecond)
		_, err := h.respond("EMAIL_OTP", step.Session, answer)
		h.wants(err, "NotAuthorizedException", "Invalid session for the user, session is expired.")

		step = h.asks(h.signIn("bob", password))("EMAIL_OTP")
		answer["EMAIL_OTP_CODE"] = h.code("bob@example.com")
		time.Sleep(5*time.Minute - time.Second)
		h.grants(h.respond("EMAIL_OTP", step.Session, answer))

		h.must(h.users.SetFactors(h.Context(), h.pool, h.sub("bob"), map[string]user.FactorWish{user.FactorSMS: {Enabled: new(true)}, user.FactorEmail: {Preferred: new(false)}}))
		step = h.asks(h.signIn("bob", password))("SELECT_MFA_TYPE")
		time.Sleep(5*time.Minute - time.Second)
		step = h.asks(h.respond("SELECT_MFA_TYPE", step.Session, map[string]string{"USERNAME": "bob", "ANSWER": "SMS_MFA"}))("SMS_MFA")
		time.Sleep(5*time.Minute - time.Second)
		h.grants(h.respond("SMS_MFA", step.Session, map[string]string{"USERNAME": "bob", "SMS_MFA_CODE": h.code("+15550000001")}))
	})
}

// TestSecondFactorAfterNewPassword: the Session of the second factor holds on to the password that has just been
// chosen, whatever the clock's fraction of a millisecond, and dies with it (checklist 10).
func TestSecondFactorAfterNewPassword(t *testing.T) {
	inTime(t, func(h *house) {
		h.withMFA("ON", user.FactorTOTP)
		time.Sleep(123456789 * time.Nanosecond)
		h.invite("bob")
		seed := h.enrol("bob")
		step := h.asks(h.signIn("bob", password))("NEW_PASSWORD_REQUIRED")
		step = h.asks(h.respond("NEW_PASSWORD_REQUIRED", step.Session, map[string]string{"USERNAME": "bob", "NEW_PASSWORD": "N3wPassw0rd!"}))("SOFTWARE_TOKEN_MFA")
		time.Sleep(30 * time.Second)
		h.grants(h.respond("SOFTWARE_TOKEN_MFA", step.Session, map[string]string{"USERNAME": "bob", "SOFTWARE_TOKEN_MFA_CODE": h.totp(seed)}))
		step = h.asks(h.signIn("bob", "N3wPassw0rd!"))("SOFTWARE_TOKEN_MFA")
		time.Sleep(30 * time.Second)
		h.must(h.users.AdminSetPassword(h.Context(), h.pool, &idp.AdminSetUserPasswordRequest{Username: "bob", Password: "Other" + password, Permanent: new(true)}))
		_, err := h.respond("SOFTWARE_TOKEN_MFA", step.Session, map[string]string{"USERNAME": "bob", "SOFTWARE_TOKEN_MFA_CODE": h.totp(seed)})
		h.wants(err, "NotAuthorizedException", "Invalid session for the user.")
	})
}

// TestSetupTime: a Session in which a token was set up ends when its time is over, and the token stays (checklist
// 10).
func TestSetupTime(t *testing.T) {
	inTime(t, func(h *house) {
		h.withMFA("ON", user.FactorTOTP)
		step := h.asks(h.signIn("alice", password))("MFA_SETUP")
		a := &authn.Attempt{Pool: h.pool, Client: h.client, Session: step.Session}
		time.Sleep(3*time.Minute + time.Millisecond)
		_, _, err := h.machine.AssociateSoftwareToken(h.Context(), a)
		h.wants(err, "NotAuthorizedException", "Invalid session for the user, session is expired.")
		a.Session = h.asks(h.signIn("alice", password))("MFA_SETUP").Session
		seed, begun, err := h.machine.AssociateSoftwareToken(h.Context(), a)
		h.must(err)
		a.Session = begun
		ready, err := h.machine.VerifySoftwareToken(h.Context(), a, h.totp(seed), "")
		h.must(err)
		time.Sleep(3*time.Minute + time.Millisecond)
		_, err = h.respond("MFA_SETUP", ready, map[string]string{"USERNAME": "alice"})
		h.wants(err, "NotAuthorizedException", "Invalid session for the user, session is expired.")
		step = h.asks(h.signIn("alice", password))("SOFTWARE_TOKEN_MFA")
		h.grants(h.respond("SOFTWARE_TOKEN_MFA", step.Session, map[string]string{"USERNAME": "alice", "SOFTWARE_TOKEN_MFA_CODE": h.totp(seed)}))
	})
}

// TestSetupIsNotProlonged begins to set up a token again and again: the Session ends when the first one does
// (checklist 10).
func TestSetupIsNotProlonged(t *testing.T) {
	inTime(t, func(h *house) {
		h.withMFA("ON", user.FactorTOTP)
		a := &authn.Attempt{Pool: h.pool, Client: h.client, Session: h.asks(h.signIn("alice", password))("MFA_SETUP").Session}
		for range 3 {
			time.Sleep(55 * time.Second)
			_, begun, err := h.machine.AssociateSoftwareToken(h.Context(), a)
			h.must(err)
			a.Session = begun
		}
		time.Sleep(15*time.Second + time.Millisecond)
		_, _, err := h.machine.AssociateSoftwareToken(h.Context(), a)
		h.wants(err, "NotAuthorizedException", "Invalid session for the user, session is expired.")
	})
}

// TestSignUpSessions: the Sessions of signing up end with their time.
func TestSignUpSessions(t *testing.T) {
	inTime(t, func(h *house) {
		h.withChoice("LEGACY", 3)
		up := func(name string) (session string) {
			out, err := h.users.SignUp(h.Context(), h.pool, h.client, &idp.SignUpRequest{Username: name, Password: password, UserAttributes: []*idp.AttributeType{{Name: "email", Value: name + "@example.com"}}})
			h.must(err)
			session, err = h.machine.SignUpSession(h.Context(), &authn.Attempt{Pool: h.pool, Client: h.client}, out.UserSub)
			h.must(err)
			return session
		}
		confirm := func(name, session string) (string, error) {
			a := &authn.Attempt{Pool: h.pool, Client: h.client, Session: session, Parameters: map[string]string{"USERNAME": name}}
			return h.machine.Confirm(h.Context(), a, func() (string, error) {
				return h.users.ConfirmSignUp(h.Context(), h.pool, h.client, &idp.ConfirmSignUpRequest{Username: name, ConfirmationCode: h.code(name + "@example.com")})
			})
		}
		session := up("bob")
		time.Sleep(3*time.Minute + time.Millisecond)
		_, err := confirm("bob", session)
		h.wants(err, "NotAuthorizedException", "Invalid session for the user, session is expired.")
		session, err = confirm("bob", "") // the code is still good
		h.must(err)
		time.Sleep(3*time.Minute + time.Millisecond)
		_, err = h.begin("bob", session)
		h.wants(err, "NotAuthorizedException", "Invalid session for the user, session is expired.")

		session = up("carol")
		_, err = confirm("carol", up("eve"))
		h.wants(err, "NotAuthorizedException", "Invalid session for the user.")
		session, err = confirm("carol", session)
		h.must(err)
		time.Sleep(3*time.Minute - time.Second)
		h.grants(h.begin("carol", session))
		_, err = h.begin("carol", session)
		h.wants(err, "NotAuthorizedException", "Invalid session for the user, session can only be used once.")
	})
}

// begin is a USER_AUTH sign-in, with the Session of a sign-up unless it is empty.
func (h *house) begin(name, session string) (*authn.Step, error) {
	return h.machine.Start(h.Context(), &authn.Attempt{Pool: h.pool, Client: h.client, Flow: "USER_AUTH", Session: session, Parameters: map[string]string{"USERNAME": name}})
}

// TestSignUpSessionNeedsTheSecondFactor: the code of the sign-up is one factor, whichever the second is
// (checklist 10).
func TestSignUpSessionNeedsTheSecondFactor(t *testing.T) {
	for _, factor := range []string{user.FactorTOTP, user.FactorEmail} {
		inTime(t, func(h *house) {
			h.client, _ = h.pools.CreateClient(h.Context(), &idp.CreateUserPoolClientRequest{UserPoolId: h.pool.ID, ClientName: "u", ExplicitAuthFlows: []string{"ALLOW_USER_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"}})
			h.withMFA("ON", factor)
			_, err := h.users.SignUp(h.Context(), h.pool, h.client, &idp.SignUpRequest{Username: "bob", Password: password, UserAttributes: []*idp.AttributeType{{Name: "email", Value: "bob@example.com"}}})
			h.must(err)
			a := &authn.Attempt{Pool: h.pool, Client: h.client, Parameters: map[string]string{"USERNAME": "bob"}}
			session, err := h.machine.Confirm(h.Context(), a, func() (string, error) {
				return h.users.ConfirmSignUp(h.Context(), h.pool, h.client, &idp.ConfirmSignUpRequest{Username: "bob", ConfirmationCode: h.code("bob@example.com")})
			})
			h.must(err)
			if factor == user.FactorTOTP {
				h.asks(h.begin("bob", session))("MFA_SETUP")
				return
			}
			step := h.asks(h.begin("bob", session))("EMAIL_OTP")
			h.grants(h.respond("EMAIL_OTP", step.Session, map[string]string{"USERNAME": "bob", "EMAIL_OTP_CODE": h.code("bob@example.com")}))
		})
	}
}

// TestSessionsLookAlike begins a choice for names that nobody has and for one that somebody has: neither the
// length of a Session nor what it comes with tells them apart, and every Session fits into 2,048 characters
// (checklist 9).
func TestSessionsLookAlike(t *testing.T) {
	inTime(t, func(h *house) {
		h.withChoice("ENABLED", 3)
		h.seed("alice", "alice@example.com", "")
		for _, preferred := range []string{"", "EMAIL_OTP", "PASSWORD", "PASSWORD_SRP", "SMS_OTP", "WEB_AUTHN", "nonsense"} {
			ask := func(name string) *authn.Step {
				step, err := h.start("USER_AUTH", map[string]string{"USERNAME": name, "PREFERRED_CHALLENGE": preferred})
				h.must(err)
				return step
			}
			real := ask("alice")
			for _, name := range []string{"nobody", "some.body@example.com", strings.Repeat("n", 50<<10)} {
				fake, again := ask(name), ask(name)
				if fake.Challenge != real.Challenge || !slices.Equal(fake.Available, real.Available) || len(fake.Session) != len(real.Session) || len(fake.Session) > 2048 {
					h.Errorf("%.20s, %s: %s of %v, a Session of %d; for who exists %s of %v, %d", name, preferred,
						fake.Challenge, fake.Available, len(fake.Session), real.Challenge, real.Available, len(real.Session))
				}
				if !slices.Equal(slices.Sorted(maps.Keys(fake.Parameters)), slices.Sorted(maps.Keys(real.Parameters))) || !maps.Equal(fake.Parameters, again.Parameters) {
					h.Errorf("%.20s, %s: %v, then %v", name, preferred, fake.Parameters, again.Parameters)
				}
			}
		}
	})
}

// TestDisabledIsHidden: that a user is disabled is told to those only who have proven something (checklist 9).
func TestDisabledIsHidden(t *testing.T) {
	inTime(t, func(h *house) {
		h.withChoice("ENABLED", 3)
		h.seed("off", "off@example.com", "")
		h.must(h.users.AdminDisable(h.Context(), h.pool, "off"))
		for _, name := range []string{"off", "nobody"} {
			step, err := h.start("USER_AUTH", map[string]string{"USERNAME": name, "PREFERRED_CHALLENGE": "EMAIL_OTP"})
			step = h.asks(step, err)("EMAIL_OTP")
			_, err = h.respond("EMAIL_OTP", step.Session, map[string]string{"USERNAME": name, "EMAIL_OTP_CODE": "00000000"})
			h.wants(err, "CodeMismatchException", "Invalid code or auth state for the user.")
			step = h.asks(h.begin(name, ""))("SELECT_CHALLENGE")
			_, err = h.respond("SELECT_CHALLENGE", step.Session, map[string]string{"USERNAME": name, "ANSWER": "PASSWORD", "PASSWORD": "wrong"})
			h.wants(err, "NotAuthorizedException", "Incorrect username or password.")
		}
		step, err := h.start("USER_AUTH", map[string]string{"USERNAME": "off", "PREFERRED_CHALLENGE": "EMAIL_OTP"})
		h.must(err)
		h.users.Wait()
		_, err = h.respond("EMAIL_OTP", step.Session, map[string]string{"USERNAME": "off", "EMAIL_OTP_CODE": h.code("off@example.com")})
		h.wants(err, "NotAuthorizedException", "User is disabled.")
	})
}

// TestCodeLimit: twenty sign-in codes in an hour, for names that nobody has as well (checklist 15 and 23).
func TestCodeLimit(t *testing.T) {
	for _, name := range []string{"alice", "nobody"} {
		inTime(t, func(h *house) {
			h.withChoice("ENABLED", 3)
			h.seed("alice", "alice@example.com", "")
			ask := func() error {
				_, err := h.start("USER_AUTH", map[string]string{"USERNAME": name, "PREFERRED_CHALLENGE": "EMAIL_OTP"})
				return err
			}
			for range 20 {
				h.must(ask())
			}
			h.wants(ask(), "TooManyRequestsException", "Too many requests")
			time.Sleep(time.Hour)
			h.must(ask())
		})
	}
}

// TestDeviceKeyInASession: what is no device key does not make a Session longer than the model allows.
func TestDeviceKeyInASession(t *testing.T) {
	inTime(t, func(h *house) {
		h.withChoice("LEGACY", 3)
		h.track(false, false)
		h.must(h.pools.Update(h.Context(), &idp.UpdateUserPoolRequest{UserPoolId: h.pool.ID, DeviceConfiguration: h.pool.Settings.DeviceConfiguration,
			Policies: &idp.UserPoolPolicyType{SignInPolicy: &idp.SignInPolicyType{AllowedFirstAuthFactors: []string{"PASSWORD", "EMAIL_OTP"}}}}))
		h.reload()
		h.seed("alice", "alice@example.com", "")
		step, err := h.start("USER_AUTH", map[string]string{"USERNAME": "alice", "DEVICE_KEY": strings.Repeat("us-east-1_", 5000)})
		if h.must(err); len(step.Session) > 2048 {
			h.Errorf("a Session of %d characters", len(step.Session))
		}
	})
}

// TestSecondFactorsNotAvailable: a user who must have a second factor, has none and can set up none is refused.
func TestSecondFactorsNotAvailable(t *testing.T) {
	inTime(t, func(h *house) {
		h.withMFA("ON", user.FactorSMS)
		_, err := h.signIn("alice", password)
		h.wants(err, "InvalidParameterException", "MFA method not found")
	})
}

// TestLockoutOfCodes: wrong codes and wrong passwords count together, a right password in between forgives
// none, and the whole sign-in all (checklist 5).
func TestLockoutOfCodes(t *testing.T) {
	inTime(t, func(h *house) {
		h.withMFA("OPTIONAL", user.FactorTOTP)
		seed := h.enrol("alice")
		h.prefers("alice", user.FactorTOTP)
		time.Sleep(time.Minute)
		step := h.asks(h.signIn("alice", password))("SOFTWARE_TOKEN_MFA")
		answer := func(code string) (*authn.Step, error) {
			return h.respond("SOFTWARE_TOKEN_MFA", step.Session, map[string]string{"USERNAME": "alice", "SOFTWARE_TOKEN_MFA_CODE": code})
		}
		guess := func() error { _, err := answer("x" + h.totp(seed)[1:]); return err }
		for range 2 {
			h.wants(guess(), "CodeMismatchException", "Invalid code received for user")
			_, err := h.signIn("alice", "wrong")
			h.wants(err, "NotAuthorizedException", "Incorrect username or password.")
			h.asks(h.signIn("alice", password))("SOFTWARE_TOKEN_MFA")
		}
		h.wants(guess(), "CodeMismatchException", "Invalid code received for user") // the fifth
		_, err := answer(h.totp(seed))
		h.wants(err, "NotAuthorizedException", "Password attempts exceeded")
		_, err = h.signIn("alice", password)
		h.wants(err, "NotAuthorizedException", "Password attempts exceeded")
		time.Sleep(time.Second)
		h.grants(answer(h.totp(seed))) // the Session is still good
		for i := range 5 {
			_, err := h.signIn("alice", fmt.Sprint("wrong", i))
			h.wants(err, "NotAuthorizedException", "Incorrect username or password.")
		}
	})
}
