package client

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os/exec"
	"runtime"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"cognate/api/idp"
	"cognate/verify"
)

// Browser is how [Client.SignInByBrowser] signs in.
type Browser struct {
	// RedirectURL is the callback URL of the app client at which this program listens: http, of 127.0.0.1, localhost or [::1], with a
	// port, as http://127.0.0.1:3000/.
	RedirectURL string

	// Scopes are asked for; none means all that the app client has. They must include openid, and aws.cognito.signin.user.admin for
	// what else this package does with the session.
	Scopes []string

	// Provider is an identity provider of the pool to go to at once; empty means that the user chooses on the page.
	Provider string

	// Open shows the user a URL; nil means [OpenBrowser]. It does not wait for the user.
	Open func(ctx context.Context, url string) error

	// Timeout is how long the user has; 0 means five minutes.
	Timeout time.Duration
}

// browserTime is how long users have, unless a Browser says otherwise.
const browserTime = 5 * time.Minute

// SignInByBrowser signs the user in on the pool's own pages, or at another identity provider, in the system's browser: by the
// authorization code flow with PKCE (RFC 8252, RFC 7636). It returns when the browser has come back, or the time is over. What the
// server refuses is an [*Error], such as access_denied.
func (c *Client) SignInByBrowser(ctx context.Context, b Browser) (*Session, error) {
	if b.Open == nil {
		b.Open = OpenBrowser
	}
	if b.Timeout == 0 {
		b.Timeout = browserTime
	}
	ctx, cancel := context.WithTimeoutCause(ctx, b.Timeout, errors.New("client: the user did not come back from the browser in time"))
	defer cancel()
	redirect, err := loopback(b.RedirectURL)
	if err != nil {
		return nil, err
	}
	pages, err := c.discover(ctx)
	if err != nil {
		return nil, err
	}
	v := &visit{client: c, browser: b, redirect: redirect, pages: pages, state: rand.Text(), nonce: rand.Text(), verifier: newVerifier()}
	tokens, err := v.run(ctx)
	if err != nil {
		return nil, err
	}
	session, err := newSession(tokens, "")
	if err != nil {
		return nil, err
	}
	err = c.change(ctx, func(s *state) error {
		s.Session = session
		return nil
	})
	if err != nil {
		return nil, err
	}
	return session.copy(), nil
}

// loopback reads a redirect URL, which must lead to this machine (RFC 8252 section 7.3).
func loopback(text string) (*url.URL, error) {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "http" || u.Port() == "" || !isLoopback(u.Hostname()) || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return nil, fmt.Errorf("client: Browser.RedirectURL %q is not http of this machine with a port", text)
	}
	return u, nil
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// newVerifier is a code_verifier of 256 bits.
func newVerifier() string {
	random := make([]byte, 32)
	rand.Read(random) // never fails
	return base64.RawURLEncoding.EncodeToString(random)
}

// pages are what the pool's discovery document tells.
type pages struct {
	Issuer    string `json:"issuer"`
	Authorize string `json:"authorization_endpoint"`
	Token     string `json:"token_endpoint"`
	Keys      string `json:"jwks_uri"`
}

// discover reads the pool's discovery document.
func (c *Client) discover(ctx context.Context) (*pages, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, c.idp+"/"+c.config.PoolID+"/.well-known/openid-configuration", nil)
	if err != nil {
		return nil, err
	}
	resp, text, err := c.send(r)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("client: the pool's discovery document: %s", resp.Status)
	}
	p := new(pages)
	if err := json.Unmarshal(text, p); err != nil {
		return nil, fmt.Errorf("client: the pool's discovery document: %w", err)
	}
	if !safe(p.Authorize) || !safe(p.Token) {
		return nil, errors.New("client: the pool has no pages that are safe to use: a domain, by https")
	}
	return p, nil
}

// safe reports whether nobody on the way to an address can listen.
func safe(address string) bool {
	u, err := url.Parse(address)
	return err == nil && u.Host != "" && (u.Scheme == "https" || u.Scheme == "http" && (isLoopback(u.Hostname()) || strings.HasSuffix(u.Hostname(), ".localhost")))
}

