package tlscert

import (
	"crypto/x509"
	"encoding/pem"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// TestOpenSSL has OpenSSL judge what an authority's key has signed: it takes local names, and no others.
func TestOpenSSL(t *testing.T) {
	if _, err := exec.LookPath("openssl"); err != nil {
		t.Fatal("OpenSSL is missing: ", err)
	}
	local, aws := newTestAuthority(t, Names{}), newTestAuthority(t, Names{AWS: true})
	public := newTestAuthority(t, Names{Public: "dev.example.com"})
	for _, tt := range []struct {
		a    *Authority
		host string
		want bool
	}{
		{local, "localhost", true}, {local, "shop.auth.us-east-1.localhost", true}, {local, "127.0.0.1", true},
		{local, "::1", true}, {local, "10.0.2.2", true}, {public, "dev.example.com", true},
		{local, "example.com", false}, {local, "notlocalhost", false}, {local, "10.0.2.3", false}, {local, "::2", false},
		{local, "cognito-idp.us-east-1.amazonaws.com", false}, {public, "example.com", false},
		{aws, "cognito-idp.us-east-1.amazonaws.com", true}, {aws, "shop.auth.us-east-1.amazoncognito.com", true},
		{aws, "s3.us-east-1.amazonaws.com", false}, {aws, "cognito-idp.us-east-1.amazonaws.com.example.com", false},
	} {
		cert, err := tt.a.sign([]string{tt.host})
		if err != nil {
			t.Fatal(err)
		}
		if out, err := openSSL(t, tt.a.PEM(), cert.Leaf); (err == nil) != tt.want {
			t.Errorf("%s: %v %s", tt.host, err, out)
		}
	}
}

// openSSL verifies a server's certificate, with an authority as the only one that is trusted.
func openSSL(t *testing.T, authority []byte, leaf *x509.Certificate) ([]byte, error) {
	t.Helper()
	dir := t.TempDir()
	ca, server := filepath.Join(dir, "ca.pem"), filepath.Join(dir, "leaf.pem")
	for path, text := range map[string][]byte{ca: authority, server: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: leaf.Raw})} {
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return exec.Command("openssl", "verify", "-x509_strict", "-purpose", "sslserver", "-no-CApath", "-no-CAstore", "-CAfile", ca, server).CombinedOutput()
}
