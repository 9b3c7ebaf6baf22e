package server

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"

	"cognate/internal/tlscert"
)

// trusting is a client that trusts the certificates in PEM, dials loopback whatever the name is, and follows no
// redirect.
func trusting(t *testing.T, roots []byte) *http.Client {
	t.Helper()
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(roots) {
		t.Fatalf("no certificate in %q", roots)
	}
	transport := &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: pool}, ForceAttemptHTTP2: true,
		DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			_, port, err := net.SplitHostPort(addr)
			if err != nil {
				return nil, err
			}
			return new(net.Dialer).DialContext(ctx, network, net.JoinHostPort("127.0.0.1", port))
		},
	}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

// fetch gets a page of a host at the port of an address.
func fetch(client *http.Client, scheme, host, port, path string) (status int, head http.Header, text string, err error) {
	r, err := client.Get(scheme + "://" + net.JoinHostPort(host, port) + path)
	if err != nil {
		return 0, nil, "", err
	}
	defer r.Body.Close()
	body, err := io.ReadAll(r.Body)
	return r.StatusCode, r.Header, string(body), err
}

func portOf(url string) string { return url[strings.LastIndex(url, ":")+1:] }

// TestDevelopmentTLS reaches a development server by every local name and in clear, and by no other name.
func TestDevelopmentTLS(t *testing.T) {
	for name, data := range map[string]string{"in memory": ":memory:", "in a folder": t.TempDir()} {
		t.Run(name, func(t *testing.T) {
			s := start(t, Config{Dev: true, Addr: "127.0.0.1:0", Data: data, TLS: TLS{Local: true, Addr: "127.0.0.1:0"}}, io.Discard)
			_, _, ca, err := fetch(http.DefaultClient, "http", "127.0.0.1", portOf(s.URL()), caPath)
			if err != nil {
				t.Fatal(err)
			}
			if data != ":memory:" {
				if text, err := os.ReadFile(tlscert.CertPath(AuthorityFolder(data))); err != nil || string(text) != ca {
					t.Errorf("the file is %s, %v, and the server's %s", text, err, ca)
				}
			}
			client := trusting(t, []byte(ca))
			for _, host := range []string{"127.0.0.1", "localhost", "x.auth.us-east-1.localhost", "127.0.0.1"} {
				if status, _, text, err := fetch(client, "https", host, portOf(s.SecureURL()), "/_cognate/ready"); status != 200 || text != "ready\n" {
					t.Errorf("%s: %d %q %v", host, status, text, err)
				}
			}
			for _, host := range []string{"id.example.com", "cognito-idp.us-east-1.amazonaws.com"} {
				if _, _, _, err := fetch(client, "https", host, portOf(s.SecureURL()), "/"); err == nil || !strings.Contains(err.Error(), "unrecognized name") {
					t.Errorf("%s: %v", host, err)
				}
			}
			if status, _, _, err := fetch(client, "http", "localhost", portOf(s.URL()), "/_cognate/ready"); status != 200 {
				t.Errorf("in clear: %d, %v", status, err)
			}
			var banner bytes.Buffer
			if s.Announce(&banner); !strings.Contains(banner.String(), s.URL()+" and "+s.SecureURL()+"\n") || !strings.Contains(banner.String(), "ca.pem") {
				t.Errorf("the banner is %s", &banner)
			}
		})
	}
}

// TestDevelopmentTLSNames serves the names that are asked for besides.
func TestDevelopmentTLSNames(t *testing.T) {
	s := start(t, Config{Dev: true, Addr: "127.0.0.1:0", Data: ":memory:", PublicURL: "https://Dev.example.com", TLS: TLS{Local: true, Addr: "127.0.0.1:0", AWSNames: true}}, io.Discard)
	client := trusting(t, s.certificates.local.PEM())
	for _, host := range []string{"dev.example.com", "cognito-idp.us-east-1.amazonaws.com", "shop.auth.eu-west-1.amazoncognito.com"} {
		if status, _, _, err := fetch(client, "https", host, portOf(s.SecureURL()), "/_cognate/health"); status != 200 {
			t.Errorf("%s: %d, %v", host, status, err)
		}
	}
}

