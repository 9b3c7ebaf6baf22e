package scripttest

import (
	"context"
	"maps"
	"strings"

	"cognate/api/idp"
	"cognate/internal/fault"
	"cognate/internal/federation"
)

// kind is a kind of provider for scripts: it wants a client_id, or metadata, and finds out an address. Sign-ins through
// it come from the step federate.
type kind struct{ federation.Provider }

func (kind) Check(_ context.Context, details map[string]string) (map[string]string, error) {
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

func (k kind) Open(federation.Settings) (federation.Provider, error) { return k, nil }

// kinds leaves types out, to be refused.
var kinds = map[string]federation.Kind{
	idp.IdentityProviderTypeTypeOidc: kind{}, idp.IdentityProviderTypeTypeSaml: kind{}, idp.IdentityProviderTypeTypeGoogle: kind{},
	idp.IdentityProviderTypeTypeSignInWithApple: kind{},
}

// federate signs in through a provider.
func (s *Script) federate(provider, subject string, claims []string) {
	s.Helper()
	p, c, err := s.House.Pools.PoolClient(s.Context(), s.Kept["pool"], s.Kept["client"])
	if err != nil {
		s.Fatalf("%s: %v", s.where, err)
	}
	by, err := s.House.Pools.Provider(s.Context(), p, provider)
	if err != nil {
		s.Fatalf("%s: %v", s.where, err)
	}
	a := &federation.Assertion{Subject: subject, Claims: federation.Claims{}}
	for _, claim := range claims {
		name, value, _ := strings.Cut(claim, "=")
		a.Claims[name] = append(a.Claims[name], value)
	}
	u, err := s.House.Users.Federate(s.Context(), p, c, by, a)
	if err != nil {
		s.Fatalf("%s: %v", s.where, err)
	}
	s.Kept["sub"] = u.Sub
}
