package idpserver

import (
	"context"
	"strings"

	"cognate/api/idp"
	"cognate/internal/authn"
	"cognate/internal/awsjson"
	"cognate/internal/threat"
	"cognate/internal/token"
	"cognate/internal/user"
)

// InitiateAuth begins a sign-in or refreshes tokens.
func (s *Service) InitiateAuth(ctx context.Context, in *idp.InitiateAuthRequest) (*idp.InitiateAuthResponse, error) {
	p, c, err := s.pools.Client(ctx, in.ClientId)
	if err != nil {
		return nil, err
	}
	step, err := s.authn.Start(ctx, &authn.Attempt{
		Pool: p, Client: c, Flow: in.AuthFlow, Session: in.Session, Parameters: in.AuthParameters, Metadata: in.ClientMetadata, IP: awsjson.CallerFrom(ctx).IP,
		Origin: user.Origin(ctx, c, in.UserContextData),
	})
	if err != nil {
		return nil, err
	}
	return &idp.InitiateAuthResponse{
		ChallengeName: step.Challenge, Session: step.Session, AvailableChallenges: step.Available,
		ChallengeParameters: parameters(step), AuthenticationResult: result(step.Tokens),
	}, nil
}

// AdminInitiateAuth is InitiateAuth by an administrator.
func (s *Service) AdminInitiateAuth(ctx context.Context, in *idp.AdminInitiateAuthRequest) (*idp.AdminInitiateAuthResponse, error) {
	p, c, err := s.pools.PoolClient(ctx, in.UserPoolId, in.ClientId)
	if err != nil {
		return nil, err
	}
	step, err := s.authn.Start(ctx, &authn.Attempt{
		Pool: p, Client: c, Admin: true, Flow: in.AuthFlow, Session: in.Session, Parameters: in.AuthParameters, Metadata: in.ClientMetadata, IP: userAddress(in.ContextData),
		Origin: userOrigin(in.ContextData),
	})
	if err != nil {
		return nil, err
	}
	return &idp.AdminInitiateAuthResponse{
		ChallengeName: step.Challenge, Session: step.Session, AvailableChallenges: step.Available,
		ChallengeParameters: parameters(step), AuthenticationResult: result(step.Tokens),
	}, nil
}

// RespondToAuthChallenge answers a challenge.
func (s *Service) RespondToAuthChallenge(ctx context.Context, in *idp.RespondToAuthChallengeRequest) (*idp.RespondToAuthChallengeResponse, error) {
	p, c, err := s.pools.Client(ctx, in.ClientId)
	if err != nil {
		return nil, err
	}
	step, err := s.authn.Respond(ctx, &authn.Attempt{
		Pool: p, Client: c, Challenge: in.ChallengeName, Session: in.Session, Parameters: in.ChallengeResponses, Metadata: in.ClientMetadata, IP: awsjson.CallerFrom(ctx).IP,
		Origin: user.Origin(ctx, c, in.UserContextData),
	})
	if err != nil {
		return nil, err
	}
	return &idp.RespondToAuthChallengeResponse{
		ChallengeName: step.Challenge, Session: step.Session,
		ChallengeParameters: parameters(step), AuthenticationResult: result(step.Tokens),
	}, nil
}

// AdminRespondToAuthChallenge is RespondToAuthChallenge by an administrator.
func (s *Service) AdminRespondToAuthChallenge(ctx context.Context, in *idp.AdminRespondToAuthChallengeRequest) (*idp.AdminRespondToAuthChallengeResponse, error) {
	p, c, err := s.pools.PoolClient(ctx, in.UserPoolId, in.ClientId)
	if err != nil {
		return nil, err
	}
	step, err := s.authn.Respond(ctx, &authn.Attempt{
		Pool: p, Client: c, Admin: true, Challenge: in.ChallengeName, Session: in.Session, Parameters: in.ChallengeResponses, Metadata: in.ClientMetadata, IP: userAddress(in.ContextData),
		Origin: userOrigin(in.ContextData),
	})
	if err != nil {
		return nil, err
	}
	return &idp.AdminRespondToAuthChallengeResponse{
		ChallengeName: step.Challenge, Session: step.Session,
		ChallengeParameters: parameters(step), AuthenticationResult: result(step.Tokens),
	}, nil
}

// userAddress is where the user is whom an administrator signs in, if the administrator tells.
func userAddress(c *idp.ContextDataType) string {
	if c == nil {
		return ""
	}
	return c.IpAddress
}

// userOrigin is the same, and by what program.
func userOrigin(c *idp.ContextDataType) (o threat.Origin) {
	if c == nil {
		return o
	}
	o.IP, o.Encoded = c.IpAddress, c.EncodedData
	for _, h := range c.HttpHeaders {
		if h != nil && strings.EqualFold(h.HeaderName, "User-Agent") {
			o.Agent = h.HeaderValue
		}
	}
	return o
}

// parameters are present on every answer, and empty at the end of a sign-in.
func parameters(step *authn.Step) map[string]string {
	if step.Parameters == nil {
		return map[string]string{}
	}
	return step.Parameters
}

// result is nil while there is a challenge to answer.
func result(t *token.Tokens) *idp.AuthenticationResultType {
	if t == nil {
		return nil
	}
	out := &idp.AuthenticationResultType{
		AccessToken: t.Access, IdToken: t.ID, RefreshToken: t.Refresh,
		ExpiresIn: new(int64(t.Lifetime.Seconds())), TokenType: "Bearer",
	}
	if d := t.Device; d != nil {
		out.NewDeviceMetadata = &idp.NewDeviceMetadataType{DeviceKey: d.Key, DeviceGroupKey: d.Group}
	}
	return out
}
