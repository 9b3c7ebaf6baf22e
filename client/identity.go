package client

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"time"

	"cognate/api/identity"
)

// IdentityPool is where [Client.Credentials] gets AWS credentials.
type IdentityPool struct {
	// ID is the identity pool's id, as us-east-1:00000000-0000-0000-0000-000000000001.
	ID string

	// Role is the ARN of a role among those that the user may have; empty means that the identity pool chooses.
	Role string

	// Guest lets users who are not signed in have the credentials of guests.
	Guest bool
}

// Credentials are AWS credentials for some time, as a rule for an hour. Printing them hides the secrets.
type Credentials struct {
	IdentityID      string // the user's in the identity pool
	AccessKeyID     string
	SecretAccessKey string
	SessionToken    string
	Expires         time.Time // by this machine's clock
}

// String hides the secrets.
func (c Credentials) String() string { return "Credentials{" + c.AccessKeyID + "}" }

// GoString hides the secrets.
func (c Credentials) GoString() string { return c.String() }

// LogValue hides the secrets.
func (c Credentials) LogValue() slog.Value { return slog.StringValue(c.String()) }

// Credentials gets AWS credentials from an identity pool, anew each time: package cognate/client/awscredentials keeps them for the AWS
// SDK until they expire. The identity that the pool gives a user, or this machine's guest, is remembered in the store. Without a session,
// and without [IdentityPool.Guest], it is [ErrNoSession].
func (c *Client) Credentials(ctx context.Context, p IdentityPool) (*Credentials, error) {
	key, logins, err := c.logins(ctx, p)
	if err != nil {
		return nil, err
	}
	id, err := c.identityID(ctx, p, key, logins)
	if err != nil {
		return nil, err
	}
	out, err := c.vend(ctx, p, id, logins)
	if hasCode(err, lost...) {
		if err := c.setIdentity(ctx, key, ""); err != nil {
			return nil, err
		}
		if id, err = c.identityID(ctx, p, key, logins); err != nil {
			return nil, err
		}
		out, err = c.vend(ctx, p, id, logins)
	}
	if err != nil {
		return nil, err
	}
	if out.Credentials == nil {
		return nil, errAnswer
	}
	if out.IdentityId != id && out.IdentityId != "" {
		if err := c.setIdentity(ctx, key, out.IdentityId); err != nil {
			return nil, err
		}
	}
	return c.credentials(out), nil
}

// lost says that an identity that was remembered is gone, or not this user's.
var lost = []string{identity.CodeResourceNotFound, identity.CodeNotAuthorized, identity.CodeResourceConflict}

// guestKey is what a guest's identity is remembered by.
func (p IdentityPool) guestKey() string { return p.ID + " " }

// logins are the user's proof to an identity pool, and the key that the user's identity is remembered by. A guest has none.
func (c *Client) logins(ctx context.Context, p IdentityPool) (key string, logins map[string]string, err error) {
	s, err := c.Session(ctx)
	if errors.Is(err, ErrNoSession) && p.Guest {
		return p.guestKey(), map[string]string{}, nil
	}
	if err != nil {
		return "", nil, err
	}
	var is claims
	if err := payload(s.ID, &is); err != nil {
		return "", nil, err
	}
	_, provider, _ := strings.Cut(is.Issuer, "://")
	return p.ID + " " + s.Subject, map[string]string{provider: s.ID}, nil
}

// identityID is the identity of a key: the one that is remembered, or what the pool answers. A guest who signs in keeps the identity.
func (c *Client) identityID(ctx context.Context, p IdentityPool, key string, logins map[string]string) (id string, err error) {
	err = c.change(ctx, func(s *state) error {
		if id = s.Identities[key]; id != "" {
			return nil
		}
		if id = s.Identities[p.guestKey()]; id != "" {
			s.identify(p.guestKey(), "")
			s.identify(key, id)
			return nil
		}
		out, err := Call(ctx, c, identity.GetId, &identity.GetIdInput{IdentityPoolId: p.ID, Logins: logins})
		if err != nil {
			return err
		}
		id = out.IdentityId
		s.identify(key, id)
		return nil
	})
	return id, err
}

func (c *Client) setIdentity(ctx context.Context, key, id string) error {
	return c.change(ctx, func(s *state) error {
		s.identify(key, id)
		return nil
	})
}

// identify remembers an identity; an empty one is forgotten.
func (s *state) identify(key, id string) {
	if s.Identities == nil {
		s.Identities = map[string]string{}
	}
	s.Identities[key] = id
	if id == "" {
		delete(s.Identities, key)
	}
}

func (c *Client) vend(ctx context.Context, p IdentityPool, id string, logins map[string]string) (*identity.GetCredentialsForIdentityResponse, error) {
	in := &identity.GetCredentialsForIdentityInput{IdentityId: id, CustomRoleArn: p.Role}
	if len(logins) > 0 {
		in.Logins = logins
	}
	return Call(ctx, c, identity.GetCredentialsForIdentity, in)
}

// credentials reads an answer, by this machine's clock.
func (c *Client) credentials(out *identity.GetCredentialsForIdentityResponse) *Credentials {
	got := out.Credentials
	made := &Credentials{IdentityID: out.IdentityId, AccessKeyID: got.AccessKeyId, SecretAccessKey: got.SecretKey, SessionToken: got.SessionToken}
	if !got.Expiration.IsZero() {
		made.Expires = got.Expiration.Add(-time.Duration(c.offset.Load()))
	}
	return made
}
