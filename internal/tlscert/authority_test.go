package tlscert

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func newTestAuthority(t *testing.T, n Names) *Authority {
	t.Helper()
	a, err := NewAuthority(n)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func (a *Authority) pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(a.PEM())
	return pool
}

// check does what a client does that trusts the authority and has dialled host; sni is what it names.
func (a *Authority) check(sni, host string) error {
	cert, err := a.GetCertificate(&tls.ClientHelloInfo{ServerName: sni})
	if err != nil {
		return err
	}
	if cert == nil {
		return fmt.Errorf("no certificate")
	}
	_, err = cert.Leaf.Verify(x509.VerifyOptions{Roots: a.pool(), DNSName: host})
	return err
}

// TestLocalNames asks an authority for names: clients take what they get for local ones, others get nothing.
func TestLocalNames(t *testing.T) {
	local := newTestAuthority(t, Names{})
	public := newTestAuthority(t, Names{Public: "dev.example.com"})
	address := newTestAuthority(t, Names{Public: "192.0.2.7"})
	aws := newTestAuthority(t, Names{AWS: true})
	for _, tt := range []struct {
		a         *Authority
		sni, host string
		good      bool
	}{
		{local, "", "127.0.0.1", true}, {local, "", "::1", true}, {local, "", "10.0.2.2", true}, {local, "", "localhost", true},
		{local, "localhost", "localhost", true}, {local, "x.auth.us-east-1.localhost", "x.auth.us-east-1.localhost", true},
		{local, "a_b.localhost", "a_b.localhost", true},
		{local, "", "192.0.2.7", false}, {local, "", "dev.example.com", false}, {local, "localhost", "127.0.0.1", false},
		{local, "example.com", "example.com", false}, {local, "localhost.example.com", "localhost.example.com", false},
		{local, "xlocalhost", "xlocalhost", false}, {local, "*.localhost", "*.localhost", false}, {local, ".localhost", ".localhost", false},
		{local, "a b.localhost", "a b.localhost", false}, {local, strings.Repeat("a.", 125) + "localhost", "", false},
		{local, strings.Repeat("a", 64) + ".localhost", "", false}, {local, "10.0.2.3", "10.0.2.3", false}, {local, "127.0.0.9", "127.0.0.9", true},
		{local, "cognito-idp.us-east-1.amazonaws.com", "cognito-idp.us-east-1.amazonaws.com", false},
		{public, "dev.example.com", "dev.example.com", true}, {public, "", "dev.example.com", true}, {public, "x.dev.example.com", "x.dev.example.com", false},
		{address, "", "192.0.2.7", true}, {address, "", "192.0.2.8", false}, {address, "192.0.2.7", "192.0.2.7", true},
		{aws, "cognito-idp.us-east-1.amazonaws.com", "cognito-idp.us-east-1.amazonaws.com", true},
		{aws, "cognito-identity.eu-west-3.amazonaws.com", "cognito-identity.eu-west-3.amazonaws.com", true},
		{aws, "shop.auth.us-east-1.amazoncognito.com", "shop.auth.us-east-1.amazoncognito.com", true},
		{aws, "a.b.auth.us-east-1.amazoncognito.com", "a.b.auth.us-east-1.amazoncognito.com", false},
		{aws, "x.cognito-idp.us-east-1.amazonaws.com", "x.cognito-idp.us-east-1.amazonaws.com", false},
		{aws, "s3.us-east-1.amazonaws.com", "s3.us-east-1.amazonaws.com", false}, {aws, "amazonaws.com", "amazonaws.com", false},
		{aws, "localhost", "localhost", true},
	} {
		if err := tt.a.check(tt.sni, tt.host); (err == nil) != tt.good {
			t.Errorf("a client that names %.40q and wants %.40q: %v", tt.sni, tt.host, err)
		}
	}
}

