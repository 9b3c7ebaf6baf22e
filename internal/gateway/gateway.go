// Package gateway is the door at which reverse proxies ask whether a request may pass (nginx auth_request, Caddy forward_auth,
// Traefik ForwardAuth), with the rules of API Gateway's authorizer for user pools: without scopes it takes ID tokens, with scopes
// access tokens that have one of them. What differs is in docs/cognito-divergences.md.
package gateway

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"

	"cognate/internal/fault"
	"cognate/internal/pool"
	"cognate/internal/token"
)

// Path is where proxies ask, by GET. The query is the proxy's configuration, and none of the request's:
//   - user_pool_id, one to ten: whose tokens are taken;
//   - client_id, any number: whose; without one, every client of these pools;
//   - scope, any number: one of them must be in the access token; without one an ID token is asked for.
const Path = "/_cognate/authorize"

// Service answers proxies.
type Service struct {
	pools  *pool.Registry
	tokens *token.Service
	logger *slog.Logger
}

// New makes the door over the pools and their tokens.
func New(pools *pool.Registry, tokens *token.Service, logger *slog.Logger) *Service {
	return &Service{pools: pools, tokens: tokens, logger: logger}
}

// Register adds the door's path to mux.
func (s *Service) Register(mux *http.ServeMux) { mux.HandleFunc("GET "+Path, s.authorize) }

// maxPools bounds the work for one question: anybody who reaches the door can ask one.
const maxPools = 10

// policy is what a proxy asks for.
type policy struct {
	pools   []*pool.Pool
	clients []string
	scopes  []string
}

// authorize answers 200 with the claims in headers, 401 and 403 with API Gateway's texts, or 400 to a proxy that is set up wrongly.
// Proxies let nothing pass but for the first.
func (s *Service) authorize(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	p, err := s.policy(r)
	if err == nil {
		var t token.Presented
		if t, err = s.check(r.Context(), p, r.Header["Authorization"]); err == nil {
			err = tell(w.Header(), t)
		}
	}
	if err != nil {
		s.refuse(w, p, err)
	}
}

// policy reads the query. A name that is misspelled must not open what it was to close.
func (s *Service) policy(r *http.Request) (policy, error) {
	var p policy
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return p, misuse("the query cannot be read")
	}
	for name, values := range query {
		switch {
		case slices.Contains(values, ""):
			return p, misuse(name + " is empty")
		case name == "client_id":
			p.clients = values
		case name == "scope":
			p.scopes = strings.Fields(strings.Join(values, " "))
		case name != "user_pool_id":
			return p, misuse(name + " is not a parameter")
		}
	}
	if _, asked := query["scope"]; asked && len(p.scopes) == 0 {
		return p, misuse("scope is empty")
	}
	ids := slices.Compact(slices.Sorted(slices.Values(query["user_pool_id"])))
	if len(ids) > maxPools {
		return p, misuse("user_pool_id is there too often")
	}
	for _, id := range ids {
		of, err := s.pools.Pool(r.Context(), id)
		if _, unknown := errors.AsType[*fault.Error](err); unknown || err == nil && !of.Serves() {
			return p, misuse("user_pool_id is not that of a pool")
		}
		if err != nil {
			return p, err
		}
		p.pools = append(p.pools, of)
	}
	if len(p.pools) == 0 {
		return p, misuse("user_pool_id is missing")
	}
	return p, nil
}

// check finds who brings the token in these headers.
func (s *Service) check(ctx context.Context, p policy, headers []string) (token.Presented, error) {
	if len(headers) != 1 {
		return token.Presented{}, errMissing
	}
	text := headers[0]
	if scheme, rest, found := strings.Cut(text, " "); found && strings.EqualFold(scheme, "Bearer") {
		text = strings.TrimSpace(rest)
	}
	use := token.UseID
	if len(p.scopes) > 0 {
		use = token.UseAccess
	}
	t, err := s.present(ctx, p.pools, use, text)
	has := strings.Fields(t.Scope)
	switch {
	case err != nil:
		return t, err
	case len(p.clients) > 0 && !slices.Contains(p.clients, t.ClientID):
		return t, token.ErrRefused
	case use == token.UseAccess && !slices.ContainsFunc(p.scopes, func(one string) bool { return slices.Contains(has, one) }):
		return t, errScope
	}
	return t, nil
}

// present asks the pools one by one; only one of them can have signed the token.
func (s *Service) present(ctx context.Context, pools []*pool.Pool, use, text string) (t token.Presented, err error) {
	for _, p := range pools {
		if t, err = s.tokens.Present(ctx, p, use, text); err != token.ErrRefused {
			return t, err
		}
	}
	return t, err
}

// misuse is a mistake in a proxy's configuration.
type misuse string

func (m misuse) Error() string { return "gateway: " + string(m) }

var (
	errMissing = errors.New("gateway: no token")
	errScope   = errors.New("gateway: none of the scopes")
)

// refuse answers a request that may not pass, with what RFC 6750 section 3 has for the reason.
func (s *Service) refuse(w http.ResponseWriter, p policy, err error) {
	if m, is := errors.AsType[misuse](err); is {
		answer(w, http.StatusBadRequest, string(m))
		return
	}
	h := w.Header()
	switch err {
	case errMissing:
		h.Set("WWW-Authenticate", "Bearer")
		answer(w, http.StatusUnauthorized, "Unauthorized")
	case token.ErrRefused:
		h.Set("WWW-Authenticate", `Bearer error="invalid_token"`)
		answer(w, http.StatusUnauthorized, "Unauthorized")
	case token.ErrExpired:
		h.Set("WWW-Authenticate", `Bearer error="invalid_token", error_description="The incoming token has expired"`)
		answer(w, http.StatusUnauthorized, "The incoming token has expired")
	case errScope:
		h.Set("WWW-Authenticate", `Bearer error="insufficient_scope"`)
		answer(w, http.StatusForbidden, "Forbidden")
	default:
		s.logger.Error("a proxy's question", "pools", len(p.pools), "cause", err)
		answer(w, http.StatusInternalServerError, "Internal server error")
	}
}

// answer is an error as API Gateway words it.
func answer(w http.ResponseWriter, status int, message string) {
	text, err := json.Marshal(struct {
		Message string `json:"message"`
	}{message})
	if err != nil { // no text of ours is bad UTF-8, but a query's may be
		text = []byte(`{"message":"Bad request"}`)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	w.Write(text)
}
