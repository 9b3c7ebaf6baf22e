package clientconfig

import (
	"bytes"
	"cmp"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"cognate/api/idp"
	"cognate/internal/fault"
	"cognate/internal/pool"
)

// amplify is what Amplify.configure of Amplify v6 takes (its ResourcesConfig). The file amplify_outputs.json would not
// do: it has no member for the endpoint, without which Amplify calls AWS. The region is in the pool's id; Region is for
// other readers, and Amplify looks at Auth alone.
type amplify struct {
	Region string `json:"region"`
	Auth   struct {
		Cognito cognito
	}
	secure bool // Amplify can reach the domain
}

type cognito struct {
	UserPoolID       string              `json:"userPoolId"`
	UserPoolClientID string              `json:"userPoolClientId"`
	UserPoolEndpoint string              `json:"userPoolEndpoint"`
	Verification     string              `json:"signUpVerificationMethod"`
	LoginWith        loginWith           `json:"loginWith"`
	UserAttributes   map[string]required `json:"userAttributes,omitzero"`
	MFA              mfa                 `json:"mfa"`
	PasswordFormat   passwordFormat      `json:"passwordFormat"`
	Passwordless     *passwordless       `json:"passwordless,omitzero"`
}

type loginWith struct {
	OAuth    *oauth `json:"oauth,omitzero"`
	Username bool   `json:"username"`
	Email    bool   `json:"email"`
	Phone    bool   `json:"phone"`
}

type oauth struct {
	Domain          string   `json:"domain"` // without a scheme: Amplify puts https:// before it
	Scopes          []string `json:"scopes"`
	RedirectSignIn  []string `json:"redirectSignIn"`
	RedirectSignOut []string `json:"redirectSignOut"`
	ResponseType    string   `json:"responseType"`
	Providers       []any    `json:"providers,omitzero"`
}

type custom struct {
	Name string `json:"custom"`
}

type required struct {
	Required bool `json:"required"`
}

type mfa struct {
	Status string `json:"status"`
	TOTP   bool   `json:"totpEnabled"`
	SMS    bool   `json:"smsEnabled"`
}

type passwordFormat struct {
	MinLength int64 `json:"minLength"`
	Lowercase bool  `json:"requireLowercase"`
	Uppercase bool  `json:"requireUppercase"`
	Numbers   bool  `json:"requireNumbers"`
	Special   bool  `json:"requireSpecialCharacters"`
}

type passwordless struct {
	Email    bool      `json:"emailOtpEnabled"`
	SMS      bool      `json:"smsOtpEnabled"`
	WebAuthn *webAuthn `json:"webAuthn,omitzero"`
}

type webAuthn struct {
	RelyingParty string `json:"relyingPartyId"`
	Verification string `json:"userVerification"`
}

// amplify makes the configuration of the client in the path. It holds no secret, and none is made for a client that
// has one: Amplify could not use it.
func (s *Service) amplify(r *http.Request) (*amplify, error) {
	p, c, err := s.pools.Client(r.Context(), r.PathValue("client"))
	if err != nil {
		return nil, err
	}
	if c.HasSecret() {
		return nil, fault.Newf("InvalidParameterException", "Client %s has a secret, which Amplify cannot use: create a client without one.", c.ID)
	}
	a := &amplify{Region: p.Region, secure: s.pages.Scheme == "https"}
	a.Auth.Cognito = cognito{
		UserPoolID: p.ID, UserPoolClientID: c.ID, UserPoolEndpoint: s.endpoint, Verification: verification(p),
		LoginWith: names(p), UserAttributes: attributes(p), MFA: secondFactors(p), PasswordFormat: passwords(p),
	}
	a.Auth.Cognito.LoginWith.OAuth = s.oauth(p, c)
	if c.Allows(idp.ExplicitAuthFlowsTypeAllowUserAuth) {
		a.Auth.Cognito.Passwordless = firstFactors(p)
	}
	return a, nil
}

func verification(p *pool.Pool) string {
	if p.Settings.VerificationMessageTemplate.DefaultEmailOption == idp.DefaultEmailOptionTypeConfirmWithLink {
		return "link"
	}
	return "code"
}

