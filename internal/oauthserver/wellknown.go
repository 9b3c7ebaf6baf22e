// Package oauthserver is the OAuth 2.0 and OpenID Connect door: the two documents by which clients find a
// pool's keys and endpoints, the endpoints that clients call by themselves, and those that they send browsers to. It
// shows no page: those are another door's. The facts are those of the protocol page "oauth-endpoints".
package oauthserver

import (
	"errors"
	"log/slog"
	"net/http"
	"strings"

	"github.com/go-json-experiment/json"

	"cognate/internal/browser"
	"cognate/internal/fault"
	"cognate/internal/oauth"
	"cognate/internal/pool"
	"cognate/internal/quota"
	"cognate/internal/token"
	"cognate/internal/user"
)

// Service serves the documents and the endpoints of all pools.
type Service struct {
	pools   *pool.Registry
	users   *user.Directory
	tokens  *token.Service
	oauth   *oauth.Service
	limits  *quota.Limiter
	cookies browser.Cookies
	logger  *slog.Logger
}

// Core is what the door stands on.
type Core struct {
	Pools  *pool.Registry
	Users  *user.Directory
	Tokens *token.Service
	OAuth  *oauth.Service
	Limits *quota.Limiter // nil is no limit
}

// New makes the door over the core.
func New(c Core, cookies browser.Cookies, logger *slog.Logger) *Service {
	return &Service{
		pools: c.Pools, users: c.Users, tokens: c.Tokens, oauth: c.OAuth, limits: c.Limits, cookies: cookies, logger: logger,
	}
}

// Register adds the door's paths to mux.
func (s *Service) Register(mux *http.ServeMux) {
	mux.HandleFunc("GET /{pool}/.well-known/jwks.json", s.document(s.jwks))
	mux.HandleFunc("GET /{pool}/.well-known/openid-configuration", s.document(s.discovery))
	mux.HandleFunc("GET /{pool}/saml2/metadata/{provider}", s.metadata)
	mux.HandleFunc("/oauth2/token", s.post(http.StatusBadRequest, s.token))
	mux.HandleFunc("/oauth2/revoke", s.post(http.StatusUnauthorized, s.revoke))
	mux.HandleFunc("/oauth2/userInfo", s.userInfo)
	mux.HandleFunc("GET /oauth2/authorize", s.authorize)
	mux.HandleFunc("GET /logout", s.logout)
	mux.HandleFunc("GET "+oauth.PathCallback, s.arrive)
	mux.HandleFunc("POST "+oauth.PathCallback, s.arrive)
	mux.HandleFunc("POST "+oauth.PathAssert, s.arrive)
	mux.HandleFunc("POST "+oauth.PathLeft, s.left)
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

// discovery is the OpenID Provider metadata (OpenID Connect Discovery 1.0 section 3).
type discovery struct {
	Authorization string   `json:"authorization_endpoint"`
	Challenges    []string `json:"code_challenge_methods_supported"`
	EndSession    string   `json:"end_session_endpoint"`
	Grants        []string `json:"grant_types_supported"`
	Algorithms    []string `json:"id_token_signing_alg_values_supported"`
	Issuer        string   `json:"issuer"`
	JWKS          string   `json:"jwks_uri"`
	NamesIssuer   bool     `json:"authorization_response_iss_parameter_supported,omitzero"`
	Prompts       []string `json:"prompt_values_supported"`
	ResponseTypes []string `json:"response_types_supported"`
	Revocation    string   `json:"revocation_endpoint"`
	Scopes        []string `json:"scopes_supported"`
	SubjectTypes  []string `json:"subject_types_supported"`
	Token         string   `json:"token_endpoint"`
	TokenAuth     []string `json:"token_endpoint_auth_methods_supported"`
	UserInfo      string   `json:"userinfo_endpoint"`
}

func (s *Service) discovery(_ *http.Request, p *pool.Pool) ([]byte, error) {
	pages, calls := s.oauth.Addresses(p)
	return json.Marshal(discovery{
		Authorization: pages + "/oauth2/authorize",
		Challenges:    []string{"S256"},
		EndSession:    pages + "/logout",
		Grants:        []string{"authorization_code", "implicit", "refresh_token", "client_credentials"},
		Algorithms:    []string{"RS256"},
		Issuer:        s.tokens.Issuer(p),
		JWKS:          s.tokens.KeysURL(p),
		NamesIssuer:   s.oauth.NamesIssuer(),
		Prompts:       []string{"none", "login", "select_account", "consent"},
		ResponseTypes: []string{"code", "token"},
		Revocation:    calls + "/oauth2/revoke",
		Scopes:        []string{"openid", "email", "phone", "profile"},
		SubjectTypes:  []string{"public"},
		Token:         calls + "/oauth2/token",
		TokenAuth:     []string{"client_secret_basic", "client_secret_post"},
		UserInfo:      calls + "/oauth2/userInfo",
	})
}

// metadata is the SAML 2.0 metadata of a pool for one of its providers, for administrators there. Cognito publishes none.
func (s *Service) metadata(w http.ResponseWriter, r *http.Request) {
	p, err := s.pools.Pool(r.Context(), r.PathValue("pool"))
	var text []byte
	if err == nil {
		text, err = s.oauth.Describe(r.Context(), p, r.PathValue("provider"))
	}
	switch {
	case err != nil:
		w.Header().Set("Content-Type", "application/json")
		s.fail(w, r, err)
	case text == nil:
		http.NotFound(w, r)
	default:
		w.Header().Set("Content-Type", "application/samlmetadata+xml")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		w.Write(text)
	}
}
