package oidc

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-json-experiment/json"

	"cognate/internal/federation"
)

// verifier proves ID tokens that apps have got by themselves: signed by one of the issuer's public keys, which discovery finds.
type verifier struct {
	issuers []string
	keys    *keySet
	skew    time.Duration
}

var _ federation.Verifier = (*verifier)(nil)

// NewVerifier makes one for the ID tokens of an issuer. They may name it by other texts, too.
func NewVerifier(env federation.Env, issuer string, others ...string) federation.Verifier {
	return &verifier{issuers: append([]string{issuer}, others...), keys: &keySet{env: env, issuer: issuer}, skew: env.Skew}
}

// Verify implements [federation.Verifier]. Where a token names the party that it was issued to (azp), that one must be one of
// the clients, else one of its audience.
func (v *verifier) Verify(ctx context.Context, text string, clients []string) (*federation.Proof, error) {
	token, err := jose.ParseSignedCompact(text, publicAlgorithms)
	if err != nil {
		return nil, fmt.Errorf("%w: %v", federation.ErrNoToken, err)
	}
	var c idClaims
	if err := json.Unmarshal(token.UnsafePayloadWithoutVerification(), &c); err != nil {
		return nil, fmt.Errorf("%w: %v", federation.ErrNoToken, err)
	}
	client, err := v.fits(c, clients)
	if err != nil {
		return nil, err // before a stranger's token makes us read keys
	}
	payload, _, err := judgement{keys: v.keys}.verify(ctx, text)
	switch {
	case errors.Is(err, errNoKey), errors.Is(err, errWrongSignature):
		return nil, fmt.Errorf("%w: %w", federation.ErrSignature, err)
	case err != nil:
		return nil, err
	}
	if err := v.checkTimes(c); err != nil {
		return nil, err
	}
	members, err := federation.ReadMembers(payload)
	if err != nil {
		return nil, fmt.Errorf("%w: %v", federation.ErrNoToken, err)
	}
	claims, err := federation.ClaimsOf(members)
	if err != nil {
		return nil, fmt.Errorf("%w: %v", federation.ErrNoToken, err)
	}
	return &federation.Proof{Subject: c.Subject, Client: client, Claims: claims}, nil
}

// fits reports which of the clients a token is for.
func (v *verifier) fits(c idClaims, clients []string) (string, error) {
	if c.Subject == "" || c.Expires == nil {
		return "", fmt.Errorf("%w: sub or exp is missing", federation.ErrNoToken)
	}
	if !slices.Contains(v.issuers, c.Issuer) {
		return "", federation.ErrIssuer
	}
	parties := []string(c.Audience)
	if c.Party != "" {
		parties = []string{c.Party}
	}
	for _, p := range parties {
		if slices.Contains(clients, p) {
			return p, nil
		}
	}
	return "", federation.ErrClient
}

func (v *verifier) checkTimes(c idClaims) error {
	now := time.Now()
	at := func(seconds *float64) time.Time { return time.Unix(int64(*seconds), 0) }
	if end := at(c.Expires); !now.Before(end.Add(v.skew)) {
		return &federation.ExpiredError{At: end}
	}
	for _, begin := range []*float64{c.Issued, c.After} {
		if begin != nil && now.Before(at(begin).Add(-v.skew)) {
			return fmt.Errorf("%w: it is from the future", federation.ErrSignature)
		}
	}
	return nil
}
