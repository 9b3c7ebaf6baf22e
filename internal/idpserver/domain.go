package idpserver

import (
	"context"

	"cognate/api/idp"
)

// CreateUserPoolDomain gives a pool a domain.
func (s *Service) CreateUserPoolDomain(ctx context.Context, in *idp.CreateUserPoolDomainRequest) (*idp.CreateUserPoolDomainResponse, error) {
	return s.pools.CreateDomain(ctx, in)
}

// DescribeUserPoolDomain shows a domain, or nothing where there is none.
func (s *Service) DescribeUserPoolDomain(ctx context.Context, in *idp.DescribeUserPoolDomainRequest) (*idp.DescribeUserPoolDomainResponse, error) {
	d, err := s.pools.DescribeDomain(ctx, in.Domain)
	if err != nil {
		return nil, err
	}
	return &idp.DescribeUserPoolDomainResponse{DomainDescription: d}, nil
}

// UpdateUserPoolDomain changes the certificate or the pages of a domain.
func (s *Service) UpdateUserPoolDomain(ctx context.Context, in *idp.UpdateUserPoolDomainRequest) (*idp.UpdateUserPoolDomainResponse, error) {
	return s.pools.UpdateDomain(ctx, in)
}

// DeleteUserPoolDomain takes a domain from its pool.
func (s *Service) DeleteUserPoolDomain(ctx context.Context, in *idp.DeleteUserPoolDomainRequest) (*idp.DeleteUserPoolDomainResponse, error) {
	return &idp.DeleteUserPoolDomainResponse{}, s.pools.DeleteDomain(ctx, in.UserPoolId, in.Domain)
}
