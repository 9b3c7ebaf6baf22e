package oidc_test

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"cognate/internal/federation"
	"cognate/internal/federation/oidc"
	"cognate/internal/outbound"
)

func (p *idp) verifier(others ...string) federation.Verifier {
	return oidc.NewVerifier(federation.Env{HTTP: outbound.NewClient(true, nil), Dev: true, Skew: 5 * time.Minute}, p.URL, others...)
}

// TestVerifier takes ID tokens that were issued to one of an identity pool's clients.
func TestVerifier(t *testing.T) {
	p := newIDP(t)
	v, clients := p.verifier("short"), []string{"android", clientID}
	for what, tt := range map[string]struct {
		change func()
		client string
	}{
		"as usual":               {func() {}, clientID},
		"an EC key":              {func() { p.algorithm, p.key, p.kid = jose.ES256, ecKey, "ec" }, clientID},
		"the issuer's other way": {func() { p.claims["iss"] = "short" }, clientID},
		"a party":                {func() { p.claims["azp"] = "android"; p.claims["aud"] = "web" }, "android"},
		"many audiences":         {func() { p.claims["aud"] = []string{"web", clientID} }, clientID},
		"without a nonce":        {func() { p.claims["nonce"] = nil }, clientID},
		"a slow clock":           {func() { p.claims["exp"] = time.Now().Add(-4 * time.Minute).Unix() }, clientID},
	} {
		p.claims, p.algorithm, p.key, p.kid = map[string]any{}, jose.RS256, rsaKey, "rsa"
		tt.change()
		got, err := v.Verify(t.Context(), p.token(), clients)
		if err != nil || got.Subject != "4711" || got.Client != tt.client || strings.Join(got.Claims["roles"], " ") != "a b" {
			t.Errorf("%s: %+v, %v", what, got, err)
		}
	}
}

// TestVerifierRefuses gives tokens that prove nothing, or nothing to these clients (checklist 39, 57).
func TestVerifierRefuses(t *testing.T) {
	p := newIDP(t)
	v, good := p.verifier(), p.token()
	for what, tt := range map[string]struct {
		change func()
		want   error
	}{
		"no token":                 {func() { p.raw = "x" }, federation.ErrNoToken},
		"alg none":                 {func() { p.raw = "eyJhbGciOiJub25lIn0." + strings.Split(good, ".")[1] + "." }, federation.ErrNoToken},
		"the public key as secret": {func() { p.algorithm, p.key = jose.HS256, x509.MarshalPKCS1PublicKey(&rsaKey.PublicKey) }, federation.ErrNoToken},
		"no subject":               {func() { p.claims["sub"] = nil }, federation.ErrNoToken},
		"no expiry":                {func() { p.claims["exp"] = nil }, federation.ErrNoToken},
		"another issuer":           {func() { p.claims["iss"] = "https://evil.example" }, federation.ErrIssuer},
		"no issuer":                {func() { p.claims["iss"] = nil }, federation.ErrIssuer},
		"another audience":         {func() { p.claims["aud"] = "other" }, federation.ErrClient},
		"no audience":              {func() { p.claims["aud"] = nil }, federation.ErrClient},
		"another party":            {func() { p.claims["azp"] = "other" }, federation.ErrClient},
		"another key":              {func() { p.key = must(rsa.GenerateKey(rand.Reader, 2048)) }, federation.ErrSignature},
		"a key that is not there":  {func() { p.kid = "none" }, federation.ErrSignature},
		"another signature":        {func() { p.raw = good[:len(good)-8] + "AAAAAAAA" }, federation.ErrSignature},
		"a token of tomorrow":      {func() { p.claims["iat"] = time.Now().Add(24 * time.Hour).Unix() }, federation.ErrSignature},
		"not before tomorrow":      {func() { p.claims["nbf"] = time.Now().Add(24 * time.Hour).Unix() }, federation.ErrSignature},
	} {
		p.raw, p.claims, p.algorithm, p.key, p.kid = "", map[string]any{}, jose.RS256, rsaKey, "rsa"
		tt.change()
		if got, err := v.Verify(t.Context(), p.token(), []string{clientID}); got != nil || !errors.Is(err, tt.want) {
			t.Errorf("%s: %+v, %v", what, got, err)
		}
	}
	p.raw, p.claims, p.key, p.kid = "", map[string]any{"exp": 1000}, rsaKey, "rsa"
	_, err := v.Verify(t.Context(), p.token(), []string{clientID})
	if late, ok := errors.AsType[*federation.ExpiredError](err); !ok || late.At.Unix() != 1000 {
		t.Errorf("an old token: %v", err)
	}
}

// TestVerifierWithoutProvider holds that a provider that is away is not a wrong token, and that strangers' tokens ask for nothing.
func TestVerifierWithoutProvider(t *testing.T) {
	p := newIDP(t)
	v := p.verifier()
	p.claims["aud"] = "other"
	if _, err := v.Verify(t.Context(), p.token(), []string{clientID}); !errors.Is(err, federation.ErrClient) || p.keyReads.Load() != 0 {
		t.Errorf("%v, and keys were read %d times", err, p.keyReads.Load())
	}
	p.claims = map[string]any{}
	p.answer = func(w http.ResponseWriter, _ string) bool { w.WriteHeader(http.StatusBadGateway); return true }
	_, err := v.Verify(t.Context(), p.token(), []string{clientID})
	for _, refusal := range []error{federation.ErrNoToken, federation.ErrIssuer, federation.ErrClient, federation.ErrSignature} {
		if err == nil || errors.Is(err, refusal) {
			t.Errorf("the provider is away: %v", err)
		}
	}
}
