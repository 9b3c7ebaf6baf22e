package tlscert

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// put writes a certificate of a new authority for hosts into the files of a pair, and returns what it wrote.
func put(t *testing.T, p Pair, hosts ...string) *x509.Certificate {
	t.Helper()
	a := newTestAuthority(t, Names{})
	cert, err := a.sign(hosts)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(cert.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	write(t, p.CertFile, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert.Certificate[0]})))
	write(t, p.KeyFile, string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})))
	return cert.Leaf
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func pair(dir, name string) Pair {
	return Pair{filepath.Join(dir, name+".pem"), filepath.Join(dir, name+".key")}
}

// shown is the certificate that a client gets.
func shown(t *testing.T, f *Files, name string) *x509.Certificate {
	t.Helper()
	c, err := f.GetCertificate(&tls.ClientHelloInfo{ServerName: name, SupportedVersions: []uint16{tls.VersionTLS13},
		SignatureSchemes: []tls.SignatureScheme{tls.ECDSAWithP256AndSHA256}})
	if err != nil {
		t.Fatal(err)
	}
	return c.Leaf
}

// TestReload changes files under a server: clients get the new certificate, but for one that is broken.
func TestReload(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		p := pair(t.TempDir(), "a")
		first := put(t, p, "a.example.com")
		f, err := OpenFiles([]Pair{p}, slog.New(slog.NewTextHandler(&log, nil)))
		if err != nil {
			t.Fatal(err)
		}
		second := put(t, p, "a.example.com")
		if !shown(t, f, "").Equal(first) {
			t.Error("the files are looked at in every handshake")
		}
		time.Sleep(recheckEvery)
		if !shown(t, f, "").Equal(second) || !strings.Contains(log.String(), "a new certificate is in use") {
			t.Errorf("the new certificate is not in use; the log says %s", &log)
		}
		for name, spoil := range map[string]func(){
			"rubbish": func() { write(t, p.CertFile, "rubbish") },
			"no key":  func() { os.Remove(p.KeyFile) },
			"another's key": func() {
				put(t, p, "a.example.com")
				other := pair(t.TempDir(), "b")
				put(t, other, "b")
				p2, _ := os.ReadFile(other.KeyFile)
				write(t, p.KeyFile, string(p2))
			},
			"no file at all": func() { os.Remove(p.KeyFile); os.Remove(p.CertFile) },
			"a folder":       func() { os.Remove(p.CertFile); os.Mkdir(p.CertFile, 0o700) },
		} {
			log.Reset()
			spoil()
			for range 5 {
				time.Sleep(recheckEvery)
				if !shown(t, f, "").Equal(second) {
					t.Errorf("%s: the old certificate is not in use", name)
				}
			}
			if n := strings.Count(log.String(), "level=ERROR"); n != 1 {
				t.Errorf("%s: logged %d times, want once: %s", name, n, &log)
			}
			os.Remove(p.CertFile)
			second = put(t, p, "a.example.com")
			time.Sleep(recheckEvery)
			if !shown(t, f, "").Equal(second) {
				t.Errorf("after %s, a good certificate is not in use", name)
			}
		}
	})
}

// TestSeveralFiles chooses by the name that a client wants.
func TestSeveralFiles(t *testing.T) {
	dir := t.TempDir()
	a, b := pair(dir, "a"), pair(dir, "b")
	first, second := put(t, a, "a.example.com"), put(t, b, "*.b.example.com", "b.example.com")
	f, err := OpenFiles([]Pair{a, b}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]*x509.Certificate{
		"a.example.com": first, "b.example.com": second, "x.b.example.com": second, "": first, "other.example.com": first,
	} {
		if !shown(t, f, name).Equal(want) {
			t.Errorf("%q gets the other one", name)
		}
	}
}

func TestBadFiles(t *testing.T) {
	dir := t.TempDir()
	good, bad := pair(dir, "a"), pair(dir, "b")
	put(t, good, "a.example.com")
	for name, pairs := range map[string][]Pair{"none": {}, "missing": {bad}, "one missing": {good, bad}, "swapped": {{good.KeyFile, good.CertFile}}} {
		if _, err := OpenFiles(pairs, slog.New(slog.DiscardHandler)); err == nil {
			t.Errorf("%s: opened", name)
		}
	}
}
