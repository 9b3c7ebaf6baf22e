package identitypool

import (
	"context"
	"errors"
	"slices"
	"time"

	"cognate/internal/credential"
	"cognate/internal/fault"
	"cognate/internal/store"
	"cognate/internal/token"
)

// Codes of the errors of [Registry.AssumeRole], which are those of the Security Token Service.
const (
	CodeAccessDenied     = "AccessDenied"
	CodeInvalidToken     = "InvalidIdentityToken"
	CodeExpiredToken     = "ExpiredTokenException"
	CodeIDPCommunication = "IDPCommunicationError"
)

var (
	errNoAssume = fault.New(CodeAccessDenied, "Not authorized to perform sts:AssumeRoleWithWebIdentity")
	errBadToken = fault.New(CodeInvalidToken, "The web identity token that was passed could not be validated.")
)

// WebIdentity asks for credentials by the token of an identity, for a role of the app's choice.
type WebIdentity struct {
	Token       string // what [Registry.OpenIDToken] or [Registry.DeveloperToken] gave
	RoleARN     string
	SessionName string
	Duration    time.Duration
	Policy      string // as in [credential.Request]
}

// AssumeRole gives temporary credentials to whom a token is of, as a Security Token Service does that has roles for the
// identities of identity pools alone: that which the identity's pool has for those who have signed in as the token says,
// or for guests. It returns what the token says, too.
func (r *Registry) AssumeRole(ctx context.Context, w WebIdentity) (credential.Credentials, token.OpenID, error) {
	o, err := r.tokens.VerifyOpenID(ctx, w.Token)
	switch {
	case errors.Is(err, token.ErrRefused):
		return credential.Credentials{}, o, errBadToken
	case errors.Is(err, token.ErrExpired):
		return credential.Credentials{}, o, fault.Newf(CodeExpiredToken,
			"Token expired: current date/time %d must be before the expiration date/time %d", time.Now().Unix(), o.Expires)
	case err != nil:
		return credential.Credentials{}, o, err
	}
	if err := r.mayAssume(ctx, o, w.RoleARN); err != nil {
		return credential.Credentials{}, o, err
	}
	q := credential.Request{
		RoleARN: w.RoleARN, SessionName: w.SessionName, IdentityID: o.Identity, PoolID: o.PoolID, AMR: o.AMR, Tags: o.Tags(),
		Duration: w.Duration, Policy: w.Policy, Token: func(context.Context) (string, error) { return w.Token, nil },
	}
	c, err := r.broker.Assume(ctx, q)
	warn(ctx, q, err)
	switch {
	case errors.Is(err, credential.ErrRefused):
		err = fault.Because(err, errNoAssume.Code, errNoAssume.Message)
	case errors.Is(err, credential.ErrUnavailable):
		err = fault.Because(err, CodeIDPCommunication, "The service that gives credentials is not available.")
	}
	return c, o, err
}

// mayAssume refuses roles that are not for whom a token is of, and identities that are there no more. Roles of rules are
// not for tokens: rules look at what the token of a login says.
func (r *Registry) mayAssume(ctx context.Context, o token.OpenID, role string) error {
	var i store.PoolIdentity
	err := r.db.Look(ctx, func(tx *store.Tx) (err error) {
		i, err = tx.GetPoolIdentity(o.Identity)
		return err
	})
	if errors.Is(err, store.ErrNotFound) || err == nil && (!i.Enabled || i.PoolID != o.PoolID) {
		return errNoAssume
	}
	if err != nil {
		return err
	}
	p, err := r.view(ctx, i.PoolID)
	if err != nil {
		return err
	}
	kind := roleUnauthenticated
	if slices.Contains(o.AMR[:min(1, len(o.AMR))], roleAuthenticated) {
		kind = roleAuthenticated
	}
	if role == "" || p.Roles[kind] != role {
		return errNoAssume
	}
	return nil
}
