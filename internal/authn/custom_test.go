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

// TestCustomAnswersCountOnce plays old Sessions of a sign-in again: none gets another guess, whichever order they come in.
func TestCustomAnswersCountOnce(t *testing.T) {
	onEngines(t, func(h *house) {
		q := h.quizzes("LEGACY")
		first := h.asks(h.startCustom("alice"))("CUSTOM_CHALLENGE")
		second := h.asks(h.guess("alice", first.Session, "1"))("CUSTOM_CHALLENGE")
		h.refuses(h.guess("alice", first.Session, "42"))("NotAuthorizedException", usedSession)
		third := h.asks(h.guess("alice", second.Session, "2"))("CUSTOM_CHALLENGE")
		for _, old := range []*authn.Step{first, second} {
			h.refuses(h.guess("alice", old.Session, "42"))("NotAuthorizedException", usedSession)
		}
		q.called()
		h.refuses(h.guess("alice", third.Session, "3"))("NotAuthorizedException", wrongPassword)
		if names, events := q.called(); len(names) != 2 || len(events[1].Request.Session) != 3 {
			t.Errorf("called %v", names)
		}
		for _, old := range []*authn.Step{first, second, third} {
			h.refuses(h.guess("alice", old.Session, "42"))("NotAuthorizedException", usedSession)
		}

		// Many answers to one Session at once.
		h.must(h.users.AdminSetPassword(h.Context(), h.pool, &idp.AdminSetUserPasswordRequest{Username: "alice", Password: password, Permanent: new(true)}))
		step := h.asks(h.startCustom("alice"))("CUSTOM_CHALLENGE")
		q.called()
		var all sync.WaitGroup
		for i := range 20 {
			all.Go(func() { h.guess("alice", step.Session, fmt.Sprint(i)) })
		}
		all.Wait()
		names, _ := q.called()
		if n := len(slices.DeleteFunc(names, func(name string) bool { return name != "VerifyAuthChallengeResponse" })); n != 1 {
			t.Errorf("%d answers were looked at", n)
		}
	})
}

// TestCustomGuessesLock counts wrong answers as failures of the user, and of the address they come from; right ones of a sign-in that is not
// complete take none back but their own.
func TestCustomGuessesLock(t *testing.T) {
	inTime(t, func(h *house) {
		q := h.quizzes("LEGACY")
		wrong := func() (*authn.Step, error) {
			return h.guess("alice", h.asks(h.startCustom("alice"))("CUSTOM_CHALLENGE").Session, "no")
		}
		for range 5 {
			h.asks(wrong())("CUSTOM_CHALLENGE")
		}
		step := h.asks(h.startCustom("alice"))("CUSTOM_CHALLENGE")
		q.called()
		h.refuses(h.guess("alice", step.Session, "42"))("NotAuthorizedException", "Password attempts exceeded")
		h.refuses(h.signIn("alice", password))("NotAuthorizedException", "Password attempts exceeded")
		if names, _ := q.called(); !slices.Equal(names, []string{"PreAuthentication"}) {
			t.Errorf("called %v", names)
		}
		time.Sleep(time.Second)
		h.grants(h.guess("alice", step.Session, "42")) // what was refused by the lock was not used up
		for range 4 {
			h.asks(wrong())("CUSTOM_CHALLENGE") // the count begins anew
		}

		// Right answers of a challenge that is followed by another one.
		two := q.define
		q.define = func(e customEvent) any {
			if len(e.Request.Session) == 1 {
				return map[string]any{"challengeName": "CUSTOM_CHALLENGE"}
			}
			return two(e)
		}
		for range 3 {
			h.asks(h.guess("alice", h.asks(h.startCustom("alice"))("CUSTOM_CHALLENGE").Session, "42"))("CUSTOM_CHALLENGE")
		}
		h.asks(wrong())("CUSTOM_CHALLENGE")
		h.refuses(h.signIn("alice", password))("NotAuthorizedException", "Password attempts exceeded")

		h.users.With(user.Options{FailuresPerAddress: 3, Triggers: trigger.New(q, slog.New(slog.DiscardHandler))})
		time.Sleep(time.Hour)
		guess := func() (*authn.Step, error) {
			step := h.asks(h.startCustom("alice"))("CUSTOM_CHALLENGE")
			return h.machine.Respond(h.Context(), &authn.Attempt{Pool: h.pool, Client: h.client, Challenge: "CUSTOM_CHALLENGE", Session: step.Session, IP: "192.0.2.1",
				Parameters: map[string]string{"USERNAME": "alice", "ANSWER": "no"}})
		}
		for range 3 {
			h.asks(guess())("CUSTOM_CHALLENGE")
		}
		h.refuses(guess())("TooManyRequestsException", "Too many requests")
	})
}

