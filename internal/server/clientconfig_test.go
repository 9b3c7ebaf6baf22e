package server

import (
	"io"
	"net/http"
	"strings"
	"testing"
)

// TestClientConfigurations are for development alone; their domain is at the port for HTTPS.
func TestClientConfigurations(t *testing.T) {
	seed := file(t, "seed.yaml", `pools:
  - id: us-east-1_Shop00001
    name: shop
    domain: shop
    clients:
      - id: shop0client000000000001
        oauth: {callback_urls: ["https://localhost:3000/cb"], grants: [code], scopes: [openid]}
`)
	c := production(t)
	c.Seed = seed
	inProduction := start(t, c, io.Discard)
	inDevelopment := start(t, Config{Dev: true, Addr: "127.0.0.1:0", Data: ":memory:", Seed: seed, TLS: TLS{Local: true, Addr: "127.0.0.1:0"}}, io.Discard)
	for _, name := range []string{"amplify.json", "amplify.ts"} {
		path := "/_cognate/clients/shop0client000000000001/" + name
		if status, _, text, err := fetch(http.DefaultClient, "http", "127.0.0.1", portOf(inProduction.URL()), path); status != 404 || strings.Contains(text, "shop") {
			t.Errorf("in production, %s: %d %s %v", path, status, text, err)
		}
		want := `"shop.auth.us-east-1.localhost:` + portOf(inDevelopment.SecureURL()) + `"`
		if status, _, text, err := fetch(http.DefaultClient, "http", "127.0.0.1", portOf(inDevelopment.URL()), path); status != 200 || !strings.Contains(text, want) {
			t.Errorf("in development, %s: %d %s %v", path, status, text, err)
		}
	}
}
