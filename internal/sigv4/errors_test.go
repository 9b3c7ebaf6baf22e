package sigv4

import (
	"strings"
	"testing"
)

const (
	scope    = "20260101/us-east-1/cognito-idp/aws4_request"
	names    = "host;x-amz-date;x-amz-target"
	digits   = "0000000000000000000000000000000000000000000000000000000000000000"
	complete = "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/" + scope + ", SignedHeaders=" + names + ", Signature=" + digits

	noCredential = "Authorization header requires 'Credential' parameter."
	noSignature  = "Authorization header requires 'Signature' parameter."
	noNames      = "Authorization header requires 'SignedHeaders' parameter."
	noDate       = "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header."
	notFive      = "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term."
	noAlgorithm  = "Unsupported AWS 'algorithm' (only AWS4-HMAC-SHA256 for now)."
	badDate      = "Date must be in ISO-8601 'basic format'. See http://en.wikipedia.org/wiki/ISO_8601"
)

func TestTextsOfMalformedHeaders(t *testing.T) {
	all := strings.Join([]string{noCredential, noSignature, noNames}, " ")
	for _, c := range []struct{ authorization, date, want string }{
		{"", "", all + " " + noDate},
		{"", "20260101T001000Z", all},
		{"any", "20260101T001000Z", all},
		{"Bearer eyJhbGciOiJSUzI1NiJ9.e30.c2ln", "20260101T001000Z", all},
		{"Bearer eyJhbGciOiJSUzI1NiJ9.e30.c2ln", "", all + " " + noDate},
		{"AWS4-HMAC-SHA256", "20260101T001000Z", all},
		{"AWS4-HMAC-SHA256 credential=a, signedheaders=b, signature=c", "20260101T001000Z", all},
		{"AWS4-HMAC-SHA256 Credential, SignedHeaders, Signature", "20260101T001000Z", all},
		{"AWS4-HMAC-SHA256 Credential=, SignedHeaders=, Signature=", "20260101T001000Z", all},
		{"AWS4-HMAC-SHA256 SignedHeaders=a, Signature=b", "20260101T001000Z", noCredential},
		{"AWS4-HMAC-SHA256 Credential=a, SignedHeaders=b", "20260101T001000Z", noSignature},
		{"AWS4-HMAC-SHA256 Credential=a, Signature=b", "20260101T001000Z", noNames},
		{complete, "", noDate},
		{complete + ", Signature=" + digits, "20260101T001000Z", noSignature},
		{complete + ", Signature=" + digits + ", Signature=" + digits, "20260101T001000Z", noSignature},
		{strings.Replace(complete, "SHA256", "SHA512", 1), "20260101T001000Z", noAlgorithm},
		{strings.Replace(complete, "AWS4-HMAC-SHA256", "AWS4-ECDSA-P256-SHA256", 1), "20260101T001000Z", noAlgorithm},
		{strings.Replace(complete, "AWS4", "aws4", 1), "20260101T001000Z", noAlgorithm},
		{strings.Replace(complete, "AKIDEXAMPLE/", "", 1), "20260101T001000Z", notFive},
		{strings.Replace(complete, "AKIDEXAMPLE/", "AKID/EXAMPLE/", 1), "20260101T001000Z", notFive},
		{strings.Replace(complete, "AKIDEXAMPLE/", "/", 1), "20260101T001000Z", notFive},
		{strings.Replace(complete, "us-east-1", "", 1), "20260101T001000Z", notFive},
		{complete, "2026-01-01T00:10:00Z", badDate},
		{complete, "20260101T001000.5Z", badDate},
		{complete, "20260101", badDate},
		{complete, "20261301T001000Z", badDate},
		{complete, "Thu, 01 Jan 2026 00:10:00 GMT", badDate}, // good in Date alone
	} {
		t.Run(c.authorization+" "+c.date, func(t *testing.T) {
			r := unsigned()
			r.Header.Set("Authorization", c.authorization)
			if c.date != "" {
				r.Header.Set("X-Amz-Date", c.date)
			}
			check(t, r, testBody, exampleSecret, testTime, "IncompleteSignatureException: "+c.want)
		})
	}
}

func TestTextWithoutHeader(t *testing.T) {
	check(t, unsigned(), testBody, exampleSecret, testTime, "MissingAuthenticationTokenException: Missing Authentication Token")
}

func TestTextsOfRepeatedHeaders(t *testing.T) {
	r := signedRequest()
	r.Header.Add("Authorization", r.Header.Get("Authorization"))
	check(t, r, testBody, exampleSecret, testTime, "IncompleteSignatureException: "+noCredential+" "+noSignature+" "+noNames)

	r = signedRequest()
	r.Header.Add("X-Amz-Date", r.Header.Get("X-Amz-Date"))
	check(t, r, testBody, exampleSecret, testTime, "IncompleteSignatureException: "+badDate)
}

