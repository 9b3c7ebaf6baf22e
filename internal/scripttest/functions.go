package scripttest

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"strings"

	"cognate/internal/trigger"
	"cognate/internal/trigger/builtin"
	"cognate/internal/user"
)

// The functions that a script's pool can name: arn:aws:lambda:us-east-1:000000000000:function:<name>.
const (
	riddle  = "riddle"                                   // see [answerRiddle]
	appPage = "https://app.test/sign-in#code={code}&x=1" // of magic-link
)

// functions runs the functions of scripts: riddle, email-code and magic-link.
func (h *House) functions() *trigger.Dispatcher {
	runners := runners{riddle: function(answerRiddle)}
	for name, url := range map[string]string{builtin.EmailCode: "", builtin.MagicLink: appPage} {
		r, err := builtin.New(builtin.Config{Name: name, URL: url, Sender: mailer{h}})
		if err != nil {
			panic(err)
		}
		runners[name] = r
	}
	return trigger.New(runners, slog.New(slog.DiscardHandler))
}

type runners map[string]trigger.Runner

func (r runners) Invoke(ctx context.Context, arn string, event []byte) ([]byte, error) {
	f, _ := trigger.ParseARN(arn)
	if r[f.Name] == nil {
		return nil, &trigger.Unreachable{Code: "ResourceNotFoundException", Cause: errors.New(arn)}
	}
	return r[f.Name].Invoke(ctx, arn, event)
}

type function func(event []byte) ([]byte, error)

func (f function) Invoke(_ context.Context, _ string, event []byte) ([]byte, error) { return f(event) }

type mailer struct{ *House }

func (m mailer) Send(ctx context.Context, mail builtin.Mail) (string, error) {
	p, c, err := m.Pools.PoolClient(ctx, mail.PoolID, mail.ClientID)
	if err != nil {
		return "", err
	}
	return m.Users.SendChallengeCode(ctx, p, c, user.ChallengeCode{Sub: mail.Sub, Name: mail.Name, Code: mail.Code, Link: mail.Link, Metadata: mail.Metadata})
}

// answerRiddle is a function that asks what is green, up to three times, after the password where a sign-in begins with that. What comes
// along in the metadata of an answer has it throw that, or answer that as the response: {"throw":"..."}, {"say":"..."}, of the trigger
// that {"at":"..."} begins the name of.
func answerRiddle(event []byte) ([]byte, error) {
	var e struct {
		Source  string `json:"triggerSource"`
		Request struct {
			Session  []trigger.ChallengeResult `json:"session"`
			Private  map[string]string         `json:"privateChallengeParameters"`
			Answer   string                    `json:"challengeAnswer"`
			Metadata map[string]string         `json:"clientMetadata"`
		}
	}
	if err := json.Unmarshal(event, &e); err != nil {
		return nil, err
	}
	if r := e.Request.Metadata; r["at"] != "" && strings.HasPrefix(e.Source, r["at"]) {
		if r["throw"] != "" {
			return nil, &trigger.Thrown{Type: "Error", Message: r["throw"]}
		}
		return []byte(`{"response":` + r["say"] + `}`), nil
	}
	var response any
	switch e.Source {
	case trigger.SourceDefineAuthChallenge:
		response = map[string]any{"challengeName": "CUSTOM_CHALLENGE"}
		if n := len(e.Request.Session); n > 0 {
			last := e.Request.Session[n-1]
			switch {
			case last.Name == trigger.ChallengeSRP:
				response = map[string]any{"challengeName": "PASSWORD_VERIFIER"}
			case last.Name == "CUSTOM_CHALLENGE":
				response = map[string]any{"challengeName": last.Name, "issueTokens": last.Result, "failAuthentication": n >= 3 && !last.Result}
			}
		}
	case trigger.SourceCreateAuthChallenge:
		response = map[string]any{"publicChallengeParameters": map[string]string{"riddle": "What is green?"}, "privateChallengeParameters": map[string]string{"answer": "grass"}}
	case trigger.SourceVerifyAuthChallenge:
		response = map[string]any{"answerCorrect": e.Request.Answer == e.Request.Private["answer"]}
	default:
		return event, nil
	}
	return json.Marshal(map[string]any{"response": response})
}
