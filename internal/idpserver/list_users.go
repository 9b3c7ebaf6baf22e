package idpserver

import (
	"context"
	"fmt"

	"cognate/api/idp"
)

// ListUsers searches a pool's users. Its token is good for the same pool, filter and attributes only.
func (s *Service) ListUsers(ctx context.Context, in *idp.ListUsersRequest) (*idp.ListUsersResponse, error) {
	p, err := s.pools.Pool(ctx, in.UserPoolId)
	if err != nil {
		return nil, err
	}
	kind := fmt.Sprintf("ListUsers/%s/%q/%q", in.UserPoolId, in.Filter, in.AttributesToGet)
	after, err := s.pools.OpenPageToken(kind, in.PaginationToken)
	if err != nil {
		return nil, err
	}
	users, next, err := s.users.List(ctx, p, in, after)
	if err != nil {
		return nil, err
	}
	return &idp.ListUsersResponse{Users: users, PaginationToken: s.pools.PageToken(kind, next)}, nil
}
