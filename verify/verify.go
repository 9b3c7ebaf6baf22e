// Package verify checks the tokens that user pools sign: those of Cognate, and those of Amazon Cognito itself. It is for services that
// get such tokens from their callers. It checks what aws-jwt-verify checks: the signature by one of the issuer's keys (RS256 and no other
// algorithm), iss, token_use, exp, nbf, the app client, and where asked for scopes and groups (RFC 7519, RFC 8725). Whether the session
// behind a token has ended, or its user is gone, no signature can tell: Cognate's forward-auth endpoint can.
package verify

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"time"
)

// Use is what a token is for, its claim token_use.
type Use string

// The two uses.
const (
	ID     Use = "id"     // tells a client who its user is
	Access Use = "access" // opens resources
)

// Config is what a [Verifier] takes.
type Config struct {
	// Issuers are those whose tokens are taken, each exactly as in the claim iss: https://cognito-idp.<region>.amazonaws.com/<pool id>,
	// or a Cognate server's public URL with /<pool id>. At least one; plain http only of this machine itself.
	Issuers []string

	// Use is what the tokens must be for. There is no default: an ID token opens nothing, and an access token proves nobody's e-mail.
	Use Use

	// ClientIDs are the app clients whose tokens are taken: by client_id of access tokens, by aud of ID tokens. At least one, unless
	// AnyClient says that all clients of the issuers will do.
	ClientIDs []string
	AnyClient bool

	// Scopes, where there are any: an access token must have one of them.
	Scopes []string

	// Groups, where there are any: the user must be in one of them.
	Groups []string

	// Leeway is how far the clocks may differ; at most five minutes.
	Leeway time.Duration

	// KeysURL tells where the JWKS of an issuer is; nil, or an empty answer, means <issuer>/.well-known/jwks.json.
	KeysURL func(issuer string) string

	// HTTP fetches keys; nil means [http.DefaultClient]. Redirects are not followed, and a fetch takes five seconds at most.
	HTTP *http.Client

	// Check, unless nil, has the last word on a token that is good. Its error is returned as it is.
	Check func(*Claims) error
}

// Why a token is refused. Errors of [Verifier.Verify] wrap one of them; none tells what is in the token.
var (
	ErrMalformed = errors.New("verify: not a signed token")
	ErrIssuer    = errors.New("verify: an issuer that is not taken")
	ErrSignature = errors.New("verify: the signature is not the issuer's")
	ErrUse       = errors.New("verify: a token for another use")
	ErrExpired   = errors.New("verify: the token has expired")
	ErrNotYet    = errors.New("verify: the token is not valid yet")
	ErrClient    = errors.New("verify: a token of another app client")
	ErrScope     = errors.New("verify: none of the scopes")
	ErrGroup     = errors.New("verify: none of the groups")

	// ErrKeys says that the issuer's keys cannot be had now; it says nothing about the token.
	ErrKeys = errors.New("verify: the issuer's keys cannot be had")
)

// Verifier checks tokens. It is safe for concurrent use, and there should be one for all requests: it keeps the keys.
type Verifier struct {
	config Config
	keys   map[string]*keySet // by issuer
}

const maxLeeway = 5 * time.Minute

// New makes a Verifier, and an error for a Config that leaves open what it must say. It fetches nothing: the first token does, or
// [Verifier.Hydrate].
func New(c Config) (*Verifier, error) {
	switch {
	case len(c.Issuers) == 0:
		return nil, errors.New("verify: Config.Issuers is empty")
	case c.Use != ID && c.Use != Access:
		return nil, errors.New("verify: Config.Use is neither ID nor Access")
	case len(c.ClientIDs) == 0 && !c.AnyClient:
		return nil, errors.New("verify: Config.ClientIDs is empty, and Config.AnyClient is not set")
	case len(c.ClientIDs) > 0 && c.AnyClient:
		return nil, errors.New("verify: Config.ClientIDs and Config.AnyClient contradict each other")
	case slices.Contains(c.ClientIDs, "") || slices.Contains(c.Scopes, "") || slices.Contains(c.Groups, ""):
		return nil, errors.New("verify: Config has an empty client, scope or group")
	case len(c.Scopes) > 0 && c.Use != Access:
		return nil, errors.New("verify: Config.Scopes is for access tokens")
	case c.Leeway < 0 || c.Leeway > maxLeeway:
		return nil, fmt.Errorf("verify: Config.Leeway is not within 0 and %v", maxLeeway)
	}
	v := &Verifier{config: c, keys: map[string]*keySet{}}
	v.config.Issuers, v.config.ClientIDs = slices.Clone(c.Issuers), slices.Clone(c.ClientIDs)
	v.config.Scopes, v.config.Groups = slices.Clone(c.Scopes), slices.Clone(c.Groups)
	for _, issuer := range c.Issuers {
		at := issuer + "/.well-known/jwks.json"
		if c.KeysURL != nil {
			if other := c.KeysURL(issuer); other != "" {
				at = other
			}
		}
		if err := checkURL(at); err != nil {
			return nil, err
		}
		v.keys[issuer] = newKeySet(at, c.HTTP)
	}
	return v, nil
}

// checkURL refuses addresses whose answer somebody on the way could change.
func checkURL(text string) error {
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "":
		return fmt.Errorf("verify: %q is not the address of keys", text)
	case u.Scheme == "https", u.Scheme == "http" && isLoopback(u.Hostname()):
		return nil
	}
	return fmt.Errorf("verify: %q is not https", text)
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// Hydrate fetches the keys of all issuers, so that the first token need not wait. It returns an error that wraps [ErrKeys] when one
// of them has none to give; tokens will then ask again.
func (v *Verifier) Hydrate(ctx context.Context) error {
	for issuer, keys := range v.keys {
		if err := keys.hydrate(ctx); err != nil {
			return fmt.Errorf("%w: %s", err, issuer)
		}
	}
	return nil
}

// Verify returns the claims of a token that is all that the Config asks for.
func (v *Verifier) Verify(ctx context.Context, token string) (*Claims, error) {
	t, err := parse(token)
	if err != nil {
		return nil, err
	}
	keys := v.keys[t.claims.Issuer]
	if keys == nil {
		return nil, ErrIssuer
	}
	key, err := keys.get(ctx, t.kid)
	if err != nil {
		return nil, err
	}
	if !t.signedBy(key) {
		return nil, ErrSignature
	}
	if err := v.accept(&t.claims); err != nil {
		return nil, err
	}
	return &t.claims, nil
}

// accept checks claims that the issuer has signed.
func (v *Verifier) accept(c *Claims) error {
	now, config := time.Now(), v.config
	switch {
	case c.Use != config.Use:
		return ErrUse
	case !now.Before(c.Expires.Add(config.Leeway)):
		return ErrExpired
	case now.Add(config.Leeway).Before(c.notBefore):
		return ErrNotYet
	case !config.AnyClient && !slices.Contains(config.ClientIDs, c.ClientID):
		return ErrClient
	case !anyOf(config.Scopes, c.Scopes):
		return ErrScope
	case !anyOf(config.Groups, c.Groups):
		return ErrGroup
	case config.Check != nil:
		return config.Check(c)
	}
	return nil
}

// anyOf reports whether has is one of wanted, where something is.
func anyOf(wanted, has []string) bool {
	return len(wanted) == 0 || slices.ContainsFunc(wanted, func(one string) bool { return slices.Contains(has, one) })
}
