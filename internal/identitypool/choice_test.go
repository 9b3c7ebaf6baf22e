package identitypool

import (
	"slices"
	"testing"

	"cognate/api/identity"
)

const (
	roleIn  = "arn:aws:iam::123456789012:role/in"
	roleOut = "arn:aws:iam::123456789012:role/out"
	roleA   = "arn:aws:iam::123456789012:role/a"
	roleB   = "arn:aws:iam::123456789012:role/b"
)

func rule(claim, match, value, role string) *identity.MappingRule {
	return &identity.MappingRule{Claim: claim, MatchType: match, Value: value, RoleARN: role}
}

func byToken(resolution string) *identity.RoleMapping {
	return &identity.RoleMapping{Type: identity.RoleMappingTypeToken, AmbiguousRoleResolution: resolution}
}

func byRules(resolution string, rules ...*identity.MappingRule) *identity.RoleMapping {
	return &identity.RoleMapping{
		Type: identity.RoleMappingTypeRules, AmbiguousRoleResolution: resolution, RulesConfiguration: &identity.RulesConfigurationType{Rules: rules},
	}
}

// TestRoleChoice chooses roles as AWS does, and never one that neither the pool nor the token names (checklist 57).
func TestRoleChoice(t *testing.T) {
	const deny, fallBack = identity.AmbiguousRoleResolutionTypeDeny, identity.AmbiguousRoleResolutionTypeAuthenticatedRole
	two := byRules(deny, rule("dept", "Equals", "x", roleA), rule("level", "StartsWith", "4", roleB))
	for name, tt := range map[string]struct {
		mapping        *identity.RoleMapping
		claims, custom string
		want           string // a role, or "" for a refusal
	}{
		"no mapping":                              {nil, `{"cognito:preferred_role":"` + roleA + `"}`, "", roleIn},
		"no mapping, asked for the same":          {nil, `{}`, roleIn, roleIn},
		"no mapping, asked for the guests'":       {nil, `{}`, roleOut, ""},
		"no mapping, asked for one of the token":  {nil, `{"cognito:roles":["` + roleA + `"]}`, roleA, ""},
		"token, preferred":                        {byToken(deny), `{"cognito:roles":["` + roleA + `","` + roleB + `"],"cognito:preferred_role":"` + roleB + `"}`, "", roleB},
		"token, one of several":                   {byToken(deny), `{"cognito:roles":["` + roleA + `","` + roleB + `"],"cognito:preferred_role":"` + roleB + `"}`, roleA, roleA},
		"token, none of several":                  {byToken(fallBack), `{"cognito:roles":["` + roleA + `"]}`, roleB, ""},
		"token, asked for that of all":            {byToken(fallBack), `{"cognito:roles":["` + roleA + `"]}`, roleIn, ""},
		"token, the only one":                     {byToken(deny), `{"cognito:roles":["` + roleA + `"]}`, "", roleA},
		"token, several without a preference":     {byToken(deny), `{"cognito:roles":["` + roleA + `","` + roleB + `"]}`, "", ""},
		"token, several, and that of all instead": {byToken(fallBack), `{"cognito:roles":["` + roleA + `","` + roleB + `"]}`, "", roleIn},
		"token without roles":                     {byToken(deny), `{}`, "", ""},
		"token without roles, that of all":        {byToken(fallBack), `{}`, "", roleIn},
		"rules, the first":                        {two, `{"dept":"x","level":"42"}`, "", roleA},
		"rules, the second":                       {two, `{"dept":"y","level":"42"}`, "", roleB},
		"rules, another that matches":             {two, `{"dept":"x","level":"42"}`, roleB, roleB},
		"rules, one that does not match":          {two, `{"dept":"x","level":"52"}`, roleB, ""},
		"rules, asked for the token's":            {two, `{"dept":"x","cognito:roles":["` + roleOut + `"]}`, roleOut, ""},
		"rules, none":                             {two, `{}`, "", ""},
		"rules, none, that of all":                {byRules(fallBack, rule("dept", "Equals", "x", roleA)), `{"dept":"X"}`, "", roleIn},
	} {
		t.Run(name, func(t *testing.T) {
			p := &pool{settings: settings{Roles: map[string]string{"authenticated": roleIn, "unauthenticated": roleOut}}}
			if tt.mapping != nil {
				p.RoleMappings = map[string]*identity.RoleMapping{"idp.example/pool:app": tt.mapping}
			}
			e := entry{pool: p, logins: []login{{provider: "idp.example/pool", clientID: "app", claims: []byte(tt.claims)}}}
			got, err := e.role(tt.custom)
			if got != tt.want || (err != nil) != (tt.want == "") || err != nil && err != errDenied {
				t.Errorf("got %q, %v; want %q", got, err, tt.want)
			}
		})
	}
}

