package e2e

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/credentials/stscreds"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentity"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentity/types"
	idp "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	ststypes "github.com/aws/aws-sdk-go-v2/service/sts/types"
	"github.com/aws/smithy-go"
	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/go-jose/go-jose/v4"
)

const (
	roleIn  = "arn:aws:iam::123456789012:role/in"
	roleOut = "arn:aws:iam::123456789012:role/out"
)

// rolesFor gives the pool of a kit roles.
func (i *identityKit) rolesFor(t *testing.T, mappings map[string]types.RoleMapping) {
	t.Helper()
	_, err := i.SetIdentityPoolRoles(i.ctx, &cognitoidentity.SetIdentityPoolRolesInput{
		IdentityPoolId: i.id, Roles: map[string]string{"authenticated": roleIn, "unauthenticated": roleOut}, RoleMappings: mappings,
	})
	ok(t, err)
}

// whoIs asks the server who temporary credentials are.
func whoIs(t *testing.T, p aws.CredentialsProvider) string {
	t.Helper()
	out, err := securityTokens(t, p).GetCallerIdentity(context.Background(), &sts.GetCallerIdentityInput{})
	ok(t, err)
	return *out.Arn
}

func securityTokens(t *testing.T, p aws.CredentialsProvider) *sts.Client {
	return sts.New(sts.Options{Region: "us-east-1", BaseEndpoint: aws.String(server(t)), RetryMaxAttempts: 1, Credentials: p})
}

func static(c *types.Credentials) aws.CredentialsProvider {
	return credentials.NewStaticCredentialsProvider(*c.AccessKeyId, *c.SecretKey, *c.SessionToken)
}

func (i *identityKit) credentials(t *testing.T, id *string, logins map[string]string) *types.Credentials {
	t.Helper()
	out, err := i.GetCredentialsForIdentity(i.ctx, &cognitoidentity.GetCredentialsForIdentityInput{IdentityId: id, Logins: logins})
	ok(t, err)
	if left := time.Until(*out.Credentials.Expiration); left > time.Hour+time.Minute || left < 59*time.Minute {
		t.Errorf("the credentials are good for %v", left)
	}
	return out.Credentials
}

// TestIdentityCredentials gets credentials as a guest, and as a user whose group has a role.
func TestIdentityCredentials(t *testing.T) {
	i := newIdentityKit(t)
	i.rolesFor(t, map[string]types.RoleMapping{*i.provider + ":" + *i.client: {
		Type: types.RoleMappingTypeToken, AmbiguousRoleResolution: types.AmbiguousRoleResolutionTypeAuthenticatedRole,
	}})
	guest, err := i.GetId(i.ctx, &cognitoidentity.GetIdInput{IdentityPoolId: i.id})
	ok(t, err)
	if who := whoIs(t, static(i.credentials(t, guest.IdentityId, nil))); who != "arn:aws:sts::123456789012:assumed-role/out/CognitoIdentityCredentials" {
		t.Errorf("a guest is %s", who)
	}
	name := i.user(t, "member")
	logins := map[string]string{*i.provider: *i.tokens(t, name, password).IdToken}
	if who := whoIs(t, static(i.credentials(t, guest.IdentityId, logins))); who != "arn:aws:sts::123456789012:assumed-role/in/CognitoIdentityCredentials" {
		t.Errorf("a member is %s", who)
	}
	_, err = i.CreateGroup(i.ctx, &idp.CreateGroupInput{UserPoolId: i.poolID, GroupName: aws.String("staff"), RoleArn: aws.String("arn:aws:iam::123456789012:role/staff")})
	ok(t, err)
	_, err = i.AdminAddUserToGroup(i.ctx, &idp.AdminAddUserToGroupInput{UserPoolId: i.poolID, GroupName: aws.String("staff"), Username: name})
	ok(t, err)
	logins[*i.provider] = *i.tokens(t, name, password).IdToken
	c := i.credentials(t, guest.IdentityId, logins)
	if who := whoIs(t, static(c)); who != "arn:aws:sts::123456789012:assumed-role/staff/CognitoIdentityCredentials" {
		t.Errorf("a member of the staff is %s", who)
	}
	_, err = i.GetCredentialsForIdentity(i.ctx, &cognitoidentity.GetCredentialsForIdentityInput{IdentityId: guest.IdentityId, Logins: logins, CustomRoleArn: aws.String(roleIn)})
	refused[*types.NotAuthorizedException](t, err, "Role resolution denied")
	_, err = i.GetCredentialsForIdentity(i.ctx, &cognitoidentity.GetCredentialsForIdentityInput{IdentityId: guest.IdentityId})
	refused[*types.NotAuthorizedException](t, err, "Access to Identity '"+*guest.IdentityId+"' is forbidden.")

	// The credentials are of somebody who may do nothing else here.
	own := cognitoidentity.New(cognitoidentity.Options{Region: "us-east-1", BaseEndpoint: aws.String(server(t)), RetryMaxAttempts: 1, Credentials: static(c)})
	_, err = own.ListIdentityPools(i.ctx, &cognitoidentity.ListIdentityPoolsInput{MaxResults: aws.Int32(1)})
	api, is := errors.AsType[smithy.APIError](err)
	want := "User: arn:aws:sts::123456789012:assumed-role/staff/CognitoIdentityCredentials is not authorized to perform: cognito-identity:ListIdentityPools" +
		" on resource: * because no identity-based policy allows the cognito-identity:ListIdentityPools action"
	if !is || api.ErrorCode() != "AccessDeniedException" || api.ErrorMessage() != want {
		t.Errorf("another operation: %v", err)
	}
}

