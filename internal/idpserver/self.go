package idpserver

import (
	"context"

	"cognate/api"
	"cognate/api/idp"
	"cognate/internal/fault"
	"cognate/internal/user"
)

// me is the user whom an access token shows, if the user is in a state to act.
func (s *Service) me(ctx context.Context, accessToken string) (me user.Self, err error) {
	session, err := s.tokens.Authorize(ctx, accessToken)
	if err != nil {
		return me, err
	}
	switch session.User.Status {
	case idp.UserStatusTypeResetRequired:
		return me, fault.New(idp.CodePasswordResetRequired, "Password reset required for the user")
	case idp.UserStatusTypeUnconfirmed:
		return me, fault.New(idp.CodeUserNotConfirmed, "User is not confirmed.")
	}
	return user.Self{Pool: session.Pool, Client: session.Client, User: session.User}, nil
}

// GetUser shows the caller's own profile, as far as the client may read it.
func (s *Service) GetUser(ctx context.Context, in *idp.GetUserRequest) (*idp.GetUserResponse, error) {
	me, err := s.me(ctx, in.AccessToken)
	if err != nil {
		return nil, err
	}
	return &idp.GetUserResponse{Username: me.User.Username, UserAttributes: user.Attributes(me.Pool, me.Client, me.User)}, nil
}

// UpdateUserAttributes changes the caller's own attributes.
func (s *Service) UpdateUserAttributes(ctx context.Context, in *idp.UpdateUserAttributesRequest) (*idp.UpdateUserAttributesResponse, error) {
	me, err := s.me(ctx, in.AccessToken)
	if err != nil {
		return nil, err
	}
	sent, err := s.users.Update(ctx, me, in.UserAttributes)
	return &idp.UpdateUserAttributesResponse{CodeDeliveryDetailsList: sent}, err
}

// DeleteUserAttributes removes attributes of the caller's own.
func (s *Service) DeleteUserAttributes(ctx context.Context, in *idp.DeleteUserAttributesRequest) (*idp.DeleteUserAttributesResponse, error) {
	me, err := s.me(ctx, in.AccessToken)
	if err != nil {
		return nil, err
	}
	return &idp.DeleteUserAttributesResponse{}, s.users.Delete(ctx, me, in.UserAttributeNames)
}

// GetUserAttributeVerificationCode sends a code to an address of the caller's own.
func (s *Service) GetUserAttributeVerificationCode(ctx context.Context, in *idp.GetUserAttributeVerificationCodeRequest) (*idp.GetUserAttributeVerificationCodeResponse, error) {
	me, err := s.me(ctx, in.AccessToken)
	if err != nil {
		return nil, err
	}
	sent, err := s.users.SendVerification(ctx, me, in.AttributeName)
	return &idp.GetUserAttributeVerificationCodeResponse{CodeDeliveryDetails: sent}, err
}

// VerifyUserAttribute verifies an address of the caller's own by the code.
func (s *Service) VerifyUserAttribute(ctx context.Context, in *idp.VerifyUserAttributeRequest) (*idp.VerifyUserAttributeResponse, error) {
	me, err := s.me(ctx, in.AccessToken)
	if err != nil {
		return nil, err
	}
	return &idp.VerifyUserAttributeResponse{}, s.users.VerifyAttribute(ctx, me, in.AttributeName, in.Code)
}

// ChangePassword replaces the caller's own password.
func (s *Service) ChangePassword(ctx context.Context, in *idp.ChangePasswordRequest) (*idp.ChangePasswordResponse, error) {
	me, err := s.me(ctx, in.AccessToken)
	if err != nil {
		return nil, err
	}
	return &idp.ChangePasswordResponse{}, s.users.ChangePassword(ctx, me, in.PreviousPassword, in.ProposedPassword)
}

// DeleteUser deletes the caller's own account.
func (s *Service) DeleteUser(ctx context.Context, in *idp.DeleteUserRequest) (*api.None, error) {
	me, err := s.me(ctx, in.AccessToken)
	if err != nil {
		return nil, err
	}
	return nil, s.users.Remove(ctx, me.Pool, me.User.Sub)
}
