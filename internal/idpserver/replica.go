package idpserver

import (
	"context"

	"cognate/api/idp"
)

// CreateUserPoolReplica has a pool served in one more region.
func (s *Service) CreateUserPoolReplica(ctx context.Context, in *idp.CreateUserPoolReplicaRequest) (*idp.CreateUserPoolReplicaResponse, error) {
	replica, err := s.pools.CreateReplica(ctx, in)
	if err != nil {
		return nil, err
	}
	return &idp.CreateUserPoolReplicaResponse{UserPoolReplica: replica}, nil
}

// UpdateUserPoolReplica activates a replica, or deactivates it.
func (s *Service) UpdateUserPoolReplica(ctx context.Context, in *idp.UpdateUserPoolReplicaRequest) (*idp.UpdateUserPoolReplicaResponse, error) {
	replica, err := s.pools.UpdateReplica(ctx, in)
	if err != nil {
		return nil, err
	}
	return &idp.UpdateUserPoolReplicaResponse{UserPoolReplica: replica}, nil
}

// ListUserPoolReplicas lists where a pool is served: so few regions that there is but one page.
func (s *Service) ListUserPoolReplicas(ctx context.Context, in *idp.ListUserPoolReplicasRequest) (*idp.ListUserPoolReplicasResponse, error) {
	if _, err := s.pools.OpenPageToken("ListUserPoolReplicas/"+in.UserPoolId, in.NextToken); err != nil {
		return nil, err
	}
	replicas, err := s.pools.ListReplicas(ctx, in.UserPoolId)
	if err != nil {
		return nil, err
	}
	return &idp.ListUserPoolReplicasResponse{UserPoolReplicas: replicas}, nil
}

// DeleteUserPoolReplica ends a replica.
func (s *Service) DeleteUserPoolReplica(ctx context.Context, in *idp.DeleteUserPoolReplicaRequest) (*idp.DeleteUserPoolReplicaResponse, error) {
	replica, err := s.pools.DeleteReplica(ctx, in)
	if err != nil {
		return nil, err
	}
	return &idp.DeleteUserPoolReplicaResponse{UserPoolReplica: replica}, nil
}
