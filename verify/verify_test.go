package verify_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"math/big"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"cognate/verify"
)

const (
	issuer = "https://cognito-idp.us-east-1.amazonaws.com/us-east-1_ExaMPle"
	client = "1example23456789"
)

var signing, foreign = newKey(), newKey()

func newKey() *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return key
}

func b64(text []byte) string { return base64.RawURLEncoding.EncodeToString(text) }

// sign makes a token with a header and claims.
func sign(key *rsa.PrivateKey, header string, claims any) string {
	text, err := json.Marshal(claims)
	if err != nil {
		panic(err)
	}
	input := b64([]byte(header)) + "." + b64(text)
	digest := sha256.Sum256([]byte(input))
	signature, err := rsa.SignPKCS1v15(nil, key, crypto.SHA256, digest[:])
	if err != nil {
		panic(err)
	}
	return input + "." + b64(signature)
}

const header = `{"kid":"one","alg":"RS256"}`

// access are the claims of an access token as Cognito makes them, with changes; nil takes one away.
func access(changes map[string]any) map[string]any {
	now := time.Now().Unix()
	return changed(map[string]any{
		"sub": "aaaaaaaa-bbbb-cccc-dddd-example", "iss": issuer, "version": 2, "client_id": client, "event_id": "64f513be-32db-42b0-b78e-b02127b4f463",
		"origin_jti": "3f1c1b2a", "token_use": "access", "scope": "openid photos/read", "auth_time": now - 60, "exp": now + 3600, "iat": now - 60,
		"jti": "5f1c1b2a", "username": "alice", "cognito:groups": []string{"admins"},
	}, changes)
}

// id are those of an ID token.
func id(changes map[string]any) map[string]any {
	now := time.Now().Unix()
	return changed(map[string]any{
		"sub": "aaaaaaaa-bbbb-cccc-dddd-example", "email_verified": true, "iss": issuer, "cognito:username": "alice", "aud": client, "token_use": "id",
		"auth_time": now, "exp": now + 3600, "iat": now, "email": "alice@example.com",
	}, changes)
}

func changed(claims, changes map[string]any) map[string]any {
	maps.Copy(claims, changes)
	maps.DeleteFunc(claims, func(_ string, value any) bool { return value == nil })
	return claims
}

// server is an issuer's, without a network.
type server struct {
	mu      sync.Mutex
	keys    string // what it answers
	status  int
	takes   time.Duration
	fetches atomic.Int64
}

func (s *server) RoundTrip(r *http.Request) (*http.Response, error) {
	s.fetches.Add(1)
	s.mu.Lock()
	keys, status, takes := s.keys, s.status, s.takes
	s.mu.Unlock()
	select {
	case <-time.After(takes):
	case <-r.Context().Done():
		return nil, r.Context().Err()
	}
	if r.URL.String() != issuer+"/.well-known/jwks.json" {
		status = http.StatusNotFound
	}
	return &http.Response{StatusCode: status, Status: http.StatusText(status), Header: http.Header{"Location": {"/elsewhere"}}, Body: io.NopCloser(strings.NewReader(keys)), Request: r}, nil
}

func (s *server) set(status int, keys string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.status, s.keys = status, keys
}

// jwks is the document of keys, each with its id; members change what a key says.
func jwks(keys map[string]*rsa.PrivateKey, members ...string) string {
	var all []map[string]string
	for kid, key := range keys {
		k := map[string]string{"kid": kid, "kty": "RSA", "alg": "RS256", "use": "sig", "n": b64(key.N.Bytes()), "e": b64(big.NewInt(int64(key.E)).Bytes())}
		for i := 0; i < len(members); i += 2 {
			k[members[i]] = members[i+1]
		}
		all = append(all, k)
	}
	text, err := json.Marshal(map[string]any{"keys": all})
	if err != nil {
		panic(err)
	}
	return string(text)
}

