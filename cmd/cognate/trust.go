package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"

	"cognate/internal/server"
	"cognate/internal/tlscert"
)

type trust struct {
	Data      string `default:".cognate" help:"Data folder of the development server."`
	Install   bool   `xor:"way" help:"Make this system trust the CA. Asks nothing, and needs the administrator's rights."`
	Uninstall bool   `xor:"way" help:"Make this system trust the CA no longer."`
	Root      string `type:"existingdir" help:"Folder of another system to install into, such as an image that is being built."`
}

func (t *trust) Run() error {
	path, err := filepath.Abs(tlscert.CertPath(server.AuthorityFolder(t.Data)))
	if err != nil {
		return err
	}
	if _, err := os.Stat(path); err != nil {
		return fmt.Errorf("there is no CA: `cognate dev --tls` makes one (%w)", err)
	}
	store := tlscert.TrustStore{Root: t.Root}
	switch {
	case t.Install:
		return tell(store.Install(path))
	case t.Uninstall:
		return tell(store.Uninstall(path))
	}
	return explain(os.Stdout, path, t.Data)
}

// tell prints what was done, which may be a part when it failed.
func tell(did []string, err error) error {
	for _, line := range did {
		fmt.Println(line)
	}
	return err
}

func explain(w io.Writer, path, data string) error {
	scope, err := tlscert.Scope(path)
	if err != nil {
		return err
	}
	data, err = filepath.Abs(data)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(w, `%[1]s

is the certificate to trust, of a CA that can sign for nothing but these and the names below them:

  %[2]s

On this machine (Linux, macOS):

  sudo cognate trust --install --data %[3]s

or by hand, and elsewhere:

  Debian, Ubuntu   sudo cp %[1]s /usr/local/share/ca-certificates/cognate-development-ca.crt && sudo update-ca-certificates
  Fedora, RHEL     sudo cp %[1]s /etc/pki/ca-trust/source/anchors/cognate-development-ca.crt && sudo update-ca-trust extract
  Arch             sudo trust anchor --store %[1]s
  macOS            sudo security add-trusted-cert -d -r trustRoot -k /Library/Keychains/System.keychain %[1]s
  Windows          certutil -addstore -f ROOT %[1]s
  Chrome on Linux  certutil -d sql:$HOME/.pki/nssdb -A -t C,, -n cognate -i %[1]s
  iOS simulator    xcrun simctl keychain booted add-root-cert %[1]s

Programs with certificates of their own:

  Node             export NODE_EXTRA_CA_CERTS=%[1]s
  AWS CLI, boto3   export AWS_CA_BUNDLE=%[1]s
  curl             curl --cacert %[1]s https://localhost:9230/_cognate/ready
`, path, scope, data)
	return err
}
