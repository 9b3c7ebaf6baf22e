package identityserver

import (
	"context"

	"cognate/api/identity"
)

// GetOpenIdToken returns the token of an identity, for the basic flow.
func (s *Service) GetOpenIdToken(ctx context.Context, in *identity.GetOpenIdTokenInput) (*identity.GetOpenIdTokenResponse, error) {
	return s.identities.OpenIDToken(ctx, in)
}

// GetCredentialsForIdentity gives credentials of the role that the pool has for who the identity is.
func (s *Service) GetCredentialsForIdentity(ctx context.Context, in *identity.GetCredentialsForIdentityInput) (*identity.GetCredentialsForIdentityResponse, error) {
	return s.identities.Credentials(ctx, in)
}
