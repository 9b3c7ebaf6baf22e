package pool

import (
	"net/url"
	"slices"
	"strings"

	"cognate/api/idp"
	"cognate/internal/fault"
	"cognate/internal/store"
)

// standardScopes are the scopes that every pool has.
var standardScopes = []string{"phone", "email", "openid", "profile", "aws.cognito.signin.user.admin"}

// ProviderSelf is the pool itself, among the identity providers of a client.
const ProviderSelf = "COGNITO"

// checkOAuth enforces the rules of a client's OAuth 2.0 members.
func (r *Registry) checkOAuth(tx *store.Tx, p *Pool, s *idp.UserPoolClientType, hasSecret bool) error {
	for _, u := range slices.Concat(s.CallbackURLs, s.LogoutURLs) {
		if err := r.checkURL(u); err != nil {
			return err
		}
	}
	if s.DefaultRedirectURI != "" && !slices.Contains(s.CallbackURLs, s.DefaultRedirectURI) {
		return invalidf("The default redirect URI %s is not in the callback URIs list.", s.DefaultRedirectURI)
	}
	for _, scope := range s.AllowedOAuthScopes {
		if !slices.Contains(standardScopes, scope) && !slices.Contains(p.CustomScopes(), scope) {
			return fault.Newf(idp.CodeScopeDoesNotExist, "Invalid scope requested: %s", scope)
		}
	}
	if err := r.checkProviders(tx, p, s.SupportedIdentityProviders); err != nil {
		return err
	}
	return checkGrants(s, hasSecret)
}

func checkGrants(s *idp.UserPoolClientType, hasSecret bool) error {
	if isTrue(s.AllowedOAuthFlowsUserPoolClient) && (len(s.AllowedOAuthFlows) == 0 || len(s.AllowedOAuthScopes) == 0) {
		return invalid("AllowedOAuthFlows and AllowedOAuthScopes are required if user pool client is allowed to use OAuth flows.")
	}
	users := slices.Contains(s.AllowedOAuthFlows, idp.OAuthFlowTypeCode) || slices.Contains(s.AllowedOAuthFlows, idp.OAuthFlowTypeImplicit)
	machine := slices.Contains(s.AllowedOAuthFlows, idp.OAuthFlowTypeClientCredentials)
	switch {
	case machine && users:
		return badGrant("client_credentials flow can not be selected along with code flow or implicit flow.")
	case machine && !hasSecret:
		return badGrant("client_credentials flow can not be selected if client does not have a client secret.")
	case users && len(s.CallbackURLs) == 0:
		return badGrant("CallbackUrls can not be empty when code flow or implicit flow is selected")
	case machine:
		return checkMachineScopes(s.AllowedOAuthScopes)
	}
	return nil
}

// checkMachineScopes: the standard scopes speak of a user, whom a machine does not have.
func checkMachineScopes(scopes []string) error {
	for _, scope := range scopes {
		if slices.Contains(standardScopes, scope) {
			return badGrant(scope + " is not supported with client_credentials flow")
		}
	}
	return nil
}

func badGrant(text string) error { return fault.New(idp.CodeInvalidOAuthFlow, text) }

// checkURL says where a browser may be sent: an absolute URL without a fragment
// (RFC 6749 section 3.1.2), https, http to this machine only (anywhere in
// development), or the scheme of an app. Schemes that run or show what stands in
// the URL itself are no app's.
func (r *Registry) checkURL(text string) error {
	if strings.Contains(text, "#") {
		return invalidf("%s cannot use fragment", text)
	}
	u, err := url.Parse(text)
	if err != nil || u.Scheme == "" {
		return invalidf("%s is not an absolute URI.", text)
	}
	switch u.Scheme {
	case "javascript", "data", "vbscript", "file", "blob", "about", "view-source":
		return invalidf("%s cannot use the %s scheme.", text, u.Scheme)
	case "http", "https":
		if u.Hostname() == "" {
			return invalidf("%s is not an absolute URI.", text)
		}
		if u.Scheme == "http" && !r.opt.Dev && !slices.Contains([]string{"localhost", "127.0.0.1", "::1"}, u.Hostname()) {
			return invalidf("%s cannot use the HTTP protocol.", text)
		}
	}
	return nil
}
