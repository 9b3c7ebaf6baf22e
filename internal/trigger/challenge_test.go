package trigger_test

import (
	"context"
	"log/slog"
	"strings"
	"testing"

	"cognate/internal/trigger"
)

// challenged are the events of the challenges' triggers, with what each is answered.
func challenged(t *testing.T, answer string) (events []string, define trigger.DefineAuthChallengeResponse, create trigger.CreateAuthChallengeResponse, verify trigger.VerifyAuthChallengeResponse, errs [3]error) {
	t.Helper()
	d := trigger.New(function(func(_ context.Context, _ string, event []byte) ([]byte, error) {
		events = append(events, string(event))
		if answer == "" {
			return event, nil
		}
		return []byte(answer), nil
	}), slog.New(slog.DiscardHandler))
	at := func(source string) trigger.Scene {
		return trigger.Scene{Source: source, Region: "us-east-1", PoolID: "us-east-1_AbCdEf123", ClientID: "c", UserName: "ann"}
	}
	ann := trigger.Attributes{"sub": "s"}
	session := []trigger.ChallengeResult{{Name: trigger.ChallengeSRP, Result: true}, {Name: "CUSTOM_CHALLENGE", Metadata: new("ROUND_1")}}
	define, errs[0] = trigger.DefineAuthChallenge.Call(t.Context(), d, arn, at(trigger.SourceDefineAuthChallenge), trigger.DefineAuthChallengeRequest{UserAttributes: ann, Session: session})
	create, errs[1] = trigger.CreateAuthChallenge.Call(t.Context(), d, arn, at(trigger.SourceCreateAuthChallenge), trigger.CreateAuthChallengeRequest{
		UserAttributes: ann, ChallengeName: "CUSTOM_CHALLENGE", ClientMetadata: trigger.Metadata{"k": "v"}, UserNotFound: true,
	})
	verify, errs[2] = trigger.VerifyAuthChallenge.Call(t.Context(), d, arn, at(trigger.SourceVerifyAuthChallenge), trigger.VerifyAuthChallengeRequest{
		Private: map[string]string{"b": "2", "a": "1"}, Answer: "7",
	})
	return events, define, create, verify, errs
}

// TestChallengeEvents holds the documents of the three calls to the letter.
func TestChallengeEvents(t *testing.T) {
	events, _, _, _, errs := challenged(t, "")
	if errs != [3]error{} {
		t.Fatal(errs)
	}
	const middle = `_Authentication","region":"us-east-1","userPoolId":"us-east-1_AbCdEf123","userName":"ann","callerContext":{"awsSdkVersion":"aws-sdk-unknown-unknown","clientId":"c"},"request":`
	for i, want := range []string{
		`{"version":"1","triggerSource":"DefineAuthChallenge` + middle + `{"userAttributes":{"sub":"s"},"session":[{"challengeName":"SRP_A","challengeResult":true,"challengeMetadata":null},` +
			`{"challengeName":"CUSTOM_CHALLENGE","challengeResult":false,"challengeMetadata":"ROUND_1"}],"clientMetadata":null,"userNotFound":false},` +
			`"response":{"challengeName":null,"issueTokens":null,"failAuthentication":null}}`,
		`{"version":"1","triggerSource":"CreateAuthChallenge` + middle + `{"userAttributes":{"sub":"s"},"challengeName":"CUSTOM_CHALLENGE","session":[],"clientMetadata":{"k":"v"},"userNotFound":true},` +
			`"response":{"publicChallengeParameters":null,"privateChallengeParameters":null,"challengeMetadata":null}}`,
		`{"version":"1","triggerSource":"VerifyAuthChallengeResponse` + middle + `{"userAttributes":{},"privateChallengeParameters":{"a":"1","b":"2"},"challengeAnswer":"7","clientMetadata":null,"userNotFound":false},` +
			`"response":{"answerCorrect":null}}`,
	} {
		if events[i] != want {
			t.Errorf("called with\n%s\nwant\n%s", events[i], want)
		}
	}
}

