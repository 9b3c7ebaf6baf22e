package server

import (
	"crypto/tls"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"
)

// TestForwardedProto tells how clients came, by what a trusted proxy says.
func TestForwardedProto(t *testing.T) {
	networks, err := parseNetworks("proxies", []string{"10.0.0.1"})
	p := proxies(networks)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		peer, proto string
		tls, want   bool
	}{
		{"10.0.0.1:1", "", false, false}, {"10.0.0.1:1", "", true, true},
		{"10.0.0.1:1", "https", false, true}, {"10.0.0.1:1", "HTTPS ", false, true}, {"10.0.0.1:1", "https", true, true},
		{"10.0.0.1:1", "http", false, false}, {"10.0.0.1:1", "http", true, false}, // TLS between the proxy and here alone
		{"10.0.0.1:1", "http, https", false, true}, {"10.0.0.1:1", "https, http", false, false}, {"10.0.0.1:1", "http\nhttps", false, true},
		{"10.0.0.1:1", "wss", false, false}, {"10.0.0.1:1", "https,", false, false},
		{"10.0.0.2:1", "https", false, false}, {"10.0.0.2:1", "http", true, true}, {"", "https", false, false}, // nobody's proxy
	} {
		r := httptest.NewRequest("GET", "/", nil)
		r.RemoteAddr = tt.peer
		if tt.tls {
			r.TLS = new(tls.ConnectionState)
		}
		for line := range strings.SplitSeq(tt.proto, "\n") {
			r.Header.Add("X-Forwarded-Proto", line)
		}
		var got bool
		p.believe(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got = r.TLS != nil })).ServeHTTP(nil, r)
		if got != tt.want {
			t.Errorf("%q from %s, by TLS: %v: %v, want %v", tt.proto, tt.peer, tt.tls, got, tt.want)
		}
	}
}

// TestOnlyTrustedProxiesAreBelieved asks for pages and documents with headers that name other hosts and TLS: none of it
// shows, but that a cookie is for TLS alone where a trusted proxy says that the client came by it (checklist 44).
func TestOnlyTrustedProxiesAreBelieved(t *testing.T) {
	seed := file(t, "seed.yaml", `pools:
  - id: us-east-1_Shop00001
    name: shop
    domain: shop
    clients:
      - id: shop0client000000000001
        oauth: {callback_urls: ["http://localhost:3000/cb"], grants: [code], scopes: [openid]}
`)
	const query = "?client_id=shop0client000000000001&response_type=code&redirect_uri=http%3A%2F%2Flocalhost%3A3000%2Fcb"
	paths := []string{"/us-east-1_Shop00001/.well-known/openid-configuration", "/us-east-1_Shop00001/.well-known/jwks.json", "/oauth2/authorize" + query, "/login" + query}
	for _, tt := range []struct {
		trusted []string
		proto   string
		secure  bool
	}{
		{nil, "https", false}, {[]string{"192.0.2.1"}, "https", false}, {[]string{"127.0.0.1"}, "http", false}, {[]string{"127.0.0.1"}, "https", true},
	} {
		s := start(t, Config{Dev: true, Addr: "127.0.0.1:0", Data: ":memory:", Seed: seed, TrustedProxies: tt.trusted}, io.Discard)
		for _, path := range paths {
			r, err := http.NewRequest("GET", s.URL()+path, nil)
			if err != nil {
				t.Fatal(err)
			}
			r.Host = "evil.example.com"
			for name, value := range map[string]string{"X-Forwarded-Host": "evil.example.com", "X-Forwarded-Proto": tt.proto, "X-Forwarded-Port": "6666",
				"Forwarded": "host=evil.example.com;proto=https", "X-Original-Host": "evil.example.com"} {
				r.Header.Set(name, value)
			}
			answer, err := trusting(t, anyCertificate(t)).Do(r)
			if err != nil {
				t.Fatal(err)
			}
			body, err := io.ReadAll(answer.Body)
			answer.Body.Close()
			if err != nil || answer.StatusCode >= 400 {
				t.Fatalf("%s: %d %s %v", path, answer.StatusCode, body, err)
			}
			for name, values := range answer.Header {
				body = append(body, name+strings.Join(values, " ")...)
			}
			if strings.Contains(string(body), "evil") || strings.Contains(string(body), "6666") {
				t.Errorf("trusting %v, %s answers %s", tt.trusted, path, body)
			}
			if !strings.HasPrefix(path, "/login") {
				continue
			}
			cookies := answer.Cookies()
			if secure := slices.ContainsFunc(cookies, func(c *http.Cookie) bool { return c.Secure }); len(cookies) == 0 || secure != tt.secure {
				t.Errorf("trusting %v, by %s: the cookies are %v", tt.trusted, tt.proto, cookies)
			}
		}
	}
}

func anyCertificate(t *testing.T) []byte {
	t.Helper()
	roots, _ := selfSigned(t)
	return mustRead(t, roots.CertFile)
}

func mustRead(t *testing.T, path string) []byte {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return text
}
