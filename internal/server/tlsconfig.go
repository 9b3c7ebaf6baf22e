package server

import (
	"fmt"
	"net"
	"net/url"
	"path/filepath"

	"cognate/internal/pool"
	"cognate/internal/tlscert"
)

// TLS is where the certificates of a server come from: from files, from an ACME server, or in development from an
// authority of its own.
type TLS struct {
	// Addr is the address for HTTPS, as host:port. With it the server's other address speaks clear HTTP: in production
	// that only sends browsers to HTTPS, and answers ACME servers, unless a proxy ends TLS in front of it.
	Addr string `yaml:"addr"`
	// CertFile and KeyFile hold a certificate chain and its key, in PEM.
	CertFile string `yaml:"cert_file"`
	KeyFile  string `yaml:"key_file"`
	// Certificates are more of them: clients get the first one that is for the name they want.
	Certificates []CertificateFiles `yaml:"certificates"`
	// ACME gets certificates where there are no files.
	ACME *ACME `yaml:"acme"`

	// Local is a development server's: it makes its own certificates, and Addr must be set.
	Local bool `yaml:"-"`
	// AWSNames lets Local make them for the host names of Amazon Cognito, too.
	AWSNames bool `yaml:"-"`
}

// CertificateFiles names the files of a certificate chain and its key, in PEM.
type CertificateFiles struct {
	CertFile string `yaml:"cert_file"`
	KeyFile  string `yaml:"key_file"`
}

// ACME is an account with an ACME server, such as Let's Encrypt.
type ACME struct {
	// AgreeTerms says that the operator agrees to the terms of the ACME server.
	AgreeTerms bool `yaml:"agree_terms"`
	// Email is whom the ACME server writes to.
	Email string `yaml:"email"`
	// Directory is the URL of the ACME server; empty is Let's Encrypt.
	Directory string `yaml:"directory"`
	// CAFile holds the certificates to trust about the directory, in PEM; empty is the system's.
	CAFile string `yaml:"ca_file"`
	// Storage is the folder of the account, keys and certificates; empty is acme in the data folder.
	Storage string `yaml:"storage"`
	// Names get certificates besides the public URL's host and the domains of pools.
	Names []string `yaml:"names"`
}

// on reports whether the server speaks TLS at all.
func (t *TLS) on() bool { return t.Local || t.ACME != nil || len(t.pairs()) > 0 }

// pairs are all the certificate files that are named.
func (t *TLS) pairs() (out []tlscert.Pair) {
	if t.CertFile != "" || t.KeyFile != "" {
		out = append(out, tlscert.Pair{CertFile: t.CertFile, KeyFile: t.KeyFile})
	}
	for _, c := range t.Certificates {
		out = append(out, tlscert.Pair(c))
	}
	return out
}

// check refuses what is not whole in a production server's configuration.
func (t *TLS) check(c *Config) error {
	for _, p := range t.pairs() {
		if p.CertFile == "" || p.KeyFile == "" {
			return fmt.Errorf("tls needs both cert_file and key_file")
		}
	}
	switch _, _, err := net.SplitHostPort(t.Addr); {
	case t.Addr != "" && err != nil:
		return fmt.Errorf("tls: the address %q is not host:port", t.Addr)
	case t.Addr != "" && !t.on():
		return fmt.Errorf("tls has an address and no certificate: it needs cert_file and key_file, certificates or acme")
	case t.ACME == nil:
		return nil
	case len(t.pairs()) > 0:
		return fmt.Errorf("tls has both certificate files and acme: choose one")
	}
	return t.ACME.check(c)
}

func (a *ACME) check(c *Config) error {
	for _, n := range a.Names {
		if !pool.IsDomainName(n) {
			return fmt.Errorf("tls: acme: names: %q is not a domain name in lower case", n)
		}
	}
	u, err := url.Parse(a.Directory)
	switch {
	case !a.AgreeTerms:
		return fmt.Errorf("tls: acme: agree_terms is missing: only you can agree to the terms of the ACME server")
	case a.Directory != "" && (err != nil || u.Scheme != "https" || u.Host == ""):
		return fmt.Errorf("tls: acme: the directory %q is not an https URL", a.Directory)
	case a.Storage == "" && (c.Data == "" || c.Data == ":memory:"):
		return fmt.Errorf("tls: acme: storage is missing: the folder of the account and the certificates")
	case a.Storage == "":
		a.Storage = filepath.Join(c.Data, "acme")
	}
	return nil
}
