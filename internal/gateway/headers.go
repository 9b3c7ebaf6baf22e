package gateway

import (
	"encoding/base64"
	"net/http"
	"net/url"
	"strings"

	"github.com/go-json-experiment/json"

	"cognate/internal/token"
)

// tell puts the claims of a token into headers for the service behind the proxy. All of them are always there, empty for a claim that
// the token has not, so that a proxy that copies them never lets one of the request's own stand. Names are percent-encoded as in a path
// (RFC 3986 section 3.3), groups are separated by commas and scopes by spaces, and X-Cognate-Claims is base64url of all claims. An
// address that is not verified is only in there.
func tell(h http.Header, t token.Presented) error {
	var c struct {
		Sub      string   `json:"sub"`
		Username string   `json:"username"`
		Name     string   `json:"cognito:username"` // in ID tokens
		Groups   []string `json:"cognito:groups"`
		// Functions may give an access token claims of these names, of any kind.
		Email    any `json:"email"`
		Verified any `json:"email_verified"`
	}
	if err := json.Unmarshal(t.Payload, &c); err != nil {
		return err
	}
	email, _ := c.Email.(string)
	if c.Verified != true {
		email = ""
	}
	for name, value := range map[string]string{
		"X-Cognate-Sub":       url.PathEscape(c.Sub),
		"X-Cognate-Username":  url.PathEscape(c.Username + c.Name),
		"X-Cognate-Client-Id": url.PathEscape(t.ClientID),
		"X-Cognate-Scope":     t.Scope,
		"X-Cognate-Groups":    list(c.Groups),
		"X-Cognate-Email":     url.PathEscape(email),
		"X-Cognate-Claims":    base64.RawURLEncoding.EncodeToString(t.Payload),
	} {
		h.Set(name, value)
	}
	return nil
}

// list separates texts by commas; those within them are encoded.
func list(texts []string) string {
	escaped := make([]string, len(texts))
	for i, text := range texts {
		escaped[i] = url.PathEscape(text)
	}
	return strings.Join(escaped, ",")
}
