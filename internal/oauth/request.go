package oauth

import (
	"cmp"
	"context"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"cognate/api/idp"
	"cognate/internal/authn"
	"cognate/internal/pool"
	"cognate/internal/store"
	"cognate/internal/token"
)

// Request is an authorization request of a client that may ask, for an answer that goes where the client says.
type Request struct {
	Pool   *pool.Pool
	Client *pool.Client
	// Query is the whole request as it came, for the addresses of the pages on the way to its answer.
	Query url.Values

	// Page is where a request of our own leads that has no client waiting for an answer, "" for a client's. Its
	// RedirectURI may be empty.
	Page string

	RedirectURI string
	Implicit    bool   // tokens in the answer instead of a code
	Scopes      string // space-separated
	Nonce       string
	Challenge   string // the PKCE challenge, by S256; empty for none
	Audience    string // the resource parameter (RFC 8707); empty for none

	Provider  string   // the identity provider to sign in at; "" for the pool itself, or for any
	Own       bool     // the pool itself is asked for, by its name
	Prompt    []string // none, login, select_account, consent
	LoginHint string
	Levels    string         // the acr_values that are known, in the order of preference; empty for any
	MaxAge    *time.Duration // nil for any
}

// The bounds of a request. What is longer than maxQuery is not read at all.
const (
	maxQuery    = 8 << 10
	maxState    = 4 << 10
	maxNonce    = 1 << 10
	maxResource = 2 << 10
)

// single are the parameters that must not come twice (RFC 6749 section 3.1).
var single = []string{
	"client_id", "redirect_uri", "response_type", "scope", "state", "code_challenge", "code_challenge_method", "nonce",
	"identity_provider", "idp_identifier", "login_hint", "prompt", "resource", "acr_values", "max_age",
}

// Parse reads an authorization request to a host. Its errors are a [*PageError], when the client or the redirect URI
// is not right, a [*RedirectError] for what else is wrong, or the server's own.
func (s *Service) Parse(ctx context.Context, host, rawQuery string) (*Request, error) {
	if len(rawQuery) > maxQuery {
		return nil, &PageError{Code: ErrRequest.Code, Text: "The request is too long."}
	}
	q, err := url.ParseQuery(rawQuery)
	if err != nil {
		return nil, &PageError{Code: ErrRequest.Code, Text: "The query string is malformed."}
	}
	r, err := s.addressed(ctx, host, q)
	if err != nil {
		return nil, err
	}
	if err := r.read(); err != nil {
		return nil, s.Refuse(r, err)
	}
	return r, s.findProvider(ctx, r)
}

// PageParameter names a page of our own in place of a response_type: an extension.
const PageParameter = "goto"

// The pages that can be named.
const (
	PageAccount  = "/account"
	PagePasskeys = "/passkeys/add"
)

var pages = map[string]string{"account": PageAccount, "passkeys": PagePasskeys}

// missing is how Cognito tells that a parameter is not there.
func missing(name string) error {
	return &PageError{Code: ErrRequest.Code, Text: "Required String parameter '" + name + "' is not present"}
}

// addressed finds the client of a request and where its answer goes. Nothing is sent to a URI that is not the client's.
func (s *Service) addressed(ctx context.Context, host string, q url.Values) (*Request, error) {
	id := q.Get("client_id")
	if id == "" {
		return nil, missing("client_id")
	}
	if len(q["client_id"]) > 1 || len(q["redirect_uri"]) > 1 {
		return nil, &PageError{Code: ErrRequest.Code}
	}
	p, c, err := s.Client(ctx, host, id)
	if err != nil {
		return nil, err
	}
	if c == nil {
		return nil, &PageError{Code: ErrRequest.Code}
	}
	r := &Request{Pool: p, Client: c, Query: q, RedirectURI: q.Get("redirect_uri"), Page: pages[q.Get(PageParameter)]}
	if r.Page != "" && !c.OAuthEnabled() {
		return nil, &PageError{Code: errNotOAuth.Code, Text: errNotOAuth.Description}
	}
	if r.RedirectURI == "" && r.Page != "" {
		return r, nil
	}
	if r.RedirectURI == "" {
		if r.RedirectURI = c.DefaultCallback(); r.RedirectURI == "" {
			return nil, missing("redirect_uri")
		}
	}
	if !c.Callback(r.RedirectURI) {
		return nil, &PageError{Code: "redirect_mismatch", ClientID: c.ID}
	}
	return r, nil
}

// read takes over the rest of the query. Its error is for the client.
func (r *Request) read() *Error {
	q := r.Query
	if r.Page != "" {
		r.LoginHint = q.Get("login_hint")
		return nil
	}
	r.Implicit = q.Get("response_type") == "token"
	for _, name := range single {
		// The state goes back as it came, whatever it is.
		if len(q[name]) > 1 || name != "state" && !store.IsText(q.Get(name)) {
			return ErrRequest
		}
	}
	for _, step := range []func() *Error{r.readType, r.readPKCE, r.readScopes, r.readResource, r.readPrompt, r.readLevel} {
		if err := step(); err != nil {
			return err
		}
	}
	r.Nonce, r.LoginHint = q.Get("nonce"), q.Get("login_hint")
	if len(q.Get("state")) > maxState || len(r.Nonce) > maxNonce {
		return ErrRequest // without the state, which is too long to be sent back
	}
	return nil
}

func (r *Request) readType() *Error {
	grant := pool.GrantCode
	switch r.Query.Get("response_type") {
	case "code":
	case "token":
		grant = pool.GrantImplicit
	default:
		return ErrRequest
	}
	if !r.Client.OAuthEnabled() {
		return errNotOAuth
	}
	if !r.Client.AllowsGrant(grant) {
		return ErrNotAllowed
	}
	return nil
}

