//go:build linux

package main

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
)

// identities are users of the pool who have identities of an identity pool.
type identities struct {
	*workload
	key    string // of logins: the issuer without its scheme
	ids    []string
	tokens []string
}

const identityRole = "arn:aws:iam::000000000000:role/bench"

// identities makes an identity pool, and the identities of all users.
func (w *workload) identities(ctx context.Context) (*identities, error) {
	d := &identities{workload: w, ids: make([]string, len(w.accounts)), tokens: make([]string, len(w.accounts))}
	token, err := d.idToken(ctx, 0)
	if err != nil {
		return nil, err
	}
	if d.key, err = issuer(token); err != nil {
		return nil, err
	}
	var made struct{ IdentityPoolId string }
	err = w.identity(ctx, &made, "CreateIdentityPool", fmt.Sprintf(`{"IdentityPoolName":"bench","AllowUnauthenticatedIdentities":false,
		"CognitoIdentityProviders":[{"ProviderName":%q,"ClientId":%q}]}`, d.key, w.client))
	if err != nil {
		return nil, err
	}
	err = w.identity(ctx, nil, "SetIdentityPoolRoles", fmt.Sprintf(`{"IdentityPoolId":%q,"Roles":{"authenticated":%q}}`, made.IdentityPoolId, identityRole))
	if err != nil {
		return nil, err
	}
	return d, w.each(ctx, func(ctx context.Context, i int) (err error) {
		if d.tokens[i], err = d.idToken(ctx, i); err != nil {
			return err
		}
		var found struct{ IdentityId string }
		err = w.identity(ctx, &found, "GetId", fmt.Sprintf(`{"IdentityPoolId":%q,"Logins":{%q:%q}}`, made.IdentityPoolId, d.key, d.tokens[i]))
		d.ids[i] = found.IdentityId
		return err
	})
}

// idToken signs user i in.
func (d *identities) idToken(ctx context.Context, i int) (string, error) {
	var out struct{ AuthenticationResult struct{ IdToken string } }
	err := d.into(ctx, &out, "InitiateAuth", fmt.Sprintf(`{"ClientId":%q,"AuthFlow":"REFRESH_TOKEN_AUTH","AuthParameters":{"REFRESH_TOKEN":%q}}`, d.client, d.accounts[i].refresh))
	return out.AuthenticationResult.IdToken, err
}

// issuer is what a token says about who has made it, without the scheme.
func issuer(token string) (string, error) {
	parts := strings.Split(token, ".")
	payload, err := base64.RawURLEncoding.DecodeString(parts[min(1, len(parts)-1)])
	if err != nil {
		return "", err
	}
	var claims struct{ Iss string }
	err = json.Unmarshal(payload, &claims)
	_, key, _ := strings.Cut(claims.Iss, "://")
	return key, err
}

// credentials gets those of a user's identity.
func (d *identities) credentials(ctx context.Context, n int) error {
	i := n % len(d.ids)
	var out struct{ Credentials struct{ SessionToken string } }
	err := d.identity(ctx, &out, "GetCredentialsForIdentity", fmt.Sprintf(`{"IdentityId":%q,"Logins":{%q:%q}}`, d.ids[i], d.key, d.tokens[i]))
	if err == nil && out.Credentials.SessionToken == "" {
		err = fmt.Errorf("no credentials came")
	}
	return err
}
