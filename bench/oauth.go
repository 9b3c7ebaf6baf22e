//go:build linux

package main

import (
	"context"
	"encoding/json"
	"fmt"
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
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, m.url+"/oauth2/token", strings.NewReader(m.form))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	resp, err := m.http.Do(r)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	var got struct {
		Access string `json:"access_token"`
		Error  string `json:"error"`
	}
	if err := json.NewDecoder(resp.Body).Decode(&got); err != nil {
		return err
	}
	if got.Access == "" {
		return fmt.Errorf("no token came: %s %s", resp.Status, got.Error)
	}
	return nil
}
