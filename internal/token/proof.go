package token

import (
	"fmt"
	"time"

	"github.com/go-json-experiment/json"

	"cognate/internal/store"
)

// Proof is how a session was authenticated.
type Proof struct {
	Methods []string `json:"amr,omitzero"` // by the names of the amr claim (RFC 8176)
	// Level is the acr claim. It is empty unless the sign-in asked for a level: then the tokens show neither
	// claim.
	Level string `json:"acr,omitzero"`
	// Time is when the session began: each of its proofs is as old or younger. It is set when read.
	Time time.Time `json:"-"`
}

// extra is the proof as its family keeps it.
func (p Proof) extra() ([]byte, error) {
	if len(p.Methods) == 0 {
		return nil, nil
	}
	return json.Marshal(p)
}

// proofOf is the proof that a family keeps.
func proofOf(f store.Family) (p Proof, err error) {
	p.Time = f.AuthTime
	if len(f.Extra) == 0 {
		return p, nil
	}
	if err := json.Unmarshal(f.Extra, &p); err != nil {
		return p, fmt.Errorf("token: proof of %s: %w", f.ID, err)
	}
	return p, nil
}
