package idpserver

import (
	"context"

	"cognate/api"
	"cognate/api/cognate"
)

// CreateRecoveryCodes makes recovery codes for the caller, in place of those that were there, and shows them
// this once.
func (s *Service) CreateRecoveryCodes(ctx context.Context, in *cognate.CreateRecoveryCodesRequest) (*cognate.CreateRecoveryCodesResponse, error) {
	me, err := s.me(ctx, in.AccessToken)
	if err != nil {
		return nil, err
	}
	codes, created, err := s.users.CreateRecoveryCodes(ctx, me.Pool, me.User.Sub)
	if err != nil {
		return nil, err
	}
	out := &cognate.CreateRecoveryCodesResponse{CreationDate: api.At(created)}
	for _, c := range codes {
		out.RecoveryCodes = append(out.RecoveryCodes, string(c))
	}
	return out, nil
}

// DescribeRecoveryCodes tells how many recovery codes the caller has left.
func (s *Service) DescribeRecoveryCodes(ctx context.Context, in *cognate.DescribeRecoveryCodesRequest) (*cognate.DescribeRecoveryCodesResponse, error) {
	me, err := s.me(ctx, in.AccessToken)
	if err != nil {
		return nil, err
	}
	r, err := s.users.DescribeRecoveryCodes(ctx, me.Pool, me.User.Sub)
	return &cognate.DescribeRecoveryCodesResponse{Remaining: int64(r.Left), CreationDate: api.At(r.Created)}, err
}

// DeleteRecoveryCodes deletes the caller's recovery codes.
func (s *Service) DeleteRecoveryCodes(ctx context.Context, in *cognate.DeleteRecoveryCodesRequest) (*cognate.DeleteRecoveryCodesResponse, error) {
	me, err := s.me(ctx, in.AccessToken)
	if err != nil {
		return nil, err
	}
	return &cognate.DeleteRecoveryCodesResponse{}, s.users.DeleteRecoveryCodes(ctx, me.Pool, me.User.Sub)
}

// AdminDeleteRecoveryCodes deletes a user's recovery codes.
func (s *Service) AdminDeleteRecoveryCodes(ctx context.Context, in *cognate.AdminDeleteRecoveryCodesRequest) (*cognate.AdminDeleteRecoveryCodesResponse, error) {
	p, u, err := s.findUser(ctx, in.UserPoolId, in.Username)
	if err != nil {
		return nil, err
	}
	return &cognate.AdminDeleteRecoveryCodesResponse{}, s.users.DeleteRecoveryCodes(ctx, p, u.Sub)
}
