package authn_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"cognate/api/idp"
	"cognate/internal/authn"
	"cognate/internal/srp"
	"cognate/internal/store"
	"cognate/internal/trigger"
	"cognate/internal/user"
)

// customEvent is what the test's functions read of an event.
type customEvent struct {
	Source  string `json:"triggerSource"`
	Name    string `json:"userName"`
	Request struct {
		Attributes map[string]string         `json:"userAttributes"`
		Session    []trigger.ChallengeResult `json:"session"`
		Challenge  string                    `json:"challengeName"`
		Private    map[string]string         `json:"privateChallengeParameters"`
		Answer     string                    `json:"challengeAnswer"`
		Metadata   map[string]string         `json:"clientMetadata"`
		Validation map[string]string         `json:"validationData"`
		NotFound   bool                      `json:"userNotFound"`
	}
}

// quiz is the functions of a pool that asks what six times seven is, up to three times. A test may put others in place of its own.
type quiz struct {
	mu     sync.Mutex
	events []customEvent

	define, create func(customEvent) any // what is answered as the response
	verify         func(customEvent) any
}

func newQuiz() *quiz {
	return &quiz{
		define: func(e customEvent) any {
			wrong := 0
			for _, r := range e.Request.Session {
				if r.Name == "CUSTOM_CHALLENGE" && r.Result {
					return map[string]any{"issueTokens": true}
				}
				if r.Name == "CUSTOM_CHALLENGE" {
					wrong++
				}
			}
			if n := len(e.Request.Session); n > 0 && e.Request.Session[n-1].Name == "SRP_A" {
				return map[string]any{"challengeName": "PASSWORD_VERIFIER"}
			}
			return map[string]any{"challengeName": "CUSTOM_CHALLENGE", "failAuthentication": wrong == 3}
		},
		create: func(e customEvent) any {
			return map[string]any{
				"publicChallengeParameters": map[string]string{"question": "6*7"}, "privateChallengeParameters": map[string]string{"answer": "42"},
				"challengeMetadata": fmt.Sprint("ROUND_", len(e.Request.Session)),
			}
		},
		verify: func(e customEvent) any {
			return map[string]any{"answerCorrect": e.Request.Answer == e.Request.Private["answer"]}
		},
	}
}

func (q *quiz) Invoke(_ context.Context, _ string, event []byte) ([]byte, error) {
	var e customEvent
	if err := json.Unmarshal(event, &e); err != nil {
		return nil, err
	}
	q.mu.Lock()
	q.events = append(q.events, e)
	q.mu.Unlock()
	var response any
	switch e.Source {
	case trigger.SourceDefineAuthChallenge:
		response = q.define(e)
	case trigger.SourceCreateAuthChallenge:
		response = q.create(e)
	case trigger.SourceVerifyAuthChallenge:
		response = q.verify(e)
	default:
		return event, nil
	}
	switch r := response.(type) {
	case error:
		return nil, r
	case string:
		return []byte(r), nil
	}
	return json.Marshal(map[string]any{"response": response})
}

// called empties the list of calls, and returns the sources, which end where the first underscore is.
func (q *quiz) called() (names []string, events []customEvent) {
	q.mu.Lock()
	defer q.mu.Unlock()
	events, q.events = q.events, nil
	for _, e := range events {
		name, _, _ := strings.Cut(e.Source, "_")
		names = append(names, name)
	}
	return names, events
}

