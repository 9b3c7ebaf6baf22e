package idpserver

import (
	"context"

	"cognate/api/cognate"
	"cognate/internal/pool"
)

// SetClaimMapping says what the tokens of a client say beside what they always do.
func (s *Service) SetClaimMapping(ctx context.Context, in *cognate.SetClaimMappingRequest) (*cognate.SetClaimMappingResponse, error) {
	c, err := s.pools.SetClaimMapping(ctx, in.UserPoolId, in.ClientId, in.Claims)
	if err != nil {
		return nil, err
	}
	return new(cognate.SetClaimMappingResponse(claimMappingOf(c))), nil
}

// GetClaimMapping shows what SetClaimMapping has set.
func (s *Service) GetClaimMapping(ctx context.Context, in *cognate.GetClaimMappingRequest) (*cognate.GetClaimMappingResponse, error) {
	_, c, err := s.pools.PoolClient(ctx, in.UserPoolId, in.ClientId)
	if err != nil {
		return nil, err
	}
	return new(claimMappingOf(c)), nil
}

func claimMappingOf(c *pool.Client) cognate.GetClaimMappingResponse {
	out := cognate.GetClaimMappingResponse{UserPoolId: c.PoolID, ClientId: c.ID, Claims: c.Claims}
	if out.Claims == nil {
		out.Claims = []*cognate.ClaimType{}
	}
	return out
}
