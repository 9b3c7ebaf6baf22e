package authn_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"

	"cognate/api/idp"
	"cognate/internal/authn"
	"cognate/internal/fault"
	"cognate/internal/message/inbox"
	"cognate/internal/passkey"
	"cognate/internal/pool"
	"cognate/internal/secret"
	"cognate/internal/secret/secrettest"
	"cognate/internal/srp"
	"cognate/internal/store"
	"cognate/internal/store/storetest/engines"
	"cognate/internal/token"
	"cognate/internal/user"
)

const password = "Passw0rd!"

// house is the core over an empty database, in a bubble whose clock the test moves.
type house struct {
	*testing.T
	pools   *pool.Registry
	pool    *pool.Pool
	client  *pool.Client
	users   *user.Directory
	tokens  *token.Service
	machine *authn.Machine
	inbox   *inbox.Inbox
	db      *store.DB
	keys    *secret.Keyring
}

// inTime runs a test in a synctest bubble: its hours take no time.
func inTime(t *testing.T, test func(*house)) {
	synctest.Test(t, func(t *testing.T) {
		db, keys := engines.Memory(t), secrettest.Keyring(t)
		var err error
		h := &house{T: t, inbox: inbox.New(), db: db, keys: keys}
		h.pools = pool.New(db, keys, pool.Options{AccountID: "000000000000"})
		h.users = user.New(db, keys, h.inbox)
		h.tokens = token.New(db, keys, h.pools, "https://cognate.test")
		h.machine = authn.New(keys, h.users, passkey.New(db, keys, true), h.tokens)
		h.pool, err = h.pools.CreateAs(t.Context(), "us-east-1_Time", &idp.CreateUserPoolRequest{PoolName: "p", AutoVerifiedAttributes: []string{"email"}})
		h.must(err)
		h.client, err = h.pools.CreateClient(t.Context(), &idp.CreateUserPoolClientRequest{UserPoolId: h.pool.ID, ClientName: "c",
			ExplicitAuthFlows: []string{"ALLOW_USER_SRP_AUTH", "ALLOW_USER_PASSWORD_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"}})
		h.must(err)
		h.must(h.users.Seed(t.Context(), h.pool, "alice", password, map[string]string{"email": "alice@example.com", "email_verified": "true"}))
		test(h)
	})
}

func (h *house) must(err error) {
	h.Helper()
	if err != nil {
		h.Fatal(err)
	}
}

// wants checks that err is the fault of this code and text.
func (h *house) wants(err error, code, message string) {
	h.Helper()
	var f *fault.Error
	if !errors.As(err, &f) || f.Code != code || f.Message != message {
		h.Errorf("got %v, want %s: %s", err, code, message)
	}
}

func (h *house) start(flow string, parameters map[string]string) (*authn.Step, error) {
	return h.machine.Start(h.Context(), &authn.Attempt{Pool: h.pool, Client: h.client, Flow: flow, Parameters: parameters})
}

func (h *house) respond(challenge, session string, parameters map[string]string) (*authn.Step, error) {
	return h.machine.Respond(h.Context(), &authn.Attempt{Pool: h.pool, Client: h.client, Challenge: challenge, Session: session, Parameters: parameters})
}

func (h *house) signIn(name, password string) (*authn.Step, error) {
	return h.start("USER_PASSWORD_AUTH", map[string]string{"USERNAME": name, "PASSWORD": password})
}

func TestTokensExpire(t *testing.T) {
	inTime(t, func(h *house) {
		step, err := h.signIn("alice", password)
		h.must(err)
		time.Sleep(time.Hour - time.Second)
		if _, err := h.tokens.Authorize(h.Context(), step.Tokens.Access); err != nil {
			h.Errorf("a second before its end: %v", err)
		}
		time.Sleep(time.Second)
		_, err = h.tokens.Authorize(h.Context(), step.Tokens.Access)
		h.wants(err, "NotAuthorizedException", "Access Token has expired")
		refresh := map[string]string{"REFRESH_TOKEN": step.Tokens.Refresh}
		if _, err := h.start("REFRESH_TOKEN_AUTH", refresh); err != nil {
			h.Error(err)
		}
		time.Sleep(30 * 24 * time.Hour)
		_, err = h.start("REFRESH_TOKEN_AUTH", refresh)
		h.wants(err, "NotAuthorizedException", "Refresh Token has expired")
	})
}