// quizzes is a house whose pool has the functions of a quiz at all triggers of sign-ins, with alice, whose password is the usual one.
func (h *house) quizzes(hide string) *quiz {
	h.Helper()
	q := newQuiz()
	d := trigger.New(q, slog.New(slog.DiscardHandler))
	h.users.With(user.Options{Triggers: d})
	h.tokens.With(d)
	const arn = "arn:aws:lambda:us-east-1:123456789012:function:f"
	var err error
	h.pool, err = h.pools.Create(h.Context(), "us-east-1", &idp.CreateUserPoolRequest{PoolName: "p", AutoVerifiedAttributes: []string{"email"}, LambdaConfig: &idp.LambdaConfigType{
		PreAuthentication: arn, PostAuthentication: arn, PreTokenGeneration: arn, DefineAuthChallenge: arn, CreateAuthChallenge: arn, VerifyAuthChallengeResponse: arn,
	}})
	h.must(err)
	h.client, err = h.pools.CreateClient(h.Context(), &idp.CreateUserPoolClientRequest{UserPoolId: h.pool.ID, ClientName: "c", PreventUserExistenceErrors: hide,
		ExplicitAuthFlows: []string{"ALLOW_CUSTOM_AUTH", "ALLOW_USER_PASSWORD_AUTH", "ALLOW_USER_SRP_AUTH"}})
	h.must(err)
	h.seed("alice", "alice@example.com", "")
	q.called()
	return q
}

func (h *house) startCustom(name string) (*authn.Step, error) {
	return h.start("CUSTOM_AUTH", map[string]string{"USERNAME": name})
}

func (h *house) guess(name, session, answer string) (*authn.Step, error) {
	return h.respond("CUSTOM_CHALLENGE", session, map[string]string{"USERNAME": name, "ANSWER": answer})
}

const (
	wrongPassword = "Incorrect username or password."
	usedSession   = "Invalid session for the user, session can only be used once."
	badOutput     = "Unrecognizable lambda output"
)

// refuses checks that the results of a call are this fault.
func (h *house) refuses(step *authn.Step, err error) func(code, message string) {
	h.Helper()
	return func(code, message string) {
		h.Helper()
		if step != nil {
			h.Errorf("got %+v, want %s", *step, code)
		}
		h.wants(err, code, message)
	}
}

// TestCustomSignIn follows a sign-in through its functions, with what each is told.
func TestCustomSignIn(t *testing.T) {
	onEngines(t, func(h *house) {
		q := h.quizzes("LEGACY")
		step, err := h.machine.Start(h.Context(), &authn.Attempt{Pool: h.pool, Client: h.client, Flow: "CUSTOM_AUTH",
			Parameters: map[string]string{"USERNAME": "alice"}, Metadata: map[string]string{"at": "start"}})
		step = h.asks(step, err)("CUSTOM_CHALLENGE")
		if want := map[string]string{"USERNAME": "alice", "question": "6*7"}; !reflect.DeepEqual(step.Parameters, want) {
			t.Errorf("asked %v", step.Parameters)
		}
		if text := fmt.Sprint(step.Parameters, step.Session); strings.Contains(text, "42") && strings.Contains(text, "answer") {
			t.Errorf("the app sees %s", text)
		}
		names, events := q.called()
		if !slices.Equal(names, []string{"PreAuthentication", "DefineAuthChallenge", "CreateAuthChallenge"}) {
			t.Errorf("called %v", names)
		}
		if events[0].Request.Validation["at"] != "start" || events[1].Request.Metadata != nil || events[2].Request.Metadata != nil {
			t.Errorf("the beginning's metadata: %+v", events)
		}
		if e := events[2]; e.Name != "alice" || e.Request.Attributes["email"] != "alice@example.com" || e.Request.Attributes["cognito:user_status"] != "CONFIRMED" ||
			e.Request.Challenge != "CUSTOM_CHALLENGE" || len(e.Request.Session) != 0 || e.Request.NotFound {
			t.Errorf("told %+v", e)
		}

		second := h.asks(h.guess("alice", step.Session, "41"))("CUSTOM_CHALLENGE")
		names, events = q.called()
		round := []trigger.ChallengeResult{{Name: "CUSTOM_CHALLENGE", Metadata: new("ROUND_0")}}
		if !slices.Equal(names, []string{"VerifyAuthChallengeResponse", "DefineAuthChallenge", "CreateAuthChallenge"}) ||
			!reflect.DeepEqual(events[1].Request.Session, round) || !reflect.DeepEqual(events[2].Request.Session, round) {
			t.Errorf("called %v, told %+v", names, events)
		}
		if r := events[0].Request; r.Answer != "41" || !reflect.DeepEqual(r.Private, map[string]string{"answer": "42"}) {
			t.Errorf("told %+v", r)
		}

		last := &authn.Attempt{Pool: h.pool, Client: h.client, Admin: true, Challenge: "CUSTOM_CHALLENGE", Session: second.Session,
			Parameters: map[string]string{"USERNAME": "alice", "ANSWER": "42"}, Metadata: map[string]string{"at": "end"}}
		h.grants(h.machine.Respond(h.Context(), last))
		names, events = q.called()
		if !slices.Equal(names, []string{"VerifyAuthChallengeResponse", "DefineAuthChallenge", "PostAuthentication", "TokenGeneration"}) {
			t.Errorf("called %v", names)
		}
		for _, e := range events {
			if e.Request.Metadata["at"] != "end" {
				t.Errorf("%s is told %v", e.Source, e.Request.Metadata)
			}
		}
		if s := events[1].Request.Session; len(s) != 2 || !s[1].Result || *s[1].Metadata != "ROUND_1" {
			t.Errorf("at the end: %+v", s)
		}
		h.refuses(h.machine.Respond(h.Context(), last))("NotAuthorizedException", usedSession)
		if names, _ := q.called(); len(names) > 0 {
			t.Errorf("a replay called %v", names)
		}
	})
}

