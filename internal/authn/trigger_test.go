package authn_test

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"testing"

	"cognate/api/idp"
	"cognate/internal/authn"
	"cognate/internal/fault"
	"cognate/internal/trigger"
	"cognate/internal/user"
)

// functions are those of a pool: what they were called for, and one that refuses.
type functions struct {
	calls   []string // the sources
	events  []string
	refuses string
}

func (f *functions) Invoke(_ context.Context, _ string, event []byte) ([]byte, error) {
	_, rest, _ := strings.Cut(string(event), `"triggerSource":"`)
	source, _, _ := strings.Cut(rest, `"`)
	f.calls, f.events = append(f.calls, source), append(f.events, string(event))
	if f.refuses != "" && strings.HasPrefix(source, f.refuses) {
		return nil, &trigger.Thrown{Message: "not today"}
	}
	return event, nil
}

// TestSignInTriggers calls the pool's functions around a sign-in, in Cognito's order: with what came along with its beginning before
// anything is proven, and with what came along with the last answer once all is.
func TestSignInTriggers(t *testing.T) {
	onEngines(t, func(h *house) {
		f := &functions{}
		d := trigger.New(f, slog.New(slog.DiscardHandler))
		h.users.With(user.Options{Triggers: d})
		h.tokens.With(d)
		const arn = "arn:aws:lambda:us-east-1:123456789012:function:f"
		var err error
		h.pool, err = h.pools.Create(t.Context(), "us-east-1", &idp.CreateUserPoolRequest{PoolName: "p", LambdaConfig: &idp.LambdaConfigType{PreAuthentication: arn, PostAuthentication: arn, PreTokenGeneration: arn}})
		h.must(err)
		h.client, err = h.pools.CreateClient(t.Context(), &idp.CreateUserPoolClientRequest{UserPoolId: h.pool.ID, ClientName: "c", ExplicitAuthFlows: []string{"ALLOW_USER_PASSWORD_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"}})
		h.must(err)
		h.must(h.users.Seed(t.Context(), h.pool, "alice", password, map[string]string{"email": "alice@example.com"}))
		_, err = h.users.AdminCreate(t.Context(), h.pool, &idp.AdminCreateUserRequest{UserPoolId: h.pool.ID, Username: "bob", TemporaryPassword: "Temp0rary-Horse!", MessageAction: "SUPPRESS"})
		h.must(err)
		start := func(name, word string) (*authn.Step, error) {
			f.calls, f.events = nil, nil
			return h.machine.Start(t.Context(), &authn.Attempt{Pool: h.pool, Client: h.client, Flow: "USER_PASSWORD_AUTH",
				Parameters: map[string]string{"USERNAME": name, "PASSWORD": word}, Metadata: map[string]string{"at": "start"}})
		}
		want := func(what string, calls ...string) {
			t.Helper()
			if !slices.Equal(f.calls, calls) {
				t.Errorf("%s: called %v, want %v", what, f.calls, calls)
			}
		}
		const pre, post, tokens = "PreAuthentication_Authentication", "PostAuthentication_Authentication", "TokenGeneration_Authentication"
		step, err := start("alice", password)
		h.must(err)
		want("a password", pre, post, tokens)
		if !strings.Contains(f.events[0], `"validationData":{"at":"start"}`) || !strings.Contains(f.events[1], `"newDeviceUsed":false,"clientMetadata":null`) {
			t.Errorf("told %v", f.events)
		}
		if _, err := start("alice", "wrong"); err == nil {
			t.Error("a wrong password is taken")
		}
		want("a wrong password", pre)

		f.calls = nil
		_, err = h.machine.Start(t.Context(), &authn.Attempt{Pool: h.pool, Client: h.client, Flow: "REFRESH_TOKEN_AUTH", Parameters: map[string]string{"REFRESH_TOKEN": step.Tokens.Refresh}})
		h.must(err)
		want("a refresh", "TokenGeneration_RefreshTokens")

		step, err = start("bob", "Temp0rary-Horse!")
		h.must(err)
		want("a temporary password", pre)
		f.calls, f.events = nil, nil
		_, err = h.machine.Respond(t.Context(), &authn.Attempt{Pool: h.pool, Client: h.client, Challenge: "NEW_PASSWORD_REQUIRED", Session: step.Session,
			Parameters: map[string]string{"USERNAME": "bob", "NEW_PASSWORD": "An0ther-Horse!"}, Metadata: map[string]string{"at": "end"}})
		h.must(err)
		want("a new password", post, "TokenGeneration_NewPasswordChallenge")
		for _, event := range f.events {
			if !strings.Contains(event, `"clientMetadata":{"at":"end"}`) {
				t.Errorf("told %s", event)
			}
		}

		for refuses, calls := range map[string][]string{"PreAuthentication": {pre}, "PostAuthentication": {pre, post}, "TokenGeneration": {pre, post, tokens}} {
			f.refuses = refuses
			_, err := start("alice", password)
			name := strings.Replace(refuses, "TokenGeneration", "PreTokenGeneration", 1)
			if known, ok := errors.AsType[*fault.Error](err); !ok || known.Code != "UserLambdaValidationException" || known.Message != name+" failed with error not today." {
				t.Errorf("%s: %v", refuses, err)
			}
			want(refuses, calls...)
		}
	})
}
