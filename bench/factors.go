//go:build linux

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/descope/virtualwebauthn"
	"github.com/pquerna/otp/totp"
	"golang.org/x/sync/errgroup"
)

// crowd is how many users sign in with a second factor at each level of concurrency: a code of an
// authenticator app serves once, so each user signs in twice.
const crowd = 600

// tokenHolders are users with authenticator apps, who have used the code of the time step before begun.
type tokenHolders struct {
	*workload
	begun time.Time
	seeds []string
	next  atomic.Int64
}

// tokens makes a pool that asks for an authenticator app, and its users.
func (w *workload) tokens(ctx context.Context) (*tokenHolders, error) {
	p, err := w.factorPool(ctx, `"MfaConfiguration":"OPTIONAL","SoftwareTokenMfaConfiguration":{"Enabled":true}`, crowd)
	if err != nil {
		return nil, err
	}
	waitForRoom()
	t := &tokenHolders{workload: p, begun: time.Now(), seeds: make([]string, crowd)}
	return t, p.each(ctx, t.enrol)
}

// waitForRoom waits until a time step is young: all users are to enrol within one.
func waitForRoom() {
	if into := time.Duration(time.Now().UnixNano()) % (30 * time.Second); into > 20*time.Second {
		time.Sleep(30*time.Second - into)
	}
}

// enrol gives user i an authenticator app, by the code of the step before.
func (t *tokenHolders) enrol(ctx context.Context, i int) error {
	access := t.accounts[i].access
	var associated struct{ SecretCode string }
	if err := t.into(ctx, &associated, "AssociateSoftwareToken", fmt.Sprintf(`{"AccessToken":%q}`, access)); err != nil {
		return err
	}
	t.seeds[i] = associated.SecretCode
	code, err := totp.GenerateCode(t.seeds[i], t.begun.Add(-30*time.Second))
	if err != nil {
		return err
	}
	if _, err := t.call(ctx, "VerifySoftwareToken", fmt.Sprintf(`{"AccessToken":%q,"UserCode":%q}`, access, code)); err != nil {
		return err
	}
	_, err = t.call(ctx, "SetUserMFAPreference", fmt.Sprintf(`{"AccessToken":%q,"SoftwareTokenMfaSettings":{"Enabled":true,"PreferredMfa":true}}`, access))
	return err
}

// signIn signs the next user in, by password and code. When all have used theirs, the load is over.
func (t *tokenHolders) signIn(ctx context.Context, _ int) error {
	n := int(t.next.Add(1)) - 1
	if n >= 2*crowd {
		return errOver
	}
	i := n % crowd
	code, err := totp.GenerateCode(t.seeds[i], t.begun.Add(time.Duration(n/crowd)*30*time.Second))
	if err != nil {
		return err
	}
	name := t.accounts[i].name
	out, err := t.initiate(ctx, "USER_PASSWORD_AUTH", fmt.Sprintf(`"USERNAME":%q,"PASSWORD":%q`, name, password))
	if err != nil {
		return err
	}
	return signedIn(t.call(ctx, "RespondToAuthChallenge", fmt.Sprintf(`{"ClientId":%q,"ChallengeName":"SOFTWARE_TOKEN_MFA","Session":%q,
		"ChallengeResponses":{"USERNAME":%q,"SOFTWARE_TOKEN_MFA_CODE":%q}}`, t.client, out.Session, name, code)))
}

// passkeyHolders are users with passkeys.
type passkeyHolders struct {
	*workload
	keys []virtualwebauthn.Credential
}

var relyingParty = virtualwebauthn.RelyingParty{ID: "localhost", Name: "localhost", Origin: "http://localhost"}

// passkeys makes a pool whose users sign in with passkeys.
func (w *workload) passkeys(ctx context.Context) (*passkeyHolders, error) {
	p, err := w.factorPool(ctx, `"MfaConfiguration":"OFF","WebAuthnConfiguration":{"RelyingPartyId":"localhost"}`, len(w.accounts))
	if err != nil {
		return nil, err
	}
	h := &passkeyHolders{workload: p, keys: make([]virtualwebauthn.Credential, len(p.accounts))}
	return h, p.each(ctx, h.register)
}

// register gives user i a passkey.
func (h *passkeyHolders) register(ctx context.Context, i int) error {
	access := h.accounts[i].access
	var started struct{ CredentialCreationOptions json.RawMessage }
	if err := h.into(ctx, &started, "StartWebAuthnRegistration", fmt.Sprintf(`{"AccessToken":%q}`, access)); err != nil {
		return err
	}
	options, err := virtualwebauthn.ParseAttestationOptions(string(started.CredentialCreationOptions))
	if err != nil {
		return err
	}
	h.keys[i] = newKey()
	answer := virtualwebauthn.CreateAttestationResponse(relyingParty, virtualwebauthn.NewAuthenticator(), h.keys[i], *options)
	_, err = h.call(ctx, "CompleteWebAuthnRegistration", fmt.Sprintf(`{"AccessToken":%q,"Credential":%s}`, access, answer))
	return err
}

// newKey makes a P-256 key whose coordinates do not begin with a zero: the library leaves that out, which
// RFC 9053 section 7.1.1 forbids.
func newKey() virtualwebauthn.Credential {
	const whole = 77 // bytes of the key in COSE form
	for {
		if c := virtualwebauthn.NewCredential(virtualwebauthn.KeyTypeEC2); len(c.Key.AttestationData()) == whole {
			return c
		}
	}
}

// signIn signs a user in by passkey.
func (h *passkeyHolders) signIn(ctx context.Context, n int) error {
	i := n % len(h.accounts)
	name := h.accounts[i].name
	out, err := h.initiate(ctx, "USER_AUTH", fmt.Sprintf(`"USERNAME":%q,"PREFERRED_CHALLENGE":"WEB_AUTHN"`, name))
	if err != nil {
		return err
	}
	options, err := virtualwebauthn.ParseAssertionOptions(out.ChallengeParameters["CREDENTIAL_REQUEST_OPTIONS"])
	if err != nil {
		return err
	}
	answer := virtualwebauthn.CreateAssertionResponse(relyingParty, virtualwebauthn.NewAuthenticator(), h.keys[i], *options)
	return signedIn(h.call(ctx, "RespondToAuthChallenge", fmt.Sprintf(`{"ClientId":%q,"ChallengeName":"WEB_AUTHN","Session":%q,
		"ChallengeResponses":{"USERNAME":%q,"CREDENTIAL":%q}}`, h.client, out.Session, name, answer)))
}

// factorPool makes a pool of its own with n users who have signed in; mfa is of SetUserPoolMfaConfig.
func (w *workload) factorPool(ctx context.Context, mfa string, n int) (*workload, error) {
	p := &workload{url: w.url, http: w.http, srp: w.srp, accounts: make([]account, n)}
	if err := p.makePool(ctx, `,"Policies":{"SignInPolicy":{"AllowedFirstAuthFactors":["PASSWORD","WEB_AUTHN"]}}`); err != nil {
		return nil, err
	}
	if _, err := p.call(ctx, "SetUserPoolMfaConfig", fmt.Sprintf(`{"UserPoolId":%q,%s}`, p.pool, mfa)); err != nil {
		return nil, err
	}
	return p, p.each(ctx, p.enroll)
}

// each runs fn for every user, some at a time.
func (w *workload) each(ctx context.Context, fn func(ctx context.Context, i int) error) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(16)
	for i := range w.accounts {
		g.Go(func() error { return fn(ctx, i) })
	}
	return g.Wait()
}
