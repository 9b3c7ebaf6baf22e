package e2e

import (
	"slices"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	idp "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider/types"
)

func TestSignUpAndConfirm(t *testing.T) {
	k := newKit(t)
	name := unique("sign-up")
	email := *name + "@example.com"
	signUp := &idp.SignUpInput{ClientId: k.client, Username: name, Password: aws.String(password), UserAttributes: attributes("email", email)}
	made, err := k.SignUp(k.ctx, signUp)
	ok(t, err)
	if made.UserConfirmed || made.CodeDeliveryDetails == nil || aws.ToString(made.CodeDeliveryDetails.Destination) != "e***@e***" ||
		made.CodeDeliveryDetails.DeliveryMedium != types.DeliveryMediumTypeEmail {
		t.Errorf("%+v", made)
	}
	_, err = k.SignUp(k.ctx, signUp)
	refused[*types.UsernameExistsException](t, err, "User already exists")
	_, err = k.signIn(name, password)
	refused[*types.UserNotConfirmedException](t, err, "User is not confirmed.")

	code := lastMail(t, email, "SignUp").Code
	confirm := &idp.ConfirmSignUpInput{ClientId: k.client, Username: name, ConfirmationCode: otherThan(code)}
	_, err = k.ConfirmSignUp(k.ctx, confirm)
	refused[*types.CodeMismatchException](t, err, "Invalid verification code provided, please try again.")
	confirm.ConfirmationCode = &code
	_, err = k.ConfirmSignUp(k.ctx, confirm)
	ok(t, err)
	_, err = k.ConfirmSignUp(k.ctx, confirm)
	refused[*types.NotAuthorizedException](t, err, "User cannot be confirmed. Current status is CONFIRMED")

	id := claims(t, k.tokens(t, name, password).IdToken)
	if id["sub"] != *made.UserSub || id["email"] != email || id["email_verified"] != true || id["cognito:username"] != *name {
		t.Errorf("%v", id)
	}
}

func TestSignUpRefusesAWeakPassword(t *testing.T) {
	k := newKit(t)
	_, err := k.SignUp(k.ctx, &idp.SignUpInput{ClientId: k.client, Username: unique("weak"), Password: aws.String("Sh0rt!")})
	refused[*types.InvalidPasswordException](t, err, "Password did not conform with policy: Password not long enough")
}

func TestForgottenPassword(t *testing.T) {
	k := newKit(t)
	name := k.user(t, "forgot")
	_, err := k.ForgotPassword(k.ctx, &idp.ForgotPasswordInput{ClientId: k.client, Username: name})
	ok(t, err)
	code := lastMail(t, *name+"@example.com", "ForgotPassword").Code
	next := "N3w-Horse!x"
	confirm := &idp.ConfirmForgotPasswordInput{ClientId: k.client, Username: name, ConfirmationCode: otherThan(code), Password: &next}
	_, err = k.ConfirmForgotPassword(k.ctx, confirm)
	refused[*types.CodeMismatchException](t, err, "Invalid verification code provided, please try again.")
	confirm.ConfirmationCode = &code
	_, err = k.ConfirmForgotPassword(k.ctx, confirm)
	ok(t, err)
	_, err = k.signIn(name, password)
	refused[*types.NotAuthorizedException](t, err, "Incorrect username or password.")
	k.tokens(t, name, next)
}

func TestAdminCreatesReadsUpdatesAndDeletes(t *testing.T) {
	k := newKit(t)
	name := unique("made")
	create := &idp.AdminCreateUserInput{UserPoolId: k.poolID, Username: name, MessageAction: types.MessageActionTypeSuppress,
		UserAttributes: attributes("email", *name+"@example.com", "name", "Zoë 🐴")}
	made, err := k.AdminCreateUser(k.ctx, create)
	ok(t, err)
	if made.User.UserStatus != types.UserStatusTypeForceChangePassword || !made.User.Enabled || value(made.User.Attributes, "name") != "Zoë 🐴" {
		t.Errorf("%+v", made.User)
	}
	_, err = k.AdminCreateUser(k.ctx, create)
	refused[*types.UsernameExistsException](t, err, "User account already exists")

	who := &idp.AdminGetUserInput{UserPoolId: k.poolID, Username: name}
	got, err := k.AdminGetUser(k.ctx, who)
	ok(t, err)
	if value(got.UserAttributes, "sub") != value(made.User.Attributes, "sub") || got.UserCreateDate.IsZero() || !got.UserCreateDate.Equal(*made.User.UserCreateDate) {
		t.Errorf("%+v", got)
	}
	_, err = k.AdminUpdateUserAttributes(k.ctx, &idp.AdminUpdateUserAttributesInput{UserPoolId: k.poolID, Username: name, UserAttributes: attributes("name", "Zoë", "locale", "pl")})
	ok(t, err)
	_, err = k.AdminDeleteUserAttributes(k.ctx, &idp.AdminDeleteUserAttributesInput{UserPoolId: k.poolID, Username: name, UserAttributeNames: []string{"locale"}})
	ok(t, err)
	got, err = k.AdminGetUser(k.ctx, who)
	ok(t, err)
	if value(got.UserAttributes, "name") != "Zoë" || value(got.UserAttributes, "locale") != "" {
		t.Errorf("%+v", got.UserAttributes)
	}

	_, err = k.AdminDeleteUser(k.ctx, &idp.AdminDeleteUserInput{UserPoolId: k.poolID, Username: name})
	ok(t, err)
	_, err = k.AdminGetUser(k.ctx, who)
	refused[*types.UserNotFoundException](t, err, "User does not exist.")
}

