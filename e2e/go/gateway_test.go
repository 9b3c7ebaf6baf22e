package e2e

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// documented is the configuration in docs/gateway.md for a proxy, in the terms of this test's own pool and addresses.
func documented(t *testing.T, proxy, poolID, backend string) string {
	t.Helper()
	page, err := os.ReadFile("../../docs/gateway.md")
	ok(t, err)
	found := regexp.MustCompile("(?s)```" + proxy + "\n(.*?)```").FindSubmatch(page)
	if found == nil {
		t.Fatalf("docs/gateway.md has nothing for %s", proxy)
	}
	return strings.NewReplacer("us-east-1_ExaMPle", poolID, "127.0.0.1:9229", strings.TrimPrefix(server(t), "http://"), "127.0.0.1:3000", backend).Replace(string(found[1]))
}

// freeAddress is one that nothing listens on.
func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	ok(t, err)
	defer l.Close()
	return l.Addr().String()
}

// run starts a proxy that lives as long as the test, and waits for it.
func run(t *testing.T, address string, command ...string) {
	t.Helper()
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Env = append(os.Environ(), "HOME="+t.TempDir())
	var out strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &out
	ok(t, cmd.Start())
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
	})
	for range 200 {
		if conn, err := net.Dial("tcp", address); err == nil {
			conn.Close()
			return
		}
		time.Sleep(25 * time.Millisecond)
	}
	cmd.Process.Kill()
	cmd.Wait()
	t.Fatalf("%s does not listen: %s", command[0], out.String())
}

// nginx starts one with the documented configuration.
func nginx(t *testing.T, poolID, backend string) string {
	dir, address := t.TempDir(), freeAddress(t)
	config := filepath.Join(dir, "nginx.conf")
	ok(t, os.WriteFile(config, []byte(`daemon off; master_process off; pid `+dir+`/pid; error_log stderr;
events {}
http {
	access_log off; client_body_temp_path `+dir+`/body; proxy_temp_path `+dir+`/proxy; fastcgi_temp_path `+dir+`/f; uwsgi_temp_path `+dir+`/u; scgi_temp_path `+dir+`/s;
	server { listen `+address+`; `+documented(t, "nginx", poolID, backend)+`}
}`), 0o600))
	run(t, address, "../proxies/usr/sbin/nginx", "-e", "stderr", "-p", dir, "-c", config)
	return address
}

// caddy starts one with the documented configuration.
func caddy(t *testing.T, poolID, backend string) string {
	dir, address := t.TempDir(), freeAddress(t)
	config := filepath.Join(dir, "Caddyfile")
	site := strings.Replace(documented(t, "caddy", poolID, backend), ":8080 {", "http://"+address+" {\n\tbind 127.0.0.1", 1)
	ok(t, os.WriteFile(config, []byte("{\n\tadmin off\n\tauto_https off\n}\n"+site), 0o600))
	run(t, address, "../proxies/usr/bin/caddy", "run", "--config", config, "--adapter", "caddyfile")
	return address
}

// TestProxies has nginx and Caddy, set up as the documentation says, let pass who has a good token, and nobody else.
func TestProxies(t *testing.T) {
	for name, start := range map[string]func(t *testing.T, poolID, backend string) string{"nginx": nginx, "Caddy": caddy} {
		t.Run(name, func(t *testing.T) {
			k, other := newKit(t), newKit(t)
			user := k.user(t, "guarded")
			tokens := k.tokens(t, user, password)
			foreign := other.tokens(t, other.user(t, "stranger"), password)
			sub, _ := claims(t, tokens.AccessToken)["sub"].(string)
			passed := 0
			backend := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				passed++
				body, _ := io.ReadAll(r.Body)
				w.Write([]byte(strings.Join([]string{r.Method, r.URL.RequestURI(), string(body), r.Header.Get("X-Cognate-Sub"), r.Header.Get("X-Cognate-Groups"), r.Header.Get("X-Cognate-Email")}, "|")))
			}))
			defer backend.Close()
			address := start(t, *k.poolID, strings.TrimPrefix(backend.URL, "http://"))
			ask := func(path, authorization string) (int, string) {
				req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+address+path, strings.NewReader("hello"))
				ok(t, err)
				req.Header.Set("X-Cognate-Groups", "admins")
				req.Header.Set("X-Cognate-Email", "root@example.com")
				if authorization != "" {
					req.Header.Set("Authorization", authorization)
				}
				resp, err := http.DefaultClient.Do(req)
				ok(t, err)
				defer resp.Body.Close()
				body, err := io.ReadAll(resp.Body)
				ok(t, err)
				if resp.StatusCode != http.StatusOK && !strings.HasPrefix(resp.Header.Get("WWW-Authenticate"), "Bearer") {
					t.Errorf("%s: %d without WWW-Authenticate", path, resp.StatusCode)
				}
				return resp.StatusCode, string(body)
			}
			if status, text := ask("/things?scope=photos/read&x=1", "Bearer "+*tokens.AccessToken); status != 200 || text != "POST|/things?scope=photos/read&x=1|hello|"+sub+"||" {
				t.Errorf("a good token: %d %q", status, text)
			}
			passed = 0
			for what, authorization := range map[string]string{
				"nothing": "", "an ID token": "Bearer " + *tokens.IdToken, "a stranger's": "Bearer " + *foreign.AccessToken, "half of one": "Bearer " + (*tokens.AccessToken)[:len(*tokens.AccessToken)/2],
			} {
				if status, text := ask("/things?user_pool_id="+*other.poolID, authorization); status != 401 || passed > 0 {
					t.Errorf("%s: %d %q, passed %d", what, status, text, passed)
				}
			}
		})
	}
}
