package idpserver

import (
	"cognate/api"
	"cognate/api/cognate"
	"cognate/api/idp"
	"cognate/internal/awsjson"
)

// Register serves the operations on m. An operation of the model that has no line here answers that it
// is not available, and stands as open in docs/coverage.md.
func (s *Service) Register(m *awsjson.Mux) {
	m.Register(idp.Service)
	m.Register(cognate.Service)

	// pool.go
	awsjson.Handle(m, idp.CreateUserPool, s.CreateUserPool)
	awsjson.Handle(m, idp.DescribeUserPool, s.DescribeUserPool)
	awsjson.Handle(m, idp.UpdateUserPool, s.UpdateUserPool)
	awsjson.Handle(m, idp.DeleteUserPool, s.DeleteUserPool)
	awsjson.Handle(m, idp.ListUserPools, s.ListUserPools)
	awsjson.Handle(m, idp.AddCustomAttributes, s.AddCustomAttributes)

	// pool_mfa.go
	awsjson.Handle(m, idp.SetUserPoolMfaConfig, s.SetUserPoolMfaConfig)
	awsjson.Handle(m, idp.GetUserPoolMfaConfig, s.GetUserPoolMfaConfig)

	// client.go
	awsjson.Handle(m, idp.CreateUserPoolClient, s.CreateUserPoolClient)
	awsjson.Handle(m, idp.DescribeUserPoolClient, s.DescribeUserPoolClient)
	awsjson.Handle(m, idp.UpdateUserPoolClient, s.UpdateUserPoolClient)
	awsjson.Handle(m, idp.DeleteUserPoolClient, s.DeleteUserPoolClient)
	awsjson.Handle(m, idp.ListUserPoolClients, s.ListUserPoolClients)

	// client_secret.go
	awsjson.Handle(m, idp.AddUserPoolClientSecret, s.AddUserPoolClientSecret)
	awsjson.Handle(m, idp.ListUserPoolClientSecrets, s.ListUserPoolClientSecrets)
	awsjson.Handle(m, idp.DeleteUserPoolClientSecret, s.DeleteUserPoolClientSecret)

	// resource_server.go
	awsjson.Handle(m, idp.CreateResourceServer, s.CreateResourceServer)
	awsjson.Handle(m, idp.DescribeResourceServer, s.DescribeResourceServer)
	awsjson.Handle(m, idp.UpdateResourceServer, s.UpdateResourceServer)
	awsjson.Handle(m, idp.DeleteResourceServer, s.DeleteResourceServer)
	awsjson.Handle(m, idp.ListResourceServers, s.ListResourceServers)

	// domain.go
	awsjson.Handle(m, idp.CreateUserPoolDomain, s.CreateUserPoolDomain)
	awsjson.Handle(m, idp.DescribeUserPoolDomain, s.DescribeUserPoolDomain)
	awsjson.Handle(m, idp.UpdateUserPoolDomain, s.UpdateUserPoolDomain)
	awsjson.Handle(m, idp.DeleteUserPoolDomain, s.DeleteUserPoolDomain)

	// ui_customization.go
	awsjson.Handle(m, idp.SetUICustomization, s.SetUICustomization)
	awsjson.Handle(m, idp.GetUICustomization, s.GetUICustomization)

	// branding.go
	awsjson.Handle(m, idp.CreateManagedLoginBranding, s.CreateManagedLoginBranding)
	awsjson.Handle(m, idp.DescribeManagedLoginBranding, s.DescribeManagedLoginBranding)
	awsjson.Handle(m, idp.DescribeManagedLoginBrandingByClient, s.DescribeManagedLoginBrandingByClient)
	awsjson.Handle(m, idp.UpdateManagedLoginBranding, s.UpdateManagedLoginBranding)
	awsjson.Handle(m, idp.DeleteManagedLoginBranding, s.DeleteManagedLoginBranding)

	// terms.go
	awsjson.Handle(m, idp.CreateTerms, s.CreateTerms)
	awsjson.Handle(m, idp.DescribeTerms, s.DescribeTerms)
	awsjson.Handle(m, cognate.DescribeTermsByClient, s.DescribeTermsByClient)
	awsjson.Handle(m, asCognito(cognate.DescribeTermsByClient), s.DescribeTermsByClient)
	awsjson.Handle(m, idp.ListTerms, s.ListTerms)
	awsjson.Handle(m, idp.UpdateTerms, s.UpdateTerms)
	awsjson.Handle(m, idp.DeleteTerms, s.DeleteTerms)

	// limit.go
	awsjson.Handle(m, idp.GetProvisionedLimit, s.GetProvisionedLimit)
	awsjson.Handle(m, idp.UpdateProvisionedLimit, s.UpdateProvisionedLimit)

	// log_delivery.go
	awsjson.Handle(m, idp.SetLogDeliveryConfiguration, s.SetLogDeliveryConfiguration)
	awsjson.Handle(m, idp.GetLogDeliveryConfiguration, s.GetLogDeliveryConfiguration)

	// sign_up.go
	awsjson.Handle(m, idp.SignUp, s.SignUp)
	awsjson.Handle(m, idp.ConfirmSignUp, s.ConfirmSignUp)
	awsjson.Handle(m, idp.ResendConfirmationCode, s.ResendConfirmationCode)

	// recovery.go
	awsjson.Handle(m, idp.ForgotPassword, s.ForgotPassword)
	awsjson.Handle(m, idp.ConfirmForgotPassword, s.ConfirmForgotPassword)

	// factor.go
	awsjson.Handle(m, idp.AssociateSoftwareToken, s.AssociateSoftwareToken)
	awsjson.Handle(m, idp.VerifySoftwareToken, s.VerifySoftwareToken)
	awsjson.Handle(m, idp.SetUserMFAPreference, s.SetUserMFAPreference)
	awsjson.Handle(m, idp.AdminSetUserMFAPreference, s.AdminSetUserMFAPreference)
	awsjson.Handle(m, idp.SetUserSettings, s.SetUserSettings)
	awsjson.Handle(m, idp.AdminSetUserSettings, s.AdminSetUserSettings)
	awsjson.Handle(m, cognate.AdminDeleteSoftwareToken, s.AdminDeleteSoftwareToken)
	awsjson.Handle(m, asCognito(cognate.AdminDeleteSoftwareToken), s.AdminDeleteSoftwareToken)
	awsjson.Handle(m, idp.GetUserAuthFactors, s.GetUserAuthFactors)
	awsjson.Handle(m, idp.AdminGetUserAuthFactors, s.AdminGetUserAuthFactors)

	// sign_in.go
	awsjson.Handle(m, idp.InitiateAuth, s.InitiateAuth)
	awsjson.Handle(m, idp.RespondToAuthChallenge, s.RespondToAuthChallenge)
	awsjson.Handle(m, idp.AdminInitiateAuth, s.AdminInitiateAuth)
	awsjson.Handle(m, idp.AdminRespondToAuthChallenge, s.AdminRespondToAuthChallenge)

	// tag.go
	awsjson.Handle(m, idp.TagResource, s.TagResource)
	awsjson.Handle(m, idp.UntagResource, s.UntagResource)
	awsjson.Handle(m, idp.ListTagsForResource, s.ListTagsForResource)

	// remake.go
	awsjson.Handle(m, cognate.ChangeUserPool, s.ChangeUserPool)

	// softdelete.go
	awsjson.Handle(m, cognate.SoftDeleteUserPool, s.SoftDeleteUserPool)
	awsjson.Handle(m, cognate.RestoreUserPool, s.RestoreUserPool)
	awsjson.Handle(m, cognate.ListDeletedUserPools, s.ListDeletedUserPools)
	awsjson.Handle(m, cognate.AdminSoftDeleteUser, s.AdminSoftDeleteUser)
	awsjson.Handle(m, cognate.AdminRestoreUser, s.AdminRestoreUser)
	awsjson.Handle(m, cognate.ListDeletedUsers, s.ListDeletedUsers)

	// claimmapping.go
	awsjson.Handle(m, cognate.GetClaimMapping, s.GetClaimMapping)
	awsjson.Handle(m, cognate.SetClaimMapping, s.SetClaimMapping)

	// replica.go
	awsjson.Handle(m, idp.CreateUserPoolReplica, s.CreateUserPoolReplica)
	awsjson.Handle(m, idp.UpdateUserPoolReplica, s.UpdateUserPoolReplica)
	awsjson.Handle(m, idp.ListUserPoolReplicas, s.ListUserPoolReplicas)
	awsjson.Handle(m, idp.DeleteUserPoolReplica, s.DeleteUserPoolReplica)

	// signing_key.go
	awsjson.Handle(m, cognate.ListSigningKeys, s.ListSigningKeys)
	awsjson.Handle(m, cognate.RotateSigningKeys, s.RotateSigningKeys)
	awsjson.Handle(m, cognate.RevokeSigningKey, s.RevokeSigningKey)

	// token.go
	awsjson.Handle(m, idp.GetTokensFromRefreshToken, s.GetTokensFromRefreshToken)
	awsjson.Handle(m, idp.RevokeToken, s.RevokeToken)
	awsjson.Handle(m, cognate.GetClientToken, s.GetClientToken)
	awsjson.Handle(m, asCognito(cognate.GetClientToken), s.GetClientToken)
	awsjson.Handle(m, idp.GlobalSignOut, s.GlobalSignOut)
	awsjson.Handle(m, idp.AdminUserGlobalSignOut, s.AdminUserGlobalSignOut)

	// self.go
	awsjson.Handle(m, idp.GetUser, s.GetUser)
	awsjson.Handle(m, idp.UpdateUserAttributes, s.UpdateUserAttributes)
	awsjson.Handle(m, idp.DeleteUserAttributes, s.DeleteUserAttributes)
	awsjson.Handle(m, idp.GetUserAttributeVerificationCode, s.GetUserAttributeVerificationCode)
	awsjson.Handle(m, idp.VerifyUserAttribute, s.VerifyUserAttribute)
	awsjson.Handle(m, idp.ChangePassword, s.ChangePassword)
	awsjson.Handle(m, idp.DeleteUser, s.DeleteUser)

	// admin_user.go
	awsjson.Handle(m, idp.AdminCreateUser, s.AdminCreateUser)
	awsjson.Handle(m, idp.AdminGetUser, s.AdminGetUser)
	awsjson.Handle(m, idp.AdminSetUserPassword, s.AdminSetUserPassword)
	awsjson.Handle(m, idp.AdminConfirmSignUp, s.AdminConfirmSignUp)
	awsjson.Handle(m, idp.AdminResetUserPassword, s.AdminResetUserPassword)
	awsjson.Handle(m, idp.AdminUpdateUserAttributes, s.AdminUpdateUserAttributes)
	awsjson.Handle(m, idp.AdminDeleteUserAttributes, s.AdminDeleteUserAttributes)
	awsjson.Handle(m, idp.AdminEnableUser, s.AdminEnableUser)
	awsjson.Handle(m, idp.AdminDisableUser, s.AdminDisableUser)
	awsjson.Handle(m, idp.AdminDeleteUser, s.AdminDeleteUser)

	// list_users.go
	awsjson.Handle(m, idp.ListUsers, s.ListUsers)

	// import_job.go
	awsjson.Handle(m, idp.GetCSVHeader, s.GetCSVHeader)
	awsjson.Handle(m, idp.CreateUserImportJob, s.CreateUserImportJob)
	awsjson.Handle(m, idp.DescribeUserImportJob, s.DescribeUserImportJob)
	awsjson.Handle(m, idp.ListUserImportJobs, s.ListUserImportJobs)
	awsjson.Handle(m, idp.StartUserImportJob, s.StartUserImportJob)
	awsjson.Handle(m, idp.StopUserImportJob, s.StopUserImportJob)

	// group.go
	awsjson.Handle(m, idp.CreateGroup, s.CreateGroup)
	awsjson.Handle(m, idp.GetGroup, s.GetGroup)
	awsjson.Handle(m, idp.UpdateGroup, s.UpdateGroup)
	awsjson.Handle(m, idp.DeleteGroup, s.DeleteGroup)
	awsjson.Handle(m, idp.ListGroups, s.ListGroups)
	awsjson.Handle(m, idp.ListUsersInGroup, s.ListUsersInGroup)
	awsjson.Handle(m, idp.AdminAddUserToGroup, s.AdminAddUserToGroup)
	awsjson.Handle(m, idp.AdminRemoveUserFromGroup, s.AdminRemoveUserFromGroup)
	awsjson.Handle(m, idp.AdminListGroupsForUser, s.AdminListGroupsForUser)

	// identity_provider.go
	awsjson.Handle(m, idp.CreateIdentityProvider, s.CreateIdentityProvider)
	awsjson.Handle(m, idp.DescribeIdentityProvider, s.DescribeIdentityProvider)
	awsjson.Handle(m, idp.GetIdentityProviderByIdentifier, s.GetIdentityProviderByIdentifier)
	awsjson.Handle(m, idp.UpdateIdentityProvider, s.UpdateIdentityProvider)
	awsjson.Handle(m, idp.DeleteIdentityProvider, s.DeleteIdentityProvider)
	awsjson.Handle(m, idp.ListIdentityProviders, s.ListIdentityProviders)
	awsjson.Handle(m, idp.GetSigningCertificate, s.GetSigningCertificate)
	awsjson.Handle(m, idp.AdminLinkProviderForUser, s.AdminLinkProviderForUser)
	awsjson.Handle(m, idp.AdminDisableProviderForUser, s.AdminDisableProviderForUser)

	// passkey.go
	awsjson.Handle(m, idp.StartWebAuthnRegistration, s.StartWebAuthnRegistration)
	awsjson.Handle(m, idp.CompleteWebAuthnRegistration, s.CompleteWebAuthnRegistration)
	awsjson.Handle(m, idp.ListWebAuthnCredentials, s.ListWebAuthnCredentials)
	awsjson.Handle(m, idp.DeleteWebAuthnCredential, s.DeleteWebAuthnCredential)

	// session.go
	awsjson.Handle(m, cognate.ListUserSessions, s.ListUserSessions)
	awsjson.Handle(m, cognate.AdminListUserSessions, s.AdminListUserSessions)
	awsjson.Handle(m, cognate.EndUserSession, s.EndUserSession)
	awsjson.Handle(m, cognate.AdminEndUserSession, s.AdminEndUserSession)

	// recovery_code.go
	awsjson.Handle(m, cognate.CreateRecoveryCodes, s.CreateRecoveryCodes)
	awsjson.Handle(m, cognate.DescribeRecoveryCodes, s.DescribeRecoveryCodes)
	awsjson.Handle(m, cognate.DeleteRecoveryCodes, s.DeleteRecoveryCodes)
	awsjson.Handle(m, cognate.AdminDeleteRecoveryCodes, s.AdminDeleteRecoveryCodes)

	// threat.go
	awsjson.Handle(m, idp.SetRiskConfiguration, s.SetRiskConfiguration)
	awsjson.Handle(m, idp.DescribeRiskConfiguration, s.DescribeRiskConfiguration)
	awsjson.Handle(m, idp.AdminListUserAuthEvents, s.AdminListUserAuthEvents)
	awsjson.Handle(m, idp.AdminUpdateAuthEventFeedback, s.AdminUpdateAuthEventFeedback)
	awsjson.Handle(m, idp.UpdateAuthEventFeedback, s.UpdateAuthEventFeedback)

	// device.go
	awsjson.Handle(m, idp.ConfirmDevice, s.ConfirmDevice)
	awsjson.Handle(m, idp.GetDevice, s.GetDevice)
	awsjson.Handle(m, idp.ListDevices, s.ListDevices)
	awsjson.Handle(m, idp.UpdateDeviceStatus, s.UpdateDeviceStatus)
	awsjson.Handle(m, idp.ForgetDevice, s.ForgetDevice)
	awsjson.Handle(m, idp.AdminGetDevice, s.AdminGetDevice)
	awsjson.Handle(m, idp.AdminListDevices, s.AdminListDevices)
	awsjson.Handle(m, idp.AdminUpdateDeviceStatus, s.AdminUpdateDeviceStatus)
	awsjson.Handle(m, idp.AdminForgetDevice, s.AdminForgetDevice)
}

// asCognito is an operation under Cognito's own target prefix: Cognito has it, but the model that api/idp is
// made from does not yet.
func asCognito[In, Out any](op api.Op[In, Out]) api.Op[In, Out] {
	d := *op.Descriptor
	d.Service = idp.Service
	return api.Op[In, Out]{Descriptor: &d}
}
