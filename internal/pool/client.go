package pool

import (
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"time"

	"cognate/api"
	"cognate/api/cognate"
	"cognate/api/idp"
	"cognate/internal/srp"
)

// Client is an app client as it was when it was read. Nothing in it, Settings
// included, may be changed: readers share it, without locks. It knows the
// client's secrets and never prints them.
type Client struct {
	ID, PoolID, Name string
	// Settings is what DescribeUserPoolClient shows, with every default filled
	// in, except ClientSecret, which is always empty here.
	Settings          *idp.UserPoolClientType
	Claims            []*cognate.ClaimType // what its tokens say beside what they always do
	Created, Modified time.Time

	flows   []string
	secrets []*clientSecret // oldest first
}

// clientSecret keeps its value in a function, which fmt cannot look into: through
// an unexported field it calls no method of the value's type, and with a verb
// that does not fit it follows pointers.
type clientSecret struct {
	id      string
	value   func() string
	created time.Time
}

func newClientSecret(id, value string, created time.Time) *clientSecret {
	return &clientSecret{id, func() string { return value }, created}
}

// Allows reports whether the client may use a flow, named as in ExplicitAuthFlows
// with the prefix: "ALLOW_USER_SRP_AUTH". The legacy names of an old client are
// understood; such a client may also use SRP (unless it is for custom sign-in
// alone), custom sign-in and refresh, as it could before there were prefixes. A
// client that rotates refresh tokens never allows ALLOW_REFRESH_TOKEN_AUTH.
func (c *Client) Allows(flow string) bool { return slices.Contains(c.flows, flow) }

// flowsOf turns what ExplicitAuthFlows says into prefixed names.
func flowsOf(s *idp.UserPoolClientType) []string {
	flows := s.ExplicitAuthFlows
	if isLegacy(flows) {
		flows = legacyFlows(flows)
	}
	if rotates(s) {
		flows = without(flows, idp.ExplicitAuthFlowsTypeAllowRefreshTokenAuth)
	}
	return flows
}

func legacyFlows(named []string) []string {
	flows := []string{idp.ExplicitAuthFlowsTypeAllowCustomAuth, idp.ExplicitAuthFlowsTypeAllowRefreshTokenAuth}
	if !slices.Contains(named, idp.ExplicitAuthFlowsTypeCustomAuthFlowOnly) {
		flows = append(flows, idp.ExplicitAuthFlowsTypeAllowUserSrpAuth)
	}
	if slices.Contains(named, idp.ExplicitAuthFlowsTypeAdminNoSrpAuth) {
		flows = append(flows, idp.ExplicitAuthFlowsTypeAllowAdminUserPasswordAuth)
	}
	if slices.Contains(named, idp.ExplicitAuthFlowsTypeUserPasswordAuth) {
		flows = append(flows, idp.ExplicitAuthFlowsTypeAllowUserPasswordAuth)
	}
	return flows
}

// isLegacy reports whether flows are named without the prefix; the two ways are
// never mixed.
func isLegacy(flows []string) bool { return len(flows) > 0 && !strings.HasPrefix(flows[0], "ALLOW_") }

func rotates(s *idp.UserPoolClientType) bool {
	return s.RefreshTokenRotation != nil && s.RefreshTokenRotation.Feature == idp.FeatureTypeEnabled
}

// CanRead reports whether the client may see an attribute of its user, by full
// name. Without a list of its own a client may read every attribute; sub is
// always readable. An attribute that the pool does not have is not readable.
func (c *Client) CanRead(p *Pool, attr string) bool {
	if _, ok := p.Attribute(attr); !ok {
		return false
	}
	return c.Settings.ReadAttributes == nil || attr == attrSub || slices.Contains(c.Settings.ReadAttributes, attr)
}

// CanWrite reports whether a user may set an attribute through the client, by
// full name. No client writes sub, identities, the *_verified flags or developer
// attributes; every client writes what the pool requires; the rest is up to the
// client's list, and without one everything is writable. That an attribute is
// immutable is not its business: it can still be set at sign-up.
func (c *Client) CanWrite(p *Pool, attr string) bool {
	a, ok := p.Attribute(attr)
	if !ok || !writable(a) {
		return false
	}
	return c.Settings.WriteAttributes == nil || *a.Required || slices.Contains(c.Settings.WriteAttributes, attr)
}