// exchange is an SRP sign-in up to the answer.
func (h *house) exchange() map[string]string {
	c, err := srp.NewClient()
	h.must(err)
	step, err := h.start("USER_SRP_AUTH", map[string]string{"USERNAME": "alice", "SRP_A": c.A()})
	h.must(err)
	p := step.Parameters
	at := srp.Timestamp(time.Now())
	signature, err := c.Sign(srp.PoolName(h.pool.ID), p["USER_ID_FOR_SRP"], password, srp.Challenge{Salt: p["SALT"], B: p["SRP_B"], SecretBlock: p["SECRET_BLOCK"]}, at)
	h.must(err)
	return map[string]string{"USERNAME": "alice", "PASSWORD_CLAIM_SECRET_BLOCK": p["SECRET_BLOCK"], "PASSWORD_CLAIM_SIGNATURE": signature, "TIMESTAMP": at}
}

// TestSecretBlockExpires covers checklist 8: a block lives as long as a session of the client, 3 minutes.
func TestSecretBlockExpires(t *testing.T) {
	inTime(t, func(h *house) {
		answer := h.exchange()
		time.Sleep(3*time.Minute - time.Second)
		if _, err := h.respond("PASSWORD_VERIFIER", "", answer); err != nil {
			h.Errorf("a second before its end: %v", err)
		}
		answer = h.exchange()
		time.Sleep(3*time.Minute + time.Second)
		_, err := h.respond("PASSWORD_VERIFIER", "", answer)
		h.wants(err, "NotAuthorizedException", "Incorrect username or password.")
	})
}

// invite creates a user with a temporary password.
func (h *house) invite(name string) {
	_, err := h.users.AdminCreate(h.Context(), h.pool, &idp.AdminCreateUserRequest{Username: name, TemporaryPassword: password, MessageAction: "SUPPRESS"})
	h.must(err)
}

// TestSessionExpires covers checklist 10.
func TestSessionExpires(t *testing.T) {
	inTime(t, func(h *house) {
		h.invite("bob")
		answer := map[string]string{"USERNAME": "bob", "NEW_PASSWORD": "N3wPassw0rd!"}
		step, err := h.signIn("bob", password)
		h.must(err)
		time.Sleep(3*time.Minute + time.Second)
		_, err = h.respond("NEW_PASSWORD_REQUIRED", step.Session, answer)
		h.wants(err, "NotAuthorizedException", "Invalid session for the user, session is expired.")
		step, err = h.signIn("bob", password)
		h.must(err)
		time.Sleep(3*time.Minute - time.Second)
		if _, err = h.respond("NEW_PASSWORD_REQUIRED", step.Session, answer); err != nil {
			h.Error(err)
		}
	})
}

// TestSessionDiesWithItsPassword replaces the temporary password between the challenge and the answer.
func TestSessionDiesWithItsPassword(t *testing.T) {
	inTime(t, func(h *house) {
		h.invite("bob")
		step, err := h.signIn("bob", password)
		h.must(err)
		time.Sleep(time.Second)
		h.must(h.users.AdminSetPassword(h.Context(), h.pool, &idp.AdminSetUserPasswordRequest{Username: "bob", Password: "Other" + password}))
		_, err = h.respond("NEW_PASSWORD_REQUIRED", step.Session, map[string]string{"USERNAME": "bob", "NEW_PASSWORD": "N3wPassw0rd!"})
		h.wants(err, "NotAuthorizedException", "Invalid session for the user.")
	})
}

// TestTemporaryPasswordExpires covers checklist 12.
func TestTemporaryPasswordExpires(t *testing.T) {
	inTime(t, func(h *house) {
		h.invite("bob")
		time.Sleep(7*24*time.Hour + time.Second)
		_, err := h.signIn("bob", password)
		h.wants(err, "NotAuthorizedException", "Temporary password has expired and must be reset by an administrator.")
		_, err = h.signIn("bob", "wrong")
		h.wants(err, "NotAuthorizedException", "Incorrect username or password.")
	})
}

