package idpserver

import (
	"context"

	"cognate/api"
	"cognate/api/idp"
)

// defaultResourceServers is the number of resource servers on a page that is asked for without one: the most
// that there may be.
const defaultResourceServers = 50

// CreateResourceServer makes an API with scopes of its own.
func (s *Service) CreateResourceServer(ctx context.Context, in *idp.CreateResourceServerRequest) (*idp.CreateResourceServerResponse, error) {
	server, err := s.pools.CreateResourceServer(ctx, in)
	if err != nil {
		return nil, err
	}
	return &idp.CreateResourceServerResponse{ResourceServer: server}, nil
}

// DescribeResourceServer shows a resource server.
func (s *Service) DescribeResourceServer(ctx context.Context, in *idp.DescribeResourceServerRequest) (*idp.DescribeResourceServerResponse, error) {
	server, err := s.pools.ResourceServer(ctx, in.UserPoolId, in.Identifier)
	if err != nil {
		return nil, err
	}
	return &idp.DescribeResourceServerResponse{ResourceServer: server}, nil
}

// UpdateResourceServer replaces the name and the scopes of a resource server.
func (s *Service) UpdateResourceServer(ctx context.Context, in *idp.UpdateResourceServerRequest) (*idp.UpdateResourceServerResponse, error) {
	server, err := s.pools.UpdateResourceServer(ctx, in)
	if err != nil {
		return nil, err
	}
	return &idp.UpdateResourceServerResponse{ResourceServer: server}, nil
}

// DeleteResourceServer deletes a resource server.
func (s *Service) DeleteResourceServer(ctx context.Context, in *idp.DeleteResourceServerRequest) (*api.None, error) {
	return nil, s.pools.DeleteResourceServer(ctx, in.UserPoolId, in.Identifier)
}

// ListResourceServers lists a pool's resource servers.
func (s *Service) ListResourceServers(ctx context.Context, in *idp.ListResourceServersRequest) (*idp.ListResourceServersResponse, error) {
	kind := "ListResourceServers/" + in.UserPoolId
	after, err := s.pools.OpenPageToken(kind, in.NextToken)
	if err != nil {
		return nil, err
	}
	limit := defaultResourceServers
	if in.MaxResults != nil {
		limit = int(*in.MaxResults)
	}
	servers, next, err := s.pools.ListResourceServers(ctx, in.UserPoolId, after, limit)
	if err != nil {
		return nil, err
	}
	return &idp.ListResourceServersResponse{ResourceServers: servers, NextToken: s.pools.PageToken(kind, next)}, nil
}
