package user

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"

	"cognate/api/idp"
	"cognate/internal/federation"
	"cognate/internal/trigger"
)

// called is an event that a function was called with.
type called struct {
	Source   string `json:"triggerSource"`
	UserName string `json:"userName"`
	Pool     string `json:"userPoolId"`
	Caller   struct {
		Client string `json:"clientId"`
	} `json:"callerContext"`
	Request struct {
		Attributes map[string]string `json:"userAttributes"`
		Validation map[string]string `json:"validationData"`
		Metadata   map[string]string `json:"clientMetadata"`
		NotFound   *bool             `json:"userNotFound"`
	} `json:"request"`
}

// functions are the functions of an office's pool, which answer their events with a response, or unchanged.
type functions struct {
	calls    []called
	response string
	// do, if it is there, is done by the function that is called.
	do func(called) error
}

func (f *functions) Invoke(_ context.Context, _ string, event []byte) ([]byte, error) {
	var c called
	if err := json.Unmarshal(event, &c); err != nil {
		return nil, err
	}
	f.calls = append(f.calls, c)
	if f.response != "" {
		event = []byte(`{"response":` + f.response + `}`)
	}
	if f.do != nil {
		return event, f.do(c)
	}
	return event, nil
}

// sources are the calls since it was asked last.
func (f *functions) sources() (out []string) {
	for _, c := range f.calls {
		out = append(out, strings.Split(c.Source, "_")[0])
	}
	f.calls = nil
	return out
}

// withFunctions is an office whose pool has a function at each trigger of sign-ups and sign-ins.
func withFunctions(o *office, changes ...func(*idp.CreateUserPoolRequest)) (*office, *functions) {
	f := &functions{}
	o = newOfficeIn(o, func(in *idp.CreateUserPoolRequest) {
		for _, change := range changes {
			change(in)
		}
		in.LambdaConfig = &idp.LambdaConfigType{}
		for _, arn := range []*string{&in.LambdaConfig.PreSignUp, &in.LambdaConfig.PostConfirmation, &in.LambdaConfig.PreAuthentication, &in.LambdaConfig.PostAuthentication} {
			*arn = "arn:aws:lambda:us-east-1:123456789012:function:f"
		}
	})
	o.users.With(Options{Triggers: f.dispatcher()})
	return o, f
}

func (f *functions) dispatcher() *trigger.Dispatcher {
	return trigger.New(f, slog.New(slog.DiscardHandler))
}

func (o *office) wantCalls(what string, f *functions, want ...string) {
	o.Helper()
	if got := f.sources(); !slices.Equal(got, want) {
		o.Errorf("%s: called %v, want %v", what, got, want)
	}
}

// TestFederatedTriggers calls the pool's functions in Cognito's order, with what there is at the time.
func TestFederatedTriggers(t *testing.T) {
	onEngines(t, func(o *office) {
		o, f := withFunctions(o)
		c, p := o.client(nil), o.provider("oidc", "OIDC", mail)
		u := o.arrives(c, p, says("1", "mail", "ann@example.com", "name", "Ann"))
		if len(f.calls) != 2 {
			t.Fatalf("called %+v", f.calls)
		}
		before, after := f.calls[0], f.calls[1]
		if before.Source != "PreSignUp_ExternalProvider" || before.UserName != "oidc_1" || before.Pool != o.pool.ID || before.Caller.Client != c.ID ||
			fmt.Sprint(before.Request.Attributes) != "map[email:ann@example.com email_verified:false name:Ann]" {
			t.Errorf("before: %+v", before)
		}
		if got := after.Request.Attributes; after.Source != "PostConfirmation_ConfirmSignUp" || got["sub"] != u.Sub || got["cognito:user_status"] != "EXTERNAL_PROVIDER" || !strings.Contains(got["identities"], `"userId":"1"`) {
			t.Errorf("after: %+v", after)
		}
		f.calls = nil
		o.arrives(c, p, says("1", "mail", "new@example.com"))
		if before, after := f.calls[0], f.calls[1]; before.Request.Attributes["email"] != "ann@example.com" || after.Request.Attributes["email"] != "new@example.com" {
			t.Errorf("again: %+v", f.calls)
		}
		o.wantCalls("again", f, "PreAuthentication", "PostAuthentication")

		o.must(o.users.AdminDisable(t.Context(), o.pool, u.Username))
		o.refuses(c, p, says("1"), "User is not enabled")
		o.refuses(c, p, says(strings.Repeat("x", 200)), "Invalid user attributes: username: String must be no longer than 128 characters\n ")
		o.wantCalls("refused anyway", f)
	})
}

