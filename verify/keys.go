package verify

import (
	"context"
	"crypto/rsa"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"sync"
	"time"

	"github.com/go-json-experiment/json"
)

// How long keys are believed, and how often an issuer is asked for them.
const (
	freshFor  = time.Hour        // then the next token has them fetched again, and does not wait for that
	keptFor   = 24 * time.Hour   // while the issuer cannot be reached
	pause     = 10 * time.Second // between two fetches, however many tokens name keys that nobody knows
	fetchTime = 5 * time.Second
	maxJWKS   = 1 << 20 // bytes
	maxKeys   = 64
)

// keySet is the keys of one issuer.
type keySet struct {
	url  string
	http *http.Client

	mu      sync.Mutex
	keys    map[string]*rsa.PublicKey // by kid
	fetched time.Time
	tried   time.Time
	err     error         // of the last try
	pending chan struct{} // is closed when the fetch that is going on ends; nil without one
}

func newKeySet(at string, client *http.Client) *keySet {
	if client == nil {
		client = http.DefaultClient
	}
	own := *client
	own.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &keySet{url: at, http: &own}
}

// get returns the key of an id, fetching keys when it has to.
func (s *keySet) get(ctx context.Context, kid string) (*rsa.PublicKey, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	key, age := s.keys[kid], time.Since(s.fetched)
	if key != nil && age < keptFor {
		if age >= freshFor {
			s.fetch()
		}
		return key, nil
	}
	if err := s.wait(ctx, s.fetch()); err != nil {
		return nil, err
	}
	if key := s.keys[kid]; key != nil && time.Since(s.fetched) < keptFor {
		return key, nil
	}
	if s.err != nil {
		return nil, fmt.Errorf("%w: %w", ErrKeys, s.err)
	}
	return nil, fmt.Errorf("%w: there is no key of this id", ErrSignature)
}

// hydrate fetches keys unless there are fresh ones.
func (s *keySet) hydrate(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if time.Since(s.fetched) < freshFor {
		return nil
	}
	if err := s.wait(ctx, s.fetch()); err != nil {
		return err
	}
	if s.err != nil {
		return fmt.Errorf("%w: %w", ErrKeys, s.err)
	}
	return nil
}

// wait waits without the lock, for as long as the caller wants; a fetch goes on for those who wait longer.
func (s *keySet) wait(ctx context.Context, fetch <-chan struct{}) error {
	if fetch == nil {
		return nil
	}
	s.mu.Unlock()
	defer s.mu.Lock()
	select {
	case <-fetch:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("%w: %w", ErrKeys, context.Cause(ctx))
	}
}

// fetch begins a fetch, or joins the one that is going on; it returns nil where it is too early for one. The lock is held.
func (s *keySet) fetch() <-chan struct{} {
	if s.pending != nil {
		return s.pending
	}
	if time.Since(s.tried) < pause {
		return nil
	}
	done := make(chan struct{})
	s.pending, s.tried = done, time.Now()
	go func() {
		keys, err := s.load()
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.err = err; err == nil {
			s.keys, s.fetched = keys, time.Now()
		}
		s.pending = nil
		close(done)
	}()
	return done
}

// load gets the issuer's JWKS.
func (s *keySet) load() (map[string]*rsa.PublicKey, error) {
	ctx, cancel := context.WithTimeout(context.Background(), fetchTime)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url, nil)
	if err != nil {
		return nil, err
	}
	resp, err := s.http.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s: %s", s.url, resp.Status)
	}
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxJWKS+1))
	if err != nil {
		return nil, err
	}
	if len(text) > maxJWKS {
		return nil, errors.New("the keys are too large")
	}
	return parseJWKS(text)
}

// jwk is a JSON Web Key (RFC 7517, RFC 7518 section 6.3).
type jwk struct {
	KID string `json:"kid"`
	Kty string `json:"kty"`
	Alg string `json:"alg"`
	Use string `json:"use"`
	N   string `json:"n"`
	E   string `json:"e"`
}

// parseJWKS takes the keys that can verify RS256, and passes over all others.
func parseJWKS(text []byte) (map[string]*rsa.PublicKey, error) {
	var doc struct {
		Keys []jwk `json:"keys"`
	}
	if err := json.Unmarshal(text, &doc); err != nil {
		return nil, errors.New("the keys are no JWKS")
	}
	if len(doc.Keys) > maxKeys {
		return nil, errors.New("the keys are too many")
	}
	keys := map[string]*rsa.PublicKey{}
	for _, k := range doc.Keys {
		key := k.rsa()
		if key == nil {
			continue
		}
		if keys[k.KID] != nil {
			return nil, errors.New("two keys have the same id")
		}
		keys[k.KID] = key
	}
	if len(keys) == 0 {
		return nil, errors.New("there is no key for RS256")
	}
	return keys, nil
}

// The sizes of RSA moduli that are taken, in bits: less is unsafe (RFC 7518 section 3.3), more costs too much.
const (
	minModulus = 2048
	maxModulus = 8192
)

// rsa is the key if it is one for RS256, or nil.
func (k jwk) rsa() *rsa.PublicKey {
	if k.KID == "" || k.Kty != "RSA" || k.Use != "" && k.Use != "sig" || k.Alg != "" && k.Alg != "RS256" {
		return nil
	}
	n, errN := b64.DecodeString(k.N)
	e, errE := b64.DecodeString(k.E)
	if errN != nil || errE != nil || len(e) > 4 {
		return nil
	}
	key := &rsa.PublicKey{N: new(big.Int).SetBytes(n), E: int(new(big.Int).SetBytes(e).Int64())}
	if bits := key.N.BitLen(); bits < minModulus || bits > maxModulus || key.N.Bit(0) == 0 || key.E < 3 || key.E > 1<<31-1 || key.E%2 == 0 {
		return nil
	}
	return key
}