// TestNoAuthorityInProduction: its certificate is served in development alone.
func TestNoAuthorityInProduction(t *testing.T) {
	s := start(t, production(t), io.Discard)
	if status, _, _, err := fetch(http.DefaultClient, "http", "127.0.0.1", portOf(s.URL()), caPath); status != 404 {
		t.Errorf("%d, %v", status, err)
	}
}

// secured is a production server with a certificate and both addresses.
func secured(t *testing.T, change func(*Config)) (*Server, *http.Client) {
	t.Helper()
	c := production(t)
	c.BehindTLSProxy = false
	c.TLS, _ = selfSigned(t)
	c.TLS.Addr = "127.0.0.1:0"
	change(&c)
	s := start(t, c, io.Discard)
	roots, err := os.ReadFile(c.TLS.CertFile)
	if err != nil {
		t.Fatal(err)
	}
	return s, trusting(t, roots)
}

// TestClearHTTPInProduction sends browsers to HTTPS, to a host of the server's own (checklist 44), and answers nothing
// else.
func TestClearHTTPInProduction(t *testing.T) {
	seed := file(t, "seed.yaml", "pools:\n  - {id: eu-west-1_Shop, name: shop, domain: shop}\n")
	s, client := secured(t, func(c *Config) { c.PublicURL, c.Seed = "https://id.example.com:8443/", seed })
	for _, tt := range []struct{ host, path, want string }{
		{"id.example.com", "/login?client_id=x&state=a%2Fb", "https://id.example.com:8443/login?client_id=x&state=a%2Fb"},
		{"evil.example.com", "/login", "https://id.example.com:8443/login"},
		{"", "//evil.example.com/", "https://id.example.com:8443//evil.example.com/"},
		{"shop.auth.eu-west-1.id.example.com", "/login", "https://shop.auth.eu-west-1.id.example.com:8443/login"},
		{"SHOP.auth.eu-west-1.id.example.com.:80", "/login", "https://shop.auth.eu-west-1.id.example.com:8443/login"},
		{"other.auth.eu-west-1.id.example.com", "/login", "https://id.example.com:8443/login"},
		{"", "/_cognate/ready", "https://id.example.com:8443/_cognate/ready"},
		{"", "/.well-known/acme-challenge/x", "https://id.example.com:8443/.well-known/acme-challenge/x"},
	} {
		for _, method := range []string{"GET", "HEAD", "POST", "PUT", "OPTIONS"} {
			r, err := http.NewRequest(method, s.URL()+tt.path, strings.NewReader(""))
			if err != nil {
				t.Fatal(err)
			}
			if tt.host != "" {
				r.Host = tt.host
			}
			r.Header.Set("X-Forwarded-Host", "evil.example.com")
			answer, err := client.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			answer.Body.Close()
			status, location := answer.StatusCode, answer.Header.Get("Location")
			if method == "GET" || method == "HEAD" {
				if status != 308 || location != tt.want {
					t.Errorf("%s %s%s: %d to %q, want %q", method, tt.host, tt.path, status, location, tt.want)
				}
			} else if status != 405 || location != "" {
				t.Errorf("%s %s: %d %q", method, tt.path, status, location)
			}
		}
	}
	if status, text := call(t, s.URL(), "ListUserPools", `{}`, nil); status != 405 {
		t.Errorf("an operation in clear: %d %s", status, text)
	}
	if status, _, _, err := fetch(client, "https", "127.0.0.1", portOf(s.SecureURL()), "/_cognate/ready"); status != 200 {
		t.Errorf("by HTTPS: %d, %v", status, err)
	}
}

// TestBothBehindAProxy: a proxy that ends TLS may speak to either address.
func TestBothBehindAProxy(t *testing.T) {
	s, client := secured(t, func(c *Config) { c.BehindTLSProxy = true })
	for scheme, url := range map[string]string{"http": s.URL(), "https": s.SecureURL()} {
		if status, _, _, err := fetch(client, scheme, "127.0.0.1", portOf(url), "/_cognate/ready"); status != 200 {
			t.Errorf("by %s: %d, %v", scheme, status, err)
		}
	}
}

