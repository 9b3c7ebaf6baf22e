package sigv4

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strconv"
	"strings"
)

// canonical returns the canonical request over the named headers. ok is false when there is none: a
// header of the list is not there, or the query cannot be read.
func canonical(r *http.Request, signedHeaders []string, bodyHash string) (text string, ok bool) {
	query, ok := canonicalQuery(r.URL.RawQuery)
	if !ok {
		return "", false
	}
	var b strings.Builder
	b.WriteString(method(r) + "\n" + canonicalPath(r) + "\n" + query + "\n")
	for _, name := range signedHeaders {
		value, ok := headerValue(r, name)
		if !ok {
			return "", false
		}
		b.WriteString(name + ":" + value + "\n")
	}
	b.WriteString("\n" + strings.Join(signedHeaders, ";") + "\n" + bodyHash)
	return b.String(), true
}

func method(r *http.Request) string {
	if r.Method == "" {
		return http.MethodGet // what net/http sends for it
	}
	return r.Method
}

// canonicalPath cleans the path as it stands on the wire and encodes it; what was encoded there gets
// encoded a second time, as every service but S3 wants it.
func canonicalPath(r *http.Request) string {
	wire := r.URL.EscapedPath()
	if r.RequestURI != "" && r.URL.RawPath != "" {
		wire = r.URL.RawPath // as received, where EscapedPath would mend what the client left unencoded
	}
	clean := path.Clean("/" + wire)
	if clean != "/" && strings.HasSuffix(wire, "/") {
		clean += "/"
	}
	return encode(clean, "/")
}

// canonicalQuery sorts the parameters by encoded name, then by encoded value. A plus counts as a
// blank, for that is what a handler reads in it: two queries that differ to a handler must differ here.
func canonicalQuery(raw string) (query string, ok bool) {
	var pairs [][2]string
	for piece := range strings.SplitSeq(raw, "&") {
		if piece == "" {
			continue
		}
		name, value, _ := strings.Cut(piece, "=")
		name, err1 := url.QueryUnescape(name)
		value, err2 := url.QueryUnescape(value)
		if err1 != nil || err2 != nil {
			return "", false
		}
		pairs = append(pairs, [2]string{encode(name, ""), encode(value, "")})
	}
	slices.SortFunc(pairs, func(a, b [2]string) int { return slices.Compare(a[:], b[:]) })
	out := make([]string, len(pairs))
	for i, p := range pairs {
		out[i] = p[0] + "=" + p[1]
	}
	return strings.Join(out, "&"), true
}

// headerValue returns the canonical value of a header given by its lower-case name: blanks folded,
// repetitions joined. Host, and Content-Length where net/http keeps it apart, come from their fields.
func headerValue(r *http.Request, name string) (value string, ok bool) {
	if name == "host" {
		return fold(host(r)), true
	}
	values := r.Header.Values(name)
	if len(values) == 0 && name == "content-length" && r.ContentLength >= 0 {
		return strconv.FormatInt(r.ContentLength, 10), true
	}
	folded := make([]string, len(values))
	for i, v := range values {
		folded[i] = fold(v)
	}
	return strings.Join(folded, ","), len(values) > 0
}

func host(r *http.Request) string {
	if r.Host != "" {
		return r.Host
	}
	return r.URL.Host // what net/http sends for it
}

// fold trims a header's value and makes each run of blanks a single space, inside quotes too.
func fold(s string) string { return strings.Join(strings.FieldsFunc(s, blank), " ") }

// blank is white space that HTTP allows in a header (RFC 9110 section 5.6.3).
func blank(c rune) bool { return c == ' ' || c == '\t' }

// encode is the percent-encoding of RFC 3986 section 2: all but the unreserved characters and those of
// keep, with upper-case digits.
func encode(s, keep string) string {
	var b strings.Builder
	for _, c := range []byte(s) {
		if unreserved(c) || strings.IndexByte(keep, c) >= 0 {
			b.WriteByte(c)
			continue
		}
		b.Write([]byte{'%', upperHex[c>>4], upperHex[c&15]})
	}
	return b.String()
}

const upperHex = "0123456789ABCDEF"

func unreserved(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.IndexByte("-._~", c) >= 0
}

func hash(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}
