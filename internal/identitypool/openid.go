package identitypool

import (
	"context"
	"time"

	"cognate/api/identity"
	"cognate/internal/token"
)

// How long the tokens of identities are good for, unless the developer wants another time.
const (
	openIDLifetime    = 10 * time.Minute
	developerLifetime = 15 * time.Minute
)

var (
	errNoClassic  = invalid("Basic (classic) flow is not enabled, please use enhanced flow.")
	errRolesByApp = invalid("Basic (classic) flow is not supported with RoleMappings, please use enhanced flow.")
)

// OpenIDToken returns the token of an identity, with which its user gets credentials for a role of the app's choice, and
// the identity's id: see [Registry.Credentials] for when that is another one. The pool has to allow this basic flow.
func (r *Registry) OpenIDToken(ctx context.Context, in *identity.GetOpenIdTokenInput) (*identity.GetOpenIdTokenResponse, error) {
	e, err := r.enter(ctx, in.IdentityId, in.Logins, (*pool).mayBasicFlow)
	if err != nil {
		return nil, err
	}
	tags, err := e.tags()
	if err != nil {
		return nil, err
	}
	text, err := r.tokens.SignOpenID(ctx, r.openID(e, tags), openIDLifetime)
	return &identity.GetOpenIdTokenResponse{IdentityId: e.id, Token: text}, err
}

// mayBasicFlow refuses the flow in which the app chooses the role.
func (p *pool) mayBasicFlow() error {
	switch {
	case p.AllowClassicFlow == nil || !*p.AllowClassicFlow:
		return errNoClassic
	case len(p.RoleMappings) > 0:
		return errRolesByApp
	}
	return nil
}

// openID is what the token of an entry says.
func (r *Registry) openID(e entry, tags map[string]string) token.OpenID {
	o := token.OpenID{Identity: e.id, PoolID: e.pool.IdentityPoolId, AMR: e.amr, PoolARN: r.arn(e.pool)}
	o.SetTags(tags)
	return o
}
