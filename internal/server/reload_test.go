//go:build linux

package server

import (
	"os"
	"testing"
)

// TestReloadedCertificate changes the files under a running server: soon its clients get the new certificate.
func TestReloadedCertificate(t *testing.T) {
	var files TLS
	s, _ := secured(t, func(c *Config) { files = c.TLS })
	addr, before := s.entrances.secure.Addr().String(), mustRead(t, files.CertFile)
	if _, err := serial(t, before, addr, "127.0.0.1"); err != nil {
		t.Fatal(err)
	}
	next := other(t)
	for from, to := range map[string]string{next.CertFile: files.CertFile, next.KeyFile: files.KeyFile} {
		if err := os.Rename(from, to); err != nil {
			t.Fatal(err)
		}
	}
	after := mustRead(t, files.CertFile)
	eventually(t, func() error { _, err := serial(t, after, addr, "127.0.0.1"); return err })
	if _, err := serial(t, before, addr, "127.0.0.1"); err == nil {
		t.Error("the old certificate is still in use")
	}
}
