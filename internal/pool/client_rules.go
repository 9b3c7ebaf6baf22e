package pool

import (
	"slices"
	"strings"
	"time"

	"cognate/api/idp"
	"cognate/internal/store"
)

const (
	defaultRefreshDays    = 30
	defaultSessionMinutes = 3
)

// completeClient fills in the defaults that DescribeUserPoolClient shows.
func completeClient(s *idp.UserPoolClientType) {
	for _, list := range []*[]string{&s.SupportedIdentityProviders, &s.CallbackURLs, &s.LogoutURLs, &s.AllowedOAuthFlows, &s.AllowedOAuthScopes} {
		*list = unique(*list)
	}
	s.ExplicitAuthFlows = unique(s.ExplicitAuthFlows)
	if len(s.ExplicitAuthFlows) == 0 {
		s.ExplicitAuthFlows = defaultFlows(s)
	}
	if number(s.RefreshTokenValidity) == 0 {
		s.RefreshTokenValidity = new(int64(defaultRefreshDays * 24 * time.Hour / unit(units(s).RefreshToken, idp.TimeUnitsTypeDays)))
	}
	s.PreventUserExistenceErrors = or(s.PreventUserExistenceErrors, idp.PreventUserExistenceErrorTypesLegacy)
	s.AuthSessionValidity = new(or(number(s.AuthSessionValidity), defaultSessionMinutes))
	s.EnableTokenRevocation = new(s.EnableTokenRevocation == nil || *s.EnableTokenRevocation)
	s.EnablePropagateAdditionalUserContextData = new(isTrue(s.EnablePropagateAdditionalUserContextData))
	s.AllowedOAuthFlowsUserPoolClient = new(isTrue(s.AllowedOAuthFlowsUserPoolClient))
	s.ReadAttributes, s.WriteAttributes = expand(s.ReadAttributes), expand(s.WriteAttributes)
	if rotates(s) {
		s.RefreshTokenRotation = &idp.RefreshTokenRotationType{
			Feature: idp.FeatureTypeEnabled, RetryGracePeriodSeconds: new(number(s.RefreshTokenRotation.RetryGracePeriodSeconds)),
		}
	}
}

// defaultFlows leaves out the refresh flow where rotation takes its place.
func defaultFlows(s *idp.UserPoolClientType) []string {
	flows := []string{idp.ExplicitAuthFlowsTypeAllowRefreshTokenAuth, idp.ExplicitAuthFlowsTypeAllowUserSrpAuth, idp.ExplicitAuthFlowsTypeAllowCustomAuth}
	if rotates(s) {
		return flows[1:]
	}
	return flows
}

// profileAttributes are what oidc:profile stands for in a list of attributes.
var profileAttributes = []string{
	"name", "family_name", "given_name", "middle_name", "nickname", "preferred_username", "profile", "picture",
	"website", "gender", "birthdate", "zoneinfo", "locale",
}

// expand spells a list of attributes out; an empty one is no list.
func expand(list []string) []string {
	var all []string
	for _, name := range list {
		if name == "oidc:profile" {
			all = append(all, profileAttributes...)
		} else {
			all = append(all, name)
		}
	}
	return unique(all)
}

// checkClient enforces what the model's constraints do not, on completed settings
// of a client in pool p that has a secret or has none.
func (r *Registry) checkClient(tx *store.Tx, p *Pool, s *idp.UserPoolClientType, hasSecret bool) error {
	for _, err := range []error{checkFlows(p, s), checkValidities(s), checkAttributeLists(p, s)} {
		if err != nil {
			return err
		}
	}
	if isTrue(s.EnablePropagateAdditionalUserContextData) && !hasSecret {
		return invalid("EnablePropagateAdditionalUserContextData can be activated only for a client with a client secret.")
	}
	if err := checkAnalytics(s.AnalyticsConfiguration); err != nil {
		return err
	}
	return r.checkOAuth(tx, p, s, hasSecret)
}

