package token_test

import (
	"encoding/json"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/go-cmp/cmp"

	"cognate/internal/pool"
	"cognate/internal/secret/secrettest"
	"cognate/internal/store"
	"cognate/internal/store/storetest/engines"
	"cognate/internal/token"
)

func newOpenID() token.OpenID {
	o := token.OpenID{
		Identity: "us-east-1:5b1a", PoolID: "us-east-1:99aa", AMR: []string{"authenticated", "login.example"},
		PoolARN: "arn:aws:cognito-identity:us-east-1:000000000000:identitypool/us-east-1:99aa",
	}
	o.SetTags(map[string]string{"team": "red"})
	return o
}

// TestOpenIDToken holds the token of an identity to the form in which Cognito gives it, and has a library that is not ours
// verify it by the published key.
func TestOpenIDToken(t *testing.T) {
	h := newHouse(t)
	text, err := h.tokens.SignOpenID(t.Context(), newOpenID(), 10*time.Minute)
	h.must(err)
	parsed, err := jose.ParseSignedCompact(text, []jose.SignatureAlgorithm{jose.RS512})
	h.must(err)
	header := parsed.Signatures[0].Header
	if header.Algorithm != "RS512" || header.KeyID != "us-east-1-1" || header.ExtraHeaders["typ"] != "JWS" {
		t.Errorf("the header is %+v", header)
	}
	var keys jose.JSONWebKeySet
	doc, err := h.tokens.OpenIDKeys(t.Context())
	h.must(err)
	h.must(json.Unmarshal(doc, &keys))
	if len(keys.Keys) != 1 || keys.Keys[0].Algorithm != "RS512" {
		t.Fatalf("the keys are %s", doc)
	}
	if _, err := parsed.Verify(keys.Key("us-east-1-1")[0]); err != nil {
		t.Error(err)
	}
	got := claims(t, text)
	if got["exp"].(float64)-got["iat"].(float64) != 600 {
		t.Errorf("it lives from %v to %v", got["iat"], got["exp"])
	}
	delete(got, "exp")
	delete(got, "iat")
	want := map[string]any{
		"sub": "us-east-1:5b1a", "aud": "us-east-1:99aa", "amr": []any{"authenticated", "login.example"},
		"iss": "http://cognate.test/_cognate/identity",
		"https://cognito-identity.amazonaws.com/identity-pool-arn": "arn:aws:cognito-identity:us-east-1:000000000000:identitypool/us-east-1:99aa",
		"https://aws.amazon.com/tags":                              map[string]any{"principal_tags": map[string]any{"team": []any{"red"}}},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	back, err := h.tokens.VerifyOpenID(t.Context(), text)
	if err != nil || back.Identity != "us-east-1:5b1a" || back.Tags()["team"] != "red" {
		t.Errorf("got %+v, %v", back, err)
	}
}

// TestOpenIDRefusals has tokens of other keys, other services and other times refused.
func TestOpenIDRefusals(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, other := newHouse(t), newHouse(t)
		keys := secrettest.Keyring(t)
		h.tokens = token.New(h.db, keys, h.pools, "http://cognate.test")
		good, err := h.tokens.SignOpenID(t.Context(), newOpenID(), time.Minute)
		h.must(err)
		foreign, err := other.tokens.SignOpenID(t.Context(), newOpenID(), time.Minute)
		h.must(err)
		refused := func(what, text string, want error) {
			t.Helper()
			if _, err := h.tokens.VerifyOpenID(t.Context(), text); !errors.Is(err, want) {
				t.Errorf("%s: %v, want %v", what, err, want)
			}
		}
		parts := strings.Split(good, ".")
		refused("of another server", foreign, token.ErrRefused)
		refused("without a signature", parts[0]+"."+parts[1]+".", token.ErrRefused)
		refused("of another header", strings.Split(h.issue().ID, ".")[0]+"."+parts[1]+"."+parts[2], token.ErrRefused)
		refused("an ID token", h.issue().ID, token.ErrRefused)
		refused("nothing", "", token.ErrRefused)
		moved := token.New(h.db, keys, h.pools, "http://elsewhere.test")
		if _, err := moved.VerifyOpenID(t.Context(), good); !errors.Is(err, token.ErrRefused) {
			t.Errorf("of another issuer: %v", err)
		}
		time.Sleep(time.Minute - time.Second)
		refused("in its last second", good, nil)
		time.Sleep(time.Second)
		refused("at its end", good, token.ErrExpired)
	})
}

// TestOpenIDKeyAtOnce has processes that share a database make one key.
func TestOpenIDKeyAtOnce(t *testing.T) {
	engines.Each(t, func(t *testing.T, db *store.DB) {
		keys := secrettest.Keyring(t)
		docs := make([]string, 4)
		var all sync.WaitGroup
		for n := range docs {
			all.Go(func() {
				s := token.New(db, keys, pool.New(db, keys, pool.Options{AccountID: "000000000000", Dev: true}), "http://cognate.test")
				doc, err := s.OpenIDKeys(t.Context())
				if docs[n] = string(doc); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		for _, d := range docs {
			if d == "" || d != docs[0] {
				t.Fatalf("the keys are %q", docs)
			}
		}
	})
}