// challengePattern is a code_challenge by S256: 32 bytes in base64url (RFC 7636 section 4.2).
var challengePattern = regexp.MustCompile(`^[A-Za-z0-9_-]{43}$`)

func (r *Request) readPKCE() *Error {
	challenge, method := r.Query.Get("code_challenge"), r.Query.Get("code_challenge_method")
	if challenge == "" && method == "" {
		return nil
	}
	if method != "S256" || !challengePattern.MatchString(challenge) {
		return ErrRequest
	}
	r.Challenge = challenge
	return nil
}

// readScopes takes the scopes asked for, each once, or all of the client's.
func (r *Request) readScopes() *Error {
	allowed := r.Client.Scopes(r.Pool)
	asked := strings.Fields(r.Query.Get("scope"))
	if len(asked) == 0 {
		asked = allowed
	}
	var scopes []string
	for _, scope := range asked {
		if !slices.Contains(allowed, scope) {
			return errUnknownScope
		}
		if !slices.Contains(scopes, scope) {
			scopes = append(scopes, scope)
		}
	}
	r.Scopes = strings.Join(scopes, " ")
	return nil
}

// readResource takes one absolute URI: of a server reached by https, of this machine, or of an app's own scheme.
func (r *Request) readResource() *Error {
	text := r.Query.Get("resource")
	if text == "" {
		return nil
	}
	u, err := url.Parse(text)
	if err != nil || !u.IsAbs() || len(text) > maxResource || strings.Contains(text, "#") {
		return ErrRequest
	}
	web := u.Scheme == "http" || u.Scheme == "https"
	if web && u.Hostname() == "" || u.Scheme == "http" && !slices.Contains([]string{"localhost", "127.0.0.1", "::1"}, u.Hostname()) {
		return ErrRequest
	}
	r.Audience = text
	return nil
}

// The values of prompt that mean something here (OpenID Connect Core section 3.1.2.1).
const (
	promptNone   = "none"
	promptLogin  = "login"
	promptSelect = "select_account"
)

func (r *Request) readPrompt() *Error {
	for value := range strings.FieldsSeq(r.Query.Get("prompt")) {
		if !slices.Contains([]string{promptNone, promptLogin, promptSelect, "consent"}, value) {
			return ErrRequest
		}
		r.Prompt = append(r.Prompt, value)
	}
	if slices.Contains(r.Prompt, promptNone) && len(r.Prompt) > 1 {
		return ErrRequest
	}
	return nil
}

// readLevel reads acr_values and max_age, which the LITE tier knows nothing of.
func (r *Request) readLevel() *Error {
	if r.Pool.Settings.UserPoolTier == idp.UserPoolTierTypeLite {
		return nil
	}
	var known []string
	for value := range strings.FieldsSeq(r.Query.Get("acr_values")) {
		if authn.IsLevel(value) && !slices.Contains(known, value) {
			known = append(known, value)
		}
	}
	r.Levels = strings.Join(known, " ")
	text := r.Query.Get("max_age")
	if text == "" {
		return nil
	}
	seconds, err := strconv.ParseUint(text, 10, 31)
	if err != nil {
		return ErrRequest
	}
	age := time.Duration(seconds) * time.Second
	r.MaxAge = &age
	return nil
}

// Refuse is the answer to a request that is refused: a [*RedirectError] for the client, or, where one of our own pages is asked
// for, a [*PageError].
func (s *Service) Refuse(r *Request, e *Error) error {
	if r.Page != "" {
		return &PageError{Code: e.Code, ClientID: r.Client.ID}
	}
	pairs := url.Values{"error": {e.Code}}
	if e.Description != "" {
		pairs.Set("error_description", e.Description)
	}
	return &RedirectError{Err: e, Location: s.location(r, pairs)}
}

// location is the redirect URI with an answer: in its query, or, for one with tokens, in its fragment.
func (s *Service) location(r *Request, answer url.Values) string {
	if state := r.Query["state"]; len(state) == 1 && len(state[0]) <= maxState {
		answer.Set("state", state[0])
	}
	if s.options.NameIssuer {
		answer.Set("iss", s.tokens.Issuer(r.Pool))
	}
	switch {
	case r.Implicit:
		return r.RedirectURI + "#" + answer.Encode()
	case strings.Contains(r.RedirectURI, "?"):
		return r.RedirectURI + "&" + answer.Encode()
	}
	return r.RedirectURI + "?" + answer.Encode()
}

// Never reports whether a request allows no page to be shown.
func (r *Request) Never() bool { return slices.Contains(r.Prompt, promptNone) }

// Takes reports whether a login counts for the client of a request at all: by a provider that its users may come from.
func (r *Request) Takes(l *Login) bool {
	return r.Client.HasProvider(cmp.Or(l.Provider, pool.ProviderSelf))
}

// accepts reports whether a browser that is signed in needs no page: the request does not ask for one, and the
// sign-in is young and sure enough.
func (r *Request) accepts(l *Login) bool {
	if slices.Contains(r.Prompt, promptLogin) || slices.Contains(r.Prompt, promptSelect) {
		return false
	}
	at := cmp.Or(l.Provider, pool.ProviderSelf)
	if r.Provider != "" && r.Provider != at || r.Own && at != pool.ProviderSelf || !r.Takes(l) {
		return false
	}
	if r.MaxAge != nil && time.Since(l.Proof.Time) > *r.MaxAge {
		return false
	}
	return r.Levels == "" || authn.Reaches(l.Proof.Methods, r.Levels)
}

// proof is what a token says of how its user has signed in: the level only where one was asked for.
func (r *Request) proof(l *Login) token.Proof {
	p := l.Proof
	p.Level = ""
	if r.Levels != "" {
		p.Level = authn.LevelOf(p.Methods)
	}
	return p
}
