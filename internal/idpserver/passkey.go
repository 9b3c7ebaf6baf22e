package idpserver

import (
	"context"
	"errors"

	"cognate/api/idp"
	"cognate/internal/fault"
	"cognate/internal/message"
	"cognate/internal/passkey"
	"cognate/internal/user"
)

// keyOwner is [Service.me] for the operations of passkeys, which declare neither UserNotFoundException nor
// UserNotConfirmedException.
func (s *Service) keyOwner(ctx context.Context, accessToken string) (me user.Self, err error) {
	me, err = s.me(ctx, accessToken)
	if f, ok := errors.AsType[*fault.Error](err); ok {
		switch f.Code {
		case idp.CodeUserNotFound:
			return me, fault.New(idp.CodeNotAuthorized, "Access Token has been revoked")
		case idp.CodeUserNotConfirmed:
			return me, fault.New(idp.CodeNotAuthorized, f.Message)
		}
	}
	return me, err
}

// StartWebAuthnRegistration begins to register a passkey of the caller's own.
func (s *Service) StartWebAuthnRegistration(ctx context.Context, in *idp.StartWebAuthnRegistrationRequest) (*idp.StartWebAuthnRegistrationResponse, error) {
	me, err := s.keyOwner(ctx, in.AccessToken)
	if err != nil {
		return nil, err
	}
	options, err := s.passkeys.Begin(ctx, me.Pool, me.User, me.Client.ID)
	return &idp.StartWebAuthnRegistrationResponse{CredentialCreationOptions: options}, err
}

// CompleteWebAuthnRegistration registers the passkey that StartWebAuthnRegistration began.
func (s *Service) CompleteWebAuthnRegistration(ctx context.Context, in *idp.CompleteWebAuthnRegistrationRequest) (*idp.CompleteWebAuthnRegistrationResponse, error) {
	me, err := s.keyOwner(ctx, in.AccessToken)
	if err != nil {
		return nil, err
	}
	if err := s.passkeys.Complete(ctx, me.Pool, me.User, me.Client.ID, in.Credential); err != nil {
		return nil, err
	}
	s.users.Notify(ctx, me.Pool, me.User.Sub, message.FactorsChanged)
	return &idp.CompleteWebAuthnRegistrationResponse{}, nil
}

// ListWebAuthnCredentials lists the caller's own passkeys.
func (s *Service) ListWebAuthnCredentials(ctx context.Context, in *idp.ListWebAuthnCredentialsRequest) (*idp.ListWebAuthnCredentialsResponse, error) {
	me, err := s.keyOwner(ctx, in.AccessToken)
	if err != nil {
		return nil, err
	}
	kind := "ListWebAuthnCredentials/" + me.Pool.ID + "/" + me.User.Sub
	after, err := s.pools.OpenPageToken(kind, in.NextToken)
	if err != nil {
		return nil, err
	}
	limit := passkey.Limit
	if in.MaxResults != nil && *in.MaxResults > 0 {
		limit = int(*in.MaxResults)
	}
	keys, next, err := s.passkeys.List(ctx, me.Pool, me.User.Sub, after, limit)
	return &idp.ListWebAuthnCredentialsResponse{Credentials: keys, NextToken: s.pools.PageToken(kind, next)}, err
}

// DeleteWebAuthnCredential deletes a passkey of the caller's own.
func (s *Service) DeleteWebAuthnCredential(ctx context.Context, in *idp.DeleteWebAuthnCredentialRequest) (*idp.DeleteWebAuthnCredentialResponse, error) {
	me, err := s.keyOwner(ctx, in.AccessToken)
	if err != nil {
		return nil, err
	}
	if err := s.passkeys.Delete(ctx, me.Pool, me.User.Sub, in.CredentialId); err != nil {
		return nil, err
	}
	s.users.Notify(ctx, me.Pool, me.User.Sub, message.FactorsChanged)
	return &idp.DeleteWebAuthnCredentialResponse{}, nil
}
