package server

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"time"

	"cognate/internal/pool"
	"cognate/internal/tlscert"
)

// entrances are the addresses that a server listens on.
type entrances struct {
	main   net.Listener
	secure net.Listener // nil unless HTTPS has an address of its own
}

func (e *entrances) open(c *Config) (err error) {
	if e.main, err = net.Listen("tcp", c.Addr); err != nil {
		return err
	}
	if c.TLS.on() && c.TLS.Addr != "" {
		e.secure, err = net.Listen("tcp", c.TLS.Addr)
	}
	return err
}

func (e *entrances) close() {
	for _, l := range []net.Listener{e.main, e.secure} {
		if l != nil {
			l.Close()
		}
	}
}

// certificates are the ways to get a certificate of which a server has one, or none.
type certificates struct {
	local *tlscert.Authority // nil unless it is a development server's
	fresh bool               // local has just been made
	acme  *tlscert.ACME      // nil without an ACME server
	get   func(*tls.ClientHelloInfo) (*tls.Certificate, error)
}

// certify makes ready what gives the certificates; the entrances must be open and the pools there.
func (s *Server) certify() error {
	c := &s.certificates
	switch t := &s.config.TLS; {
	case t.Local:
		if err := s.openAuthority(); err != nil {
			return err
		}
		c.get = c.local.GetCertificate
	case t.ACME != nil:
		if err := s.newACME(); err != nil {
			return err
		}
		c.get = c.acme.GetCertificate
	case t.on():
		files, err := tlscert.OpenFiles(t.pairs(), s.logger)
		if err != nil {
			return fmt.Errorf("tls: %w", err)
		}
		c.get = files.GetCertificate
	}
	return nil
}

// AuthorityFolder is where a development server keeps its certificate authority.
func AuthorityFolder(data string) string { return filepath.Join(data, "tls") }

func (s *Server) openAuthority() (err error) {
	names := tlscert.Names{Public: strings.ToLower(s.publicHost()), AWS: s.config.TLS.AWSNames}
	c := &s.certificates
	if s.config.Data == ":memory:" {
		c.local, err = tlscert.NewAuthority(names)
		return err
	}
	c.local, c.fresh, err = tlscert.OpenAuthority(AuthorityFolder(s.config.Data), names)
	return err
}

func (s *Server) newACME() error {
	a, main := s.config.TLS.ACME, s.entrances.main.Addr().(*net.TCPAddr)
	o := tlscert.ACMEOptions{
		Directory: a.Directory, Email: a.Email, Folder: a.Storage, Names: append([]string{strings.ToLower(s.publicHost())}, a.Names...),
		Allow: s.hasPool, Host: main.IP.String(), TLSPort: main.Port, Logger: s.logger,
	}
	if s.entrances.secure != nil {
		o.HTTPPort, o.TLSPort = main.Port, s.entrances.secure.Addr().(*net.TCPAddr).Port
	}
	if a.CAFile != "" {
		text, err := os.ReadFile(a.CAFile)
		if err != nil {
			return fmt.Errorf("tls: acme: %w", err)
		}
		o.Roots = x509.NewCertPool()
		if !o.Roots.AppendCertsFromPEM(text) {
			return fmt.Errorf("tls: acme: %s holds no certificate", a.CAFile)
		}
	}
	s.certificates.acme = tlscert.NewACME(o)
	return nil
}

// hasPool reports whether a host is the domain of a pool.
func (s *Server) hasPool(ctx context.Context, host string) (bool, error) {
	p, err := s.pools.ByHost(ctx, host)
	return p != nil, err
}

// opening is a listener, and what answers there.
type opening struct {
	server   *http.Server
	listener net.Listener
}

// openings let all in by HTTPS, and by clear HTTP where that is all there is, in development, and behind a proxy.
func (s *Server) openings(handler http.Handler) ([]opening, error) {
	main, secure := s.entrances.main, s.entrances.secure
	all := s.newHTTP(handler)
	switch {
	case s.certificates.get == nil:
		return []opening{{all, main}}, nil
	case secure == nil:
		return []opening{{all, s.overTLS(main)}}, nil
	case s.config.Dev:
		return []opening{{all, main}, {all, s.overTLS(secure)}}, nil
	}
	clear, err := s.clear(handler)
	return []opening{{s.newHTTP(clear), main}, {all, s.overTLS(secure)}}, err
}

func (s *Server) newHTTP(handler http.Handler) *http.Server {
	return &http.Server{
		Handler: s.recovering(handler), ErrorLog: slog.NewLogLogger(s.logger.Handler(), slog.LevelDebug),
		ReadHeaderTimeout: 10 * time.Second, ReadTimeout: 30 * time.Second,
		WriteTimeout: 60 * time.Second, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 64 << 10,
	}
}

// recovering tells the log of a panic, and the client nothing of it but that the request has failed.
func (s *Server) recovering(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			cause := recover()
			if cause == nil {
				return
			}
			if cause != http.ErrAbortHandler {
				s.logger.ErrorContext(r.Context(), "a request panicked", "path", r.URL.Path, "cause", cause, "stack", string(debug.Stack()))
			}
			panic(http.ErrAbortHandler) // what has been written may be half of an answer
		}()
		next.ServeHTTP(w, r)
	})
}

func (s *Server) overTLS(l net.Listener) net.Listener {
	protocols := []string{"h2", "http/1.1"}
	if s.certificates.acme != nil {
		protocols = append(protocols, tlscert.ALPN)
	}
	return tls.NewListener(l, &tls.Config{MinVersion: tls.VersionTLS12, NextProtos: protocols, GetCertificate: s.certificates.get})
}

// clear is what a production server answers in clear HTTP beside HTTPS: where its pages are, or all to a proxy that
// ends TLS; and ACME servers.
func (s *Server) clear(all http.Handler) (http.Handler, error) {
	public, err := url.Parse(s.config.PublicURL)
	if err != nil {
		return nil, err
	}
	answer := http.Handler(redirect{s.pools, public})
	if s.config.BehindTLSProxy {
		answer = all
	}
	if s.certificates.acme != nil {
		answer = s.certificates.acme.Challenge(answer)
	}
	return answer, nil
}

// redirect sends browsers that come in clear to the same page by HTTPS.
type redirect struct {
	pools  *pool.Registry
	public *url.URL
}

// ServeHTTP answers a form or a call with an error: it has been sent in clear, and must not be sent so again.
func (d redirect) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "This server takes requests by HTTPS only.", http.StatusMethodNotAllowed)
		return
	}
	if !strings.HasPrefix(r.URL.EscapedPath(), "/") { // it would go on with the host's name
		http.Error(w, "This is no path.", http.StatusBadRequest)
		return
	}
	w.Header().Set("Location", "https://"+d.host(r)+r.URL.RequestURI())
	w.WriteHeader(http.StatusPermanentRedirect)
}

// host is one of the server's own, whatever the request says: the domain of a pool, or that of the public URL.
func (d redirect) host(r *http.Request) string {
	if p, err := d.pools.ByHost(r.Context(), r.Host); err != nil || p == nil {
		return d.public.Host
	}
	name := r.Host
	if host, _, err := net.SplitHostPort(name); err == nil {
		name = host
	}
	return strings.TrimSuffix(strings.TrimSuffix(strings.ToLower(name), ".")+":"+d.public.Port(), ":")
}

// caPath is where a development server hands out the certificate of its authority.
const caPath = "/_cognate/ca.pem"

func (s *Server) authority(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/x-pem-file")
	w.Write(s.certificates.local.PEM())
}
