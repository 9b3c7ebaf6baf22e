package identityserver

import (
	"context"
	"slices"

	"cognate/api"
	"cognate/api/identity"
)

// GetOpenIdTokenForDeveloperIdentity returns the token of the identity of one of the developer's own users.
func (s *Service) GetOpenIdTokenForDeveloperIdentity(ctx context.Context, in *identity.GetOpenIdTokenForDeveloperIdentityInput) (*identity.GetOpenIdTokenForDeveloperIdentityResponse, error) {
	return s.identities.DeveloperToken(ctx, in)
}

// maxDeveloperUsers is how many users a page has that is asked for without a number.
const maxDeveloperUsers = 60

// LookupDeveloperIdentity finds the identity of one of the developer's users, or the users that an identity is.
func (s *Service) LookupDeveloperIdentity(ctx context.Context, in *identity.LookupDeveloperIdentityInput) (*identity.LookupDeveloperIdentityResponse, error) {
	kind := "LookupDeveloperIdentity/" + in.IdentityPoolId + "/" + in.IdentityId + "/" + in.DeveloperUserIdentifier
	after, err := s.pools.OpenPageToken(kind, in.NextToken)
	if err != nil {
		return nil, err
	}
	id, users, err := s.identities.LookupDeveloper(ctx, in.IdentityPoolId, in.IdentityId, in.DeveloperUserIdentifier)
	if err != nil {
		return nil, err
	}
	limit := maxDeveloperUsers
	if in.MaxResults != nil {
		limit = int(*in.MaxResults)
	}
	users, next := page(users, after, limit)
	return &identity.LookupDeveloperIdentityResponse{
		IdentityId: id, DeveloperUserIdentifierList: users, NextToken: s.pools.PageToken(kind, next),
	}, nil
}

// page returns up to limit of sorted texts that come after after, and the text to go on after, "" at the end.
func page(all []string, after string, limit int) (some []string, next string) {
	if at, found := slices.BinarySearch(all, after); found {
		all = all[at+1:]
	} else {
		all = all[at:]
	}
	if len(all) <= limit {
		return all, ""
	}
	return all[:limit], all[limit-1]
}

// MergeDeveloperIdentities makes the identities of two of the developer's users one.
func (s *Service) MergeDeveloperIdentities(ctx context.Context, in *identity.MergeDeveloperIdentitiesInput) (*identity.MergeDeveloperIdentitiesResponse, error) {
	id, err := s.identities.MergeDevelopers(ctx, in)
	if err != nil {
		return nil, err
	}
	return &identity.MergeDeveloperIdentitiesResponse{IdentityId: id}, nil
}

// UnlinkDeveloperIdentity takes one of the developer's users from an identity.
func (s *Service) UnlinkDeveloperIdentity(ctx context.Context, in *identity.UnlinkDeveloperIdentityInput) (*api.None, error) {
	return nil, s.identities.UnlinkDeveloper(ctx, in)
}
