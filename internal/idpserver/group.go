package idpserver

import (
	"context"
	"fmt"

	"cognate/api"
	"cognate/api/idp"
	"cognate/internal/user"
)

// CreateGroup makes a group of users.
func (s *Service) CreateGroup(ctx context.Context, in *idp.CreateGroupRequest) (*idp.CreateGroupResponse, error) {
	p, err := s.pools.Pool(ctx, in.UserPoolId)
	if err != nil {
		return nil, err
	}
	g, err := s.users.CreateGroup(ctx, p, in)
	if err != nil {
		return nil, err
	}
	return &idp.CreateGroupResponse{Group: g}, nil
}

// GetGroup shows a group.
func (s *Service) GetGroup(ctx context.Context, in *idp.GetGroupRequest) (*idp.GetGroupResponse, error) {
	p, err := s.pools.Pool(ctx, in.UserPoolId)
	if err != nil {
		return nil, err
	}
	g, err := s.users.Group(ctx, p, in.GroupName)
	if err != nil {
		return nil, err
	}
	return &idp.GetGroupResponse{Group: g}, nil
}

// UpdateGroup changes a group.
func (s *Service) UpdateGroup(ctx context.Context, in *idp.UpdateGroupRequest) (*idp.UpdateGroupResponse, error) {
	p, err := s.pools.Pool(ctx, in.UserPoolId)
	if err != nil {
		return nil, err
	}
	g, err := s.users.UpdateGroup(ctx, p, in)
	if err != nil {
		return nil, err
	}
	return &idp.UpdateGroupResponse{Group: g}, nil
}

// DeleteGroup deletes a group, not its members.
func (s *Service) DeleteGroup(ctx context.Context, in *idp.DeleteGroupRequest) (*api.None, error) {
	p, err := s.pools.Pool(ctx, in.UserPoolId)
	if err != nil {
		return nil, err
	}
	return nil, s.users.DeleteGroup(ctx, p, in.GroupName)
}

// ListGroups lists a pool's groups.
func (s *Service) ListGroups(ctx context.Context, in *idp.ListGroupsRequest) (*idp.ListGroupsResponse, error) {
	p, err := s.pools.Pool(ctx, in.UserPoolId)
	if err != nil {
		return nil, err
	}
	kind := "ListGroups/" + in.UserPoolId
	after, err := s.pools.OpenPageToken(kind, in.NextToken)
	if err != nil {
		return nil, err
	}
	groups, next, err := s.users.ListGroups(ctx, p, user.Page{After: after, Limit: in.Limit})
	if err != nil {
		return nil, err
	}
	return &idp.ListGroupsResponse{Groups: groups, NextToken: s.pools.PageToken(kind, next)}, nil
}

// ListUsersInGroup lists the members of a group.
func (s *Service) ListUsersInGroup(ctx context.Context, in *idp.ListUsersInGroupRequest) (*idp.ListUsersInGroupResponse, error) {
	p, err := s.pools.Pool(ctx, in.UserPoolId)
	if err != nil {
		return nil, err
	}
	kind := fmt.Sprintf("ListUsersInGroup/%s/%q", in.UserPoolId, in.GroupName)
	after, err := s.pools.OpenPageToken(kind, in.NextToken)
	if err != nil {
		return nil, err
	}
	users, next, err := s.users.Members(ctx, p, in.GroupName, user.Page{After: after, Limit: in.Limit})
	if err != nil {
		return nil, err
	}
	return &idp.ListUsersInGroupResponse{Users: users, NextToken: s.pools.PageToken(kind, next)}, nil
}

// AdminAddUserToGroup puts a user into a group.
func (s *Service) AdminAddUserToGroup(ctx context.Context, in *idp.AdminAddUserToGroupRequest) (*api.None, error) {
	p, err := s.pools.Pool(ctx, in.UserPoolId)
	if err != nil {
		return nil, err
	}
	return nil, s.users.AddToGroup(ctx, p, in.Username, in.GroupName)
}

// AdminRemoveUserFromGroup takes a user out of a group.
func (s *Service) AdminRemoveUserFromGroup(ctx context.Context, in *idp.AdminRemoveUserFromGroupRequest) (*api.None, error) {
	p, err := s.pools.Pool(ctx, in.UserPoolId)
	if err != nil {
		return nil, err
	}
	return nil, s.users.RemoveFromGroup(ctx, p, in.Username, in.GroupName)
}

// AdminListGroupsForUser lists the groups that a user is in.
func (s *Service) AdminListGroupsForUser(ctx context.Context, in *idp.AdminListGroupsForUserRequest) (*idp.AdminListGroupsForUserResponse, error) {
	p, err := s.pools.Pool(ctx, in.UserPoolId)
	if err != nil {
		return nil, err
	}
	kind := fmt.Sprintf("AdminListGroupsForUser/%s/%q", in.UserPoolId, in.Username)
	after, err := s.pools.OpenPageToken(kind, in.NextToken)
	if err != nil {
		return nil, err
	}
	groups, next, err := s.users.GroupsOf(ctx, p, in.Username, user.Page{After: after, Limit: in.Limit})
	if err != nil {
		return nil, err
	}
	return &idp.AdminListGroupsForUserResponse{Groups: groups, NextToken: s.pools.PageToken(kind, next)}, nil
}
