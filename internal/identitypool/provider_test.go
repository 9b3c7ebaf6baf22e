package identitypool_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"cognate/api/identity"
	"cognate/internal/fault"
	"cognate/internal/federation"
	"cognate/internal/identitypool"
	"cognate/internal/store/storetest/engines"
)

const (
	guildARN = "arn:aws:iam::000000000000:oidc-provider/guild.example/a"
	corpARN  = "arn:aws:iam::000000000000:saml-provider/Corp"
	roleARN  = "arn:aws:iam::000000000000:role/"
)

// vouching is a provider that knows tokens by heart: "good" is of whoever it is told, what else it says is an error.
type vouching struct {
	subject string
	claims  federation.Claims
	refuses map[string]error
	clients *[]string // of the last token
}

func (v vouching) Verify(_ context.Context, token string, clients []string) (*federation.Proof, error) {
	*v.clients = clients
	if err := v.refuses[token]; err != nil {
		return nil, fmt.Errorf("of a test: %w", err)
	}
	return &federation.Proof{Subject: v.subject, Client: slices.Concat(clients, []string{""})[0], Claims: v.claims}, nil
}

// trusting is a house whose identity pool trusts Facebook, an OpenID Connect provider and a SAML provider. It returns the clients
// that the last token was checked against.
func trusting(t *testing.T, v vouching) (*house, *[]string) {
	h, clients := newHouse(t, engines.Memory(t), "self"), new([]string)
	v.clients = clients
	h.identities.With(identitypool.Options{Providers: map[string]identitypool.Provider{
		"graph.facebook.com": {Verifier: v}, guildARN: {Verifier: v, Clients: []string{"a", "b"}}, corpARN: {Verifier: v},
	}})
	_, err := h.identities.Update(h.ctx, &identity.IdentityPool{
		IdentityPoolId: h.id, IdentityPoolName: "i", SupportedLoginProviders: map[string]string{"graph.facebook.com": "1;2", "accounts.google.com": "3"},
		OpenIdConnectProviderARNs: []string{guildARN}, SamlProviderARNs: []string{corpARN},
	})
	h.must(err)
	return h, clients
}

func (h *house) getIDOf(logins map[string]string) (string, error) {
	return h.identities.GetID(h.ctx, h.id, logins)
}

// roleOf is the role whose credentials an identity gets by a login.
func (h *house) roleOf(id, key, custom string) (string, error) {
	out, err := h.identities.Credentials(h.ctx, &identity.GetCredentialsForIdentityInput{IdentityId: id, Logins: map[string]string{key: "good"}, CustomRoleArn: custom})
	if err != nil {
		return "", err
	}
	s, err := h.broker.Open(out.Credentials.SessionToken, out.Credentials.AccessKeyId)
	return s.RoleARN, err
}

// TestLoginsOfOthers gives the user of each kind of provider an identity, the same each time, and one to a user of two of them.
func TestLoginsOfOthers(t *testing.T) {
	h, clients := trusting(t, vouching{subject: "4711"})
	first := map[string]string{}
	for key, want := range map[string][]string{"graph.facebook.com": {"1", "2"}, "guild.example/a": {"a", "b"}, corpARN: nil} {
		for range 2 {
			id, err := h.getIDOf(map[string]string{key: "good"})
			h.must(err)
			if first[key] == "" {
				first[key] = id
			}
			if id != first[key] || !slices.Equal(*clients, want) {
				t.Errorf("%s: %s, then %s, for the clients %q", key, first[key], id, *clients)
			}
		}
	}
	both, err := h.getIDOf(map[string]string{"graph.facebook.com": "good", corpARN: "good"})
	h.must(err)
	if again, err := h.getIDOf(map[string]string{corpARN: "good"}); err != nil || again != both {
		t.Errorf("%s after becoming %s, %v", again, both, err)
	}
	if first["guild.example/a"] == both {
		t.Error("users of different providers are one")
	}
}

