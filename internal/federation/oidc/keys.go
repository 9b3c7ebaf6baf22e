package oidc

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"golang.org/x/sync/singleflight"

	"cognate/internal/federation"
)

// The age of keys: they are read anew after an hour, and for a key that is not among them after a minute, so that tokens
// with made-up keys cannot make us call a provider without end.
const (
	keysLive  = time.Hour
	keysRetry = time.Minute
)

// keySet is a provider's public keys (RFC 7517), read when they are first needed.
type keySet struct {
	env    federation.Env
	url    string
	flight singleflight.Group

	mu   sync.Mutex
	keys []jose.JSONWebKey
	read time.Time // when they were last read, or tried
}

var errNoKey = errors.New("oidc: no key fits the token")

// find returns the keys that may have signed a token: those with its key id, or all when it names none.
func (s *keySet) find(ctx context.Context, id string) ([]jose.JSONWebKey, error) {
	s.mu.Lock()
	keys, age := s.keys, time.Since(s.read)
	s.mu.Unlock()
	if found := withID(keys, id); len(found) > 0 && age < keysLive {
		return found, nil
	}
	if age < keysRetry && len(keys) > 0 {
		return nil, errNoKey
	}
	_, err, _ := s.flight.Do("", func() (any, error) { return nil, s.fetch(context.WithoutCancel(ctx)) })
	s.mu.Lock()
	found := withID(s.keys, id)
	s.mu.Unlock()
	switch {
	case len(found) > 0:
		return found, nil // the old ones, when there are no new ones to be had
	case err != nil:
		return nil, err
	}
	return nil, errNoKey
}

func withID(keys []jose.JSONWebKey, id string) (out []jose.JSONWebKey) {
	for _, k := range keys {
		if (id == "" || k.KeyID == id) && (k.Use == "" || k.Use == "sig") {
			out = append(out, k)
		}
	}
	return out
}

func (s *keySet) fetch(ctx context.Context) error {
	status, body, err := s.env.Get(ctx, s.url)
	if err == nil && status != http.StatusOK {
		err = statusError(status)
	}
	keys, parsed := parseKeys(body)
	if err == nil {
		err = parsed
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.read = time.Now()
	if err == nil {
		s.keys = keys
	}
	return err
}

// parseKeys reads the keys that are public and understood; a set may have others.
func parseKeys(body []byte) (keys []jose.JSONWebKey, err error) {
	var doc struct {
		Keys []jsontext.Value `json:"keys"`
	}
	if err := json.Unmarshal(body, &doc); err != nil {
		return nil, err
	}
	for _, raw := range doc.Keys {
		var k jose.JSONWebKey
		if k.UnmarshalJSON(raw) == nil && k.Valid() && k.IsPublic() {
			keys = append(keys, k)
		}
	}
	return keys, nil
}