// TestCustomMostFailures: patience does not help who guesses answers.
func TestCustomMostFailures(t *testing.T) {
	inTime(t, func(h *house) {
		h.quizzes("LEGACY")
		for range 100 {
			h.asks(h.guess("alice", h.asks(h.startCustom("alice"))("CUSTOM_CHALLENGE").Session, "no"))("CUSTOM_CHALLENGE")
			time.Sleep(time.Hour)
		}
		time.Sleep(30 * 24 * time.Hour)
		h.refuses(h.guess("alice", h.asks(h.startCustom("alice"))("CUSTOM_CHALLENGE").Session, "42"))("NotAuthorizedException", "Password attempts exceeded")
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
			&trigger.Thrown{Message: "odd"}: {"UserLambdaValidationException", "VerifyAuthChallengeResponse failed with error odd."},
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

// TestCustomStateOutgrowsSession keeps what is too long for a Session, sealed, for as long as it is needed, within limits.
func TestCustomStateOutgrowsSession(t *testing.T) {
	onEngines(t, func(h *house) {
		q := h.quizzes("LEGACY")
		size := 5000
		long := func(customEvent) any {
			return map[string]any{"privateChallengeParameters": map[string]string{"answer": "42", "long": strings.Repeat("s3cret", size/6)}}
		}
		q.create = long
		kept := func(flows int) (states int) {
			h.must(h.db.View(h.Context(), func(tx *store.Tx) error {
				rows, err := tx.Raw().Query("SELECT state FROM challenges WHERE pool_id = $1", h.pool.ID)
				h.must(err)
				defer rows.Close()
				n := 0
				for ; rows.Next(); n++ {
					var state []byte
					h.must(rows.Scan(&state))
					if len(state) > 0 {
						states++
					}
					if strings.Contains(string(state), "s3cret") {
						t.Error("a row shows a private parameter")
					}
				}
				if n != flows {
					t.Errorf("%d flows are kept, want %d", n, flows)
				}
				return rows.Err()
			}))
			return states
		}
		first := h.asks(h.startCustom("alice"))("CUSTOM_CHALLENGE")
		if len(first.Session) > 2048 || kept(1) != 1 {
			t.Errorf("a Session of %d", len(first.Session))
		}
		second := h.asks(h.guess("alice", first.Session, "no"))("CUSTOM_CHALLENGE")
		h.refuses(h.guess("alice", first.Session, "42"))("NotAuthorizedException", usedSession)
		q.called()
		h.grants(h.guess("alice", second.Session, "42"))
		if _, events := q.called(); len(events[0].Request.Private["long"]) != size/6*6 {
			t.Errorf("of a private parameter %d are left", len(events[0].Request.Private["long"]))
		}
		if kept(1) != 0 {
			t.Error("a state outlives its challenge")
		}
		h.refuses(h.guess("alice", second.Session, "42"))("NotAuthorizedException", usedSession)

		// A short one after a long one, and the other way round.
		step := h.asks(h.startCustom("alice"))("CUSTOM_CHALLENGE")
		q.create = newQuiz().create
		step = h.asks(h.guess("alice", step.Session, "no"))("CUSTOM_CHALLENGE")
		q.create = long
		step = h.asks(h.guess("alice", step.Session, "no"))("CUSTOM_CHALLENGE")
		h.grants(h.guess("alice", step.Session, "42"))
		kept(2)

		// What is swept away is over.
		step = h.asks(h.startCustom("alice"))("CUSTOM_CHALLENGE")
		_, err := h.db.Sweep(h.Context(), time.Now().Add(2*time.Hour), 100)
		h.must(err)
		kept(0)
		h.refuses(h.guess("alice", step.Session, "42"))("NotAuthorizedException", "Invalid session for the user.")

		size = 66_000
		h.refuses(h.startCustom("alice"))("InvalidLambdaResponseException", badOutput)
		size = 60_000
		for n := 0; err == nil && n < 100; n++ {
			_, err = h.startCustom("alice")
		}
		h.wants(err, "TooManyRequestsException", "Too many requests")
		q.create = newQuiz().create
		h.grants(h.guess("alice", h.asks(h.startCustom("alice"))("CUSTOM_CHALLENGE").Session, "42"))

		q.create = func(customEvent) any {
			return map[string]any{"challengeMetadata": strings.Repeat("m", 50_000)}
		}
		h.seed("bob", "bob@example.com", "")
		q.define = func(customEvent) any { return map[string]any{"challengeName": "CUSTOM_CHALLENGE"} }
		step = h.asks(h.startCustom("bob"))("CUSTOM_CHALLENGE")
		step = h.asks(h.guess("bob", step.Session, "no"))("CUSTOM_CHALLENGE")
		h.refuses(h.guess("bob", step.Session, "no"))("InvalidLambdaResponseException", badOutput)
	})
}

// TestCustomSessionExpires: a challenge lives as long as the client says, from each step on, kept or not.
func TestCustomSessionExpires(t *testing.T) {
	inTime(t, func(h *house) {
		q := h.quizzes("LEGACY")
		for _, length := range []int{1, 5000} {
			q.create = func(customEvent) any {
				return map[string]any{"privateChallengeParameters": map[string]string{"answer": "42", "long": strings.Repeat("x", length)}}
			}
			step := h.asks(h.startCustom("alice"))("CUSTOM_CHALLENGE")
			time.Sleep(3*time.Minute - time.Second)
			step = h.asks(h.guess("alice", step.Session, "no"))("CUSTOM_CHALLENGE")
			time.Sleep(3*time.Minute - time.Second)
			h.grants(h.guess("alice", step.Session, "42"))
			step = h.asks(h.startCustom("alice"))("CUSTOM_CHALLENGE")
			time.Sleep(3*time.Minute + time.Second)
			h.refuses(h.guess("alice", step.Session, "42"))("NotAuthorizedException", "Invalid session for the user, session is expired.")
		}
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