// TestLoginsOfOthersRefused answers in the API's words, and says nothing of the inside where a provider cannot be asked (checklist 57).
func TestLoginsOfOthersRefused(t *testing.T) {
	h, _ := trusting(t, vouching{subject: "4711", refuses: map[string]error{
		"x": federation.ErrNoToken, "issuer": federation.ErrIssuer, "client": federation.ErrClient, "signature": federation.ErrSignature,
		"old": &federation.ExpiredError{At: time.Unix(1000, 0)}, "away": errors.New("dial tcp 10.0.0.1:443: connection refused"),
	}})
	for token, want := range map[string]string{
		"x":         "NotAuthorizedException: Invalid login token. Not a valid OpenId Connect identity token.",
		"issuer":    "NotAuthorizedException: Invalid login token. Issuer doesn't match providerName",
		"client":    "NotAuthorizedException: Token is not from a supported provider of this identity pool.",
		"signature": "NotAuthorizedException: Invalid login token. Couldn't verify signed token.",
		"old":       "NotAuthorizedException: Invalid login token. Token expired: ",
		"away":      "ExternalServiceException: guild.example/a could not be reached.",
	} {
		_, err := h.getIDOf(map[string]string{"guild.example/a": token})
		f, ok := errors.AsType[*fault.Error](err)
		if !ok || !strings.HasPrefix(f.Code+": "+f.Message, want) {
			t.Errorf("%s: %v", token, err)
		}
	}
	for key, want := range map[string]string{
		"accounts.google.com": "ExternalServiceException: Logins of accounts.google.com are not available on this server.",
		"guild.example":       "NotAuthorizedException: Logins don't match. Please include at least one valid login for this identity or identity pool.",
		guildARN:              "NotAuthorizedException: Logins don't match. Please include at least one valid login for this identity or identity pool.",
	} {
		_, err := h.getIDOf(map[string]string{key: "good"})
		if f, ok := errors.AsType[*fault.Error](err); !ok || f.Code+": "+f.Message != want {
			t.Errorf("%s: %v", key, err)
		}
	}
}

// TestRolesOfAssertions takes the roles that a SAML provider tells by AWS's attribute, and by no other.
func TestRolesOfAssertions(t *testing.T) {
	mapping := &identity.RoleMapping{Type: identity.RoleMappingTypeToken, AmbiguousRoleResolution: identity.AmbiguousRoleResolutionTypeDeny}
	for name, tt := range map[string]struct {
		claims       federation.Claims
		custom, want string
	}{
		"one":               {federation.Claims{"https://aws.amazon.com/SAML/Attributes/Role": {roleARN + "a," + corpARN}}, "", roleARN + "a"},
		"the other order":   {federation.Claims{"https://aws.amazon.com/SAML/Attributes/Role": {corpARN + ", " + roleARN + "a"}}, "", roleARN + "a"},
		"several":           {federation.Claims{"https://aws.amazon.com/SAML/Attributes/Role": {roleARN + "a," + corpARN, roleARN + "b," + corpARN}}, "", ""},
		"one of several":    {federation.Claims{"https://aws.amazon.com/SAML/Attributes/Role": {roleARN + "a," + corpARN, roleARN + "b," + corpARN}}, roleARN + "b", roleARN + "b"},
		"another":           {federation.Claims{"https://aws.amazon.com/SAML/Attributes/Role": {roleARN + "a," + corpARN}}, roleARN + "b", ""},
		"a user pool's way": {federation.Claims{"cognito:roles": {roleARN + "a"}, "cognito:preferred_role": {roleARN + "a"}}, "", ""},
		"none":              {nil, "", ""},
	} {
		h, _ := trusting(t, vouching{subject: "4711", claims: tt.claims})
		h.must(h.identities.SetRoles(h.ctx, &identity.SetIdentityPoolRolesInput{
			IdentityPoolId: h.id, Roles: map[string]string{"authenticated": roleARN + "all"}, RoleMappings: map[string]*identity.RoleMapping{corpARN: mapping},
		}))
		id, err := h.getIDOf(map[string]string{corpARN: "good"})
		h.must(err)
		given, err := h.roleOf(id, corpARN, tt.custom)
		f, refused := errors.AsType[*fault.Error](err)
		switch {
		case tt.want == "" && (!refused || f.Message != "Role resolution denied"):
			t.Errorf("%s: %v", name, err)
		case tt.want != "" && (err != nil || given != tt.want):
			t.Errorf("%s: %q, %v", name, given, err)
		}
	}
}
