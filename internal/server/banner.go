package server

import (
	"fmt"
	"io"
)

// Announce tells where the server listens, and in development what it lets pass.
func (s *Server) Announce(w io.Writer) {
	if !s.config.Dev {
		fmt.Fprintf(w, "cognate listens on %s for %s\n", s.URL(), s.config.PublicURL)
		return
	}
	fmt.Fprintf(w, `cognate dev listens on %s

  DEVELOPMENT ONLY: any AWS credentials are accepted, and every message lands in the inbox.

  API endpoint  %s
  Inbox         %s/_cognate/inbox
  Data          %s
`, s.URL(), s.config.PublicURL, s.config.PublicURL, s.config.databasePath())
}
