package e2e

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	idp "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider/types"
)

// customKit is a kit whose pool has a function make its challenges, with a client for them.
func customKit(t *testing.T, function string) *kit {
	t.Helper()
	arn := aws.String("arn:aws:lambda:us-east-1:000000000000:function:" + function)
	k := newKit(t, func(in *idp.CreateUserPoolInput) {
		in.LambdaConfig = &types.LambdaConfigType{DefineAuthChallenge: arn, CreateAuthChallenge: arn, VerifyAuthChallengeResponse: arn}
	})
	client, err := k.CreateUserPoolClient(k.ctx, &idp.CreateUserPoolClientInput{UserPoolId: k.poolID, ClientName: aws.String("custom"),
		ExplicitAuthFlows: []types.ExplicitAuthFlowsType{types.ExplicitAuthFlowsTypeAllowCustomAuth}})
	ok(t, err)
	k.client = client.UserPoolClient.ClientId
	return k
}

func (k *kit) begin(name *string) (*idp.AdminInitiateAuthOutput, error) {
	return k.AdminInitiateAuth(k.ctx, &idp.AdminInitiateAuthInput{UserPoolId: k.poolID, ClientId: k.client, AuthFlow: types.AuthFlowTypeCustomAuth,
		AuthParameters: map[string]string{"USERNAME": *name}})
}

func (k *kit) guess(name, session *string, answer string) (*idp.AdminRespondToAuthChallengeOutput, error) {
	return k.AdminRespondToAuthChallenge(k.ctx, &idp.AdminRespondToAuthChallengeInput{UserPoolId: k.poolID, ClientId: k.client,
		ChallengeName: types.ChallengeNameTypeCustomChallenge, Session: session, ChallengeResponses: map[string]string{"USERNAME": *name, "ANSWER": answer}})
}

func TestCustomChallengeByAnAdministrator(t *testing.T) {
	k := customKit(t, "e2e-go")
	name := k.user(t, "custom")
	asked, err := k.begin(name)
	ok(t, err)
	if p := asked.ChallengeParameters; asked.ChallengeName != types.ChallengeNameTypeCustomChallenge || p["sum"] != "0 + 2" || p["from"] != "go" || p["USERNAME"] != *name || len(p) != 3 {
		t.Errorf("%s %v", asked.ChallengeName, p)
	}
	again, err := k.guess(name, asked.Session, "no")
	ok(t, err)
	_, err = k.guess(name, asked.Session, "2")
	refused[*types.NotAuthorizedException](t, err, "Invalid session for the user, session can only be used once.")
	in, err := k.guess(name, again.Session, "3")
	ok(t, err)
	if id := claims(t, in.AuthenticationResult.IdToken); id["cognito:username"] != *name {
		t.Errorf("%v", id)
	}
}

func TestMailedCodeByAnAdministrator(t *testing.T) {
	k := customKit(t, "email-code")
	name := k.user(t, "mailed")
	asked, err := k.begin(name)
	ok(t, err)
	in, err := k.guess(name, asked.Session, lastMail(t, *name+"@example.com", "Authentication").Code)
	ok(t, err)
	if in.AuthenticationResult == nil {
		t.Errorf("asked %s", in.ChallengeName)
	}
}
