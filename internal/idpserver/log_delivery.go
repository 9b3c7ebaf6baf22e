package idpserver

import (
	"context"

	"cognate/api/idp"
)

// SetLogDeliveryConfiguration says where the logs of a pool go.
func (s *Service) SetLogDeliveryConfiguration(
	ctx context.Context, in *idp.SetLogDeliveryConfigurationRequest,
) (*idp.SetLogDeliveryConfigurationResponse, error) {
	set, err := s.pools.SetLogDelivery(ctx, in)
	if err != nil {
		return nil, err
	}
	return &idp.SetLogDeliveryConfigurationResponse{LogDeliveryConfiguration: set}, nil
}

// GetLogDeliveryConfiguration shows where the logs of a pool go.
func (s *Service) GetLogDeliveryConfiguration(
	ctx context.Context, in *idp.GetLogDeliveryConfigurationRequest,
) (*idp.GetLogDeliveryConfigurationResponse, error) {
	set, err := s.pools.LogDelivery(ctx, in.UserPoolId)
	if err != nil {
		return nil, err
	}
	return &idp.GetLogDeliveryConfigurationResponse{LogDeliveryConfiguration: set}, nil
}
