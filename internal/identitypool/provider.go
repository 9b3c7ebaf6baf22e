package identitypool

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"cognate/api/identity"
	"cognate/internal/fault"
	"cognate/internal/federation"
)

// Provider is one that identity pools may trust beside user pools: a social one, or one of the operator's, which IAM keeps in
// AWS.
type Provider struct {
	federation.Verifier
	// Clients are those of an OpenID Connect provider. Those of a social one are each pool's own; SAML has none.
	Clients []string
}

// proveTimeout bounds how long a provider may take to vouch for a login.
const proveTimeout = 10 * time.Second

// proveOther verifies what an app has got from a provider that is no user pool.
func (r *Registry) proveOther(ctx context.Context, p *pool, name, text string) (login, error) {
	provider, ok := r.providers[p.keyOf(name)]
	if !ok {
		return login{}, fault.Newf(identity.CodeExternalService, "Logins of %s are not available on this server.", name)
	}
	clients := provider.Clients
	if own, social := p.SupportedLoginProviders[name]; social {
		clients = strings.Split(own, ";")
	}
	ctx, stop := context.WithTimeout(ctx, proveTimeout)
	defer stop()
	proof, err := provider.Verify(ctx, text, clients)
	if err != nil {
		return login{}, refusal(name, err)
	}
	if slices.Contains(p.SamlProviderARNs, name) {
		proof.Claims = withRoles(proof.Claims)
	}
	claims, err := json.Marshal(proof.Claims.Document())
	return login{provider: name, userID: proof.Subject, clientID: proof.Client, claims: claims}, err
}

// attributeRoles is how SAML providers tell AWS the roles of a user: each as the ARN of a role and that of the provider, in
// any order.
const attributeRoles = "https://aws.amazon.com/SAML/Attributes/Role"

// withRoles has an assertion say its roles as a user pool's token does.
func withRoles(c federation.Claims) federation.Claims {
	out := maps.Clone(c)
	for _, name := range []string{claimRoles, claimPreferredRole} {
		delete(out, name) // a provider says it by the attribute
	}
	for _, pair := range c[attributeRoles] {
		for arn := range strings.SplitSeq(pair, ",") {
			if arn = strings.TrimSpace(arn); strings.Contains(arn, ":role/") {
				out[claimRoles] = append(out[claimRoles], arn)
			}
		}
	}
	return out
}

// keyOf is by what the operator knows a provider: an OpenID Connect provider's key of logins is only the end of its ARN.
func (s *settings) keyOf(name string) string {
	for _, arn := range s.OpenIdConnectProviderARNs {
		if issuerOf(arn) == name {
			return arn
		}
	}
	return name
}

// issuerOf is the key of the logins of an OpenID Connect provider.
func issuerOf(arn string) string {
	_, issuer, _ := strings.Cut(arn, ":oidc-provider/")
	return issuer
}

// refusal tells in the API's words why a login is not taken. That a provider could not be asked is not for the app to know the
// reason of: it may name the inside of the network.
func refusal(name string, err error) error {
	if late, ok := errors.AsType[*federation.ExpiredError](err); ok {
		return expired(late.At.Unix())
	}
	for cause, text := range map[error]error{
		federation.ErrNoToken: errNoToken, federation.ErrIssuer: errIssuer, federation.ErrClient: errProvider, federation.ErrSignature: errUnverified,
	} {
		if errors.Is(err, cause) {
			return text
		}
	}
	slog.Warn("an identity provider does not vouch for logins", "provider", name, "err", err)
	return fault.Newf(identity.CodeExternalService, "%s could not be reached.", name)
}
