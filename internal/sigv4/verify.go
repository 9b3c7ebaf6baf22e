package sigv4

import (
	"cmp"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

const (
	basicFormat = "20060102T150405Z" // ISO 8601, of a time in UTC
	dayFormat   = "20060102"
	maxSkew     = 5 * time.Minute
)

// Verify reports whether r, the request that a was parsed from, is signed with secret for the service
// (its signing name, such as cognito-idp) and at most 5 minutes away from now. body is the whole body
// as received; r.Body is not touched. The signature must cover host, the date, and X-Amz-Target when
// that is sent; X-Amz-Content-Sha256, when sent, must be the body's SHA-256, so an unsigned payload is
// refused. An empty secret verifies nothing. Any region is accepted: whoever cares compares a.Region.
//
// A nil error is the only proof. Every other result is an [*Error]: IncompleteSignatureException for a
// date that cannot be read, InvalidSignatureException for the rest.
func (a *Authorization) Verify(r *http.Request, body []byte, service, secret string, now time.Time) error {
	dateHeader, at, ok := requestTime(r)
	if !ok {
		return incomplete("Date must be in ISO-8601 'basic format'. See http://en.wikipedia.org/wiki/ISO_8601")
	}
	signed := strings.Split(a.signedHeaders, ";")
	text := cmp.Or(skewFault(at, now.UTC()), coverFault(r, signed, dateHeader), a.scopeFault(service, at))
	if text != "" {
		return invalid(text)
	}
	if !a.signs(r, signed, hash(body), secret, at) {
		return invalid("The request signature we calculated does not match the signature you provided. " +
			"Check your AWS Secret Access Key and signing method. Consult the service documentation for details.")
	}
	return nil
}

// signs reports whether the signature is that of r over the signed headers.
func (a *Authorization) signs(r *http.Request, signed []string, bodyHash, secret string, at time.Time) bool {
	if secret == "" || !wellOrdered(signed) || !bodyHashAgrees(r, bodyHash) {
		return false
	}
	request, ok := canonical(r, signed, bodyHash)
	if !ok {
		return false
	}
	want := a.sign(request, secret, at)
	return subtle.ConstantTimeCompare([]byte(want), []byte(a.signature)) == 1
}

// requestTime reads X-Amz-Date, or Date when there is none, and says which. A repeated header cannot
// be read. Date may have its usual form too, with GMT or a numeric zone.
func requestTime(r *http.Request) (header string, at time.Time, ok bool) {
	if text, sent := headerValue(r, "x-amz-date"); sent {
		at, ok = parseTime(text, basicFormat)
		return "X-Amz-Date", at, ok
	}
	text, _ := headerValue(r, "date")
	at, ok = parseTime(text, basicFormat, http.TimeFormat, time.RFC1123Z)
	return "Date", at, ok
}

func parseTime(text string, layouts ...string) (at time.Time, ok bool) {
	for _, layout := range layouts {
		if at, err := time.Parse(layout, text); err == nil && at.Nanosecond() == 0 {
			return at.UTC(), true
		}
	}
	return time.Time{}, false
}

func skewFault(at, now time.Time) string {
	now = now.Truncate(time.Second) // what the text shows is what is compared
	earliest, latest := now.Add(-maxSkew), now.Add(maxSkew)
	switch {
	case at.Before(earliest):
		return fmt.Sprintf("Signature expired: %s is now earlier than %s (%s - 5 min.)",
			at.Format(basicFormat), earliest.Format(basicFormat), now.Format(basicFormat))
	case at.After(latest):
		return fmt.Sprintf("Signature not yet current: %s is still later than %s (%s + 5 min.)",
			at.Format(basicFormat), latest.Format(basicFormat), now.Format(basicFormat))
	}
	return ""
}

// coverFault names a header that the signature leaves open although the request's meaning hangs on it.
func coverFault(r *http.Request, signed []string, dateHeader string) string {
	must := []struct{ header, shown string }{{"host", "'Host' or ':authority'"}, {dateHeader, "'" + dateHeader + "'"}}
	if len(r.Header.Values("X-Amz-Target")) > 0 {
		must = append(must, struct{ header, shown string }{"x-amz-target", "'X-Amz-Target'"})
	}
	for _, m := range must {
		if !slices.Contains(signed, strings.ToLower(m.header)) {
			return m.shown + " must be a 'SignedHeader' in the AWS Authorization."
		}
	}
	return ""
}

// scopeFault compares the credential scope with the service asked and the day of the request.
func (a *Authorization) scopeFault(service string, at time.Time) string {
	var faults []string
	if a.Service != service {
		faults = append(faults, "Credential should be scoped to correct service: '"+service+"'.")
	}
	if a.terminator != terminator {
		faults = append(faults, "Credential should be scoped with a valid terminator: '"+terminator+"'.")
	}
	if day := at.Format(dayFormat); a.Date != day {
		faults = append(faults, "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP"+
			contrast(a.Date, day, at)+".")
	}
	return strings.Join(faults, " ")
}

// contrast shows the two days, unless what was sent is no day: then it may be anything, a secret pasted
// in the wrong place included.
func contrast(sent, day string, at time.Time) string {
	if _, err := time.Parse(dayFormat, sent); err != nil {
		return ""
	}
	return fmt.Sprintf(": '%s' != '%s', from '%s'", sent, day, at.Format(basicFormat))
}

// wellOrdered holds a list of names to its canonical form: lower case, sorted, none twice.
func wellOrdered(names []string) bool {
	for i, n := range names {
		if n != strings.ToLower(n) || i > 0 && names[i-1] >= n {
			return false
		}
	}
	return true
}

func bodyHashAgrees(r *http.Request, want string) bool {
	sent, ok := headerValue(r, "x-amz-content-sha256")
	return !ok || sent == want
}

// sign returns the signature of a canonical request in hexadecimal, under the scope of a.
func (a *Authorization) sign(request, secret string, at time.Time) string {
	key := []byte("AWS4" + secret)
	scope := []string{a.Date, a.Region, a.Service, a.terminator}
	for _, part := range scope {
		key = mac(key, part)
	}
	text := strings.Join([]string{algorithm, at.Format(basicFormat), strings.Join(scope, "/"), hash([]byte(request))}, "\n")
	return hex.EncodeToString(mac(key, text))
}

func mac(key []byte, text string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(text))
	return h.Sum(nil)
}
