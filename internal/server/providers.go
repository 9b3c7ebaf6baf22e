package server

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"cognate/api/idp"
	"cognate/internal/federation"
	"cognate/internal/federation/oidc"
	"cognate/internal/federation/saml"
	"cognate/internal/federation/social"
	"cognate/internal/identitypool"
	"cognate/internal/outbound"
)

// Logins are the providers that identity pools may trust beside user pools: those that IAM keeps in AWS, and where the social ones
// are.
type Logins struct {
	OIDC []OIDCLogin `yaml:"oidc"`
	SAML []SAMLLogin `yaml:"saml"`
	// Addresses are where social providers are in the place of their own: issuers of accounts.google.com and appleid.apple.com,
	// the APIs of graph.facebook.com and www.amazon.com.
	Addresses map[string]string `yaml:"addresses"`
}

// OIDCLogin is an OpenID Connect provider.
type OIDCLogin struct {
	ARN string `yaml:"arn"` // arn:aws:iam::<account>:oidc-provider/<issuer without its scheme>
	// Issuer is empty where it is what the ARN says, with https.
	Issuer  string   `yaml:"issuer"`
	Clients []string `yaml:"client_ids"` // whose tokens count
}

// SAMLLogin is a SAML provider.
type SAMLLogin struct {
	ARN          string `yaml:"arn"` // arn:aws:iam::<account>:saml-provider/<name>
	MetadataFile string `yaml:"metadata_file"`
	Audience     string `yaml:"audience"`  // of assertions; empty is AWS's
	Recipient    string `yaml:"recipient"` // likewise
}

// How far the clocks of identity providers may be off: of those that pools sign users in at, and of those whose tokens apps hand to
// identity pools (protocol page "identity-pools", section 3).
const (
	providerSkew = 2 * time.Minute
	loginSkew    = 5 * time.Minute
)

// providerEnv is what those get that call identity providers.
func (s *Server) providerEnv() (federation.Env, error) {
	allowed, err := parseNetworks("provider_networks", s.config.ProviderNetworks)
	return federation.Env{HTTP: outbound.NewClient(s.config.Dev, allowed), Dev: s.config.Dev, Skew: providerSkew}, err
}

// kinds are the kinds of identity providers that pools can have.
func (s *Server) kinds() (map[string]federation.Kind, error) {
	env, err := s.providerEnv()
	if err != nil {
		return nil, err
	}
	kinds := social.Kinds(env)
	kinds[idp.IdentityProviderTypeTypeOidc] = oidc.Kind{Env: env}
	kinds[idp.IdentityProviderTypeTypeSaml] = saml.Kind{Env: env}
	return kinds, nil
}

// loginProviders are those that identity pools can trust.
func (s *Server) loginProviders() (map[string]identitypool.Provider, error) {
	env, err := s.providerEnv()
	if err != nil {
		return nil, err
	}
	env.Skew = loginSkew
	return s.config.Logins.providers(env)
}

// ReadLogins reads a file that has the logins of a configuration and nothing else. An error names its line and shows none of the
// file.
func ReadLogins(path string) (Logins, error) {
	var c struct {
		Logins Logins `yaml:"logins"`
	}
	err := readYAML(path, &c)
	return c.Logins, err
}

// providers opens the providers, by what identity pools know them by.
func (l *Logins) providers(env federation.Env) (map[string]identitypool.Provider, error) {
	out := map[string]identitypool.Provider{}
	verifiers := social.Verifiers(env, l.Addresses)
	for name, v := range verifiers {
		out[name] = identitypool.Provider{Verifier: v}
	}
	for name, address := range l.Addresses {
		if verifiers[name] == nil {
			return nil, fmt.Errorf("logins: addresses: %s is none of %s", name, strings.Join(slices.Sorted(maps.Keys(verifiers)), ", "))
		}
		if err := checkAddress(env, address); err != nil {
			return nil, fmt.Errorf("logins: addresses: %s: %w", name, err)
		}
	}
	for _, p := range l.OIDC {
		opened, err := p.open(env)
		if err != nil {
			return nil, fmt.Errorf("logins: oidc: %q: %w", p.ARN, err)
		}
		out[p.ARN] = opened
	}
	for _, p := range l.SAML {
		opened, err := p.open(env)
		if err != nil {
			return nil, fmt.Errorf("logins: saml: %q: %w", p.ARN, err)
		}
		out[p.ARN] = opened
	}
	return out, nil
}

func (p OIDCLogin) open(env federation.Env) (identitypool.Provider, error) {
	_, issuer, ok := strings.Cut(p.ARN, ":oidc-provider/")
	if !ok || issuer == "" || !strings.HasPrefix(p.ARN, "arn:") {
		return identitypool.Provider{}, errors.New("the arn is not arn:aws:iam::<account>:oidc-provider/<issuer>")
	}
	if len(p.Clients) == 0 {
		return identitypool.Provider{}, errors.New("client_ids is missing: no token would count")
	}
	issuer = "https://" + issuer
	if p.Issuer != "" {
		issuer = p.Issuer
	}
	err := checkAddress(env, issuer)
	return identitypool.Provider{Verifier: oidc.NewVerifier(env, issuer), Clients: p.Clients}, err
}

func (p SAMLLogin) open(env federation.Env) (identitypool.Provider, error) {
	if !strings.HasPrefix(p.ARN, "arn:") || !strings.Contains(p.ARN, ":saml-provider/") {
		return identitypool.Provider{}, errors.New("the arn is not arn:aws:iam::<account>:saml-provider/<name>")
	}
	metadata, err := os.ReadFile(p.MetadataFile)
	if err != nil {
		return identitypool.Provider{}, fmt.Errorf("metadata_file: %w", err)
	}
	v, err := saml.NewVerifier(env, saml.Trust{Metadata: metadata, Audience: p.Audience, Recipient: p.Recipient})
	return identitypool.Provider{Verifier: v}, err
}

func checkAddress(env federation.Env, address string) error {
	if strings.HasPrefix(address, "https://") || env.Dev && strings.HasPrefix(address, "http://") {
		return nil
	}
	return fmt.Errorf("%q is not an https URL", address)
}
