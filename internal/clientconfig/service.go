// Package clientconfig is the door at which developers get the configuration of their app clients, ready for the
// libraries of apps. It is for development: whoever knows a client's id learns the settings of its pool.
package clientconfig

import (
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"strings"

	"github.com/go-json-experiment/json"

	"cognate/internal/fault"
	"cognate/internal/pool"
)

// Service serves the configurations of all clients.
type Service struct {
	pools    *pool.Registry
	endpoint string // where the operations are
	pages    *url.URL
	logger   *slog.Logger
}

// Options are what [New] needs to know besides the pools.
type Options struct {
	// PublicURL is where the server's operations are.
	PublicURL string
	// SecureURL is the server's address for HTTPS, whose port is that of the pools' domains, too; where it is empty, or
	// PublicURL is https, they are at the port of PublicURL.
	SecureURL string
	Logger    *slog.Logger
}

// New makes the door over the pools.
func New(pools *pool.Registry, o Options) (*Service, error) {
	at := o.PublicURL
	if o.SecureURL != "" && !strings.HasPrefix(at, "https://") {
		at = o.SecureURL
	}
	pages, err := url.Parse(at)
	return &Service{pools: pools, endpoint: o.PublicURL, pages: pages, logger: o.Logger}, err
}

// Register adds the door's paths to mux.
func (s *Service) Register(mux *http.ServeMux) {
	mux.HandleFunc("GET /_cognate/clients/{client}/amplify.json", s.serve("application/json", amplifyJSON))
	mux.HandleFunc("GET /_cognate/clients/{client}/amplify.ts", s.serve("text/plain; charset=utf-8", amplifyTS))
}

// serve answers with what write makes of the client in the path, to pages of any origin.
func (s *Service) serve(kind string, write func(*amplify) ([]byte, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Access-Control-Allow-Origin", "*")
		h.Set("Cache-Control", "no-store")
		h.Set("X-Content-Type-Options", "nosniff")
		a, err := s.amplify(r)
		var text []byte
		if err == nil {
			text, err = write(a)
		}
		if err != nil {
			s.fail(w, err)
			return
		}
		h.Set("Content-Type", kind)
		w.Write(text)
	}
}

// fail tells what is wrong as the operations do.
func (s *Service) fail(w http.ResponseWriter, err error) {
	status := http.StatusBadRequest
	f, ok := errors.AsType[*fault.Error](err)
	switch {
	case !ok:
		s.logger.Error("client configuration", "cause", err)
		f, status = fault.New("InternalErrorException", "Internal error."), http.StatusInternalServerError
	case f.Code == "ResourceNotFoundException":
		status = http.StatusNotFound
	}
	text, err := json.Marshal(struct {
		Type    string `json:"__type"`
		Message string `json:"message"`
	}{f.Code, f.Message})
	if err != nil {
		status = http.StatusInternalServerError
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	w.Write(text)
}
