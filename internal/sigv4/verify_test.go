package sigv4

import (
	"bytes"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"
)

var (
	testTime = time.Date(2026, 1, 1, 0, 10, 0, 0, time.UTC)
	testBody = []byte(`{"UserPoolId":"us-east-1_ExaMPle"}`)
)

const (
	service  = "cognito-idp"
	mismatch = "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details."
)

// unsigned is a request of a JSON client, complete but for the signature.
func unsigned() *http.Request {
	r := httptest.NewRequest("POST", "http://localhost:9229/?b=2&a=1", bytes.NewReader(testBody))
	r.Header.Set("Content-Type", "application/x-amz-json-1.1")
	r.Header.Set("X-Amz-Target", "AWSCognitoIdentityProviderService.AdminGetUser")
	r.Header.Set("X-Amz-Security-Token", "token")
	r.Header.Set("User-Agent", "test")
	return r
}

func signedRequest() *http.Request {
	r := unsigned()
	Sign(r, testBody, exampleKey, exampleSecret, "us-east-1", service, testTime)
	return r
}

// signedOver signs correctly over a list of headers of the caller's choice.
func signedOver(r *http.Request, names ...string) *http.Request {
	text, ok := canonical(r, names, hash(testBody))
	if !ok {
		panic("no canonical request")
	}
	_, at, _ := requestTime(r)
	a := Authorization{Date: at.Format(dayFormat), Region: "us-east-1", Service: service, terminator: terminator}
	authorize(r, a.Date+"/us-east-1/"+service+"/aws4_request", strings.Join(names, ";"), a.sign(text, exampleSecret, at))
	return r
}

func authorize(r *http.Request, scope, names, signature string) {
	r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/"+scope+", SignedHeaders="+names+", Signature="+signature)
}

// check runs both steps; want is the text of the refusal with its code, "" for none.
func check(t *testing.T, r *http.Request, body []byte, secret string, now time.Time, want string) {
	t.Helper()
	a, err := Parse(r)
	if err == nil {
		err = a.Verify(r, body, service, secret, now)
	}
	if want == "" {
		if err != nil {
			t.Error(err)
		}
		return
	}
	if e := (*Error)(nil); !errors.As(err, &e) || e.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
}

func refusedAsMismatch(t *testing.T, r *http.Request, body []byte) {
	t.Helper()
	check(t, r, body, exampleSecret, testTime, "InvalidSignatureException: "+mismatch)
}

func TestRoundTrip(t *testing.T) {
	r := signedRequest()
	for range 2 { // verifying changes nothing
		check(t, r, testBody, exampleSecret, testTime, "")
	}
	want := "content-type;host;x-amz-date;x-amz-security-token;x-amz-target"
	if a, _ := Parse(r); a.signedHeaders != want {
		t.Errorf("signed %s, want %s", a.signedHeaders, want)
	}
	Sign(r, testBody, exampleKey, exampleSecret, "us-east-1", service, testTime.Add(time.Hour)) // signing again replaces
	check(t, r, testBody, exampleSecret, testTime.Add(time.Hour), "")
}

func TestRoundTripOverTheNetwork(t *testing.T) {
	for _, start := range []func(*httptest.Server){(*httptest.Server).Start, func(s *httptest.Server) { s.EnableHTTP2 = true; s.StartTLS() }} {
		s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			var body bytes.Buffer
			_, _ = body.ReadFrom(r.Body)
			a, err := Parse(r)
			if err == nil {
				err = a.Verify(r, body.Bytes(), service, exampleSecret, time.Now())
			}
			if err != nil {
				http.Error(w, err.Error(), http.StatusBadRequest)
			}
		}))
		start(s)
		defer s.Close()
		r, _ := http.NewRequest("POST", s.URL, bytes.NewReader(testBody))
		r.Header.Set("X-Amz-Target", "Service.Operation")
		Sign(r, testBody, exampleKey, exampleSecret, "us-east-1", service, time.Now())
		resp, err := s.Client().Do(r)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			t.Errorf("%s: %s", resp.Proto, resp.Status)
		}
	}
}

