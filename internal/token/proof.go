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
	// Time is when the user proved it; of several proofs the oldest. Zero in a grant is now.
	Time time.Time `json:"-"`
}

// extra is what a family keeps beside its columns.
type extra struct {
	Proof
	OAuth *OAuth `json:"oauth,omitzero"`
}

// encode leaves nothing where there is nothing to keep.
func (e extra) encode() ([]byte, error) {
	if len(e.Methods) == 0 && e.OAuth == nil {
		return nil, nil
	}
	return json.Marshal(e)
}

// extraOf is what a family keeps.
func extraOf(f store.Family) (e extra, err error) {
	if len(f.Extra) > 0 {
		err = json.Unmarshal(f.Extra, &e)
	}
	if err != nil {
		return e, fmt.Errorf("token: extra of %s: %w", f.ID, err)
	}
	e.Time = f.AuthTime
	return e, nil
}
