// Package browser is what the doors for browsers keep in them: the cookies of a login and of the protection against
// forged forms. The names are Cognito's (protocol page "oauth-endpoints", section 9), with the prefix __Host-
// where a cookie may travel by TLS alone.
package browser

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"net/http"
	"time"
)

// Cookies sets and reads cookies. The zero value is for a server that clients reach in clear, at least also.
type Cookies struct {
	// Secure says that clients reach the server by TLS only, whether or not a proxy ends it.
	Secure bool
}

// ByTLS reports whether a request came by TLS.
func (c Cookies) ByTLS(r *http.Request) bool { return c.Secure || r.TLS != nil }

// name puts the prefix before a cookie's name: with it, a browser takes the cookie from this very host only, and by
// TLS (RFC 6265bis section 4.1.3.2).
func (c Cookies) name(r *http.Request, name string) string {
	if c.ByTLS(r) {
		return "__Host-" + name
	}
	return name
}

// Get returns the value of a cookie, "" when there is none.
func (c Cookies) Get(r *http.Request, name string) string {
	k, err := r.Cookie(c.name(r, name))
	if err != nil {
		return ""
	}
	return k.Value
}

// Set sets a cookie for as long as lifetime says, for this host alone, out of reach of scripts, and not sent with
// what other sites' pages load or post.
func (c Cookies) Set(w http.ResponseWriter, r *http.Request, name, value string, lifetime time.Duration) {
	http.SetCookie(w, c.cookie(r, c.name(r, name), value, int(lifetime.Seconds())))
}

// SetForPosts is Set for a cookie that also comes with forms that other sites' pages post, as identity providers do. In clear,
// where browsers take no such cookie, it comes for two minutes with most.
func (c Cookies) SetForPosts(w http.ResponseWriter, r *http.Request, name, value string, lifetime time.Duration) {
	k := c.cookie(r, c.name(r, name), value, int(lifetime.Seconds()))
	if k.SameSite = 0; k.Secure {
		k.SameSite = http.SameSiteNoneMode
	}
	http.SetCookie(w, k)
}

// Clear takes a cookie away.
func (c Cookies) Clear(w http.ResponseWriter, r *http.Request, name string) {
	http.SetCookie(w, c.cookie(r, c.name(r, name), "", -1))
}

func (c Cookies) cookie(r *http.Request, name, value string, seconds int) *http.Cookie {
	return &http.Cookie{
		Name: name, Value: value, Path: "/", MaxAge: seconds, Secure: c.ByTLS(r), HttpOnly: true, SameSite: http.SameSiteLaxMode,
	}
}

// LoginCookie names the cookie of a login at a pool: pools may share a host.
func LoginCookie(poolID string) string { return "cognito-" + poolID }

const (
	formCookie = "XSRF-TOKEN"
	// FormField is the field of a form that repeats the token of FormToken.
	FormField  = "_csrf"
	tokenBytes = 16
)

// FormToken returns what the forms of a page carry in FormField: only pages of this server can read it. A browser
// keeps one, so that several pages can be open at once. The cookie's name has no prefix: scripts that sign in
// look for it.
func (c Cookies) FormToken(w http.ResponseWriter, r *http.Request) string {
	if k, err := r.Cookie(formCookie); err == nil && isToken(k.Value) {
		return k.Value
	}
	raw := make([]byte, tokenBytes)
	rand.Read(raw)
	token := base64.RawURLEncoding.EncodeToString(raw)
	http.SetCookie(w, c.cookie(r, formCookie, token, 0))
	return token
}

func isToken(text string) bool {
	raw, err := base64.RawURLEncoding.DecodeString(text)
	return err == nil && len(raw) == tokenBytes
}

// sameOrigin refuses what browsers mark as sent by another origin's page.
var sameOrigin = http.NewCrossOriginProtection()

// Forged reports whether a form may have been posted by another site's page. The form must have been parsed.
func (c Cookies) Forged(r *http.Request) bool {
	k, err := r.Cookie(formCookie)
	if err != nil || !isToken(k.Value) || sameOrigin.Check(r) != nil {
		return true
	}
	return subtle.ConstantTimeCompare([]byte(k.Value), []byte(r.PostForm.Get(FormField))) != 1
}
