package sigv4

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"net/http"
	"slices"
	"strings"
	"time"
)

const (
	basicFormat = "20060102T150405Z"
	maxSkew     = 5 * time.Minute
	mismatch    = "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details."
)

// Verify reports whether r, the request that a was parsed from, is signed with secret for the service
// (its signing name, such as cognito-idp) and at most 5 minutes away from now. body is the whole body
// as received; r.Body is not touched. The signature must cover host, the date, and X-Amz-Target when
// that is sent; X-Amz-Content-Sha256, when sent, must be the body's SHA-256, so an unsigned payload is
// refused. Any region is accepted: whoever cares compares a.Region.
//
// A nil error is the only proof. Every other result is an [*Error]: IncompleteSignatureException for a
// date that cannot be read, InvalidSignatureException for the rest.
func (a *Authorization) Verify(r *http.Request, body []byte, service, secret string, now time.Time) error {
	at, ok := requestTime(r)
	if !ok {
		return incomplete("Date must be in ISO-8601 'basic format'. See http://en.wikipedia.org/wiki/ISO_8601")
	}
	signed := strings.Split(a.signedHeaders, ";")
	for _, fault := range []string{skewFault(at, now.UTC()), coverFault(r, signed), a.scopeFault(service, at)} {
		if fault != "" {
			return invalid(fault)
		}
	}
	if !wellOrdered(signed) || !bodyHashAgrees(r, hash(body)) {
		return invalid(mismatch)
	}
	request, ok := canonical(r, signed, hash(body))
	if !ok {
		return invalid(mismatch)
	}
	want := a.sign(request, secret, at)
	if subtle.ConstantTimeCompare([]byte(want), []byte(a.signature)) != 1 {
		return invalid(mismatch)
	}
	return nil
}

// requestTime reads X-Amz-Date, or Date when there is none. A repeated header cannot be read.
func requestTime(r *http.Request) (at time.Time, ok bool) {
	if v, ok := headerValue(r, "x-amz-date"); ok {
		at, err := time.Parse(basicFormat, v)
		return at, err == nil
	}
	v, _ := headerValue(r, "date")
	for _, layout := range []string{basicFormat, http.TimeFormat, time.RFC1123Z} {
		if at, err := time.Parse(layout, v); err == nil {
			return at.UTC(), true
		}
	}
	return time.Time{}, false
}

func skewFault(at, now time.Time) string {
	stamp := func(t time.Time) string { return t.Format(basicFormat) }
	earliest, latest := now.Truncate(time.Second).Add(-maxSkew), now.Truncate(time.Second).Add(maxSkew)
	switch {
	case at.Before(earliest):
		return "Signature expired: " + stamp(at) + " is now earlier than " + stamp(earliest) + " (" + stamp(now) + " - 5 min.)"
	case at.After(latest):
		return "Signature not yet current: " + stamp(at) + " is still later than " + stamp(latest) + " (" + stamp(now) + " + 5 min.)"
	}
	return ""
}

// coverFault names a header that the signature leaves open although the request's meaning hangs on it.
func coverFault(r *http.Request, signed []string) string {
	date := "X-Amz-Date"
	if r.Header.Get(date) == "" {
		date = "Date"
	}
	switch {
	case !slices.Contains(signed, "host"):
		return "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization."
	case !slices.Contains(signed, strings.ToLower(date)):
		return "'" + date + "' must be a 'SignedHeader' in the AWS Authorization."
	case len(r.Header.Values("X-Amz-Target")) > 0 && !slices.Contains(signed, "x-amz-target"):
		return "'X-Amz-Target' must be a 'SignedHeader' in the AWS Authorization."
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
	if a.Date != at.Format("20060102") {
		faults = append(faults, "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP.")
	}
	return strings.Join(faults, " ")
}

// wellOrdered holds a list of names to its canonical form: lower case, sorted, none twice.
func wellOrdered(names []string) bool {
	for i, n := range names {
		if n == "" || n != strings.ToLower(n) || i > 0 && names[i-1] >= n {
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
