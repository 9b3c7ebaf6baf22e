package identityserver

import (
	"context"

	"cognate/api"
	"cognate/api/identity"
)

// SetIdentityPoolRoles replaces a pool's roles and role mappings.
func (s *Service) SetIdentityPoolRoles(ctx context.Context, in *identity.SetIdentityPoolRolesInput) (*api.None, error) {
	return nil, s.identities.SetRoles(ctx, in)
}

// GetIdentityPoolRoles returns a pool's roles and role mappings.
func (s *Service) GetIdentityPoolRoles(ctx context.Context, in *identity.GetIdentityPoolRolesInput) (*identity.GetIdentityPoolRolesResponse, error) {
	return s.identities.Roles(ctx, in.IdentityPoolId)
}

// SetPrincipalTagAttributeMap replaces the principal tags of a provider, and returns them.
func (s *Service) SetPrincipalTagAttributeMap(ctx context.Context, in *identity.SetPrincipalTagAttributeMapInput) (*identity.SetPrincipalTagAttributeMapResponse, error) {
	tags, err := s.identities.SetPrincipalTags(ctx, in)
	return (*identity.SetPrincipalTagAttributeMapResponse)(tags), err
}

// GetPrincipalTagAttributeMap returns the principal tags of a provider.
func (s *Service) GetPrincipalTagAttributeMap(ctx context.Context, in *identity.GetPrincipalTagAttributeMapInput) (*identity.GetPrincipalTagAttributeMapResponse, error) {
	return s.identities.PrincipalTags(ctx, in.IdentityPoolId, in.IdentityProviderName)
}
