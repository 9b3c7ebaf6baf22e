package trigger_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"cognate/internal/fault"
	"cognate/internal/trigger"
)

// function is a runner of one function.
type function func(ctx context.Context, arn string, event []byte) ([]byte, error)

func (f function) Invoke(ctx context.Context, arn string, event []byte) ([]byte, error) {
	return f(ctx, arn, event)
}

const arn = "arn:aws:lambda:us-east-1:123456789012:function:f"

var scene = trigger.Scene{Source: trigger.SourcePreSignUpExternal, Region: "us-east-1", PoolID: "us-east-1_AbCdEf123", ClientID: "c", UserName: "Guild_1"}

// answers calls a function that answers a text.
func answers(t *testing.T, text string) (trigger.PreSignUpResponse, error) {
	t.Helper()
	d := trigger.New(function(func(context.Context, string, []byte) ([]byte, error) { return []byte(text), nil }), slog.New(slog.DiscardHandler))
	return trigger.PreSignUp.Call(t.Context(), d, arn, scene, trigger.PreSignUpRequest{})
}

func wantFault(t *testing.T, what string, err error, code, text string) {
	t.Helper()
	if f, ok := errors.AsType[*fault.Error](err); !ok || f.Code != code || f.Message != text {
		t.Errorf("%s: got %v, want %s: %s", what, err, code, text)
	}
}

// TestEvent holds the document of a call to the letter.
func TestEvent(t *testing.T) {
	var got string
	d := trigger.New(function(func(_ context.Context, called string, event []byte) ([]byte, error) {
		if called != arn {
			t.Errorf("called %s", called)
		}
		got = string(event)
		return event, nil
	}), slog.New(slog.DiscardHandler))
	response, err := trigger.PreSignUp.Call(t.Context(), d, arn, scene, trigger.PreSignUpRequest{
		UserAttributes: trigger.Attributes{"name": "Ann", "email": "a@b"}, ClientMetadata: trigger.Metadata{"k": "v"},
	})
	if err != nil || response != (trigger.PreSignUpResponse{}) {
		t.Errorf("%+v, %v", response, err)
	}
	want := `{"version":"1","triggerSource":"PreSignUp_ExternalProvider","region":"us-east-1","userPoolId":"us-east-1_AbCdEf123","userName":"Guild_1",` +
		`"callerContext":{"awsSdkVersion":"aws-sdk-unknown-unknown","clientId":"c"},` +
		`"request":{"userAttributes":{"email":"a@b","name":"Ann"},"validationData":null,"clientMetadata":{"k":"v"}},` +
		`"response":{"autoConfirmUser":false,"autoVerifyEmail":false,"autoVerifyPhone":false}}`
	if got != want {
		t.Errorf("called with\n%s\nwant\n%s", got, want)
	}
	bare := scene
	bare.ClientID, bare.Version = "", "3"
	if _, err := trigger.PreTokenV2.Call(t.Context(), d, arn, bare, trigger.PreTokenRequestV2{}); err != nil {
		t.Error(err)
	}
	for _, part := range []string{`"version":"3"`, `"clientId":"CLIENT_ID_NOT_APPLICABLE"`, `"userAttributes":{}`, `"groupConfiguration":null`, `"scopes":[]`, `"clientMetadata":null`, `"response":{"claimsAndScopeOverrideDetails":null}`} {
		if !strings.Contains(got, part) {
			t.Errorf("there is no %s in %s", part, got)
		}
	}
}

// TestNoFunction calls nothing without an ARN, and refuses with one and nothing to run it.
func TestNoFunction(t *testing.T) {
	if _, err := trigger.PostConfirmation.Call(t.Context(), nil, "", scene, trigger.PostConfirmationRequest{}); err != nil {
		t.Error(err)
	}
	_, err := trigger.PostConfirmation.Call(t.Context(), nil, arn, scene, trigger.PostConfirmationRequest{})
	wantFault(t, "no runner", err, "UnexpectedLambdaException", "PostConfirmation invocation failed due to error InternalErrorException.")
}

// TestAnswers takes the response of an answer, and nothing that is none (checklist 60).
func TestAnswers(t *testing.T) {
	for text, want := range map[string]trigger.PreSignUpResponse{
		`{"response":{}}`: {}, `{"response":{"autoConfirmUser":true,"autoVerifyEmail":null,"other":[1]},"userName":"eve","request":7}`: {AutoConfirmUser: true},
		` {"response" : {"autoVerifyPhone":true} } `: {AutoVerifyPhone: true},
	} {
		if got, err := answers(t, text); err != nil || got != want {
			t.Errorf("%s: %+v, %v", text, got, err)
		}
	}
	for _, text := range []string{
		"", "null", "true", `"text"`, "[]", "{}", `{"response":7}`, `{"response":{"autoConfirmUser":"true"}}`, `{"response":{"autoConfirmUser":1}}`,
		`{"response":{}`, `{"response":{}}{}`, `{"response":{"autoConfirmUser":true,"autoConfirmUser":false}}`, "{\"response\":{\"x\":\"\xff\"}}",
		`{"response":` + strings.Repeat("[", 20000) + strings.Repeat("]", 20000) + "}",
		`{"response":{"x":"` + strings.Repeat("x", trigger.MaxAnswer) + `"}}`,
	} {
		got, err := answers(t, text)
		wantFault(t, text[:min(len(text), 60)], err, "InvalidLambdaResponseException", "Unrecognizable lambda output")
		if got != (trigger.PreSignUpResponse{}) {
			t.Errorf("%.60s: took %+v", text, got)
		}
	}
}

