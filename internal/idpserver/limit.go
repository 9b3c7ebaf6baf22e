package idpserver

import (
	"context"

	"cognate/api/idp"
)

// GetProvisionedLimit shows how many requests a second of a category are taken.
func (s *Service) GetProvisionedLimit(ctx context.Context, in *idp.GetProvisionedLimitRequest) (*idp.GetProvisionedLimitResponse, error) {
	limit, err := s.quotas.Provisioned(ctx, in.LimitDefinition)
	if err != nil {
		return nil, err
	}
	return &idp.GetProvisionedLimitResponse{Limit: limit}, nil
}

// UpdateProvisionedLimit sets how many requests a second of a category are taken.
func (s *Service) UpdateProvisionedLimit(
	ctx context.Context, in *idp.UpdateProvisionedLimitRequest,
) (*idp.UpdateProvisionedLimitResponse, error) {
	limit, err := s.quotas.Provision(ctx, in.LimitDefinition, in.RequestedLimitValue)
	if err != nil {
		return nil, err
	}
	return &idp.UpdateProvisionedLimitResponse{Limit: limit}, nil
}
