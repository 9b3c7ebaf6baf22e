package client

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"cognate/api/idp"
)

// ErrNoSession says that nobody is signed in: nobody has signed in, or the service has refused to renew the session.
var ErrNoSession = errors.New("client: nobody is signed in")

// Session is a user who is signed in. As JSON it is what a [Store] keeps of it. Printing one hides the tokens.
type Session struct {
	ID       string    `json:"id_token,omitzero"`
	Access   string    `json:"access_token"`
	Refresh  string    `json:"refresh_token,omitzero"`
	Username string    `json:"username"` // as the pool has it; signing in may have been by an e-mail address
	Subject  string    `json:"sub"`      // the user's id, for ever the same
	Received time.Time `json:"received"`
	// Expires is when the first of the two tokens expires, by this machine's clock, however wrong it is.
	Expires time.Time `json:"expires"`
}

// String hides the tokens.
func (s Session) String() string {
	return "Session{" + s.Username + ", until " + s.Expires.Format(time.RFC3339) + "}"
}

// GoString hides the tokens.
func (s Session) GoString() string { return s.String() }

// LogValue hides the tokens.
func (s Session) LogValue() slog.Value { return slog.StringValue(s.String()) }

// Claims reads the claims of the ID token into a value, as json.Unmarshal does. They are not verified: the token has come from the
// server itself. Other programs verify what they are given, as package verify does.
func (s *Session) Claims(into any) error { return payload(s.ID, into) }

// claims are those that a client needs to know.
type claims struct {
	Subject  string `json:"sub"`
	Username string `json:"username"`
	Issuer   string `json:"iss"`
	Origin   string `json:"origin_jti"` // there unless sessions cannot be revoked
	Device   string `json:"device_key"`
	Issued   int64  `json:"iat"`
	Expires  int64  `json:"exp"`
}

// lifetime is how long a token is good for.
func (c *claims) lifetime() time.Duration { return time.Duration(c.Expires-c.Issued) * time.Second }

// payload reads the claims of a token (RFC 7519 section 3).
func payload(token string, into any) error {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return errors.New("client: not a signed token")
	}
	text, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return errors.New("client: not a signed token")
	}
	return json.Unmarshal(text, into)
}

// newSession makes a session of tokens that have just come. Their lifetimes begin now, whatever this machine's clock says beside the
// server's. Without a new refresh token the old one stays.
func newSession(r *idp.AuthenticationResultType, refresh string) (*Session, error) {
	var access, id claims
	if err := payload(r.AccessToken, &access); err != nil {
		return nil, fmt.Errorf("client: the access token cannot be read: %w", err)
	}
	life := access.lifetime()
	if r.IdToken != "" {
		if err := payload(r.IdToken, &id); err != nil {
			return nil, fmt.Errorf("client: the ID token cannot be read: %w", err)
		}
		life = min(life, id.lifetime())
	}
	now := time.Now().UTC().Round(0) // the wall clock: the other one stands still while a laptop sleeps
	s := &Session{ID: r.IdToken, Access: r.AccessToken, Refresh: r.RefreshToken, Username: access.Username, Subject: access.Subject,
		Received: now, Expires: now.Add(life)}
	if s.Refresh == "" {
		s.Refresh = refresh
	}
	return s, nil
}

// margin is how long before they expire tokens are renewed. Those that live for less than twice as long are renewed at half their life.
const margin = 5 * time.Minute

// fresh reports whether s can be handed out for a while yet. A clock that was set back makes it old: nobody knows by how much.
func (s *Session) fresh(now time.Time) bool {
	early := min(margin, s.Expires.Sub(s.Received)/2)
	return !now.Before(s.Received.Add(-margin)) && now.Before(s.Expires.Add(-early))
}

// Session returns the user's session, with tokens that are good for five minutes or half their life. It renews them where they are not:
// once for all who wait, in half a minute at most, and to its end even if ctx ends before. New tokens are in the store before anybody
// has them.
//
// Where the service refuses to renew it, the session is removed from the store, and the error is [ErrNoSession] with the service's
// [*Error]. While the service cannot be reached the session stays, and is returned until its tokens expire.
func (c *Client) Session(ctx context.Context) (*Session, error) {
	if s := c.current.Load(); s != nil && s.fresh(time.Now()) {
		return s.copy(), nil
	}
	return c.renewed(ctx, false)
}

// Renew is as [Client.Session], and renews the tokens however good they are: for new groups and attributes to appear in them.
func (c *Client) Renew(ctx context.Context) (*Session, error) { return c.renewed(ctx, true) }

func (s *Session) copy() *Session {
	out := *s
	return &out
}

// renewTime bounds a renewal, which no caller's context ends: it ends the old refresh token where these rotate.
const renewTime = 30 * time.Second

// renewed renews the session for all who ask for it in the same way meanwhile: if it is due, or in any case.
func (c *Client) renewed(ctx context.Context, always bool) (*Session, error) {
	flight := c.flight.DoChan(strconv.FormatBool(always), func() (any, error) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), renewTime)
		defer cancel()
		var out *Session
		err := c.change(ctx, func(s *state) (err error) {
			out, err = c.renew(ctx, s, always)
			return err
		})
		return out, err
	})
	select {
	case got := <-flight:
		if got.Err != nil {
			return nil, got.Err
		}
		return got.Val.(*Session).copy(), nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// renew renews the session of a state. Another program may have done so meanwhile, or signed out.
func (c *Client) renew(ctx context.Context, s *state, always bool) (*Session, error) {
	had := s.Session
	if had == nil {
		return nil, ErrNoSession
	}
	if !always && had.fresh(time.Now()) {
		return had, nil
	}
	got, err := c.exchange(ctx, had)
	switch {
	case hasCode(err, refusals...):
		s.Session = nil
		return nil, fmt.Errorf("%w: %w", ErrNoSession, err)
	case err != nil && !always && time.Now().Before(had.Expires):
		return had, nil
	case err != nil:
		return nil, err
	}
	s.Session = got
	return got, nil
}

// refusals end a session: what the service refuses now it will refuse for ever, until the user has signed in again.
var refusals = []string{idp.CodeNotAuthorized, idp.CodeRefreshTokenReuse, idp.CodeUserNotFound, idp.CodeUserNotConfirmed, idp.CodePasswordResetRequired}

// exchange gets new tokens for a session. The device that it is bound to, if any, is named in its access token.
func (c *Client) exchange(ctx context.Context, s *Session) (*Session, error) {
	var had claims
	if err := payload(s.Access, &had); err != nil {
		return nil, err
	}
	out, err := Call(ctx, c, idp.GetTokensFromRefreshToken, &idp.GetTokensFromRefreshTokenRequest{
		RefreshToken: s.Refresh, ClientId: c.config.ClientID, ClientSecret: c.config.ClientSecret,
		DeviceKey: had.Device, ClientMetadata: c.config.Metadata,
	})
	if err != nil {
		return nil, err
	}
	if out.AuthenticationResult == nil {
		return nil, errAnswer
	}
	return newSession(out.AuthenticationResult, s.Refresh)
}

// errAnswer is returned for an answer that leaves out what it is for.
var errAnswer = errors.New("client: the answer is not what the service answers")