// TestFailures tells each failure in Cognito's words, and its cause to the log alone.
func TestFailures(t *testing.T) {
	for what, test := range map[string]struct {
		err        error
		code, text string
	}{
		"thrown":        {&trigger.Thrown{Type: "Error", Message: "Not you"}, "UserLambdaValidationException", "PreSignUp failed with error Not you."},
		"not there":     {&trigger.Unreachable{Code: "ResourceNotFoundException", Cause: errors.New("inner")}, "UnexpectedLambdaException", "PreSignUp invocation failed due to error ResourceNotFoundException."},
		"anything else": {errors.New("inner"), "UnexpectedLambdaException", "PreSignUp invocation failed due to error InternalErrorException."},
	} {
		var log bytes.Buffer
		calls := 0
		d := trigger.New(function(func(context.Context, string, []byte) ([]byte, error) { calls++; return nil, test.err }), slog.New(slog.NewTextHandler(&log, nil)))
		_, err := trigger.PreSignUp.Call(t.Context(), d, arn, scene, trigger.PreSignUpRequest{UserAttributes: trigger.Attributes{"email": "secret@example.com"}})
		wantFault(t, what, err, test.code, test.text)
		if calls != 1 {
			t.Errorf("%s: %d calls", what, calls)
		}
		if text := log.String(); !strings.Contains(text, "function="+arn) || strings.Contains(text, "secret@") || strings.Contains(err.Error(), "inner") {
			t.Errorf("%s: logged %s", what, text)
		}
	}
}

// TestLate tries a function three times that does not answer within five seconds, but not for a caller that is gone.
func TestLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		calls := 0
		d := trigger.New(function(func(ctx context.Context, _ string, event []byte) ([]byte, error) {
			if calls++; calls == 3 && t.Name() != "" && ctx.Value(never{}) == nil {
				return event, nil
			}
			<-ctx.Done()
			return nil, ctx.Err()
		}), slog.New(slog.DiscardHandler))
		call := func(ctx context.Context) (time.Duration, error) {
			calls = 0
			begun := time.Now()
			_, err := trigger.PreSignUp.Call(ctx, d, arn, scene, trigger.PreSignUpRequest{})
			return time.Since(begun), err
		}
		if took, err := call(t.Context()); err != nil || took != 10*time.Second {
			t.Errorf("the third time: %v after %v", err, took)
		}
		took, err := call(context.WithValue(t.Context(), never{}, true))
		wantFault(t, "never", err, "UnexpectedLambdaException", "PreSignUp invocation failed due to error Socket timeout while invoking Lambda function.")
		if took != 15*time.Second || calls != 3 {
			t.Errorf("never: %d calls in %v", calls, took)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if took, err := call(ctx); err == nil || took != time.Second || calls != 1 {
			t.Errorf("a caller that goes: %v after %v and %d calls", err, took, calls)
		}
	})
}

type never struct{}

// TestGroupOverride tells no groups from nothing said.
func TestGroupOverride(t *testing.T) {
	for text, want := range map[string]struct {
		there bool
		n     int
	}{
		`{}`: {}, `{"groupOverrideDetails":null}`: {there: true}, `{"groupOverrideDetails":{}}`: {there: true},
		`{"groupOverrideDetails":{"groupsToOverride":["a","b"],"preferredRole":null}}`: {true, 2},
	} {
		d := trigger.New(function(func(context.Context, string, []byte) ([]byte, error) {
			return []byte(`{"response":{"claimsOverrideDetails":` + text + `}}`), nil
		}), slog.New(slog.DiscardHandler))
		got, err := trigger.PreTokenV1.Call(t.Context(), d, arn, scene, trigger.PreTokenRequestV1{})
		if err != nil || got.Details == nil || got.Details.Groups.There != want.there || len(got.Details.Groups.To.GroupsToOverride) != want.n {
			t.Errorf("%s: %+v, %v", text, got.Details, err)
		}
	}
}

// FuzzAnswer takes any answer without a panic, and either a response or a fault.
func FuzzAnswer(f *testing.F) {
	for _, seed := range []string{`{"response":{}}`, `{"response":{"claimsAndScopeOverrideDetails":{"idTokenGeneration":{"claimsToAddOrOverride":{"a":[1,{"b":null}]}},"groupOverrideDetails":null}}}`,
		`{"response":{"challengeName":"CUSTOM_CHALLENGE","issueTokens":null,"publicChallengeParameters":{"a":"b"},"challengeMetadata":"m"}}`, "{", ""} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, answer []byte) {
		d := trigger.New(function(func(context.Context, string, []byte) ([]byte, error) { return answer, nil }), slog.New(slog.DiscardHandler))
		_, err := trigger.PreTokenV2.Call(t.Context(), d, arn, scene, trigger.PreTokenRequestV2{})
		next, err2 := trigger.DefineAuthChallenge.Call(t.Context(), d, arn, scene, trigger.DefineAuthChallengeRequest{})
		if err2 == nil {
			_, err2 = next.Next()
		}
		_, err3 := trigger.CreateAuthChallenge.Call(t.Context(), d, arn, scene, trigger.CreateAuthChallengeRequest{})
		for _, err := range []error{err, err2, err3} {
			if _, ok := errors.AsType[*fault.Error](err); err != nil && !ok {
				t.Fatal(err)
			}
		}
	})
}