// TestMappingOfAnotherApp: a mapping is for one app of a user pool, and of no other.
func TestMappingOfAnotherApp(t *testing.T) {
	p := &pool{settings: settings{
		Roles:        map[string]string{"authenticated": roleIn},
		RoleMappings: map[string]*identity.RoleMapping{"idp.example/pool:app": byToken(identity.AmbiguousRoleResolutionTypeDeny)},
	}}
	e := entry{pool: p, logins: []login{{provider: "idp.example/pool", clientID: "other", claims: []byte(`{}`)}}}
	if got, err := e.role(""); got != roleIn || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
}

// TestMissingRoles: a pool that has no role of the kind is not configured well.
func TestMissingRoles(t *testing.T) {
	p := &pool{settings: settings{Roles: map[string]string{}}}
	for _, logins := range [][]login{nil, {{provider: "p"}}} {
		if got, err := (entry{pool: p, logins: logins}).role(""); got != "" || err != errRoles {
			t.Errorf("got %q, %v", got, err)
		}
	}
}

func TestMatches(t *testing.T) {
	for _, tt := range []struct {
		match, value string
		claims       string
		want         bool
	}{
		{"Equals", "x", `{"c":"x"}`, true},
		{"Equals", "x", `{"c":"xy"}`, false},
		{"Equals", "x", `{"c":["a","x"]}`, true},
		{"Equals", "x", `{}`, false},
		{"Equals", "true", `{"c":true}`, true},
		{"Equals", "7", `{"c":7}`, true},
		{"Equals", "1796000000", `{"c":1796000000}`, true},
		{"Equals", "x", `{"c":{"x":"x"}}`, false},
		{"Equals", "x", `{"c":null}`, false},
		{"Contains", "b", `{"c":"abc"}`, true},
		{"Contains", "b", `{"c":["a","xbx"]}`, true},
		{"Contains", "b", `{"c":["a"]}`, false},
		{"StartsWith", "a", `{"c":"abc"}`, true},
		{"StartsWith", "b", `{"c":"abc"}`, false},
		{"StartsWith", "b", `{"c":["a","bc"]}`, true},
		{"NotEqual", "x", `{"c":"y"}`, true},
		{"NotEqual", "x", `{"c":"x"}`, false},
		{"NotEqual", "x", `{}`, false},
		{"NotEqual", "x", `{"c":["y","x"]}`, false},
		{"NotEqual", "x", `{"c":["y","z"]}`, true},
		{"Like", "x", `{"c":"x"}`, false},
	} {
		c, err := login{claims: []byte(tt.claims)}.parse()
		if err != nil {
			t.Fatal(err)
		}
		if got := matches(rule("c", tt.match, tt.value, roleA), c.values("c")); got != tt.want {
			t.Errorf("%s %s %s: %t", tt.claims, tt.match, tt.value, got)
		}
	}
}

// TestTags are those of a claim with one value that a tag can have; of two logins the first has a tag.
func TestTags(t *testing.T) {
	p := &pool{settings: settings{PrincipalTags: map[string]principalTags{
		"one":     {Claims: map[string]string{"a": "x", "b": "list", "c": "odd", "d": "none", "e": "n"}},
		"two:app": {UseDefaults: true},
	}}}
	e := entry{pool: p, logins: []login{
		{provider: "one", clientID: "app", claims: []byte(`{"x":"1","list":["1","2"],"odd":"<1>","n":5}`)},
		{provider: "two", clientID: "app", userID: "u", claims: []byte(`{}`)},
		{provider: "one", clientID: "app", claims: []byte(`{"x":"2"}`)},
		{provider: "three", clientID: "app", claims: []byte(`{"x":"2"}`)},
	}}
	got, err := e.tags()
	if err != nil || len(got) != 4 || got["a"] != "1" || got["e"] != "5" || got["client"] != "app" || got["username"] != "u" {
		t.Errorf("got %v, %v", got, err)
	}
}

// TestMethods: what a token says about its user.
func TestMethods(t *testing.T) {
	p := &pool{settings: settings{IdentityPool: identity.IdentityPool{
		IdentityPoolId: "us-east-1:9", DeveloperProviderName: "login.example",
		CognitoIdentityProviders: []*identity.CognitoIdentityProvider{{ProviderName: "idp/p", ClientId: "app"}},
	}}}
	e := newEntry(p, "us-east-1:1", []login{
		p.developerLogin("a:b"), {provider: "idp/p", userID: "sub", clientID: "app"}, {provider: "accounts.google.com", userID: "7", clientID: "web"},
	})
	want := []string{
		"authenticated", "login.example", "login.example:us-east-1:9:a:b", "idp/p", "idp/p:CognitoSignIn:sub",
		"accounts.google.com", "accounts.google.com:web:7",
	}
	if !slices.Equal(e.amr, want) || p.developerUser(e.amr) != "a:b" {
		t.Errorf("got %v", e.amr)
	}
}
