package idpserver

import (
	"context"

	"cognate/api/idp"
)

// SetUICustomization replaces the look of the classic pages.
func (s *Service) SetUICustomization(ctx context.Context, in *idp.SetUICustomizationRequest) (*idp.SetUICustomizationResponse, error) {
	look, err := s.pools.SetUICustomization(ctx, in)
	if err != nil {
		return nil, err
	}
	return &idp.SetUICustomizationResponse{UICustomization: look}, nil
}

// GetUICustomization shows the look of the classic pages: a client's own, else that of all.
func (s *Service) GetUICustomization(ctx context.Context, in *idp.GetUICustomizationRequest) (*idp.GetUICustomizationResponse, error) {
	look, err := s.pools.UICustomization(ctx, in.UserPoolId, in.ClientId)
	if err != nil {
		return nil, err
	}
	return &idp.GetUICustomizationResponse{UICustomization: look}, nil
}
