package idpserver

import (
	"context"

	"cognate/api/idp"
	"cognate/internal/pool"
	"cognate/internal/store"
)

// SetRiskConfiguration replaces what threat protection does, for a client or for a pool.
func (s *Service) SetRiskConfiguration(ctx context.Context, in *idp.SetRiskConfigurationRequest) (*idp.SetRiskConfigurationResponse, error) {
	c, err := s.threat.SetConfiguration(ctx, in)
	if err != nil {
		return nil, err
	}
	return &idp.SetRiskConfigurationResponse{RiskConfiguration: c}, nil
}

// DescribeRiskConfiguration shows it.
func (s *Service) DescribeRiskConfiguration(ctx context.Context, in *idp.DescribeRiskConfigurationRequest) (*idp.DescribeRiskConfigurationResponse, error) {
	c, err := s.threat.Configuration(ctx, in.UserPoolId, in.ClientId)
	if err != nil {
		return nil, err
	}
	return &idp.DescribeRiskConfigurationResponse{RiskConfiguration: c}, nil
}

// AdminListUserAuthEvents lists what a user has done, the newest first.
func (s *Service) AdminListUserAuthEvents(ctx context.Context, in *idp.AdminListUserAuthEventsRequest) (*idp.AdminListUserAuthEventsResponse, error) {
	p, u, err := s.findUser(ctx, in.UserPoolId, in.Username)
	if err != nil {
		return nil, err
	}
	events, next, err := s.threat.List(ctx, p, u.Sub, in.MaxResults, in.NextToken)
	if err != nil {
		return nil, err
	}
	return &idp.AdminListUserAuthEventsResponse{AuthEvents: events, NextToken: next}, nil
}

// AdminUpdateAuthEventFeedback takes an administrator's word on an event.
func (s *Service) AdminUpdateAuthEventFeedback(ctx context.Context, in *idp.AdminUpdateAuthEventFeedbackRequest) (*idp.AdminUpdateAuthEventFeedbackResponse, error) {
	p, u, err := s.findUser(ctx, in.UserPoolId, in.Username)
	if err != nil {
		return nil, err
	}
	return &idp.AdminUpdateAuthEventFeedbackResponse{}, s.threat.Rate(ctx, p, u.Sub, in.EventId, in.FeedbackValue)
}

// UpdateAuthEventFeedback takes a user's word on an event, with the token that a mail has brought.
func (s *Service) UpdateAuthEventFeedback(ctx context.Context, in *idp.UpdateAuthEventFeedbackRequest) (*idp.UpdateAuthEventFeedbackResponse, error) {
	err := s.threat.RateOwn(ctx, in, func(p *pool.Pool) (store.User, error) { return s.users.Find(ctx, p, in.Username) })
	return &idp.UpdateAuthEventFeedbackResponse{}, err
}
