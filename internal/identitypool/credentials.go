package identitypool

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"time"

	"cognate/api"
	"cognate/api/identity"
	"cognate/internal/credential"
	"cognate/internal/fault"
	"cognate/internal/store"
	"cognate/internal/token"
)

const (
	sessionTime   = time.Hour       // of the credentials that a pool chooses the role of
	tokenLifetime = 5 * time.Minute // of a token that a broker is shown
)

var errNotAlone = invalid("A token of " + ownProvider + " cannot come with other logins.")

// Credentials gives temporary credentials of the role that the pool has for the user of an identity, who proves to be it by
// tokens as [Registry.GetID] takes them, or by one that the developer's server got by [Registry.DeveloperToken]; a guest
// needs none. The id that comes back is another one where the identity has become one with another.
func (r *Registry) Credentials(ctx context.Context, in *identity.GetCredentialsForIdentityInput) (*identity.GetCredentialsForIdentityResponse, error) {
	e, tags, err := r.enterEnhanced(ctx, in.IdentityId, in.Logins)
	if err != nil {
		return nil, err
	}
	role, err := e.role(in.CustomRoleArn)
	if err != nil {
		return nil, err
	}
	c, err := r.assume(ctx, e, credential.Request{RoleARN: role, SessionName: credential.SessionName, Tags: tags, Duration: sessionTime})
	if err != nil {
		return nil, err
	}
	return &identity.GetCredentialsForIdentityResponse{IdentityId: e.id, Credentials: &identity.Credentials{
		AccessKeyId: c.AccessKeyID, SecretKey: c.SecretAccessKey, SessionToken: c.SessionToken, Expiration: api.At(c.Expires),
	}}, nil
}

// enterEnhanced lets in who may have credentials, and returns the principal tags of their session.
func (r *Registry) enterEnhanced(ctx context.Context, id string, logins map[string]string) (entry, map[string]string, error) {
	if text, ok := logins[ownProvider]; ok {
		if len(logins) > 1 {
			return entry{}, nil, errNotAlone
		}
		return r.enterDeveloper(ctx, id, text)
	}
	e, err := r.enter(ctx, id, logins, func(*pool) error { return nil })
	if err != nil {
		return entry{}, nil, err
	}
	tags, err := e.tags()
	return e, tags, err
}

// enterDeveloper lets the user of an identity in by the token that the developer's server got for it. The token is good for
// as long as the identity is the developer's user.
func (r *Registry) enterDeveloper(ctx context.Context, id, text string) (entry, map[string]string, error) {
	o, err := r.tokens.VerifyOpenID(ctx, text)
	switch {
	case errors.Is(err, token.ErrRefused):
		return entry{}, nil, errUnverified
	case errors.Is(err, token.ErrExpired):
		return entry{}, nil, expired(o.Expires)
	case err != nil:
		return entry{}, nil, err
	case o.Identity != id:
		return entry{}, nil, errNoMatch
	}
	p, i, user, err := r.developerOf(ctx, o)
	if err != nil {
		return entry{}, nil, err
	}
	e := newEntry(p, i.ID, []login{p.developerLogin(user)})
	e.amr = o.AMR
	return e, o.Tags(), nil
}

// developerOf reads whom a token is about: the pool, the identity, and the developer's user that it is. An identity that has
// become one with another is that one.
func (r *Registry) developerOf(ctx context.Context, o token.OpenID) (p *pool, i store.PoolIdentity, user string, err error) {
	err = r.db.View(ctx, func(tx *store.Tx) (err error) {
		if i, err = getIdentity(tx, o.Identity); err != nil {
			return err
		}
		if p, err = getPool(tx, i.PoolID); err != nil {
			return err
		}
		if user = p.developerUser(o.AMR); user == "" {
			return errNoMatch
		}
		owner, err := tx.GetIdentityLogin(p.developerLogin(user).row(i.PoolID))
		if errors.Is(err, store.ErrNotFound) || err == nil && i.Enabled && owner.IdentityID != i.ID {
			return errNoMatch
		}
		i.ID = owner.IdentityID
		return err
	})
	return p, i, user, err
}

// developerUser finds the developer's user in what a token says about how its identity has proven itself.
func (p *pool) developerUser(amr []string) string {
	for _, method := range amr {
		if user, ok := strings.CutPrefix(method, p.developerPrefix()); ok && p.DeveloperProviderName != "" {
			return user
		}
	}
	return ""
}

// assume has the broker give credentials to who has entered.
func (r *Registry) assume(ctx context.Context, e entry, q credential.Request) (credential.Credentials, error) {
	q.IdentityID, q.PoolID, q.AMR = e.id, e.pool.IdentityPoolId, e.amr
	q.Token = func(ctx context.Context) (string, error) {
		return r.tokens.SignOpenID(ctx, r.openID(e, q.Tags), tokenLifetime)
	}
	c, err := r.broker.Assume(ctx, q)
	warn(ctx, q, err)
	switch {
	case errors.Is(err, credential.ErrRefused):
		return c, fault.Because(err, identity.CodeInvalidIdentityPoolConfiguration, textRoles)
	case errors.Is(err, credential.ErrUnavailable):
		return c, fault.Because(err, identity.CodeExternalService, "The service that gives credentials is not available.")
	}
	return c, err
}

// warn tells the operator what only the operator can change.
func warn(ctx context.Context, q credential.Request, err error) {
	if errors.Is(err, credential.ErrRefused) || errors.Is(err, credential.ErrUnavailable) {
		slog.WarnContext(ctx, "no credentials for an identity", "pool", q.PoolID, "role", q.RoleARN, "cause", err)
	}
}
