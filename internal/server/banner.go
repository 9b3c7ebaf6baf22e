package server

import (
	"fmt"
	"io"
	"net/url"

	"cognate/internal/tlscert"
)

// Announce tells where the server listens, and in development what it lets pass.
func (s *Server) Announce(w io.Writer) {
	at := s.URL()
	if secure := s.SecureURL(); secure != "" && secure != at {
		at += " and " + secure
	}
	if !s.config.Dev {
		fmt.Fprintf(w, "cognate listens on %s for %s\n", at, s.config.PublicURL)
		return
	}
	fmt.Fprintf(w, `cognate dev listens on %s

  DEVELOPMENT ONLY: any AWS credentials are accepted, and every message lands in the inbox.

  API endpoint  %s
  Inbox         %s/_cognate/inbox
  Data          %s
`, at, s.config.PublicURL, s.config.PublicURL, s.shownDatabase())
	if s.certificates.local != nil {
		s.announceAuthority(w)
	}
}

func (s *Server) announceAuthority(w io.Writer) {
	if s.config.Data == ":memory:" {
		fmt.Fprintf(w, "  CA            %s%s, until the server stops\n", s.URL(), caPath)
		return
	}
	path := tlscert.CertPath(AuthorityFolder(s.config.Data))
	hint := "`cognate trust` tells how to trust it"
	if s.certificates.fresh {
		hint = "new: " + hint
	}
	fmt.Fprintf(w, "  CA            %s (%s)\n", path, hint)
}

// shownDatabase is where the data is, without the password that a URL may hold.
func (s *Server) shownDatabase() string {
	path := s.config.databasePath()
	if u, err := url.Parse(path); err == nil && u.User != nil {
		return u.Redacted()
	}
	return path
}
