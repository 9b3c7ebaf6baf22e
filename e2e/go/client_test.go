package e2e

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	idp "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider/types"
	"github.com/pquerna/otp/totp"

	ours "cognate/api/idp"
	"cognate/client"
)

// app is our own SDK at the kit's app client; settings change its configuration.
func (k *kit) app(t *testing.T, settings ...func(*client.Config)) *client.Client {
	t.Helper()
	c := client.Config{Endpoint: server(t), PoolID: *k.poolID, ClientID: *k.client}
	for _, set := range settings {
		set(&c)
	}
	made, err := client.New(c)
	ok(t, err)
	return made
}

// keeping has a store of the test's.
func keeping(s client.Store) func(*client.Config) {
	return func(c *client.Config) { c.Store = s }
}

// answered expects an error of the service.
func answered(t *testing.T, err error, code string) *client.Error {
	t.Helper()
	var e *client.Error
	if !errors.As(err, &e) || e.Code != code || e.RequestID == "" || e.Status != 400 {
		t.Fatalf("%s was expected, got %v", code, err)
	}
	return e
}

// at expects a step of this kind.
func at[S client.Step](t *testing.T, step client.Step, err error) S {
	t.Helper()
	ok(t, err)
	is, good := step.(S)
	if !good {
		t.Fatalf("%T was expected, got %T", is, step)
	}
	return is
}

// enter signs in with the usual password, to the end.
func enter(t *testing.T, k *kit, c *client.Client, name *string) *client.Session {
	t.Helper()
	step, err := c.SignIn(k.ctx, *name, password)
	return at[*client.Done](t, step, err).Session
}

// signedInAs expects the session of a user, which the client holds and the server takes.
func signedInAs(t *testing.T, k *kit, c *client.Client, name string) *client.Session {
	t.Helper()
	s, err := c.Session(k.ctx)
	ok(t, err)
	me, err := client.Call(k.ctx, c, ours.GetUser, &ours.GetUserRequest{AccessToken: s.Access})
	ok(t, err)
	if me.Username != name || s.Username != name {
		t.Fatalf("signed in as %q, session of %q, want %q", me.Username, s.Username, name)
	}
	return s
}

func TestClientSignsUpAndIn(t *testing.T) {
	k := newKit(t)
	c, name := k.app(t), unique("app")
	email := *name + "@example.com"
	made, err := c.SignUp(k.ctx, client.NewUser{Username: *name, Password: password, Attributes: map[string]string{"email": email}})
	ok(t, err)
	if made.Confirmed || made.Delivery == nil || *made.Delivery != (client.Delivery{Medium: client.Email, Destination: "e***@e***", Attribute: "email"}) {
		t.Errorf("%+v", made)
	}
	_, err = c.SignIn(k.ctx, *name, password)
	answered(t, err, "UserNotConfirmedException")
	answered(t, c.ConfirmSignUp(k.ctx, *name, *otherThan(lastMail(t, email, "SignUp").Code)), "CodeMismatchException")
	_, err = c.ResendSignUpCode(k.ctx, *name)
	ok(t, err)
	ok(t, c.ConfirmSignUp(k.ctx, *name, lastMail(t, email, "ResendCode").Code))
	_, err = c.SignIn(k.ctx, *name, password+"x")
	if e := answered(t, err, "NotAuthorizedException"); e.Message != "Incorrect username or password." {
		t.Errorf("%+v", e)
	}
	if _, err := c.Session(k.ctx); !errors.Is(err, client.ErrNoSession) {
		t.Errorf("before the sign-in: %v", err)
	}
	s := enter(t, k, c, name)
	var id struct {
		Email string `json:"email"`
		Sub   string `json:"sub"`
	}
	ok(t, s.Claims(&id))
	if id.Email != email || id.Sub != made.Subject || s.Subject != made.Subject || s.Refresh == "" || time.Until(s.Expires).Round(time.Minute) != time.Hour {
		t.Errorf("%v %+v", s, id)
	}
	signedInAs(t, k, c, *name)
	if text := fmt.Sprintf("%v %+v %#v", s, *s, s); strings.Contains(text, s.Access) || strings.Contains(text, s.Refresh) {
		t.Error("printing a session shows its tokens")
	}
}

