package e2e

import (
	"encoding/json"
	"slices"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	idp "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider/document"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider/types"
	"github.com/descope/virtualwebauthn"
)

// allow lets users of a pool choose between first factors.
func allow(factors ...types.AuthFactorType) func(*idp.CreateUserPoolInput) {
	return func(in *idp.CreateUserPoolInput) {
		in.Policies = &types.UserPoolPolicyType{SignInPolicy: &types.SignInPolicyType{AllowedFirstAuthFactors: factors}}
	}
}

// choose begins a sign-in by USER_AUTH; more are parameters by turns of name and value.
func (k *kit) choose(t *testing.T, name *string, more ...string) *idp.InitiateAuthOutput {
	t.Helper()
	parameters := map[string]string{"USERNAME": *name}
	for i := 0; i < len(more); i += 2 {
		parameters[more[i]] = more[i+1]
	}
	out, err := k.InitiateAuth(k.ctx, &idp.InitiateAuthInput{ClientId: k.client, AuthFlow: types.AuthFlowTypeUserAuth, AuthParameters: parameters})
	ok(t, err)
	return out
}

// answer answers a challenge.
func (k *kit) answer(challenge types.ChallengeNameType, session, name *string, key, value string) (*idp.RespondToAuthChallengeOutput, error) {
	return k.RespondToAuthChallenge(k.ctx, &idp.RespondToAuthChallengeInput{ClientId: k.client, ChallengeName: challenge, Session: session,
		ChallengeResponses: map[string]string{"USERNAME": *name, key: value}})
}

func TestFirstFactorIsChosen(t *testing.T) {
	k := newKit(t, allow(types.AuthFactorTypePassword, types.AuthFactorTypeEmailOtp))
	name := k.user(t, "choose")
	step := k.choose(t, name)
	want := []types.ChallengeNameType{types.ChallengeNameTypePasswordSrp, types.ChallengeNameTypePassword, types.ChallengeNameTypeEmailOtp}
	if step.ChallengeName != types.ChallengeNameTypeSelectChallenge || !slices.Equal(step.AvailableChallenges, want) || step.AuthenticationResult != nil {
		t.Fatalf("%+v", step)
	}
	_, err := k.answer(step.ChallengeName, step.Session, name, "ANSWER", "WEB_AUTHN")
	refused[*types.InvalidParameterException](t, err, "")
	mailed, err := k.answer(step.ChallengeName, step.Session, name, "ANSWER", "EMAIL_OTP")
	ok(t, err)
	if mailed.ChallengeName != types.ChallengeNameTypeEmailOtp || mailed.ChallengeParameters["CODE_DELIVERY_DESTINATION"] != "e***@e***" {
		t.Fatalf("%+v", mailed)
	}
	code := lastMail(t, *name+"@example.com", "Authentication").Code
	_, err = k.answer(mailed.ChallengeName, mailed.Session, name, "EMAIL_OTP_CODE", *otherThan(code))
	refused[*types.CodeMismatchException](t, err, "Invalid code or auth state for the user.")
	done, err := k.answer(mailed.ChallengeName, mailed.Session, name, "EMAIL_OTP_CODE", code)
	ok(t, err)
	if got := claims(t, done.AuthenticationResult.AccessToken)["username"]; got != *name {
		t.Errorf("tokens of %v", got)
	}
	if again, err := k.answer(mailed.ChallengeName, mailed.Session, name, "EMAIL_OTP_CODE", code); err == nil {
		t.Errorf("the code was good twice: %+v", again)
	}
}

func TestPreferredFirstFactor(t *testing.T) {
	k := newKit(t, allow(types.AuthFactorTypePassword, types.AuthFactorTypeEmailOtp))
	name := k.user(t, "prefer")
	if out := k.choose(t, name, "PREFERRED_CHALLENGE", "EMAIL_OTP"); out.ChallengeName != types.ChallengeNameTypeEmailOtp || len(out.AvailableChallenges) != 3 {
		t.Errorf("%+v", out)
	}
	if out := k.choose(t, name, "PREFERRED_CHALLENGE", "PASSWORD", "PASSWORD", password); out.AuthenticationResult == nil {
		t.Errorf("%+v", out)
	}
	factors, err := k.GetUserAuthFactors(k.ctx, &idp.GetUserAuthFactorsInput{AccessToken: k.tokens(t, name, password).AccessToken})
	ok(t, err)
	if want := []types.AuthFactorType{types.AuthFactorTypePassword, types.AuthFactorTypeEmailOtp}; !slices.Equal(factors.ConfiguredUserAuthFactors, want) {
		t.Errorf("%+v", factors.ConfiguredUserAuthFactors)
	}
}

func TestSessionOfTheConfirmationSignsIn(t *testing.T) {
	k := newKit(t)
	name := unique("auto")
	email := *name + "@example.com"
	made, err := k.SignUp(k.ctx, &idp.SignUpInput{ClientId: k.client, Username: name, Password: aws.String(password), UserAttributes: attributes("email", email)})
	ok(t, err)
	confirmed, err := k.ConfirmSignUp(k.ctx, &idp.ConfirmSignUpInput{ClientId: k.client, Username: name, Session: made.Session,
		ConfirmationCode: aws.String(lastMail(t, email, "SignUp").Code)})
	ok(t, err)
	signIn := &idp.InitiateAuthInput{ClientId: k.client, AuthFlow: types.AuthFlowTypeUserAuth, Session: confirmed.Session,
		AuthParameters: map[string]string{"USERNAME": *name}}
	done, err := k.InitiateAuth(k.ctx, signIn)
	ok(t, err)
	if done.AuthenticationResult == nil || claims(t, done.AuthenticationResult.IdToken)["sub"] != *made.UserSub {
		t.Errorf("%+v", done)
	}
	_, err = k.InitiateAuth(k.ctx, signIn)
	refused[*types.NotAuthorizedException](t, err, "Invalid session for the user, session can only be used once.")
}