// TestCustomFunctionMayCallBack: a function finds nothing locked: neither the store nor the user whom it is asked about.
func TestCustomFunctionMayCallBack(t *testing.T) {
	onEngines(t, func(h *house) {
		q := h.quizzes("LEGACY")
		back := func(then func(customEvent) any) func(customEvent) any {
			return func(e customEvent) any {
				ctx, cancel := context.WithTimeout(h.Context(), 3*time.Second)
				defer cancel()
				err := h.db.Update(ctx, func(tx *store.Tx) error { return tx.PutMeta("touched", []byte(e.Source)) })
				if err == nil {
					_, err = h.machine.Start(ctx, &authn.Attempt{Pool: h.pool, Client: h.client, Flow: "USER_PASSWORD_AUTH", Parameters: map[string]string{"USERNAME": "alice", "PASSWORD": password}})
				}
				if err != nil {
					t.Errorf("%s: %v", e.Source, err)
				}
				return then(e)
			}
		}
		q.define, q.create, q.verify = back(q.define), back(q.create), back(q.verify)
		step := h.asks(h.startCustom("alice"))("CUSTOM_CHALLENGE")
		step = h.asks(h.guess("alice", step.Session, "no"))("CUSTOM_CHALLENGE")
		h.grants(h.guess("alice", step.Session, "42"))
	})
}

