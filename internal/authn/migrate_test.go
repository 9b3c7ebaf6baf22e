package authn_test

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"

	"cognate/api/idp"
	"cognate/internal/authn"
	"cognate/internal/fault"
	"cognate/internal/trigger"
	"cognate/internal/user"
)

// old is the directory that users come from: it knows alice, and her password.
type old struct {
	mu       sync.Mutex
	response string // for alice
	calls    []string
}

func (o *old) Invoke(_ context.Context, _ string, event []byte) ([]byte, error) {
	var e struct {
		Source  string `json:"triggerSource"`
		Name    string `json:"userName"`
		Request struct {
			Password   string
			Validation map[string]string `json:"validationData"`
		}
	}
	if err := json.Unmarshal(event, &e); err != nil {
		return nil, err
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.calls = append(o.calls, e.Source)
	switch {
	case e.Name != "alice":
		return event, nil
	case e.Source == "UserMigration_Authentication" && e.Request.Password != "Old-Passw0rd":
		return nil, &trigger.Thrown{Message: "Bad password"}
	}
	return []byte(`{"response":` + o.response + `}`), nil
}

// moving is a house whose pool gets its users from elsewhere.
func (h *house) moving(response, hide string) *old {
	h.Helper()
	o := &old{response: response}
	d := trigger.New(o, slog.New(slog.DiscardHandler))
	h.users.With(user.Options{Triggers: d})
	var err error
	h.pool, err = h.pools.Create(h.Context(), "us-east-1", &idp.CreateUserPoolRequest{PoolName: "p", AutoVerifiedAttributes: []string{"email"},
		LambdaConfig: &idp.LambdaConfigType{UserMigration: "arn:aws:lambda:us-east-1:123456789012:function:f"},
		Policies:     &idp.UserPoolPolicyType{PasswordPolicy: &idp.PasswordPolicyType{MinimumLength: new(int64(30))}, SignInPolicy: &idp.SignInPolicyType{AllowedFirstAuthFactors: []string{"PASSWORD", "EMAIL_OTP"}}}})
	h.must(err)
	h.client, err = h.pools.CreateClient(h.Context(), &idp.CreateUserPoolClientRequest{UserPoolId: h.pool.ID, ClientName: "c", PreventUserExistenceErrors: hide,
		ExplicitAuthFlows: []string{"ALLOW_USER_PASSWORD_AUTH", "ALLOW_USER_SRP_AUTH", "ALLOW_USER_AUTH"}})
	h.must(err)
	return o
}

const moved = `{"userAttributes":{"email":"alice@example.com","email_verified":"true","name":"Alice"},"finalUserStatus":"CONFIRMED","messageAction":"SUPPRESS"}`

// TestMigration takes a user over with the password that the old directory has confirmed, once.
func TestMigration(t *testing.T) {
	onEngines(t, func(h *house) {
		o := h.moving(moved, "LEGACY")
		_, err := h.signIn("alice", "wrong")
		h.wants(err, "UserLambdaValidationException", "UserMigration failed with error Bad password.")
		_, err = h.signIn("nobody", "x")
		h.wants(err, "UserNotFoundException", "User does not exist.")
		_, err = h.start("USER_SRP_AUTH", map[string]string{"USERNAME": "alice", "SRP_A": strings.Repeat("a", 700), "PASSWORD": "Old-Passw0rd"})
		h.wants(err, "UserNotFoundException", "User does not exist.")
		if len(o.calls) != 2 {
			t.Errorf("called %v", o.calls)
		}
		var all sync.WaitGroup
		for range 4 {
			all.Go(func() {
				if step, err := h.signIn("alice", "Old-Passw0rd"); err != nil || step.Tokens == nil {
					t.Errorf("alice: %v, %v", err, errors.Unwrap(err))
				}
			})
		}
		all.Wait()
		u, err := h.users.Find(t.Context(), h.pool, "alice")
		h.must(err)
		if u.Status != "CONFIRMED" || u.Attributes["email_verified"] != "true" || u.Attributes["name"] != "Alice" {
			t.Errorf("taken over as %+v", u)
		}
		o.calls = nil
		_, err = h.signIn("alice", "wrong")
		h.wants(err, "NotAuthorizedException", "Incorrect username or password.")
		if _, err := h.signIn("alice", "Old-Passw0rd"); err != nil || len(o.calls) > 0 {
			t.Errorf("again: %v, called %v", err, o.calls)
		}
		if sent := h.inbox.Messages("alice@example.com"); len(sent) > 0 {
			t.Errorf("sent %q", sent[0].Subject)
		}
	})
}

// TestMigrationOutcomes goes through what the old directory may say of a user.
func TestMigrationOutcomes(t *testing.T) {
	onEngines(t, func(h *house) {
		const refused = "UserNotFoundException"
		for response, want := range map[string]string{
			`{"userAttributes":{"email":"alice@example.com","email_verified":"true"}}`: "PasswordResetRequiredException",
			`{}`: refused, `{"userAttributes":{}}`: refused, `{"userAttributes":{"email":"no address"},"finalUserStatus":"CONFIRMED"}`: refused,
			`{"userAttributes":{"sub":"1","email":"alice@example.com"},"finalUserStatus":"CONFIRMED"}`:           refused,
			`{"userAttributes":{"email":"alice@example.com"},"finalUserStatus":"UNCONFIRMED"}`:                   refused,
			`{"userAttributes":{"email":"alice@example.com"},"finalUserStatus":"CONFIRMED","enableSMSMFA":true}`: refused,
			`{"userAttributes":{"nothing":"x"},"finalUserStatus":"CONFIRMED"}`:                                   refused,
			`{"userAttributes":"x"}`: "InvalidLambdaResponseException",
		} {
			o := h.moving(response, "LEGACY")
			_, err := h.signIn("alice", "Old-Passw0rd")
			if f, ok := errors.AsType[*fault.Error](err); !ok || f.Code != want {
				t.Errorf("%s: %v", response, err)
			}
			_, there := h.users.Find(t.Context(), h.pool, "alice")
			if (there == nil) != (want == "PasswordResetRequiredException") || len(o.calls) != 1 {
				t.Errorf("%s: there %v, called %v", response, there, o.calls)
			}
		}
		o := h.moving(moved, "ENABLED")
		for _, name := range []string{"nobody", "alice"} {
			_, err := h.start("USER_AUTH", map[string]string{"USERNAME": name, "PREFERRED_CHALLENGE": "PASSWORD", "PASSWORD": "Old-Passw0rd"})
			if name == "alice" {
				h.must(err)
			} else {
				h.wants(err, "NotAuthorizedException", "Incorrect username or password.")
			}
		}
		if len(o.calls) != 2 {
			t.Errorf("called %v", o.calls)
		}
	})
}

// TestMigrationIsNoOracle bounds how many passwords of the old directory an address can try.
func TestMigrationIsNoOracle(t *testing.T) {
	onEngines(t, func(h *house) {
		o := h.moving(moved, "LEGACY")
		h.users.With(user.Options{FailuresPerAddress: 3, Triggers: trigger.New(o, slog.New(slog.DiscardHandler))})
		try := func(ip string) error {
			_, err := h.machine.Start(h.Context(), &authn.Attempt{Pool: h.pool, Client: h.client, Flow: "USER_PASSWORD_AUTH", IP: ip,
				Parameters: map[string]string{"USERNAME": "alice", "PASSWORD": "guess"}})
			return err
		}
		for range 3 {
			h.wants(try("192.0.2.1"), "UserLambdaValidationException", "UserMigration failed with error Bad password.")
		}
		h.wants(try("192.0.2.1"), "TooManyRequestsException", "Too many requests")
		h.wants(try("192.0.2.2"), "UserLambdaValidationException", "UserMigration failed with error Bad password.")
		if len(o.calls) != 4 {
			t.Errorf("called %v", o.calls)
		}
	})
}

// TestMigrationOfTheForgetful takes a user over who has forgotten the password, and sends the code.
func TestMigrationOfTheForgetful(t *testing.T) {
	onEngines(t, func(h *house) {
		for _, hide := range []string{"LEGACY", "ENABLED"} {
			o := h.moving(`{"userAttributes":{"email":"alice@example.com","email_verified":"true"}}`, hide)
			sent, err := h.users.ForgotPassword(t.Context(), h.pool, h.client, &idp.ForgotPasswordRequest{Username: "alice"})
			h.must(err)
			h.users.Wait()
			all := h.inbox.Messages("alice@example.com")
			if len(o.calls) != 1 || o.calls[0] != "UserMigration_ForgotPassword" || sent.AttributeName != "email" || len(all) == 0 {
				t.Fatalf("%s: called %v, sent %+v, %d messages", hide, o.calls, sent, len(all))
			}
			h.must(h.users.ConfirmForgotPassword(t.Context(), h.pool, h.client, &idp.ConfirmForgotPasswordRequest{Username: "alice", ConfirmationCode: string(all[len(all)-1].Code), Password: "A-new-passw0rd-of-thirty-letters"}))
			if step, err := h.signIn("alice", "A-new-passw0rd-of-thirty-letters"); err != nil || step.Tokens == nil {
				t.Errorf("%s: %v", hide, err)
			}
		}
	})
}
