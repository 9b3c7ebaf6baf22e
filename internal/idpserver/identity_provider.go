package idpserver

import (
	"context"
	"encoding/base64"
	"errors"

	"cognate/api"
	"cognate/api/idp"
	"cognate/internal/fault"
	"cognate/internal/pool"
)

// defaultProviders is the number of identity providers on a page that is asked for without one.
const defaultProviders = 60

// CreateIdentityProvider makes an external identity provider of a pool.
func (s *Service) CreateIdentityProvider(ctx context.Context, in *idp.CreateIdentityProviderRequest) (*idp.CreateIdentityProviderResponse, error) {
	provider, err := s.pools.CreateProvider(ctx, in)
	if err != nil {
		return nil, err
	}
	return &idp.CreateIdentityProviderResponse{IdentityProvider: provider}, nil
}

// DescribeIdentityProvider shows an identity provider.
func (s *Service) DescribeIdentityProvider(ctx context.Context, in *idp.DescribeIdentityProviderRequest) (*idp.DescribeIdentityProviderResponse, error) {
	provider, err := s.pools.DescribeProvider(ctx, in.UserPoolId, in.ProviderName)
	if err != nil {
		return nil, err
	}
	return &idp.DescribeIdentityProviderResponse{IdentityProvider: provider}, nil
}

// GetIdentityProviderByIdentifier shows the identity provider that has an identifier.
func (s *Service) GetIdentityProviderByIdentifier(ctx context.Context, in *idp.GetIdentityProviderByIdentifierRequest) (*idp.GetIdentityProviderByIdentifierResponse, error) {
	provider, err := s.pools.ProviderByIdentifier(ctx, in.UserPoolId, in.IdpIdentifier)
	if err != nil {
		return nil, err
	}
	return &idp.GetIdentityProviderByIdentifierResponse{IdentityProvider: provider}, nil
}

// UpdateIdentityProvider replaces what the request names of an identity provider.
func (s *Service) UpdateIdentityProvider(ctx context.Context, in *idp.UpdateIdentityProviderRequest) (*idp.UpdateIdentityProviderResponse, error) {
	provider, err := s.pools.UpdateProvider(ctx, in)
	if err != nil {
		return nil, err
	}
	return &idp.UpdateIdentityProviderResponse{IdentityProvider: provider}, nil
}

// DeleteIdentityProvider deletes an identity provider.
func (s *Service) DeleteIdentityProvider(ctx context.Context, in *idp.DeleteIdentityProviderRequest) (*api.None, error) {
	return nil, s.pools.DeleteProvider(ctx, in.UserPoolId, in.ProviderName)
}

// ListIdentityProviders lists a pool's identity providers.
func (s *Service) ListIdentityProviders(ctx context.Context, in *idp.ListIdentityProvidersRequest) (*idp.ListIdentityProvidersResponse, error) {
	kind := "ListIdentityProviders/" + in.UserPoolId
	after, err := s.pools.OpenPageToken(kind, in.NextToken)
	if err != nil {
		return nil, err
	}
	limit := defaultProviders
	if in.MaxResults != nil && *in.MaxResults > 0 {
		limit = int(*in.MaxResults)
	}
	providers, next, err := s.pools.ListProviders(ctx, in.UserPoolId, after, limit)
	if err != nil {
		return nil, err
	}
	return &idp.ListIdentityProvidersResponse{Providers: providers, NextToken: s.pools.PageToken(kind, next)}, nil
}

// GetSigningCertificate shows the certificate of the key that a pool signs its SAML requests with.
func (s *Service) GetSigningCertificate(ctx context.Context, in *idp.GetSigningCertificateRequest) (*idp.GetSigningCertificateResponse, error) {
	p, err := s.pools.Pool(ctx, in.UserPoolId)
	if err != nil {
		return nil, err
	}
	certificate, err := s.pools.SigningCertificate(ctx, p)
	if err != nil {
		return nil, err
	}
	return &idp.GetSigningCertificateResponse{Certificate: base64.StdEncoding.EncodeToString(certificate)}, nil
}

// AdminLinkProviderForUser links an identity that has not signed in yet to a user.
func (s *Service) AdminLinkProviderForUser(ctx context.Context, in *idp.AdminLinkProviderForUserRequest) (*idp.AdminLinkProviderForUserResponse, error) {
	p, err := s.pools.Pool(ctx, in.UserPoolId)
	if err != nil {
		return nil, err
	}
	source, err := s.knownProvider(ctx, p, in.SourceUser.ProviderName)
	if err != nil {
		return nil, err
	}
	if err := s.users.Link(ctx, p, source, in); err != nil {
		return nil, err
	}
	return &idp.AdminLinkProviderForUserResponse{}, nil
}

// knownProvider is nil for a name that no provider of the pool has.
func (s *Service) knownProvider(ctx context.Context, p *pool.Pool, name string) (*pool.Provider, error) {
	provider, err := s.pools.Provider(ctx, p, name)
	if f, ok := errors.AsType[*fault.Error](err); ok && f.Code == idp.CodeResourceNotFound {
		return nil, nil
	}
	return provider, err
}

// AdminDisableProviderForUser takes an identity, or the password, from a user.
func (s *Service) AdminDisableProviderForUser(ctx context.Context, in *idp.AdminDisableProviderForUserRequest) (*idp.AdminDisableProviderForUserResponse, error) {
	p, err := s.pools.Pool(ctx, in.UserPoolId)
	if err != nil {
		return nil, err
	}
	if err := s.users.Unlink(ctx, p, in); err != nil {
		return nil, err
	}
	return &idp.AdminDisableProviderForUserResponse{}, nil
}
