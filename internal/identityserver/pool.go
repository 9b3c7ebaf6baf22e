package identityserver

import (
	"context"

	"cognate/api"
	"cognate/api/identity"
	"cognate/internal/awsjson"
)

// CreateIdentityPool makes a pool in the region of the request's signature.
func (s *Service) CreateIdentityPool(ctx context.Context, in *identity.CreateIdentityPoolInput) (*identity.IdentityPool, error) {
	return s.identities.Create(ctx, awsjson.CallerFrom(ctx).Region, in)
}

// DescribeIdentityPool returns a pool's settings.
func (s *Service) DescribeIdentityPool(ctx context.Context, in *identity.DescribeIdentityPoolInput) (*identity.IdentityPool, error) {
	return s.identities.Describe(ctx, in.IdentityPoolId)
}

// UpdateIdentityPool replaces a pool's settings.
func (s *Service) UpdateIdentityPool(ctx context.Context, in *identity.IdentityPool) (*identity.IdentityPool, error) {
	return s.identities.Update(ctx, in)
}

// DeleteIdentityPool deletes a pool and its identities.
func (s *Service) DeleteIdentityPool(ctx context.Context, in *identity.DeleteIdentityPoolInput) (*api.None, error) {
	return nil, s.identities.Delete(ctx, in.IdentityPoolId)
}

// ListIdentityPools lists the pools of all regions.
func (s *Service) ListIdentityPools(ctx context.Context, in *identity.ListIdentityPoolsInput) (*identity.ListIdentityPoolsResponse, error) {
	const kind = "ListIdentityPools"
	after, err := s.pools.OpenPageToken(kind, in.NextToken)
	if err != nil {
		return nil, err
	}
	pools, next, err := s.identities.List(ctx, after, int(in.MaxResults))
	if err != nil {
		return nil, err
	}
	return &identity.ListIdentityPoolsResponse{IdentityPools: pools, NextToken: s.pools.PageToken(kind, next)}, nil
}
