package trigger

import (
	"errors"

	"cognate/api/idp"
)

// The triggers of sign-ins whose challenges the pool makes itself (CUSTOM_AUTH).
var (
	DefineAuthChallenge = Trigger[DefineAuthChallengeRequest, DefineAuthChallengeResponse]{"DefineAuthChallenge"}
	CreateAuthChallenge = Trigger[CreateAuthChallengeRequest, CreateAuthChallengeResponse]{"CreateAuthChallenge"}
	VerifyAuthChallenge = Trigger[VerifyAuthChallengeRequest, VerifyAuthChallengeResponse]{"VerifyAuthChallengeResponse"}
)

// ChallengeSRP is the entry of a sign-in that begins with SRP: it says no more than that an SRP_A has come.
const ChallengeSRP = "SRP_A"

// ChallengeResult is a challenge of a sign-in that has been answered. Metadata is what CreateAuthChallenge has called it.
type ChallengeResult struct {
	Name     string  `json:"challengeName"`
	Result   bool    `json:"challengeResult"`
	Metadata *string `json:"challengeMetadata"`
}

// DefineAuthChallengeRequest tells what a sign-in has come to, the oldest challenge first. UserNotFound says that
// nobody has the name, where the client hides that.
type DefineAuthChallengeRequest struct {
	UserAttributes Attributes        `json:"userAttributes"`
	Session        []ChallengeResult `json:"session"`
	ClientMetadata Metadata          `json:"clientMetadata"`
	UserNotFound   bool              `json:"userNotFound"`
}

// DefineAuthChallengeResponse is what comes next; what is null or empty is not said. [DefineAuthChallengeResponse.Next]
// judges it.
type DefineAuthChallengeResponse struct {
	ChallengeName      *string `json:"challengeName"`
	IssueTokens        *bool   `json:"issueTokens"`
	FailAuthentication *bool   `json:"failAuthentication"`
}

// What a DefineAuthChallengeResponse can say beside the name of a challenge.
const (
	NextTokens  = "tokens"
	NextFailure = "failure"
)

// Next is [NextTokens], [NextFailure], or the challenge that comes next: CUSTOM_CHALLENGE, PASSWORD_VERIFIER or
// NEW_PASSWORD_REQUIRED. To fail goes before tokens, and both before a challenge. An error is the fault of a response
// that says none of these.
func (r DefineAuthChallengeResponse) Next() (string, error) {
	switch {
	case is(r.FailAuthentication):
		return NextFailure, nil
	case is(r.IssueTokens):
		return NextTokens, nil
	case r.ChallengeName == nil:
		return "", Unrecognizable(errors.New("there is neither a challenge nor an end"))
	}
	switch *r.ChallengeName {
	case ChallengeSRP, idp.ChallengeNameTypePasswordVerifier:
		return idp.ChallengeNameTypePasswordVerifier, nil
	case idp.ChallengeNameTypeCustomChallenge, idp.ChallengeNameTypeNewPasswordRequired:
		return *r.ChallengeName, nil
	}
	return "", Unrecognizable(errors.New("the challenge is none that a function can ask for"))
}

// CreateAuthChallengeRequest is a DefineAuthChallengeRequest for the challenge that is to be made.
type CreateAuthChallengeRequest struct {
	UserAttributes Attributes        `json:"userAttributes"`
	ChallengeName  string            `json:"challengeName"`
	Session        []ChallengeResult `json:"session"`
	ClientMetadata Metadata          `json:"clientMetadata"`
	UserNotFound   bool              `json:"userNotFound"`
}

// CreateAuthChallengeResponse is a challenge: what the app is told of it, what only the function that verifies the
// answer is, and what the challenge is called in the sessions that follow.
type CreateAuthChallengeResponse struct {
	Public   Metadata `json:"publicChallengeParameters"`
	Private  Metadata `json:"privateChallengeParameters"`
	Metadata *string  `json:"challengeMetadata"`
}

// VerifyAuthChallengeRequest is an answer to a challenge, and what the function that has made it wants known.
type VerifyAuthChallengeRequest struct {
	UserAttributes Attributes        `json:"userAttributes"`
	Private        map[string]string `json:"privateChallengeParameters"`
	Answer         string            `json:"challengeAnswer"`
	ClientMetadata Metadata          `json:"clientMetadata"`
	UserNotFound   bool              `json:"userNotFound"`
}

// VerifyAuthChallengeResponse says whether the answer is right. What says nothing says no.
type VerifyAuthChallengeResponse struct {
	Correct *bool `json:"answerCorrect"`
}

// Right reports whether the answer is right.
func (r VerifyAuthChallengeResponse) Right() bool { return is(r.Correct) }

func is(b *bool) bool { return b != nil && *b }
