package token

import (
	"context"
	"crypto/hmac"
	"encoding/binary"
	"errors"
	"time"

	"github.com/google/uuid"

	"cognate/api/idp"
	"cognate/internal/fault"
	"cognate/internal/pool"
	"cognate/internal/secret"
	"cognate/internal/store"
)

// A family is all refresh tokens that come from one sign-in. Each of them is computed, never stored:
//
//	base64url(family id (16 bytes) | generation (4) | mark (16) | MAC(all before it, nonce) (32))
//
// where the MAC's key is outside the database and the nonce, random for each family, is in it. So neither
// a copy of the database nor the key alone makes a token; and the answer to a client that repeats a
// refresh, because the first answer was lost or two tabs asked at once, is the same token again. The mark is
// a MAC without the nonce: it tells a token of a family that is gone from one that never was.
const (
	refreshHead  = 16 + 4
	refreshMark  = 16
	refreshBytes = refreshHead + refreshMark + 32
)

// nonceBytes is the size of a family's nonce.
const nonceBytes = 16

// useInterval is how old the record of a family's last use may become before a refresh writes it
// again: a write for each refresh would cost more than the refresh itself.
const useInterval = time.Hour

func newFamily(g Grant, now time.Time) (store.Family, error) {
	extra, err := extra{g.Proof, g.OAuth}.encode()
	proven, expires := g.Proof.Time, now.Add(g.Client.RefreshLifetime())
	if proven.IsZero() {
		proven = now
	}
	if g.OAuth != nil && g.OAuth.Implicit {
		expires = now.Add(g.Client.AccessLifetime())
	}
	return store.Family{
		ID: g.Flow, OriginJTI: uuid.NewString(),
		PoolID: g.Pool.ID, Sub: g.User.Sub, ClientID: g.Client.ID, DeviceKey: g.Device, Scopes: g.Scopes,
		Nonce:    secret.RandomBytes(nonceBytes),
		AuthTime: proven, Created: now, LastUsed: now, Expires: expires, Extra: extra,
	}, err
}

// refreshToken is the token of the family's current generation.
func (s *Service) refreshToken(f store.Family) string {
	id := uuid.MustParse(f.ID)
	raw := make([]byte, 0, refreshBytes)
	raw = append(raw, id[:]...)
	raw = binary.BigEndian.AppendUint32(raw, uint32(f.Generation))
	raw = append(raw, s.refreshMark(raw)...)
	return b64.EncodeToString(append(raw, s.refreshMAC(raw, f.Nonce)...))
}

func (s *Service) refreshMark(head []byte) []byte {
	return s.keys.MAC("refresh-token-mark", string(head))[:refreshMark]
}

func (s *Service) refreshMAC(marked, nonce []byte) []byte {
	return s.keys.MAC("refresh-token", string(marked), string(nonce))
}

// presented is a refresh token taken apart: its mark is ours, its MAC is not checked yet.
type presented struct {
	family      string
	generation  int
	marked, mac []byte
}

func (s *Service) parseRefresh(token string) (presented, bool) {
	raw, err := b64.DecodeString(token)
	if err != nil || len(raw) != refreshBytes {
		return presented{}, false
	}
	head, marked := raw[:refreshHead], raw[:refreshHead+refreshMark]
	return presented{
		family:     uuid.UUID(raw[:16]).String(),
		generation: int(binary.BigEndian.Uint32(raw[16:])),
		marked:     marked, mac: raw[len(marked):],
	}, hmac.Equal(marked[refreshHead:], s.refreshMark(head))
}

// Errors of refresh tokens, in Cognito's words.
var (
	errInvalidRefresh = fault.New(idp.CodeNotAuthorized, "Invalid Refresh Token.")
	errOtherClient    = fault.New(idp.CodeNotAuthorized, "Invalid Refresh Token.")
	errRevokedRefresh = fault.New(idp.CodeNotAuthorized, "Refresh Token has been revoked")
	errExpiredRefresh = fault.New(idp.CodeNotAuthorized, "Refresh Token has expired")
	errReuse          = fault.New(idp.CodeRefreshTokenReuse, "Refresh token reuse detected.")
	errUnconfirmed    = fault.New(idp.CodeUserNotConfirmed, "User is not confirmed.")
	errReset          = fault.New(idp.CodePasswordResetRequired, "Password reset required for the user")
	errDisabled       = fault.New(idp.CodeNotAuthorized, "User is disabled.")
)

// find returns the family of a refresh token that is ours and belongs to the client. It may be
// revoked or expired. The fault tells why there is none.
func (s *Service) find(tx *store.Tx, c *pool.Client, token string) (store.Family, presented, error) {
	t, ok := s.parseRefresh(token)
	if !ok {
		return store.Family{}, t, errInvalidRefresh
	}
	f, err := tx.GetFamily(t.family)
	if errors.Is(err, store.ErrNotFound) {
		return f, t, errRevokedRefresh
	}
	if err != nil {
		return f, t, err
	}
	switch {
	case !hmac.Equal(t.mac, s.refreshMAC(t.marked, f.Nonce)) || t.generation > f.Generation:
		return f, t, errInvalidRefresh
	case f.ClientID != c.ID || f.PoolID != c.PoolID:
		return f, t, errOtherClient
	}
	return f, t, nil
}

