package e2e

import (
	"errors"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	idp "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider/types"
	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"
)

// TestMachine has x/oauth2 get a token for a machine, with either way to show the secret.
func TestMachine(t *testing.T) {
	k := newKit(t)
	_, err := k.CreateResourceServer(k.ctx, &idp.CreateResourceServerInput{UserPoolId: k.poolID, Identifier: aws.String("https://photos.example.com"), Name: aws.String("Photos"),
		Scopes: []types.ResourceServerScopeType{{ScopeName: aws.String("read"), ScopeDescription: aws.String("Read photos")}}})
	ok(t, err)
	made, err := k.CreateUserPoolClient(k.ctx, &idp.CreateUserPoolClientInput{UserPoolId: k.poolID, ClientName: aws.String("machine"), GenerateSecret: true,
		AllowedOAuthFlowsUserPoolClient: true, AllowedOAuthFlows: []types.OAuthFlowType{types.OAuthFlowTypeClientCredentials},
		AllowedOAuthScopes: []string{"https://photos.example.com/read"}})
	ok(t, err)
	c := clientcredentials.Config{ClientID: *made.UserPoolClient.ClientId, ClientSecret: *made.UserPoolClient.ClientSecret, TokenURL: server(t) + "/oauth2/token"}
	for _, style := range []oauth2.AuthStyle{oauth2.AuthStyleInHeader, oauth2.AuthStyleInParams} {
		c.AuthStyle = style
		token, err := c.Token(k.ctx)
		ok(t, err)
		if got := claims(t, &token.AccessToken); got["scope"] != "https://photos.example.com/read" || got["sub"] != c.ClientID {
			t.Errorf("%v", got)
		}
	}
	c.Scopes = []string{"https://photos.example.com/none"}
	var refused *oauth2.RetrieveError
	if _, err := c.Token(k.ctx); !errors.As(err, &refused) || refused.ErrorCode != "invalid_scope" {
		t.Errorf("a scope that is none: %v", err)
	}
}

// TestRefreshByOAuth has x/oauth2 refresh a session of the API.
func TestRefreshByOAuth(t *testing.T) {
	k := newKit(t)
	had := k.tokens(t, k.user(t, "refreshes"), password)
	c := oauth2.Config{ClientID: *k.client, Endpoint: oauth2.Endpoint{TokenURL: server(t) + "/oauth2/token", AuthStyle: oauth2.AuthStyleInParams}}
	got, err := c.TokenSource(k.ctx, &oauth2.Token{RefreshToken: *had.RefreshToken}).Token()
	ok(t, err)
	if claims(t, &got.AccessToken)["event_id"] != claims(t, had.AccessToken)["event_id"] || got.Extra("id_token") == nil {
		t.Errorf("another session, or no ID token: %v", claims(t, &got.AccessToken))
	}
}

const callback = "https://app.example/cb"

// TestCodeFlow has go-oidc and x/oauth2 sign a user in by the code flow with PKCE, through the page's form; the client has a
// secret.
func TestCodeFlow(t *testing.T) {
	k := newKit(t)
	name := k.user(t, "code")
	made, err := k.CreateUserPoolClient(k.ctx, &idp.CreateUserPoolClientInput{UserPoolId: k.poolID, ClientName: aws.String("site"), GenerateSecret: true,
		AllowedOAuthFlowsUserPoolClient: true, AllowedOAuthFlows: []types.OAuthFlowType{types.OAuthFlowTypeCode},
		AllowedOAuthScopes: []string{"openid", "email"}, CallbackURLs: []string{callback}})
	ok(t, err)
	provider, err := oidc.NewProvider(k.ctx, server(t)+"/"+*k.poolID)
	ok(t, err)
	c := oauth2.Config{ClientID: *made.UserPoolClient.ClientId, ClientSecret: *made.UserPoolClient.ClientSecret, Endpoint: provider.Endpoint(),
		RedirectURL: callback, Scopes: []string{oidc.ScopeOpenID, "email"}}
	verifier := oauth2.GenerateVerifier()
	back := submit(t, c.AuthCodeURL("the state", oauth2.S256ChallengeOption(verifier), oidc.Nonce("the nonce")), *name)
	if back.Get("state") != "the state" {
		t.Fatalf("sent back with %v", back)
	}
	var refused *oauth2.RetrieveError
	if _, err := c.Exchange(k.ctx, back.Get("code"), oauth2.VerifierOption(oauth2.GenerateVerifier())); !errors.As(err, &refused) || refused.ErrorCode != "invalid_grant" {
		t.Errorf("another verifier: %v", err)
	}
	got, err := c.Exchange(k.ctx, back.Get("code"), oauth2.VerifierOption(verifier))
	ok(t, err)
	raw, _ := got.Extra("id_token").(string)
	id, err := provider.Verifier(&oidc.Config{ClientID: c.ClientID}).Verify(k.ctx, raw)
	ok(t, err)
	ok(t, id.VerifyAccessToken(got.AccessToken))
	if id.Nonce != "the nonce" {
		t.Errorf("nonce %q", id.Nonce)
	}
	info, err := provider.UserInfo(k.ctx, oauth2.StaticTokenSource(got))
	ok(t, err)
	if info.Subject != id.Subject || info.Email != *name+"@example.com" {
		t.Errorf("%+v", info)
	}
	if _, err := c.Exchange(k.ctx, back.Get("code"), oauth2.VerifierOption(verifier)); !errors.As(err, &refused) || refused.ErrorCode != "invalid_grant" {
		t.Errorf("the code again: %v", err)
	}
	if _, err := provider.UserInfo(k.ctx, oauth2.StaticTokenSource(got)); err == nil {
		t.Error("the tokens of a code that came twice live on")
	}
}

var formToken = regexp.MustCompile(`name="_csrf" value="([^"]+)"`)

// submit signs in by the page that an authorization request leads to, and returns what the browser brings back.
func submit(t *testing.T, request, name string) url.Values {
	t.Helper()
	jar, err := cookiejar.New(nil)
	ok(t, err)
	browser := &http.Client{Jar: jar, CheckRedirect: func(r *http.Request, _ []*http.Request) error {
		if strings.HasPrefix(r.URL.String(), callback) {
			return http.ErrUseLastResponse
		}
		return nil
	}}
	page, err := browser.Get(request)
	ok(t, err)
	text, err := io.ReadAll(page.Body)
	ok(t, err)
	page.Body.Close()
	token := formToken.FindStringSubmatch(string(text))
	if token == nil {
		t.Fatalf("no form: %s", text)
	}
	done, err := browser.PostForm(page.Request.URL.String(), url.Values{"_csrf": {token[1]}, "username": {name}, "password": {password}})
	ok(t, err)
	done.Body.Close()
	to, err := done.Location()
	ok(t, err)
	return to.Query()
}
