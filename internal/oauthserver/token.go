package oauthserver

import (
	"cmp"
	"errors"
	"net/http"
	"strings"

	"github.com/go-json-experiment/json"

	"cognate/internal/fault"
	"cognate/internal/oauth"
	"cognate/internal/pool"
	"cognate/internal/quota"
	"cognate/internal/secret"
	"cognate/internal/store"
	"cognate/internal/token"
	"cognate/internal/trigger"
)

// tokenAnswer is the success of the token endpoint.
type tokenAnswer struct {
	ID      string `json:"id_token,omitzero"`
	Access  string `json:"access_token"`
	Refresh string `json:"refresh_token,omitzero"`
	Expires int64  `json:"expires_in"` // seconds
	Type    string `json:"token_type"`
}

func answerOf(t *token.Tokens) tokenAnswer {
	return tokenAnswer{ID: t.ID, Access: t.Access, Refresh: t.Refresh, Expires: int64(t.Lifetime.Seconds()), Type: "Bearer"}
}

// token is /oauth2/token (protocol page "oauth-endpoints", section 4).
func (s *Service) token(r *http.Request, c caller) (any, error) {
	name := c.form.Get("grant_type")
	grant, ok := grants[name]
	switch {
	case name == "":
		return nil, oauth.ErrRequest
	case !ok:
		return nil, oauth.ErrGrantType
	}
	if err := s.limits.Count(r.Context(), grant.category); err != nil {
		return nil, err
	}
	return grant.answer(s, r, c)
}

// grants are how a client gets tokens, and what they count as.
var grants = map[string]struct {
	category string
	answer   func(*Service, *http.Request, caller) (any, error)
}{
	"authorization_code": {quota.TokenRedemption, (*Service).codeGrant},
	"refresh_token":      {quota.UserAuthentication, (*Service).refreshGrant},
	"client_credentials": {quota.ClientAuthentication, (*Service).clientGrant},
}

// codeGrant exchanges a code for the tokens of a user.
func (s *Service) codeGrant(r *http.Request, c caller) (any, error) {
	x := oauth.Exchange{Code: c.form.Get("code"), RedirectURI: c.form.Get("redirect_uri"), Verifier: c.form.Get("code_verifier")}
	if x.Code == "" || x.RedirectURI == "" {
		return nil, oauth.ErrRequest
	}
	if !c.client.AllowsGrant(pool.GrantCode) {
		return nil, oauth.ErrNotAllowed
	}
	t, err := s.oauth.Exchange(r.Context(), c.pool, c.client, x)
	if err != nil {
		return nil, err
	}
	return answerOf(t), nil
}

// refreshGrant answers a refresh token, from the JSON API too, with new tokens.
func (s *Service) refreshGrant(r *http.Request, c caller) (any, error) {
	refresh := c.form.Get("refresh_token")
	if refresh == "" {
		return nil, oauth.ErrRequest
	}
	t, err := s.tokens.Refresh(r.Context(), c.pool, c.client, token.Renewal{
		Refresh:  secret.Text(refresh),
		Check:    func(store.User) error { return nil }, // the client has shown to be itself
		Occasion: token.Occasion{Source: trigger.SourceTokensRefresh},
	})
	if f, refused := errors.AsType[*fault.Error](err); refused {
		return nil, cmp.Or(oauth.OfFunction(f), oauth.ErrGrant)
	}
	if err != nil {
		return nil, err
	}
	return answerOf(t), nil
}

// clientGrant gives a client a token of its own, for custom scopes.
func (s *Service) clientGrant(r *http.Request, c caller) (any, error) {
	var metadata map[string]string
	if text := c.form.Get("aws_client_metadata"); text != "" && json.Unmarshal([]byte(text), &metadata) != nil {
		return nil, oauth.ErrRequest
	}
	t, err := s.oauth.ClientToken(r.Context(), c.pool, c.client, strings.Fields(c.form.Get("scope")), metadata)
	if err != nil {
		return nil, err
	}
	return answerOf(t), nil
}

// revoke is /oauth2/revoke (section 6; RFC 7009): a refresh token of the client's ends with its session. One
// that is not valid, or not any more, is no error.
func (s *Service) revoke(r *http.Request, c caller) (any, error) {
	if err := s.limits.Count(r.Context(), quota.UserToken); err != nil {
		return nil, err
	}
	text := c.form.Get("token")
	switch {
	case text == "" || !c.client.RevocationEnabled():
		return nil, oauth.ErrRequest
	case strings.Count(text, ".") == 2:
		return nil, oauth.ErrTokenType // a JWT: ours of this form are no refresh tokens
	}
	err := s.tokens.Revoke(r.Context(), c.client, text)
	if _, refused := errors.AsType[*fault.Error](err); refused {
		return nil, oauth.ErrNotAllowed
	}
	return nil, err
}
