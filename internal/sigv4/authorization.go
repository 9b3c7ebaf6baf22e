// Package sigv4 checks and makes AWS Signature Version 4 in its header form
// (Authorization: AWS4-HMAC-SHA256 ...), as the JSON services of AWS use it. The query form, chunked
// bodies and unsigned payloads are not part of it.
//
// Checking takes two steps, because the secret is found by what the first one reads: [Parse], then
// [Authorization.Verify]. [Sign] is the client's side.
package sigv4

import (
	"net/http"
	"slices"
	"strings"
)

const (
	algorithm  = "AWS4-HMAC-SHA256"
	terminator = "aws4_request"
)

// Error is a refusal in the words of AWS: Code is the exception's name, Message its text. Neither holds
// a secret or free text of the caller's, so both may be sent back and logged.
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

	terminator, signedHeaders, signature string // as sent, never empty
}

// Parse reads the Authorization header of r and checks its syntax alone; it also wants a date header to be
// there. It leaves r as it is. Every error is an [*Error]: MissingAuthenticationTokenException without the
// header, IncompleteSignatureException for one that is malformed or sent twice.
func Parse(r *http.Request) (*Authorization, error) {
	sent := r.Header.Values("Authorization")
	if len(sent) == 0 {
		return nil, &Error{"MissingAuthenticationTokenException", "Missing Authentication Token"}
	}
	if len(sent) > 1 {
		sent = []string{""} // of two, neither is meant
	}
	scheme, params := split(sent[0])
	if text := missing(params, r.Header); text != "" {
		return nil, incomplete(text)
	}
	if scheme != algorithm {
		return nil, incomplete("Unsupported AWS 'algorithm' (only " + algorithm + " for now).")
	}
	scope := strings.SplitN(params["Credential"], "/", 6)
	if len(scope) != 5 || slices.Contains(scope, "") {
		return nil, incomplete("Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term.")
	}
	return &Authorization{
		AccessKeyID: scope[0], Date: scope[1], Region: scope[2], Service: scope[3], terminator: scope[4],
		signedHeaders: params["SignedHeaders"], signature: params["Signature"],
	}, nil
}

// required are the parameters of the header, in the order in which AWS names the missing ones.
var required = []string{"Credential", "Signature", "SignedHeaders"}

// split takes the header apart. Commas and blanks both separate parameters, as clients write either. Of
// a parameter given twice neither value is meant, so it counts as empty.
func split(header string) (scheme string, params map[string]string) {
	scheme, rest, _ := strings.Cut(strings.TrimSpace(header), " ")
	params = map[string]string{}
	for field := range strings.FieldsFuncSeq(rest, func(c rune) bool { return c == ',' || blank(c) }) {
		name, value, _ := strings.Cut(field, "=")
		if !slices.Contains(required, name) {
			continue
		}
		if _, again := params[name]; again {
			value = ""
		}
		params[name] = value
	}
	return scheme, params
}

// missing lists what a signed request lacks, "" when it lacks nothing.
func missing(params map[string]string, h http.Header) string {
	var lacks []string
	for _, name := range required {
		if params[name] == "" {
			lacks = append(lacks, "Authorization header requires '"+name+"' parameter.")
		}
	}
	if h.Get("X-Amz-Date") == "" && h.Get("Date") == "" {
		lacks = append(lacks, "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header.")
	}
	return strings.Join(lacks, " ")
}