// TestFederatedTriggersRefuse lets each function refuse, in Cognito's words. What has been written by then stays.
func TestFederatedTriggersRefuse(t *testing.T) {
	onEngines(t, func(o *office) {
		o, f := withFunctions(o)
		c, p := o.client(nil), o.provider("oidc", "OIDC", mail)
		refuse := func(name string) {
			f.do = func(c called) error {
				if strings.HasPrefix(c.Source, name) {
					return &trigger.Thrown{Message: "not today"}
				}
				return nil
			}
		}
		refuse("PreSignUp")
		o.refuses(c, p, says("1"), "PreSignUp failed with error not today. ")
		if _, err := o.users.Find(t.Context(), o.pool, "oidc_1"); err == nil {
			t.Error("the user is there")
		}
		refuse("PostConfirmation")
		o.refuses(c, p, says("1"), "PostConfirmation failed with error not today. ")
		o.find("oidc_1")
		refuse("PreAuthentication")
		o.refuses(c, p, says("1", "name", "Ann"), "PreAuthentication failed with error not today. ")
		if u := o.find("oidc_1"); u.Attributes["name"] != "" {
			t.Error("the name was written")
		}
		refuse("PostAuthentication")
		o.refuses(c, p, says("1", "name", "Ann"), "PostAuthentication failed with error not today. ")
		if u := o.find("oidc_1"); u.Attributes["name"] != "Ann" {
			t.Error("the name was not written")
		}
	})
}

// TestFederatedTriggersAct lets functions change what is signed in: one that links makes no new user, and one that deletes the user
// gets none back.
func TestFederatedTriggersAct(t *testing.T) {
	onEngines(t, func(o *office) {
		o, f := withFunctions(o)
		c, p := o.client(nil), o.provider("oidc", "OIDC", mail)
		ann := o.create("ann", nil)
		f.calls = nil
		f.do = func(c called) error {
			if c.Source == "PreSignUp_ExternalProvider" {
				return o.link("ann", "oidc", cognitoSubject, "1")
			}
			return nil
		}
		if u := o.arrives(c, p, says("1")); u.Sub != ann.Sub {
			t.Errorf("signed in as %s", u.Username)
		}
		o.wantCalls("linked", f, "PreSignUp", "PostAuthentication")
		f.do = nil
		stranger := o.arrives(c, p, says("2"))
		f.do = func(c called) error {
			if c.Source == "PreAuthentication_Authentication" {
				return o.users.AdminDelete(t.Context(), o.pool, stranger.Username)
			}
			return nil
		}
		o.refuses(c, p, says("2"), "User does not exist.")
	})
}

// inbound is a function that replaces what a provider has told.
type inbound struct{ event, response string }

func (f *inbound) Invoke(_ context.Context, _ string, event []byte) ([]byte, error) {
	f.event = string(event)
	return []byte(`{"response":` + f.response + `}`), nil
}

// TestInboundFederation maps what the function makes of the provider's answers; nothing of it can change who has signed in.
func TestInboundFederation(t *testing.T) {
	onEngines(t, func(o *office) {
		o = newOfficeIn(o, func(in *idp.CreateUserPoolRequest) {
			in.LambdaConfig = &idp.LambdaConfigType{InboundFederation: &idp.InboundFederationLambdaType{LambdaVersion: "V1_0", LambdaArn: "arn:aws:lambda:us-east-1:123456789012:function:f"}}
		})
		f := &inbound{response: "{}"}
		o.users.With(Options{Triggers: trigger.New(f, slog.New(slog.DiscardHandler))})
		c, p := o.client(nil), o.provider("saml", "SAML", map[string]string{"email": "mail", "name": "name"})
		a := says("1", "mail", "a@example.com", "name", "Ann", "role", "x", "role", "y")
		o.has(o.arrives(c, p, a), map[string]string{"email": "a@example.com", "email_verified": "false", "name": "Ann"})
		for _, part := range []string{`"triggerSource":"InboundFederation_ExternalProvider"`, `"userName":"saml_1"`, `"request":{"providerName":"saml","providerType":"SAML","attributes":{"samlResponse":{"mail":"a@example.com","name":"Ann","role":["x","y"]}}}`} {
			if !strings.Contains(f.event, part) {
				t.Errorf("there is no %s in %s", part, f.event)
			}
		}
		a.Answers = &federation.Answers{TokenResponse: []byte(`{"access_token":"t"}`), UserInfo: federation.Claims{"mail": {"b"}}}
		f.response = `{"userAttributesToMap":{"mail":"b@example.com","name":["A","B"],"other":{"x":1},"sub":"2"}}`
		u := o.arrives(c, p, a)
		o.has(u, map[string]string{"email": "b@example.com", "email_verified": "false", "name": "[A,B]"})
		if u.Username != "saml_1" || !strings.Contains(f.event, `"attributes":{"idToken":{},"tokenResponse":{"access_token":"t"},"userInfo":{"mail":"b"}}`) {
			t.Errorf("%s signed in, called with %s", u.Username, f.event)
		}
		f.response = `{"userAttributesToMap":{"name":true,"mail":null}}`
		o.has(o.arrives(c, p, a), map[string]string{"email": "b@example.com", "email_verified": "false", "name": "true"})
		f.response = `{"userAttributesToMap":[]}`
		o.refuses(c, p, a, "Unrecognizable lambda output ")
	})
}