// TestCustomRefusals: what the client, the request or the functions do not allow.
func TestCustomRefusals(t *testing.T) {
	onEngines(t, func(h *house) {
		q := h.quizzes("LEGACY")
		for parameters, want := range map[string]string{
			`{}`: "Missing required parameter USERNAME", `{"USERNAME":"alice","CHALLENGE_NAME":"SRP_A"}`: "Missing required parameter SRP_A",
			`{"USERNAME":"alice","CHALLENGE_NAME":"SMS_MFA"}`: "Invalid CHALLENGE_NAME.",
		} {
			var p map[string]string
			h.must(json.Unmarshal([]byte(parameters), &p))
			h.refuses(h.start("CUSTOM_AUTH", p))("InvalidParameterException", want)
		}
		h.refuses(h.start("CUSTOM_AUTH", map[string]string{"USERNAME": "alice", "CHALLENGE_NAME": "SRP_A", "SRP_A": "0"}))("NotAuthorizedException", wrongPassword)
		h.refuses(h.startCustom("nobody"))("UserNotFoundException", "User does not exist.")
		if names, _ := q.called(); len(names) > 0 {
			t.Errorf("called %v", names)
		}
		step := h.asks(h.startCustom("alice"))("CUSTOM_CHALLENGE")
		h.refuses(h.respond("CUSTOM_CHALLENGE", step.Session, map[string]string{"USERNAME": "alice"}))("InvalidParameterException", "Missing required parameter ANSWER")
		h.seed("bob", "bob@example.com", "")
		for _, foreign := range []struct{ challenge, session, name string }{
			{"CUSTOM_CHALLENGE", step.Session, "bob"}, {"CUSTOM_CHALLENGE", "", "alice"}, {"CUSTOM_CHALLENGE", step.Session + "x", "alice"},
			{"NEW_PASSWORD_REQUIRED", step.Session, "alice"}, {"EMAIL_OTP", step.Session, "alice"}, {"DEVICE_SRP_AUTH", step.Session, "alice"},
		} {
			h.refuses(h.respond(foreign.challenge, foreign.session, map[string]string{"USERNAME": foreign.name, "ANSWER": "42"}))("NotAuthorizedException", "Invalid session for the user.")
		}
		h.grants(h.guess("alice", step.Session, "42")) // none of that has used it up

		ask := q.define
		for _, answer := range []any{map[string]any{}, map[string]any{"challengeName": "SMS_MFA"}, map[string]any{"issueTokens": "yes"}, map[string]any{"challengeName": "NEW_PASSWORD_REQUIRED"}, "garbage", `{"response":7}`} {
			q.define = func(customEvent) any { return answer }
			h.refuses(h.startCustom("alice"))("InvalidLambdaResponseException", badOutput)
		}
		q.define = func(customEvent) any { return map[string]any{"challengeName": "PASSWORD_VERIFIER"} }
		h.refuses(h.startCustom("alice"))("InvalidParameterException", "Missing required parameter SRP_A")
		q.define = func(customEvent) any { return map[string]any{"failAuthentication": true, "issueTokens": true} }
		h.refuses(h.startCustom("alice"))("NotAuthorizedException", wrongPassword)
		q.define = func(customEvent) any { return &trigger.Thrown{Message: "not today"} }
		h.refuses(h.startCustom("alice"))("UserLambdaValidationException", "DefineAuthChallenge failed with error not today.")
		q.define = ask
		create := q.create
		q.create = func(customEvent) any { return &trigger.Thrown{Message: "no pen"} }
		h.refuses(h.startCustom("alice"))("UserLambdaValidationException", "CreateAuthChallenge failed with error no pen.")
		q.create = func(customEvent) any { return &trigger.Unreachable{Code: "AccessDeniedException"} }
		h.refuses(h.startCustom("alice"))("UnexpectedLambdaException", "CreateAuthChallenge invocation failed due to error AccessDeniedException.")
		q.create = func(customEvent) any {
			return map[string]any{"publicChallengeParameters": map[string]any{"a": 1}}
		}
		h.refuses(h.startCustom("alice"))("InvalidLambdaResponseException", badOutput)
		q.create = create
		for answer, want := range map[any][2]string{
			&trigger.Thrown{Message: "odd"}:    {"UserLambdaValidationException", "VerifyAuthChallengeResponse failed with error odd."},
			`{"response":{"answerCorrect":1}}`: {"InvalidLambdaResponseException", badOutput},
		} {
			q.verify = func(customEvent) any { return answer }
			step := h.asks(h.startCustom("alice"))("CUSTOM_CHALLENGE")
			h.refuses(h.guess("alice", step.Session, "42"))(want[0], want[1])
			h.refuses(h.guess("alice", step.Session, "42"))("NotAuthorizedException", usedSession)
		}
		q.verify = func(customEvent) any { return map[string]any{} }
		h.asks(h.guess("alice", h.asks(h.startCustom("alice"))("CUSTOM_CHALLENGE").Session, "42"))("CUSTOM_CHALLENGE")
	})
}