// TestCodesExpire covers checklist 15: a sign-up code after a day, a reset code after an hour.
func TestCodesExpire(t *testing.T) {
	inTime(t, func(h *house) {
		_, err := h.users.SignUp(h.Context(), h.pool, h.client, &idp.SignUpRequest{Username: "carol", Password: password,
			UserAttributes: []*idp.AttributeType{{Name: "email", Value: "carol@example.com"}}})
		h.must(err)
		time.Sleep(24 * time.Hour)
		_, err = h.users.ConfirmSignUp(h.Context(), h.pool, h.client, &idp.ConfirmSignUpRequest{Username: "carol", ConfirmationCode: h.code("carol@example.com")})
		h.wants(err, "ExpiredCodeException", "Invalid code provided, please request a code again.")
		_, err = h.users.ForgotPassword(h.Context(), h.pool, h.client, &idp.ForgotPasswordRequest{Username: "alice"})
		h.must(err)
		time.Sleep(time.Hour)
		err = h.users.ConfirmForgotPassword(h.Context(), h.pool, h.client, &idp.ConfirmForgotPasswordRequest{Username: "alice", Password: "N3wPassw0rd!", ConfirmationCode: h.code("alice@example.com")})
		h.wants(err, "ExpiredCodeException", "Invalid code provided, please request a code again.")
	})
}

func (h *house) code(to string) string {
	sent := h.inbox.Messages(to)
	if len(sent) == 0 {
		h.Fatalf("nothing was sent to %s", to)
	}
	return string(sent[len(sent)-1].Code)
}

// TestLockEnds covers checklist 6: the fifth failure locks for a second, the sixth for two.
func TestLockEnds(t *testing.T) {
	inTime(t, func(h *house) {
		for range 5 {
			_, err := h.signIn("alice", "wrong")
			h.wants(err, "NotAuthorizedException", "Incorrect username or password.")
		}
		_, err := h.signIn("alice", password)
		h.wants(err, "NotAuthorizedException", "Password attempts exceeded")
		time.Sleep(time.Second)
		_, err = h.signIn("alice", "wrong")
		h.wants(err, "NotAuthorizedException", "Incorrect username or password.")
		time.Sleep(2*time.Second - time.Millisecond)
		_, err = h.signIn("alice", password)
		h.wants(err, "NotAuthorizedException", "Password attempts exceeded")
		time.Sleep(time.Millisecond)
		if _, err = h.signIn("alice", password); err != nil {
			h.Error(err)
		}
	})
}

// TestUnknownNamesLookReal begins SRP for many names that nobody has, and for one that somebody has, in a
// pool where names are addresses (checklist 9).
func TestUnknownNamesLookReal(t *testing.T) {
	inTime(t, func(h *house) {
		var err error
		h.pool, err = h.pools.CreateAs(h.Context(), "us-east-1_Mail", &idp.CreateUserPoolRequest{PoolName: "p", UsernameAttributes: []string{"email"}})
		h.must(err)
		h.client, err = h.pools.CreateClient(h.Context(), &idp.CreateUserPoolClientRequest{UserPoolId: h.pool.ID, ClientName: "c", PreventUserExistenceErrors: "ENABLED"})
		h.must(err)
		h.must(h.users.Seed(h.Context(), h.pool, "alice@example.com", password, nil))
		ask := func(name string) map[string]string {
			step, err := h.start("USER_SRP_AUTH", map[string]string{"USERNAME": name, "SRP_A": "abc"})
			h.must(err)
			return step.Parameters
		}
		real := ask("alice@example.com")
		for i := range 100 {
			name := fmt.Sprintf("nobody%05d@x.example", i)[:len("alice@example.com")]
			fake := ask(name)
			id, err := uuid.Parse(fake["USER_ID_FOR_SRP"])
			if err != nil || id.Version() != 4 || id.Variant() != uuid.RFC4122 || fake["USERNAME"] != fake["USER_ID_FOR_SRP"] {
				h.Fatalf("%s is %s", name, fake["USER_ID_FOR_SRP"])
			}
			if len(fake["SECRET_BLOCK"]) != len(real["SECRET_BLOCK"]) {
				h.Fatalf("%s: a block of %d, for who exists %d", name, len(fake["SECRET_BLOCK"]), len(real["SECRET_BLOCK"]))
			}
			if again := ask(name); again["SALT"] != fake["SALT"] || again["USERNAME"] != fake["USERNAME"] {
				h.Fatalf("%s changes", name)
			}
		}
	})
}

// TestDisabledMeanwhile disables a user between the challenge and the proof's end.
func TestDisabledMeanwhile(t *testing.T) {
	inTime(t, func(h *house) {
		u, err := h.users.Find(h.Context(), h.pool, "alice")
		h.must(err)
		h.must(h.users.AdminDisable(h.Context(), h.pool, "alice"))
		_, err = h.tokens.Issue(h.Context(), token.Grant{Pool: h.pool, Client: h.client, User: u, Scopes: token.ScopeAdmin, Flow: token.NewFlow()}, nil)
		h.wants(err, "NotAuthorizedException", "User is disabled.")
	})
}

