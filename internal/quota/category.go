package quota

// category is operations that share a rate, as the developer guide has them ("Quotas in Amazon Cognito").
type category struct {
	name       string
	rate       int64 // requests a second, where nobody has said otherwise
	adjustable bool  // by UpdateProvisionedLimit
	perPool    bool  // each of its operations is held to [poolRate] at one pool
	user       use
	operations []string
}

// use is how operations of a category use the one user whom they are about.
type use byte

const (
	nobody use = iota
	reads
	writes
)

// The categories that are counted elsewhere than at their operations.
const (
	UserAuthentication   = "UserAuthentication"
	UserCreation         = "UserCreation"
	UserFederation       = "UserFederation"
	UserAccountRecovery  = "UserAccountRecovery"
	UserToken            = "UserToken"
	UserResourceRead     = "UserResourceRead"
	ClientAuthentication = "ClientAuthentication"
	// TokenRedemption is the exchange of codes for tokens, which has as much as UserAuthentication by itself.
	TokenRedemption = "TokenRedemption"
)

// challengeResponses is the share of UserAuthentication that answers to challenges have before they count as sign-ins.
const challengeResponses = "ChallengeResponses"

// userPools are the categories of user pools' operations. Those that the developer guide does not list are with the ones that they
// are most like: see cognito-divergences.md.
var userPools = []category{
	{name: UserAuthentication, rate: 120, adjustable: true, user: reads, operations: []string{
		"InitiateAuth", "AdminInitiateAuth", "RespondToAuthChallenge", "AdminRespondToAuthChallenge", "GetTokensFromRefreshToken",
	}},
	{name: UserCreation, rate: 50, adjustable: true, user: writes, operations: []string{
		"SignUp", "ConfirmSignUp", "AdminCreateUser", "AdminConfirmSignUp",
	}},
	{name: UserFederation, rate: 25, adjustable: true},
	{name: UserAccountRecovery, rate: 30, user: writes, operations: []string{
		"ChangePassword", "ConfirmForgotPassword", "ForgotPassword", "AdminResetUserPassword", "AdminSetUserPassword",
	}},
	{name: "UserRead", rate: 120, adjustable: true, user: reads, operations: []string{
		"AdminGetUser", "AdminGetUserAuthFactors", "GetUser", "GetUserAuthFactors",
	}},
	{name: "UserUpdate", rate: 25, user: writes, operations: []string{
		"AdminAddUserToGroup", "AdminDeleteUserAttributes", "AdminUpdateUserAttributes", "AdminDeleteUser", "AdminDisableUser",
		"AdminEnableUser", "AdminLinkProviderForUser", "AdminDisableProviderForUser", "VerifyUserAttribute", "DeleteUser",
		"DeleteUserAttributes", "UpdateUserAttributes", "AdminUserGlobalSignOut", "GlobalSignOut", "AdminRemoveUserFromGroup",
		"EndUserSession", "AdminEndUserSession", "AdminSoftDeleteUser", "AdminRestoreUser",
	}},
	{name: UserToken, rate: 120, adjustable: true, user: reads, operations: []string{"RevokeToken"}},
	{name: UserResourceRead, rate: 50, adjustable: true, user: reads, operations: []string{
		"AdminGetDevice", "AdminListGroupsForUser", "AdminListDevices", "GetDevice", "ListDevices", "GetUserAttributeVerificationCode",
		"ResendConfirmationCode", "AdminListUserAuthEvents", "ListWebAuthnCredentials",
		"ListUserSessions", "AdminListUserSessions", "DescribeRecoveryCodes",
	}},
	{name: "UserResourceUpdate", rate: 25, user: writes, operations: []string{
		"AdminForgetDevice", "AdminUpdateAuthEventFeedback", "AdminSetUserMFAPreference", "AdminDeleteSoftwareToken", "AdminSetUserSettings",
		"AdminUpdateDeviceStatus", "UpdateDeviceStatus", "UpdateAuthEventFeedback", "ConfirmDevice", "SetUserMFAPreference",
		"SetUserSettings", "VerifySoftwareToken", "AssociateSoftwareToken", "ForgetDevice",
		"StartWebAuthnRegistration", "CompleteWebAuthnRegistration", "DeleteWebAuthnCredential",
		"CreateRecoveryCodes", "DeleteRecoveryCodes", "AdminDeleteRecoveryCodes",
	}},
	{name: "UserList", rate: 30, operations: []string{"ListUsers", "ListUsersInGroup", "ListDeletedUsers"}},
	{name: "UserPoolRead", rate: 15, operations: []string{"DescribeUserPool", "ListUserPools", "ListUserPoolReplicas", "ListDeletedUserPools"}},
	{name: "UserPoolUpdate", rate: 15, operations: []string{
		"CreateUserPool", "UpdateUserPool", "DeleteUserPool", "CreateUserPoolReplica", "UpdateUserPoolReplica", "DeleteUserPoolReplica",
		"ChangeUserPool", "SoftDeleteUserPool", "RestoreUserPool",
	}},
	{name: "UserPoolResourceRead", rate: 20, perPool: true, operations: []string{
		"DescribeIdentityProvider", "DescribeResourceServer", "DescribeUserImportJob", "DescribeUserPoolDomain", "GetCSVHeader", "GetGroup",
		"GetSigningCertificate", "GetIdentityProviderByIdentifier", "GetUserPoolMfaConfig", "ListGroups", "ListIdentityProviders",
		"ListResourceServers", "ListTagsForResource", "ListUserImportJobs", "DescribeRiskConfiguration", "GetUICustomization",
		"DescribeManagedLoginBranding", "DescribeManagedLoginBrandingByClient",
		"DescribeTerms", "DescribeTermsByClient", "ListTerms", "GetLogDeliveryConfiguration", "ListSigningKeys",
	}},
	{name: "UserPoolResourceUpdate", rate: 15, perPool: true, operations: []string{
		"AddCustomAttributes", "CreateGroup", "CreateIdentityProvider", "CreateResourceServer", "CreateUserImportJob", "CreateUserPoolDomain",
		"DeleteGroup", "DeleteIdentityProvider", "DeleteResourceServer", "DeleteUserPoolDomain", "SetUserPoolMfaConfig",
		"StartUserImportJob", "StopUserImportJob", "UpdateGroup", "UpdateIdentityProvider", "UpdateResourceServer", "UpdateUserPoolDomain",
		"SetRiskConfiguration", "SetUICustomization", "TagResource", "UntagResource", "CreateManagedLoginBranding",
		"UpdateManagedLoginBranding", "DeleteManagedLoginBranding",
		"CreateTerms", "UpdateTerms", "DeleteTerms", "SetLogDeliveryConfiguration", "RotateSigningKeys", "RevokeSigningKey",
	}},
	{name: "UserPoolClientRead", rate: 15, perPool: true, operations: []string{
		"DescribeUserPoolClient", "ListUserPoolClients", "ListUserPoolClientSecrets", "GetClaimMapping",
	}},
	{name: "UserPoolClientUpdate", rate: 15, perPool: true, operations: []string{
		"CreateUserPoolClient", "DeleteUserPoolClient", "UpdateUserPoolClient", "AddUserPoolClientSecret", "DeleteUserPoolClientSecret",
		"SetClaimMapping",
	}},
	{name: ClientAuthentication, rate: 150, operations: []string{"GetClientToken"}},
	{name: "LimitManagement", rate: 1, operations: []string{"GetProvisionedLimit", "UpdateProvisionedLimit"}},
}

// identityPools are the operations of identity pools that have a rate, each by itself. The others have none.
var identityPools = []category{
	{name: "GetId", rate: 25}, {name: "GetOpenIdToken", rate: 200}, {name: "GetCredentialsForIdentity", rate: 200},
	{name: "GetOpenIdTokenForDeveloperIdentity", rate: 50}, {name: "ListIdentities", rate: 5}, {name: "DeleteIdentities", rate: 10},
	{name: "IdentityPoolTagResource", rate: 5, operations: []string{"TagResource"}},
	{name: "IdentityPoolUntagResource", rate: 5, operations: []string{"UntagResource"}},
	{name: "IdentityPoolListTagsForResource", rate: 10, operations: []string{"ListTagsForResource"}},
}

// find returns the category of a name; nil when there is none.
func find(name string) *category {
	for _, list := range [][]category{userPools, identityPools} {
		for i := range list {
			if list[i].name == name {
				return &list[i]
			}
		}
	}
	return nil
}
