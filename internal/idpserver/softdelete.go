package idpserver

import (
	"context"
	"time"

	"cognate/api"
	"cognate/api/cognate"
	"cognate/internal/store"
)

// defaultRetention is how long is kept what is soft-deleted without a word about that.
const defaultRetention = 30

func retention(days *int64) time.Duration {
	n := int64(defaultRetention)
	if days != nil {
		n = *days
	}
	return time.Duration(n) * 24 * time.Hour
}

// SoftDeleteUserPool deletes a pool in a way that can be undone for a time.
func (s *Service) SoftDeleteUserPool(ctx context.Context, in *cognate.SoftDeleteUserPoolRequest) (*cognate.SoftDeleteUserPoolResponse, error) {
	row, err := s.pools.SoftDelete(ctx, in.UserPoolId, retention(in.RetentionDays))
	if err != nil {
		return nil, err
	}
	return &cognate.SoftDeleteUserPoolResponse{DeletedUserPool: describeDeletedPool(row)}, nil
}

// RestoreUserPool undoes that.
func (s *Service) RestoreUserPool(ctx context.Context, in *cognate.RestoreUserPoolRequest) (*cognate.RestoreUserPoolResponse, error) {
	return &cognate.RestoreUserPoolResponse{}, s.pools.Restore(ctx, in.UserPoolId)
}

// ListDeletedUserPools lists the pools that can be restored.
func (s *Service) ListDeletedUserPools(ctx context.Context, in *cognate.ListDeletedUserPoolsRequest) (*cognate.ListDeletedUserPoolsResponse, error) {
	const kind = "ListDeletedUserPools"
	after, err := s.pools.OpenPageToken(kind, in.NextToken)
	if err != nil {
		return nil, err
	}
	rows, next, err := s.pools.ListSoftDeleted(ctx, after, pageSize(in.MaxResults))
	if err != nil {
		return nil, err
	}
	out := &cognate.ListDeletedUserPoolsResponse{UserPools: make([]*cognate.DeletedUserPoolType, len(rows)), NextToken: s.pools.PageToken(kind, next)}
	for i, row := range rows {
		out.UserPools[i] = describeDeletedPool(row)
	}
	return out, nil
}

func describeDeletedPool(row store.DeletedPool) *cognate.DeletedUserPoolType {
	return &cognate.DeletedUserPoolType{UserPoolId: row.ID, Name: row.Name, DeletionDate: api.At(row.Deleted), PurgeDate: api.At(row.Purge)}
}

// AdminSoftDeleteUser deletes a user in a way that can be undone for a time.
func (s *Service) AdminSoftDeleteUser(ctx context.Context, in *cognate.AdminSoftDeleteUserRequest) (*cognate.AdminSoftDeleteUserResponse, error) {
	p, err := s.pools.Pool(ctx, in.UserPoolId)
	if err != nil {
		return nil, err
	}
	row, err := s.users.SoftDelete(ctx, p, in.Username, retention(in.RetentionDays))
	if err != nil {
		return nil, err
	}
	return &cognate.AdminSoftDeleteUserResponse{DeletedUser: describeDeletedUser(row)}, nil
}

// AdminRestoreUser undoes that.
func (s *Service) AdminRestoreUser(ctx context.Context, in *cognate.AdminRestoreUserRequest) (*cognate.AdminRestoreUserResponse, error) {
	p, err := s.pools.Pool(ctx, in.UserPoolId)
	if err != nil {
		return nil, err
	}
	return &cognate.AdminRestoreUserResponse{}, s.users.Restore(ctx, p, in.UserSub)
}

// ListDeletedUsers lists the users of a pool that can be restored.
func (s *Service) ListDeletedUsers(ctx context.Context, in *cognate.ListDeletedUsersRequest) (*cognate.ListDeletedUsersResponse, error) {
	p, err := s.pools.Pool(ctx, in.UserPoolId)
	if err != nil {
		return nil, err
	}
	kind := "ListDeletedUsers/" + p.ID
	after, err := s.pools.OpenPageToken(kind, in.NextToken)
	if err != nil {
		return nil, err
	}
	rows, next, err := s.users.ListSoftDeleted(ctx, p, after, pageSize(in.MaxResults))
	if err != nil {
		return nil, err
	}
	out := &cognate.ListDeletedUsersResponse{Users: make([]*cognate.DeletedUserType, len(rows)), NextToken: s.pools.PageToken(kind, next)}
	for i, row := range rows {
		out.Users[i] = describeDeletedUser(row)
	}
	return out, nil
}

func describeDeletedUser(row store.DeletedUser) *cognate.DeletedUserType {
	return &cognate.DeletedUserType{UserSub: row.Sub, Username: row.Username, DeletionDate: api.At(row.Deleted), PurgeDate: api.At(row.Purge)}
}
