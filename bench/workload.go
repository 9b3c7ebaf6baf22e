//go:build linux

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"cognate/internal/srp"
)

const password = "Corr3ct-Horse!"

// workload is a pool with users, and what its clients need to sign them in.
type workload struct {
	url, pool, client string
	http              *http.Client
	accounts          []account
	srp               *srp.Client // of all clients: what is measured is the server
	servers           int         // resource servers made so far
	providers         int         // identity providers made so far
}

type account struct{ name, access, refresh string }

// answer is what the load reads of the server's answers.
type answer struct {
	UserPool             struct{ Id string }
	UserPoolClient       struct{ ClientId string }
	Session              string
	ChallengeParameters  map[string]string
	AuthenticationResult *struct{ AccessToken, RefreshToken string }
}

// prepare makes a pool, a client and n users with tokens.
func prepare(ctx context.Context, url string, n int) (*workload, error) {
	w := &workload{url: url, accounts: make([]account, n), http: &http.Client{
		Timeout: 30 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: 1000, DisableCompression: true},
	}}
	var err error
	if w.srp, err = srp.NewClient(); err != nil {
		return nil, err
	}
	if err := w.makePool(ctx, ""); err != nil {
		return nil, err
	}
	return w, w.each(ctx, w.enroll)
}

// makePool makes the pool, with what settings adds, and its client.
func (w *workload) makePool(ctx context.Context, settings string) error {
	out, err := w.call(ctx, "CreateUserPool", `{"PoolName":"bench"`+settings+`}`)
	if err != nil {
		return err
	}
	w.pool = out.UserPool.Id
	out, err = w.call(ctx, "CreateUserPoolClient", fmt.Sprintf(`{"UserPoolId":%q,"ClientName":"bench","ExplicitAuthFlows":
		["ALLOW_USER_SRP_AUTH","ALLOW_USER_PASSWORD_AUTH","ALLOW_USER_AUTH","ALLOW_REFRESH_TOKEN_AUTH"]}`, w.pool))
	w.client = out.UserPoolClient.ClientId
	return err
}

// enroll makes user i and signs it in.
func (w *workload) enroll(ctx context.Context, i int) error {
	a := &w.accounts[i]
	a.name = fmt.Sprintf("user-%d", i)
	if err := w.createUser(ctx, a.name); err != nil {
		return err
	}
	_, err := w.call(ctx, "AdminSetUserPassword", fmt.Sprintf(`{"UserPoolId":%q,"Username":%q,"Password":%q,"Permanent":true}`, w.pool, a.name, password))
	if err != nil {
		return err
	}
	out, err := w.initiate(ctx, "USER_PASSWORD_AUTH", fmt.Sprintf(`"USERNAME":%q,"PASSWORD":%q`, a.name, password))
	if err != nil {
		return err
	}
	a.access, a.refresh = out.AuthenticationResult.AccessToken, out.AuthenticationResult.RefreshToken
	return nil
}

func (w *workload) operations(f *floor) []operation {
	start := time.Now().UnixNano()
	return []operation{
		{"SRP sign-in", f.srpSignIn, always(func(ctx context.Context, n int) error { return w.srpSignIn(ctx, w.account(n)) })},
		{"password sign-in", f.passwordSignIn, always(w.passwordSignIn)},
		{"with a trigger", f.passwordSignIn, w.byFunction(quick)},
		{"with one of 50 ms", f.passwordSignIn, w.byFunction(slow)},
		{"password + TOTP", f.passwordSignIn, func(ctx context.Context) (func(context.Context, int) error, error) {
			t, err := w.tokens(ctx)
			if err != nil {
				return nil, err
			}
			return t.signIn, nil
		}},
		{"passkey sign-in", f.passkeySignIn, func(ctx context.Context) (func(context.Context, int) error, error) {
			h, err := w.passkeys(ctx)
			if err != nil {
				return nil, err
			}
			return h.signIn, nil
		}},
		{"refresh", f.refresh, always(func(ctx context.Context, n int) error {
			return signedIn(w.initiate(ctx, "REFRESH_TOKEN_AUTH", fmt.Sprintf(`"REFRESH_TOKEN":%q`, w.account(n).refresh)))
		})},
		{"client token", f.sign, func(ctx context.Context) (func(context.Context, int) error, error) {
			m, err := w.machine(ctx)
			if err != nil {
				return nil, err
			}
			return m.token, nil
		}},
		{"authorize + code", f.refresh, w.bySite((*site).codes)},
		{"refresh by OAuth", f.refresh, w.bySite((*site).renew)},
		{"OIDC sign-in", f.oidcSignIn, w.byProvider(oidcProvider)},
		{"SAML sign-in", f.samlSignIn, w.byProvider(samlProvider)},
		{"sign-in page", nil, w.bySite((*site).page)},
		{"identity creds", f.verifyToken, func(ctx context.Context) (func(context.Context, int) error, error) {
			d, err := w.identities(ctx)
			if err != nil {
				return nil, err
			}
			return d.credentials, nil
		}},
		{"GetUser", nil, always(func(ctx context.Context, n int) error {
			_, err := w.call(ctx, "GetUser", fmt.Sprintf(`{"AccessToken":%q}`, w.account(n).access))
			return err
		})},
		{"AdminCreateUser", nil, always(func(ctx context.Context, n int) error {
			return w.createUser(ctx, fmt.Sprintf("new-%d-%d", start, time.Now().UnixNano())+fmt.Sprint("-", n))
		})},
	}
}