// TestStolenKey signs for other names with an authority's key: nobody who trusts it takes that.
func TestStolenKey(t *testing.T) {
	for _, n := range []Names{{}, {Public: "dev.example.com"}, {AWS: true}} {
		a := newTestAuthority(t, n)
		for _, host := range []string{"example.com", "s3.us-east-1.amazonaws.com", "192.0.2.1", "10.0.2.3"} {
			cert, err := a.sign([]string{host})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := cert.Leaf.Verify(x509.VerifyOptions{Roots: a.pool(), DNSName: host}); err == nil {
				t.Errorf("%+v: a certificate for %s is taken", n, host)
			}
		}
		// A CA below it could sign anything.
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		below := &x509.Certificate{SerialNumber: serial(), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
		der, err := x509.CreateCertificate(rand.Reader, below, a.cert, &key.PublicKey, a.signer)
		if err != nil {
			t.Fatal(err)
		}
		sub, err := newAuthority(n, der, key)
		if err != nil {
			t.Fatal(err)
		}
		leaf, err := sub.sign([]string{"localhost"})
		if err != nil {
			t.Fatal(err)
		}
		between := x509.NewCertPool()
		between.AddCert(sub.cert)
		if _, err := leaf.Leaf.Verify(x509.VerifyOptions{Roots: a.pool(), Intermediates: between, DNSName: "localhost"}); err == nil {
			t.Errorf("%+v: a CA below it is taken", n)
		}
	}
}

// TestManyNames holds the bound on the certificates that are kept.
func TestManyNames(t *testing.T) {
	a := newTestAuthority(t, Names{})
	for i := range 2 * maxLeaves {
		if err := a.check(fmt.Sprintf("n%d.localhost", i), fmt.Sprintf("n%d.localhost", i)); err != nil {
			t.Fatal(err)
		}
	}
	if len(a.leaves) != maxLeaves {
		t.Errorf("%d are kept, want %d", len(a.leaves), maxLeaves)
	}
}

// TestRenewal holds what browsers take, 397 days at most, and that no client meets a certificate that is about to end.
func TestRenewal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newTestAuthority(t, Names{})
		get := func() *tls.Certificate {
			c, err := a.GetCertificate(&tls.ClientHelloInfo{ServerName: "localhost"})
			if err != nil {
				t.Fatal(err)
			}
			return c
		}
		first := get()
		if life := first.Leaf.NotAfter.Sub(first.Leaf.NotBefore); life > 397*24*time.Hour || time.Since(first.Leaf.NotBefore) < time.Minute {
			t.Errorf("it lives %v, from %v", life, first.Leaf.NotBefore)
		}
		if get() != first {
			t.Error("it is not kept")
		}
		for range 400 {
			time.Sleep(24 * time.Hour)
			if left := time.Until(get().Leaf.NotAfter); left < 29*24*time.Hour {
				t.Fatalf("a client gets one for %v", left)
			}
		}
		if get() == first {
			t.Error("it is not renewed")
		}
	})
}

func open(t *testing.T, dir string, n Names) (*Authority, bool) {
	t.Helper()
	a, fresh, err := OpenAuthority(dir, n)
	if err != nil {
		t.Fatal(err)
	}
	return a, fresh
}