// token is what the SDK's provider reads tokens from.
type token string

func (t token) GetIdentityToken() ([]byte, error) { return []byte(t), nil }

// TestBasicFlow gets a token for an identity and exchanges it, as older SDKs do, and verifies it as others would.
func TestBasicFlow(t *testing.T) {
	i := newIdentityKit(t)
	i.rolesFor(t, nil)
	guest, err := i.GetId(i.ctx, &cognitoidentity.GetIdInput{IdentityPoolId: i.id})
	ok(t, err)
	out, err := i.GetOpenIdToken(i.ctx, &cognitoidentity.GetOpenIdTokenInput{IdentityId: guest.IdentityId})
	ok(t, err)
	issuer := claims(t, out.Token)["iss"].(string)
	found, err := oidc.NewProvider(i.ctx, issuer)
	ok(t, err)
	verified, err := found.VerifierContext(i.ctx, &oidc.Config{ClientID: *i.id, SupportedSigningAlgs: []string{string(jose.RS512)}}).Verify(i.ctx, *out.Token)
	ok(t, err)
	if verified.Subject != *guest.IdentityId {
		t.Errorf("the token is of %s", verified.Subject)
	}
	provider := stscreds.NewWebIdentityRoleProvider(securityTokens(t, aws.AnonymousCredentials{}), roleOut, token(*out.Token),
		func(o *stscreds.WebIdentityRoleOptions) { o.RoleSessionName = "mine" })
	if who := whoIs(t, provider); who != "arn:aws:sts::123456789012:assumed-role/out/mine" {
		t.Errorf("a guest is %s", who)
	}
	_, err = securityTokens(t, aws.AnonymousCredentials{}).AssumeRoleWithWebIdentity(i.ctx, &sts.AssumeRoleWithWebIdentityInput{
		RoleArn: aws.String(roleIn), RoleSessionName: aws.String("mine"), WebIdentityToken: out.Token,
	})
	api, is := errors.AsType[smithy.APIError](err)
	if !is || api.ErrorCode() != "AccessDenied" || api.ErrorMessage() != "Not authorized to perform sts:AssumeRoleWithWebIdentity" {
		t.Errorf("another role: %v", err)
	}
	_, err = securityTokens(t, aws.AnonymousCredentials{}).AssumeRoleWithWebIdentity(i.ctx, &sts.AssumeRoleWithWebIdentityInput{
		RoleArn: aws.String(roleOut), RoleSessionName: aws.String("mine"), WebIdentityToken: aws.String(*out.Token + "x"),
	})
	refused[*ststypes.InvalidIdentityTokenException](t, err, "")
}

// TestDeveloperIdentities is the way of an app that signs its users in itself.
func TestDeveloperIdentities(t *testing.T) {
	i := newIdentityKit(t)
	_, err := i.UpdateIdentityPool(i.ctx, &cognitoidentity.UpdateIdentityPoolInput{IdentityPoolId: i.id, IdentityPoolName: aws.String("own"),
		DeveloperProviderName: aws.String("login.example")})
	ok(t, err)
	i.rolesFor(t, nil)
	tokenOf := func(user string) *cognitoidentity.GetOpenIdTokenForDeveloperIdentityOutput {
		t.Helper()
		out, err := i.GetOpenIdTokenForDeveloperIdentity(i.ctx, &cognitoidentity.GetOpenIdTokenForDeveloperIdentityInput{
			IdentityPoolId: i.id, Logins: map[string]string{"login.example": user}, TokenDuration: aws.Int64(60)})
		ok(t, err)
		return out
	}
	ann, ben := tokenOf("ann"), tokenOf("ben")
	c := i.credentials(t, ann.IdentityId, map[string]string{"cognito-identity.amazonaws.com": *ann.Token})
	if who := whoIs(t, static(c)); who != "arn:aws:sts::123456789012:assumed-role/in/CognitoIdentityCredentials" {
		t.Errorf("ann is %s", who)
	}
	merged, err := i.MergeDeveloperIdentities(i.ctx, &cognitoidentity.MergeDeveloperIdentitiesInput{IdentityPoolId: i.id,
		DeveloperProviderName: aws.String("login.example"), SourceUserIdentifier: aws.String("ann"), DestinationUserIdentifier: aws.String("ben")})
	ok(t, err)
	found, err := i.LookupDeveloperIdentity(i.ctx, &cognitoidentity.LookupDeveloperIdentityInput{IdentityPoolId: i.id, DeveloperUserIdentifier: aws.String("ann")})
	ok(t, err)
	if *merged.IdentityId != *ben.IdentityId || *found.IdentityId != *ben.IdentityId || strings.Join(found.DeveloperUserIdentifierList, " ") != "ann ben" {
		t.Errorf("merged into %s: %+v", *merged.IdentityId, found)
	}
	_, err = i.UnlinkDeveloperIdentity(i.ctx, &cognitoidentity.UnlinkDeveloperIdentityInput{IdentityId: ben.IdentityId, IdentityPoolId: i.id,
		DeveloperProviderName: aws.String("login.example"), DeveloperUserIdentifier: aws.String("ann")})
	ok(t, err)
	_, err = i.GetCredentialsForIdentity(i.ctx, &cognitoidentity.GetCredentialsForIdentityInput{IdentityId: ben.IdentityId,
		Logins: map[string]string{"login.example": "ben"}})
	refused[*types.InvalidParameterException](t, err, "Please provide a valid public provider")
}
