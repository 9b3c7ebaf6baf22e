package e2e

import (
	"errors"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	idp "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider/types"
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