// writable reports whether any client at all may write an attribute.
func writable(a *idp.SchemaAttributeType) bool {
	switch a.Name {
	case attrSub, attrIdentities, "email_verified", "phone_number_verified":
		return false
	}
	return !isTrue(a.DeveloperOnlyAttribute)
}

// HidesUsers reports whether answers must not tell whether a user exists.
func (c *Client) HidesUsers() bool {
	return c.Settings.PreventUserExistenceErrors == idp.PreventUserExistenceErrorTypesEnabled
}

// AccessLifetime returns how long the client's access tokens last.
func (c *Client) AccessLifetime() time.Duration { return validities(c.Settings).access }

// IDLifetime returns how long the client's ID tokens last.
func (c *Client) IDLifetime() time.Duration { return validities(c.Settings).id }

// RefreshLifetime returns how long the client's refresh tokens last.
func (c *Client) RefreshLifetime() time.Duration { return validities(c.Settings).refresh }

// SessionLifetime returns how long a challenge may take to be answered.
func (c *Client) SessionLifetime() time.Duration {
	return time.Duration(*c.Settings.AuthSessionValidity) * time.Minute
}

// RevocationEnabled reports whether the client's tokens carry what makes them
// revocable.
func (c *Client) RevocationEnabled() bool { return *c.Settings.EnableTokenRevocation }

// Rotation reports whether a refresh token is replaced whenever it is used, and
// how long the replaced one still works.
func (c *Client) Rotation() (enabled bool, grace time.Duration) {
	if !rotates(c.Settings) {
		return false, 0
	}
	return true, time.Duration(number(c.Settings.RefreshTokenRotation.RetryGracePeriodSeconds)) * time.Second
}

// HasSecret reports whether the client is confidential.
func (c *Client) HasSecret() bool { return len(c.secrets) > 0 }

// CheckSecret reports whether secret is one of the client's active secrets. It
// takes the same time whichever of them is wrong. A client without a secret has
// no right one.
func (c *Client) CheckSecret(secret string) bool {
	given, found := sha256.Sum256([]byte(secret)), 0
	for _, s := range c.secrets {
		// Hashes have one length, so that comparing them tells none.
		own := sha256.Sum256([]byte(s.value()))
		found |= subtle.ConstantTimeCompare(own[:], given[:])
	}
	return found == 1
}

// CheckSecretHash reports whether hash is a SECRET_HASH, Base64(HMAC-SHA256(client
// secret, user name + client id)), of any of the user names under any of the
// client's active secrets. It tries all of them always.
func (c *Client) CheckSecretHash(hash string, usernames ...string) bool {
	found := 0
	for _, s := range c.secrets {
		for _, name := range usernames {
			own := srp.SecretHash(name, c.ID, s.value())
			found |= subtle.ConstantTimeCompare([]byte(own), []byte(hash))
		}
	}
	return found == 1
}

// SecretHash returns the SECRET_HASH of a user name, for pages of the server's own, which act as the client; empty
// when the client has no secret.
func (c *Client) SecretHash(username string) string {
	if !c.HasSecret() {
		return ""
	}
	return srp.SecretHash(username, c.ID, c.secrets[0].value())
}

// Describe returns what DescribeUserPoolClient shows, the client's secret
// included: of two the older one, which the client's apps still use while they
// move to the newer. The lists in it are shared with c and must not be changed.
func (c *Client) Describe() *idp.UserPoolClientType {
	d := *c.Settings
	if c.HasSecret() {
		d.ClientSecret = c.secrets[0].value()
	}
	return &d
}

// describe returns what the API tells of a secret; its value is none of it.
func (s *clientSecret) describe() *idp.ClientSecretDescriptorType {
	return &idp.ClientSecretDescriptorType{ClientSecretId: s.id, ClientSecretCreateDate: api.At(s.created)}
}

// String names the client; it shows no secret.
func (c Client) String() string { return "client " + c.ID }

// Format writes what String returns, whatever the verb.
func (c Client) Format(f fmt.State, _ rune) { io.WriteString(f, c.String()) }

// LogValue returns what String returns.
func (c Client) LogValue() slog.Value { return slog.StringValue(c.String()) }

func without(list []string, value string) []string {
	return slices.DeleteFunc(slices.Clone(list), func(v string) bool { return v == value })
}
