package idpserver

import (
	"context"

	"cognate/api"
	"cognate/api/idp"
	"cognate/internal/fault"
	"cognate/internal/token"
	"cognate/internal/user"
)

// session is what an access token shows, if the user is in a state to act.
func (s *Service) session(ctx context.Context, accessToken string) (*token.Session, error) {
	session, err := s.tokens.Authorize(ctx, accessToken)
	if err != nil {
		return nil, err
	}
	switch session.User.Status {
	case idp.UserStatusTypeResetRequired:
		return nil, fault.New(idp.CodePasswordResetRequired, "Password reset required for the user")
	case idp.UserStatusTypeUnconfirmed:
		return nil, fault.New(idp.CodeUserNotConfirmed, "User is not confirmed.")
	}
	return session, nil
}

// me is the user of a session.
func (s *Service) me(ctx context.Context, accessToken string) (user.Self, error) {
	session, err := s.session(ctx, accessToken)
	if err != nil {
		return user.Self{}, err
	}
	return user.Self{Pool: session.Pool, Client: session.Client, User: session.User, Device: session.Claims.DeviceKey}, nil
}

// GetUser shows the caller's own profile, as far as the client may read it.
func (s *Service) GetUser(ctx context.Context, in *idp.GetUserRequest) (*idp.GetUserResponse, error) {
	me, err := s.me(ctx, in.AccessToken)
	if err != nil {
		return nil, err
	}
	f, err := user.SettingsOf(me.User)
	if err != nil {
		return nil, err
	}
	return &idp.GetUserResponse{
		Username: me.User.Username, UserAttributes: user.Attributes(me.Pool, me.Client, me.User),
		UserMFASettingList: f.Enabled, PreferredMfaSetting: f.Preferred, MFAOptions: mfaOptions(f),
	}, nil
}

// UpdateUserAttributes changes the caller's own attributes.
func (s *Service) UpdateUserAttributes(ctx context.Context, in *idp.UpdateUserAttributesRequest) (*idp.UpdateUserAttributesResponse, error) {
	me, err := s.me(ctx, in.AccessToken)
	if err != nil {
		return nil, err
	}
	me.Metadata = in.ClientMetadata
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
	me.Metadata = in.ClientMetadata
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
