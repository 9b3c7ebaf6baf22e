package oauth

import (
	"crypto/subtle"
	"encoding/base64"
	"time"

	"github.com/go-json-experiment/json"

	"cognate/internal/secret"
)

// A browser that is sent to an identity provider carries where it came from itself, sealed: nobody who is not signed in makes a
// row. A cookie binds the state to the browser, so that nobody can have somebody else end a sign-in that they began.

// state is what comes back unchanged from an identity provider.
type state struct {
	Pool     string    `json:"p"`
	Provider string    `json:"i"`
	Flow     string    `json:"f"` // begins one login
	ID       string    `json:"n"` // of the federation.Request
	Verifier string    `json:"v"` // of the federation.Request
	Query    string    `json:"q"` // the authorization request
	Binding  []byte    `json:"b"` // the hash of what the browser's cookie holds
	Expires  time.Time `json:"e"`
	// Link is the ID of the login to whose user the identity is to be linked; empty for a sign-in.
	Link string `json:"u,omitzero"`
	// Logout is where a sign-out goes on, for a state of one; Query is empty then.
	Logout string `json:"l,omitzero"`
}

const (
	stateAAD = "federation-state"
	// maxCarried bounds the authorization request that can be carried: addresses have their limits.
	maxCarried = 3 << 10
)

// StateCookie names the cookie that binds a state to a browser.
const StateCookie = "csrf-state"

// StateLifetime is how long a browser may be away at an identity provider (protocol page "oauth-endpoints", section 3).
const StateLifetime = 5 * time.Minute

// sealState returns a state as text, and what the browser's cookie is to hold: what it holds already, where that will do, so that
// several sign-ins can be under way.
func (s *Service) sealState(st state, cookie string) (text, binding string, err error) {
	if raw, err := base64.RawURLEncoding.DecodeString(cookie); err != nil || len(raw) != tokenBytes {
		cookie = base64.RawURLEncoding.EncodeToString(secret.RandomBytes(tokenBytes))
	}
	st.Binding, st.Expires = []byte(hashOf(cookie)), time.Now().Add(StateLifetime)
	plain, err := json.Marshal(st)
	return s.keys.SealText(plain, stateAAD), cookie, err
}

// openState reads a state that this browser was sent away with, not too long ago.
func (s *Service) openState(text, cookie string) (st state, ok bool) {
	plain, err := s.keys.OpenText(text, stateAAD)
	if err != nil || json.Unmarshal(plain, &st) != nil {
		return st, false
	}
	bound := subtle.ConstantTimeCompare(st.Binding, []byte(hashOf(cookie))) == 1
	return st, bound && cookie != "" && time.Now().Before(st.Expires)
}