func TestClientResetsPassword(t *testing.T) {
	k := newKit(t)
	c, name := k.app(t), k.user(t, "app-reset")
	_, err := c.ForgotPassword(k.ctx, *name)
	ok(t, err)
	const next = "N3w-Horse!x"
	ok(t, c.ResetPassword(k.ctx, *name, lastMail(t, *name+"@example.com", "ForgotPassword").Code, next))
	_, err = c.SignIn(k.ctx, *name, password)
	answered(t, err, "NotAuthorizedException")
	step, err := c.SignIn(k.ctx, *name, next)
	at[*client.Done](t, step, err)
}

// TestClientWithSecret signs in by an alias, so that the secret's hash must go by the name that the server tells.
func TestClientWithSecret(t *testing.T) {
	k := newKit(t, func(in *idp.CreateUserPoolInput) {
		in.AliasAttributes = []types.AliasAttributeType{types.AliasAttributeTypeEmail}
	})
	made, err := k.CreateUserPoolClient(k.ctx, &idp.CreateUserPoolClientInput{UserPoolId: k.poolID, ClientName: aws.String("secret"), GenerateSecret: true,
		EnableTokenRevocation: aws.Bool(true)})
	ok(t, err)
	secret := func(c *client.Config) {
		c.ClientID, c.ClientSecret = *made.UserPoolClient.ClientId, *made.UserPoolClient.ClientSecret
	}
	c, name := k.app(t, secret), k.user(t, "app-secret")
	email := *name + "@example.com"
	step, err := c.SignIn(k.ctx, email, password)
	at[*client.Done](t, step, err)
	had := signedInAs(t, k, c, *name)
	renewed, err := c.Renew(k.ctx)
	ok(t, err)
	if renewed.Access == had.Access || renewed.Refresh != had.Refresh {
		t.Error("not renewed")
	}
	_, err = c.ForgotPassword(k.ctx, email)
	ok(t, err)
	ok(t, c.SignOut(k.ctx))
	_, err = client.Call(k.ctx, c, ours.GetUser, &ours.GetUserRequest{AccessToken: had.Access})
	answered(t, err, "NotAuthorizedException")
	wrong := k.app(t, secret, func(c *client.Config) { c.ClientSecret += "x" })
	_, err = wrong.SignIn(k.ctx, *name, password)
	answered(t, err, "NotAuthorizedException")
}

func TestClientNewPassword(t *testing.T) {
	k := newKit(t, func(in *idp.CreateUserPoolInput) {
		in.Schema = []types.SchemaAttributeType{{Name: aws.String("name"), AttributeDataType: types.AttributeDataTypeString, Required: aws.Bool(true), Mutable: aws.Bool(true)}}
	})
	c, name := k.app(t), unique("app-invited")
	email := *name + "@example.com"
	_, err := k.AdminCreateUser(k.ctx, &idp.AdminCreateUserInput{UserPoolId: k.poolID, Username: name, UserAttributes: attributes("email", email),
		DesiredDeliveryMediums: []types.DeliveryMediumType{types.DeliveryMediumTypeEmail}})
	ok(t, err)
	begun, err := c.SignIn(k.ctx, *name, lastMail(t, email, "AdminCreateUser").Code)
	step := at[*client.NewPassword](t, begun, err)
	if step.Attributes["email"] != email || len(step.Required) != 1 || step.Required[0] != "name" {
		t.Errorf("%+v, %q", step.Attributes, step.Required)
	}
	_, err = step.Answer(k.ctx, "short", map[string]string{"name": "Ann"})
	answered(t, err, "InvalidPasswordException")
	_, err = step.Answer(k.ctx, password, nil)
	answered(t, err, "InvalidParameterException")
	next, err := step.Answer(k.ctx, password, map[string]string{"name": "Ann"})
	at[*client.Done](t, next, err)
	enter(t, k, c, name)
}