// TestFolder opens the same folder again and again: there is one authority, until it is asked for more.
func TestFolder(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "tls")
	first, fresh := open(t, dir, Names{})
	again, freshAgain := open(t, dir, Names{})
	if !fresh || freshAgain || !first.cert.Equal(again.cert) {
		t.Errorf("made: %v, then %v", fresh, freshAgain)
	}
	text, err := os.ReadFile(CertPath(dir))
	if err != nil || !bytes.Equal(text, first.PEM()) {
		t.Errorf("the file for clients: %s, %v", text, err)
	}
	for file, want := range map[string]os.FileMode{keyName: 0o600, certName: 0o644} {
		if info, err := os.Stat(filepath.Join(dir, file)); err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: %v, %v", file, info.Mode(), err)
		}
	}
	public, fresh := open(t, dir, Names{Public: "dev.example.com"})
	if !fresh || public.check("dev.example.com", "dev.example.com") != nil {
		t.Error("it is not made again for more names")
	}
	aws, fresh := open(t, dir, Names{AWS: true})
	if !fresh || aws.check("cognito-idp.us-east-1.amazonaws.com", "cognito-idp.us-east-1.amazonaws.com") != nil {
		t.Error("it is not made again for AWS's names")
	}
	if scope, err := Scope(CertPath(dir)); err != nil || scope != "localhost, dev.example.com, the host names of Amazon Cognito, 127.0.0.0/8, ::1/128, 10.0.2.2/32" {
		t.Errorf("its scope is %q, %v", scope, err)
	}
	less, fresh := open(t, dir, Names{})
	if fresh || less.check("dev.example.com", "dev.example.com") == nil {
		t.Error("with fewer names, it is made again or signs for the old ones")
	}
	if _, fresh := open(t, dir, Names{Public: "192.0.2.7"}); !fresh {
		t.Error("it is not made again for an address")
	}
	if entries, _ := os.ReadDir(dir); len(entries) != 2 {
		t.Errorf("the folder holds %v", entries)
	}
}

// TestBadFolder: a key that others can read, or that is none, stops the start and is not replaced.
func TestBadFolder(t *testing.T) {
	dir := t.TempDir()
	open(t, dir, Names{})
	key := filepath.Join(dir, keyName)
	if err := os.Chmod(key, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, _, err := OpenAuthority(dir, Names{}); err == nil || !strings.Contains(err.Error(), "others may read it") {
		t.Errorf("a readable key: %v", err)
	}
	if err := os.Chmod(key, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"empty": "", "rubbish": "x", "a certificate alone": string(mustRead(t, CertPath(dir)))} {
		if err := os.WriteFile(key, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, _, err := OpenAuthority(dir, Names{}); err == nil {
			t.Errorf("%s: opened", name)
		}
		if string(mustRead(t, key)) != text {
			t.Errorf("%s: replaced", name)
		}
	}
}

func mustRead(t *testing.T, path string) []byte {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// TestOldAuthority opens one that is about to end.
func TestOldAuthority(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		first, _ := open(t, dir, Names{Public: "dev.example.com"})
		time.Sleep(9 * 365 * 24 * time.Hour)
		if _, fresh := open(t, dir, Names{}); fresh {
			t.Error("it is made again with a year to live")
		}
		time.Sleep(300 * 24 * time.Hour)
		next, fresh := open(t, dir, Names{})
		if !fresh || next.cert.Equal(first.cert) || len(next.cert.PermittedDNSDomains) != 2 {
			t.Errorf("made: %v, for %v", fresh, next.cert.PermittedDNSDomains)
		}
	})
}

// TestOpenAtOnce makes one authority for several processes that start at once.
func TestOpenAtOnce(t *testing.T) {
	dir := t.TempDir()
	const n = 8
	certs := make(chan *x509.Certificate, n)
	for range n {
		go func() {
			a, _, err := OpenAuthority(dir, Names{})
			if err != nil {
				t.Error(err)
				certs <- nil
				return
			}
			certs <- a.cert
		}()
	}
	first := <-certs
	for range n - 1 {
		if c := <-certs; first == nil || c == nil || !c.Equal(first) {
			t.Error("there are several")
		}
	}
}

// FuzzAllow holds that no name outside of localhost is let in, however it is written.
func FuzzAllow(f *testing.F) {
	for _, s := range []string{"localhost", "a.localhost", "LOCALHOST", "localhost.", "127.0.0.1", "::ffff:127.0.0.1", "0x7f.1", "example.com\x00.localhost", "[::1]"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, name string) {
		if !(Names{}).Allow(name) {
			return
		}
		ip := net.ParseIP(name)
		if name != "localhost" && !strings.HasSuffix(name, ".localhost") && (ip == nil || !ip.IsLoopback() && name != emulator) {
			t.Errorf("%q is let in", name)
		}
	})
}
