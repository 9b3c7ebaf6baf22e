package token

import (
	"context"
	"errors"
	"time"

	"cognate/internal/fault"
)

// IDToken is what an ID token says. The zero IDToken says nothing.
type IDToken struct {
	Issuer, ClientID, Use, Sub string
	Expires                    int64 // seconds since the epoch

	claims AccessClaims
	text   string
}

// ReadID reads an ID token without believing it, for [Service.VerifyID] and for what is to be said of one that is refused.
// It reports whether text is a JWT. ClientID is empty where the claim aud is no single text, as in access tokens.
func ReadID(text string) (t IDToken, ok bool) {
	var c struct {
		AccessClaims
		Audience any `json:"aud"`
	}
	if !peek(text, &c) {
		return t, false
	}
	t = IDToken{Issuer: c.Issuer, Use: c.Use, Sub: c.Sub, Expires: c.Expires, claims: c.AccessClaims, text: text}
	t.ClientID, _ = c.Audience.(string)
	t.claims.ClientID = t.ClientID
	return t, true
}

// VerifyID checks that the pool of the token's client has signed it as an ID token, and that it has not expired: else
// [ErrRefused] or [ErrExpired]. It returns the claims, a JSON object. Whether the token's session still goes on is for
// [Service.IDInForce] to say.
func (s *Service) VerifyID(ctx context.Context, t IDToken) (claims []byte, err error) {
	p, _, err := s.pools.Client(ctx, t.ClientID)
	if _, unknown := errors.AsType[*fault.Error](err); unknown {
		return nil, ErrRefused
	}
	if err != nil {
		return nil, err
	}
	claims, err = s.payload(ctx, p.ID, UseID, t.text) // these are what ReadID has read: both read the same text
	switch {
	case err != nil:
		return nil, refused(err)
	case t.Use != UseID || t.Issuer != s.Issuer(p):
		return nil, ErrRefused
	case time.Now().Unix() >= t.Expires:
		return nil, ErrExpired
	}
	return claims, nil
}

// IDInForce checks that the user of an ID token that has been verified is there and enabled, and that its session has not
// ended: else [ErrRefused].
func (s *Service) IDInForce(ctx context.Context, t IDToken) error {
	p, _, err := s.pools.Client(ctx, t.ClientID)
	if err == nil {
		err = s.inForce(ctx, p, t.claims)
	}
	if _, refused := errors.AsType[*fault.Error](err); refused {
		return ErrRefused
	}
	return err
}