// mfa sets the pool's second factors.
func (k *kit) mfa(t *testing.T, mode types.UserPoolMfaType) {
	t.Helper()
	_, err := k.SetUserPoolMfaConfig(k.ctx, &idp.SetUserPoolMfaConfigInput{UserPoolId: k.poolID, MfaConfiguration: mode,
		SoftwareTokenMfaConfiguration: &types.SoftwareTokenMfaConfigType{Enabled: true},
		SmsMfaConfiguration:           &types.SmsMfaConfigType{SmsConfiguration: &types.SmsConfigurationType{SnsCallerArn: aws.String("arn:aws:iam::000000000000:role/sms")}},
		EmailMfaConfiguration:         &types.EmailMfaConfigType{},
	})
	ok(t, err)
}

// codeNow is the code that an authenticator app shows, in steps of half a minute from now.
func codeNow(t *testing.T, secret string, later int) string {
	t.Helper()
	code, err := totp.GenerateCode(secret, time.Now().Add(time.Duration(later)*30*time.Second))
	ok(t, err)
	return code
}

func TestClientTOTP(t *testing.T) {
	k := newKit(t)
	k.mfa(t, types.UserPoolMfaTypeOn)
	c, name := k.app(t), unique("app-totp")
	_, err := k.AdminCreateUser(k.ctx, &idp.AdminCreateUserInput{UserPoolId: k.poolID, Username: name, MessageAction: types.MessageActionTypeSuppress})
	ok(t, err)
	_, err = k.AdminSetUserPassword(k.ctx, &idp.AdminSetUserPasswordInput{UserPoolId: k.poolID, Username: name, Password: aws.String(password), Permanent: true})
	ok(t, err)
	begun, err := c.SignIn(k.ctx, *name, password)
	set, err := at[*client.SetupMFA](t, begun, err).TOTP(k.ctx)
	ok(t, err)
	if uri := set.URI("Photo shop"); uri != "otpauth://totp/Photo%20shop:"+*name+"?secret="+set.Secret+"&issuer=Photo+shop" {
		t.Errorf("URI %s", uri)
	}
	_, err = set.Answer(k.ctx, *otherThan(codeNow(t, set.Secret, 0)), "phone")
	answered(t, err, "EnableSoftwareTokenMFAException")
	next, err := set.Answer(k.ctx, codeNow(t, set.Secret, 0), "phone")
	at[*client.Done](t, next, err)

	begun, err = c.SignIn(k.ctx, *name, password)
	step := at[*client.MFA](t, begun, err)
	if step.Factor != client.TOTP || step.Destination != "" {
		t.Errorf("%+v", step)
	}
	_, err = step.Answer(k.ctx, *otherThan(codeNow(t, set.Secret, 1)))
	answered(t, err, "CodeMismatchException")
	next, err = step.Answer(k.ctx, codeNow(t, set.Secret, 1))
	at[*client.Done](t, next, err)
}

// phone gives a user a number, and SMS or several factors to use.
func (k *kit) phone(t *testing.T, name *string, settings *idp.AdminSetUserMFAPreferenceInput) string {
	t.Helper()
	number := fmt.Sprintf("+1555%07d", time.Now().UnixNano()/1000%10000000)
	_, err := k.AdminUpdateUserAttributes(k.ctx, &idp.AdminUpdateUserAttributesInput{UserPoolId: k.poolID, Username: name,
		UserAttributes: attributes("phone_number", number, "phone_number_verified", "true")})
	ok(t, err)
	settings.UserPoolId, settings.Username = k.poolID, name
	_, err = k.AdminSetUserMFAPreference(k.ctx, settings)
	ok(t, err)
	return number
}

func TestClientSMS(t *testing.T) {
	k := newKit(t)
	k.mfa(t, types.UserPoolMfaTypeOptional)
	c, name := k.app(t), k.user(t, "app-sms")
	number := k.phone(t, name, &idp.AdminSetUserMFAPreferenceInput{SMSMfaSettings: &types.SMSMfaSettingsType{Enabled: true, PreferredMfa: true}})
	begun, err := c.SignIn(k.ctx, *name, password)
	step := at[*client.MFA](t, begun, err)
	if step.Factor != client.SMS || step.Destination != "+*******"+number[len(number)-4:] {
		t.Errorf("%v to %s", step.Factor, step.Destination)
	}
	code := lastMail(t, number, "Authentication").Code
	_, err = step.Answer(k.ctx, *otherThan(code))
	answered(t, err, "CodeMismatchException")
	next, err := step.Answer(k.ctx, code)
	at[*client.Done](t, next, err)
	signedInAs(t, k, c, *name)
}

