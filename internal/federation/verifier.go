package federation

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Verifier proves whose a token is that an app has got from a provider by itself. It is safe for concurrent use. A token can be
// verified again as long as it counts: nothing is used up.
type Verifier interface {
	// Verify returns whom a token is of. It must have been issued to one of the clients; a verifier of tokens that name no
	// client does not look at them. Its errors are those below, wrapped; another one is that the provider could not be asked.
	Verify(ctx context.Context, token string, clients []string) (*Proof, error)
}

// Proof is what a token says and its provider stands for.
type Proof struct {
	Subject string // the provider's name for the user, to the letter; never empty
	Client  string // to which of the clients the token was issued; empty where tokens name none
	Claims  Claims
}

// Refusals of tokens.
var (
	ErrNoToken   = errors.New("federation: it is no token of the provider's kind")
	ErrIssuer    = errors.New("federation: the token is of another issuer")
	ErrClient    = errors.New("federation: the token is for another client")
	ErrSignature = errors.New("federation: the token is not proven")
)

// ExpiredError is the refusal of a token that has expired.
type ExpiredError struct{ At time.Time }

// Error implements error.
func (e *ExpiredError) Error() string {
	return fmt.Sprintf("federation: the token expired at %v", e.At)
}