// open makes a verifier of an issuer with one key.
func open(t testing.TB, c verify.Config) (*verify.Verifier, *server) {
	t.Helper()
	s := &server{status: http.StatusOK, keys: jwks(map[string]*rsa.PrivateKey{"one": signing})}
	c.Issuers, c.HTTP = []string{issuer}, &http.Client{Transport: s}
	if len(c.ClientIDs) == 0 && !c.AnyClient {
		c.ClientIDs = []string{client}
	}
	if c.Use == "" {
		c.Use = verify.Access
	}
	v, err := verify.New(c)
	if err != nil {
		t.Fatal(err)
	}
	return v, s
}

// TestTokens is the table of what is taken and what is not.
func TestTokens(t *testing.T) {
	now := time.Now().Unix()
	whole := sign(signing, header, access(nil))
	parts := strings.Split(whole, ".")
	other := errors.New("other")
	for name, c := range map[string]struct {
		config verify.Config
		token  string
		want   error
	}{
		"access":            {verify.Config{}, whole, nil},
		"any client":        {verify.Config{AnyClient: true}, sign(signing, header, access(map[string]any{"client_id": "x"})), nil},
		"ID":                {verify.Config{Use: verify.ID}, sign(signing, header, id(nil)), nil},
		"scope":             {verify.Config{Scopes: []string{"x", "photos/read"}}, whole, nil},
		"group":             {verify.Config{Groups: []string{"x", "admins"}}, whole, nil},
		"leeway":            {verify.Config{Leeway: time.Minute}, sign(signing, header, access(map[string]any{"exp": now - 30, "nbf": now + 30})), nil},
		"audience of any":   {verify.Config{}, sign(signing, header, access(map[string]any{"aud": []string{"https://api.example.com"}})), nil},
		"typ":               {verify.Config{}, sign(signing, `{"typ":"JWT","kid":"one","alg":"RS256"}`, access(nil)), nil},
		"foreign key":       {verify.Config{}, sign(foreign, header, access(nil)), verify.ErrSignature},
		"unknown kid":       {verify.Config{}, sign(signing, `{"kid":"two","alg":"RS256"}`, access(nil)), verify.ErrSignature},
		"other payload":     {verify.Config{}, parts[0] + "." + strings.Split(sign(foreign, header, access(map[string]any{"sub": "root"})), ".")[1] + "." + parts[2], verify.ErrSignature},
		"none":              {verify.Config{}, sign(signing, `{"kid":"one","alg":"none"}`, access(nil)), verify.ErrMalformed},
		"HS256":             {verify.Config{}, sign(signing, `{"kid":"one","alg":"HS256"}`, access(nil)), verify.ErrMalformed},
		"rs256":             {verify.Config{}, sign(signing, `{"kid":"one","alg":"rs256"}`, access(nil)), verify.ErrMalformed},
		"no kid":            {verify.Config{}, sign(signing, `{"alg":"RS256"}`, access(nil)), verify.ErrMalformed},
		"two algs":          {verify.Config{}, sign(signing, `{"kid":"one","alg":"RS256","alg":"none"}`, access(nil)), verify.ErrMalformed},
		"crit":              {verify.Config{}, sign(signing, `{"kid":"one","alg":"RS256","crit":["x"]}`, access(nil)), verify.ErrMalformed},
		"no signature":      {verify.Config{}, parts[0] + "." + parts[1] + ".", verify.ErrMalformed},
		"two parts":         {verify.Config{}, parts[0] + "." + parts[1], verify.ErrMalformed},
		"four parts":        {verify.Config{}, whole + ".x", verify.ErrMalformed},
		"padding":           {verify.Config{}, whole + "==", verify.ErrMalformed},
		"nothing":           {verify.Config{}, "", verify.ErrMalformed},
		"large":             {verify.Config{}, whole + strings.Repeat("A", 256<<10), verify.ErrMalformed},
		"not an object":     {verify.Config{}, sign(signing, header, []int{1}), verify.ErrMalformed},
		"exp as text":       {verify.Config{}, sign(signing, header, access(map[string]any{"exp": "9999999999"})), verify.ErrMalformed},
		"other issuer":      {verify.Config{}, sign(signing, header, access(map[string]any{"iss": issuer + "/"})), verify.ErrIssuer},
		"no issuer":         {verify.Config{}, sign(signing, header, access(map[string]any{"iss": nil})), verify.ErrIssuer},
		"ID as access":      {verify.Config{}, sign(signing, header, id(nil)), verify.ErrUse},
		"access as ID":      {verify.Config{Use: verify.ID}, whole, verify.ErrUse},
		"no use":            {verify.Config{}, sign(signing, header, access(map[string]any{"token_use": nil})), verify.ErrUse},
		"expired":           {verify.Config{}, sign(signing, header, access(map[string]any{"exp": now})), verify.ErrExpired},
		"no exp":            {verify.Config{}, sign(signing, header, access(map[string]any{"exp": nil})), verify.ErrExpired},
		"expired, leeway":   {verify.Config{Leeway: time.Second}, sign(signing, header, access(map[string]any{"exp": now - 60})), verify.ErrExpired},
		"not yet":           {verify.Config{}, sign(signing, header, access(map[string]any{"nbf": now + 60})), verify.ErrNotYet},
		"other client":      {verify.Config{}, sign(signing, header, access(map[string]any{"client_id": "x"})), verify.ErrClient},
		"aud for client_id": {verify.Config{}, sign(signing, header, access(map[string]any{"client_id": nil, "aud": client})), verify.ErrClient},
		"client_id for aud": {verify.Config{Use: verify.ID}, sign(signing, header, id(map[string]any{"aud": nil, "client_id": client})), verify.ErrClient},
		"two audiences":     {verify.Config{Use: verify.ID}, sign(signing, header, id(map[string]any{"aud": []string{client, "x"}})), verify.ErrClient},
		"no scope":          {verify.Config{Scopes: []string{"photos", "read"}}, whole, verify.ErrScope},
		"no group":          {verify.Config{Groups: []string{"root"}}, whole, verify.ErrGroup},
		"no groups":         {verify.Config{Groups: []string{"root"}}, sign(signing, header, access(map[string]any{"cognito:groups": nil})), verify.ErrGroup},
		"check":             {verify.Config{Check: func(*verify.Claims) error { return other }}, whole, other},
	} {
		v, _ := open(t, c.config)
		claims, err := v.Verify(t.Context(), c.token)
		if !errors.Is(err, c.want) || (err == nil) != (claims != nil) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
		if err != nil && strings.Contains(err.Error(), "alice") {
			t.Errorf("%s: %v tells of the token", name, err)
		}
	}
}

