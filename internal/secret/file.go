package secret

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
)

// ParseKey reads a master key: 32 bytes as 64 hex digits of either case or as
// base64 (standard or URL alphabet, with or without padding). White space
// around it is ignored. The error never shows the text.
func ParseKey(text string) ([]byte, error) {
	text = strings.TrimSpace(text)
	if key, err := hex.DecodeString(text); err == nil && len(key) == KeySize {
		return key, nil
	}
	for _, enc := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding, base64.StdEncoding, base64.URLEncoding} {
		key, err := enc.Strict().DecodeString(text)
		if err == nil && len(key) == KeySize && enc.EncodedLen(KeySize) == len(text) {
			return key, nil
		}
	}
	return nil, fmt.Errorf("secret: a master key is %d bytes in hex or base64", KeySize)
}

// ParseKeys reads the content of a key file: one key a line as [ParseKey]
// reads it, the active one first, then the older ones, newest first. Empty
// lines and lines that begin with # are skipped. The error names the line,
// never its text.
func ParseKeys(text string) (*Keyring, error) {
	var keys [][]byte
	lines := bufio.NewScanner(strings.NewReader(text))
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSpace(lines.Text())
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		key, err := ParseKey(line)
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", n, err)
		}
		keys = append(keys, key)
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("secret: %w", err)
	}
	if len(keys) == 0 {
		return nil, errors.New("secret: no master key given")
	}
	return NewKeyring(keys[0], keys[1:]...)
}

// LoadFile reads a key file (see [ParseKeys] for its form). It refuses a file
// that its group or others may read or write; Windows has no such bits and is
// not checked. The error is fs.ErrNotExist when there is no file.
func LoadFile(path string) (*Keyring, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("secret: %w", err)
	}
	defer f.Close()
	if err := checkMode(f); err != nil {
		return nil, err
	}
	var content bytes.Buffer
	if _, err := content.ReadFrom(f); err != nil {
		return nil, fmt.Errorf("secret: %w", err)
	}
	ring, err := ParseKeys(content.String())
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return ring, nil
}

// checkMode looks at the open file, not at the path, which may come to name
// another file meanwhile.
func checkMode(f *os.File) error {
	info, err := f.Stat()
	if err != nil {
		return fmt.Errorf("secret: %w", err)
	}
	if !info.Mode().IsRegular() {
		return fmt.Errorf("secret: %s is not a regular file", f.Name())
	}
	if mode := info.Mode().Perm(); runtime.GOOS != "windows" && mode&0o077 != 0 {
		return fmt.Errorf("secret: %s may be read by others (mode %04o): chmod 600 it", f.Name(), mode)
	}
	return nil
}

// LoadOrCreateFile is [LoadFile], but first writes a fresh random key, mode
// 0600, when there is no file. It never replaces a file: when two processes
// start at once, one creates the file and both get its key. The folder must exist.
func LoadOrCreateFile(path string) (*Keyring, error) {
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		if err := createFile(path); err != nil && !errors.Is(err, fs.ErrExist) {
			return nil, fmt.Errorf("secret: %w", err)
		}
	}
	return LoadFile(path)
}

// createFile writes the key beside path and then links it to its name: a link
// fails when the name is taken, and whoever sees the name sees the whole key.
func createFile(path string) error {
	tmp, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*") // mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name())
	if err := writeKey(tmp); err != nil {
		return err
	}
	if err := os.Link(tmp.Name(), path); err == nil || errors.Is(err, fs.ErrExist) {
		return errors.Join(err, syncDir(filepath.Dir(path)))
	}
	return createExclusive(path)
}

// createExclusive is for file systems without hard links. Another process may
// see the file before the key is in it, and then fails to start, once.
func createExclusive(path string) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	return writeKey(f)
}

// writeKey syncs before it closes: a key lost with the power is data lost.
func writeKey(f *os.File) error {
	_, err := fmt.Fprintln(f, hex.EncodeToString(RandomBytes(KeySize)))
	return errors.Join(err, f.Sync(), f.Close())
}

// syncDir makes the new name durable. Windows cannot sync a folder and need not.
func syncDir(dir string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
