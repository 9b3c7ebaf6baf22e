// Package sigv4 checks and makes AWS Signature Version 4 in its header form
// (Authorization: AWS4-HMAC-SHA256 ...), as the JSON services of AWS use it. The query form, chunked
// bodies and unsigned payloads are not part of it.
//
// Checking takes two steps, because the secret is found by what the first one reads: [Parse], then
// [Authorization.Verify]. [Sign] is the client's side.
package sigv4

import (
	"net/http"
	"strings"
)

const (
	algorithm  = "AWS4-HMAC-SHA256"
	terminator = "aws4_request"
)

// Error is a refusal in the words of AWS: Code is the exception's name, Message its text. Neither
// repeats the Authorization header or a secret, so both may be sent to the caller and logged.
type Error struct{ Code, Message string }

// Error joins code and text.
func (e *Error) Error() string { return e.Code + ": " + e.Message }

func incomplete(text string) *Error { return &Error{"IncompleteSignatureException", text} }

func invalid(text string) *Error { return &Error{"InvalidSignatureException", text} }

// Authorization is what an Authorization header claims. Until [Authorization.Verify] has returned nil,
// nothing in it is proven. It is read-only after [Parse] and may then be used concurrently.
type Authorization struct {
	// AccessKeyID names the key that shall have signed. Never empty.
	AccessKeyID string
	// Date, Region and Service are the credential scope as sent, never empty and otherwise unchecked.
	Date, Region, Service string

	terminator    string
	signedHeaders string // as sent: lower-case names between semicolons, in order, when the client is right
	signature     string
}

// Parse reads the Authorization header of r and checks nothing but its syntax; it also wants a date header to
// be there. It leaves r as it is. Every error is an [*Error]: MissingAuthenticationTokenException without the header,
// IncompleteSignatureException for one that is malformed or sent twice.
func Parse(r *http.Request) (*Authorization, error) {
	sent := r.Header.Values("Authorization")
	if len(sent) == 0 {
		return nil, &Error{"MissingAuthenticationTokenException", "Missing Authentication Token"}
	}
	scheme, params := split(strings.Join(sent, ","))
	if text := missing(params, r.Header); text != "" {
		return nil, incomplete(text)
	}
	if scheme != algorithm {
		return nil, incomplete("Unsupported AWS 'algorithm' (only " + algorithm + " for now).")
	}
	scope := strings.Split(params.one("Credential"), "/")
	if len(scope) != 5 || anyEmpty(scope) {
		return nil, incomplete("Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term.")
	}
	return &Authorization{
		AccessKeyID: scope[0], Date: scope[1], Region: scope[2], Service: scope[3], terminator: scope[4],
		signedHeaders: params.one("SignedHeaders"), signature: params.one("Signature"),
	}, nil
}

// parameters holds all values of each name, so that a repeated one is seen.
type parameters map[string][]string

// one returns the value of a parameter that was given once, and "" for any other: of two signatures
// neither is meant.
func (p parameters) one(name string) string {
	if v := p[name]; len(v) == 1 {
		return v[0]
	}
	return ""
}

// split takes the header apart. Commas and blanks both separate parameters, as clients write either.
func split(header string) (scheme string, params parameters) {
	scheme, rest, _ := strings.Cut(strings.TrimSpace(header), " ")
	params = parameters{}
	for _, field := range strings.FieldsFunc(rest, func(c rune) bool { return c == ',' || c == ' ' || c == '\t' }) {
		name, value, _ := strings.Cut(field, "=")
		params[name] = append(params[name], value)
	}
	return scheme, params
}

// missing lists what a signed request lacks, "" when it lacks nothing.
func missing(params parameters, h http.Header) string {
	var lacks []string
	for _, name := range []string{"Credential", "Signature", "SignedHeaders"} {
		if params.one(name) == "" {
			lacks = append(lacks, "Authorization header requires '"+name+"' parameter.")
		}
	}
	if h.Get("X-Amz-Date") == "" && h.Get("Date") == "" {
		lacks = append(lacks, "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header.")
	}
	return strings.Join(lacks, " ")
}

func anyEmpty(parts []string) bool {
	for _, p := range parts {
		if p == "" {
			return true
		}
	}
	return false
}
