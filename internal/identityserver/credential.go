package identityserver

import (
	"context"

	"cognate/api/identity"
)

// GetOpenIdToken returns the token of an identity, for the basic flow.
func (s *Service) GetOpenIdToken(ctx context.Context, in *identity.GetOpenIdTokenInput) (*identity.GetOpenIdTokenResponse, error) {
	return s.identities.OpenIDToken(ctx, in)
}
