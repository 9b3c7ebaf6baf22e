package idpserver_test

import (
	"context"
	"maps"
	"strings"

	"cognate/api/idp"
	"cognate/internal/fault"
	"cognate/internal/federation"
)

// scriptKind is a kind of provider for scripts: it wants a client_id, or metadata, and finds out an address. Sign-ins through
// it come from the step federate.
type scriptKind struct{ federation.Provider }

func (scriptKind) Check(_ context.Context, details map[string]string) (map[string]string, error) {
	if details["client_id"] == "" && details["MetadataURL"] == "" {
		return nil, fault.New(idp.CodeInvalidParameter, "client_id is required.")
	}
	complete := maps.Clone(details)
	complete["found"] = "at " + details["client_id"] + details["MetadataURL"]
	if details["MetadataURL"] != "" {
		complete["MetadataFile"] = "<metadata/>"
	}
	return complete, nil
}

func (k scriptKind) Open(federation.Settings) (federation.Provider, error) { return k, nil }

// scriptKinds leaves types out, to be refused.
var scriptKinds = map[string]federation.Kind{
	idp.IdentityProviderTypeTypeOidc: scriptKind{}, idp.IdentityProviderTypeTypeSaml: scriptKind{}, idp.IdentityProviderTypeTypeGoogle: scriptKind{},
	idp.IdentityProviderTypeTypeSignInWithApple: scriptKind{},
}

// federate signs in through a provider.
func (s *script) federate(provider, subject string, claims []string) {
	s.Helper()
	p, c, err := s.house.pools.PoolClient(s.Context(), s.kept["pool"], s.kept["client"])
	if err != nil {
		s.Fatalf("%s: %v", s.where, err)
	}
	by, err := s.house.pools.Provider(s.Context(), p, provider)
	if err != nil {
		s.Fatalf("%s: %v", s.where, err)
	}
	a := &federation.Assertion{Subject: subject, Claims: federation.Claims{}}
	for _, claim := range claims {
		name, value, _ := strings.Cut(claim, "=")
		a.Claims[name] = append(a.Claims[name], value)
	}
	u, err := s.house.users.Federate(s.Context(), p, c, by, a)
	if err != nil {
		s.Fatalf("%s: %v", s.where, err)
	}
	s.kept["sub"] = u.Sub
}
