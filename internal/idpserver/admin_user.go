package idpserver

import (
	"context"

	"cognate/api"
	"cognate/api/idp"
	"cognate/internal/user"
)

// AdminCreateUser creates a user and sends an invitation with a temporary password, or sends it again.
func (s *Service) AdminCreateUser(ctx context.Context, in *idp.AdminCreateUserRequest) (*idp.AdminCreateUserResponse, error) {
	p, err := s.pools.Pool(ctx, in.UserPoolId)
	if err != nil {
		return nil, err
	}
	u, err := s.users.AdminCreate(ctx, p, in)
	if err != nil {
		return nil, err
	}
	return &idp.AdminCreateUserResponse{User: user.Describe(p, u)}, nil
}

// AdminGetUser shows a user with all attributes.
func (s *Service) AdminGetUser(ctx context.Context, in *idp.AdminGetUserRequest) (*idp.AdminGetUserResponse, error) {
	p, err := s.pools.Pool(ctx, in.UserPoolId)
	if err != nil {
		return nil, err
	}
	u, err := s.users.Find(ctx, p, in.Username)
	if err != nil {
		return nil, err
	}
	f, err := user.SettingsOf(u)
	if err != nil {
		return nil, err
	}
	return &idp.AdminGetUserResponse{
		UserMFASettingList: f.Enabled, PreferredMfaSetting: f.Preferred, MFAOptions: mfaOptions(f),
		Username:             u.Username,
		UserAttributes:       user.Attributes(p, nil, u),
		UserCreateDate:       api.At(u.Created),
		UserLastModifiedDate: api.At(u.Modified),
		Enabled:              new(u.Enabled),
		UserStatus:           u.Status,
	}, nil
}

// AdminSetUserPassword gives a user a password, to keep or to replace.
func (s *Service) AdminSetUserPassword(ctx context.Context, in *idp.AdminSetUserPasswordRequest) (*idp.AdminSetUserPasswordResponse, error) {
	p, err := s.pools.Pool(ctx, in.UserPoolId)
	if err != nil {
		return nil, err
	}
	return &idp.AdminSetUserPasswordResponse{}, s.users.AdminSetPassword(ctx, p, in)
}

// AdminConfirmSignUp confirms a user without a code.
func (s *Service) AdminConfirmSignUp(ctx context.Context, in *idp.AdminConfirmSignUpRequest) (*idp.AdminConfirmSignUpResponse, error) {
	p, err := s.pools.Pool(ctx, in.UserPoolId)
	if err != nil {
		return nil, err
	}
	return &idp.AdminConfirmSignUpResponse{}, s.users.AdminConfirm(ctx, p, in.Username, in.ClientMetadata)
}

// AdminResetUserPassword makes a user choose a new password by a code.
func (s *Service) AdminResetUserPassword(ctx context.Context, in *idp.AdminResetUserPasswordRequest) (*idp.AdminResetUserPasswordResponse, error) {
	p, err := s.pools.Pool(ctx, in.UserPoolId)
	if err != nil {
		return nil, err
	}
	return &idp.AdminResetUserPasswordResponse{}, s.users.AdminResetPassword(ctx, p, in.Username, in.ClientMetadata)
}

// AdminUpdateUserAttributes changes a user's attributes.
func (s *Service) AdminUpdateUserAttributes(ctx context.Context, in *idp.AdminUpdateUserAttributesRequest) (*idp.AdminUpdateUserAttributesResponse, error) {
	p, err := s.pools.Pool(ctx, in.UserPoolId)
	if err != nil {
		return nil, err
	}
	return &idp.AdminUpdateUserAttributesResponse{}, s.users.AdminUpdate(ctx, p, in)
}

// AdminDeleteUserAttributes removes attributes of a user.
func (s *Service) AdminDeleteUserAttributes(ctx context.Context, in *idp.AdminDeleteUserAttributesRequest) (*idp.AdminDeleteUserAttributesResponse, error) {
	p, err := s.pools.Pool(ctx, in.UserPoolId)
	if err != nil {
		return nil, err
	}
	return &idp.AdminDeleteUserAttributesResponse{}, s.users.AdminDeleteAttributes(ctx, p, in)
}

// AdminEnableUser lets a user sign in.
func (s *Service) AdminEnableUser(ctx context.Context, in *idp.AdminEnableUserRequest) (*idp.AdminEnableUserResponse, error) {
	p, err := s.pools.Pool(ctx, in.UserPoolId)
	if err != nil {
		return nil, err
	}
	return &idp.AdminEnableUserResponse{}, s.users.AdminEnable(ctx, p, in.Username)
}

// AdminDisableUser keeps a user from signing in and ends its sessions.
func (s *Service) AdminDisableUser(ctx context.Context, in *idp.AdminDisableUserRequest) (*idp.AdminDisableUserResponse, error) {
	p, err := s.pools.Pool(ctx, in.UserPoolId)
	if err != nil {
		return nil, err
	}
	return &idp.AdminDisableUserResponse{}, s.users.AdminDisable(ctx, p, in.Username)
}

// AdminDeleteUser deletes a user.
func (s *Service) AdminDeleteUser(ctx context.Context, in *idp.AdminDeleteUserRequest) (*api.None, error) {
	p, err := s.pools.Pool(ctx, in.UserPoolId)
	if err != nil {
		return nil, err
	}
	return nil, s.users.AdminDelete(ctx, p, in.Username)
}
