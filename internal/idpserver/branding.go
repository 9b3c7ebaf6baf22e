package idpserver

import (
	"context"

	"cognate/api"
	"cognate/api/idp"
)

// CreateManagedLoginBranding gives a client its look of managed login.
func (s *Service) CreateManagedLoginBranding(ctx context.Context, in *idp.CreateManagedLoginBrandingRequest) (*idp.CreateManagedLoginBrandingResponse, error) {
	b, err := s.pools.CreateBranding(ctx, in)
	if err != nil {
		return nil, err
	}
	return &idp.CreateManagedLoginBrandingResponse{ManagedLoginBranding: b}, nil
}

// DescribeManagedLoginBranding shows a branding.
func (s *Service) DescribeManagedLoginBranding(ctx context.Context, in *idp.DescribeManagedLoginBrandingRequest) (*idp.DescribeManagedLoginBrandingResponse, error) {
	b, err := s.pools.DescribeBranding(ctx, in.UserPoolId, in.ManagedLoginBrandingId, isTrue(in.ReturnMergedResources))
	if err != nil {
		return nil, err
	}
	return &idp.DescribeManagedLoginBrandingResponse{ManagedLoginBranding: b}, nil
}

// DescribeManagedLoginBrandingByClient shows the branding of a client.
func (s *Service) DescribeManagedLoginBrandingByClient(ctx context.Context, in *idp.DescribeManagedLoginBrandingByClientRequest) (*idp.DescribeManagedLoginBrandingByClientResponse, error) {
	b, err := s.pools.DescribeClientBranding(ctx, in.UserPoolId, in.ClientId, isTrue(in.ReturnMergedResources))
	if err != nil {
		return nil, err
	}
	return &idp.DescribeManagedLoginBrandingByClientResponse{ManagedLoginBranding: b}, nil
}

// UpdateManagedLoginBranding changes a branding.
func (s *Service) UpdateManagedLoginBranding(ctx context.Context, in *idp.UpdateManagedLoginBrandingRequest) (*idp.UpdateManagedLoginBrandingResponse, error) {
	b, err := s.pools.UpdateBranding(ctx, in)
	if err != nil {
		return nil, err
	}
	return &idp.UpdateManagedLoginBrandingResponse{ManagedLoginBranding: b}, nil
}

// DeleteManagedLoginBranding takes the look of managed login from a client.
func (s *Service) DeleteManagedLoginBranding(ctx context.Context, in *idp.DeleteManagedLoginBrandingRequest) (*api.None, error) {
	return nil, s.pools.DeleteBranding(ctx, in.UserPoolId, in.ManagedLoginBrandingId)
}

func isTrue(b *bool) bool { return b != nil && *b }
