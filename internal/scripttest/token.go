package scripttest

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"time"
)

// AlgNone is a token with the same claims that says it needs no signature.
func AlgNone(token string) string {
	parts := strings.Split(token, ".")
	return base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none"}`)) + "." + parts[1] + "."
}

// claims compares the claims of a token with a pattern, but for iat and exp, which are to be so many seconds apart.
func (s *Script) claims(token, seconds, pattern string) {
	s.Helper()
	parts := strings.Split(token, ".")
	payload, err := base64.RawURLEncoding.DecodeString(parts[min(1, len(parts)-1)])
	if err != nil {
		s.Fatalf("%s: %v", s.where, err)
	}
	var have, want map[string]any
	if err := json.Unmarshal(payload, &have); err != nil {
		s.Fatalf("%s: %s: %v", s.where, payload, err)
	}
	if err := json.Unmarshal([]byte(pattern), &want); err != nil {
		s.Fatalf("%s: %s: %v", s.where, pattern, err)
	}
	issued, _ := have["iat"].(float64)
	expires, _ := have["exp"].(float64)
	if got := strconv.FormatFloat(expires-issued, 'f', -1, 64); got != seconds {
		s.Errorf("%s: the token lives for %s s, want %s", s.where, got, seconds)
	}
	delete(have, "iat")
	delete(have, "exp")
	s.match("claims", have, want)
}

// session compares the session of credentials with a pattern. It lasts for an hour from now.
func (s *Script) session(key, token, pattern string) {
	s.Helper()
	got, err := s.House.credentials.Open(token, key)
	if err != nil {
		s.Fatalf("%s: %v", s.where, err)
	}
	if left := time.Until(got.Expires); left > time.Hour || left < time.Hour-time.Minute {
		s.Errorf("%s: the session lasts for %v", s.where, left)
	}
	text, err := json.Marshal(map[string]any{
		"arn": got.ARN(), "role": got.RoleARN, "sub": got.IdentityID, "aud": got.PoolID, "amr": got.AMR, "tags": got.Tags,
	})
	if err != nil {
		s.Fatal(err)
	}
	var have, want any
	if err := errors.Join(json.Unmarshal(text, &have), json.Unmarshal([]byte(pattern), &want)); err != nil {
		s.Fatalf("%s: %v", s.where, err)
	}
	s.match("session", have, want)
}
