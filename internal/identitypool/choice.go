package identitypool

import (
	"slices"
	"strings"

	"cognate/api/identity"
	"cognate/internal/fault"
)

// The kinds of roles that a pool has for all.
const (
	roleAuthenticated   = "authenticated"
	roleUnauthenticated = "unauthenticated"
)

// Claims of user pools by which groups tell the roles of a user.
const (
	claimRoles         = "cognito:roles"
	claimPreferredRole = "cognito:preferred_role"
)

var (
	errDenied = notAuthorized("Role resolution denied")
	errRoles  = fault.New(identity.CodeInvalidIdentityPoolConfiguration, textRoles)
)

const textRoles = "Invalid identity pool configuration. Check assigned IAM roles for this pool."

// role chooses the role of who has entered (protocol page "identity-pools", section 6): that for guests, that which the
// mapping of a login's provider says, or else that for all who have signed in. custom is the role that the app wants,
// among those that the user may have; empty is the pool's choice.
func (e entry) role(custom string) (string, error) {
	if len(e.logins) == 0 {
		return e.fixed(roleUnauthenticated, custom)
	}
	for _, l := range e.logins {
		if m := e.pool.mapping(l); m != nil {
			c, err := l.parse()
			if err != nil {
				return "", err
			}
			return e.mapped(m, c, custom)
		}
	}
	return e.fixed(roleAuthenticated, custom)
}

// fixed is one of the two roles that the pool has without a mapping.
func (e entry) fixed(kind, custom string) (string, error) {
	role := e.pool.Roles[kind]
	switch {
	case role == "":
		return "", errRoles
	case custom != "" && custom != role:
		return "", errDenied
	}
	return role, nil
}

// mapping returns the role mapping for the provider of a login, nil when there is none. Those of user pools are for one app.
func (s *settings) mapping(l login) *identity.RoleMapping {
	if m := s.RoleMappings[l.key()]; m != nil && l.clientID != "" {
		return m
	}
	return s.RoleMappings[l.provider]
}

// mapped is the role that a mapping says for the claims of a token.
func (e entry) mapped(m *identity.RoleMapping, c claimSet, custom string) (string, error) {
	roles, first := c.values(claimRoles), c.preferred()
	if m.Type == identity.RoleMappingTypeRules {
		roles = matching(m.RulesConfiguration, c)
		first = ""
		if len(roles) > 0 {
			first = roles[0]
		}
	}
	switch {
	case custom != "" && slices.Contains(roles, custom):
		return custom, nil
	case custom != "":
		return "", errDenied
	case first != "":
		return first, nil
	case m.AmbiguousRoleResolution == identity.AmbiguousRoleResolutionTypeAuthenticatedRole:
		return e.fixed(roleAuthenticated, "")
	}
	return "", errDenied
}

// preferred is the role that a token wants when nobody asks for one: its preferred one, or its only one.
func (c claimSet) preferred() string {
	if preferred := c.values(claimPreferredRole); len(preferred) == 1 {
		return preferred[0]
	}
	if roles := c.values(claimRoles); len(roles) == 1 {
		return roles[0]
	}
	return ""
}

// matching returns the roles of the rules that claims match, in their order.
func matching(rules *identity.RulesConfigurationType, c claimSet) (roles []string) {
	if rules == nil {
		return nil
	}
	for _, r := range rules.Rules {
		if matches(r, c.values(r.Claim)) {
			roles = append(roles, r.RoleARN)
		}
	}
	return roles
}

// matches compares the values of a claim with a rule, to the letter. Of a claim with several, one is to match; where none
// may be equal, none is. A claim that is not there matches nothing.
func matches(r *identity.MappingRule, values []string) bool {
	if r.MatchType == identity.MappingRuleMatchTypeNotEqual {
		return len(values) > 0 && !slices.Contains(values, r.Value)
	}
	return slices.ContainsFunc(values, func(v string) bool {
		switch r.MatchType {
		case identity.MappingRuleMatchTypeEquals:
			return v == r.Value
		case identity.MappingRuleMatchTypeContains:
			return strings.Contains(v, r.Value)
		case identity.MappingRuleMatchTypeStartsWith:
			return strings.HasPrefix(v, r.Value)
		}
		return false
	})
}