// bySite is an operation of an app whose users sign in by the pages.
func (w *workload) bySite(do func(*site, context.Context, int) error) func(context.Context) (func(context.Context, int) error, error) {
	return func(ctx context.Context) (func(context.Context, int) error, error) {
		s, err := w.site(ctx)
		return func(ctx context.Context, n int) error { return do(s, ctx, n) }, err
	}
}

func (w *workload) account(n int) account { return w.accounts[n%len(w.accounts)] }

func (w *workload) createUser(ctx context.Context, name string) error {
	_, err := w.call(ctx, "AdminCreateUser", fmt.Sprintf(`{"UserPoolId":%q,"Username":%q,"TemporaryPassword":%q,"MessageAction":"SUPPRESS",
		"UserAttributes":[{"Name":"email","Value":"%s@example.com"},{"Name":"email_verified","Value":"true"},{"Name":"name","Value":"A User"}]}`,
		w.pool, name, password, name))
	return err
}

// srpSignIn sends both requests of an SRP sign-in.
func (w *workload) srpSignIn(ctx context.Context, a account) error {
	out, err := w.initiate(ctx, "USER_SRP_AUTH", fmt.Sprintf(`"USERNAME":%q,"SRP_A":%q`, a.name, w.srp.A()))
	if err != nil {
		return err
	}
	p := out.ChallengeParameters
	now := srp.Timestamp(time.Now())
	c := srp.Challenge{Salt: p["SALT"], B: p["SRP_B"], SecretBlock: p["SECRET_BLOCK"]}
	signature, err := w.srp.Sign(srp.PoolName(w.pool), p["USER_ID_FOR_SRP"], password, c, now)
	if err != nil {
		return err
	}
	return signedIn(w.call(ctx, "RespondToAuthChallenge", fmt.Sprintf(`{"ClientId":%q,"ChallengeName":"PASSWORD_VERIFIER","ChallengeResponses":
		{"USERNAME":%q,"PASSWORD_CLAIM_SECRET_BLOCK":%q,"PASSWORD_CLAIM_SIGNATURE":%q,"TIMESTAMP":%q}}`,
		w.client, p["USER_ID_FOR_SRP"], p["SECRET_BLOCK"], signature, now)))
}

func (w *workload) initiate(ctx context.Context, flow, parameters string) (answer, error) {
	return w.call(ctx, "InitiateAuth", fmt.Sprintf(`{"ClientId":%q,"AuthFlow":%q,"AuthParameters":{%s}}`, w.client, flow, parameters))
}

func signedIn(a answer, err error) error {
	if err == nil && (a.AuthenticationResult == nil || a.AuthenticationResult.AccessToken == "") {
		return fmt.Errorf("no tokens came")
	}
	return err
}

// authorization is well formed, which is all that a development server looks for.
var authorization = "AWS4-HMAC-SHA256 Credential=AKIAEXAMPLEEXAMPLE12/20260101/us-east-1/cognito-idp/aws4_request, " +
	"SignedHeaders=host;x-amz-date, Signature=" + strings.Repeat("0", 64)

func (w *workload) call(ctx context.Context, op, body string) (out answer, err error) {
	err = w.into(ctx, &out, op, body)
	return out, err
}

// into is call for an answer of another shape.
func (w *workload) into(ctx context.Context, out any, op, body string) error {
	return w.post(ctx, out, "AWSCognitoIdentityProviderService."+op, body)
}

// identity calls an operation of identity pools. A nil out takes an answer without a body.
func (w *workload) identity(ctx context.Context, out any, op, body string) error {
	return w.post(ctx, out, "AWSCognitoIdentityService."+op, body)
}

// post calls the operation of a target.
func (w *workload) post(ctx context.Context, out any, target, body string) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, w.url+"/", strings.NewReader(body))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/x-amz-json-1.1")
	r.Header.Set("X-Amz-Target", target)
	r.Header.Set("X-Amz-Date", "20260101T000000Z")
	r.Header.Set("Authorization", authorization)
	resp, err := w.http.Do(r)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s: %s", target, resp.Status, text)
	}
	if len(text) == 0 {
		return nil
	}
	return json.Unmarshal(text, out)
}
