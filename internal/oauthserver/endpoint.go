package oauthserver

import (
	"errors"
	"net/http"
	"net/url"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/google/uuid"

	"cognate/internal/fault"
	"cognate/internal/pool"
)

// maxForm is how many bytes the body of a request may have.
const maxForm = 64 << 10

// oauthError is an answer of RFC 6749 section 5.2. Cognito gives nearly all of them status 400.
type oauthError struct {
	Code        string `json:"error"`
	Description string `json:"error_description,omitzero"`
}

// Error implements error.
func (e *oauthError) Error() string { return e.Code }

var (
	errRequest     = &oauthError{Code: "invalid_request"}
	errClient      = &oauthError{Code: "invalid_client"}
	errSecret      = &oauthError{Code: "invalid_client", Description: "invalid_client_secret"}
	errGrant       = &oauthError{Code: "invalid_grant"}
	errScope       = &oauthError{Code: "invalid_scope"}
	errNotAllowed  = &oauthError{Code: "unauthorized_client"}
	errGrantType   = &oauthError{Code: "unsupported_grant_type"}
	errTokenType   = &oauthError{Code: "unsupported_token_type"}
	errServerError = &oauthError{Code: "server_error"}
)

// caller is a client that has shown to be itself, and what it sends.
type caller struct {
	pool   *pool.Pool
	client *pool.Client
	form   url.Values
}

// post serves an endpoint that clients call: a form by POST, from pages of any origin. A nil answer is an empty
// one; badClient is the status of invalid_client, in which Cognito's endpoints differ.
func (s *Service) post(badClient int, answer func(*http.Request, caller) (any, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Access-Control-Allow-Origin", "*")
		switch r.Method {
		case http.MethodOptions:
			h.Set("Access-Control-Allow-Methods", http.MethodPost)
			h.Set("Access-Control-Allow-Headers", "content-type, authorization, x-amz-user-agent, amz-sdk-invocation-id, amz-sdk-request")
			h.Set("Access-Control-Max-Age", "172800")
			return
		case http.MethodPost:
		default:
			w.WriteHeader(http.StatusMethodNotAllowed)
			return
		}
		h.Set("Cache-Control", "no-cache, no-store, max-age=0, must-revalidate")
		h.Set("X-Amz-Cognito-Request-Id", uuid.NewString())
		out, err := s.call(w, r, answer)
		if err != nil {
			s.refuse(w, r, badClient, err)
		} else if out != nil {
			s.write(w, r, http.StatusOK, out)
		}
	}
}

func (s *Service) call(w http.ResponseWriter, r *http.Request, answer func(*http.Request, caller) (any, error)) (any, error) {
	form, err := readForm(w, r)
	if err != nil {
		return nil, err
	}
	c, err := s.authenticate(r, form)
	if err != nil {
		return nil, err
	}
	return answer(r, c)
}

// readForm reads the body; what the address says is not looked at, for addresses are logged. A parameter that
// comes twice is refused (RFC 6749 section 3.2).
func readForm(w http.ResponseWriter, r *http.Request) (url.Values, error) {
	kind, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";")
	if !strings.EqualFold(strings.TrimSpace(kind), "application/x-www-form-urlencoded") {
		return nil, errRequest
	}
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	if err := r.ParseForm(); err != nil {
		return nil, errRequest
	}
	for _, values := range r.PostForm {
		if len(values) > 1 {
			return nil, errRequest
		}
	}
	return r.PostForm, nil
}

// authenticate finds the client of a request and checks its secret: in the Authorization header or in the form,
// not in both (RFC 6749 section 2.3). A client without a secret only names itself.
func (s *Service) authenticate(r *http.Request, form url.Values) (c caller, err error) {
	id, secret := form.Get("client_id"), form.Get("client_secret")
	if r.Header.Get("Authorization") != "" {
		if secret != "" {
			return c, errRequest
		}
		name, word, ok := r.BasicAuth()
		if !ok || word == "" || id != "" && id != name {
			return c, errClient
		}
		id, secret = name, word
	}
	c.form = form
	c.pool, c.client, err = s.pools.Client(r.Context(), id)
	if known := (*fault.Error)(nil); errors.As(err, &known) {
		return c, errClient
	}
	switch {
	case err != nil:
		return c, err
	case c.client.HasSecret() && !c.client.CheckSecret(secret):
		return c, errSecret
	case !c.client.HasSecret() && secret != "":
		return c, errClient
	}
	return c, nil
}

// refuse answers an error: one of OAuth's, or the server's own, whose cause is for the log.
func (s *Service) refuse(w http.ResponseWriter, r *http.Request, badClient int, err error) {
	known, ok := errors.AsType[*oauthError](err)
	if !ok {
		s.logger.ErrorContext(r.Context(), "request failed", "path", r.URL.Path, "cause", err)
		known = errServerError
	}
	status := http.StatusBadRequest
	switch known.Code {
	case errClient.Code:
		status = badClient
	case errServerError.Code:
		status = http.StatusInternalServerError
	}
	s.write(w, r, status, known)
}

func (s *Service) write(w http.ResponseWriter, r *http.Request, status int, body any) {
	text, err := json.Marshal(body)
	if err != nil {
		s.logger.ErrorContext(r.Context(), "answer failed", "path", r.URL.Path, "cause", err)
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json;charset=UTF-8")
	w.WriteHeader(status)
	w.Write(text)
}
