// Package oidc is the plug-in for OpenID Connect providers, and what the social ones are made of: the code flow of OAuth 2.0,
// ID tokens, UserInfo. The facts are those of the protocol page "federation", sections 2 and 3; OpenID Connect Core 1.0 and
// RFC 6749 stand behind them.
package oidc

import (
	"context"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"cognate/api/idp"
	"cognate/internal/fault"
	"cognate/internal/federation"
)

// The details of a provider.
const (
	detailClientID     = "client_id"
	detailClientSecret = "client_secret" // empty for a public client
	detailMethod       = "attributes_request_method"
	detailIssuer       = "oidc_issuer"
	detailScopes       = "authorize_scopes"
	detailAuthorize    = "authorize_url"
	detailToken        = "token_url"
	detailUserInfo     = "attributes_url"
	detailKeys         = "jwks_uri"
	detailAddFields    = "attributes_url_add_attributes"
	// detailAuthMethod is an extension: client_secret_post, as in Cognito, or client_secret_basic.
	detailAuthMethod = "token_endpoint_auth_method"
)

const (
	authPost  = "client_secret_post"
	authBasic = "client_secret_basic"
)

var endpoints = []string{detailAuthorize, detailToken, detailUserInfo, detailKeys}

// known are the details that a provider may have.
var known = append([]string{
	detailClientID, detailClientSecret, detailMethod, detailIssuer, detailScopes, detailAddFields, detailAuthMethod, "AcrMapping",
}, endpoints...)

// Kind is OpenID Connect.
type Kind struct{ Env federation.Env }

func invalidf(format string, args ...any) error {
	return fault.Newf(idp.CodeInvalidParameter, format, args...)
}

// Check implements federation.Kind. Endpoints that are not given are discovered; either all four are given or none needs to
// be.
func (k Kind) Check(ctx context.Context, details map[string]string) (map[string]string, error) {
	out := maps.Clone(details)
	for _, name := range slices.Sorted(maps.Keys(details)) {
		if !slices.Contains(known, name) {
			return nil, invalidf("Unknown provider detail %s.", name)
		}
	}
	for _, name := range []string{detailClientID, detailMethod, detailIssuer, detailScopes} {
		if out[name] == "" {
			return nil, invalidf("Missing required provider detail %s.", name)
		}
	}
	if m := out[detailMethod]; m != http.MethodGet && m != http.MethodPost {
		return nil, invalidf("%s must be GET or POST.", detailMethod)
	}
	if m := out[detailAuthMethod]; m != "" && m != authPost && m != authBasic {
		return nil, invalidf("%s must be %s or %s.", detailAuthMethod, authPost, authBasic)
	}
	if !slices.Contains(strings.Fields(out[detailScopes]), "openid") {
		return nil, invalidf("%s must contain openid.", detailScopes)
	}
	if err := k.checkURL(detailIssuer, out[detailIssuer]); err != nil || strings.HasSuffix(out[detailIssuer], "/") || strings.Contains(out[detailIssuer], "?") {
		return nil, invalidf("%s must be an https URL without a query, and without a slash at its end.", detailIssuer)
	}
	if err := k.complete(ctx, out); err != nil {
		return nil, err
	}
	for _, name := range endpoints {
		if err := k.checkURL(name, out[name]); err != nil {
			return nil, err
		}
	}
	out[detailAddFields] = "false"
	return out, nil
}

// checkURL lets a provider's address be https, or http in development.
func (k Kind) checkURL(name, text string) error {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.User != nil || u.Fragment != "" || u.Scheme != "https" && !(k.Env.Dev && u.Scheme == "http") {
		return invalidf("%s must be an https URL.", name)
	}
	return nil
}

// complete discovers the endpoints that are missing.
func (k Kind) complete(ctx context.Context, details map[string]string) error {
	missing := slices.DeleteFunc(slices.Clone(endpoints), func(name string) bool { return details[name] != "" })
	if len(missing) == 0 {
		return nil
	}
	found, err := discover(ctx, k.Env, details[detailIssuer])
	if err != nil {
		return fault.Because(err, idp.CodeInvalidParameter, "Unable to contact well-known endpoint of "+details[detailIssuer]+": "+reason(err))
	}
	for _, name := range missing {
		if found[name] == "" {
			return invalidf("%s is needed: the well-known endpoint of %s does not name it.", name, details[detailIssuer])
		}
		details[name] = found[name]
	}
	return nil
}

// Open implements federation.Kind.
func (k Kind) Open(s federation.Settings) (federation.Provider, error) {
	return Open(k.Env, s, Variant{}), nil
}
