package idpserver

import (
	"context"
	"errors"
	"strings"

	"cognate/api/cognate"
	"cognate/api/idp"
	"cognate/internal/awsjson"
	"cognate/internal/fault"
	"cognate/internal/oauth"
	"cognate/internal/pool"
	"cognate/internal/secret"
	"cognate/internal/store"
	"cognate/internal/token"
	"cognate/internal/user"
)

// GetTokensFromRefreshToken refreshes tokens, and rotates the refresh token where the client says so.
func (s *Service) GetTokensFromRefreshToken(ctx context.Context, in *idp.GetTokensFromRefreshTokenRequest) (*idp.GetTokensFromRefreshTokenResponse, error) {
	p, c, err := s.pools.Client(ctx, in.ClientId)
	if err != nil {
		return nil, err
	}
	if c.HasSecret() && in.ClientSecret == "" {
		return nil, fault.Newf(idp.CodeNotAuthorized, "Client %s is configured for secret but secret was not received", c.ID)
	}
	if !secretFits(c, in.ClientSecret) {
		return nil, fault.Newf(idp.CodeNotAuthorized, "Unable to verify secret for client %s", c.ID)
	}
	t, err := s.tokens.Refresh(ctx, p, c, token.Renewal{
		Refresh: secret.Text(in.RefreshToken), DeviceKey: in.DeviceKey, Check: func(store.User) error { return nil },
		Occasion: token.Occasion{Metadata: in.ClientMetadata},
	})
	if f, ok := errors.AsType[*fault.Error](err); ok && (f.Code == idp.CodePasswordResetRequired || f.Code == idp.CodeUserNotConfirmed) {
		return nil, fault.New(idp.CodeNotAuthorized, f.Message) // the model declares neither here
	}
	if err != nil {
		return nil, err
	}
	return &idp.GetTokensFromRefreshTokenResponse{AuthenticationResult: result(t)}, nil
}

// GetClientToken is the client_credentials grant as an operation, for a client that may use it.
func (s *Service) GetClientToken(ctx context.Context, in *cognate.GetClientTokenRequest) (*cognate.GetClientTokenResponse, error) {
	p, c, err := s.pools.Client(ctx, in.ClientId)
	if err != nil {
		return nil, err
	}
	t, err := user.Watched(s.users, awsjson.CallerFrom(ctx).IP, func() (*token.Tokens, error) {
		if !secretFits(c, in.Secret) {
			return nil, fault.Newf(idp.CodeNotAuthorized, "Unable to verify secret for client %s", c.ID)
		}
		return s.oauth.ClientToken(ctx, p, c, in.Scopes, in.ClientMetadata)
	})
	if err != nil {
		return nil, clientFault(err)
	}
	return &cognate.GetClientTokenResponse{ClientAuthenticationResult: &cognate.ClientAuthenticationResultType{
		AccessToken: t.Access, ExpiresIn: new(int64(t.Lifetime.Seconds())), TokenType: "Bearer",
	}}, nil
}

// clientFault words an error of OAuth as the API does.
func clientFault(err error) error {
	switch known, _ := errors.AsType[*oauth.Error](err); known {
	case nil:
		return err
	case oauth.ErrNotAllowed:
		return fault.New(idp.CodeNotAuthorized, "The client is not allowed to use client credentials.")
	}
	return fault.New(idp.CodeInvalidParameter, "Invalid scope requested.")
}

// secretFits reports whether the plain secret is the client's; a client without one takes none.
func secretFits(c *pool.Client, secret string) bool {
	if !c.HasSecret() {
		return secret == ""
	}
	return c.CheckSecret(secret)
}

// RevokeToken ends the family of a refresh token. A token that is not ours or already revoked is no
// error (RFC 7009 section 2.2); an access or ID token is of the wrong type.
func (s *Service) RevokeToken(ctx context.Context, in *idp.RevokeTokenRequest) (*idp.RevokeTokenResponse, error) {
	_, c, err := s.pools.Client(ctx, in.ClientId)
	if known := (*fault.Error)(nil); errors.As(err, &known) {
		return nil, fault.New(idp.CodeUnauthorized, "Invalid client.")
	}
	if err != nil {
		return nil, err
	}
	if !secretFits(c, in.ClientSecret) {
		return nil, fault.New(idp.CodeUnauthorized, "Invalid client secret.")
	}
	if !c.RevocationEnabled() {
		return nil, fault.New(idp.CodeUnsupportedOperation, "Token revocation is not enabled for the client.")
	}
	if strings.Count(in.Token, ".") == 2 {
		return nil, fault.New(idp.CodeUnsupportedTokenType, "Unsupported token type.")
	}
	return &idp.RevokeTokenResponse{}, s.tokens.Revoke(ctx, c, in.Token)
}

// GlobalSignOut ends all sessions of the caller.
func (s *Service) GlobalSignOut(ctx context.Context, in *idp.GlobalSignOutRequest) (*idp.GlobalSignOutResponse, error) {
	me, err := s.tokens.Authorize(ctx, in.AccessToken)
	if known := (*fault.Error)(nil); errors.As(err, &known) && known.Code == idp.CodeUserNotFound {
		// The model declares no UserNotFoundException here: who is gone has no session left.
		return nil, fault.New(idp.CodeNotAuthorized, "Access Token has been revoked")
	}
	if err != nil {
		return nil, err
	}
	return &idp.GlobalSignOutResponse{}, s.tokens.SignOut(ctx, me.Pool.ID, me.User.Sub)
}

// AdminUserGlobalSignOut ends all sessions of a user.
func (s *Service) AdminUserGlobalSignOut(ctx context.Context, in *idp.AdminUserGlobalSignOutRequest) (*idp.AdminUserGlobalSignOutResponse, error) {
	p, err := s.pools.Pool(ctx, in.UserPoolId)
	if err != nil {
		return nil, err
	}
	u, err := s.users.Find(ctx, p, in.Username)
	if err != nil {
		return nil, err
	}
	return &idp.AdminUserGlobalSignOutResponse{}, s.tokens.SignOut(ctx, p.ID, u.Sub)
}
