package sigv4

import (
	"errors"
	"strings"
	"testing"
)

// FuzzParse holds Parse to its contract on any header, and Verify to refusing whatever Sign did not make.
func FuzzParse(f *testing.F) {
	good := signedRequest().Header.Get("Authorization")
	for _, v := range suite {
		f.Add("AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, SignedHeaders="+v.signedHeaders+", Signature="+v.signature, "20150830T123600Z", v.body)
	}
	f.Add(good, "20260101T001000Z", string(testBody))
	f.Add(complete, "Thu, 01 Jan 2026 00:10:00 GMT", "")
	f.Add("Bearer x", "", "")
	f.Add("AWS4-HMAC-SHA256 Credential=a/b/c/d/e,SignedHeaders=;;,Signature=,=", "2", "{}")
	f.Fuzz(func(t *testing.T, header, date, body string) {
		r := unsigned()
		r.Header.Set("Authorization", header)
		r.Header.Set("X-Amz-Date", date)
		a, err := Parse(r)
		if err != nil {
			wellFormed(t, err, header)
			return
		}
		if a.AccessKeyID == "" || a.Date == "" || a.Region == "" || a.Service == "" || strings.Contains(a.AccessKeyID+a.Date+a.Region+a.Service, "/") {
			t.Fatalf("read %+v", a)
		}
		err = a.Verify(r, []byte(body), service, exampleSecret, testTime)
		if err == nil && !(date == "20260101T001000Z" && body == string(testBody) && a.signature == good[len(good)-64:]) {
			t.Fatalf("verified %q %q %q", header, date, body)
		}
		if err != nil {
			wellFormed(t, err, header)
		}
	})
}

// wellFormed wants an *Error with a known code and a text that is ours: printable and not the caller's.
func wellFormed(t *testing.T, err error, header string) {
	t.Helper()
	e := (*Error)(nil)
	if !errors.As(err, &e) {
		t.Fatalf("%T is no *Error", err)
	}
	if e.Code != "IncompleteSignatureException" && e.Code != "InvalidSignatureException" {
		t.Fatalf("code %s", e.Code)
	}
	if len(e.Message) > 500 || strings.ContainsFunc(e.Message, func(c rune) bool { return c < ' ' || c > '~' }) || len(header) > 40 && strings.Contains(e.Message, header) {
		t.Fatalf("text %q", e.Message)
	}
}

// FuzzCanonicalQuery wants the canonical form to be canonical: made again from itself it stays.
func FuzzCanonicalQuery(f *testing.F) {
	for _, q := range []string{"", "a=1&b=2", "a+b=%2B&a-=&a%", "&&=&%00=\xff", "a;b=c"} {
		f.Add(q)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		once, ok := canonicalQuery(raw)
		if !ok {
			return
		}
		if twice, ok := canonicalQuery(once); !ok || twice != once {
			t.Fatalf("%q: %q then %q, %v", raw, once, twice, ok)
		}
	})
}

func BenchmarkVerify(b *testing.B) {
	r := signedRequest()
	b.ReportAllocs()
	for b.Loop() {
		a, err := Parse(r)
		if err == nil {
			err = a.Verify(r, testBody, service, exampleSecret, testTime)
		}
		if err != nil {
			b.Fatal(err)
		}
	}
}
