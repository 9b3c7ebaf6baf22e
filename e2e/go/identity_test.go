package e2e

import (
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentity"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentity/types"
)

// identityKit is a client of identity pools, and one for those of a kit's users and for guests, which is deleted at its end.
type identityKit struct {
	*kit
	*cognitoidentity.Client
	provider *string // the key of logins
	id       *string
}

func newIdentityKit(t *testing.T) *identityKit {
	k := newKit(t)
	c := cognitoidentity.New(cognitoidentity.Options{
		Region: "us-east-1", BaseEndpoint: aws.String(server(t)), RetryMaxAttempts: 1,
		Credentials: credentials.NewStaticCredentialsProvider("AKIAEXAMPLEEXAMPLE12", "example", ""),
	})
	_, host, _ := strings.Cut(server(t), "://")
	i := &identityKit{kit: k, Client: c, provider: aws.String(host + "/" + *k.poolID)}
	made, err := c.CreateIdentityPool(k.ctx, &cognitoidentity.CreateIdentityPoolInput{
		IdentityPoolName: unique("identities"), AllowUnauthenticatedIdentities: true, AllowClassicFlow: aws.Bool(true),
		CognitoIdentityProviders: []types.CognitoIdentityProvider{{ProviderName: i.provider, ClientId: k.client, ServerSideTokenCheck: aws.Bool(true)}},
		IdentityPoolTags:         map[string]string{"stage": "test"},
	})
	ok(t, err)
	i.id = made.IdentityPoolId
	t.Cleanup(func() {
		_, err := c.DeleteIdentityPool(k.ctx, &cognitoidentity.DeleteIdentityPoolInput{IdentityPoolId: i.id})
		ok(t, err)
		_, err = c.DescribeIdentityPool(k.ctx, &cognitoidentity.DescribeIdentityPoolInput{IdentityPoolId: i.id})
		refused[*types.ResourceNotFoundException](t, err, "IdentityPool '"+*i.id+"' not found.")
	})
	return i
}

