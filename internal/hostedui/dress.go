package hostedui

import (
	"net/http"
	"sync"
)

// themes keeps the looks of clients that have been made.
type themes struct {
	mu sync.Mutex
	by map[string]*Theme // by client id
}

// dress finds the look of the client's pages.
func (v *visit) dress() error { return nil }

func (v *visit) terms() *Terms { return nil }

// theme serves the CSS of a client's look.
func (s *Service) theme(w http.ResponseWriter, r *http.Request) { http.NotFound(w, r) }