// TestChallengeAnswers takes what the members may be, and nothing of another type.
func TestChallengeAnswers(t *testing.T) {
	for response, want := range map[string]string{
		`{"issueTokens":true}`: "tokens", `{"failAuthentication":true}`: "failure", `{"issueTokens":true,"failAuthentication":true}`: "failure",
		`{"issueTokens":true,"challengeName":"CUSTOM_CHALLENGE"}`: "tokens", `{"failAuthentication":true,"challengeName":"CUSTOM_CHALLENGE"}`: "failure",
		`{"challengeName":"CUSTOM_CHALLENGE","issueTokens":false,"failAuthentication":false}`: "CUSTOM_CHALLENGE",
		`{"challengeName":"SRP_A"}`: "PASSWORD_VERIFIER", `{"challengeName":"PASSWORD_VERIFIER","issueTokens":null}`: "PASSWORD_VERIFIER",
		`{"challengeName":"NEW_PASSWORD_REQUIRED"}`: "NEW_PASSWORD_REQUIRED",
		`{}`: "", `{"challengeName":""}`: "", `{"challengeName":null,"issueTokens":false,"failAuthentication":false}`: "",
		`{"challengeName":"tokens"}`: "", `{"challengeName":"SMS_MFA"}`: "", `{"challengeName":"custom_challenge"}`: "",
	} {
		_, define, _, _, errs := challenged(t, `{"response":`+response+`}`)
		got, err := define.Next()
		if errs[0] != nil || got != want {
			t.Errorf("%s: %s, %v", response, got, errs[0])
		}
		if (err != nil) != (want == "") {
			t.Errorf("%s: %v", response, err)
		}
		if err != nil {
			wantFault(t, response, err, "InvalidLambdaResponseException", "Unrecognizable lambda output")
		}
	}
	_, _, create, verify, errs := challenged(t, `{"response":{"publicChallengeParameters":{"q":"?"},"privateChallengeParameters":null,"challengeMetadata":"m","answerCorrect":true}}`)
	if errs[1] != nil || create.Public["q"] != "?" || create.Private != nil || *create.Metadata != "m" || errs[2] != nil || !verify.Right() {
		t.Errorf("%+v, %+v, %v", create, verify, errs)
	}
	for _, none := range []string{`{}`, `{"answerCorrect":null}`, `{"answerCorrect":false}`, `{"AnswerCorrect":true}`} {
		if _, _, _, verify, errs := challenged(t, `{"response":`+none+`}`); errs[2] != nil || verify.Right() {
			t.Errorf("%s is right: %v", none, errs[2])
		}
	}
}

// TestChallengeGarbage refuses wrong types in each of the three responses.
func TestChallengeGarbage(t *testing.T) {
	for i, all := range [][]string{
		{`{"challengeName":7}`, `{"challengeName":["CUSTOM_CHALLENGE"]}`, `{"issueTokens":"true"}`, `{"issueTokens":1}`, `{"failAuthentication":{}}`, `[]`, `null7`},
		{`{"publicChallengeParameters":"x"}`, `{"publicChallengeParameters":{"a":1}}`, `{"publicChallengeParameters":[]}`, `{"privateChallengeParameters":{"a":{}}}`, `{"challengeMetadata":7}`, `"x"`},
		{`{"answerCorrect":"true"}`, `{"answerCorrect":1}`, `{"answerCorrect":[true]}`, `7`, `{"answerCorrect":true,"answerCorrect":true}`},
	} {
		for _, response := range all {
			_, define, create, verify, errs := challenged(t, `{"response":`+response+`}`)
			wantFault(t, response, errs[i], "InvalidLambdaResponseException", "Unrecognizable lambda output")
			if _, err := define.Next(); i == 0 && err == nil || i == 1 && (create.Public != nil || create.Private != nil) || i == 2 && verify.Right() {
				t.Errorf("%s was taken", response)
			}
		}
	}
	for _, text := range []string{"", "null", "[]", `{}`, strings.Repeat("[", 20000)} {
		_, _, _, _, errs := challenged(t, text+" ")
		for _, err := range errs {
			wantFault(t, text[:min(len(text), 20)], err, "InvalidLambdaResponseException", "Unrecognizable lambda output")
		}
	}
}
