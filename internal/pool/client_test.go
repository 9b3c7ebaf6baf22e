package pool_test

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"cognate/api/idp"
	"cognate/internal/pool"
	"cognate/internal/store"

	"github.com/google/go-cmp/cmp"
)

func createClient(t *testing.T, r *pool.Registry, p *pool.Pool, in *idp.CreateUserPoolClientRequest) *pool.Client {
	t.Helper()
	in.UserPoolId = p.ID
	if in.ClientName == "" {
		in.ClientName = "c"
	}
	c, err := r.CreateClient(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// What DescribeUserPoolClient shows of a client that was created with a name alone.
const clientDefaults = `{
	"ClientName": "bare", "RefreshTokenValidity": 30, "AuthSessionValidity": 3, "EnableTokenRevocation": true,
	"ExplicitAuthFlows": ["ALLOW_REFRESH_TOKEN_AUTH", "ALLOW_USER_SRP_AUTH", "ALLOW_CUSTOM_AUTH"],
	"EnablePropagateAdditionalUserContextData": false, "PreventUserExistenceErrors": "LEGACY",
	"AllowedOAuthFlowsUserPoolClient": false
}`

func wantClientDefaults(t *testing.T, c *idp.UserPoolClientType) {
	t.Helper()
	rest := *c
	rest.ClientId, rest.UserPoolId, rest.ClientSecret = "", "", ""
	rest.CreationDate.Time, rest.LastModifiedDate.Time = time.Time{}, time.Time{}
	wantJSON(t, rest, clientDefaults)
}

func TestClientDefaults(t *testing.T) {
	r := registry(t)
	p := create(t, r, &idp.CreateUserPoolRequest{})
	c := createClient(t, r, p, &idp.CreateUserPoolClientRequest{ClientName: "bare"})
	d, err := r.DescribeClient(t.Context(), p.ID, c.ID)
	if err != nil {
		t.Fatal(err)
	}
	if !regexp.MustCompile(`^[0-9a-z]{26}$`).MatchString(d.ClientId) || d.UserPoolId != p.ID || d.ClientSecret != "" {
		t.Errorf("id %q, pool %q, secret %q", d.ClientId, d.UserPoolId, d.ClientSecret)
	}
	if d.CreationDate.IsZero() || !d.CreationDate.Equal(d.LastModifiedDate.Time) {
		t.Errorf("created %v, modified %v", d.CreationDate, d.LastModifiedDate)
	}
	if diff := cmp.Diff(toJSON(t, c.Describe()), toJSON(t, d)); diff != "" {
		t.Errorf("the answer to the creation is not what is described:\n%s", diff)
	}
	wantClientDefaults(t, d)
	if c.AccessLifetime() != time.Hour || c.IDLifetime() != time.Hour || c.RefreshLifetime() != 30*24*time.Hour || c.SessionLifetime() != 3*time.Minute {
		t.Error(c.AccessLifetime(), c.IDLifetime(), c.RefreshLifetime(), c.SessionLifetime())
	}
	if rotates, _ := c.Rotation(); rotates || !c.RevocationEnabled() || c.HidesUsers() || c.HasSecret() {
		t.Error("rotation, revocation, hiding or secret are not the default")
	}
}

func fullClient() *idp.CreateUserPoolClientRequest {
	return &idp.CreateUserPoolClientRequest{
		ClientName:                               "bare",
		GenerateSecret:                           new(true),
		RefreshTokenValidity:                     new(int64(90)),
		AccessTokenValidity:                      new(int64(300)),
		IdTokenValidity:                          new(int64(30)),
		TokenValidityUnits:                       &idp.TokenValidityUnitsType{AccessToken: "seconds", IdToken: "minutes", RefreshToken: "hours"},
		ReadAttributes:                           []string{"email"},
		WriteAttributes:                          []string{"name"},
		ExplicitAuthFlows:                        []string{"ALLOW_USER_AUTH"},
		SupportedIdentityProviders:               []string{"COGNITO"},
		CallbackURLs:                             []string{"https://example.com/cb", "http://localhost:3000/", "http://[::1]/x", "http://127.0.0.1", "myapp://done"},
		LogoutURLs:                               []string{"https://example.com/out"},
		DefaultRedirectURI:                       "myapp://done",
		AllowedOAuthFlows:                        []string{"code"},
		AllowedOAuthScopes:                       []string{"openid", "aws.cognito.signin.user.admin"},
		AllowedOAuthFlowsUserPoolClient:          new(true),
		AnalyticsConfiguration:                   &idp.AnalyticsConfigurationType{ApplicationArn: "arn:a"},
		PreventUserExistenceErrors:               "ENABLED",
		EnableTokenRevocation:                    new(false),
		EnablePropagateAdditionalUserContextData: new(true),
		AuthSessionValidity:                      new(int64(15)),
		RefreshTokenRotation:                     &idp.RefreshTokenRotationType{Feature: "ENABLED", RetryGracePeriodSeconds: new(int64(10))},
	}
}

func TestClientAccessors(t *testing.T) {
	r := registry(t)
	c := createClient(t, r, create(t, r, &idp.CreateUserPoolRequest{}), fullClient())
	if c.AccessLifetime() != 5*time.Minute || c.IDLifetime() != 30*time.Minute || c.RefreshLifetime() != 90*time.Hour || c.SessionLifetime() != 15*time.Minute {
		t.Error(c.AccessLifetime(), c.IDLifetime(), c.RefreshLifetime(), c.SessionLifetime())
	}
	if rotates, grace := c.Rotation(); !rotates || grace != 10*time.Second {
		t.Error("rotation", rotates, grace)
	}
	if c.RevocationEnabled() || !c.HidesUsers() || !c.HasSecret() {
		t.Error("revocation, hiding or secret")
	}
}

func TestClientUpdateReplacesEverything(t *testing.T) {
	r := registry(t)
	p := create(t, r, &idp.CreateUserPoolRequest{})
	c := createClient(t, r, p, fullClient())
	secretBefore := c.Describe().ClientSecret
	u, err := r.UpdateClient(t.Context(), &idp.UpdateUserPoolClientRequest{UserPoolId: p.ID, ClientId: c.ID})
	if err != nil {
		t.Fatal(err)
	}
	wantClientDefaults(t, u.Describe())
	if u.ID != c.ID || u.Describe().ClientSecret != secretBefore || secretBefore == "" {
		t.Error("the id or the secret changed")
	}
	u, err = r.UpdateClient(t.Context(), &idp.UpdateUserPoolClientRequest{UserPoolId: p.ID, ClientId: c.ID, ClientName: "renamed"})
	if err != nil || u.Name != "renamed" || u.Settings.ClientName != "renamed" {
		t.Errorf("%v, %v", u, err)
	}
	_, err = r.UpdateClient(t.Context(), &idp.UpdateUserPoolClientRequest{UserPoolId: p.ID, ClientId: c.ID, AllowedOAuthScopes: []string{"photos/read"}})
	wantFault(t, err, idp.CodeScopeDoesNotExist, "Invalid scope requested: photos/read")
}

var refusedClients = map[string]struct {
	in   idp.CreateUserPoolClientRequest
	code string
	text string
}{
	"flows mixed": {idp.CreateUserPoolClientRequest{ExplicitAuthFlows: []string{"ALLOW_USER_AUTH", "ADMIN_NO_SRP_AUTH"}},
		idp.CodeInvalidParameter, "Auth flow name with prefix 'ALLOW' cannot be used with legacy auth flow names."},
	"rotation and refresh flow": {idp.CreateUserPoolClientRequest{ExplicitAuthFlows: []string{"ALLOW_REFRESH_TOKEN_AUTH"}, RefreshTokenRotation: &idp.RefreshTokenRotationType{Feature: "ENABLED"}},
		idp.CodeInvalidParameter, "ALLOW_REFRESH_TOKEN_AUTH is not a permitted ExplicitAuthFlow when refresh token rotation is enabled."},
	"access too short": {units(299, 60, 1, "seconds", "minutes", ""), idp.CodeInvalidParameter, "Invalid range for token validity."},
	"access too long":  {units(25, 1, 30, "", "", ""), idp.CodeInvalidParameter, "Invalid range for token validity."},
	"id too long":      {units(1, 2, 30, "", "days", ""), idp.CodeInvalidParameter, "Invalid range for token validity."},
	"refresh short":    {units(5, 5, 59, "minutes", "minutes", "minutes"), idp.CodeInvalidParameter, "Invalid range for token validity."},
	"refresh long":     {units(1, 1, 3651, "", "", ""), idp.CodeInvalidParameter, "Invalid range for token validity."},
	"refresh absurd":   {units(1, 1, 315360000, "", "", ""), idp.CodeInvalidParameter, "Invalid range for token validity."},
	"access over refresh": {units(2, 1, 1, "", "", "hours"),
		idp.CodeInvalidParameter, "Access and Id Token expiration times must be less than or equal to refresh token expiration times."},
	"id over refresh": {units(1, 2, 1, "", "", "hours"),
		idp.CodeInvalidParameter, "Access and Id Token expiration times must be less than or equal to refresh token expiration times."},
	"read unknown":   {idp.CreateUserPoolClientRequest{ReadAttributes: []string{"custom:none"}}, idp.CodeInvalidParameter, "Invalid read attributes specified while creating a client"},
	"write unknown":  {idp.CreateUserPoolClientRequest{WriteAttributes: []string{"x"}}, idp.CodeInvalidParameter, "Invalid write attributes specified while creating a client"},
	"write verified": {idp.CreateUserPoolClientRequest{WriteAttributes: []string{"email_verified"}}, idp.CodeInvalidParameter, "Invalid write attributes specified while creating a client"},
	"write sub":      {idp.CreateUserPoolClientRequest{WriteAttributes: []string{"sub"}}, idp.CodeInvalidParameter, "Invalid write attributes specified while creating a client"},
	"write dev":      {idp.CreateUserPoolClientRequest{WriteAttributes: []string{"dev:custom:d"}}, idp.CodeInvalidParameter, "Invalid write attributes specified while creating a client"},
	"two secrets": {idp.CreateUserPoolClientRequest{GenerateSecret: new(true), ClientSecret: ownSecret},
		idp.CodeInvalidParameter, "GenerateSecret and ClientSecret cannot be used together."},
	"context without secret": {idp.CreateUserPoolClientRequest{EnablePropagateAdditionalUserContextData: new(true)},
		idp.CodeInvalidParameter, "EnablePropagateAdditionalUserContextData can be activated only for a client with a client secret."},
	"analytics": {idp.CreateUserPoolClientRequest{AnalyticsConfiguration: &idp.AnalyticsConfigurationType{ApplicationId: "a"}},
		idp.CodeInvalidParameter, "Invalid analytics configuration given, either <application arn> or <application id, role arn, external id> are valid"},
	"http":       {callback("http://example.com/cb"), idp.CodeInvalidParameter, "http://example.com/cb cannot use the HTTP protocol."},
	"not local":  {callback("http://localhost.example.com"), idp.CodeInvalidParameter, "http://localhost.example.com cannot use the HTTP protocol."},
	"user info":  {callback("http://localhost@example.com"), idp.CodeInvalidParameter, "http://localhost@example.com cannot use the HTTP protocol."},
	"fragment":   {callback("https://example.com/#x"), idp.CodeInvalidParameter, "https://example.com/#x cannot use fragment"},
	"relative":   {callback("/cb"), idp.CodeInvalidParameter, "/cb is not an absolute URI."},
	"no host":    {callback("https:///cb"), idp.CodeInvalidParameter, "https:///cb is not an absolute URI."},
	"script":     {callback("JavaScript:alert(1)"), idp.CodeInvalidParameter, "JavaScript:alert(1) cannot use the javascript scheme."},
	"logout URL": {idp.CreateUserPoolClientRequest{LogoutURLs: []string{"http://a.b"}}, idp.CodeInvalidParameter, "http://a.b cannot use the HTTP protocol."},
	"default redirect": {idp.CreateUserPoolClientRequest{CallbackURLs: []string{"https://a.b"}, DefaultRedirectURI: "https://a.b/"},
		idp.CodeInvalidParameter, "The default redirect URI https://a.b/ is not in the callback URIs list."},
	"scope": {idp.CreateUserPoolClientRequest{AllowedOAuthScopes: []string{"openid", "x"}}, idp.CodeScopeDoesNotExist, "Invalid scope requested: x"},
	"oauth without flows": {idp.CreateUserPoolClientRequest{AllowedOAuthFlowsUserPoolClient: new(true)},
		idp.CodeInvalidParameter, "AllowedOAuthFlows and AllowedOAuthScopes are required if user pool client is allowed to use OAuth flows."},
	"no callback": {idp.CreateUserPoolClientRequest{AllowedOAuthFlows: []string{"implicit"}},
		idp.CodeInvalidOAuthFlow, "CallbackUrls can not be empty when code flow or implicit flow is selected"},
	"machine and code": {idp.CreateUserPoolClientRequest{GenerateSecret: new(true), CallbackURLs: []string{"https://a.b"}, AllowedOAuthFlows: []string{"client_credentials", "code"}},
		idp.CodeInvalidOAuthFlow, "client_credentials flow can not be selected along with code flow or implicit flow."},
	"machine without secret": {idp.CreateUserPoolClientRequest{AllowedOAuthFlows: []string{"client_credentials"}},
		idp.CodeInvalidOAuthFlow, "client_credentials flow can not be selected if client does not have a client secret."},
	"machine with a user's scope": {idp.CreateUserPoolClientRequest{GenerateSecret: new(true), AllowedOAuthFlows: []string{"client_credentials"}, AllowedOAuthScopes: []string{"openid"}},
		idp.CodeInvalidOAuthFlow, "openid is not supported with client_credentials flow"},
	"machine and implicit": {idp.CreateUserPoolClientRequest{GenerateSecret: new(true), CallbackURLs: []string{"https://a.b"}, AllowedOAuthFlows: []string{"implicit", "client_credentials"}},
		idp.CodeInvalidOAuthFlow, "client_credentials flow can not be selected along with code flow or implicit flow."},
	"oauth without scopes": {idp.CreateUserPoolClientRequest{AllowedOAuthFlowsUserPoolClient: new(true), AllowedOAuthFlows: []string{"code"}, CallbackURLs: []string{"https://a.b"}},
		idp.CodeInvalidParameter, "AllowedOAuthFlows and AllowedOAuthScopes are required if user pool client is allowed to use OAuth flows."},
	"default redirect alone": {idp.CreateUserPoolClientRequest{DefaultRedirectURI: "https://a.b"},
		idp.CodeInvalidParameter, "The default redirect URI https://a.b is not in the callback URIs list."},
	"empty fragment": {callback("https://a.b/#"), idp.CodeInvalidParameter, "https://a.b/# cannot use fragment"},
	"no scheme":      {callback("example.com/cb"), idp.CodeInvalidParameter, "example.com/cb is not an absolute URI."},
	"any scheme":     {callback("//example.com/cb"), idp.CodeInvalidParameter, "//example.com/cb is not an absolute URI."},
	"opaque":         {callback("https:example.com"), idp.CodeInvalidParameter, "https:example.com is not an absolute URI."},
	"backslash":      {callback(`https://a.b\@evil.example/`), idp.CodeInvalidParameter, `https://a.b\@evil.example/ is not an absolute URI.`},
	"port":           {callback("https://a.b:x/"), idp.CodeInvalidParameter, "https://a.b:x/ is not an absolute URI."},
	"data":           {callback("DATA:text/html,x"), idp.CodeInvalidParameter, "DATA:text/html,x cannot use the data scheme."},
	"blob":           {callback("blob:https://a.b/x"), idp.CodeInvalidParameter, "blob:https://a.b/x cannot use the blob scheme."},
	"file":           {callback("file:///etc/passwd"), idp.CodeInvalidParameter, "file:///etc/passwd cannot use the file scheme."},
	"logout script":  {idp.CreateUserPoolClientRequest{LogoutURLs: []string{"vbscript:x"}}, idp.CodeInvalidParameter, "vbscript:x cannot use the vbscript scheme."},
	"analytics of both kinds": {idp.CreateUserPoolClientRequest{AnalyticsConfiguration: &idp.AnalyticsConfigurationType{ApplicationId: "a", ApplicationArn: "arn:a"}},
		idp.CodeInvalidParameter, "Invalid analytics configuration given, either <application arn> or <application id, role arn, external id> are valid"},
}

func callback(u string) idp.CreateUserPoolClientRequest {
	return idp.CreateUserPoolClientRequest{CallbackURLs: []string{u}}
}

func units(access, id, refresh int64, accessUnit, idUnit, refreshUnit string) idp.CreateUserPoolClientRequest {
	return idp.CreateUserPoolClientRequest{
		AccessTokenValidity: &access, IdTokenValidity: &id, RefreshTokenValidity: &refresh,
		TokenValidityUnits: &idp.TokenValidityUnitsType{AccessToken: accessUnit, IdToken: idUnit, RefreshToken: refreshUnit},
	}
}

func TestRefusedClients(t *testing.T) {
	r := registry(t)
	p := create(t, r, &idp.CreateUserPoolRequest{Schema: []*idp.SchemaAttributeType{{Name: "d", DeveloperOnlyAttribute: new(true)}}})
	for name, c := range refusedClients {
		t.Run(name, func(t *testing.T) {
			c.in.UserPoolId, c.in.ClientName = p.ID, "c"
			_, err := r.CreateClient(t.Context(), &c.in)
			wantFault(t, err, c.code, c.text)
			if !slices.Contains(idp.CreateUserPoolClient.Errors, c.code) || !slices.Contains(idp.UpdateUserPoolClient.Errors, c.code) {
				t.Errorf("the model does not declare %s", c.code)
			}
		})
	}
	_, err := r.CreateClient(t.Context(), &idp.CreateUserPoolClientRequest{UserPoolId: p.ID, ClientName: "c", SupportedIdentityProviders: []string{"COGNITO", "Google"}})
	wantFault(t, err, idp.CodeInvalidParameter, "The provider Google does not exist for User Pool "+p.ID+".")
	_, err = r.CreateClient(t.Context(), &idp.CreateUserPoolClientRequest{UserPoolId: "x_y", ClientName: "c"})
	wantFault(t, err, idp.CodeResourceNotFound, "User pool x_y does not exist.")
	if clients, _, err := r.ListClients(t.Context(), p.ID, "", 60); err != nil || len(clients) != 0 {
		t.Errorf("refused clients were made: %v, %v", clients, err)
	}
}

func TestDevelopmentTakesHTTP(t *testing.T) {
	r := pool.New(open(t), keyring(t), pool.Options{Dev: true})
	p := create(t, r, &idp.CreateUserPoolRequest{UserPoolTags: map[string]string{"cognate:issuer": "http://10.0.0.1:9229/p"}})
	if p.Issuer() != "http://10.0.0.1:9229/p" {
		t.Errorf("issuer %q", p.Issuer())
	}
	in := callback("http://192.168.0.2:3000/cb")
	createClient(t, r, p, &in)
	in = callback("javascript:alert(1)")
	in.UserPoolId, in.ClientName = p.ID, "c"
	_, err := r.CreateClient(t.Context(), &in)
	wantFault(t, err, idp.CodeInvalidParameter, "javascript:alert(1) cannot use the javascript scheme.")
}

func TestFlows(t *testing.T) {
	r := registry(t)
	p := create(t, r, &idp.CreateUserPoolRequest{})
	rotation := &idp.RefreshTokenRotationType{Feature: "ENABLED"}
	for _, c := range []struct {
		flows    []string
		rotation *idp.RefreshTokenRotationType
		allows   string
	}{
		{nil, nil, "USER_SRP CUSTOM REFRESH_TOKEN"},
		{[]string{}, nil, "USER_SRP CUSTOM REFRESH_TOKEN"},
		{nil, rotation, "USER_SRP CUSTOM"},
		{[]string{"ALLOW_USER_AUTH"}, nil, "USER"},
		{[]string{"ALLOW_USER_PASSWORD_AUTH", "ALLOW_ADMIN_USER_PASSWORD_AUTH"}, rotation, "USER_PASSWORD ADMIN_USER_PASSWORD"},
		{[]string{"ADMIN_NO_SRP_AUTH"}, nil, "ADMIN_USER_PASSWORD USER_SRP CUSTOM REFRESH_TOKEN"},
		{[]string{"ADMIN_NO_SRP_AUTH"}, rotation, "ADMIN_USER_PASSWORD USER_SRP CUSTOM"},
		{[]string{"USER_PASSWORD_AUTH", "CUSTOM_AUTH_FLOW_ONLY"}, nil, "USER_PASSWORD CUSTOM REFRESH_TOKEN"},
	} {
		cl := createClient(t, r, p, &idp.CreateUserPoolClientRequest{ExplicitAuthFlows: c.flows, RefreshTokenRotation: c.rotation})
		for _, f := range []string{"USER", "USER_SRP", "USER_PASSWORD", "ADMIN_USER_PASSWORD", "CUSTOM", "REFRESH_TOKEN"} {
			if got := cl.Allows("ALLOW_" + f + "_AUTH"); got != slices.Contains(strings.Fields(c.allows), f) {
				t.Errorf("%v, rotation %v: %s is %v", c.flows, c.rotation != nil, f, got)
			}
		}
		if len(c.flows) > 0 && !slices.Equal(cl.Settings.ExplicitAuthFlows, c.flows) {
			t.Errorf("%v is described as %v", c.flows, cl.Settings.ExplicitAuthFlows)
		}
	}
}

func TestRefreshDefaultKeepsTheUnit(t *testing.T) {
	r := registry(t)
	p := create(t, r, &idp.CreateUserPoolRequest{})
	for unit, want := range map[string]int64{"": 30, "days": 30, "hours": 720, "minutes": 43200, "seconds": 2592000} {
		c := createClient(t, r, p, &idp.CreateUserPoolClientRequest{RefreshTokenValidity: new(int64(0)), TokenValidityUnits: &idp.TokenValidityUnitsType{RefreshToken: unit}})
		if *c.Settings.RefreshTokenValidity != want || c.RefreshLifetime() != 30*24*time.Hour {
			t.Errorf("%q: %d, %v", unit, *c.Settings.RefreshTokenValidity, c.RefreshLifetime())
		}
	}
}

func TestAttributePermissions(t *testing.T) {
	r := registry(t)
	p := create(t, r, &idp.CreateUserPoolRequest{Schema: []*idp.SchemaAttributeType{
		{Name: "email", Required: new(true)}, {Name: "c"}, {Name: "d", DeveloperOnlyAttribute: new(true)},
	}})
	all := createClient(t, r, p, &idp.CreateUserPoolClientRequest{ReadAttributes: []string{}})
	some := createClient(t, r, p, &idp.CreateUserPoolClientRequest{ReadAttributes: []string{"oidc:profile", "name"}, WriteAttributes: []string{"custom:c", "custom:c"}})
	for _, c := range []struct {
		attr                                   string
		allRead, allWrite, someRead, someWrite bool
	}{
		{"name", true, true, true, false},
		{"locale", true, true, true, false},
		{"email", true, true, false, true}, // required, so every client writes it
		{"email_verified", true, false, false, false},
		{"phone_number_verified", true, false, false, false},
		{"sub", true, false, true, false},
		{"identities", true, false, false, false},
		{"custom:c", true, true, false, true},
		{"dev:custom:d", true, false, false, false},
		{"custom:none", false, false, false, false},
		{"c", false, false, false, false},
	} {
		got := []bool{all.CanRead(p, c.attr), all.CanWrite(p, c.attr), some.CanRead(p, c.attr), some.CanWrite(p, c.attr)}
		if want := []bool{c.allRead, c.allWrite, c.someRead, c.someWrite}; !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", c.attr, got, want)
		}
	}
	if all.Settings.ReadAttributes != nil || all.Settings.WriteAttributes != nil {
		t.Error("default lists are described")
	}
	want := strings.Fields("name family_name given_name middle_name nickname preferred_username profile picture website gender birthdate zoneinfo locale")
	if !slices.Equal(some.Settings.ReadAttributes, want) || !slices.Equal(some.Settings.WriteAttributes, []string{"custom:c"}) {
		t.Errorf("described lists: %v, %v", some.Settings.ReadAttributes, some.Settings.WriteAttributes)
	}
}

func TestTierOfClients(t *testing.T) {
	r := registry(t)
	p := create(t, r, &idp.CreateUserPoolRequest{})
	createClient(t, r, p, &idp.CreateUserPoolClientRequest{RefreshTokenRotation: &idp.RefreshTokenRotationType{Feature: "ENABLED"}})
	err := r.Update(t.Context(), &idp.UpdateUserPoolRequest{UserPoolId: p.ID, UserPoolTier: "LITE"})
	wantFault(t, err, idp.CodeTierChangeNotAllowed, "The following features need to be disabled for the LITE pricing tier configured: Refresh Token Rotation")

	lite := create(t, r, &idp.CreateUserPoolRequest{UserPoolTier: "LITE"})
	_, err = r.CreateClient(t.Context(), &idp.CreateUserPoolClientRequest{UserPoolId: lite.ID, ClientName: "c", ExplicitAuthFlows: []string{"ALLOW_USER_AUTH"}})
	wantFault(t, err, idp.CodeFeatureUnavailableInTier, "The following features need to be disabled for the LITE pricing tier configured: Choice-Based Sign-In")
}

func TestPinnedClientID(t *testing.T) {
	r := registry(t)
	p := create(t, r, &idp.CreateUserPoolRequest{UserPoolTags: map[string]string{"cognate:client-id:web": "1example23456789"}})
	if c := createClient(t, r, p, &idp.CreateUserPoolClientRequest{ClientName: "web"}); c.ID != "1example23456789" {
		t.Errorf("id %q", c.ID)
	}
	if c := createClient(t, r, p, &idp.CreateUserPoolClientRequest{ClientName: "other"}); len(c.ID) != 26 {
		t.Errorf("id %q", c.ID)
	}
	_, err := r.CreateClient(t.Context(), &idp.CreateUserPoolClientRequest{UserPoolId: p.ID, ClientName: "web"})
	wantFault(t, err, idp.CodeInvalidParameter, "User pool client 1example23456789 already exists.")
	c, err := r.CreateClientAs(t.Context(), "given", &idp.CreateUserPoolClientRequest{UserPoolId: p.ID, ClientName: "web"})
	if err != nil || c.ID != "given" {
		t.Errorf("%v, %v", c, err)
	}
	_, err = r.CreateClientAs(t.Context(), "a-b", &idp.CreateUserPoolClientRequest{UserPoolId: p.ID, ClientName: "web"})
	wantFault(t, err, idp.CodeInvalidParameter, `"a-b" is not a valid client id.`)
}

// Whatever the operation, a client of another pool does not exist.
func TestClientOwnership(t *testing.T) {
	r := registry(t)
	p, other := create(t, r, &idp.CreateUserPoolRequest{}), create(t, r, &idp.CreateUserPoolRequest{})
	c := createClient(t, r, p, &idp.CreateUserPoolClientRequest{GenerateSecret: new(true)})
	ctx := t.Context()
	secrets, err := r.ListClientSecrets(ctx, p.ID, c.ID)
	if err != nil {
		t.Fatal(err)
	}
	for name, call := range map[string]func(pool, client string) error{
		"PoolClient":     func(p, c string) error { _, _, err := r.PoolClient(ctx, p, c); return err },
		"DescribeClient": func(p, c string) error { _, err := r.DescribeClient(ctx, p, c); return err },
		"DeleteClient":   func(p, c string) error { return r.DeleteClient(ctx, p, c) },
		"UpdateClient": func(p, c string) error {
			_, err := r.UpdateClient(ctx, &idp.UpdateUserPoolClientRequest{UserPoolId: p, ClientId: c})
			return err
		},
		"AddClientSecret": func(p, c string) error {
			_, err := r.AddClientSecret(ctx, &idp.AddUserPoolClientSecretRequest{UserPoolId: p, ClientId: c})
			return err
		},
		"ListClientSecrets":  func(p, c string) error { _, err := r.ListClientSecrets(ctx, p, c); return err },
		"DeleteClientSecret": func(p, c string) error { return r.DeleteClientSecret(ctx, p, c, secrets[0].ClientSecretId) },
	} {
		t.Run(name, func(t *testing.T) {
			wantFault(t, call(other.ID, c.ID), idp.CodeResourceNotFound, "User pool client "+c.ID+" does not exist.")
			wantFault(t, call(p.ID, "none"), idp.CodeResourceNotFound, "User pool client none does not exist.")
			wantFault(t, call("x_y", c.ID), idp.CodeResourceNotFound, "User pool x_y does not exist.")
		})
	}
	if d, err := r.DescribeClient(ctx, p.ID, c.ID); err != nil || d.ClientSecret != c.Describe().ClientSecret {
		t.Errorf("the client was changed through another pool: %v", err)
	}
}

func TestDeleteClient(t *testing.T) {
	r := registry(t)
	p := create(t, r, &idp.CreateUserPoolRequest{})
	c := createClient(t, r, p, &idp.CreateUserPoolClientRequest{})
	if _, _, err := r.Client(t.Context(), c.ID); err != nil {
		t.Fatal(err)
	}
	if err := r.DeleteClient(t.Context(), p.ID, c.ID); err != nil {
		t.Fatal(err)
	}
	_, _, err := r.Client(t.Context(), c.ID)
	wantFault(t, err, idp.CodeResourceNotFound, "User pool client "+c.ID+" does not exist.")
}

func TestListClients(t *testing.T) {
	r := registry(t)
	p, other := create(t, r, &idp.CreateUserPoolRequest{}), create(t, r, &idp.CreateUserPoolRequest{})
	for range 5 {
		createClient(t, r, p, &idp.CreateUserPoolClientRequest{ClientName: "n"})
	}
	createClient(t, r, other, &idp.CreateUserPoolClientRequest{})
	var all []string
	after := ""
	for range 3 {
		clients, next, err := r.ListClients(t.Context(), p.ID, after, 2)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range clients {
			if c.UserPoolId != p.ID || c.ClientName != "n" {
				t.Errorf("listed %v", toJSON(t, c))
			}
			all = append(all, c.ClientId)
		}
		after = next
	}
	if after != "" || len(all) != 5 || len(slices.Compact(all)) != 5 {
		t.Errorf("listed %v, then %q", all, after)
	}
	_, _, err := r.ListClients(t.Context(), "x_y", "", 2)
	wantFault(t, err, idp.CodeResourceNotFound, "User pool x_y does not exist.")
}

func TestClientQuota(t *testing.T) {
	db := open(t)
	r := pool.New(db, keyring(t), pool.Options{})
	p := create(t, r, &idp.CreateUserPoolRequest{})
	err := db.Update(t.Context(), func(tx *store.Tx) error {
		for i := range 1000 {
			if err := tx.CreateClient(store.Client{ID: fmt.Sprint("c", i), PoolID: p.ID, Settings: []byte("{}")}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	_, err = r.CreateClient(t.Context(), &idp.CreateUserPoolClientRequest{UserPoolId: p.ID, ClientName: "c"})
	wantFault(t, err, idp.CodeLimitExceeded, "The limit of 1000 app clients of a user pool is reached.")
}