// TestRefreshNeedsTheOwnersHash refreshes with the secret hash of another user, and in a state without sessions.
func TestRefreshNeedsTheOwnersHash(t *testing.T) {
	inTime(t, func(h *house) {
		const clientSecret = "0123456789abcdefghijklmnopqrstuvwxyz"
		var err error
		h.client, err = h.pools.CreateClient(h.Context(), &idp.CreateUserPoolClientRequest{UserPoolId: h.pool.ID, ClientName: "s", ClientSecret: clientSecret,
			ExplicitAuthFlows: []string{"ALLOW_USER_PASSWORD_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"}})
		h.must(err)
		hash := func(name string) string { return srp.SecretHash(name, h.client.ID, clientSecret) }
		step, err := h.start("USER_PASSWORD_AUTH", map[string]string{"USERNAME": "alice", "PASSWORD": password, "SECRET_HASH": hash("alice")})
		h.must(err)
		refresh := func(hash string) error {
			_, err := h.start("REFRESH_TOKEN_AUTH", map[string]string{"REFRESH_TOKEN": step.Tokens.Refresh, "USERNAME": "bob", "SECRET_HASH": hash})
			return err
		}
		h.wants(refresh(hash("bob")), "NotAuthorizedException", "Unable to verify secret hash for client "+h.client.ID)
		h.must(refresh(hash("alice")))
		h.must(refresh(hash("alice@example.com")))
		h.must(h.users.AdminResetPassword(h.Context(), h.pool, "alice", nil))
		h.wants(refresh(hash("alice")), "PasswordResetRequiredException", "Password reset required for the user")
	})
}

// TestClientMadeAgain deletes a client and makes another under its id: what was begun with the first is not
// carried on with the second, nor does a sign-in at the first end there.
func TestClientMadeAgain(t *testing.T) {
	inTime(t, func(h *house) {
		request := &idp.CreateUserPoolClientRequest{UserPoolId: h.pool.ID, ClientName: "again",
			ExplicitAuthFlows: []string{"ALLOW_USER_SRP_AUTH", "ALLOW_USER_PASSWORD_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"}}
		var err error
		h.client, err = h.pools.CreateClientAs(h.Context(), "again", request)
		h.must(err)
		h.invite("bob")
		answer := h.exchange()
		invited, err := h.signIn("bob", password)
		h.must(err)
		old := h.client
		time.Sleep(time.Second)
		h.must(h.pools.DeleteClient(h.Context(), h.pool.ID, "again"))
		if _, err := h.signIn("alice", password); err == nil {
			h.Error("a deleted client still gets tokens")
		}
		h.client, err = h.pools.CreateClientAs(h.Context(), "again", request)
		h.must(err)
		_, err = h.respond("PASSWORD_VERIFIER", "", answer)
		h.wants(err, "NotAuthorizedException", "Incorrect username or password.")
		_, err = h.respond("NEW_PASSWORD_REQUIRED", invited.Session, map[string]string{"USERNAME": "bob", "NEW_PASSWORD": "N3wPassw0rd!"})
		h.wants(err, "NotAuthorizedException", "Invalid session for the user.")
		if old.Created.Equal(h.client.Created) {
			h.Error("the test shows nothing: both clients were made at once")
		}
	})
}

// TestNothingPrintsSecrets prints what passes through the machine (checklist 62).
func TestNothingPrintsSecrets(t *testing.T) {
	inTime(t, func(h *house) {
		step, err := h.signIn("alice", password)
		h.must(err)
		a := authn.Attempt{Client: h.client, Flow: "USER_PASSWORD_AUTH", Session: "secret-session", Parameters: map[string]string{"PASSWORD": password}}
		for _, text := range []string{fmt.Sprintf("%v %+v %#v %s", a, a, a, &a), fmt.Sprintf("%v %+v %#v %s", step, *step, *step, step.Tokens), fmt.Sprintf("%+v %#v", *step.Tokens, *step.Tokens)} {
			for _, canary := range []string{password, "secret-session", step.Tokens.Access, step.Tokens.Refresh} {
				if strings.Contains(text, canary) {
					h.Errorf("printed: %s", text)
				}
			}
		}
	})
}
