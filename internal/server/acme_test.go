//go:build linux

package server

import (
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// acmeServer is the version of Pebble, the small ACME server of Let's Encrypt, that the tests run. It is built as a
// program, so that it is no part of this module.
const acmeServer = "github.com/letsencrypt/pebble/v2/cmd/%s@v2.10.3"

// installPebble builds Pebble and the DNS server that comes with it, and returns their folder.
func installPebble(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range []string{"pebble", "pebble-challtestsrv"} {
		cmd := exec.Command("go", "install", fmt.Sprintf(acmeServer, name))
		cmd.Env = append(os.Environ(), "GOBIN="+dir, "GOFLAGS=")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
	}
	return dir
}

// pebble is a running ACME server, to which every name is at 127.0.0.1.
type pebble struct {
	directory, caFile string
	roots             []byte // of the certificates that it issues
}

// startPebble starts one that looks for challenges at two ports.
func startPebble(t *testing.T, bin string, httpPort, tlsPort string) pebble {
	t.Helper()
	listen, manage, dns := freeAddress(t), freeAddress(t), freeAddress(t)
	own, _ := selfSigned(t)
	config := file(t, "pebble.json", fmt.Sprintf(`{"pebble": {"listenAddress": %q, "managementListenAddress": %q,
		"certificate": %q, "privateKey": %q, "httpPort": %s, "tlsPort": %s, "retryAfter": {"authz": 1, "order": 1}}}`,
		listen, manage, own.CertFile, own.KeyFile, httpPort, tlsPort))
	run(t, filepath.Join(bin, "pebble-challtestsrv"), "-dnsserver", dns, "-management", freeAddress(t), "-defaultIPv4", "127.0.0.1", "-defaultIPv6", "",
		"-http01", "", "-https01", "", "-tlsalpn01", "", "-doh", "")
	run(t, filepath.Join(bin, "pebble"), "-config", config, "-dnsserver", dns)
	p := pebble{directory: "https://" + listen + "/dir", caFile: own.CertFile}
	client := trusting(t, mustRead(t, own.CertFile))
	eventually(t, func() error {
		status, _, text, err := fetch(client, "https", "127.0.0.1", portOf(manage), "/roots/0")
		p.roots = []byte(text)
		if err == nil && status != 200 {
			err = fmt.Errorf("%d %s", status, text)
		}
		return err
	})
	return p
}

// run starts a program, which is gone when the test ends.
func run(t *testing.T, path string, args ...string) {
	t.Helper()
	var log bytes.Buffer
	cmd := exec.Command(path, args...)
	cmd.Stdout, cmd.Stderr = &log, &log
	cmd.Env = append(os.Environ(), "PEBBLE_VA_NOSLEEP=1", "PEBBLE_WFE_NONCEREJECT=5")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait() // it was killed
		if t.Failed() {
			t.Logf("%s:\n%s", path, &log)
		}
	})
}

// eventually tries something until it goes well.
func eventually(t *testing.T, try func() error) {
	t.Helper()
	var err error
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		if err = try(); err == nil {
			return
		}
	}
	t.Fatal(err)
}

// serial is the number of the certificate that a server shows to a client that trusts roots.
func serial(t *testing.T, roots []byte, addr, name string) (*big.Int, error) {
	t.Helper()
	c := trusting(t, roots).Transport.(*http.Transport).TLSClientConfig
	c.ServerName = name
	conn, err := tls.DialWithDialer(&net.Dialer{Timeout: 20 * time.Second}, "tcp", addr, c)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	return conn.ConnectionState().PeerCertificates[0].SerialNumber, nil
}

// TestACME gets certificates from a real ACME server, by each kind of challenge: at the start for the names that are
// configured, and when they are first asked for, for the domains of pools alone. They outlive a restart.
func TestACME(t *testing.T) {
	bin := installPebble(t)
	seed := file(t, "seed.yaml", "pools:\n  - {id: eu-west-1_Shop, name: shop, domain: shop}\n")
	for name, tt := range map[string]struct{ noClear, noTLS bool }{
		"both challenges": {}, "TLS-ALPN-01": {noClear: true}, "HTTP-01": {noTLS: true},
	} {
		t.Run(name, func(t *testing.T) {
			c := production(t)
			c.BehindTLSProxy, c.Seed, c.PublicURL = false, seed, "https://id.example.test"
			clear, secure := freeAddress(t), freeAddress(t)
			c.Addr, c.TLS.Addr = clear, secure
			if tt.noClear {
				c.Addr, c.TLS.Addr, clear = secure, "", freeAddress(t)
			}
			challenges := secure
			if tt.noTLS {
				challenges = freeAddress(t)
			}
			p := startPebble(t, bin, portOf(clear), portOf(challenges))
			c.TLS.ACME = &ACME{AgreeTerms: true, Email: "ops@example.test", Directory: p.directory, CAFile: p.caFile, Names: []string{"more.example.test"}}
			first := useACME(t, c, p.roots, secure)
			again := useACME(t, c, p.roots, secure)
			for name, number := range first {
				if number.Cmp(again[name]) != 0 {
					t.Errorf("%s: another certificate after a restart", name)
				}
			}
		})
	}
}

// useACME starts a server, visits it, and stops it; it returns the numbers of its certificates.
func useACME(t *testing.T, c Config, roots []byte, addr string) map[string]*big.Int {
	t.Helper()
	out := map[string]*big.Int{}
	t.Run("visit", func(t *testing.T) {
		start(t, c, io.Discard)
		for _, name := range []string{"id.example.test", "more.example.test"} {
			certificates := filepath.Join(c.Data, "acme", "certificates", "*", name, name+".crt")
			eventually(t, func() error { // before anybody asks
				if found, err := filepath.Glob(certificates); len(found) == 0 {
					return errors.Join(err, fmt.Errorf("there is no %s", certificates))
				}
				return nil
			})
		}
		for _, name := range []string{"id.example.test", "more.example.test", "shop.auth.eu-west-1.id.example.test"} {
			number, err := serial(t, roots, addr, name)
			if err != nil {
				t.Errorf("%s: %v", name, err)
			}
			out[name] = number
		}
		if c, err := tls.Dial("tcp", addr, &tls.Config{InsecureSkipVerify: true}); err != nil { // names no name
			t.Error(err)
		} else {
			if got := c.ConnectionState().PeerCertificates[0].SerialNumber; got.Cmp(out["id.example.test"]) != 0 {
				t.Error("a client that names no name gets another certificate than the public URL's")
			}
			c.Close()
		}
		for _, name := range []string{"other.example.test", "other.auth.eu-west-1.id.example.test", "shop.auth.us-east-1.id.example.test"} {
			if _, err := serial(t, roots, addr, name); err == nil || strings.Contains(err.Error(), "timeout") {
				t.Errorf("%s: %v", name, err)
			}
		}
		if found, err := filepath.Glob(filepath.Join(c.Data, "acme", "certificates", "*", "*")); len(found) != 3 {
			t.Errorf("there are certificates for %v (%v)", found, err)
		}
		keys, err := filepath.Glob(filepath.Join(c.Data, "acme", "certificates", "*", "*", "*.key"))
		if err != nil || len(keys) != 3 {
			t.Errorf("%v, %v", keys, err)
		}
		for _, key := range keys {
			if info, err := os.Stat(key); err != nil || info.Mode().Perm()&0o077 != 0 {
				t.Errorf("%s: %v, %v", key, info.Mode(), err)
			}
		}
	})
	return out
}
