package inbox

import (
	"encoding/json"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"time"

	"cognate/internal/message"
)

// The paths that the handler serves; any other is 404.
const (
	PagePath = "/_cognate/inbox"
	JSONPath = "/_cognate/inbox.json"
)

// Handler serves the inbox at [PagePath], for people, and at [JSONPath], for
// tests: an array, newest last, never null. On both, ?destination= shows only
// what went exactly there, and DELETE empties the inbox and answers 204.
//
// Codes are in clear, so other web pages must not get at them. A request that
// a browser says comes from another site or origin is refused with 403, no
// CORS header is ever sent, and so is a Host that another site's DNS could
// name: only IP addresses, localhost, names without a dot (they are nobody's
// on the Internet, and a container's) and allowedHosts pass. allowedHosts are
// names without port, in any case: the host of the public URL.
func (b *Inbox) Handler(allowedHosts ...string) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+PagePath, b.page)
	mux.HandleFunc("GET "+JSONPath, b.list)
	mux.HandleFunc("DELETE "+PagePath, b.empty)
	mux.HandleFunc("DELETE "+JSONPath, b.empty)
	g := guard{next: http.NewCrossOriginProtection().Handler(mux)}
	for _, h := range allowedHosts {
		g.hosts = append(g.hosts, strings.ToLower(strings.TrimSuffix(h, ".")))
	}
	return g
}

// guard keeps other sites' pages away from what it guards.
type guard struct {
	next  http.Handler
	hosts []string
}

func (g guard) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Content-Security-Policy", policy)
	h.Set("Vary", "Sec-Fetch-Site, Origin")
	switch {
	case !g.knows(r.Host):
		http.Error(w, "this inbox is not served under that host name", http.StatusForbidden)
	case foreign(r):
		http.Error(w, "the inbox is not for other sites' pages", http.StatusForbidden)
	default:
		g.next.ServeHTTP(w, r)
	}
}

// knows reports whether no stranger's DNS can have led a browser to host.
func (g guard) knows(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.ToLower(strings.TrimSuffix(strings.Trim(host, "[]"), "."))
	if _, err := netip.ParseAddr(host); err == nil {
		return true
	}
	return host != "" && !strings.Contains(host, ".") || strings.HasSuffix(host, ".localhost") || slices.Contains(g.hosts, host)
}

// foreign reports whether another site's page makes the request to read the
// answer or to use it as a part of itself. Following a link is no such thing.
// What changes something is judged by http.CrossOriginProtection.
func foreign(r *http.Request) bool {
	switch r.Header.Get("Sec-Fetch-Site") {
	case "same-origin", "none":
		return false
	case "":
		origin := r.Header.Get("Origin")
		return origin != "" && origin != "http://"+r.Host && origin != "https://"+r.Host
	}
	return r.Header.Get("Sec-Fetch-Mode") != "navigate" || r.Header.Get("Sec-Fetch-Dest") != "document"
}

// entry is a message in JSON; its keys are a contract.
type entry struct {
	ID          string          `json:"id"`
	Time        string          `json:"time"` // RFC 3339, UTC
	PoolID      string          `json:"poolId"`
	Username    string          `json:"username"`
	Medium      message.Medium  `json:"medium"`
	Destination string          `json:"destination"`
	Purpose     message.Purpose `json:"purpose"`
	Code        string          `json:"code"`
	Subject     string          `json:"subject"`
	Body        string          `json:"body"`
	Status      status          `json:"status"` // sent, failed or pending: with a function that has not answered yet
	Error       string          `json:"error"`  // why it has failed; else empty
}

func (b *Inbox) list(w http.ResponseWriter, r *http.Request) {
	out := []entry{}
	for _, m := range b.all(destination(r)) {
		out = append(out, entry{
			ID: m.ID, Time: m.Time.UTC().Format(time.RFC3339Nano), PoolID: m.PoolID, Username: m.Username,
			Medium: m.Medium, Destination: m.Destination, Purpose: m.Purpose, Code: string(m.Code), Subject: m.Subject, Body: m.Body,
			Status: m.status, Error: m.err,
		})
	}
	w.Header().Set("Content-Type", "application/json")
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.Encode(out) // the reader has gone when this fails
}

// destination is the filter. A bare "+" in a query means a space, which no
// destination has: it is taken for the plus sign that was meant.
func destination(r *http.Request) string {
	return strings.ReplaceAll(r.URL.Query().Get("destination"), " ", "+")
}

func (b *Inbox) empty(w http.ResponseWriter, _ *http.Request) {
	b.Empty()
	w.WriteHeader(http.StatusNoContent)
}