func TestListUsers(t *testing.T) {
	k := newKit(t)
	var want []string
	for _, what := range []string{"a", "b", "c"} {
		want = append(want, *k.user(t, what))
	}
	slices.Sort(want)
	pages := idp.NewListUsersPaginator(k, &idp.ListUsersInput{UserPoolId: k.poolID, Filter: aws.String(`username ^= "e2e-go-"`), Limit: aws.Int32(2)})
	var got []string
	for pages.HasMorePages() {
		page, err := pages.NextPage(k.ctx)
		ok(t, err)
		for _, u := range page.Users {
			got = append(got, *u.Username)
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	found, err := k.ListUsers(k.ctx, &idp.ListUsersInput{UserPoolId: k.poolID, Filter: aws.String(`email = "` + want[1] + `@example.com"`)})
	ok(t, err)
	if len(found.Users) != 1 || *found.Users[0].Username != want[1] {
		t.Errorf("%+v", found.Users)
	}
	_, err = k.ListUsers(k.ctx, &idp.ListUsersInput{UserPoolId: k.poolID, Filter: aws.String(`custom:foo = "x"`)})
	refused[*types.InvalidParameterException](t, err, "Invalid search attribute: custom:foo")
}

func TestNewPasswordRequired(t *testing.T) {
	k := newKit(t)
	name := unique("invited")
	_, err := k.AdminCreateUser(k.ctx, &idp.AdminCreateUserInput{UserPoolId: k.poolID, Username: name, DesiredDeliveryMediums: []types.DeliveryMediumType{types.DeliveryMediumTypeEmail},
		UserAttributes: attributes("email", *name+"@example.com")})
	ok(t, err)
	step, err := k.signIn(name, lastMail(t, *name+"@example.com", "AdminCreateUser").Code)
	ok(t, err)
	if step.ChallengeName != types.ChallengeNameTypeNewPasswordRequired || step.AuthenticationResult != nil {
		t.Fatalf("%+v", step)
	}
	answer := &idp.RespondToAuthChallengeInput{ClientId: k.client, ChallengeName: step.ChallengeName, Session: step.Session,
		ChallengeResponses: map[string]string{"USERNAME": *name, "NEW_PASSWORD": "short"}}
	_, err = k.RespondToAuthChallenge(k.ctx, answer)
	refused[*types.InvalidPasswordException](t, err, "Password does not conform to policy: Password not long enough")
	answer.ChallengeResponses["NEW_PASSWORD"] = password
	done, err := k.RespondToAuthChallenge(k.ctx, answer)
	ok(t, err)
	if claims(t, done.AuthenticationResult.AccessToken)["username"] != *name {
		t.Errorf("%+v", done.AuthenticationResult)
	}
	k.tokens(t, name, password)
}

func TestSessionsEnd(t *testing.T) {
	k := newKit(t)
	name := k.user(t, "session")
	one, two := k.tokens(t, name, password), k.tokens(t, name, password)
	_, err := k.RevokeToken(k.ctx, &idp.RevokeTokenInput{ClientId: k.client, Token: one.RefreshToken})
	ok(t, err)
	_, err = k.GetUser(k.ctx, &idp.GetUserInput{AccessToken: one.AccessToken})
	refused[*types.NotAuthorizedException](t, err, "Access Token has been revoked")
	me, err := k.GetUser(k.ctx, &idp.GetUserInput{AccessToken: two.AccessToken})
	ok(t, err)
	if *me.Username != *name {
		t.Errorf("%+v", me)
	}
	_, err = k.GlobalSignOut(k.ctx, &idp.GlobalSignOutInput{AccessToken: two.AccessToken})
	ok(t, err)
	_, err = k.GetUser(k.ctx, &idp.GetUserInput{AccessToken: two.AccessToken})
	refused[*types.NotAuthorizedException](t, err, "Access Token has been revoked")
	_, err = k.InitiateAuth(k.ctx, &idp.InitiateAuthInput{ClientId: k.client, AuthFlow: types.AuthFlowTypeRefreshTokenAuth, AuthParameters: map[string]string{"REFRESH_TOKEN": *two.RefreshToken}})
	refused[*types.NotAuthorizedException](t, err, "Refresh Token has been revoked")
}

func TestErrorsAreTyped(t *testing.T) {
	k := newKit(t)
	name := k.user(t, "typed")
	_, err := k.signIn(name, "wrong")
	refused[*types.NotAuthorizedException](t, err, "Incorrect username or password.")
	_, err = k.signIn(unique("nobody"), "wrong")
	refused[*types.UserNotFoundException](t, err, "User does not exist.")
	_, err = k.DescribeUserPool(k.ctx, &idp.DescribeUserPoolInput{UserPoolId: aws.String("us-east-1_NoSuch000")})
	refused[*types.ResourceNotFoundException](t, err, "User pool us-east-1_NoSuch000 does not exist.")
	_, err = k.GetUser(k.ctx, &idp.GetUserInput{AccessToken: aws.String("not.a.token")})
	refused[*types.NotAuthorizedException](t, err, "Invalid Access Token")
	_, err = k.AdminConfirmSignUp(k.ctx, &idp.AdminConfirmSignUpInput{UserPoolId: k.poolID, Username: name})
	refused[*types.NotAuthorizedException](t, err, "User cannot be confirmed. Current status is CONFIRMED")
	_, err = k.AdminUpdateUserAttributes(k.ctx, &idp.AdminUpdateUserAttributesInput{UserPoolId: k.poolID, Username: name, UserAttributes: attributes("custom:none", "x")})
	refused[*types.InvalidParameterException](t, err, "")
}
