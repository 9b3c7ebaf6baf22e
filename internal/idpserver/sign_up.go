package idpserver

import (
	"context"

	"cognate/api/idp"
)

// SignUp registers a user through a client.
func (s *Service) SignUp(ctx context.Context, in *idp.SignUpRequest) (*idp.SignUpResponse, error) {
	p, c, err := s.pools.Client(ctx, in.ClientId)
	if err != nil {
		return nil, err
	}
	return s.users.SignUp(ctx, p, c, in)
}

// ConfirmSignUp confirms a user by the code that was sent.
func (s *Service) ConfirmSignUp(ctx context.Context, in *idp.ConfirmSignUpRequest) (*idp.ConfirmSignUpResponse, error) {
	p, c, err := s.pools.Client(ctx, in.ClientId)
	if err != nil {
		return nil, err
	}
	return &idp.ConfirmSignUpResponse{}, s.users.ConfirmSignUp(ctx, p, c, in)
}

// ResendConfirmationCode sends an unconfirmed user a new code.
func (s *Service) ResendConfirmationCode(ctx context.Context, in *idp.ResendConfirmationCodeRequest) (*idp.ResendConfirmationCodeResponse, error) {
	p, c, err := s.pools.Client(ctx, in.ClientId)
	if err != nil {
		return nil, err
	}
	sent, err := s.users.ResendConfirmationCode(ctx, p, c, in)
	return &idp.ResendConfirmationCodeResponse{CodeDeliveryDetails: sent}, err
}
