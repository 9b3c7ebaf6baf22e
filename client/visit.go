package client

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"

	"cognate/api/idp"
)

// visit is one journey of the browser to the pool's pages and back.
type visit struct {
	client                 *Client
	browser                Browser
	redirect               *url.URL
	pages                  *pages
	state, nonce, verifier string
}

// arrival is how a visit ends.
type arrival struct {
	tokens *idp.AuthenticationResultType
	err    error
}

// run listens, sends the browser away, and waits until it comes back.
func (v *visit) run(ctx context.Context) (*idp.AuthenticationResultType, error) {
	host := v.redirect.Hostname()
	if host == "localhost" {
		host = "127.0.0.1"
	}
	listener, err := net.Listen("tcp", net.JoinHostPort(host, v.redirect.Port()))
	if err != nil {
		return nil, fmt.Errorf("client: the redirect URL: %w", err)
	}
	arrived := make(chan arrival, 1)
	server := &http.Server{Handler: v.door(ctx, arrived), ReadHeaderTimeout: 10 * time.Second}
	go server.Serve(listener)
	defer shut(server)
	if err := v.browser.Open(ctx, v.authorizeURL()); err != nil {
		return nil, err
	}
	select {
	case a := <-arrived:
		return a.tokens, a.err
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// shut lets the last answer reach the browser.
func shut(server *http.Server) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	if server.Shutdown(ctx) != nil {
		server.Close()
	}
}

// door is where the browser comes back. The first that brings the state of this visit ends it; others, such as a forged request of
// another page, do not.
func (v *visit) door(ctx context.Context, arrived chan<- arrival) http.Handler {
	first := make(chan struct{}, 1)
	path := v.redirect.Path
	if path == "" {
		path = "/"
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != path || r.Method != http.MethodGet {
			http.NotFound(w, r)
			return
		}
		query := r.URL.Query()
		if subtle.ConstantTimeCompare([]byte(query.Get("state")), []byte(v.state)) != 1 {
			show(w, http.StatusBadRequest, "This is not the sign-in that was begun.")
			return
		}
		select {
		case first <- struct{}{}:
		default:
			show(w, http.StatusBadRequest, "This sign-in is over.")
			return
		}
		tokens, err := v.arrive(ctx, query)
		if err != nil {
			show(w, http.StatusOK, "You are not signed in. Go back to the program to see why.")
		} else {
			show(w, http.StatusOK, "You are signed in. You can close this window.")
		}
		arrived <- arrival{tokens, err}
	})
}

// arrive reads what the browser brings.
func (v *visit) arrive(ctx context.Context, query url.Values) (*idp.AuthenticationResultType, error) {
	if code := query.Get("error"); code != "" {
		return nil, &Error{Code: code, Message: query.Get("error_description")}
	}
	if issuer := query.Get("iss"); issuer != "" && issuer != v.pages.Issuer { // RFC 9207
		return nil, errors.New("client: another server has answered")
	}
	if query.Get("code") == "" {
		return nil, errors.New("client: the browser has come back without a code")
	}
	return v.exchange(ctx, query.Get("code"))
}

// show answers the browser, with a page that leaves nothing behind.
func show(w http.ResponseWriter, status int, text string) {
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
	w.WriteHeader(status)
	io.WriteString(w, `<!doctype html><html lang="en"><meta name="viewport" content="width=device-width"><title>Sign-in</title><p>`+text+"</p></html>\n")
}
