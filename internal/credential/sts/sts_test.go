package sts_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"cognate/internal/credential"
	"cognate/internal/credential/credentialtest"
	"cognate/internal/credential/sts"
	"cognate/internal/identityserver"
	"cognate/internal/pool"
	"cognate/internal/secret/secrettest"
	"cognate/internal/store/storetest/engines"
	"cognate/internal/token"
)

// newIssuer serves the keys by which the tokens of identities are believed.
func newIssuer(t *testing.T) *token.Service {
	db, keys := engines.Memory(t), secrettest.Keyring(t)
	mux := http.NewServeMux()
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	tokens := token.New(db, keys, pool.New(db, keys, pool.Options{AccountID: "000000000000", Dev: true}), server.URL)
	identityserver.Documents{Tokens: tokens, Logger: slog.New(slog.DiscardHandler)}.Register(mux)
	return tokens
}

func sign(t *testing.T, tokens *token.Service, r credential.Request) (string, error) {
	o := token.OpenID{Identity: r.IdentityID, PoolID: r.PoolID, AMR: r.AMR}
	o.SetTags(r.Tags)
	return tokens.SignOpenID(t.Context(), o, time.Minute)
}

// isolate keeps the environment of who runs the test out of it.
func isolate(t *testing.T) {
	for _, name := range []string{"AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_STS"} {
		t.Setenv(name, "")
	}
	t.Setenv("AWS_CONFIG_FILE", t.TempDir()+"/none")
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", t.TempDir()+"/none")
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
}

func TestBroker(t *testing.T) {
	isolate(t)
	tokens := newIssuer(t)
	credentialtest.Run(t, func(t *testing.T) credentialtest.House {
		service := credentialtest.NewService(t, tokens.OpenIDIssuer())
		return credentialtest.House{
			Broker: open(t, sts.Config{Endpoint: service.URL}),
			Token:  func(r credential.Request) (string, error) { return sign(t, tokens, r) },
			Who:    func(t *testing.T, c credential.Credentials) credentialtest.Session { return service.Session(c) },
		}
	})
}

func open(t *testing.T, c sts.Config) *sts.Broker {
	t.Helper()
	b, err := sts.New(c)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func request(token string) credential.Request {
	return credential.Request{
		RoleARN: credentialtest.Role, SessionName: credential.SessionName, IdentityID: "eu-west-3:1", PoolID: "eu-west-3:2", Duration: time.Hour,
		Token: func(context.Context) (string, error) { return token, nil },
	}
}

// TestFailures tells what the service refuses from what it fails at, and shows no token.
func TestFailures(t *testing.T) {
	isolate(t)
	service := credentialtest.NewService(t, "http://issuer.test")
	b := open(t, sts.Config{Endpoint: service.URL, Timeout: 300 * time.Millisecond})
	const text = "eyJsecret.token.of-an-identity"
	for name, c := range map[string]struct {
		answer http.HandlerFunc
		want   error
	}{
		"AccessDenied":          {credentialtest.Fail(403, "AccessDenied", "Not authorized to perform sts:AssumeRoleWithWebIdentity"), credential.ErrRefused},
		"InvalidIdentityToken":  {credentialtest.Fail(400, "InvalidIdentityToken", "No provider for "+text), credential.ErrRefused},
		"ExpiredTokenException": {credentialtest.Fail(400, "ExpiredTokenException", "Token expired"), credential.ErrRefused},
		"IDPRejectedClaim":      {credentialtest.Fail(403, "IDPRejectedClaim", ""), credential.ErrRefused},
		"IDPCommunicationError": {credentialtest.Fail(400, "IDPCommunicationError", "no keys"), credential.ErrUnavailable},
		"Throttling":            {credentialtest.Fail(400, "Throttling", "Rate exceeded"), credential.ErrUnavailable},
		"InternalFailure":       {credentialtest.Fail(500, "InternalFailure", ""), credential.ErrUnavailable},
		"no XML":                {func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte("hello " + text)) }, credential.ErrUnavailable},
		"no credentials": {func(w http.ResponseWriter, _ *http.Request) {
			w.Write([]byte(`<AssumeRoleWithWebIdentityResponse><AssumeRoleWithWebIdentityResult/></AssumeRoleWithWebIdentityResponse>`))
		}, credential.ErrUnavailable},
		"too late": {func(w http.ResponseWriter, r *http.Request) {
			io.Copy(io.Discard, r.Body) // only then it shows that the client is gone
			select {
			case <-r.Context().Done():
			case <-time.After(5 * time.Second):
			}
		}, credential.ErrUnavailable},
	} {
		service.Break(c.answer)
		got, err := b.Assume(t.Context(), request(text))
		if !errors.Is(err, c.want) || got != (credential.Credentials{}) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
		if err != nil && strings.Contains(err.Error(), text) {
			t.Errorf("%s: shows the token: %v", name, err)
		}
	}
}

// TestNobodyThere asks where nobody listens.
func TestNobodyThere(t *testing.T) {
	isolate(t)
	server := httptest.NewServer(http.NotFoundHandler())
	server.Close()
	if _, err := open(t, sts.Config{Endpoint: server.URL}).Assume(t.Context(), request("t")); !errors.Is(err, credential.ErrUnavailable) {
		t.Error(err)
	}
}

// TestOnce asks once, whatever the answer: a client that has waited that long is better told so.
func TestOnce(t *testing.T) {
	isolate(t)
	var asked atomic.Int32
	service := credentialtest.NewService(t, "http://issuer.test")
	service.Break(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		credentialtest.Fail(500, "InternalFailure", "")(w, r)
	})
	open(t, sts.Config{Endpoint: service.URL}).Assume(t.Context(), request("t"))
	if asked.Load() != 1 {
		t.Errorf("asked %d times", asked.Load())
	}
}

// TestOwnErrors are those of who asks: a token that cannot be made, and a request that is over.
func TestOwnErrors(t *testing.T) {
	isolate(t)
	service := credentialtest.NewService(t, "http://issuer.test")
	b := open(t, sts.Config{Endpoint: service.URL})
	r := request("")
	own := errors.New("no token")
	r.Token = func(context.Context) (string, error) { return "", own }
	if _, err := b.Assume(t.Context(), r); !errors.Is(err, own) {
		t.Error(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := b.Assume(ctx, request("t")); !errors.Is(err, context.Canceled) || errors.Is(err, credential.ErrUnavailable) {
		t.Error(err)
	}
}

// TestEnvironment finds the service by the environment of AWS's clients.
func TestEnvironment(t *testing.T) {
	isolate(t)
	tokens := newIssuer(t)
	service := credentialtest.NewService(t, tokens.OpenIDIssuer())
	t.Setenv("AWS_ENDPOINT_URL_STS", service.URL)
	r := request("")
	r.Token = func(context.Context) (string, error) { return sign(t, tokens, r) }
	if _, err := open(t, sts.Config{}).Assume(t.Context(), r); err != nil {
		t.Error(err)
	}
}

func TestConfigurations(t *testing.T) {
	for _, endpoint := range []string{"sts.example", "ftp://sts.example", "http://", "://"} {
		if _, err := sts.New(sts.Config{Endpoint: endpoint}); err == nil {
			t.Errorf("%s is taken for an endpoint", endpoint)
		}
	}
}
