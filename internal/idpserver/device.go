package idpserver

import (
	"context"
	"errors"

	"cognate/api"
	"cognate/api/idp"
	"cognate/internal/awsjson"
	"cognate/internal/fault"
	"cognate/internal/pool"
	"cognate/internal/store"
	"cognate/internal/user"
)

// ConfirmDevice registers the device that the caller's session is of.
func (s *Service) ConfirmDevice(ctx context.Context, in *idp.ConfirmDeviceRequest) (*idp.ConfirmDeviceResponse, error) {
	me, err := s.me(ctx, in.AccessToken)
	if err != nil {
		return nil, err
	}
	if err := s.users.ConfirmDevice(ctx, me, in, awsjson.CallerFrom(ctx).IP); err != nil {
		return nil, err
	}
	return &idp.ConfirmDeviceResponse{UserConfirmationNecessary: new(me.Pool.AsksToRemember())}, nil
}

// GetDevice shows a remembered device of the caller's own.
func (s *Service) GetDevice(ctx context.Context, in *idp.GetDeviceRequest) (*idp.GetDeviceResponse, error) {
	me, err := s.owner(ctx, in.AccessToken)
	if err != nil {
		return nil, err
	}
	row, err := s.users.RememberedDevice(ctx, me.Pool, me.User.Sub, in.DeviceKey)
	if err != nil {
		return nil, err
	}
	return &idp.GetDeviceResponse{Device: user.DescribeDevice(row)}, nil
}

// ListDevices lists the remembered devices of the caller's own. Its token is good for the same user only.
func (s *Service) ListDevices(ctx context.Context, in *idp.ListDevicesRequest) (*idp.ListDevicesResponse, error) {
	me, err := s.me(ctx, in.AccessToken)
	if err != nil {
		return nil, err
	}
	kind := "ListDevices/" + me.Pool.ID + "/" + me.User.Sub
	after, err := s.pools.OpenPageToken(kind, in.PaginationToken)
	if err != nil {
		return nil, err
	}
	devices, next, err := s.users.RememberedDevices(ctx, me.Pool, me.User.Sub, user.Page{After: after, Limit: in.Limit})
	if err != nil {
		return nil, err
	}
	return &idp.ListDevicesResponse{Devices: devices, PaginationToken: s.pools.PageToken(kind, next)}, nil
}

// UpdateDeviceStatus has a device of the caller's own remembered, or not.
func (s *Service) UpdateDeviceStatus(ctx context.Context, in *idp.UpdateDeviceStatusRequest) (*idp.UpdateDeviceStatusResponse, error) {
	me, err := s.me(ctx, in.AccessToken)
	if err != nil {
		return nil, err
	}
	return &idp.UpdateDeviceStatusResponse{}, s.users.SetDeviceStatus(ctx, me.Pool, me.User.Sub, in.DeviceKey, in.DeviceRememberedStatus)
}

// ForgetDevice deletes a device of the caller's own and ends its sessions.
func (s *Service) ForgetDevice(ctx context.Context, in *idp.ForgetDeviceRequest) (*api.None, error) {
	me, err := s.owner(ctx, in.AccessToken)
	if err != nil {
		return nil, err
	}
	return nil, s.users.ForgetDevice(ctx, me.Pool, me.User.Sub, in.DeviceKey)
}

// owner is me for the operations whose model does not demand the access token that they need.
func (s *Service) owner(ctx context.Context, accessToken string) (user.Self, error) {
	if accessToken == "" {
		return user.Self{}, fault.New(idp.CodeInvalidParameter, "1 validation error detected: Value null at 'accessToken' failed to satisfy constraint: Member must not be null")
	}
	return s.me(ctx, accessToken)
}

// AdminGetDevice shows a device of a user, remembered or not.
func (s *Service) AdminGetDevice(ctx context.Context, in *idp.AdminGetDeviceRequest) (*idp.AdminGetDeviceResponse, error) {
	p, u, err := s.deviceOwner(ctx, in.UserPoolId, in.Username)
	if err != nil {
		return nil, undeclaredUser(err)
	}
	row, err := s.users.Device(ctx, p, u.Sub, in.DeviceKey)
	if err != nil {
		return nil, err
	}
	return &idp.AdminGetDeviceResponse{Device: user.DescribeDevice(row)}, nil
}

// AdminListDevices lists the devices of a user, remembered or not. Its token is good for the same user only.
func (s *Service) AdminListDevices(ctx context.Context, in *idp.AdminListDevicesRequest) (*idp.AdminListDevicesResponse, error) {
	p, u, err := s.deviceOwner(ctx, in.UserPoolId, in.Username)
	if err != nil {
		return nil, undeclaredUser(err)
	}
	kind := "AdminListDevices/" + p.ID + "/" + u.Sub
	after, err := s.pools.OpenPageToken(kind, in.PaginationToken)
	if err != nil {
		return nil, err
	}
	devices, next, err := s.users.Devices(ctx, p, u.Sub, user.Page{After: after, Limit: in.Limit})
	if err != nil {
		return nil, err
	}
	return &idp.AdminListDevicesResponse{Devices: devices, PaginationToken: s.pools.PageToken(kind, next)}, nil
}

// AdminUpdateDeviceStatus has a device of a user remembered, or not.
func (s *Service) AdminUpdateDeviceStatus(ctx context.Context, in *idp.AdminUpdateDeviceStatusRequest) (*idp.AdminUpdateDeviceStatusResponse, error) {
	p, u, err := s.deviceOwner(ctx, in.UserPoolId, in.Username)
	if err != nil {
		return nil, err
	}
	return &idp.AdminUpdateDeviceStatusResponse{}, s.users.SetDeviceStatus(ctx, p, u.Sub, in.DeviceKey, in.DeviceRememberedStatus)
}

// AdminForgetDevice deletes a device of a user and ends its sessions.
func (s *Service) AdminForgetDevice(ctx context.Context, in *idp.AdminForgetDeviceRequest) (*api.None, error) {
	p, u, err := s.deviceOwner(ctx, in.UserPoolId, in.Username)
	if err != nil {
		return nil, err
	}
	return nil, s.users.ForgetDevice(ctx, p, u.Sub, in.DeviceKey)
}

// deviceOwner is the pool and the user that an administrator names.
func (s *Service) deviceOwner(ctx context.Context, poolID, username string) (*pool.Pool, store.User, error) {
	p, err := s.pools.Pool(ctx, poolID)
	if err != nil {
		return nil, store.User{}, err
	}
	u, err := s.users.Find(ctx, p, username)
	return p, u, err
}

// undeclaredUser says of a user who is not there what the operations may say that declare no
// UserNotFoundException.
func undeclaredUser(err error) error {
	if f, ok := errors.AsType[*fault.Error](err); ok && f.Code == idp.CodeUserNotFound {
		return fault.New(idp.CodeResourceNotFound, f.Message)
	}
	return err
}