// names are what users sign in with.
func names(p *pool.Pool) loginWith {
	return loginWith{
		Username: !p.HasUsernameAttributes(),
		Email:    p.UsernameAttribute("email") || p.Alias("email"),
		Phone:    p.UsernameAttribute("phone_number") || p.Alias("phone_number"),
	}
}

// attributes are those that a sign-up must have.
func attributes(p *pool.Pool) map[string]required {
	out := map[string]required{}
	for _, name := range p.Required() {
		out[name] = required{true}
	}
	return out
}

func secondFactors(p *pool.Pool) mfa {
	on := p.MFA() != idp.UserPoolMfaTypeOff
	return mfa{Status: strings.ToLower(p.MFA()), TOTP: on && p.TOTPFactor(), SMS: on && p.SMSFactor()}
}

func passwords(p *pool.Pool) passwordFormat {
	policy := p.PasswordPolicy()
	return passwordFormat{
		MinLength: *policy.MinimumLength, Lowercase: *policy.RequireLowercase, Uppercase: *policy.RequireUppercase,
		Numbers: *policy.RequireNumbers, Special: *policy.RequireSymbols,
	}
}

// firstFactors are the ways to sign in besides a password; nil for a pool without one.
func firstFactors(p *pool.Pool) *passwordless {
	has := func(factor string) bool { return slices.Contains(p.FirstFactors(), factor) }
	out := &passwordless{Email: has(idp.AuthFactorTypeEmailOtp), SMS: has(idp.AuthFactorTypeSmsOtp)}
	if keys := p.Passkeys(); has(idp.AuthFactorTypeWebAuthn) && keys.RelyingParty != "" {
		out.WebAuthn = &webAuthn{keys.RelyingParty, keys.Verification}
	}
	if *out == (passwordless{}) {
		return nil
	}
	return out
}

// oauth is for a client that sends browsers to the pages: at the pool's domain, or at the server's own address, where the
// pages of all pools are.
func (s *Service) oauth(p *pool.Pool, c *pool.Client) *oauth {
	host := cmp.Or(p.Host(), s.pages.Hostname())
	out := &oauth{
		Domain: strings.TrimSuffix(host+":"+s.pages.Port(), ":"), Scopes: list(c.Scopes(p)), Providers: providers(c),
		RedirectSignIn: list(c.Settings.CallbackURLs), RedirectSignOut: list(c.Settings.LogoutURLs),
	}
	switch {
	case c.AllowsGrant(pool.GrantCode):
		out.ResponseType = "code"
	case c.AllowsGrant(pool.GrantImplicit):
		out.ResponseType = "token"
	default:
		return nil
	}
	return out
}

// list is never null: Amplify does not look before it searches.
func list(in []string) []string { return append([]string{}, in...) }

// amplifyProviders are the providers that Amplify has names of its own for.
var amplifyProviders = map[string]string{
	"Google": "Google", "Facebook": "Facebook", "LoginWithAmazon": "Amazon", "SignInWithApple": "Apple",
}

func providers(c *pool.Client) (out []any) {
	for _, name := range c.Providers() {
		if known := amplifyProviders[name]; known != "" {
			out = append(out, known)
		} else if name != pool.ProviderSelf {
			out = append(out, custom{name})
		}
	}
	return out
}

func amplifyJSON(a *amplify) ([]byte, error) {
	text, err := json.Marshal(a, json.Deterministic(true), jsontext.WithIndent("  "))
	return append(text, '\n'), err
}

// amplifyTS writes a module to import before anything else of Amplify is used.
func amplifyTS(a *amplify) ([]byte, error) {
	text, err := json.Marshal(a.Auth, json.Deterministic(true), jsontext.WithIndent("  "))
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	fmt.Fprintf(&out, "import { Amplify } from 'aws-amplify';\n\n// Region: %s\n", a.Region)
	if a.Auth.Cognito.LoginWith.OAuth != nil && !a.secure {
		out.WriteString("// Amplify reaches the domain by https alone, which this server does not speak: start it with --tls.\n")
	}
	fmt.Fprintf(&out, "Amplify.configure({\n  Auth: %s,\n});\n", bytes.ReplaceAll(text, []byte("\n"), []byte("\n  ")))
	return out.Bytes(), nil
}
