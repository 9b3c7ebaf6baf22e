// Package outbound calls addresses that are not the server's own choice, without reaching the inside of the operator's network by them.
package outbound

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"syscall"
	"time"
)

// The bounds of a call.
const (
	callTimeout  = 5 * time.Second
	maxRedirects = 3
)

// How many connections are kept for calls to come, to one host and to all: a handshake costs more than all else in a sign-in
// but our own signatures.
const (
	maxIdlePerHost = 64
	maxIdle        = 1000
)

// ErrAddress says that an address is not one that may be called.
var ErrAddress = errors.New("outbound: the address is not public")

// NewClient makes a client that calls what others name. Unless any is set, as in development, it calls public addresses alone, and
// those that allowed names: whoever may name an address must not reach the inside of the operator's network by it (CWE-918). What
// a name resolves to is looked at when the connection is made, so that no later answer of the DNS gets around it.
func NewClient(any bool, allowed []netip.Prefix) *http.Client {
	d := net.Dialer{Timeout: callTimeout}
	if !any {
		d.Control = func(_, address string, _ syscall.RawConn) error { return checkAddress(address, allowed) }
	}
	return &http.Client{
		Timeout: callTimeout,
		Transport: &http.Transport{
			DialContext: d.DialContext, Proxy: nil, TLSHandshakeTimeout: callTimeout, ResponseHeaderTimeout: callTimeout,
			MaxIdleConnsPerHost: maxIdlePerHost, MaxIdleConns: maxIdle, IdleConnTimeout: time.Minute,
			MaxResponseHeaderBytes: 64 << 10, ForceAttemptHTTP2: true,
		},
		CheckRedirect: func(r *http.Request, via []*http.Request) error {
			if len(via) > maxRedirects {
				return errors.New("outbound: too many redirects")
			}
			if via[0].URL.Scheme == "https" && r.URL.Scheme != "https" {
				return errors.New("outbound: a redirect leaves TLS")
			}
			if via[0].Method != http.MethodGet {
				return http.ErrUseLastResponse // what was posted is for one address alone
			}
			r.Header.Del("Referer") // it tells the query of the address before, in which secrets may stand
			return nil
		},
	}
}

func checkAddress(address string, allowed []netip.Prefix) error {
	at, err := netip.ParseAddrPort(address)
	if err != nil {
		return fmt.Errorf("%w: %s", ErrAddress, address)
	}
	ip := at.Addr().Unmap().WithZone("")
	for _, network := range allowed {
		if network.Contains(ip) {
			return nil
		}
	}
	if !ip.IsGlobalUnicast() || ip.IsPrivate() || ip.Is6() && !global.Contains(ip) || inside(ip) {
		return fmt.Errorf("%w: %s", ErrAddress, ip)
	}
	return nil
}

// global is where the public addresses of IPv6 are.
var global = netip.MustParsePrefix("2000::/3")

// special are networks that are not private by name, but lead inside or nowhere all the same (RFC 6890).
var special = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"), netip.MustParsePrefix("100.64.0.0/10"), netip.MustParsePrefix("192.0.0.0/24"),
	netip.MustParsePrefix("192.0.2.0/24"), netip.MustParsePrefix("192.88.99.0/24"), netip.MustParsePrefix("198.18.0.0/15"),
	netip.MustParsePrefix("198.51.100.0/24"), netip.MustParsePrefix("203.0.113.0/24"), netip.MustParsePrefix("240.0.0.0/4"),
	netip.MustParsePrefix("2001::/23"), netip.MustParsePrefix("2001:db8::/32"), netip.MustParsePrefix("2002::/16"),
	netip.MustParsePrefix("3fff::/20"),
}

func inside(ip netip.Addr) bool {
	for _, network := range special {
		if network.Contains(ip) {
			return true
		}
	}
	return false
}

// ErrTooLong says that an answer is longer than is read.
var ErrTooLong = errors.New("outbound: the answer is too long")

// Do sends a request and reads the answer, which may not be longer than limit. An error names no query of an address, in which
// secrets may stand.
func Do(c *http.Client, r *http.Request, limit int64) (status int, body []byte, err error) {
	answer, err := c.Do(r)
	if u, ok := errors.AsType[*url.Error](err); ok {
		address, _, _ := strings.Cut(u.URL, "?")
		return 0, nil, &url.Error{Op: u.Op, URL: address, Err: u.Err}
	}
	if err != nil {
		return 0, nil, err
	}
	defer answer.Body.Close()
	body, err = io.ReadAll(io.LimitReader(answer.Body, limit+1))
	if err == nil && int64(len(body)) > limit {
		err = ErrTooLong
	}
	return answer.StatusCode, body, err
}
