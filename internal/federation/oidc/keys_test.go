package oidc_test

import (
	"bytes"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-jose/go-jose/v4"

	"cognate/internal/federation"
	"cognate/internal/federation/oidc"
)

// inside is a provider without a network around it: it answers within the process, so that time can be faked and code measured.
type inside struct {
	keys  []jose.JSONWebKey
	down  bool
	reads atomic.Int32
	wait  time.Duration // how long reading the keys takes
	token string        // what the token endpoint answers
}

const insideURL = "https://idp.example"

func (p *inside) RoundTrip(r *http.Request) (*http.Response, error) {
	body := []byte(p.token)
	if r.URL.Path == "/keys" {
		p.reads.Add(1)
		time.Sleep(p.wait)
		if p.down {
			return nil, errors.New("down")
		}
		body = must(json.Marshal(jose.JSONWebKeySet{Keys: p.keys}))
	}
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: io.NopCloser(bytes.NewReader(body)), ContentLength: int64(len(body)), Request: r}, nil
}

func (p *inside) open() federation.Provider { return p.openWith(secret) }

func (p *inside) openWith(secret string) federation.Provider {
	k := oidc.Kind{Env: federation.Env{HTTP: &http.Client{Transport: p}, Skew: time.Minute}}
	return must(k.Open(federation.Settings{Name: "Guild", Type: "OIDC", Details: map[string]string{
		"client_id": clientID, "client_secret": secret, "oidc_issuer": insideURL, "authorize_scopes": "openid",
		"authorize_url": insideURL + "/auth", "token_url": insideURL + "/token", "jwks_uri": insideURL + "/keys",
	}}))
}

// sign makes the token endpoint answer with a good ID token that names a key.
func (p *inside) sign(kid string) {
	now := time.Now()
	s := must(jose.NewSigner(jose.SigningKey{Algorithm: jose.RS256, Key: rsaKey}, new(jose.SignerOptions).WithHeader("kid", kid)))
	claims := must(json.Marshal(map[string]any{"iss": insideURL, "sub": "4711", "aud": clientID, "exp": now.Add(time.Hour).Unix(), "iat": now.Unix(), "nonce": "_id"}))
	p.token = fmt.Sprintf(`{"access_token":"access","token_type":"Bearer","id_token":%q}`, must(must(s.Sign(claims)).CompactSerialize()))
}

func finishInside(t testing.TB, p federation.Provider) error {
	a, err := p.Finish(t.Context(), federation.Callback{ID: "_id", Callback: callback, Verifier: verifier, Form: url.Values{"code": {"c"}}})
	if err == nil && a.Subject != "4711" {
		return fmt.Errorf("%q signed in", a.Subject)
	}
	return err
}

func newInside() *inside {
	return &inside{keys: []jose.JSONWebKey{{Key: rsaKey.Public(), KeyID: "old", Use: "sig"}}}
}

// TestKeyAge reads keys anew after an hour, new ones at most once a minute, and uses none that it cannot read again (checklist 43).
func TestKeyAge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		idp := newInside()
		p := idp.open()
		step := func(what, kid string, after time.Duration, works bool, reads int32) {
			t.Helper()
			time.Sleep(after)
			idp.sign(kid)
			if err := finishInside(t, p); (err == nil) != works || idp.reads.Load() != reads {
				t.Errorf("%s: %v, after %d reads", what, err, idp.reads.Load())
			}
		}
		step("the first token", "old", 0, true, 1)
		step("a new key, at once", "new", 0, false, 1)
		idp.keys = append(idp.keys, jose.JSONWebKey{Key: rsaKey.Public(), KeyID: "new"})
		step("a new key, within a minute", "new", 59*time.Second, false, 1)
		step("a new key, after a minute", "new", time.Second, true, 2)
		step("a known key, within an hour", "old", 59*time.Minute, true, 2)
		step("a known key, after an hour", "old", time.Minute, true, 3)
		idp.keys = idp.keys[1:]
		step("a key that was withdrawn", "old", time.Hour, false, 4)
		idp.down = true
		step("a new key while the provider is down", "newer", time.Minute, false, 5)
		step("a known key meanwhile", "new", 0, true, 5)
		step("an hour after that", "new", time.Hour, false, 6)
		step("at once again", "new", 0, false, 6)
		step("after a pause", "new", 5*time.Second, false, 7)
		idp.down = false
		step("when it is up again", "new", 5*time.Second, true, 8)
	})
}

