package idpserver

import (
	"context"

	"cognate/api"
	"cognate/api/cognate"
	"cognate/internal/token"
)

// ListUserSessions lists the caller's own live sessions.
func (s *Service) ListUserSessions(ctx context.Context, in *cognate.ListUserSessionsRequest) (*cognate.ListUserSessionsResponse, error) {
	session, err := s.session(ctx, in.AccessToken)
	if err != nil {
		return nil, err
	}
	of := sessionList{poolID: session.Pool.ID, sub: session.User.Sub, current: session.Claims.EventID}
	list, next, err := s.listSessions(ctx, of, in.MaxResults, in.NextToken)
	return &cognate.ListUserSessionsResponse{Sessions: list, NextToken: next}, err
}

// AdminListUserSessions lists a user's live sessions.
func (s *Service) AdminListUserSessions(ctx context.Context, in *cognate.AdminListUserSessionsRequest) (*cognate.AdminListUserSessionsResponse, error) {
	p, u, err := s.findUser(ctx, in.UserPoolId, in.Username)
	if err != nil {
		return nil, err
	}
	list, next, err := s.listSessions(ctx, sessionList{poolID: p.ID, sub: u.Sub}, in.MaxResults, in.NextToken)
	return &cognate.AdminListUserSessionsResponse{Sessions: list, NextToken: next}, err
}

// EndUserSession ends a session of the caller's own, be it the one that asks for it.
func (s *Service) EndUserSession(ctx context.Context, in *cognate.EndUserSessionRequest) (*cognate.EndUserSessionResponse, error) {
	me, err := s.me(ctx, in.AccessToken)
	if err != nil {
		return nil, err
	}
	return &cognate.EndUserSessionResponse{}, s.tokens.EndSession(ctx, me.Pool.ID, me.User.Sub, in.SessionId)
}

// AdminEndUserSession ends a session of a user.
func (s *Service) AdminEndUserSession(ctx context.Context, in *cognate.AdminEndUserSessionRequest) (*cognate.AdminEndUserSessionResponse, error) {
	p, u, err := s.findUser(ctx, in.UserPoolId, in.Username)
	if err != nil {
		return nil, err
	}
	return &cognate.AdminEndUserSessionResponse{}, s.tokens.EndSession(ctx, p.ID, u.Sub, in.SessionId)
}

// sessionList is whose sessions are listed; current is the id of the one that asks, empty for an administrator.
type sessionList struct{ poolID, sub, current string }

func (s *Service) listSessions(ctx context.Context, of sessionList, limit *int64, token string) ([]*cognate.SessionType, string, error) {
	kind := "ListUserSessions/" + of.poolID + "/" + of.sub
	after, err := s.pools.OpenPageToken(kind, token)
	if err != nil {
		return nil, "", err
	}
	size := pageSize(limit)
	live, next, err := s.tokens.Sessions(ctx, of.poolID, of.sub, after, size)
	if err != nil {
		return nil, "", err
	}
	list := make([]*cognate.SessionType, len(live))
	for i, l := range live {
		list[i] = describeSession(l, of.current)
	}
	return list, s.pools.PageToken(kind, next), nil
}

func describeSession(l token.LiveSession, current string) *cognate.SessionType {
	out := &cognate.SessionType{
		SessionId: l.ID, ClientId: l.ClientID, ClientName: l.ClientName, DeviceKey: l.DeviceKey,
		CreationDate: api.At(l.Created), LastUsedDate: api.At(l.LastUsed), ExpirationDate: api.At(l.Expires),
	}
	if current != "" {
		out.Current = new(l.ID == current)
	}
	return out
}
