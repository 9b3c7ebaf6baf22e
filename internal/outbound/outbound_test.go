package outbound_test

import (
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"cognate/internal/outbound"
)

const limit = 1 << 16

func get(t *testing.T, c *http.Client, address string) (status int, body []byte, err error) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
	if err != nil {
		t.Fatal(err)
	}
	return outbound.Do(c, r, limit)
}

// TestAddresses tells public addresses from others (checklist 51).
func TestAddresses(t *testing.T) {
	for _, ip := range []string{
		"127.0.0.1", "127.255.255.254", "0.0.0.0", "0.1.2.3", "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "169.254.169.254", "100.64.0.1",
		"192.0.0.8", "192.0.2.1", "192.88.99.1", "198.18.0.1", "198.19.255.255", "198.51.100.7", "203.0.113.7", "224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255",
		"::", "::1", "::7f00:1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254", "fe80::1", "fe80::1%lo", "fec0::1", "fc00::1", "fd00:ec2::254", "ff02::1",
		"64:ff9b::7f00:1", "64:ff9b:1::1", "100::1", "2001::1", "2001:db8::1", "2002:7f00:1::", "3fff::1", "5f00::1",
	} {
		if err := outbound.CheckAddress(netip.AddrPortFrom(netip.MustParseAddr(ip), 443).String(), nil); !errors.Is(err, outbound.ErrAddress) {
			t.Errorf("%s: %v", ip, err)
		}
	}
	for _, ip := range []string{"1.1.1.1", "8.8.8.8", "172.15.255.255", "172.32.0.1", "100.63.255.255", "100.128.0.1", "198.20.0.1", "223.255.255.255", "2606:4700::1111", "2001:4860:4860::8888", "::ffff:8.8.8.8"} {
		if err := outbound.CheckAddress(netip.AddrPortFrom(netip.MustParseAddr(ip), 443).String(), nil); err != nil {
			t.Errorf("%s: %v", ip, err)
		}
	}
	for _, foul := range []string{"", "127.0.0.1", "localhost:80", "@/tmp/socket"} {
		if err := outbound.CheckAddress(foul, nil); !errors.Is(err, outbound.ErrAddress) {
			t.Errorf("%q: %v", foul, err)
		}
	}
	inner := []netip.Prefix{netip.MustParsePrefix("10.20.0.0/16")}
	if err := outbound.CheckAddress("10.20.3.4:443", inner); err != nil {
		t.Errorf("a network that the operator names: %v", err)
	}
	if err := outbound.CheckAddress("10.21.3.4:443", inner); !errors.Is(err, outbound.ErrAddress) {
		t.Errorf("the network beside: %v", err)
	}
}

// TestClosedClient looks at the address that is called, whatever name led there, and calls nothing inside (checklist 51).
func TestClosedClient(t *testing.T) {
	called := false
	s := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { called = true }))
	defer s.Close()
	closed := outbound.NewClient(false, nil)
	_, port, _ := net.SplitHostPort(strings.TrimPrefix(s.URL, "http://"))
	for _, host := range []string{"127.0.0.1", "localhost", "LOCALHOST", "[::ffff:127.0.0.1]", "0.0.0.0", "169.254.169.254"} {
		if _, _, err := get(t, closed, "http://"+host+":"+port); !errors.Is(err, outbound.ErrAddress) {
			t.Errorf("%s: %v", host, err)
		}
	}
	for _, host := range []string{"2130706433", "0x7f.1", "0177.0.0.1"} { // which are addresses for some, and names for others
		if _, _, err := get(t, closed, "http://"+host+":"+port); err == nil {
			t.Errorf("%s was called", host)
		}
	}
	if called {
		t.Error("the inside of the network was called")
	}
	named := outbound.NewClient(false, []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")})
	if status, _, err := get(t, named, s.URL); err != nil || status != http.StatusOK || !called {
		t.Errorf("an address that the operator names: %d %v", status, err)
	}
}

// TestRedirects leads neither inside, nor out of TLS, nor in circles, and carries nothing along (checklist 51).
func TestRedirects(t *testing.T) {
	named := outbound.NewClient(false, []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")})
	to, calls, last := "", 0, http.Header{}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		calls++
		last = r.Header
		if r.URL.Path != "/end" {
			http.Redirect(w, r, to, http.StatusTemporaryRedirect)
		}
	}))
	defer s.Close()
	to = "http://169.254.169.254/"
	if _, _, err := get(t, named, s.URL); !errors.Is(err, outbound.ErrAddress) {
		t.Errorf("inside: %v", err)
	}
	to, calls = "/again", 0
	if _, _, err := get(t, named, s.URL); err == nil || calls > 4 {
		t.Errorf("in circles: %v after %d calls", err, calls)
	}
	to = "/end"
	if status, _, err := get(t, named, s.URL+"/?client_secret=word"); err != nil || status != http.StatusOK || last.Get("Referer") != "" {
		t.Errorf("a redirect: %d, %v, with %v", status, err, last)
	}
	calls = 0
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL, strings.NewReader("client_secret=word"))
	if err != nil {
		t.Fatal(err)
	}
	if status, _, err := outbound.Do(named, r, limit); err != nil || status != http.StatusTemporaryRedirect || calls != 1 {
		t.Errorf("a secret was sent %d times: %d, %v", calls, status, err)
	}
	safe := httptest.NewTLSServer(http.RedirectHandler(s.URL+"/end", http.StatusFound))
	defer safe.Close()
	client := outbound.NewClient(true, nil)
	client.Transport.(*http.Transport).TLSClientConfig = safe.Client().Transport.(*http.Transport).TLSClientConfig
	if _, _, err := get(t, client, safe.URL); err == nil || !strings.Contains(err.Error(), "leaves TLS") {
		t.Errorf("out of TLS: %v", err)
	}
}

// TestErrorsHideQueries keeps what stands in an address out of the log (checklist 62), and what is wrong in it.
func TestErrorsHideQueries(t *testing.T) {
	_, _, err := get(t, outbound.NewClient(false, nil), "http://127.0.0.1:1/token?client_secret=word")
	if !errors.Is(err, outbound.ErrAddress) || strings.Contains(err.Error(), "word") || !strings.Contains(err.Error(), "127.0.0.1:1/token") {
		t.Errorf("%v", err)
	}
}

// TestBounds reads no answer that is too long.
func TestBounds(t *testing.T) {
	size := limit
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, strings.Repeat("x", size)) }))
	defer s.Close()
	any := outbound.NewClient(true, nil)
	if _, body, err := get(t, any, s.URL); err != nil || len(body) != limit {
		t.Errorf("as long as may be: %d, %v", len(body), err)
	}
	size++
	if _, _, err := get(t, any, s.URL); !errors.Is(err, outbound.ErrTooLong) {
		t.Errorf("too long an answer: %v", err)
	}
}

// TestConnectionsAreKept for the next sign-ins of many at once: a handshake for each would cost more than the sign-in.
func TestConnectionsAreKept(t *testing.T) {
	const crowd = 32
	var opened atomic.Int64
	var here sync.WaitGroup
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		here.Done()
		here.Wait() // for the others, each on a connection of its own
	}))
	s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			opened.Add(1)
		}
	}
	s.Start()
	defer s.Close()
	client := outbound.NewClient(true, nil)
	for range 3 {
		here.Add(crowd)
		var all sync.WaitGroup
		for range crowd {
			all.Go(func() {
				if _, _, err := get(t, client, s.URL); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
	}
	if n := opened.Load(); n != crowd {
		t.Errorf("%d connections for %d calls at once", n, crowd)
	}
}