// TestKeyFloodInTime lets a thousand tokens with made-up keys, some at once, make a provider no more work than one a minute (checklist 43).
func TestKeyFloodInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		idp := newInside()
		idp.wait = 10 * time.Millisecond
		p := idp.open()
		for minute := range 10 {
			idp.sign(fmt.Sprintf("made-up-%d", minute))
			var group sync.WaitGroup
			for range 100 {
				group.Go(func() {
					if err := finishInside(t, p); err == nil {
						t.Error("a made-up key")
					}
				})
			}
			group.Wait()
			time.Sleep(time.Minute - idp.wait)
		}
		if n := idp.reads.Load(); n > 10 {
			t.Errorf("the keys were read %d times in ten minutes", n)
		}
		idp.sign("old")
		if err := finishInside(t, p); err != nil {
			t.Errorf("after the flood: %v", err)
		}
	})
}

// TestSecretKeys takes no key from the network for a secret, and no secret for a key (checklist 41).
func TestSecretKeys(t *testing.T) {
	idp := newInside()
	idp.keys = []jose.JSONWebKey{{Key: []byte("the provider's own idea of a secret"), KeyID: "s"}, {Key: rsaKey, KeyID: "private"}}
	confidential, public := idp.open(), idp.openWith("")
	claims := must(json.Marshal(map[string]any{"iss": insideURL, "sub": "4711", "aud": clientID, "exp": time.Now().Add(time.Hour).Unix(), "iat": time.Now().Unix(), "nonce": "_id"}))
	for what, key := range map[string]jose.SigningKey{
		"a secret from the network":  {Algorithm: jose.HS256, Key: jose.JSONWebKey{Key: []byte("the provider's own idea of a secret"), KeyID: "s"}},
		"a private key for a public": {Algorithm: jose.RS256, Key: jose.JSONWebKey{Key: rsaKey, KeyID: "private"}},
		"no secret":                  {Algorithm: jose.HS256, Key: make([]byte, 32)},
	} {
		idp.token = fmt.Sprintf(`{"access_token":"a","id_token":%q}`, must(must(must(jose.NewSigner(key, nil)).Sign(claims)).CompactSerialize()))
		for client, p := range map[string]federation.Provider{"a client with a secret": confidential, "a public client": public} {
			if err := finishInside(t, p); err == nil {
				t.Errorf("%s was taken by %s", what, client)
			}
		}
	}
}

// TestKeyUses takes no signature by a key that is for something else.
func TestKeyUses(t *testing.T) {
	for what, key := range map[string]jose.JSONWebKey{
		"a key to encrypt with": {Key: rsaKey.Public(), KeyID: "old", Use: "enc"}, "a key for another algorithm": {Key: rsaKey.Public(), KeyID: "old", Algorithm: "PS256"},
	} {
		idp := newInside()
		idp.keys[0] = key
		idp.sign("old")
		if err := finishInside(t, idp.open()); err == nil {
			t.Errorf("%s was taken", what)
		}
	}
}

// TestKeySizes takes no RSA key that others could break, and calculates with none that would keep us busy.
func TestKeySizes(t *testing.T) {
	for _, bits := range []uint{1024, 2047, 8193, 500_000} {
		n := new(big.Int).Lsh(big.NewInt(1), bits-1)
		idp := newInside()
		idp.keys = []jose.JSONWebKey{{Key: &rsa.PublicKey{N: n.SetBit(n, 0, 1), E: 65537}, KeyID: "old"}}
		idp.sign("old")
		f, ok := errors.AsType[*federation.Error](finishInside(t, idp.open()))
		if !ok || !strings.Contains(fmt.Sprint(f.Cause), "no key fits") {
			t.Errorf("%d bits: %v, for %v", bits, f, f.Cause)
		}
	}
	idp := newInside()
	for n := range 101 {
		idp.keys = append(idp.keys, jose.JSONWebKey{Key: ecKey.Public(), KeyID: fmt.Sprint(n)})
	}
	idp.sign("old")
	if err := finishInside(t, idp.open()); err == nil {
		t.Error("a hundred keys and more")
	}
}

// TestUnasked takes no token without a nonce for a sign-in that nobody began.
func TestUnasked(t *testing.T) {
	idp := newInside()
	p := idp.open()
	for _, nonce := range []string{`""`, `null`} {
		if _, err := idp.take(t, p, []byte(strings.Replace(good(), `"_id"`, nonce, 1)+"}")); err == nil {
			t.Errorf("nonce %s was taken", nonce)
		}
		a, err := p.Finish(t.Context(), federation.Callback{Callback: callback, Verifier: verifier, Form: url.Values{"code": {"c"}}})
		if err == nil {
			t.Errorf("%+v", a)
		}
	}
}

// BenchmarkSignIn is a whole sign-in, beside its floor: the check of one signature.
func BenchmarkSignIn(b *testing.B) {
	idp := newInside()
	p := idp.open()
	idp.sign("old")
	r := federation.Request{ID: "_id", State: "state", Callback: callback, Verifier: verifier}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := p.Begin(b.Context(), r); err != nil {
			b.Fatal(err)
		}
		if err := finishInside(b, p); err != nil {
			b.Fatal(err)
		}
	}
}