// TestClaims reads both kinds of tokens.
func TestClaims(t *testing.T) {
	v, _ := open(t, verify.Config{})
	c, err := v.Verify(t.Context(), sign(signing, header, access(nil)))
	if err != nil || c.Username != "alice" || c.ClientID != client || len(c.Scopes) != 2 || c.Groups[0] != "admins" || c.Subject != "aaaaaaaa-bbbb-cccc-dddd-example" || c.Expires.Sub(c.IssuedAt) != time.Hour+time.Minute {
		t.Errorf("%+v, %v", c, err)
	}
	v, _ = open(t, verify.Config{Use: verify.ID})
	c, err = v.Verify(t.Context(), sign(signing, header, id(nil)))
	if err != nil || c.Username != "alice" || c.ClientID != client {
		t.Fatalf("%+v, %v", c, err)
	}
	var more struct {
		Email string `json:"email"`
	}
	if err := c.Decode(&more); err != nil || more.Email != "alice@example.com" {
		t.Errorf("%+v, %v", more, err)
	}
}

// TestConfig refuses what leaves a decision open.
func TestConfig(t *testing.T) {
	good := verify.Config{Issuers: []string{issuer}, Use: verify.Access, ClientIDs: []string{client}}
	if _, err := verify.New(good); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*verify.Config){
		"no issuer":     func(c *verify.Config) { c.Issuers = nil },
		"http":          func(c *verify.Config) { c.Issuers = []string{"http://id.example.com/p"} },
		"no host":       func(c *verify.Config) { c.Issuers = []string{"https:///p"} },
		"query":         func(c *verify.Config) { c.Issuers = []string{"https://id.example.com/?p"} },
		"password":      func(c *verify.Config) { c.Issuers = []string{"https://a:b@id.example.com/p"} },
		"http for keys": func(c *verify.Config) { c.KeysURL = func(string) string { return "http://id.example.com/keys" } },
		"no use":        func(c *verify.Config) { c.Use = "" },
		"other use":     func(c *verify.Config) { c.Use = "refresh" },
		"no client":     func(c *verify.Config) { c.ClientIDs = nil },
		"empty client":  func(c *verify.Config) { c.ClientIDs = []string{""} },
		"both":          func(c *verify.Config) { c.AnyClient = true },
		"scopes of ID":  func(c *verify.Config) { c.Use, c.Scopes = verify.ID, []string{"x"} },
		"leeway":        func(c *verify.Config) { c.Leeway = time.Hour },
	} {
		c := good
		change(&c)
		if _, err := verify.New(c); err == nil {
			t.Errorf("%s is taken", name)
		}
	}
	for _, local := range []string{"http://localhost:9229/p", "http://127.0.0.1:9229/p", "http://[::1]:9229/p"} {
		good.Issuers = []string{local}
		if _, err := verify.New(good); err != nil {
			t.Error(err)
		}
	}
}

