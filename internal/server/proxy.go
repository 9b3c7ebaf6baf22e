package server

import (
	"crypto/tls"
	"fmt"
	"net/http"
	"net/netip"
	"strings"
)

// proxies are the networks whose word on where a request comes from is believed.
type proxies []netip.Prefix

// parseNetworks reads the addresses and networks of a setting.
func parseNetworks(setting string, list []string) (out []netip.Prefix, err error) {
	for _, text := range list {
		network, err := netip.ParsePrefix(text)
		if ip, single := netip.ParseAddr(text); single == nil {
			network, err = ip.Prefix(ip.BitLen())
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %q is neither an address nor a network like 10.0.0.0/8", setting, text)
		}
		out = append(out, network.Masked())
	}
	return out, nil
}

func (p proxies) trusts(ip netip.Addr) bool {
	for _, network := range p {
		if network.Contains(ip.Unmap()) || network.Contains(ip) {
			return true
		}
	}
	return false
}

// believe makes the client's address the remote address of requests that a trusted proxy passes on, and lets their TLS
// say how the client came. Each proxy adds whom it sees at the right of X-Forwarded-For, and what is left of an address
// that is not trusted may be anybody's invention. Doors need to look at no header: a request came by TLS if and only if
// its TLS is not nil, with nothing in it where a proxy ended it.
func (p proxies) believe(next http.Handler) http.Handler {
	if len(p) == 0 {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		at, err := netip.ParseAddrPort(r.RemoteAddr)
		if err == nil && p.trusts(at.Addr()) {
			passed := *r
			passed.RemoteAddr = netip.AddrPortFrom(p.client(at.Addr(), r.Header.Values("X-Forwarded-For")), 0).String()
			passed.TLS = forwardedTLS(r)
			r = &passed
		}
		next.ServeHTTP(w, r)
	})
}

// forwardedTLS is what the nearest proxy, which writes at the right, says of how it was reached; one that says nothing
// was reached as it reached this server.
func forwardedTLS(r *http.Request) *tls.ConnectionState {
	hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-Proto"), ","), ",")
	switch proto := strings.ToLower(strings.TrimSpace(hops[len(hops)-1])); {
	case proto == "":
		return r.TLS
	case proto != "https":
		return nil
	case r.TLS != nil:
		return r.TLS
	}
	return new(tls.ConnectionState)
}

// client is the last address, read from the right, that is not a trusted proxy's own.
func (p proxies) client(peer netip.Addr, forwarded []string) netip.Addr {
	hops := strings.Split(strings.Join(forwarded, ","), ",")
	for i := len(hops) - 1; i >= 0 && p.trusts(peer); i-- {
		hop, ok := parseHop(strings.TrimSpace(hops[i]))
		if !ok {
			break
		}
		peer = hop
	}
	return peer
}

// parseHop reads an address; some proxies add the port.
func parseHop(text string) (netip.Addr, bool) {
	if ip, err := netip.ParseAddr(text); err == nil {
		return ip, true
	}
	at, err := netip.ParseAddrPort(text)
	return at.Addr(), err == nil
}
