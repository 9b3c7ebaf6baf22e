package server

import (
	"fmt"
	"io"
	"net/url"
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
`, s.URL(), s.config.PublicURL, s.config.PublicURL, s.shownDatabase())
}

// shownDatabase is where the data is, without the password that a URL may hold.
func (s *Server) shownDatabase() string {
	path := s.config.databasePath()
	if u, err := url.Parse(path); err == nil && u.User != nil {
		return u.Redacted()
	}
	return path
}
