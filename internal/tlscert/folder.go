package tlscert

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
)

// The files of an authority's folder: its certificate, for clients, and the same with its key.
const (
	certName = "ca.pem"
	keyName  = "ca.key"
)

// CertPath is where the certificate of an authority in a folder is.
func CertPath(dir string) string { return filepath.Join(dir, certName) }

// OpenAuthority returns the authority whose key is in a folder. It is made where there is none, and made again,
// for more names than before, where the names have come to more than it may sign for, or when it is about to expire:
// fresh then says that clients must trust it anew. A key that others can read is an error.
func OpenAuthority(dir string, n Names) (a *Authority, fresh bool, err error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, false, err
	}
	path := filepath.Join(dir, keyName)
	a, err = readAuthority(path, n)
	if errors.Is(err, fs.ErrNotExist) {
		if a, err = NewAuthority(n); err == nil {
			fresh, err = true, a.write(path, os.Link)
		}
		if errors.Is(err, fs.ErrExist) { // another process was faster
			a, err = readAuthority(path, n)
		}
	}
	if err == nil && !a.serves() {
		if a, err = a.renewed(); err == nil {
			fresh, err = true, a.write(path, os.Rename)
		}
	}
	if err != nil {
		return nil, false, fmt.Errorf("the development CA %s: %w", path, err)
	}
	return a, fresh, writeCert(CertPath(dir), a.PEM())
}

// Scope returns what the authority with the certificate in a file can sign for, in words.
func Scope(path string) (string, error) {
	c, err := readCertificate(path)
	if err != nil {
		return "", err
	}
	block, _ := pem.Decode(c.text)
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return "", err
	}
	scope := slices.Clone(cert.PermittedDNSDomains)
	if more := len(awsDomains()); len(scope) > more {
		scope = slices.DeleteFunc(scope, func(d string) bool { return slices.Contains(awsDomains(), d) })
		scope = append(scope, "the host names of Amazon Cognito")
	}
	for _, n := range cert.PermittedIPRanges {
		scope = append(scope, n.String())
	}
	return strings.Join(scope, ", "), nil
}

func readAuthority(path string, n Names) (*Authority, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("others may read it (%v): chmod 600", info.Mode().Perm())
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	return parseAuthority(n, text)
}

// write puts the authority into a file, whole or not at all; place gives the written file its name.
func (a *Authority) write(path string, place func(old, new string) error) error {
	text, err := a.encode()
	if err != nil {
		return err
	}
	return writeFile(path, text, 0o600, place)
}

// writeCert writes the certificate where it is not there already: those who watch the file need not look again.
func writeCert(path string, text []byte) error {
	if old, err := os.ReadFile(path); err == nil && bytes.Equal(old, text) {
		return nil
	}
	return writeFile(path, text, 0o644, os.Rename)
}

func writeFile(path string, text []byte, mode fs.FileMode, place func(old, new string) error) error {
	tmp, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*") // mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name())
	_, err = tmp.Write(text)
	if err := errors.Join(err, tmp.Chmod(mode), tmp.Sync(), tmp.Close()); err != nil {
		return err
	}
	return place(tmp.Name(), path)
}