// TestHalvesOfAHeaderAreNotJoined: two fields that make one good header together are still two.
func TestHalvesOfAHeaderAreNotJoined(t *testing.T) {
	r := signedRequest()
	head, tail, _ := strings.Cut(r.Header.Get("Authorization"), ", ")
	r.Header["Authorization"] = []string{head, tail}
	check(t, r, testBody, exampleSecret, testTime, "IncompleteSignatureException: "+noCredential+" "+noSignature+" "+noNames)
}

func TestTextsOfTheScope(t *testing.T) {
	const (
		wrongService = "Credential should be scoped to correct service: 'cognito-idp'."
		wrongEnd     = "Credential should be scoped with a valid terminator: 'aws4_request'."
		noDay        = "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP."
		wrongDay     = "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '20251231' != '20260101', from '20260101T001000Z'."
	)
	for _, c := range []struct{ scope, want string }{
		{"20260101/us-east-1/s3/aws4_request", wrongService},
		{"20260101/us-east-1/COGNITO-IDP/aws4_request", wrongService},
		{"20260101/us-east-1/cognito-idp/aws5_request", wrongEnd},
		{"20251231/us-east-1/cognito-idp/aws4_request", wrongDay},
		{"wJalrXUt/us-east-1/cognito-idp/aws4_request", noDay},
		{"20260101T001000Z/us-east-1/cognito-idp/aws4_request", noDay},
		{"20251231/us-east-1/s3/aws5_request", wrongService + " " + wrongEnd + " " + wrongDay},
	} {
		r := unsigned()
		r.Header.Set("X-Amz-Date", "20260101T001000Z")
		authorize(r, c.scope, names, digits)
		check(t, r, testBody, exampleSecret, testTime, "InvalidSignatureException: "+c.want)
	}
}

// TestScopeIsCheckedOnAGoodSignature: the key's owner signed for another service or day, and that is no
// signature for this one.
func TestScopeIsCheckedOnAGoodSignature(t *testing.T) {
	r := unsigned()
	Sign(r, testBody, exampleKey, exampleSecret, "us-east-1", "cognito-identity", testTime)
	check(t, r, testBody, exampleSecret, testTime, "InvalidSignatureException: Credential should be scoped to correct service: 'cognito-idp'.")
	a, err := Parse(r)
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Verify(r, testBody, "cognito-identity", exampleSecret, testTime); err != nil {
		t.Error(err)
	}
}

func TestTextsOfHeadersLeftUnsigned(t *testing.T) {
	const must = " must be a 'SignedHeader' in the AWS Authorization."
	for _, c := range []struct {
		date   string
		signed []string
		want   string
	}{
		{"X-Amz-Date", []string{"x-amz-date", "x-amz-target"}, "'Host' or ':authority'"},
		{"X-Amz-Date", []string{"host", "x-amz-target"}, "'X-Amz-Date'"},
		{"X-Amz-Date", []string{"host", "x-amz-date"}, "'X-Amz-Target'"},
		{"Date", []string{"host", "x-amz-target"}, "'Date'"},
		{"Date", []string{"date", "x-amz-target"}, "'Host' or ':authority'"},
		{"Date", []string{"date", "host"}, "'X-Amz-Target'"},
	} {
		r := unsigned()
		r.Header.Set(c.date, "20260101T001000Z")
		check(t, signedOver(r, c.signed...), testBody, exampleSecret, testTime, "InvalidSignatureException: "+c.want+must)
	}
	// With both dates X-Amz-Date counts, so a signed Date does not stand in for it.
	r := unsigned()
	r.Header.Set("Date", "20260101T001000Z")
	r.Header.Set("X-Amz-Date", "20260101T001000Z")
	check(t, signedOver(r, "date", "host", "x-amz-target"), testBody, exampleSecret, testTime, "InvalidSignatureException: 'X-Amz-Date'"+must)
	// Without a target nothing needs to cover it.
	r = unsigned()
	r.Header.Del("X-Amz-Target")
	r.Header.Set("X-Amz-Date", "20260101T001000Z")
	check(t, signedOver(r, "host", "x-amz-date"), testBody, exampleSecret, testTime, "")
}

func TestSeparators(t *testing.T) {
	for _, sep := range []string{",", ", ", " ", ",\t", "  ,  "} {
		r := signedRequest()
		head, tail, _ := strings.Cut(r.Header.Get("Authorization"), " ")
		r.Header.Set("Authorization", head+" "+strings.ReplaceAll(tail, ", ", sep))
		check(t, r, testBody, exampleSecret, testTime, "")
	}
}