// TestTLSRefusals are configurations of TLS that must not start.
func TestTLSRefusals(t *testing.T) {
	files, _ := selfSigned(t)
	for name, tt := range map[string]struct {
		tls  TLS
		want string
	}{
		"address alone":     {TLS{Addr: "127.0.0.1:0"}, "tls is missing"},
		"no port":           {TLS{Addr: "127.0.0.1", CertFile: files.CertFile, KeyFile: files.KeyFile}, "is not host:port"},
		"half of a list":    {TLS{Certificates: []CertificateFiles{{CertFile: "x"}}}, "both cert_file and key_file"},
		"missing files":     {TLS{Certificates: []CertificateFiles{{CertFile: "/none", KeyFile: "/none"}}}, "/none"},
		"key of another":    {TLS{CertFile: files.CertFile, KeyFile: other(t).KeyFile}, "private key"},
		"files and ACME":    {TLS{CertFile: files.CertFile, KeyFile: files.KeyFile, ACME: &ACME{AgreeTerms: true}}, "choose one"},
		"terms":             {TLS{ACME: &ACME{}}, "agree_terms"},
		"clear directory":   {TLS{ACME: &ACME{AgreeTerms: true, Directory: "http://acme.example.com/dir"}}, "is not an https URL"},
		"names":             {TLS{ACME: &ACME{AgreeTerms: true, Names: []string{"*.example.com"}}}, "is not a domain name"},
		"no roots":          {TLS{ACME: &ACME{AgreeTerms: true, CAFile: "/none"}}, "/none"},
		"roots without any": {TLS{ACME: &ACME{AgreeTerms: true, CAFile: files.KeyFile}}, "holds no certificate"},
	} {
		t.Run(name, func(t *testing.T) {
			c := production(t)
			c.BehindTLSProxy, c.TLS = false, tt.tls
			refused(t, c, tt.want)
		})
	}
	t.Run("no storage", func(t *testing.T) {
		c := production(t)
		c.BehindTLSProxy, c.Data, c.TLS = false, ":memory:", TLS{ACME: &ACME{AgreeTerms: true}}
		refused(t, c, "storage is missing")
	})
	t.Run("development for all", func(t *testing.T) {
		refused(t, Config{Dev: true, Addr: "127.0.0.1:0", Data: ":memory:", TLS: TLS{Local: true, Addr: "0.0.0.0:0"}}, "--allow-remote")
	})
}

func other(t *testing.T) TLS {
	out, _ := selfSigned(t)
	return out
}

func refused(t *testing.T, c Config, want string) {
	t.Helper()
	s, err := Start(t.Context(), c, Options{})
	if err == nil {
		s.Close()
		t.Fatal("started")
	}
	if !strings.Contains(err.Error(), want) {
		t.Errorf("the error is %q, want one with %q", err, want)
	}
}

// TestTLSInConfig reads every member.
func TestTLSInConfig(t *testing.T) {
	c, err := ReadConfig(file(t, "c.yaml", `tls:
  addr: 127.0.0.1:443
  cert_file: a
  key_file: b
  certificates: [{cert_file: c, key_file: d}]
  acme: {agree_terms: true, email: e, directory: f, ca_file: g, storage: h, names: [i]}
`))
	got := fmt.Sprintf("%+v %+v", c.TLS.pairs(), *c.TLS.ACME)
	const want = "[{CertFile:a KeyFile:b} {CertFile:c KeyFile:d}] {AgreeTerms:true Email:e Directory:f CAFile:g Storage:h Names:[i]}"
	if err != nil || got != want || c.TLS.Addr != "127.0.0.1:443" {
		t.Errorf("%s, %v", got, err)
	}
	if _, err := ReadConfig(file(t, "c.yaml", "tls: {local: true}\n")); err == nil {
		t.Error("a configuration file asks for a certificate authority of development")
	}
}