func TestEveryAlteredPartIsRefused(t *testing.T) {
	replace := func(old, new string) func(*http.Request) {
		return func(r *http.Request) {
			was := r.Header.Get("Authorization")
			r.Header.Set("Authorization", strings.Replace(was, old, new, 1))
			if was == r.Header.Get("Authorization") {
				panic("nothing replaced")
			}
		}
	}
	set := func(name, value string) func(*http.Request) {
		return func(r *http.Request) { r.Header.Set(name, value) }
	}
	for name, alter := range map[string]func(*http.Request){
		"method":                  func(r *http.Request) { r.Method = "PUT" },
		"path":                    func(r *http.Request) { r.URL.Path = "/x" },
		"trailing slash":          func(r *http.Request) { r.URL.Path = "/x/" },
		"query value":             func(r *http.Request) { r.URL.RawQuery = "b=2&a=2" },
		"query added":             func(r *http.Request) { r.URL.RawQuery += "&c" },
		"query dropped":           func(r *http.Request) { r.URL.RawQuery = "" },
		"query unreadable":        func(r *http.Request) { r.URL.RawQuery += "&%" },
		"host":                    func(r *http.Request) { r.Host = "localhost:9230" },
		"host in another case":    func(r *http.Request) { r.Host = "LOCALHOST:9229" },
		"no host":                 func(r *http.Request) { r.Host, r.URL.Host = "", "" },
		"content type":            set("Content-Type", "application/json"),
		"target":                  set("X-Amz-Target", "AWSCognitoIdentityProviderService.AdminDeleteUser"),
		"target in another case":  set("X-Amz-Target", "AWSCognitoIdentityProviderService.ADMINGETUSER"),
		"target dropped":          func(r *http.Request) { r.Header.Del("X-Amz-Target") },
		"target twice":            func(r *http.Request) { r.Header.Add("X-Amz-Target", r.Header.Get("X-Amz-Target")) },
		"second target first":     func(r *http.Request) { r.Header["X-Amz-Target"] = []string{"A.B", r.Header.Get("X-Amz-Target")} },
		"content type twice":      func(r *http.Request) { r.Header.Add("Content-Type", "application/x-amz-json-1.1") },
		"token":                   set("X-Amz-Security-Token", "Token"),
		"token dropped":           func(r *http.Request) { r.Header.Del("X-Amz-Security-Token") },
		"date within the skew":    set("X-Amz-Date", "20260101T001001Z"),
		"region":                  replace("us-east-1", "us-east-2"),
		"access key's date, etc.": func(r *http.Request) { set("X-Amz-Date", "20260102T000000Z")(r); replace("20260101", "20260102")(r) },
		"signature":               func(r *http.Request) { flipLast(r) },
		"signature shortened":     func(r *http.Request) { a := r.Header.Get("Authorization"); set("Authorization", a[:len(a)-1])(r) },
		"signature lengthened":    func(r *http.Request) { set("Authorization", r.Header.Get("Authorization")+"0")(r) },
		"signature in upper case": func(r *http.Request) {
			a, b, _ := strings.Cut(r.Header.Get("Authorization"), "Signature=")
			set("Authorization", a+"Signature="+strings.ToUpper(b))(r)
		},
		"list shortened":          replace("content-type;", ""),
		"list lengthened":         replace("x-amz-target,", "x-amz-target;x-amz-user-agent,"),
		"list with a present one": replace("host;", "host;user-agent;"),
		"list with a lost one":    func(r *http.Request) { set("Accept", "*/*")(r); replace("content-type;", "accept;content-type;")(r) },
		"list out of order":       replace("content-type;host", "host;content-type"),
		"list with a repetition":  replace("host;", "host;host;"),
		"list in upper case":      replace("content-type", "Content-Type"),
		"list with a gap":         replace("host;", "host;;"),
		"unsigned payload":        set("X-Amz-Content-Sha256", "UNSIGNED-PAYLOAD"),
		"another body's hash":     set("X-Amz-Content-Sha256", hash(nil)),
		"hash sent twice":         func(r *http.Request) { r.Header["X-Amz-Content-Sha256"] = []string{hash(testBody), hash(testBody)} },
	} {
		t.Run(name, func(t *testing.T) {
			r := signedRequest()
			alter(r)
			now := testTime
			if strings.HasPrefix(name, "access key's date") {
				now = now.AddDate(0, 0, 1).Add(-10 * time.Minute)
			}
			check(t, r, testBody, exampleSecret, now, "InvalidSignatureException: "+mismatch)
		})
	}
}

