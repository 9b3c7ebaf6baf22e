package idpserver

import (
	"context"

	"cognate/api"
	"cognate/api/cognate"
	"cognate/api/idp"
)

// CreateTerms gives a client terms of use, or a privacy policy.
func (s *Service) CreateTerms(ctx context.Context, in *idp.CreateTermsRequest) (*idp.CreateTermsResponse, error) {
	t, err := s.pools.CreateTerms(ctx, in)
	if err != nil {
		return nil, err
	}
	return &idp.CreateTermsResponse{Terms: t}, nil
}

// DescribeTerms shows terms.
func (s *Service) DescribeTerms(ctx context.Context, in *idp.DescribeTermsRequest) (*idp.DescribeTermsResponse, error) {
	t, err := s.pools.DescribeTerms(ctx, in.UserPoolId, in.TermsId)
	if err != nil {
		return nil, err
	}
	return &idp.DescribeTermsResponse{Terms: t}, nil
}

// DescribeTermsByClient shows the terms of a client.
func (s *Service) DescribeTermsByClient(ctx context.Context, in *cognate.DescribeTermsByClientRequest) (*cognate.DescribeTermsByClientResponse, error) {
	t, err := s.pools.DescribeClientTerms(ctx, in.UserPoolId, in.ClientId, in.TermsName)
	if err != nil {
		return nil, err
	}
	return &cognate.DescribeTermsByClientResponse{Terms: new(cognate.TermsType(*t))}, nil
}

// ListTerms lists the terms of a pool.
func (s *Service) ListTerms(ctx context.Context, in *idp.ListTermsRequest) (*idp.ListTermsResponse, error) {
	kind := "ListTerms/" + in.UserPoolId
	after, err := s.pools.OpenPageToken(kind, in.NextToken)
	if err != nil {
		return nil, err
	}
	limit := pageSize(in.MaxResults)
	terms, next, err := s.pools.ListTerms(ctx, in.UserPoolId, after, limit)
	if err != nil {
		return nil, err
	}
	return &idp.ListTermsResponse{Terms: terms, NextToken: s.pools.PageToken(kind, next)}, nil
}

// UpdateTerms changes terms.
func (s *Service) UpdateTerms(ctx context.Context, in *idp.UpdateTermsRequest) (*idp.UpdateTermsResponse, error) {
	t, err := s.pools.UpdateTerms(ctx, in)
	if err != nil {
		return nil, err
	}
	return &idp.UpdateTermsResponse{Terms: t}, nil
}

// DeleteTerms deletes terms.
func (s *Service) DeleteTerms(ctx context.Context, in *idp.DeleteTermsRequest) (*api.None, error) {
	return nil, s.pools.DeleteTerms(ctx, in.UserPoolId, in.TermsId)
}
