// Command challenge is an unchanged function for custom challenges, as it would be in Lambda: it asks for a sum, three times at most.
package main

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"
)

func define(e events.CognitoEventUserPoolsDefineAuthChallenge) (any, error) {
	e.Response.ChallengeName = "CUSTOM_CHALLENGE"
	wrong := 0
	for i, c := range e.Request.Session {
		last := i == len(e.Request.Session)-1
		switch {
		case last && c.ChallengeName == "SRP_A":
			e.Response.ChallengeName = "PASSWORD_VERIFIER"
		case last && c.ChallengeName == "CUSTOM_CHALLENGE" && c.ChallengeResult:
			e.Response.IssueTokens = true
		case c.ChallengeName == "CUSTOM_CHALLENGE" && !c.ChallengeResult:
			wrong++
		}
	}
	e.Response.FailAuthentication = wrong == 3
	return e, nil
}

func create(e events.CognitoEventUserPoolsCreateAuthChallenge) (any, error) {
	n := len(e.Request.Session)
	e.Response.PublicChallengeParameters = map[string]string{"sum": fmt.Sprintf("%d + 2", n), "from": "go"}
	e.Response.PrivateChallengeParameters = map[string]string{"answer": fmt.Sprint(n + 2)}
	e.Response.ChallengeMetadata = fmt.Sprintf("SUM_%d", n)
	return e, nil
}

func verify(e events.CognitoEventUserPoolsVerifyAuthChallenge) (any, error) {
	if e.Request.ClientMetadata["never"] != "" {
		return nil, errors.New("Not now")
	}
	e.Response.AnswerCorrect = e.Request.ChallengeAnswer == e.Request.PrivateChallengeParameters["answer"]
	return e, nil
}

// answer decodes an event for its handler.
func answer[E any](text json.RawMessage, handle func(E) (any, error)) (any, error) {
	var e E
	if err := json.Unmarshal(text, &e); err != nil {
		return nil, err
	}
	return handle(e)
}

func main() {
	lambda.Start(func(event json.RawMessage) (any, error) {
		var header events.CognitoEventUserPoolsHeader
		if err := json.Unmarshal(event, &header); err != nil {
			return nil, err
		}
		switch header.TriggerSource {
		case "DefineAuthChallenge_Authentication":
			return answer(event, define)
		case "CreateAuthChallenge_Authentication":
			return answer(event, create)
		}
		return answer(event, verify)
	})
}
