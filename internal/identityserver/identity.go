package identityserver

import (
	"context"
	"strconv"

	"cognate/api"
	"cognate/api/identity"
	"cognate/internal/identitypool"
)

// GetId returns the identity of who has the logins, or a new one for a guest.
func (s *Service) GetId(ctx context.Context, in *identity.GetIdInput) (*identity.GetIdResponse, error) {
	id, err := s.identities.GetID(ctx, in.IdentityPoolId, in.Logins)
	if err != nil {
		return nil, err
	}
	return &identity.GetIdResponse{IdentityId: id}, nil
}

// UnlinkIdentity takes logins from an identity.
func (s *Service) UnlinkIdentity(ctx context.Context, in *identity.UnlinkIdentityInput) (*api.None, error) {
	return nil, s.identities.Unlink(ctx, in)
}

// DescribeIdentity returns an identity and the providers of its logins.
func (s *Service) DescribeIdentity(ctx context.Context, in *identity.DescribeIdentityInput) (*identity.IdentityDescription, error) {
	return s.identities.DescribeIdentity(ctx, in.IdentityId)
}

// ListIdentities lists a pool's identities, those that are disabled too unless they are to be hidden.
func (s *Service) ListIdentities(ctx context.Context, in *identity.ListIdentitiesInput) (*identity.ListIdentitiesResponse, error) {
	page := identitypool.Page{Limit: int(in.MaxResults), HideDisabled: in.HideDisabled != nil && *in.HideDisabled}
	kind := "ListIdentities/" + in.IdentityPoolId + "/" + strconv.FormatBool(page.HideDisabled)
	var err error
	if page.After, err = s.pools.OpenPageToken(kind, in.NextToken); err != nil {
		return nil, err
	}
	all, next, err := s.identities.ListIdentities(ctx, in.IdentityPoolId, page)
	if err != nil {
		return nil, err
	}
	return &identity.ListIdentitiesResponse{IdentityPoolId: in.IdentityPoolId, Identities: all, NextToken: s.pools.PageToken(kind, next)}, nil
}

// DeleteIdentities deletes identities. Those that are not there come back as ones that may not be deleted.
func (s *Service) DeleteIdentities(ctx context.Context, in *identity.DeleteIdentitiesInput) (*identity.DeleteIdentitiesResponse, error) {
	unknown, err := s.identities.DeleteIdentities(ctx, in.IdentityIdsToDelete)
	if err != nil {
		return nil, err
	}
	out := &identity.DeleteIdentitiesResponse{UnprocessedIdentityIds: []*identity.UnprocessedIdentityId{}}
	for _, id := range unknown {
		out.UnprocessedIdentityIds = append(out.UnprocessedIdentityIds,
			&identity.UnprocessedIdentityId{IdentityId: id, ErrorCode: identity.ErrorCodeAccessDenied})
	}
	return out, nil
}
