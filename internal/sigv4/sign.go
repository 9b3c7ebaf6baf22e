package sigv4

import (
	"net/http"
	"strings"
	"time"
)

// signable are the headers that [Sign] covers when they are there, in canonical order.
var signable = []string{"content-type", "host", "x-amz-content-sha256", "x-amz-date", "x-amz-security-token", "x-amz-target"}

// Sign sets X-Amz-Date and Authorization of r, replacing what was there. body must be what will be sent;
// r.Body is not touched. It covers method, path, query, host, date and body, and Content-Type,
// X-Amz-Target, X-Amz-Content-Sha256 and X-Amz-Security-Token as far as r has them: set those before.
// A query that cannot be parsed leaves r without an Authorization.
func Sign(r *http.Request, body []byte, accessKeyID, secret, region, service string, now time.Time) {
	at := now.UTC()
	r.Header.Del("Authorization")
	r.Header.Set("X-Amz-Date", at.Format(basicFormat))
	var signed []string
	for _, name := range signable {
		if _, ok := headerValue(r, name); ok {
			signed = append(signed, name)
		}
	}
	request, ok := canonical(r, signed, hash(body))
	if !ok {
		return
	}
	a := Authorization{Date: at.Format(dayFormat), Region: region, Service: service, terminator: terminator}
	scope := strings.Join([]string{accessKeyID, a.Date, region, service, terminator}, "/")
	r.Header.Set("Authorization", algorithm+" Credential="+scope+", SignedHeaders="+strings.Join(signed, ";")+
		", Signature="+a.sign(request, secret, at))
}
