package identitypool

import (
	"context"
	"maps"
	"slices"

	"cognate/api/identity"
	"cognate/internal/fault"
)

const (
	maxRules      = 25
	maxTagMaps    = 100 // providers with principal tags
	maxTagMapSize = 460 // bytes of all keys and claims of one
)

// SetRoles replaces the roles of a pool and the rules by which they are chosen.
func (r *Registry) SetRoles(ctx context.Context, in *identity.SetIdentityPoolRolesInput) error {
	_, err := r.change(ctx, in.IdentityPoolId, func(p *pool) error {
		for _, provider := range slices.Sorted(maps.Keys(in.RoleMappings)) {
			if err := checkRoleMapping(provider, in.RoleMappings[provider]); err != nil {
				return err
			}
		}
		p.Roles, p.RoleMappings = in.Roles, in.RoleMappings
		return nil
	})
	return err
}

func checkRoleMapping(provider string, m *identity.RoleMapping) error {
	switch {
	case m.AmbiguousRoleResolution == "":
		return invalidf("AmbiguousRoleResolution is required in the role mapping of %s.", provider)
	case m.Type == identity.RoleMappingTypeRules && m.RulesConfiguration == nil:
		return invalidf("RulesConfiguration is required in the role mapping of %s.", provider)
	case m.RulesConfiguration != nil && len(m.RulesConfiguration.Rules) > maxRules:
		return invalidf("The role mapping of %s can have at most %d rules.", provider, maxRules)
	}
	return nil
}

// Roles returns the roles of a pool and the rules by which they are chosen.
func (r *Registry) Roles(ctx context.Context, id string) (*identity.GetIdentityPoolRolesResponse, error) {
	p, err := r.view(ctx, id)
	if err != nil {
		return nil, err
	}
	return &identity.GetIdentityPoolRolesResponse{IdentityPoolId: id, Roles: p.Roles, RoleMappings: p.RoleMappings}, nil
}

// principalTags say which claims of a provider's tokens become tags of the credentials.
type principalTags struct {
	UseDefaults bool              `json:"UseDefaults,omitzero"`
	Claims      map[string]string `json:"Claims,omitzero"` // by tag
}

func (t principalTags) check() error {
	size := 0
	for tag, claim := range t.Claims {
		size += len(tag) + len(claim)
	}
	if size > maxTagMapSize {
		return invalidf("The principal tags are larger than %d bytes.", maxTagMapSize)
	}
	return nil
}

// SetPrincipalTags replaces the tags of a provider, and returns them.
func (r *Registry) SetPrincipalTags(ctx context.Context, in *identity.SetPrincipalTagAttributeMapInput) (*identity.GetPrincipalTagAttributeMapResponse, error) {
	tags := principalTags{UseDefaults: in.UseDefaults != nil && *in.UseDefaults, Claims: in.PrincipalTags}
	if err := tags.check(); err != nil {
		return nil, err
	}
	_, err := r.change(ctx, in.IdentityPoolId, func(p *pool) error {
		if p.PrincipalTags == nil {
			p.PrincipalTags = map[string]principalTags{}
		}
		p.PrincipalTags[in.IdentityProviderName] = tags
		if len(p.PrincipalTags) > maxTagMaps {
			return invalidf("An identity pool can have principal tags for at most %d providers.", maxTagMaps)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return tags.describe(in.IdentityPoolId, in.IdentityProviderName), nil
}

// PrincipalTags returns the tags of a provider; a ResourceNotFoundException when none have been set.
func (r *Registry) PrincipalTags(ctx context.Context, id, provider string) (*identity.GetPrincipalTagAttributeMapResponse, error) {
	p, err := r.view(ctx, id)
	if err != nil {
		return nil, err
	}
	tags, ok := p.PrincipalTags[provider]
	if !ok {
		return nil, fault.Newf(identity.CodeResourceNotFound,
			"No principal tags are set for the provider '%s' of IdentityPool '%s'.", provider, id)
	}
	return tags.describe(id, provider), nil
}

func (t principalTags) describe(id, provider string) *identity.GetPrincipalTagAttributeMapResponse {
	if t.Claims == nil {
		t.Claims = map[string]string{}
	}
	return &identity.GetPrincipalTagAttributeMapResponse{
		IdentityPoolId: id, IdentityProviderName: provider, UseDefaults: &t.UseDefaults, PrincipalTags: t.Claims,
	}
}
