package tlscert

import (
	"crypto/sha1"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
)

// TrustStore is the store of the certificates that a system trusts.
type TrustStore struct {
	// Root is the folder of another system than the running one, such as an image that is being built; empty
	// is the running system's own. In another one files are written, and no commands run.
	Root string
}

// linuxStore is where a family of Linux systems has the certificates of its administrator, and by which commands it
// takes up new ones and drops old ones.
type linuxStore struct {
	folder    string // that of its system alone
	add, drop []string
}

var linuxStores = []linuxStore{
	// Debian, Ubuntu, Alpine; without --fresh, links to what is gone stay
	{"/usr/local/share/ca-certificates", []string{"update-ca-certificates"}, []string{"update-ca-certificates", "--fresh"}},
	// Fedora, RHEL, Amazon Linux
	{"/etc/pki/ca-trust/source/anchors", []string{"update-ca-trust", "extract"}, []string{"update-ca-trust", "extract"}},
	// Arch
	{"/etc/ca-certificates/trust-source/anchors", []string{"update-ca-trust"}, []string{"update-ca-trust"}},
	// openSUSE
	{"/usr/share/pki/trust/anchors", []string{"update-ca-certificates"}, []string{"update-ca-certificates", "--fresh"}},
}

const systemKeychain = "/Library/Keychains/System.keychain"

// certificate is a file to install, and what it holds.
type certificate struct {
	path string
	text []byte
	sum  string // what macOS knows certificates by
}

func readCertificate(path string) (c certificate, err error) {
	c.path = path
	if c.text, err = os.ReadFile(path); err != nil {
		return c, err
	}
	block, _ := pem.Decode(c.text)
	if block == nil || block.Type != "CERTIFICATE" {
		return c, fmt.Errorf("%s holds no certificate", path)
	}
	sum := sha1.Sum(block.Bytes)
	c.sum = hex.EncodeToString(sum[:])
	return c, nil
}

// name is that of the certificate in a folder with others: a system may trust the CAs of several data folders.
func (c certificate) name() string { return "cognate-development-ca-" + c.sum[:8] + ".crt" }

// Install makes the system trust the certificate in a file, and returns what it did, in lines. It needs the rights of
// the administrator and asks for none: without them it is an error that says so.
func (s TrustStore) Install(path string) (did []string, err error) {
	c, err := readCertificate(path)
	if err != nil {
		return nil, err
	}
	if s.Root == "" && runtime.GOOS == "darwin" {
		return runAll([]string{"security", "add-trusted-cert", "-d", "-r", "trustRoot", "-k", systemKeychain, path})
	}
	store, err := s.linux()
	if err != nil {
		return nil, err
	}
	target := filepath.Join(s.Root, store.folder, c.name())
	if err := writeFile(target, c.text, 0o644, os.Rename); err != nil {
		return nil, mayNot(err)
	}
	return s.update(store.add, "wrote "+target)
}

// Uninstall undoes Install, of the certificate in the same file. A store without it is an error.
func (s TrustStore) Uninstall(path string) (did []string, err error) {
	c, err := readCertificate(path)
	if err != nil {
		return nil, err
	}
	if s.Root == "" && runtime.GOOS == "darwin" {
		return runAll([]string{"security", "remove-trusted-cert", "-d", path},
			[]string{"security", "delete-certificate", "-Z", c.sum, systemKeychain})
	}
	store, err := s.linux()
	if err != nil {
		return nil, err
	}
	target := filepath.Join(s.Root, store.folder, c.name())
	if err := os.Remove(target); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("the CA is not installed: there is no %s", target)
		}
		return nil, mayNot(err)
	}
	return s.update(store.drop, "removed "+target)
}

// linux finds the store by its folder.
func (s TrustStore) linux() (linuxStore, error) {
	if s.Root == "" && runtime.GOOS != "linux" {
		return linuxStore{}, fmt.Errorf("installing on %s is not supported: do it by the commands that `cognate trust` prints", runtime.GOOS)
	}
	for _, store := range linuxStores {
		if info, err := os.Stat(filepath.Join(s.Root, store.folder)); err == nil && info.IsDir() {
			return store, nil
		}
	}
	return linuxStore{}, errors.New("this system has none of the known folders of trusted certificates: is the package ca-certificates installed?")
}

// update runs a command of the system, after what has been done.
func (s TrustStore) update(command []string, did string) ([]string, error) {
	if s.Root != "" {
		return []string{did, "not run, for it belongs to that system: " + strings.Join(command, " ")}, nil
	}
	ran, err := runAll(command)
	return append([]string{did}, ran...), err
}

// runAll runs commands until one fails.
func runAll(commands ...[]string) (did []string, err error) {
	for _, c := range commands {
		out, err := exec.Command(c[0], c[1:]...).CombinedOutput()
		if err != nil {
			return did, fmt.Errorf("%s: %w\n%s", strings.Join(c, " "), mayNot(err), out)
		}
		did = append(did, "ran "+strings.Join(c, " "))
	}
	return did, nil
}

// mayNot says what to do about a lack of rights.
func mayNot(err error) error {
	if errors.Is(err, fs.ErrPermission) || os.Geteuid() > 0 {
		return fmt.Errorf("%w: the system's certificates are the administrator's: run this with sudo", err)
	}
	return err
}
