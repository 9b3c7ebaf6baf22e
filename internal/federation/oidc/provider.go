package oidc

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"cognate/internal/federation"
)

// provider is one that is open. It is safe for concurrent use.
type provider struct {
	Variant
	env     federation.Env
	name    string
	details map[string]string
	keys    *keySet
}

// Variant is in what a provider differs from OpenID Connect; the zero value does not.
type Variant struct {
	// Parameters are sent with every request.
	Parameters map[string]string
	// Secret makes the client secret of one exchange, for providers that want a new one each time.
	Secret func() (string, error)
	// Codes adds the provider's error code to what the app is told of an exchange that failed.
	Codes bool
	// Info asks for claims of a subject beside the ID token's, in the place of UserInfo; nil for UserInfo.
	Info func(ctx context.Context, access, subject string) (federation.Claims, error)
	// Told returns claims that came with the callback itself. They are no proof: what the ID token says wins.
	Told func(form url.Values) federation.Claims
}

// Open makes a variant of an OpenID Connect provider, of details by the names of this package's: one without attributes_url
// has no user info.
func Open(env federation.Env, s federation.Settings, v Variant) federation.Provider {
	return &provider{Variant: v, env: env, name: s.Name, details: s.Details, keys: &keySet{env: env, url: s.Details[detailKeys]}}
}

// Begin implements federation.Provider (OpenID Connect Core section 3.1.2.1).
func (p *provider) Begin(_ context.Context, r federation.Request) (string, error) {
	u, err := url.Parse(p.details[detailAuthorize])
	if err != nil {
		return "", err
	}
	q := u.Query()
	for name, value := range map[string]string{
		"client_id": p.details[detailClientID], "redirect_uri": r.Callback, "scope": p.details[detailScopes], "response_type": "code",
		"state": r.State, "nonce": r.ID, "login_hint": r.LoginHint, "prompt": r.Prompt,
	} {
		if value != "" {
			q.Set(name, value)
		}
	}
	if r.Verifier != "" {
		sum := sha256.Sum256([]byte(r.Verifier))
		q.Set("code_challenge", base64.RawURLEncoding.EncodeToString(sum[:]))
		q.Set("code_challenge_method", "S256")
	}
	for name, value := range p.Parameters {
		q.Set(name, value)
	}
	u.RawQuery = q.Encode()
	return u.String(), nil
}

// failed is a sign-in that failed: with what the app is told, and the cause for the log.
func failed(cause error, format string, args ...any) error {
	return &federation.Error{Code: "invalid_request", Description: fmt.Sprintf(format, args...), Cause: cause}
}

// Finish implements federation.Provider.
func (p *provider) Finish(ctx context.Context, c federation.Callback) (*federation.Assertion, error) {
	if code := c.Form.Get("error"); code != "" {
		return nil, &federation.Error{Code: code, Description: c.Form.Get("error_description")}
	}
	if iss := c.Form.Get("iss"); iss != "" && iss != p.details[detailIssuer] { // RFC 9207
		return nil, failed(fmt.Errorf("oidc: the answer is of the issuer %q", iss), "%s Error - answer of another provider", p.name)
	}
	if c.ID == "" || c.Form.Get("code") == "" {
		return nil, failed(nil, "%s Error - no code", p.name)
	}
	t, err := p.exchange(ctx, c)
	if err != nil {
		return nil, err
	}
	if t.ID == "" {
		return nil, failed(nil, "%s Error - no ID token", p.name)
	}
	id, payload, err := p.judge(ctx, c.ID, t)
	if err != nil {
		return nil, err
	}
	claims, err := p.claims(payload)
	if err != nil {
		return nil, err
	}
	told, err := p.info(ctx, t.Access, id.Subject)
	if err != nil {
		return nil, err
	}
	if p.Told != nil {
		maps.Copy(told, p.Told(c.Form))
	}
	answers := federation.Answers{TokenResponse: t.whole, IDToken: payload, UserInfo: maps.Clone(told)}
	maps.Copy(told, claims) // the ID token wins
	told["access_token"], told["id_token"] = []string{t.Access}, []string{t.ID}
	return &federation.Assertion{Subject: id.Subject, Claims: told, Answers: &answers}, nil
}

// claims are those of an ID token that has been judged.
func (p *provider) claims(payload []byte) (federation.Claims, error) {
	members, err := federation.ReadMembers(payload)
	var claims federation.Claims
	if err == nil {
		claims, err = federation.ClaimsOf(members)
	}
	if err != nil {
		return nil, failed(err, "%s Error - the ID token is not valid", p.name)
	}
	return claims, nil
}

