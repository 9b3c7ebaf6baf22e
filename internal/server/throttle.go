package server

import (
	"net/http"
	"strings"

	"cognate/api"
	"cognate/api/cognate"
	"cognate/api/identity"
	"cognate/api/idp"
	"cognate/internal/awsjson"
	"cognate/internal/hostedui"
	"cognate/internal/oauth"
	"cognate/internal/quota"
)

// RequestRates bound how many requests a second a production server takes. What the counts are is told at [quota.Bounds].
type RequestRates struct {
	// Off takes any number.
	Off          bool `yaml:"off"`
	quota.Bounds `yaml:",inline"`
	// Categories are the rates of categories of operations, where they are not Cognito's.
	Categories quota.Rates `yaml:"categories"`
}

// limiter is nil where there are no limits: in development, and where the operator wants none.
func (s *Server) limiter(rates *quota.Registry) *quota.Limiter {
	of := s.config.RequestRates
	if s.config.Dev || of.Off {
		return nil
	}
	services := []*api.Service{idp.Service, cognate.Service, identity.Service}
	return quota.NewLimiter(rates, of.Bounds, s.tokens.Holder, s.throttled, services...)
}

// atDomain are the paths of a pool's domain for browsers. Those that clients call by themselves are counted where their forms are
// read.
var atDomain = map[string]bool{
	hostedui.PathLogin: true, hostedui.PathSignUp: true, hostedui.PathConfirm: true, hostedui.PathResend: true,
	hostedui.PathForgot: true, hostedui.PathReset: true, hostedui.PathLink: true, oauth.PageAccount: true, oauth.PagePasskeys: true,
	"/confirmUser": true, "/confirmUser/": true, "/error": true, "/logout": true, "/oauth2/authorize": true, "/oauth2/userInfo": true,
	oauth.PathCallback: true, oauth.PathAssert: true, oauth.PathLeft: true,
}

// categories are what the forms of pages, and the answers of providers, count as.
var categories = map[string]string{
	"POST " + hostedui.PathLogin:   quota.UserAuthentication,
	"POST " + hostedui.PathSignUp:  quota.UserCreation,
	"POST " + hostedui.PathConfirm: quota.UserCreation,
	"POST " + hostedui.PathResend:  quota.UserResourceRead,
	"POST " + hostedui.PathForgot:  quota.UserAccountRecovery,
	"POST " + hostedui.PathReset:   quota.UserAccountRecovery,
	"GET " + oauth.PathCallback:    quota.UserFederation,
	"POST " + oauth.PathCallback:   quota.UserFederation,
	"POST " + oauth.PathAssert:     quota.UserFederation,
}

// throttle holds what browsers ask for at the domains of pools to its rates.
func (s *Server) throttle(l *quota.Limiter, next http.Handler) http.Handler {
	if l == nil {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if atDomain[r.URL.Path] {
			if err := s.admit(l, r); err != nil {
				tooMany(w, r)
				return
			}
		}
		next.ServeHTTP(w, r)
	})
}

func (s *Server) admit(l *quota.Limiter, r *http.Request) error {
	err := l.AtDomain(s.pools.Domain(r.Context(), r.Host), awsjson.Peer(r), r.URL.Query().Get("client_id"))
	category := categories[r.Method+" "+r.URL.Path]
	if err != nil || category == "" {
		return err
	}
	return l.Count(r.Context(), category)
}

// tooMany refuses a request for its rate.
func tooMany(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	if !strings.HasPrefix(r.URL.Path, "/oauth2/userInfo") {
		http.Error(w, "Rate exceeded", http.StatusTooManyRequests)
		return
	}
	w.Header().Set("Access-Control-Allow-Origin", "*")
	w.Header().Set("Content-Type", "application/json;charset=UTF-8")
	w.WriteHeader(http.StatusTooManyRequests)
	w.Write([]byte(`{"error":"invalid_request","error_description":"Rate exceeded"}`))
}
