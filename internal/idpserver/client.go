package idpserver

import (
	"context"

	"cognate/api"
	"cognate/api/idp"
)

// CreateUserPoolClient makes an app client.
func (s *Service) CreateUserPoolClient(ctx context.Context, in *idp.CreateUserPoolClientRequest) (*idp.CreateUserPoolClientResponse, error) {
	c, err := s.pools.CreateClient(ctx, in)
	if err != nil {
		return nil, err
	}
	return &idp.CreateUserPoolClientResponse{UserPoolClient: c.Describe()}, nil
}

// DescribeUserPoolClient returns a client's settings and its secret.
func (s *Service) DescribeUserPoolClient(ctx context.Context, in *idp.DescribeUserPoolClientRequest) (*idp.DescribeUserPoolClientResponse, error) {
	c, err := s.pools.DescribeClient(ctx, in.UserPoolId, in.ClientId)
	if err != nil {
		return nil, err
	}
	return &idp.DescribeUserPoolClientResponse{UserPoolClient: c}, nil
}

// UpdateUserPoolClient replaces a client's settings.
func (s *Service) UpdateUserPoolClient(ctx context.Context, in *idp.UpdateUserPoolClientRequest) (*idp.UpdateUserPoolClientResponse, error) {
	c, err := s.pools.UpdateClient(ctx, in)
	if err != nil {
		return nil, err
	}
	return &idp.UpdateUserPoolClientResponse{UserPoolClient: c.Describe()}, nil
}

// DeleteUserPoolClient deletes a client and the sign-ins made through it.
func (s *Service) DeleteUserPoolClient(ctx context.Context, in *idp.DeleteUserPoolClientRequest) (*api.None, error) {
	return nil, s.pools.DeleteClient(ctx, in.UserPoolId, in.ClientId)
}

// ListUserPoolClients lists a pool's clients.
func (s *Service) ListUserPoolClients(ctx context.Context, in *idp.ListUserPoolClientsRequest) (*idp.ListUserPoolClientsResponse, error) {
	kind := "ListUserPoolClients/" + in.UserPoolId
	after, err := s.pools.OpenPageToken(kind, in.NextToken)
	if err != nil {
		return nil, err
	}
	limit := defaultPage
	if in.MaxResults != nil && *in.MaxResults > 0 {
		limit = int(*in.MaxResults)
	}
	clients, next, err := s.pools.ListClients(ctx, in.UserPoolId, after, limit)
	if err != nil {
		return nil, err
	}
	if clients == nil {
		clients = []*idp.UserPoolClientDescription{}
	}
	return &idp.ListUserPoolClientsResponse{UserPoolClients: clients, NextToken: s.pools.PageToken(kind, next)}, nil
}
