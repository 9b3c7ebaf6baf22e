package idpserver

import (
	"context"

	"cognate/api/idp"
)

// ForgotPassword sends a code to choose a new password with.
func (s *Service) ForgotPassword(ctx context.Context, in *idp.ForgotPasswordRequest) (*idp.ForgotPasswordResponse, error) {
	p, c, err := s.pools.Client(ctx, in.ClientId)
	if err != nil {
		return nil, err
	}
	sent, err := s.users.ForgotPassword(ctx, p, c, in)
	return &idp.ForgotPasswordResponse{CodeDeliveryDetails: sent}, err
}

// ConfirmForgotPassword sets a new password by the code.
func (s *Service) ConfirmForgotPassword(ctx context.Context, in *idp.ConfirmForgotPasswordRequest) (*idp.ConfirmForgotPasswordResponse, error) {
	p, c, err := s.pools.Client(ctx, in.ClientId)
	if err != nil {
		return nil, err
	}
	return &idp.ConfirmForgotPasswordResponse{}, s.users.ConfirmForgotPassword(ctx, p, c, in)
}
