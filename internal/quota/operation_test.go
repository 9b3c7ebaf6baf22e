package quota

import (
	"slices"
	"testing"

	"cognate/api"
	"cognate/api/cognate"
	"cognate/api/identity"
	"cognate/api/idp"
)

// unlimited are the operations without a category: those of identity pools for which Cognito names no rate.
var unlimited = []string{
	"CreateIdentityPool", "DeleteIdentityPool", "DescribeIdentity", "DescribeIdentityPool", "GetIdentityPoolRoles",
	"GetPrincipalTagAttributeMap", "ListIdentityPools", "LookupDeveloperIdentity", "MergeDeveloperIdentities", "SetIdentityPoolRoles",
	"SetPrincipalTagAttributeMap", "UnlinkDeveloperIdentity", "UnlinkIdentity", "UpdateIdentityPool",
}

// TestEveryOperationHasACategory holds the table to the models: each operation is in one category, or named here as in none, and
// the table has no other.
func TestEveryOperationHasACategory(t *testing.T) {
	known := map[string]bool{}
	for _, s := range []*api.Service{idp.Service, cognate.Service, identity.Service} {
		for _, op := range s.Operations {
			known[op.Name] = true
			c, none := categoryOf(op), s == identity.Service && slices.Contains(unlimited, op.Name)
			if (c == nil) != none {
				t.Errorf("%s.%s: the category is %v, and none is wanted: %t", s.TargetPrefix, op.Name, c, none)
			}
		}
	}
	seen := map[string]bool{}
	for _, c := range userPools {
		for _, name := range c.operations {
			if seen[name] || !known[name] {
				t.Errorf("%s is in two categories, or no operation", name)
			}
			seen[name] = true
		}
	}
}

// TestCategoriesOfCognito holds some of the table to the developer guide, by hand.
func TestCategoriesOfCognito(t *testing.T) {
	for name, want := range map[*api.Descriptor]struct {
		category   string
		rate       int64
		adjustable bool
	}{
		idp.InitiateAuth.Descriptor:                   {"UserAuthentication", 120, true},
		idp.ConfirmSignUp.Descriptor:                  {"UserCreation", 50, true},
		idp.ChangePassword.Descriptor:                 {"UserAccountRecovery", 30, false},
		idp.GetUser.Descriptor:                        {"UserRead", 120, true},
		idp.DeleteUser.Descriptor:                     {"UserUpdate", 25, false},
		idp.RevokeToken.Descriptor:                    {"UserToken", 120, true},
		idp.ListDevices.Descriptor:                    {"UserResourceRead", 50, true},
		idp.ConfirmDevice.Descriptor:                  {"UserResourceUpdate", 25, false},
		idp.ListUsers.Descriptor:                      {"UserList", 30, false},
		idp.ListUserPools.Descriptor:                  {"UserPoolRead", 15, false},
		idp.UpdateUserPool.Descriptor:                 {"UserPoolUpdate", 15, false},
		idp.ListGroups.Descriptor:                     {"UserPoolResourceRead", 20, false},
		idp.TagResource.Descriptor:                    {"UserPoolResourceUpdate", 15, false},
		idp.ListUserPoolClients.Descriptor:            {"UserPoolClientRead", 15, false},
		idp.DeleteUserPoolClient.Descriptor:           {"UserPoolClientUpdate", 15, false},
		cognate.GetClientToken.Descriptor:             {"ClientAuthentication", 150, false},
		idp.GetProvisionedLimit.Descriptor:            {"LimitManagement", 1, false},
		identity.GetId.Descriptor:                     {"GetId", 25, false},
		identity.TagResource.Descriptor:               {"IdentityPoolTagResource", 5, false},
		identity.GetOpenIdToken.Descriptor:            {"GetOpenIdToken", 200, false},
		identity.ListTagsForResource.Descriptor:       {"IdentityPoolListTagsForResource", 10, false},
		identity.DeleteIdentities.Descriptor:          {"DeleteIdentities", 10, false},
		idp.RespondToAuthChallenge.Descriptor:         {"UserAuthentication", 120, true},
		idp.GetTokensFromRefreshToken.Descriptor:      {"UserAuthentication", 120, true},
		idp.ResendConfirmationCode.Descriptor:         {"UserResourceRead", 50, true},
		idp.AdminRemoveUserFromGroup.Descriptor:       {"UserUpdate", 25, false},
		idp.AdminListUserAuthEvents.Descriptor:        {"UserResourceRead", 50, true},
		idp.SetRiskConfiguration.Descriptor:           {"UserPoolResourceUpdate", 15, false},
		idp.DescribeUserPoolClient.Descriptor:         {"UserPoolClientRead", 15, false},
		idp.DescribeRiskConfiguration.Descriptor:      {"UserPoolResourceRead", 20, false},
		idp.UpdateUserPoolClient.Descriptor:           {"UserPoolClientUpdate", 15, false},
		idp.AdminUpdateUserAttributes.Descriptor:      {"UserUpdate", 25, false},
		idp.AdminSetUserMFAPreference.Descriptor:      {"UserResourceUpdate", 25, false},
		idp.AdminConfirmSignUp.Descriptor:             {"UserCreation", 50, true},
		idp.AdminResetUserPassword.Descriptor:         {"UserAccountRecovery", 30, false},
		idp.ListUsersInGroup.Descriptor:               {"UserList", 30, false},
		idp.AdminGetUserAuthFactors.Descriptor:        {"UserRead", 120, true},
		identity.GetCredentialsForIdentity.Descriptor: {"GetCredentialsForIdentity", 200, false},
	} {
		c := categoryOf(name)
		if c == nil || c.name != want.category || c.rate != want.rate || c.adjustable != want.adjustable {
			t.Errorf("%s: %+v, want %+v", name.Name, c, want)
		}
	}
}
