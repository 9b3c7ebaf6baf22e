package e2e

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	idp "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider/types"

	"cognate/client"
)

// atHome is a redirect URL of this machine whose port is free.
func atHome(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	ok(t, err)
	defer l.Close()
	return fmt.Sprintf("http://localhost:%d/back", l.Addr().(*net.TCPAddr).Port)
}

// desktop makes an app client of a program that comes back to redirect.
func (k *kit) desktop(t *testing.T, redirect string, secret bool, scopes ...string) func(*client.Config) {
	t.Helper()
	made, err := k.CreateUserPoolClient(k.ctx, &idp.CreateUserPoolClientInput{UserPoolId: k.poolID, ClientName: aws.String("desktop"), GenerateSecret: secret,
		AllowedOAuthFlowsUserPoolClient: true, AllowedOAuthFlows: []types.OAuthFlowType{types.OAuthFlowTypeCode},
		AllowedOAuthScopes: scopes, CallbackURLs: []string{redirect}})
	ok(t, err)
	return func(c *client.Config) {
		c.ClientID, c.ClientSecret = *made.UserPoolClient.ClientId, aws.ToString(made.UserPoolClient.ClientSecret)
	}
}

const admin = "aws.cognito.signin.user.admin"

// visit stands in for the browser and its user: it signs in by the form, follows the way back, and tells what it read last.
func visit(address, name string) (string, error) {
	jar, err := cookiejar.New(nil)
	if err != nil {
		return "", err
	}
	browser := &http.Client{Jar: jar}
	page, err := browser.Get(address)
	if err != nil {
		return "", err
	}
	text, err := io.ReadAll(page.Body)
	page.Body.Close()
	if err != nil {
		return "", err
	}
	token := formToken.FindStringSubmatch(string(text))
	if token == nil {
		return string(text), nil
	}
	back, err := browser.PostForm(page.Request.URL.String(), url.Values{"_csrf": {token[1]}, "username": {name}, "password": {password}})
	if err != nil {
		return "", err
	}
	defer back.Body.Close()
	text, err = io.ReadAll(back.Body)
	return string(text), err
}

// opened is a hook that has a user sign in meanwhile; read is what the browser shows in the end.
func opened(name *string, read chan<- string) func(context.Context, string) error {
	return func(_ context.Context, address string) error {
		go func() {
			text, err := visit(address, *name)
			read <- fmt.Sprint(text, err)
		}()
		return nil
	}
}

func TestClientByBrowser(t *testing.T) {
	k := newKit(t)
	name := k.user(t, "app-browser")
	for _, secret := range []bool{false, true} {
		redirect, read := atHome(t), make(chan string, 1)
		c := k.app(t, k.desktop(t, redirect, secret, "openid", "email", admin))
		s, err := c.SignInByBrowser(k.ctx, client.Browser{RedirectURL: redirect, Scopes: []string{"openid", admin}, Provider: "COGNITO",
			Open: func(ctx context.Context, address string) error {
				if !strings.Contains(address, "identity_provider=COGNITO") {
					t.Errorf("sent to %s", address)
				}
				return opened(name, read)(ctx, address)
			}})
		ok(t, err)
		if scope := claims(t, &s.Access)["scope"]; scope != "openid "+admin && scope != admin+" openid" {
			t.Errorf("scope %v", scope)
		}
		if text := <-read; !strings.Contains(text, "You are signed in.") {
			t.Errorf("the browser shows %s", text)
		}
		if had := signedInAs(t, k, c, *name); *had != *s {
			t.Error("another session is kept")
		}
		_, err = c.Renew(k.ctx)
		ok(t, err)
		signedInAs(t, k, c, *name)
		ok(t, c.SignOut(k.ctx))
	}
}

// TestClientForgedReturns has others come back before the user does, and the user with an error.
func TestClientForgedReturns(t *testing.T) {
	k := newKit(t)
	name, redirect := k.user(t, "app-forged"), atHome(t)
	c := k.app(t, k.desktop(t, redirect, false, "openid", admin))
	read := make(chan string, 1)
	s, err := c.SignInByBrowser(k.ctx, client.Browser{RedirectURL: redirect, Open: func(ctx context.Context, address string) error {
		for _, forged := range []string{redirect, redirect + "?code=x", redirect + "?code=x&state=x", redirect + "?error=access_denied&state="} {
			if err := status(forged, 400); err != nil {
				return err
			}
		}
		if err := errors.Join(status(strings.Replace(redirect, "/back", "/", 1), 404), status(redirect+"/x", 404)); err != nil {
			return err
		}
		return opened(name, read)(ctx, address)
	}})
	ok(t, err)
	if s.Username != *name {
		t.Errorf("%v", s)
	}
	<-read

	_, err = c.SignInByBrowser(k.ctx, client.Browser{RedirectURL: redirect, Open: func(_ context.Context, address string) error {
		to, err := url.Parse(address)
		if err != nil {
			return err
		}
		query := url.Values{"state": {to.Query().Get("state")}, "error": {"access_denied"}, "error_description": {"Not you"}}
		return status(redirect+"?"+query.Encode(), 200)
	}})
	var refused *client.Error
	if !errors.As(err, &refused) || refused.Code != "access_denied" || refused.Message != "Not you" {
		t.Errorf("%v", err)
	}
}