// TestCustomWithoutFunctions: a pool that lacks one of them says so where it is needed.
func TestCustomWithoutFunctions(t *testing.T) {
	onEngines(t, func(h *house) {
		const missing = "Custom auth lambda trigger is not configured for the user pool."
		for _, drop := range []func(*idp.LambdaConfigType){
			func(l *idp.LambdaConfigType) { l.DefineAuthChallenge = "" }, func(l *idp.LambdaConfigType) { l.CreateAuthChallenge = "" },
		} {
			h.quizzes("LEGACY")
			drop(h.pool.Settings.LambdaConfig)
			h.refuses(h.startCustom("alice"))("InvalidParameterException", missing)
		}
		h.quizzes("LEGACY")
		step := h.asks(h.startCustom("alice"))("CUSTOM_CHALLENGE")
		h.pool.Settings.LambdaConfig.VerifyAuthChallengeResponse = ""
		h.refuses(h.guess("alice", step.Session, "42"))("InvalidParameterException", missing)
	})
}

// TestCustomReservedParameters: who is asked is not the function's to say.
func TestCustomReservedParameters(t *testing.T) {
	onEngines(t, func(h *house) {
		q := h.quizzes("LEGACY")
		h.seed("bob", "bob@example.com", "")
		q.create = func(customEvent) any {
			return map[string]any{"publicChallengeParameters": map[string]string{"USERNAME": "bob", "a": ""}, "session": []any{}, "userName": "bob"}
		}
		step := h.asks(h.startCustom("alice"))("CUSTOM_CHALLENGE")
		if want := map[string]string{"USERNAME": "alice", "a": ""}; !reflect.DeepEqual(step.Parameters, want) {
			t.Errorf("asked %v", step.Parameters)
		}
		h.refuses(h.guess("bob", step.Session, "42"))("NotAuthorizedException", "Invalid session for the user.")
	})
}

// TestCustomSecretHash asks a client with a secret for its hash, at the beginning and with each answer (checklist 11).
func TestCustomSecretHash(t *testing.T) {
	onEngines(t, func(h *house) {
		h.quizzes("LEGACY")
		const clientSecret = "0123456789abcdefghijklmnopqrstuvwxyz"
		var err error
		h.client, err = h.pools.CreateClient(h.Context(), &idp.CreateUserPoolClientRequest{UserPoolId: h.pool.ID, ClientName: "s", ClientSecret: clientSecret, ExplicitAuthFlows: []string{"ALLOW_CUSTOM_AUTH"}})
		h.must(err)
		const missing, foul = "Client %s is configured with secret but SECRET_HASH was not received", "Unable to verify secret hash for client %s"
		h.refuses(h.startCustom("alice"))("NotAuthorizedException", fmt.Sprintf(missing, h.client.ID))
		step := h.asks(h.start("CUSTOM_AUTH", map[string]string{"USERNAME": "alice", "SECRET_HASH": srp.SecretHash("alice", h.client.ID, clientSecret)}))("CUSTOM_CHALLENGE")
		h.refuses(h.guess("alice", step.Session, "42"))("NotAuthorizedException", fmt.Sprintf(missing, h.client.ID))
		answer := map[string]string{"USERNAME": "alice", "ANSWER": "42", "SECRET_HASH": srp.SecretHash("bob", h.client.ID, clientSecret)}
		h.refuses(h.respond("CUSTOM_CHALLENGE", step.Session, answer))("NotAuthorizedException", fmt.Sprintf(foul, h.client.ID))
		answer["SECRET_HASH"] = srp.SecretHash("alice", h.client.ID, clientSecret)
		h.grants(h.respond("CUSTOM_CHALLENGE", step.Session, answer))
	})
}