// TestFoulKeys passes over keys that are not for RS256, and takes no document that is not whole.
func TestFoulKeys(t *testing.T) {
	token := sign(signing, header, access(nil))
	one := map[string]*rsa.PrivateKey{"one": signing}
	for name, keys := range map[string]string{
		"EC": jwks(one, "kty", "EC"), "encryption": jwks(one, "use", "enc"), "PS256": jwks(one, "alg", "PS256"), "no id": jwks(one, "kid", ""), "small": jwks(one, "n", b64(make([]byte, 128))),
		"even exponent": jwks(one, "e", b64([]byte{2})), "exponent 1": jwks(one, "e", "AQ"), "long exponent": jwks(one, "e", b64([]byte{1, 0, 0, 0, 1})), "no modulus": jwks(one, "n", ""),
		"huge": jwks(one, "n", b64(bytes.Repeat([]byte{255}, 1025))), "nothing": "", "none": `{"keys":[]}`, "twice": jwks(map[string]*rsa.PrivateKey{"one": signing, "two": foreign}, "kid", "one"),
		"megabytes": strings.Repeat(" ", 1<<20) + jwks(one),
	} {
		v, s := open(t, verify.Config{})
		s.set(http.StatusOK, keys)
		if _, err := v.Verify(t.Context(), token); !errors.Is(err, verify.ErrKeys) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, status := range []int{http.StatusFound, http.StatusNotFound, http.StatusNoContent} {
		v, s := open(t, verify.Config{})
		s.set(status, jwks(one))
		if err := v.Hydrate(t.Context()); !errors.Is(err, verify.ErrKeys) || s.fetches.Load() != 1 {
			t.Errorf("%d: %v, %d fetches", status, err, s.fetches.Load())
		}
	}
}

// TestKeysAreKept goes through a day of an issuer: how often it is asked, new keys, old keys, and what is left of it while it is away.
func TestKeysAreKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v, s := open(t, verify.Config{AnyClient: true})
		try := func(kid string, key *rsa.PrivateKey) error {
			_, err := v.Verify(t.Context(), sign(key, `{"kid":"`+kid+`","alg":"RS256"}`, access(nil)))
			synctest.Wait()
			return err
		}
		asked := func(want int64) {
			t.Helper()
			if got := s.fetches.Swap(0); got != want {
				t.Errorf("asked %d times, want %d", got, want)
			}
		}
		var all sync.WaitGroup
		s.takes = time.Second
		for range 50 {
			all.Go(func() {
				if _, err := v.Verify(t.Context(), sign(signing, header, access(nil))); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		asked(1)
		s.takes = 0
		for range 100 {
			if err := try("nobody", foreign); !errors.Is(err, verify.ErrSignature) {
				t.Fatal(err)
			}
		}
		asked(0)
		time.Sleep(10 * time.Second)
		s.set(http.StatusOK, jwks(map[string]*rsa.PrivateKey{"two": foreign}))
		if err := errors.Join(try("one", signing), try("two", foreign)); err != nil {
			t.Error(err)
		}
		asked(1)
		if err := try("one", signing); !errors.Is(err, verify.ErrSignature) {
			t.Errorf("a key that is gone: %v", err)
		}
		s.set(http.StatusBadGateway, "")
		time.Sleep(23 * time.Hour)
		for range 3 {
			if err := try("two", foreign); err != nil {
				t.Error(err)
			}
		}
		asked(1)
		if err := try("one", signing); !errors.Is(err, verify.ErrKeys) {
			t.Errorf("while it is away: %v", err)
		}
		time.Sleep(time.Hour)
		if err := try("two", foreign); !errors.Is(err, verify.ErrKeys) {
			t.Errorf("after a day: %v", err)
		}
		s.set(http.StatusOK, jwks(map[string]*rsa.PrivateKey{"two": foreign}))
		time.Sleep(10 * time.Second)
		if err := try("two", foreign); err != nil {
			t.Error(err)
		}
	})
}

// TestSlowIssuer lets each caller wait as long as it wants, and nobody longer than five seconds.
func TestSlowIssuer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v, s := open(t, verify.Config{})
		s.takes = time.Hour
		start := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := v.Verify(ctx, sign(signing, header, access(nil))); !errors.Is(err, verify.ErrKeys) || !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != time.Second {
			t.Errorf("%v after %v", err, time.Since(start))
		}
		if err := v.Hydrate(t.Context()); !errors.Is(err, verify.ErrKeys) || time.Since(start) != 5*time.Second || s.fetches.Load() != 1 {
			t.Errorf("%v after %v, %d fetches", err, time.Since(start), s.fetches.Load())
		}
	})
}