// judge checks the ID token that came for a request.
func (p *provider) judge(ctx context.Context, nonce string, t tokens) (idClaims, []byte, error) {
	id, payload, err := judgement{
		issuer: p.details[detailIssuer], clientID: p.details[detailClientID], secret: p.details[detailClientSecret],
		nonce: nonce, access: t.Access, keys: p.keys, skew: p.env.Skew,
	}.read(ctx, t.ID)
	switch {
	case err != nil:
		return id, nil, federation.Unanswered(err, "Timeout in calling jwks uri", p.name+" Error - the ID token is not valid")
	case id.Subject == "":
		return id, nil, failed(nil, "%s Error - no subject", p.name)
	}
	return id, payload, nil
}

// tokens are what is read of a token answer.
type tokens struct {
	Access string `json:"access_token"`
	ID     string `json:"id_token"`

	whole jsontext.Value
}

// exchange turns the code into tokens.
func (p *provider) exchange(ctx context.Context, c federation.Callback) (t tokens, err error) {
	form := url.Values{
		"grant_type": {"authorization_code"}, "code": {c.Form.Get("code")}, "redirect_uri": {c.Callback}, "client_id": {p.details[detailClientID]},
	}
	if c.Verifier != "" {
		form.Set("code_verifier", c.Verifier)
	}
	secret, basic := p.details[detailClientSecret], p.details[detailAuthMethod] == authBasic
	if p.Secret != nil {
		if secret, err = p.Secret(); err != nil {
			return t, err
		}
	}
	if secret != "" && !basic {
		form.Set("client_secret", secret)
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, p.details[detailToken], strings.NewReader(form.Encode()))
	if err != nil {
		return t, err
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Accept", "application/json")
	if secret != "" && basic {
		r.SetBasicAuth(url.QueryEscape(p.details[detailClientID]), url.QueryEscape(secret)) // RFC 6749 section 2.3.1
	}
	status, body, err := p.env.Do(r)
	if err != nil {
		return t, federation.Unanswered(err, "Timeout occurred in calling IdP token endpoint", p.name+" Error - no answer getting token")
	}
	if status != http.StatusOK {
		return t, p.refused(status, body)
	}
	if err := json.Unmarshal(body, &t); err != nil {
		return t, failed(errors.New("oidc: the token answer is no JSON object"), "%s Error - bad answer getting token", p.name)
	}
	t.whole = body
	return t, nil
}

// refused is an exchange that the provider refused.
func (p *provider) refused(status int, body []byte) error {
	var answer struct {
		Code string `json:"error"`
	}
	if json.Unmarshal(body, &answer) != nil || len(answer.Code) > maxCode || strings.Trim(answer.Code, codeLetters) != "" {
		answer.Code = ""
	}
	cause := fmt.Errorf("%w, error %q", statusError(status), answer.Code)
	if p.Codes && answer.Code != "" {
		return failed(cause, "%s Error - %d %s", p.name, status, answer.Code)
	}
	return failed(cause, "%s Error - %d error getting token", p.name, status)
}

// An error code (RFC 6749 section 5.2) that may be shown has these letters, and no more than so many.
const (
	codeLetters = "abcdefghijklmnopqrstuvwxyz_"
	maxCode     = 64
)

// info asks for the claims that are not in the ID token. A provider without an endpoint for them has none.
func (p *provider) info(ctx context.Context, access, subject string) (federation.Claims, error) {
	switch {
	case access == "":
		return federation.Claims{}, nil
	case p.Info != nil:
		return p.Info(ctx, access, subject)
	case p.details[detailUserInfo] == "":
		return federation.Claims{}, nil
	}
	r, err := http.NewRequestWithContext(ctx, p.details[detailMethod], p.details[detailUserInfo], nil)
	if err != nil {
		return nil, err
	}
	r.Header.Set("Authorization", "Bearer "+access)
	claims, err := ReadInfo(p.env, r, p.name, "sub")
	if err != nil {
		return nil, err
	}
	if claims["sub"][0] != subject { // OpenID Connect Core section 5.3.2
		return nil, failed(errors.New("oidc: the user info is of another user"), "%s Error - user info of another user", p.name)
	}
	return claims, nil
}

// ReadInfo asks the provider of a name for claims. The claim that tells whom they are of is there, as one text that is not empty.
// Its errors are those of a [federation.Provider].
func ReadInfo(env federation.Env, r *http.Request, name, subject string) (federation.Claims, error) {
	r.Header.Set("Accept", "application/json")
	status, body, err := env.Do(r)
	if err != nil {
		return nil, federation.Unanswered(err, "Read timed out", name+" Error - no answer getting user info")
	}
	if status != http.StatusOK {
		return nil, failed(statusError(status), "%s Error - %d error getting user info", name, status)
	}
	members, err := federation.ReadMembers(body)
	if err != nil {
		return nil, failed(err, "%s Error - bad answer getting user info", name)
	}
	claims, err := federation.ClaimsOf(members)
	if err != nil {
		return nil, failed(err, "%s Error - bad answer getting user info", name)
	}
	if members[subject].Kind() != '"' || claims[subject][0] == "" {
		return nil, failed(nil, "%s Error - no subject", name)
	}
	return claims, nil
}
