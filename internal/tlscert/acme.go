package tlscert

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"log/slog"
	"net/http"

	"github.com/caddyserver/certmagic"
	"go.uber.org/zap"
)

// ALPN is the protocol by which ACME servers check a name over TLS (RFC 8737): a listener of a server that uses
// ACME must offer it.
const ALPN = "acme-tls/1"

// ACMEOptions is what [NewACME] needs to know.
type ACMEOptions struct {
	// Directory is the URL of the ACME server; empty is Let's Encrypt.
	Directory string
	// Roots are whom to trust about the directory; nil is the system's.
	Roots *x509.CertPool
	// Email is whom the ACME server writes to about the account; it may be empty.
	Email string
	// Folder keeps the account, the keys and the certificates. Servers that share it share them, and answer
	// each other's challenges.
	Folder string
	// Names get their certificates at once; clients that name none get the first one's.
	Names []string
	// Allow decides whether another name, in lower case, gets one when a client first asks for it.
	Allow func(ctx context.Context, name string) (bool, error)
	// HTTPPort and TLSPort are the ports of the server's listeners on Host; an HTTPPort of 0 says that there is none,
	// and leaves TLS-ALPN-01 as the only challenge.
	Host              string
	HTTPPort, TLSPort int
	Logger            *slog.Logger
}

// ACME gets certificates from an ACME server, and renews them. It is safe for concurrent use.
type ACME struct {
	names     []string
	cache     *certmagic.Cache
	known     *certmagic.Config // of names that are got at once, and renewed in time
	asked     *certmagic.Config // of all others, got and renewed when asked for
	challenge *certmagic.ACMEIssuer
}

// NewACME makes an ACME; Start then sets it to work. The caller has agreed to the terms of the ACME server.
func NewACME(o ACMEOptions) *ACME {
	a := &ACME{names: o.Names}
	logger := zap.New(zapCore{o.Logger})
	own := map[string]bool{}
	for _, n := range o.Names {
		own[n] = true
	}
	a.cache = certmagic.NewCache(certmagic.CacheOptions{Logger: logger, GetConfigForCert: func(c certmagic.Certificate) (*certmagic.Config, error) {
		if len(c.Names) > 0 && own[c.Names[0]] {
			return a.known, nil
		}
		return a.asked, nil
	}})
	config := func(demand *certmagic.OnDemandConfig) *certmagic.Config {
		c := certmagic.New(a.cache, certmagic.Config{
			Storage: &certmagic.FileStorage{Path: o.Folder}, OnDemand: demand, DefaultServerName: o.Names[0], Logger: logger,
		})
		a.challenge = certmagic.NewACMEIssuer(c, certmagic.ACMEIssuer{
			CA: o.Directory, TrustedRoots: o.Roots, Email: o.Email, Agreed: true, Logger: logger,
			ListenHost: o.Host, AltHTTPPort: o.HTTPPort, AltTLSALPNPort: o.TLSPort, DisableHTTPChallenge: o.HTTPPort == 0,
		})
		c.Issuers = []certmagic.Issuer{a.challenge}
		return c
	}
	a.known = config(nil)
	a.asked = config(&certmagic.OnDemandConfig{DecisionFunc: func(ctx context.Context, name string) error {
		if own[name] {
			return nil
		}
		ok, err := o.Allow(ctx, name)
		if err == nil && !ok {
			err = fmt.Errorf("no certificate for %.100q: it is no name of this server", name)
		}
		return err
	}})
	return a
}

// Start begins to get the certificates of the names, until ctx ends. That goes on after it has returned, and is
// tried again where it fails.
func (a *ACME) Start(ctx context.Context) error { return a.known.ManageAsync(ctx, a.names) }

// Close ends the renewals.
func (a *ACME) Close() { a.cache.Stop() }

// GetCertificate is what [tls.Config] asks. It answers challenges by TLS-ALPN-01, too.
func (a *ACME) GetCertificate(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	return a.asked.GetCertificate(hello)
}

// Challenge answers challenges by HTTP-01 and hands all else to next.
func (a *ACME) Challenge(next http.Handler) http.Handler {
	return a.challenge.HTTPChallengeHandler(next)
}