func TestClientSelectsSecondFactor(t *testing.T) {
	k := newKit(t)
	k.mfa(t, types.UserPoolMfaTypeOptional)
	c, name := k.app(t), k.user(t, "app-select")
	k.phone(t, name, &idp.AdminSetUserMFAPreferenceInput{SMSMfaSettings: &types.SMSMfaSettingsType{Enabled: true}, EmailMfaSettings: &types.EmailMfaSettingsType{Enabled: true}})
	begun, err := c.SignIn(k.ctx, *name, password)
	step := at[*client.SelectMFA](t, begun, err)
	if len(step.Factors) != 2 {
		t.Errorf("%q", step.Factors)
	}
	if _, err := step.Answer(k.ctx, client.TOTP); err == nil {
		t.Error("a factor was chosen that the user has not")
	}
	chosen, err := step.Answer(k.ctx, client.Email)
	mailed := at[*client.MFA](t, chosen, err)
	if mailed.Factor != client.Email || mailed.Destination != "e***@e***" {
		t.Errorf("%+v", mailed)
	}
	next, err := mailed.Answer(k.ctx, lastMail(t, *name+"@example.com", "Authentication").Code)
	at[*client.Done](t, next, err)
}

func TestClientChoosesFirstFactor(t *testing.T) {
	k := newKit(t, allow(types.AuthFactorTypePassword, types.AuthFactorTypeEmailOtp))
	c, name := k.app(t), k.user(t, "app-choice")
	begun, err := c.SignInByChoice(k.ctx, *name)
	step := at[*client.SelectChallenge](t, begun, err)
	if fmt.Sprint(step.Factors) != "[PASSWORD EMAIL]" {
		t.Errorf("%q", step.Factors)
	}
	sent, err := step.Code(k.ctx, client.Email)
	next, err := at[*client.MFA](t, sent, err).Answer(k.ctx, lastMail(t, *name+"@example.com", "Authentication").Code)
	at[*client.Done](t, next, err)

	begun, err = c.SignInByChoice(k.ctx, *name)
	next, err = at[*client.SelectChallenge](t, begun, err).Password(k.ctx, password)
	at[*client.Done](t, next, err)
	begun, err = c.SignInByChoice(k.ctx, *name)
	_, err = at[*client.SelectChallenge](t, begun, err).Password(k.ctx, password+"x")
	answered(t, err, "NotAuthorizedException")
	begun, err = c.SignInByChoice(k.ctx, *name)
	if _, err := at[*client.SelectChallenge](t, begun, err).Passkey(k.ctx); err == nil {
		t.Error("a passkey was chosen that the user has not")
	}
}

func TestClientPasskey(t *testing.T) {
	k := newKit(t, allow(types.AuthFactorTypePassword, types.AuthFactorTypeWebAuthn))
	_, err := k.SetUserPoolMfaConfig(k.ctx, &idp.SetUserPoolMfaConfigInput{UserPoolId: k.poolID,
		WebAuthnConfiguration: &types.WebAuthnConfigurationType{RelyingPartyId: aws.String("localhost")}})
	ok(t, err)
	c, name := k.app(t), k.user(t, "app-passkey")
	key := k.register(t, &enter(t, k, c, name).Access)
	begun, err := c.SignInByChoice(k.ctx, *name)
	chosen, err := at[*client.SelectChallenge](t, begun, err).Passkey(k.ctx)
	step := at[*client.Passkey](t, chosen, err)
	next, err := step.Answer(k.ctx, key.prove(t, map[string]string{"CREDENTIAL_REQUEST_OPTIONS": step.Options}))
	at[*client.Done](t, next, err)
}
