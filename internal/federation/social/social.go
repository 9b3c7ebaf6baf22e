// Package social is the plug-ins for Google, Facebook, Login with Amazon and Sign in with Apple: settings over OAuth 2.0 and
// OpenID Connect. The facts are those of the protocol page "federation", sections 2 and 3. Each address can be set by the
// detail of its name, for tests and for compatible services.
package social

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

// Kinds returns the four kinds by their ProviderType.
func Kinds(env federation.Env) map[string]federation.Kind {
	return map[string]federation.Kind{
		idp.IdentityProviderTypeTypeGoogle:          kind{env, google},
		idp.IdentityProviderTypeTypeFacebook:        kind{env, facebook},
		idp.IdentityProviderTypeTypeLoginWithAmazon: kind{env, amazon},
		idp.IdentityProviderTypeTypeSignInWithApple: kind{env, apple},
	}
}

// rules are what one network is like.
type rules struct {
	required []string
	optional []string
	usual    map[string]string // details that are known, unless they are set
	check    func(map[string]string) error
	open     func(federation.Env, federation.Settings) (federation.Provider, error)
}

type kind struct {
	env federation.Env
	rules
}

func invalidf(format string, args ...any) error {
	return fault.Newf(idp.CodeInvalidParameter, format, args...)
}

// Check implements federation.Kind. It calls nobody.
func (k kind) Check(_ context.Context, details map[string]string) (map[string]string, error) {
	out := maps.Clone(k.usual)
	for _, name := range slices.Sorted(maps.Keys(details)) {
		_, usual := k.usual[name]
		if !usual && !slices.Contains(k.required, name) && !slices.Contains(k.optional, name) {
			return nil, invalidf("Unknown provider detail %s.", name)
		}
		out[name] = details[name]
	}
	for _, name := range k.required {
		if out[name] == "" {
			return nil, invalidf("Missing required provider detail %s.", name)
		}
	}
	for _, name := range []string{"authorize_url", "token_url", "attributes_url", "jwks_uri", "oidc_issuer"} {
		if err := k.checkURL(name, out[name]); err != nil {
			return nil, err
		}
	}
	if m := out["token_request_method"]; m != http.MethodGet && m != http.MethodPost {
		return nil, invalidf("token_request_method must be GET or POST.")
	}
	if k.check != nil {
		if err := k.check(out); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (k kind) checkURL(name, text string) error {
	if text == "" {
		return nil
	}
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.User != nil || u.Scheme != "https" && !(k.env.Dev && u.Scheme == "http") {
		return invalidf("%s must be an https URL.", name)
	}
	return nil
}

// Open implements federation.Kind.
func (k kind) Open(s federation.Settings) (federation.Provider, error) { return k.open(k.env, s) }

// withoutUserInfo are settings for a network that is asked for nothing beside its ID token, which keys sign.
func withoutUserInfo(s federation.Settings, keys string) federation.Settings {
	s.Details = maps.Clone(s.Details)
	delete(s.Details, "attributes_url")
	if s.Details["jwks_uri"] == "" {
		s.Details["jwks_uri"] = keys
	}
	if !slices.Contains(strings.Fields(s.Details["authorize_scopes"]), "openid") {
		s.Details["authorize_scopes"] += " openid"
	}
	return s
}