func TestIdentityPoolSettings(t *testing.T) {
	i := newIdentityKit(t)
	if !strings.HasPrefix(*i.id, "us-east-1:") {
		t.Errorf("the id is %s", *i.id)
	}
	described, err := i.DescribeIdentityPool(i.ctx, &cognitoidentity.DescribeIdentityPoolInput{IdentityPoolId: i.id})
	ok(t, err)
	users := described.CognitoIdentityProviders
	if !described.AllowUnauthenticatedIdentities || !aws.ToBool(described.AllowClassicFlow) || len(users) != 1 ||
		*users[0].ProviderName != *i.provider || !aws.ToBool(users[0].ServerSideTokenCheck) {
		t.Errorf("the pool is %+v", described)
	}
	updated, err := i.UpdateIdentityPool(i.ctx, &cognitoidentity.UpdateIdentityPoolInput{IdentityPoolId: i.id,
		IdentityPoolName: aws.String("renamed"), SupportedLoginProviders: map[string]string{"graph.facebook.com": "7346241598935552"}})
	ok(t, err)
	if *updated.IdentityPoolName != "renamed" || updated.AllowUnauthenticatedIdentities || updated.AllowClassicFlow != nil ||
		updated.CognitoIdentityProviders != nil || len(updated.IdentityPoolTags) != 0 || updated.SupportedLoginProviders["graph.facebook.com"] == "" {
		t.Errorf("the updated pool is %+v", updated)
	}
	var names []string
	pages := cognitoidentity.NewListIdentityPoolsPaginator(i.Client, &cognitoidentity.ListIdentityPoolsInput{MaxResults: aws.Int32(1)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(i.ctx)
		ok(t, err)
		for _, p := range page.IdentityPools {
			if *p.IdentityPoolId == *i.id {
				names = append(names, *p.IdentityPoolName)
			}
		}
	}
	if !slices.Equal(names, []string{"renamed"}) {
		t.Errorf("the pool is listed as %v", names)
	}
	_, err = i.UpdateIdentityPool(i.ctx, &cognitoidentity.UpdateIdentityPoolInput{IdentityPoolId: i.id,
		IdentityPoolName: aws.String("renamed"), SupportedLoginProviders: map[string]string{"unknown.example": "1"}})
	refused[*types.InvalidParameterException](t, err, "unknown.example is not a supported login provider.")
}

func TestIdentityPoolRolesAndTags(t *testing.T) {
	i := newIdentityKit(t)
	roles := map[string]string{"authenticated": "arn:aws:iam::123456789012:role/in"}
	mappings := map[string]types.RoleMapping{*i.provider + ":" + *i.client: {
		Type: types.RoleMappingTypeRules, AmbiguousRoleResolution: types.AmbiguousRoleResolutionTypeDeny,
		RulesConfiguration: &types.RulesConfigurationType{Rules: []types.MappingRule{{Claim: aws.String("cognito:groups"),
			MatchType: types.MappingRuleMatchTypeContains, Value: aws.String("a"), RoleARN: aws.String("arn:aws:iam::123456789012:role/a")}}},
	}}
	_, err := i.SetIdentityPoolRoles(i.ctx, &cognitoidentity.SetIdentityPoolRolesInput{IdentityPoolId: i.id, Roles: roles, RoleMappings: mappings})
	ok(t, err)
	got, err := i.GetIdentityPoolRoles(i.ctx, &cognitoidentity.GetIdentityPoolRolesInput{IdentityPoolId: i.id})
	ok(t, err)
	rules := got.RoleMappings[*i.provider+":"+*i.client].RulesConfiguration
	if got.Roles["authenticated"] != roles["authenticated"] || rules == nil || *rules.Rules[0].Value != "a" {
		t.Errorf("the roles are %+v", got)
	}
	set, err := i.SetPrincipalTagAttributeMap(i.ctx, &cognitoidentity.SetPrincipalTagAttributeMapInput{IdentityPoolId: i.id,
		IdentityProviderName: i.provider, PrincipalTags: map[string]string{"tenant": "custom:tenant"}})
	ok(t, err)
	tags, err := i.GetPrincipalTagAttributeMap(i.ctx, &cognitoidentity.GetPrincipalTagAttributeMapInput{IdentityPoolId: i.id, IdentityProviderName: i.provider})
	ok(t, err)
	if set.PrincipalTags["tenant"] != "custom:tenant" || tags.PrincipalTags["tenant"] != "custom:tenant" || aws.ToBool(tags.UseDefaults) {
		t.Errorf("the principal tags are %+v and %+v", set, tags)
	}
	arn := aws.String("arn:aws:cognito-identity:us-east-1:000000000000:identitypool/" + *i.id)
	_, err = i.TagResource(i.ctx, &cognitoidentity.TagResourceInput{ResourceArn: arn, Tags: map[string]string{"cost": "7"}})
	ok(t, err)
	_, err = i.UntagResource(i.ctx, &cognitoidentity.UntagResourceInput{ResourceArn: arn, TagKeys: []string{"stage"}})
	ok(t, err)
	listed, err := i.ListTagsForResource(i.ctx, &cognitoidentity.ListTagsForResourceInput{ResourceArn: arn})
	ok(t, err)
	if len(listed.Tags) != 1 || listed.Tags["cost"] != "7" {
		t.Errorf("the tags are %v", listed.Tags)
	}
}

func TestIdentities(t *testing.T) {
	i := newIdentityKit(t)
	guest, err := i.GetId(i.ctx, &cognitoidentity.GetIdInput{IdentityPoolId: i.id})
	ok(t, err)
	tokens := i.tokens(t, i.user(t, "member"), password)
	_, iss, _ := strings.Cut(claims(t, tokens.IdToken)["iss"].(string), "://")
	if iss != *i.provider {
		t.Fatalf("the issuer is %s, want %s", iss, *i.provider)
	}
	logins := map[string]string{iss: *tokens.IdToken}
	member, err := i.GetId(i.ctx, &cognitoidentity.GetIdInput{IdentityPoolId: i.id, Logins: logins})
	ok(t, err)
	again, err := i.GetId(i.ctx, &cognitoidentity.GetIdInput{IdentityPoolId: i.id, Logins: logins})
	ok(t, err)
	if *member.IdentityId != *again.IdentityId || *member.IdentityId == *guest.IdentityId {
		t.Errorf("the identities are %s, %s and %s", *guest.IdentityId, *member.IdentityId, *again.IdentityId)
	}
	_, err = i.GetId(i.ctx, &cognitoidentity.GetIdInput{IdentityPoolId: i.id, Logins: map[string]string{iss: *tokens.AccessToken}})
	refused[*types.NotAuthorizedException](t, err, "Invalid login token. Missing a required claim: aud")
	described, err := i.DescribeIdentity(i.ctx, &cognitoidentity.DescribeIdentityInput{IdentityId: member.IdentityId})
	ok(t, err)
	if !slices.Equal(described.Logins, []string{iss}) || described.CreationDate == nil || described.LastModifiedDate == nil {
		t.Errorf("the identity is %+v", described)
	}
	_, err = i.UnlinkIdentity(i.ctx, &cognitoidentity.UnlinkIdentityInput{IdentityId: member.IdentityId, Logins: logins, LoginsToRemove: []string{iss}})
	ok(t, err)
	enabled, err := i.ListIdentities(i.ctx, &cognitoidentity.ListIdentitiesInput{IdentityPoolId: i.id, MaxResults: aws.Int32(60), HideDisabled: true})
	ok(t, err)
	if len(enabled.Identities) != 1 || *enabled.Identities[0].IdentityId != *guest.IdentityId {
		t.Errorf("the enabled identities are %+v", enabled.Identities)
	}
	deleted, err := i.DeleteIdentities(i.ctx, &cognitoidentity.DeleteIdentitiesInput{IdentityIdsToDelete: []string{*guest.IdentityId, "us-east-1:00"}})
	ok(t, err)
	if len(deleted.UnprocessedIdentityIds) != 1 || *deleted.UnprocessedIdentityIds[0].IdentityId != "us-east-1:00" {
		t.Errorf("not deleted: %+v", deleted.UnprocessedIdentityIds)
	}
}
