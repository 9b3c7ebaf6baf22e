package oauthserver

import (
	"errors"
	"net/http"
	"net/url"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/google/uuid"

	"cognate/api/idp"
	"cognate/internal/awsjson"
	"cognate/internal/fault"
	"cognate/internal/oauth"
	"cognate/internal/pool"
	"cognate/internal/user"
)

// maxForm is how many bytes the body of a request may have.
const maxForm = 64 << 10

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
	if err := s.limits.AtDomain(s.pools.Domain(r.Context(), r.Host), awsjson.Peer(r), named(r, form)); err != nil {
		return nil, err
	}
	c, err := user.Watched(s.users, awsjson.Peer(r), func() (caller, error) { return s.authenticate(r, form) })
	if err != nil {
		return nil, err
	}
	return answer(r, c)
}

// named is the client that a request says it is from.
func named(r *http.Request, form url.Values) string {
	if id := form.Get("client_id"); id != "" {
		return id
	}
	id, _, _ := r.BasicAuth()
	return id
}

// readForm reads the body; what the address says is not looked at, for addresses are logged. A parameter that
// comes twice is refused (RFC 6749 section 3.2).
func readForm(w http.ResponseWriter, r *http.Request) (url.Values, error) {
	kind, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";")
	if !strings.EqualFold(strings.TrimSpace(kind), "application/x-www-form-urlencoded") {
		return nil, oauth.ErrRequest
	}
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	if err := r.ParseForm(); err != nil {
		return nil, oauth.ErrRequest
	}
	for _, values := range r.PostForm {
		if len(values) > 1 {
			return nil, oauth.ErrRequest
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
			return c, oauth.ErrRequest
		}
		name, word, ok := r.BasicAuth()
		if !ok || word == "" || id != "" && id != name {
			return c, oauth.ErrClient
		}
		id, secret = name, word
	}
	c.form = form
	c.pool, c.client, err = s.oauth.Client(r.Context(), r.Host, id)
	switch {
	case err != nil:
		return c, err
	case c.client == nil:
		return c, oauth.ErrClient
	case c.client.HasSecret() && !c.client.CheckSecret(secret):
		// A guess, which counts against the address that it comes from.
		return c, fault.Because(oauth.ErrSecret, idp.CodeNotAuthorized, "wrong client secret")
	case !c.client.HasSecret() && secret != "":
		return c, oauth.ErrClient
	}
	return c, nil
}

// refuse answers an error: one of OAuth's, or the server's own, whose cause is for the log.
func (s *Service) refuse(w http.ResponseWriter, r *http.Request, badClient int, err error) {
	known, ok := errors.AsType[*oauth.Error](err)
	limited, _ := errors.AsType[*fault.Error](err)
	if !ok {
		known = oauth.OfFunction(limited)
	}
	switch {
	case known != nil:
	case limited != nil && limited.Code == idp.CodeTooManyRequests:
		s.write(w, r, http.StatusTooManyRequests, &oauth.Error{Code: oauth.ErrRequest.Code, Description: limited.Message})
		return
	default:
		s.logger.ErrorContext(r.Context(), "request failed", "path", r.URL.Path, "cause", err)
		known = oauth.ErrServerError
	}
	status := http.StatusBadRequest
	switch known.Code {
	case oauth.ErrClient.Code:
		status = badClient
	case oauth.ErrServerError.Code:
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
