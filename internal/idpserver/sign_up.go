package idpserver

import (
	"context"

	"cognate/api/idp"
	"cognate/internal/authn"
)

// SignUp registers a user through a client.
func (s *Service) SignUp(ctx context.Context, in *idp.SignUpRequest) (*idp.SignUpResponse, error) {
	p, c, err := s.pools.Client(ctx, in.ClientId)
	if err != nil {
		return nil, err
	}
	out, err := s.users.SignUp(ctx, p, c, in)
	if err != nil {
		return nil, err
	}
	out.Session, err = s.authn.SignUpSession(ctx, &authn.Attempt{Pool: p, Client: c}, out.UserSub)
	return out, err
}

// ConfirmSignUp confirms a user by the code that was sent.
func (s *Service) ConfirmSignUp(ctx context.Context, in *idp.ConfirmSignUpRequest) (*idp.ConfirmSignUpResponse, error) {
	p, c, err := s.pools.Client(ctx, in.ClientId)
	if err != nil {
		return nil, err
	}
	a := &authn.Attempt{Pool: p, Client: c, Session: in.Session, Parameters: map[string]string{"USERNAME": in.Username, "SECRET_HASH": in.SecretHash}}
	session, err := s.authn.Confirm(ctx, a, func() (string, error) { return s.users.ConfirmSignUp(ctx, p, c, in) })
	return &idp.ConfirmSignUpResponse{Session: session}, err
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
