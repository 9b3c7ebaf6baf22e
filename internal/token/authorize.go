package token

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"cognate/api/idp"
	"cognate/internal/fault"
	"cognate/internal/pool"
	"cognate/internal/store"
)

// AccessClaims is what the service reads from an access token.
type AccessClaims struct {
	Sub       string `json:"sub"`
	Issuer    string `json:"iss"`
	ClientID  string `json:"client_id"`
	Use       string `json:"token_use"`
	Scope     string `json:"scope"`
	EventID   string `json:"event_id"`
	OriginJTI string `json:"origin_jti"`
	DeviceKey string `json:"device_key"`
	AuthTime  int64  `json:"auth_time"`
	IssuedAt  int64  `json:"iat"`
	Expires   int64  `json:"exp"`
}

// Session is a user as a live access token shows them.
type Session struct {
	Pool   *pool.Pool
	Client *pool.Client
	User   store.User
	Claims AccessClaims
	family store.Family
}

// Proof tells how the session was authenticated.
func (s *Session) Proof() (Proof, error) {
	e, err := extraOf(s.family)
	return e.Proof, err
}

// Errors of access tokens, in Cognito's words.
var (
	errInvalidAccess = fault.New(idp.CodeNotAuthorized, "Invalid Access Token")
	errForgedAccess  = fault.New(idp.CodeNotAuthorized, "Could not verify signature for Access Token")
	errExpiredAccess = fault.New(idp.CodeNotAuthorized, "Access Token has expired")
	errRevokedAccess = fault.New(idp.CodeNotAuthorized, "Access Token has been revoked")
	errScopeAccess   = fault.New(idp.CodeNotAuthorized, "Access Token does not have required scopes")
	errUserGone      = fault.New(idp.CodeUserNotFound, "User does not exist.")
)

// ClientOf is the client that an access token names, which is not believed yet; empty for none.
func ClientOf(accessToken string) string {
	var unverified AccessClaims
	peek(accessToken, &unverified)
	return unverified.ClientID
}

// Authorize is [Service.AuthorizeFor] for an operation of the user's own.
func (s *Service) Authorize(ctx context.Context, accessToken string) (*Session, error) {
	return s.AuthorizeFor(ctx, accessToken, ScopeAdmin)
}

// AuthorizeFor checks an access token for what a scope opens: signature by an access key of the pool, token_use,
// issuer, client, expiry, scope, and that the user is there and enabled and the session not ended. The errors
// are Cognito's.
func (s *Service) AuthorizeFor(ctx context.Context, accessToken, scope string) (*Session, error) {
	out, err := s.verify(ctx, accessToken)
	if err != nil {
		return nil, err
	}
	if !slices.Contains(strings.Fields(out.Claims.Scope), scope) {
		return nil, errScopeAccess
	}
	return out, s.alive(ctx, out)
}

// Holder names the user whom an access token was given to, by the pool and the sub, if the token is signed well and has not expired.
// Whether the session goes on is not looked at.
func (s *Service) Holder(ctx context.Context, accessToken string) (user string, ok bool) {
	out, err := s.verify(ctx, accessToken)
	if err != nil {
		return "", false
	}
	return out.Pool.ID + "/" + out.Claims.Sub, true
}

// alive reads the user of a session, and its family, and refuses those that have ended.
func (s *Service) alive(ctx context.Context, of *Session) error {
	f := &of.family
	err := s.db.View(ctx, func(tx *store.Tx) (err error) {
		if of.User, err = tx.GetUser(of.Pool.ID, of.Claims.Sub); errors.Is(err, store.ErrNotFound) {
			return errUserGone
		}
		if err != nil {
			return err
		}
		if *f, err = tx.GetFamily(of.Claims.EventID); errors.Is(err, store.ErrNotFound) {
			return errRevokedAccess
		}
		return err
	})
	switch {
	case err != nil:
		return err
	case !of.User.Enabled:
		return errDisabled
	case !f.Revoked.IsZero() || f.Sub != of.Claims.Sub || f.ClientID != of.Client.ID:
		return errRevokedAccess
	}
	return nil
}

// verify finds the pool by the client that the token names, and then believes only what an
// access key of the pool has signed: a token of another pool, or an ID token, was signed by another key.
func (s *Service) verify(ctx context.Context, accessToken string) (*Session, error) {
	var unverified AccessClaims
	if !peek(accessToken, &unverified) || unverified.ClientID == "" {
		return nil, errInvalidAccess
	}
	p, c, err := s.pools.Client(ctx, unverified.ClientID)
	if known := (*fault.Error)(nil); errors.As(err, &known) {
		return nil, errInvalidAccess
	}
	if err != nil {
		return nil, err
	}
	claims, err := accessClaims(s.payload(ctx, p.ID, UseAccess, accessToken))
	if err != nil {
		return nil, err
	}
	switch {
	case claims.Use != "access" || claims.Issuer != s.Issuer(p) || claims.ClientID != c.ID:
		return nil, errInvalidAccess
	case time.Now().Unix() >= claims.Expires:
		return nil, errExpiredAccess
	}
	return &Session{Pool: p, Client: c, Claims: claims}, nil
}

// accessClaims reads the payload of an access token, or says why there is none.
func accessClaims(payload []byte, err error) (c AccessClaims, _ error) {
	switch {
	case errors.Is(err, errSignature):
		return c, errForgedAccess
	case errors.Is(err, errForeign):
		return c, errInvalidAccess
	case err != nil:
		return c, err
	case json.Unmarshal(payload, &c) != nil:
		return c, errInvalidAccess
	}
	return c, nil
}