func flipLast(r *http.Request) {
	a := []byte(r.Header.Get("Authorization"))
	a[len(a)-1] ^= 1 // another digit of the same length
	r.Header.Set("Authorization", string(a))
}

func TestAnotherBodyOrSecretIsRefused(t *testing.T) {
	for _, body := range [][]byte{nil, {}, testBody[1:], append(bytes.Clone(testBody), ' ')} {
		refusedAsMismatch(t, signedRequest(), body)
	}
	for _, secret := range []string{"", "x", exampleSecret + "x", strings.ToLower(exampleSecret)} {
		check(t, signedRequest(), testBody, secret, testTime, "InvalidSignatureException: "+mismatch)
	}
}

func TestEmptySecretVerifiesNothing(t *testing.T) {
	r := unsigned()
	Sign(r, testBody, exampleKey, "", "us-east-1", service, testTime)
	check(t, r, testBody, "", testTime, "InvalidSignatureException: "+mismatch)
}

// TestListMustBeCanonical signs over lists that no client sends, so that the list alone is at fault.
func TestListMustBeCanonical(t *testing.T) {
	for _, names := range [][]string{
		{"x-amz-target", "x-amz-date", "host"},
		{"host", "host", "x-amz-date", "x-amz-target"},
		{"Content-Type", "host", "x-amz-date", "x-amz-target"},
	} {
		r := unsigned()
		r.Header.Set("X-Amz-Date", "20260101T001000Z")
		refusedAsMismatch(t, signedOver(r, names...), testBody)
	}
}

func TestContentHash(t *testing.T) {
	r := unsigned()
	r.Header.Set("X-Amz-Content-Sha256", hash(testBody))
	Sign(r, testBody, exampleKey, exampleSecret, "us-east-1", service, testTime)
	check(t, r, testBody, exampleSecret, testTime, "")

	r = signedRequest()
	r.Header.Set("X-Amz-Content-Sha256", hash(testBody)) // right, if unsigned
	check(t, r, testBody, exampleSecret, testTime, "")
}

// TestUnsignedPayloadIsRefused even when the signature is made over those very words.
func TestUnsignedPayloadIsRefused(t *testing.T) {
	for _, word := range []string{"UNSIGNED-PAYLOAD", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD", ""} {
		r := unsigned()
		r.Header.Set("X-Amz-Date", "20260101T001000Z")
		r.Header.Set("X-Amz-Content-Sha256", word)
		names := []string{"host", "x-amz-content-sha256", "x-amz-date", "x-amz-target"}
		text, _ := canonical(r, names, word)
		a := Authorization{Date: "20260101", Region: "us-east-1", Service: service, terminator: terminator}
		authorize(r, "20260101/us-east-1/cognito-idp/aws4_request", strings.Join(names, ";"), a.sign(text, exampleSecret, testTime))
		refusedAsMismatch(t, r, testBody)
	}
}

