//go:build linux

package server

import (
	"io"
	"path/filepath"
	"testing"
)

// TestACMESharedStorage has two servers for the same names share a folder. The ACME server reaches one of them only:
// what the other asks for is answered there, and both show the same certificates.
func TestACMESharedStorage(t *testing.T) {
	bin, folder := installPebble(t), filepath.Join(t.TempDir(), "acme")
	seed := file(t, "seed.yaml", "pools:\n  - {id: eu-west-1_Shop, name: shop, domain: shop}\n")
	reached, hidden := production(t), production(t)
	for _, c := range []*Config{&reached, &hidden} {
		c.BehindTLSProxy, c.Seed, c.PublicURL = false, seed, "https://id.example.test"
		c.Addr, c.TLS.Addr = freeAddress(t), freeAddress(t)
	}
	p := startPebble(t, bin, portOf(reached.Addr), portOf(reached.TLS.Addr))
	for _, c := range []*Config{&reached, &hidden} {
		c.TLS.ACME = &ACME{AgreeTerms: true, Directory: p.directory, CAFile: p.caFile, Storage: folder}
	}
	start(t, reached, io.Discard)
	start(t, hidden, io.Discard)
	const shop = "shop.auth.eu-west-1.id.example.test"
	for _, name := range []string{shop, "id.example.test"} {
		first, err := serial(t, p.roots, hidden.TLS.Addr, name) // the domain of a pool is ordered here
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if second, err := serial(t, p.roots, reached.TLS.Addr, name); err != nil || first.Cmp(second) != 0 {
			t.Errorf("%s: the servers have a certificate each (%v)", name, err)
		}
	}
}
