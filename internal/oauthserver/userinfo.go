package oauthserver

import (
	"errors"
	"net/http"
	"strings"

	"cognate/api/idp"
	"cognate/internal/fault"
	"cognate/internal/token"
)

// userInfo is /oauth2/userInfo (protocol page "oauth-endpoints", section 5): the attributes of the user of an access
// token, each a string.
func (s *Service) userInfo(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Access-Control-Allow-Origin", "*")
	switch r.Method {
	case http.MethodOptions:
		h.Set("Access-Control-Allow-Methods", "GET, POST")
		h.Set("Access-Control-Allow-Headers", "content-type, authorization, x-amz-user-agent, amz-sdk-invocation-id, amz-sdk-request")
		h.Set("Access-Control-Max-Age", "172800")
		return
	case http.MethodGet, http.MethodPost:
	default:
		w.WriteHeader(http.StatusMethodNotAllowed)
		return
	}
	h.Set("Cache-Control", "no-cache, no-store, max-age=0, must-revalidate")
	h.Set("Pragma", "no-cache")
	h.Set("Expires", "0")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("X-Xss-Protection", "1; mode=block")
	h.Set("Strict-Transport-Security", "max-age=31536000 ; includeSubDomains")
	scheme, text, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") || strings.TrimSpace(text) == "" {
		s.challenge(w, r, http.StatusBadRequest, bearerError{"invalid_request", "Bad OAuth2 request at UserInfo Endpoint"})
		return
	}
	session, err := s.bearer(r, strings.TrimSpace(text))
	if _, refused := errors.AsType[*fault.Error](err); refused {
		s.challenge(w, r, http.StatusUnauthorized, bearerError{"invalid_token", "Access token is expired, disabled, or deleted, or the user has globally signed out."})
		return
	}
	if err != nil {
		s.refuse(w, r, http.StatusBadRequest, err)
		return
	}
	s.write(w, r, http.StatusOK, session.UserInfo())
}

// bearer is the session of an access token; at a pool's domain it must be of that pool.
func (s *Service) bearer(r *http.Request, text string) (*token.Session, error) {
	session, err := s.tokens.AuthorizeFor(r.Context(), text, token.ScopeOpenID)
	if err != nil {
		return nil, err
	}
	owner, err := s.pools.ByHost(r.Context(), r.Host)
	if err == nil && owner != nil && owner.ID != session.Pool.ID {
		err = fault.New(idp.CodeNotAuthorized, "another pool's token")
	}
	return session, err
}

// bearerError is an error of RFC 6750 section 3.
type bearerError struct {
	Code        string `json:"error"`
	Description string `json:"error_description"`
}

func (s *Service) challenge(w http.ResponseWriter, r *http.Request, status int, e bearerError) {
	w.Header().Set("Www-Authenticate", `error="`+e.Code+`", error_description="`+e.Description+`"`)
	s.write(w, r, status, e)
}