func TestBlanksAndUnsignedHeadersDoNotMatter(t *testing.T) {
	r := unsigned()
	r.Header.Set("X-Note", "a b c")
	r.Header.Set("X-Amz-Date", "20260101T001000Z")
	signedOver(r, "host", "x-amz-date", "x-amz-target", "x-note")
	for _, same := range []string{"a b c", "  a  b\t c ", "\ta b     c"} {
		r.Header.Set("X-Note", same)
		check(t, r, testBody, exampleSecret, testTime, "")
	}
	for _, other := range []string{"ab c", "a b c d", "", "a\u00a0b c"} {
		r.Header.Set("X-Note", other)
		refusedAsMismatch(t, r, testBody)
	}
	r.Header.Set("X-Note", "a b c")
	r.Header.Set("User-Agent", "a proxy's")
	r.Header.Set("X-Forwarded-For", "192.0.2.1")
	check(t, r, testBody, exampleSecret, testTime, "")
}

func TestQueryMeansTheSameInAnyOrderOrEncoding(t *testing.T) {
	r := signedRequest()
	for _, same := range []string{"a=1&b=2", "%61=%31&b=2", "&a=1&&b=2&"} {
		r.URL.RawQuery = same
		check(t, r, testBody, exampleSecret, testTime, "")
	}
}

func TestDateHeader(t *testing.T) {
	for _, date := range []string{"Thu, 01 Jan 2026 00:10:00 GMT", "Thu, 01 Jan 2026 00:10:00 -0000", "Thu, 01 Jan 2026 02:10:00 +0200", "20260101T001000Z"} {
		r := unsigned()
		r.Header.Set("Date", date)
		if _, at, _ := requestTime(r); at.Format(basicFormat) != "20260101T001000Z" {
			t.Errorf("%s is read as %s", date, at.Format(basicFormat))
		}
		check(t, signedOver(r, "date", "host", "x-amz-target"), testBody, exampleSecret, testTime, "")
		r.Header.Set("Date", "Thu, 01 Jan 2026 00:10:01 GMT")
		refusedAsMismatch(t, r, testBody)
	}
}

func TestSkewHasBothEdges(t *testing.T) {
	const ok = ""
	const expired = "InvalidSignatureException: Signature expired: 20260101T001000Z is now earlier than 20260101T001001Z (20260101T001501Z - 5 min.)"
	const early = "InvalidSignatureException: Signature not yet current: 20260101T001000Z is still later than 20260101T000959Z (20260101T000459Z + 5 min.)"
	for _, c := range []struct {
		off  time.Duration
		want string
	}{
		{0, ok}, {5 * time.Minute, ok}, {5*time.Minute + 999*time.Millisecond, ok}, {5*time.Minute + time.Second, expired},
		{-5 * time.Minute, ok}, {-5*time.Minute - time.Millisecond, early}, {-5*time.Minute - time.Second, early},
	} {
		now := testTime.Add(c.off).In(time.FixedZone("", -3600))
		check(t, signedRequest(), testBody, exampleSecret, now, c.want)
	}
}

func TestSignLeavesAnUnreadableQueryUnsigned(t *testing.T) {
	r := unsigned()
	r.Header.Set("Authorization", "old")
	r.URL = &url.URL{Scheme: "http", Host: "h", Path: "/", RawQuery: "%"}
	Sign(r, nil, exampleKey, exampleSecret, "us-east-1", service, testTime)
	if got := r.Header.Get("Authorization"); got != "" {
		t.Errorf("signed with %q", got)
	}
}

func TestSignedContentLength(t *testing.T) {
	r := unsigned()
	r.Header.Set("X-Amz-Date", "20260101T001000Z")
	signedOver(r, "content-length", "host", "x-amz-date", "x-amz-target")
	check(t, r, testBody, exampleSecret, testTime, "")
	r.ContentLength++
	refusedAsMismatch(t, r, testBody)
	r.ContentLength = -1 // unknown, as in a chunked request
	if v, ok := headerValue(r, "content-length"); ok {
		t.Errorf("a length of %s", v)
	}
	refusedAsMismatch(t, r, testBody)
}

func parseURL(t *testing.T, wire string) *url.URL {
	t.Helper()
	if wire == "" {
		return &url.URL{}
	}
	u, err := url.ParseRequestURI(wire)
	if err != nil {
		t.Fatal(err)
	}
	return u
}
