package idpserver

import (
	"context"

	"cognate/api"
	"cognate/api/idp"
	"cognate/internal/awsjson"
)

// defaultPage is the number of entries of a list that is asked for without one.
const defaultPage = 60

func pageSize(asked *int64) int {
	if asked == nil {
		return defaultPage
	}
	return int(*asked)
}

// CreateUserPool makes a pool in the region of the request's signature, or in that of a server of one region.
func (s *Service) CreateUserPool(ctx context.Context, in *idp.CreateUserPoolRequest) (*idp.CreateUserPoolResponse, error) {
	p, err := s.pools.Create(ctx, awsjson.CallerFrom(ctx).Region, in)
	if err != nil {
		return nil, err
	}
	return &idp.CreateUserPoolResponse{UserPool: p.Describe()}, nil
}

// DescribeUserPool returns a pool's settings.
func (s *Service) DescribeUserPool(ctx context.Context, in *idp.DescribeUserPoolRequest) (*idp.DescribeUserPoolResponse, error) {
	p, err := s.pools.Describe(ctx, in.UserPoolId)
	if err != nil {
		return nil, err
	}
	return &idp.DescribeUserPoolResponse{UserPool: p}, nil
}

// UpdateUserPool replaces a pool's settings.
func (s *Service) UpdateUserPool(ctx context.Context, in *idp.UpdateUserPoolRequest) (*idp.UpdateUserPoolResponse, error) {
	return &idp.UpdateUserPoolResponse{}, s.pools.Update(ctx, in)
}

// DeleteUserPool deletes a pool and everything in it.
func (s *Service) DeleteUserPool(ctx context.Context, in *idp.DeleteUserPoolRequest) (*api.None, error) {
	return nil, s.pools.Delete(ctx, in.UserPoolId)
}

// ListUserPools lists the pools of all regions, or those that a server of one region serves.
func (s *Service) ListUserPools(ctx context.Context, in *idp.ListUserPoolsRequest) (*idp.ListUserPoolsResponse, error) {
	const kind = "ListUserPools"
	after, err := s.pools.OpenPageToken(kind, in.NextToken)
	if err != nil {
		return nil, err
	}
	pools, next, err := s.pools.List(ctx, after, int(in.MaxResults))
	if err != nil {
		return nil, err
	}
	replicas, err := s.pools.ReplicaRegions(ctx, pools)
	if err != nil {
		return nil, err
	}
	out := &idp.ListUserPoolsResponse{UserPools: []*idp.UserPoolDescriptionType{}, NextToken: s.pools.PageToken(kind, next)}
	for _, p := range pools {
		out.UserPools = append(out.UserPools, &idp.UserPoolDescriptionType{
			Id: p.ID, Name: p.Name, LambdaConfig: p.Settings.LambdaConfig, ReplicaRegions: replicas[p.ID],
			CreationDate: api.At(p.Created), LastModifiedDate: api.At(p.Modified),
		})
	}
	return out, nil
}

// AddCustomAttributes adds to a pool's schema.
func (s *Service) AddCustomAttributes(ctx context.Context, in *idp.AddCustomAttributesRequest) (*idp.AddCustomAttributesResponse, error) {
	return &idp.AddCustomAttributesResponse{}, s.pools.AddCustomAttributes(ctx, in)
}
