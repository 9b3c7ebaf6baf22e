package idpserver

import (
	"context"
	"errors"
	"reflect"
	"slices"
	"strings"

	"cognate/api"
	"cognate/api/cognate"
	"cognate/api/idp"
	"cognate/internal/fault"
	"cognate/internal/pool"
	"cognate/internal/token"
)

// enabled are the operations that there are in a secondary region: those that read, sign users in and out, and set what the
// region has of its own. All others change what the regions share, and are for the pool's own.
var enabled = strings.Fields(`
	DescribeUserPool DescribeUserPoolClient DescribeUserPoolDomain DescribeResourceServer DescribeIdentityProvider
	DescribeManagedLoginBranding DescribeManagedLoginBrandingByClient DescribeRiskConfiguration DescribeTerms DescribeTermsByClient
	DescribeUserImportJob GetCSVHeader GetGroup GetIdentityProviderByIdentifier GetLogDeliveryConfiguration GetSigningCertificate
	GetUICustomization GetUserPoolMfaConfig ListGroups ListIdentityProviders ListResourceServers ListTagsForResource ListTerms
	ListUserImportJobs ListUserPoolClients ListUserPoolClientSecrets ListUserPoolReplicas ListUsers ListUsersInGroup
	AdminGetDevice AdminGetUser AdminGetUserAuthFactors AdminListDevices AdminListGroupsForUser AdminListUserAuthEvents
	GetClaimMapping ListSigningKeys AdminListUserSessions

	UpdateUserPool TagResource UntagResource SetRiskConfiguration SetLogDeliveryConfiguration UpdateUserPoolReplica

	AdminInitiateAuth AdminRespondToAuthChallenge AdminUserGlobalSignOut AdminEndUserSession
	InitiateAuth RespondToAuthChallenge GetTokensFromRefreshToken RevokeToken GlobalSignOut GetClientToken
	GetUser GetUserAuthFactors GetDevice ListDevices ConfirmDevice UpdateDeviceStatus ForgetDevice
	ListWebAuthnCredentials ListUserSessions EndUserSession DescribeRecoveryCodes`)

// signsIn are the signed operations that act for a user, whom a replica that is not active does not serve.
var signsIn = []string{idp.AdminInitiateAuth.Name, idp.AdminRespondToAuthChallenge.Name}

// Admission is the rule by which a server of one region refuses operations: of pools that it does not serve, and in a secondary
// region those that there are in the primary one alone. A server of all regions has none.
func (s *Service) Admission() func(ctx context.Context, op *api.Descriptor, in any) error {
	if s.pools.Region() == "" {
		return nil
	}
	return s.admit
}

func (s *Service) admit(ctx context.Context, op *api.Descriptor, in any) error {
	if op.Service != idp.Service && op.Service != cognate.Service {
		return nil
	}
	if op == cognate.RestoreUserPool.Descriptor {
		return nil // the pool is hidden, and its own region alone finds it
	}
	p, err := s.concerned(ctx, reflect.ValueOf(in).Elem())
	if err != nil || p == nil || !p.Secondary() {
		return err
	}
	if !slices.Contains(enabled, op.Name) {
		return p.ErrNotEnabled(notEnabledCode(op), op.Name)
	}
	if !p.Serves() && slices.Contains(signsIn, op.Name) {
		return fault.Newf(idp.CodeResourceNotFound, "User pool %s does not exist.", p.ID)
	}
	return nil
}

// concerned is the pool that an input names, itself, or by a client, or by an access token: nil where it names none, or
// a client that there is not, of which each operation tells in its own way.
func (s *Service) concerned(ctx context.Context, in reflect.Value) (*pool.Pool, error) {
	member := func(name string) string {
		if f := in.FieldByName(name); f.IsValid() && f.Kind() == reflect.String {
			return f.String()
		}
		return ""
	}
	if id := member("UserPoolId"); id != "" {
		return s.pools.Pool(ctx, id)
	}
	client := member("ClientId")
	if client == "" {
		client = token.ClientOf(member("AccessToken"))
	}
	if client == "" {
		return nil, nil
	}
	p, _, err := s.pools.Client(ctx, client)
	if _, unknown := errors.AsType[*fault.Error](err); unknown {
		return nil, nil
	}
	return p, err
}

// notEnabledCode is the code by which an operation says that it is not enabled: the model does not declare the one that is
// meant for that everywhere.
func notEnabledCode(op *api.Descriptor) string {
	if slices.Contains(op.Errors, idp.CodeOperationNotEnabled) {
		return idp.CodeOperationNotEnabled
	}
	return idp.CodeInvalidParameter
}
