package identitypool

import (
	"regexp"
	"slices"
	"strings"

	"cognate/api/identity"
	"cognate/internal/fault"
	pools "cognate/internal/pool"
)

const (
	maxUserPools = 50
	maxTags      = 50
)

// publicProviders are the keys that SupportedLoginProviders may have.
var publicProviders = []string{
	"accounts.google.com", "api.twitter.com", "appleid.apple.com", "graph.facebook.com", "www.amazon.com", "www.digits.com",
}

// ownProvider is the key of logins by the tokens of the service itself.
const ownProvider = "cognito-identity.amazonaws.com"

var (
	oidcARN = regexp.MustCompile(`^arn:[\w-]+:iam::\d{12}:oidc-provider/\S+$`)
	samlARN = regexp.MustCompile(`^arn:[\w-]+:iam::\d{12}:saml-provider/\S+$`)
)

// finish completes and checks what the model's constraints do not.
func (s *settings) finish() error {
	if s.IdentityPoolTags == nil {
		s.IdentityPoolTags = map[string]string{}
	}
	for _, rule := range []func() error{s.checkPublic, s.checkUserPools, s.checkDeveloper, s.checkARNs, s.checkTags} {
		if err := rule(); err != nil {
			return err
		}
	}
	return nil
}

func (s *settings) checkPublic() error {
	for name := range s.SupportedLoginProviders {
		if !slices.Contains(publicProviders, name) {
			return invalidf("%s is not a supported login provider.", name)
		}
	}
	return nil
}

func (s *settings) checkUserPools() error {
	if len(s.CognitoIdentityProviders) > maxUserPools {
		return fault.Newf(identity.CodeLimitExceeded, "An identity pool can have at most %d Cognito identity providers.", maxUserPools)
	}
	type key struct{ provider, client string }
	seen := map[key]bool{}
	for _, p := range s.CognitoIdentityProviders {
		k := key{p.ProviderName, p.ClientId}
		switch {
		case k.provider == "" || k.client == "":
			return invalid("A Cognito identity provider needs a ProviderName and a ClientId.")
		case seen[k]:
			return invalidf("The Cognito identity provider %s is there twice for the client %s.", k.provider, k.client)
		}
		seen[k] = true
	}
	return nil
}

// checkDeveloper keeps the developer's provider apart from the others: the keys of logins are the names of both.
func (s *settings) checkDeveloper() error {
	name := s.DeveloperProviderName
	taken := name == ownProvider || slices.Contains(publicProviders, name)
	if name != "" && (taken || s.hasUserPool(name)) {
		return invalidf("%s cannot be the name of a developer provider.", name)
	}
	return nil
}

// hasUserPool reports whether a name is that of one of the user pools.
func (s *settings) hasUserPool(name string) bool {
	return slices.ContainsFunc(s.CognitoIdentityProviders, func(p *identity.CognitoIdentityProvider) bool { return p.ProviderName == name })
}

func (s *settings) checkARNs() error {
	if err := checkARNs(s.OpenIdConnectProviderARNs, oidcARN, "an OpenID Connect provider"); err != nil {
		return err
	}
	return checkARNs(s.SamlProviderARNs, samlARN, "a SAML provider")
}

func checkARNs(list []string, form *regexp.Regexp, of string) error {
	seen := map[string]bool{}
	for _, arn := range list {
		switch {
		case !form.MatchString(arn):
			return invalidf("%s is not the ARN of %s.", arn, of)
		case seen[arn]:
			return invalidf("The ARN %s is there twice.", arn)
		}
		seen[arn] = true
	}
	return nil
}

// checkTags applies the general rules of AWS tags; the model has those of their lengths.
func (s *settings) checkTags() error {
	if len(s.IdentityPoolTags) > maxTags {
		return invalidf("An identity pool can have at most %d tags.", maxTags)
	}
	for k, v := range s.IdentityPoolTags {
		switch {
		case strings.HasPrefix(strings.ToLower(k), "aws:"):
			return invalid("Tag keys that begin with aws: are reserved.")
		case !pools.IsTagText(k) || !pools.IsTagText(v):
			return invalidf("The tag %q is invalid.", k)
		}
	}
	return nil
}
