package federation_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"

	"cognate/internal/federation"
)

// TestAddresses calls public addresses alone, whatever a name resolves to, and through redirects, too (checklist 51).
func TestAddresses(t *testing.T) {
	called := false
	s := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { called = true }))
	defer s.Close()
	closed := federation.Env{HTTP: federation.NewClient(false, nil)}
	port := s.URL[strings.LastIndex(s.URL, ":"):]
	for _, host := range []string{
		"127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", "0.0.0.0", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1",
		"[fe80::1]", "[fd00::1]", "[64:ff9b::7f00:1]", "[2002:7f00:1::]", "224.0.0.1", "255.255.255.255", "198.18.0.1", "2130706433", "0x7f.1",
	} {
		_, _, err := closed.Get(t.Context(), "http://"+host+port)
		if err == nil || called {
			t.Errorf("%s was called", host)
		}
	}
	if _, _, err := closed.Get(t.Context(), s.URL); !errors.Is(err, federation.ErrAddress) {
		t.Errorf("%v", err)
	}
	named := federation.Env{HTTP: federation.NewClient(false, []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")})}
	if status, _, err := named.Get(t.Context(), s.URL); err != nil || status != 200 || !called {
		t.Errorf("an address that the operator names: %d %v", status, err)
	}
	away := httptest.NewServer(http.RedirectHandler("http://169.254.169.254/", http.StatusFound))
	defer away.Close()
	if _, _, err := named.Get(t.Context(), away.URL); !errors.Is(err, federation.ErrAddress) {
		t.Errorf("through a redirect: %v", err)
	}
}

// TestMap joins what has several values, and leaves out what is not there.
func TestMap(t *testing.T) {
	got := federation.Map(map[string]string{"email": "mail", "custom:groups": "groups", "name": "none", "nickname": "blank", "username": "sub"},
		federation.Claims{"mail": {"a b@example.com"}, "groups": {"a b", "c,d", "é*~-._"}, "blank": {""}, "sub": {"1"}})
	want := map[string]string{"email": "a b@example.com", "custom:groups": "[a+b,c%2Cd,%C3%A9*%7E-._]", "nickname": ""}
	for name, value := range want {
		if got[name] != value {
			t.Errorf("%s is %q, want %q", name, got[name], value)
		}
	}
	if len(got) != len(want) {
		t.Errorf("%v", got)
	}
}
