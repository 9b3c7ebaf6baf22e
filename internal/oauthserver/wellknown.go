// Package oauthserver is the OAuth 2.0 and OpenID Connect door: the two documents by which verifiers find a
// pool's keys, and the endpoints that clients call by themselves, for refresh tokens and for machines without
// a user. The facts are those of the protocol page "oauth-endpoints".
package oauthserver

import (
	"errors"
	"log/slog"
	"net/http"
	"strings"

	"github.com/go-json-experiment/json"

	"cognate/internal/fault"
	"cognate/internal/pool"
	"cognate/internal/token"
)

// Service serves the documents of all pools.
type Service struct {
	pools  *pool.Registry
	tokens *token.Service
	logger *slog.Logger
}

// New makes the door over the core.
func New(pools *pool.Registry, tokens *token.Service, logger *slog.Logger) *Service {
	return &Service{pools: pools, tokens: tokens, logger: logger}
}

// Register adds the door's paths to mux.
func (s *Service) Register(mux *http.ServeMux) {
	mux.HandleFunc("GET /{pool}/.well-known/jwks.json", s.document(s.jwks))
	mux.HandleFunc("GET /{pool}/.well-known/openid-configuration", s.document(s.discovery))
	mux.HandleFunc("/oauth2/token", s.post(http.StatusBadRequest, s.token))
	mux.HandleFunc("/oauth2/revoke", s.post(http.StatusUnauthorized, s.revoke))
}

// document serves what make returns for the pool in the path, to pages of any origin.
func (s *Service) document(make func(*http.Request, *pool.Pool) ([]byte, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Access-Control-Allow-Origin", "*")
		h.Set("Content-Type", "application/json")
		p, err := s.pools.Pool(r.Context(), r.PathValue("pool"))
		var body []byte
		if err == nil {
			body, err = make(r, p)
		}
		if err != nil {
			s.fail(w, r, err)
			return
		}
		h.Set("Cache-Control", "public, max-age=86400")
		w.Write(body)
	}
}

func (s *Service) fail(w http.ResponseWriter, r *http.Request, err error) {
	status, message := http.StatusInternalServerError, "Internal error."
	if f := (*fault.Error)(nil); errors.As(err, &f) {
		status, message = http.StatusNotFound, strings.ToValidUTF8(f.Message, "\uFFFD") // a path can be any bytes
	} else {
		s.logger.ErrorContext(r.Context(), "document failed", "path", r.URL.Path, "cause", err)
	}
	body, _ := json.Marshal(map[string]string{"message": message})
	w.WriteHeader(status)
	w.Write(body)
}

func (s *Service) jwks(r *http.Request, p *pool.Pool) ([]byte, error) {
	return s.tokens.JWKS(r.Context(), p.ID)
}

// discovery is the OpenID Provider metadata (OpenID Connect Discovery 1.0 section 3) of a pool without
// a domain: it has no endpoints to name besides its keys.
type discovery struct {
	Algorithms    []string `json:"id_token_signing_alg_values_supported"`
	Issuer        string   `json:"issuer"`
	JWKS          string   `json:"jwks_uri"`
	ResponseTypes []string `json:"response_types_supported"`
	Scopes        []string `json:"scopes_supported"`
	SubjectTypes  []string `json:"subject_types_supported"`
}

func (s *Service) discovery(_ *http.Request, p *pool.Pool) ([]byte, error) {
	return json.Marshal(discovery{
		Algorithms:    []string{"RS256"},
		Issuer:        s.tokens.Issuer(p),
		JWKS:          s.tokens.PublicURL() + "/" + p.ID + "/.well-known/jwks.json",
		ResponseTypes: []string{"code", "token"},
		Scopes:        []string{"openid", "email", "phone", "profile"},
		SubjectTypes:  []string{"public"},
	})
}
