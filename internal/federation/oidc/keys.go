package oidc

import (
	"context"
	"crypto/rsa"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"golang.org/x/sync/singleflight"

	"cognate/internal/federation"
)

// The age of keys: after an hour they are read anew, and none is used any more when that fails. For a key that is not among
// them they are read after a minute, so that tokens with made-up keys cannot make us call a provider without end, and after
// a pause when a provider without keys has just failed.
const (
	keysLive  = time.Hour
	keysRetry = time.Minute
	keysPause = 5 * time.Second
)

// keySet is a provider's public keys (RFC 7517), read when they are first needed.
type keySet struct {
	env    federation.Env
	url    string // empty: what discovery finds
	issuer string // for discovery
	flight singleflight.Group

	mu    sync.Mutex
	keys  []jose.JSONWebKey
	read  time.Time // when the keys were read
	tried time.Time // when that was last tried
	err   error     // why that failed; nil when it did not
}

var errNoKey = errors.New("oidc: no key fits the token")

// find returns the keys that may have signed a token: those with its key id, or all when it names none.
func (s *keySet) find(ctx context.Context, id string) ([]jose.JSONWebKey, error) {
	if found, _ := s.known(id); len(found) > 0 {
		return found, nil
	}
	// One caller's end must not be that of the others who wait.
	flight := s.flight.DoChan("", func() (any, error) { s.refresh(context.WithoutCancel(ctx)); return nil, nil })
	select {
	case <-flight:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	found, err := s.known(id)
	switch {
	case len(found) > 0:
		return found, nil
	case err != nil:
		return nil, err
	}
	return nil, errNoKey
}

// known returns the keys that fit and are young enough, and why the last try to read them failed.
func (s *keySet) known(id string) ([]jose.JSONWebKey, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if time.Since(s.read) >= keysLive {
		return nil, s.err
	}
	return withID(s.keys, id), s.err
}

// refresh reads the keys, unless that was just tried.
func (s *keySet) refresh(ctx context.Context) {
	s.mu.Lock()
	pause := keysRetry
	if time.Since(s.read) >= keysLive {
		pause = keysPause
	}
	early := time.Since(s.tried) < pause
	s.mu.Unlock()
	if early {
		return
	}
	keys, err := s.fetch(ctx)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tried, s.err = time.Now(), err
	if err == nil {
		s.keys, s.read = keys, s.tried
	}
}

// fetch reads the keys from the provider. No request stands above it that a panic could end alone: it would end the server.
func (s *keySet) fetch(ctx context.Context) (keys []jose.JSONWebKey, err error) {
	defer func() {
		if r := recover(); r != nil {
			keys, err = nil, fmt.Errorf("oidc: reading keys: %v", r)
		}
	}()
	address, err := s.address(ctx)
	if err != nil {
		return nil, err
	}
	status, body, err := s.env.Get(ctx, address)
	if err == nil && status != http.StatusOK {
		err = statusError(status)
	}
	if err != nil {
		return nil, err
	}
	return parseKeys(body)
}

func (s *keySet) address(ctx context.Context) (string, error) {
	if s.url != "" {
		return s.url, nil
	}
	found, err := discover(ctx, s.env, s.issuer)
	if err == nil && found[detailKeys] == "" {
		err = errors.New("oidc: the provider's metadata name no keys")
	}
	return found[detailKeys], err
}

func withID(keys []jose.JSONWebKey, id string) (out []jose.JSONWebKey) {
	for _, k := range keys {
		if (id == "" || k.KeyID == id) && (k.Use == "" || k.Use == "sig") {
			out = append(out, k)
		}
	}
	return out
}

// What a provider may have us calculate with: RSA keys of so many bits (RFC 7518 section 3.3 has the lower bound), and so many keys.
const (
	minRSA  = 2048
	maxRSA  = 8192
	maxKeys = 100
)

// parseKeys reads the keys that are public and understood; a set may have others.
func parseKeys(body []byte) (keys []jose.JSONWebKey, err error) {
	var doc struct {
		Keys []jsontext.Value `json:"keys"`
	}
	if err := json.Unmarshal(body, &doc); err != nil {
		return nil, errors.New("oidc: the keys are no JSON object")
	}
	if len(doc.Keys) > maxKeys {
		return nil, errors.New("oidc: there are too many keys")
	}
	for _, raw := range doc.Keys {
		var k jose.JSONWebKey
		if k.UnmarshalJSON(raw) == nil && k.Valid() && k.IsPublic() && sized(k) {
			keys = append(keys, k)
		}
	}
	return keys, nil
}

func sized(k jose.JSONWebKey) bool {
	public, ok := k.Key.(*rsa.PublicKey)
	return !ok || public.N.BitLen() >= minRSA && public.N.BitLen() <= maxRSA
}
