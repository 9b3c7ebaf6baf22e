// Package tlscert gets the certificates that a server shows: from an authority of its own in development, from
// files that are read again when they change, or from an ACME server. It also makes systems trust the authority of
// development.
package tlscert

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"math/big"
	"net"
	"strings"
	"sync"
	"time"
)

const (
	authorityLife = 10 * 365 * 24 * time.Hour
	// authorityRest is how much life an authority must have left to be used: more than a leaf's.
	authorityRest = 180 * 24 * time.Hour
	// leafLife is less than the 397 days, or what they become, that browsers take.
	leafLife = 90 * 24 * time.Hour
	leafRest = leafLife / 3
	// backdated is how wrong the clock of a client may be.
	backdated = time.Hour
	// maxLeaves bounds the certificates that are kept: there is no end of names under localhost.
	maxLeaves = 256
)

// Authority is a certificate authority for one developer's machines. What it signs for names that are not local
// nobody takes, for its certificate says which are (RFC 5280 section 4.2.1.10): its key may leak without harm to
// others. It makes the certificate of a name when a client first asks for it. It is safe for concurrent use.
type Authority struct {
	names  Names
	cert   *x509.Certificate
	signer crypto.Signer

	mu     sync.Mutex
	leaf   *ecdsa.PrivateKey // of all the certificates it makes, and never kept
	leaves map[string]*tls.Certificate
}

// NewAuthority makes an authority that ends with the process.
func NewAuthority(n Names) (*Authority, error) {
	dns, networks := n.permitted()
	return makeAuthority(n, dns, networks)
}

// makeAuthority makes one whose certificate permits DNS names, with all below them, and networks.
func makeAuthority(n Names, dns []string, networks []*net.IPNet) (*Authority, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	// Those who look at two of them must be able to tell them apart.
	public, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(public)
	now := time.Now()
	self := &x509.Certificate{
		SerialNumber: serial(), Subject: pkix.Name{Organization: []string{"Cognate"}, CommonName: "Cognate development CA " + hex.EncodeToString(sum[:4])},
		NotBefore: now.Add(-backdated), NotAfter: now.Add(authorityLife),
		IsCA: true, BasicConstraintsValid: true, MaxPathLenZero: true,
		KeyUsage: x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		PermittedDNSDomainsCritical: true, PermittedDNSDomains: dns, PermittedIPRanges: networks,
	}
	der, err := x509.CreateCertificate(rand.Reader, self, self, &key.PublicKey, key)
	if err != nil {
		return nil, err
	}
	return newAuthority(n, der, key)
}

func newAuthority(n Names, der []byte, signer crypto.Signer) (*Authority, error) {
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, err
	}
	leaf, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	return &Authority{names: n, cert: cert, signer: signer, leaf: leaf, leaves: map[string]*tls.Certificate{}}, nil
}

// parseAuthority reads what encode wrote.
func parseAuthority(n Names, text []byte) (*Authority, error) {
	pair, err := tls.X509KeyPair(text, text)
	if err != nil {
		return nil, err
	}
	signer, ok := pair.PrivateKey.(crypto.Signer)
	if !ok || !pair.Leaf.IsCA {
		return nil, errors.New("it is no certificate authority")
	}
	return newAuthority(n, pair.Certificate[0], signer)
}

// encode returns the authority's certificate and key, in PEM.
func (a *Authority) encode() ([]byte, error) {
	der, err := x509.MarshalPKCS8PrivateKey(a.signer)
	if err != nil {
		return nil, err
	}
	return append(a.PEM(), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})...), nil
}

// PEM returns the certificate that clients must trust.
func (a *Authority) PEM() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.cert.Raw})
}

// GetCertificate is what [tls.Config] asks: the certificate of the name that a client wants, or, for a client that
// names none, of the addresses of this machine. A name that is not local has none, and the handshake fails with the
// alert unrecognized_name.
func (a *Authority) GetCertificate(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	name := strings.ToLower(hello.ServerName)
	switch {
	case name == "":
		return a.certificate("", a.names.usual()...)
	case !a.names.Allow(name):
		return nil, nil
	}
	return a.certificate(name, name)
}

// certificate returns the one that is kept under a key, or makes it, with hosts that may be names and addresses.
func (a *Authority) certificate(key string, hosts ...string) (*tls.Certificate, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if c := a.leaves[key]; c != nil && time.Until(c.Leaf.NotAfter) > leafRest {
		return c, nil
	}
	c, err := a.sign(hosts)
	if err != nil {
		return nil, err
	}
	if len(a.leaves) >= maxLeaves {
		for old := range a.leaves { // any of them: it is soon made again
			delete(a.leaves, old)
			break
		}
	}
	a.leaves[key] = c
	return c, nil
}

func (a *Authority) sign(hosts []string) (*tls.Certificate, error) {
	now := time.Now()
	t := &x509.Certificate{
		SerialNumber: serial(), Subject: pkix.Name{Organization: []string{"Cognate development"}},
		NotBefore: now.Add(-backdated), NotAfter: now.Add(leafLife - backdated),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	for _, h := range hosts {
		if ip := net.ParseIP(h); ip != nil {
			t.IPAddresses = append(t.IPAddresses, ip)
		} else {
			t.DNSNames = append(t.DNSNames, h)
		}
	}
	der, err := x509.CreateCertificate(rand.Reader, t, a.cert, &a.leaf.PublicKey, a.signer)
	if err != nil {
		return nil, err
	}
	leaf, err := x509.ParseCertificate(der)
	return &tls.Certificate{Certificate: [][]byte{der, a.cert.Raw}, PrivateKey: a.leaf, Leaf: leaf}, err
}

// serves reports whether the authority may sign for all that its names ask for, and has long enough to live.
func (a *Authority) serves() bool {
	dns, networks := a.names.permitted()
	return time.Until(a.cert.NotAfter) > authorityRest &&
		len(missing(dns, a.cert.PermittedDNSDomains)) == 0 && len(missingNetworks(networks, a.cert.PermittedIPRanges)) == 0
}

// renewed returns an authority that may sign for what this one may and what its names ask for.
func (a *Authority) renewed() (*Authority, error) {
	dns, networks := a.names.permitted()
	return makeAuthority(a.names,
		append(a.cert.PermittedDNSDomains, missing(dns, a.cert.PermittedDNSDomains)...),
		append(a.cert.PermittedIPRanges, missingNetworks(networks, a.cert.PermittedIPRanges)...))
}

func missing(wanted, have []string) (out []string) {
	for _, w := range wanted {
		found := false
		for _, h := range have {
			found = found || under(w, h)
		}
		if !found {
			out = append(out, w)
		}
	}
	return out
}

func missingNetworks(wanted, have []*net.IPNet) (out []*net.IPNet) {
	for _, w := range wanted {
		found := false
		for _, h := range have {
			found = found || h.Contains(w.IP) && bytes.Compare(h.Mask, w.Mask) <= 0
		}
		if !found {
			out = append(out, w)
		}
	}
	return out
}

func serial() *big.Int {
	raw := make([]byte, 16)
	rand.Read(raw)
	raw[0] &= 0x7f // serial numbers are positive
	return new(big.Int).SetBytes(raw)
}