// passkey is an authenticator with one passkey, which signs by RSA, as that of Windows does.
type passkey struct {
	site   virtualwebauthn.RelyingParty
	device virtualwebauthn.Authenticator
	key    virtualwebauthn.Credential
}

// register makes a passkey for the user of an access token, on a page of localhost.
func (k *kit) register(t *testing.T, access *string) *passkey {
	t.Helper()
	begun, err := k.StartWebAuthnRegistration(k.ctx, &idp.StartWebAuthnRegistrationInput{AccessToken: access})
	ok(t, err)
	text, err := begun.CredentialCreationOptions.MarshalSmithyDocument()
	ok(t, err)
	options, err := virtualwebauthn.ParseAttestationOptions(string(text))
	ok(t, err)
	p := &passkey{
		site:   virtualwebauthn.RelyingParty{ID: options.RelyingPartyID, Origin: "http://localhost:3000"},
		device: virtualwebauthn.NewAuthenticatorWithOptions(virtualwebauthn.AuthenticatorOptions{UserHandle: []byte(options.UserID)}),
		key:    virtualwebauthn.NewCredential(virtualwebauthn.KeyTypeRSA),
	}
	var made map[string]any
	ok(t, json.Unmarshal([]byte(virtualwebauthn.CreateAttestationResponse(p.site, p.device, p.key, *options)), &made))
	complete := &idp.CompleteWebAuthnRegistrationInput{AccessToken: access, Credential: document.NewLazyDocument(made)}
	_, err = k.CompleteWebAuthnRegistration(k.ctx, complete)
	ok(t, err)
	_, err = k.CompleteWebAuthnRegistration(k.ctx, complete)
	refused[*types.WebAuthnChallengeNotFoundException](t, err, "")
	return p
}

// prove answers the options of a sign-in.
func (p *passkey) prove(t *testing.T, parameters map[string]string) string {
	t.Helper()
	options, err := virtualwebauthn.ParseAssertionOptions(parameters["CREDENTIAL_REQUEST_OPTIONS"])
	ok(t, err)
	p.key.Counter++
	return virtualwebauthn.CreateAssertionResponse(p.site, p.device, p.key, *options)
}

func TestPasskey(t *testing.T) {
	k := newKit(t, allow(types.AuthFactorTypePassword, types.AuthFactorTypeWebAuthn))
	_, err := k.SetUserPoolMfaConfig(k.ctx, &idp.SetUserPoolMfaConfigInput{UserPoolId: k.poolID,
		WebAuthnConfiguration: &types.WebAuthnConfigurationType{RelyingPartyId: aws.String("localhost")}})
	ok(t, err)
	name, other := k.user(t, "passkey"), k.user(t, "other")
	access := k.tokens(t, name, password).AccessToken
	mine, others := k.register(t, access), k.register(t, k.tokens(t, other, password).AccessToken)

	step := k.choose(t, name, "PREFERRED_CHALLENGE", "WEB_AUTHN")
	if step.ChallengeName != types.ChallengeNameTypeWebAuthn {
		t.Fatalf("%+v", step)
	}
	_, err = k.answer(step.ChallengeName, step.Session, name, "CREDENTIAL", others.prove(t, step.ChallengeParameters))
	refused[*types.NotAuthorizedException](t, err, "")
	proof := mine.prove(t, step.ChallengeParameters)
	done, err := k.answer(step.ChallengeName, step.Session, name, "CREDENTIAL", proof)
	ok(t, err)
	if got := claims(t, done.AuthenticationResult.AccessToken)["username"]; got != *name {
		t.Errorf("tokens of %v", got)
	}
	_, err = k.answer(step.ChallengeName, step.Session, name, "CREDENTIAL", proof)
	refused[*types.NotAuthorizedException](t, err, "")

	list, err := k.ListWebAuthnCredentials(k.ctx, &idp.ListWebAuthnCredentialsInput{AccessToken: access})
	ok(t, err)
	if len(list.Credentials) != 1 || *list.Credentials[0].RelyingPartyId != "localhost" || list.Credentials[0].CreatedAt.IsZero() {
		t.Fatalf("%+v", list.Credentials)
	}
	remove := &idp.DeleteWebAuthnCredentialInput{AccessToken: access, CredentialId: list.Credentials[0].CredentialId}
	_, err = k.DeleteWebAuthnCredential(k.ctx, remove)
	ok(t, err)
	_, err = k.DeleteWebAuthnCredential(k.ctx, remove)
	refused[*types.ResourceNotFoundException](t, err, "")
	if out := k.choose(t, name, "PREFERRED_CHALLENGE", "WEB_AUTHN"); out.ChallengeName != types.ChallengeNameTypeSelectChallenge {
		t.Errorf("%+v", out)
	}
}
