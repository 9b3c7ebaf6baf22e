package hostedui_test

import (
	"context"
	"log/slog"
	"strings"
	"testing"

	"cognate/api/idp"
	"cognate/internal/trigger"
	"cognate/internal/user"
)

// knows is a function that knows alice, and her password.
type knows struct{}

func (knows) Invoke(_ context.Context, _ string, event []byte) ([]byte, error) {
	switch {
	case !strings.Contains(string(event), `"userName":"alice"`):
		return event, nil
	case strings.Contains(string(event), "_Authentication") && !strings.Contains(string(event), `"password":"`+password+`"`):
		return nil, &trigger.Thrown{Message: "Bad password"}
	}
	return []byte(`{"response":{"userAttributes":{"email":"alice@example.com","email_verified":"true"},"finalUserStatus":"CONFIRMED"}}`), nil
}

// moving is a house whose pool gets its users from elsewhere.
func (h *house) moving() {
	h.core.Users.With(user.Options{Triggers: trigger.New(knows{}, slog.New(slog.DiscardHandler))})
	h.openPool(&idp.CreateUserPoolRequest{PoolName: "moving", LambdaConfig: &idp.LambdaConfigType{UserMigration: "arn:aws:lambda:us-east-1:123456789012:function:f"}})
}

// TestMigration takes a user over at the pages that sign in, as the API does.
func TestMigration(t *testing.T) {
	onEngines(t, func(h *house) {
		h.moving()
		b := h.browser().open("/login" + h.query())
		b.send("", "username", "nobody", "password", password).shows("/login", "This user does not exist.")
		b.send("", "username", "alice", "password", "wrong").shows("/login", "Bad password")
		if tokens := b.send("", "username", "alice", "password", password).signedIn(); tokens.ID == "" {
			t.Errorf("%+v", tokens)
		}
	})
}

// TestMigrationOfTheForgetful takes a user over at the page for forgotten passwords.
func TestMigrationOfTheForgetful(t *testing.T) {
	onEngines(t, func(h *house) {
		h.moving()
		b := h.browser().open("/forgotPassword" + h.query())
		b.send("", "username", "alice")
		if code := h.code("alice@example.com"); code == "" || !strings.Contains(strings.ToLower(b.at.Path), "confirmforgotpassword") {
			t.Errorf("code %q, at %s: %d", code, b.at, b.status)
		}
	})
}
