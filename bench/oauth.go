//go:build linux

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
)

// machine is a client that gets tokens of its own.
type machine struct {
	*workload
	form string
}

// machine makes a resource server and its client.
func (w *workload) machine(ctx context.Context) (*machine, error) {
	_, err := w.call(ctx, "CreateResourceServer", fmt.Sprintf(`{"UserPoolId":%q,"Identifier":"bench-%d","Name":"bench","Scopes":[{"ScopeName":"read","ScopeDescription":"read"}]}`, w.pool, w.servers))
	if err != nil {
		return nil, err
	}
	var made struct {
		UserPoolClient struct{ ClientId, ClientSecret string }
	}
	err = w.into(ctx, &made, "CreateUserPoolClient", fmt.Sprintf(`{"UserPoolId":%q,"ClientName":"machine","GenerateSecret":true,"AllowedOAuthFlowsUserPoolClient":true,
		"AllowedOAuthFlows":["client_credentials"],"AllowedOAuthScopes":["bench-%d/read"]}`, w.pool, w.servers))
	w.servers++
	return &machine{w, url.Values{
		"grant_type": {"client_credentials"}, "client_id": {made.UserPoolClient.ClientId}, "client_secret": {made.UserPoolClient.ClientSecret},
	}.Encode()}, err
}

// token gets a token.
func (m *machine) token(ctx context.Context, _ int) error {
	_, err := m.grant(ctx, m.form)
	return err
}

// grant is what the token endpoint answers.
type grant struct {
	Access  string `json:"access_token"`
	Refresh string `json:"refresh_token"`
	Error   string `json:"error"`
}

// grant sends a form to the token endpoint.
func (w *workload) grant(ctx context.Context, form string) (got grant, err error) {
	resp, err := w.send(ctx, http.MethodPost, "/oauth2/token", form)
	if err != nil {
		return got, err
	}
	defer resp.Body.Close()
	if err := json.NewDecoder(resp.Body).Decode(&got); err != nil {
		return got, err
	}
	if got.Access == "" {
		return got, fmt.Errorf("no token came: %s %s", resp.Status, got.Error)
	}
	return got, nil
}

// send sends a form, and follows no redirect.
func (w *workload) send(ctx context.Context, method, path, form string, cookies ...*http.Cookie) (*http.Response, error) {
	r, err := http.NewRequestWithContext(ctx, method, w.url+path, strings.NewReader(form))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	for _, c := range cookies {
		r.AddCookie(c)
	}
	return w.http.Transport.RoundTrip(r)
}

const callback = "http://localhost/cb"

// site is an app whose users sign in by the pages.
type site struct {
	*workload
	client, query string
	login         []*http.Cookie // of a browser that is signed in
	refresh       string
}

// site makes the app, and signs a browser in by the page's form.
func (w *workload) site(ctx context.Context) (*site, error) {
	var made struct{ UserPoolClient struct{ ClientId string } }
	err := w.into(ctx, &made, "CreateUserPoolClient", fmt.Sprintf(`{"UserPoolId":%q,"ClientName":"site","AllowedOAuthFlowsUserPoolClient":true,
		"AllowedOAuthFlows":["code"],"AllowedOAuthScopes":["openid","email"],"CallbackURLs":[%q]}`, w.pool, callback))
	if err != nil {
		return nil, err
	}
	s := &site{workload: w, client: made.UserPoolClient.ClientId}
	s.query = "?" + url.Values{"client_id": {s.client}, "response_type": {"code"}, "redirect_uri": {callback}}.Encode()
	page, err := w.send(ctx, http.MethodGet, "/login"+s.query, "")
	if err != nil {
		return nil, err
	}
	page.Body.Close()
	cookies := page.Cookies()
	if len(cookies) == 0 {
		return nil, fmt.Errorf("the page came without a cookie: %s", page.Status)
	}
	form := url.Values{"_csrf": {cookies[0].Value}, "username": {w.accounts[0].name}, "password": {password}}.Encode()
	done, err := w.send(ctx, http.MethodPost, "/login"+s.query, form, cookies...)
	if err != nil {
		return nil, err
	}
	done.Body.Close()
	s.login = done.Cookies()
	got, err := s.exchange(ctx)
	s.refresh = got.Refresh
	return s, err
}

// exchange gets a code for the browser, and tokens for the code.
func (s *site) exchange(ctx context.Context) (grant, error) {
	resp, err := s.send(ctx, http.MethodGet, "/oauth2/authorize"+s.query, "", s.login...)
	if err != nil {
		return grant{}, err
	}
	resp.Body.Close()
	to, err := resp.Location()
	if err != nil {
		return grant{}, err
	}
	code := to.Query().Get("code")
	if code == "" {
		return grant{}, fmt.Errorf("no code came: sent to %s", to)
	}
	return s.grant(ctx, url.Values{"grant_type": {"authorization_code"}, "client_id": {s.client}, "redirect_uri": {callback}, "code": {code}}.Encode())
}

// codes is both requests of a sign-in by a browser that is signed in already.
func (s *site) codes(ctx context.Context, _ int) error {
	_, err := s.exchange(ctx)
	return err
}

// renew refreshes at the token endpoint.
func (s *site) renew(ctx context.Context, _ int) error {
	_, err := s.grant(ctx, url.Values{"grant_type": {"refresh_token"}, "client_id": {s.client}, "refresh_token": {s.refresh}}.Encode())
	return err
}

// page gets the page that signs in.
func (s *site) page(ctx context.Context, _ int) error {
	resp, err := s.send(ctx, http.MethodGet, "/login"+s.query, "")
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	n, err := io.Copy(io.Discard, resp.Body)
	if err == nil && (resp.StatusCode != http.StatusOK || n == 0) {
		err = fmt.Errorf("no page came: %s", resp.Status)
	}
	return err
}
