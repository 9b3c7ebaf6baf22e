package idpserver

import (
	"context"

	"cognate/api/idp"
)

// SetUserPoolMfaConfig sets a pool's second factors and how it works with passkeys.
func (s *Service) SetUserPoolMfaConfig(ctx context.Context, in *idp.SetUserPoolMfaConfigRequest) (*idp.SetUserPoolMfaConfigResponse, error) {
	config, err := s.pools.SetMFA(ctx, in)
	if err != nil {
		return nil, err
	}
	return new(idp.SetUserPoolMfaConfigResponse(*config)), nil
}

// GetUserPoolMfaConfig shows what SetUserPoolMfaConfig sets.
func (s *Service) GetUserPoolMfaConfig(ctx context.Context, in *idp.GetUserPoolMfaConfigRequest) (*idp.GetUserPoolMfaConfigResponse, error) {
	return s.pools.MFA(ctx, in.UserPoolId)
}
