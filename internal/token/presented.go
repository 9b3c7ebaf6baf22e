package token

import (
	"context"
	"errors"
	"time"

	"github.com/go-json-experiment/json"

	"cognate/internal/fault"
	"cognate/internal/pool"
)

// Why a token that was presented is not accepted.
var (
	ErrRefused = errors.New("token: not a token that is accepted here")
	ErrExpired = errors.New("token: expired")
)

// Presented is a token that has been checked.
type Presented struct {
	ClientID string
	Scope    string // space-separated; of access tokens
	Payload  []byte // the claims as they were signed, a JSON object
	claims   AccessClaims
}

// Present checks a token that somebody brings to a service behind a gateway: that the pool has signed it for this use ([UseID] or
// [UseAccess]), that it has not expired, and that its session, its user and its client are still there. It gives [ErrExpired] for one
// that was good once, and else [ErrRefused]; any other error says nothing about the token.
func (s *Service) Present(ctx context.Context, p *pool.Pool, use, text string) (Presented, error) {
	out, err := s.presented(ctx, p, use, text)
	if err != nil {
		return Presented{}, err
	}
	err = s.inForce(ctx, p, out.claims)
	if _, refused := errors.AsType[*fault.Error](err); refused {
		err = ErrRefused
	}
	return out, err
}

// presented is Present for what the token says alone, whether its session goes on or not.
func (s *Service) presented(ctx context.Context, p *pool.Pool, use, text string) (Presented, error) {
	payload, err := s.payload(ctx, p.ID, use, text)
	if err != nil {
		return Presented{}, refused(err)
	}
	var c struct {
		AccessClaims
		Audience any `json:"aud"` // of an ID token the client; of an access token whatever was asked for
	}
	if json.Unmarshal(payload, &c) != nil || c.Use != use || c.Issuer != s.Issuer(p) {
		return Presented{}, ErrRefused
	}
	if time.Now().Unix() >= c.Expires {
		return Presented{}, ErrExpired
	}
	if use == UseID {
		c.ClientID, _ = c.Audience.(string)
	}
	return Presented{ClientID: c.ClientID, Scope: c.Scope, Payload: payload, claims: c.AccessClaims}, nil
}

// refused is ErrRefused for what is wrong with a signature, and any other error as it is.
func refused(err error) error {
	if errors.Is(err, errForeign) || errors.Is(err, errSignature) {
		return ErrRefused
	}
	return err
}

// inForce refuses the tokens of clients that are gone, and of sessions that have ended; those of clients themselves have none.
func (s *Service) inForce(ctx context.Context, p *pool.Pool, c AccessClaims) error {
	_, client, err := s.pools.PoolClient(ctx, p.ID, c.ClientID)
	if err != nil || c.EventID == "" && c.Sub == c.ClientID {
		return err
	}
	return s.alive(ctx, &Session{Pool: p, Client: client, Claims: c})
}
