package identityserver_test

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-json-experiment/json"

	"cognate/internal/identityserver"
	"cognate/internal/pool"
	"cognate/internal/secret/secrettest"
	"cognate/internal/store/storetest/engines"
	"cognate/internal/token"
)

// TestDocuments finds the key of a token of an identity as a verifier does: from its issuer.
func TestDocuments(t *testing.T) {
	db, keys := engines.Memory(t), secrettest.Keyring(t)
	mux := http.NewServeMux()
	server := httptest.NewServer(mux)
	defer server.Close()
	tokens := token.New(db, keys, pool.New(db, keys, pool.Options{AccountID: "000000000000", Dev: true}), server.URL)
	identityserver.Documents{Tokens: tokens, Logger: slog.New(slog.DiscardHandler)}.Register(mux)
	text, err := tokens.SignOpenID(t.Context(), token.OpenID{Identity: "us-east-1:1", PoolID: "us-east-1:2"}, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := jose.ParseSignedCompact(text, []jose.SignatureAlgorithm{jose.RS512})
	if err != nil {
		t.Fatal(err)
	}
	var claims struct{ Iss string }
	if err := json.Unmarshal(parsed.UnsafePayloadWithoutVerification(), &claims, json.MatchCaseInsensitiveNames(true)); err != nil {
		t.Fatal(err)
	}
	var found struct {
		Issuer string `json:"issuer"`
		JWKS   string `json:"jwks_uri"`
	}
	document(t, claims.Iss+"/.well-known/openid-configuration", "public, max-age=86400", &found)
	if found.Issuer != claims.Iss || found.Issuer != server.URL+"/_cognate/identity" || found.JWKS != found.Issuer+"/.well-known/jwks_uri" {
		t.Errorf("the document says %+v", found)
	}
	var set jose.JSONWebKeySet
	document(t, found.JWKS, "public, max-age=2592000", &set)
	if _, err := parsed.Verify(set.Key(parsed.Signatures[0].Header.KeyID)[0]); err != nil {
		t.Error(err)
	}
}

func document(t *testing.T, url, cache string, into any) {
	t.Helper()
	request, err := http.NewRequestWithContext(context.WithoutCancel(t.Context()), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Origin", "https://app.example")
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	h := answer.Header
	if answer.StatusCode != 200 || h.Get("Access-Control-Allow-Origin") != "*" || h.Get("Content-Type") != "application/json" || h.Get("Cache-Control") != cache {
		t.Errorf("%s answers %s with %v", url, answer.Status, h)
	}
	if err := json.UnmarshalRead(answer.Body, into); err != nil {
		t.Fatalf("%s: %v", url, err)
	}
}
