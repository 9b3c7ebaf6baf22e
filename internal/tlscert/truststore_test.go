package tlscert

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestInstallIntoAnotherSystem installs into the folders of each kind of system, twice over, and takes it out again.
func TestInstallIntoAnotherSystem(t *testing.T) {
	dir := t.TempDir()
	a, _ := open(t, dir, Names{})
	for _, store := range linuxStores {
		s := TrustStore{Root: t.TempDir()}
		folder := filepath.Join(s.Root, store.folder)
		if _, err := s.Install(CertPath(dir)); err == nil || !strings.Contains(err.Error(), "ca-certificates") {
			t.Errorf("%s: without a store: %v", store.folder, err)
		}
		if err := os.MkdirAll(folder, 0o755); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Uninstall(CertPath(dir)); err == nil || !strings.Contains(err.Error(), "is not installed") {
			t.Errorf("%s: not installed: %v", store.folder, err)
		}
		for range 2 {
			did, err := s.Install(CertPath(dir))
			if err != nil || len(did) != 2 || !strings.HasPrefix(did[0], "wrote "+folder) || !strings.Contains(did[1], strings.Join(store.add, " ")) {
				t.Errorf("%s: %q, %v", store.folder, did, err)
			}
		}
		entries, _ := os.ReadDir(folder)
		if len(entries) != 1 || !strings.HasSuffix(entries[0].Name(), ".crt") || string(mustRead(t, filepath.Join(folder, entries[0].Name()))) != string(a.PEM()) {
			t.Errorf("%s holds %v", folder, entries)
		}
		if did, err := s.Uninstall(CertPath(dir)); err != nil || !strings.HasPrefix(did[0], "removed ") || !strings.HasSuffix(did[1], strings.Join(store.drop, " ")) {
			t.Errorf("%s: %q, %v", store.folder, did, err)
		}
		if entries, _ := os.ReadDir(folder); len(entries) != 0 {
			t.Errorf("%s still holds %v", folder, entries)
		}
	}
}

func TestInstallNothing(t *testing.T) {
	for _, path := range []string{filepath.Join(t.TempDir(), "none"), os.DevNull} {
		if _, err := (TrustStore{Root: t.TempDir()}).Install(path); err == nil {
			t.Errorf("%s is installed", path)
		}
		if _, err := (TrustStore{Root: t.TempDir()}).Uninstall(path); err == nil {
			t.Errorf("%s is taken out", path)
		}
	}
}
