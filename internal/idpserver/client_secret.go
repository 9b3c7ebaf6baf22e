package idpserver

import (
	"context"

	"cognate/api/idp"
)

// AddUserPoolClientSecret gives a client a second secret.
func (s *Service) AddUserPoolClientSecret(ctx context.Context, in *idp.AddUserPoolClientSecretRequest) (*idp.AddUserPoolClientSecretResponse, error) {
	d, err := s.pools.AddClientSecret(ctx, in)
	if err != nil {
		return nil, err
	}
	return &idp.AddUserPoolClientSecretResponse{ClientSecretDescriptor: d}, nil
}

// ListUserPoolClientSecrets lists a client's secrets without their values. There
// are two at most, so there are no pages and no token is a good one.
func (s *Service) ListUserPoolClientSecrets(ctx context.Context, in *idp.ListUserPoolClientSecretsRequest) (*idp.ListUserPoolClientSecretsResponse, error) {
	if _, err := s.pools.OpenPageToken("ListUserPoolClientSecrets", in.NextToken); err != nil {
		return nil, err
	}
	list, err := s.pools.ListClientSecrets(ctx, in.UserPoolId, in.ClientId)
	if err != nil {
		return nil, err
	}
	return &idp.ListUserPoolClientSecretsResponse{ClientSecrets: list}, nil
}

// DeleteUserPoolClientSecret deletes one of a client's two secrets.
func (s *Service) DeleteUserPoolClientSecret(ctx context.Context, in *idp.DeleteUserPoolClientSecretRequest) (*idp.DeleteUserPoolClientSecretResponse, error) {
	return &idp.DeleteUserPoolClientSecretResponse{}, s.pools.DeleteClientSecret(ctx, in.UserPoolId, in.ClientId, in.ClientSecretId)
}