// Renewal is how a client asks for new tokens.
type Renewal struct {
	Refresh   secret.Text // the refresh token
	DeviceKey string      // of the device that it is on; empty for none
	Occasion  Occasion    // for the pool's function

	// Check, called with the user before anything is written, may refuse.
	Check func(store.User) error
}

// Refresh answers a refresh token with new ID and access tokens, and with a new refresh token when the
// client rotates them.
//
// Presenting the generation before the current one is a repetition within the client's grace period and
// answers the current one; later, and for any older one, it is a theft: the family is revoked.
func (s *Service) Refresh(ctx context.Context, p *pool.Pool, c *pool.Client, r Renewal) (*Tokens, error) {
	f, u, t, err := s.lookUp(ctx, c, string(r.Refresh))
	if err != nil {
		return nil, err
	}
	if err := s.checkDevice(ctx, p, f, r.DeviceKey); err != nil {
		return nil, err
	}
	if err := r.Check(u.User); err != nil {
		return nil, err
	}
	b := builder{pool: p, client: c, user: u, family: f}
	if b.change, err = s.ask(ctx, b, r.Occasion); err != nil {
		return nil, err
	}
	rotate, grace := c.Rotation()
	f, err = s.advance(ctx, f, t, rotate, grace)
	if err != nil {
		return nil, err
	}
	b.family = f
	out, err := s.mint(ctx, b)
	if err == nil && rotate {
		out.Refresh = s.refreshToken(f)
	}
	return out, err
}

// lookUp reads the family and the user of a refresh token, with its groups, and refuses what cannot be
// refreshed any more.
func (s *Service) lookUp(ctx context.Context, c *pool.Client, token string) (f store.Family, u holder, t presented, err error) {
	err = s.db.View(ctx, func(tx *store.Tx) error {
		if f, t, err = s.find(tx, c, token); err != nil {
			return err
		}
		u, err = getHolder(tx, f.PoolID, f.Sub)
		if errors.Is(err, store.ErrNotFound) {
			return errRevokedRefresh
		}
		return err
	})
	switch {
	case err != nil:
	case !u.Enabled:
		err = errDisabled
	case !f.Revoked.IsZero():
		err = errRevokedRefresh
	case !time.Now().Before(f.Expires):
		err = errExpiredRefresh
	default:
		err = signedOutBy(u.Status)
	}
	return f, u, t, err
}

// signedOutBy is the fault of a user whose state allows no session, nil for the others.
func signedOutBy(status string) error {
	switch status {
	case idp.UserStatusTypeUnconfirmed:
		return errUnconfirmed
	case idp.UserStatusTypeResetRequired:
		return errReset
	}
	return nil
}

// advance moves the family to its next generation where that is due, and records the use.
func (s *Service) advance(ctx context.Context, f store.Family, t presented, rotate bool, grace time.Duration) (store.Family, error) {
	now := time.Now().UTC()
	if t.generation == f.Generation && !rotate && now.Sub(f.LastUsed) < useInterval {
		return f, nil
	}
	reused := false
	err := s.db.Update(ctx, func(tx *store.Tx) error {
		row, err := tx.GetFamily(f.ID)
		if err != nil {
			return err
		}
		f, reused = row, false
		switch {
		case !f.Revoked.IsZero():
			return errRevokedRefresh
		case t.generation == f.Generation:
			f.LastUsed = now
			if rotate {
				f.Generation, f.Rotated = f.Generation+1, now
			}
			return tx.UpdateFamily(f)
		case t.generation == f.Generation-1 && now.Before(f.Rotated.Add(grace)):
			return nil
		}
		reused = true
		return tx.RevokeFamily(f.ID, now)
	})
	if err == nil && reused {
		err = errReuse
	}
	return f, err
}

// Revoke ends the family of a refresh token of the client, whichever generation it is. A token that is
// not ours, or already revoked, is no error (RFC 7009 section 2.2); one of another client is refused
// (section 2.1).
func (s *Service) Revoke(ctx context.Context, c *pool.Client, token string) error {
	return s.db.Update(ctx, func(tx *store.Tx) error {
		f, _, err := s.find(tx, c, token)
		if err == errOtherClient {
			return fault.New(idp.CodeUnauthorized, "The token was not issued to this client.")
		}
		if _, known := errors.AsType[*fault.Error](err); known {
			return nil
		}
		if err != nil {
			return err
		}
		return tx.RevokeFamily(f.ID, time.Now().UTC())
	})
}

// SignOut ends all sessions of a user, at every client.
func (s *Service) SignOut(ctx context.Context, poolID, sub string) error {
	return s.db.Update(ctx, func(tx *store.Tx) error {
		return tx.RevokeFamilies(poolID, sub, time.Now().UTC())
	})
}