// authorizeURL is where the browser is sent.
func (v *visit) authorizeURL() string {
	challenge := sha256.Sum256([]byte(v.verifier))
	query := url.Values{
		"response_type": {"code"}, "client_id": {v.client.config.ClientID}, "redirect_uri": {v.browser.RedirectURL}, "state": {v.state}, "nonce": {v.nonce},
		"code_challenge": {base64.RawURLEncoding.EncodeToString(challenge[:])}, "code_challenge_method": {"S256"},
	}
	if len(v.browser.Scopes) > 0 {
		query.Set("scope", strings.Join(v.browser.Scopes, " "))
	}
	if v.browser.Provider != "" {
		query.Set("identity_provider", v.browser.Provider)
	}
	separator := "?"
	if strings.Contains(v.pages.Authorize, "?") {
		separator = "&"
	}
	return v.pages.Authorize + separator + query.Encode()
}

// exchange turns a code into tokens.
func (v *visit) exchange(ctx context.Context, code string) (*idp.AuthenticationResultType, error) {
	c := v.client
	form := url.Values{"grant_type": {"authorization_code"}, "client_id": {c.config.ClientID}, "code": {code},
		"redirect_uri": {v.browser.RedirectURL}, "code_verifier": {v.verifier}}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, v.pages.Token, strings.NewReader(form.Encode()))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if c.config.ClientSecret != "" {
		r.SetBasicAuth(url.QueryEscape(c.config.ClientID), url.QueryEscape(c.config.ClientSecret))
	}
	resp, text, err := c.send(r)
	if err != nil {
		return nil, err
	}
	var out struct {
		Access      string `json:"access_token"`
		ID          string `json:"id_token"`
		Refresh     string `json:"refresh_token"`
		Code        string `json:"error"`
		Description string `json:"error_description"`
	}
	err = json.Unmarshal(text, &out)
	switch {
	case err == nil && out.Code != "":
		return nil, &Error{Code: out.Code, Message: out.Description, RequestID: resp.Header.Get("X-Amz-Cognito-Request-Id"), Status: resp.StatusCode}
	case err != nil || resp.StatusCode != http.StatusOK || out.Access == "":
		return nil, fmt.Errorf("client: %s is no answer of a token endpoint", resp.Status)
	case out.ID == "":
		return nil, errors.New("client: there is no ID token to tell who has signed in: the scopes must include openid")
	}
	return &idp.AuthenticationResultType{AccessToken: out.Access, IdToken: out.ID, RefreshToken: out.Refresh}, v.check(ctx, out.ID)
}

// check verifies the ID token, and that it answers this request: its nonce.
func (v *visit) check(ctx context.Context, token string) error {
	verifier, err := verify.New(verify.Config{
		Issuers: []string{v.pages.Issuer}, Use: verify.ID, ClientIDs: []string{v.client.config.ClientID}, Leeway: margin,
		KeysURL: func(string) string { return v.pages.Keys }, HTTP: v.client.http,
		Check: func(c *verify.Claims) error {
			var has struct {
				Nonce string `json:"nonce"`
			}
			if err := c.Decode(&has); err != nil || has.Nonce != v.nonce {
				return errors.New("client: the ID token answers another request")
			}
			return nil
		},
	})
	if err != nil {
		return err
	}
	_, err = verifier.Verify(ctx, token)
	return err
}

// OpenBrowser shows a URL in the system's browser.
func OpenBrowser(_ context.Context, address string) error {
	command := exec.Command("xdg-open", address)
	switch runtime.GOOS {
	case "darwin":
		command = exec.Command("open", address)
	case "windows":
		command = exec.Command("rundll32", "url.dll,FileProtocolHandler", address)
	}
	if err := command.Start(); err != nil {
		return fmt.Errorf("client: the browser cannot be opened: %w", err)
	}
	go command.Wait() // it may last as long as the browser
	return nil
}