func FuzzVerify(f *testing.F) {
	v, _ := open(f, verify.Config{})
	whole := sign(signing, header, access(nil))
	for _, seed := range []string{whole, "", "..", whole + ".", sign(signing, `{"alg":"none","kid":"one"}`, access(nil)), sign(foreign, header, id(nil))} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, token string) {
		if claims, err := v.Verify(t.Context(), token); err == nil && token != whole || (claims == nil) != (err != nil) {
			t.Errorf("%q: %v, %v", token, claims, err)
		}
	})
}

func BenchmarkVerify(b *testing.B) {
	v, _ := open(b, verify.Config{})
	token := sign(signing, header, access(nil))
	for b.Loop() {
		if _, err := v.Verify(b.Context(), token); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkFloor is the bare RSA verification.
func BenchmarkFloor(b *testing.B) {
	parts := strings.Split(sign(signing, header, access(nil)), ".")
	signature, err := base64.RawURLEncoding.DecodeString(parts[2])
	if err != nil {
		b.Fatal(err)
	}
	digest := sha256.Sum256([]byte(parts[0] + "." + parts[1]))
	for b.Loop() {
		if err := rsa.VerifyPKCS1v15(&signing.PublicKey, crypto.SHA256, digest[:], signature); err != nil {
			b.Fatal(err)
		}
	}
}