// status expects an answer of this status.
func status(address string, want int) error {
	got, err := http.Get(address)
	if err != nil {
		return err
	}
	defer got.Body.Close()
	if got.StatusCode != want {
		return fmt.Errorf("%s: status %d, want %d", address, got.StatusCode, want)
	}
	return nil
}

// TestClientForeignCode brings the code of another browser back: neither the verifier nor the nonce fits.
func TestClientForeignCode(t *testing.T) {
	k := newKit(t)
	name, redirect := k.user(t, "app-foreign"), atHome(t)
	settings := k.desktop(t, redirect, false, "openid", admin)
	for what, drop := range map[string][]string{"another verifier": {}, "no PKCE": {"code_challenge", "code_challenge_method"}, "another nonce": nil} {
		c := k.app(t, settings)
		_, err := c.SignInByBrowser(k.ctx, client.Browser{RedirectURL: redirect, Open: func(_ context.Context, address string) error {
			own, err := url.Parse(address)
			if err != nil {
				return err
			}
			query := own.Query()
			if drop == nil {
				query.Set("nonce", "another")
			} else {
				query.Set("code_challenge", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM")
			}
			for _, parameter := range drop {
				query.Del(parameter)
			}
			own.RawQuery = query.Encode()
			go visit(own.String(), *name)
			return nil
		}})
		var refused *client.Error
		switch {
		case err == nil:
			t.Errorf("%s: signed in", what)
		case drop == nil && !strings.Contains(err.Error(), "the ID token answers another request"):
			t.Errorf("%s: %v", what, err)
		case drop != nil && (!errors.As(err, &refused) || refused.Code != "invalid_grant"):
			t.Errorf("%s: %v", what, err)
		}
		if _, err := c.Session(k.ctx); !errors.Is(err, client.ErrNoSession) {
			t.Errorf("%s: a session is kept: %v", what, err)
		}
	}
}

func TestClientByBrowserRefusals(t *testing.T) {
	k := newKit(t)
	name, redirect := k.user(t, "app-browser-no"), atHome(t)
	nobody := func(context.Context, string) error { return nil }
	c := k.app(t, k.desktop(t, redirect, false, "openid", admin))
	began := time.Now()
	_, err := c.SignInByBrowser(k.ctx, client.Browser{RedirectURL: redirect, Open: nobody, Timeout: 100 * time.Millisecond})
	if err == nil || !strings.Contains(err.Error(), "did not come back") || time.Since(began) > 10*time.Second {
		t.Errorf("nobody came back: %v", err)
	}
	ctx, cancel := context.WithCancel(k.ctx)
	_, err = c.SignInByBrowser(ctx, client.Browser{RedirectURL: redirect, Open: func(context.Context, string) error { cancel(); return nil }})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	broken := errors.New("no browser")
	_, err = c.SignInByBrowser(k.ctx, client.Browser{RedirectURL: redirect, Open: func(context.Context, string) error { return broken }})
	if !errors.Is(err, broken) {
		t.Errorf("no browser: %v", err)
	}
	for _, bad := range []string{"", "https://127.0.0.1:3000/", "http://app.example:3000/", "http://127.0.0.1/", "http://0.0.0.0:3000/", "http://localhost.app.example:1/", "http://127.0.0.1:1/?a=b"} {
		if _, err := c.SignInByBrowser(k.ctx, client.Browser{RedirectURL: bad, Open: nobody}); err == nil || !strings.Contains(err.Error(), "RedirectURL") {
			t.Errorf("%q: %v", bad, err)
		}
	}
	closed := k.app(t, k.desktop(t, redirect, false, "email", admin))
	_, err = closed.SignInByBrowser(k.ctx, client.Browser{RedirectURL: redirect, Open: opened(name, make(chan string, 1)), Timeout: 10 * time.Second})
	if err == nil || !strings.Contains(err.Error(), "openid") {
		t.Errorf("no openid: %v", err)
	}
}
