package pool

import (
	"slices"

	"cognate/api/idp"
)

// AllowsGrant reports whether the client may use an OAuth 2.0 grant: "code", "implicit" or "client_credentials".
func (c *Client) AllowsGrant(grant string) bool {
	return c.OAuthEnabled() && slices.Contains(c.Settings.AllowedOAuthFlows, grant)
}

// OAuthEnabled reports whether the client may use the OAuth 2.0 endpoints for users at all.
func (c *Client) OAuthEnabled() bool { return isTrue(c.Settings.AllowedOAuthFlowsUserPoolClient) }

// Callback reports whether a browser may be sent to a URI with the answer of a sign-in: the very text of one of the
// client's callback URLs (RFC 9700 section 2.1).
func (c *Client) Callback(uri string) bool { return slices.Contains(c.Settings.CallbackURLs, uri) }

// AfterLogout reports whether a browser may be sent to a URI once it is signed out.
func (c *Client) AfterLogout(uri string) bool { return slices.Contains(c.Settings.LogoutURLs, uri) }

// DefaultCallback is where an answer goes whose request names no URI; empty when that has to be said.
func (c *Client) DefaultCallback() string {
	switch {
	case len(c.Providers()) != 1:
		return ""
	case c.Settings.DefaultRedirectURI != "":
		return c.Settings.DefaultRedirectURI
	case len(c.Settings.CallbackURLs) == 1:
		return c.Settings.CallbackURLs[0]
	}
	return ""
}

// Providers are the identity providers that the client's users may come from, by name. A client that names none takes
// the pool's own users.
func (c *Client) Providers() []string {
	if len(c.Settings.SupportedIdentityProviders) == 0 {
		return []string{ProviderSelf}
	}
	return c.Settings.SupportedIdentityProviders
}

// HasProvider reports whether the client's users may come from an identity provider.
func (c *Client) HasProvider(name string) bool { return slices.Contains(c.Providers(), name) }

// Scopes are the scopes that the client may ask for and that are there: one that is gone from its resource server is
// not.
func (c *Client) Scopes(p *Pool) (out []string) {
	custom := p.CustomScopes()
	for _, scope := range c.Settings.AllowedOAuthScopes {
		if slices.Contains(standardScopes, scope) || slices.Contains(custom, scope) {
			out = append(out, scope)
		}
	}
	return out
}

// The grants, as AllowedOAuthFlows names them.
const (
	GrantCode     = idp.OAuthFlowTypeCode
	GrantImplicit = idp.OAuthFlowTypeImplicit
	GrantClient   = idp.OAuthFlowTypeClientCredentials
)