func checkFlows(p *Pool, s *idp.UserPoolClientType) error {
	prefixed := 0
	for _, f := range s.ExplicitAuthFlows {
		if strings.HasPrefix(f, "ALLOW_") {
			prefixed++
		}
	}
	if prefixed > 0 && prefixed < len(s.ExplicitAuthFlows) {
		return invalid("Auth flow name with prefix 'ALLOW' cannot be used with legacy auth flow names.")
	}
	if rotates(s) && slices.Contains(s.ExplicitAuthFlows, idp.ExplicitAuthFlowsTypeAllowRefreshTokenAuth) {
		return invalid("ALLOW_REFRESH_TOKEN_AUTH is not a permitted ExplicitAuthFlow when refresh token rotation is enabled.")
	}
	if p.Settings.UserPoolTier != idp.UserPoolTierTypeLite {
		return nil
	}
	return tierFault(p.Settings.UserPoolTier, clientFeatures(s))
}

// clientFeatures names what of a client the LITE tier does not have.
func clientFeatures(s *idp.UserPoolClientType) (features []string) {
	if slices.Contains(s.ExplicitAuthFlows, idp.ExplicitAuthFlowsTypeAllowUserAuth) {
		features = append(features, "Choice-Based Sign-In")
	}
	if rotates(s) {
		features = append(features, "Refresh Token Rotation")
	}
	return features
}

func checkAttributeLists(p *Pool, s *idp.UserPoolClientType) error {
	for _, name := range s.ReadAttributes {
		if _, ok := p.Attribute(name); !ok {
			return invalid("Invalid read attributes specified while creating a client")
		}
	}
	for _, name := range s.WriteAttributes {
		if a, ok := p.Attribute(name); !ok || !writable(a) {
			return invalid("Invalid write attributes specified while creating a client")
		}
	}
	return nil
}

func checkAnalytics(a *idp.AnalyticsConfigurationType) error {
	if a == nil {
		return nil
	}
	byARN := a.ApplicationArn != "" && a.ApplicationId == ""
	byID := a.ApplicationArn == "" && a.ApplicationId != "" && a.RoleArn != "" && a.ExternalId != ""
	if !byARN && !byID {
		return invalid("Invalid analytics configuration given, either <application arn> or <application id, role arn, external id> are valid")
	}
	return nil
}

// lifetimes of the three kinds of token.
type lifetimes struct{ access, id, refresh time.Duration }

// validities works out the lifetimes that completed settings mean. An absurd
// number comes out as an absurdly long time, never as a small one.
func validities(s *idp.UserPoolClientType) lifetimes {
	u := units(s)
	return lifetimes{
		access:  lifetime(s.AccessTokenValidity, unit(u.AccessToken, idp.TimeUnitsTypeHours), time.Hour),
		id:      lifetime(s.IdTokenValidity, unit(u.IdToken, idp.TimeUnitsTypeHours), time.Hour),
		refresh: lifetime(s.RefreshTokenValidity, unit(u.RefreshToken, idp.TimeUnitsTypeDays), defaultRefreshDays*24*time.Hour),
	}
}

func lifetime(n *int64, unit, otherwise time.Duration) time.Duration {
	const forever = 1<<63 - 1
	switch {
	case n == nil:
		return otherwise
	case *n > int64(forever/unit):
		return forever
	default:
		return time.Duration(*n) * unit
	}
}

func units(s *idp.UserPoolClientType) idp.TokenValidityUnitsType {
	if s.TokenValidityUnits == nil {
		return idp.TokenValidityUnitsType{}
	}
	return *s.TokenValidityUnits
}

func unit(name, otherwise string) time.Duration {
	switch or(name, otherwise) {
	case idp.TimeUnitsTypeSeconds:
		return time.Second
	case idp.TimeUnitsTypeMinutes:
		return time.Minute
	case idp.TimeUnitsTypeHours:
		return time.Hour
	default:
		return 24 * time.Hour
	}
}

func checkValidities(s *idp.UserPoolClientType) error {
	const day = 24 * time.Hour
	v := validities(s)
	for _, d := range []time.Duration{v.access, v.id} {
		if d < 5*time.Minute || d > day {
			return invalid("Invalid range for token validity.")
		}
	}
	if v.refresh < time.Hour || v.refresh > 3650*day {
		return invalid("Invalid range for token validity.")
	}
	if v.access > v.refresh || v.id > v.refresh {
		return invalid("Access and Id Token expiration times must be less than or equal to refresh token expiration times.")
	}
	return nil
}
