package pool

import (
	"context"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"

	"cognate/api/cognate"
	"cognate/api/idp"
	"cognate/internal/fault"
	"cognate/internal/store"
)

// reservedClaims are those that nobody's settings and no function change, with all that begin with "cognito:" (checklist 45).
var reservedClaims = []string{
	"acr", "amr", "at_hash", "auth_time", "aud", "azp", "client_id", "device_key", "event_id", "exp", "iat", "identities", "iss", "jti", "nbf", "nonce",
	"origin_jti", "scope", "sub", "token_use", "username", "version",
}

// PlainClaims are the claims of an ID token that have one value of their own kind (OpenID Connect Core section 5.1).
var PlainClaims = []string{"address", "email_verified", "phone_number_verified", "updated_at"}

// IsReservedClaim reports whether a claim is what the server says, and nobody else.
func IsReservedClaim(name string) bool {
	return strings.HasPrefix(name, "cognito:") || slices.Contains(reservedClaims, name)
}

// SetClaimMapping says what the tokens of a client say beside what they always do, in place of what was said before.
func (r *Registry) SetClaimMapping(ctx context.Context, poolID, clientID string, claims []*cognate.ClaimType) (changed *Client, err error) {
	modified := now()
	err = r.db.Update(ctx, func(tx *store.Tx) error {
		p, c, err := r.getPoolClient(tx, poolID, clientID)
		if err != nil {
			return err
		}
		for _, claim := range claims {
			if err := c.checkClaim(p, claim); err != nil {
				return err
			}
		}
		doc, err := json.Marshal(claims, json.Deterministic(true))
		if err != nil {
			return err
		}
		if err := tx.SetClientClaims(store.Client{ID: c.ID, Claims: doc, Modified: modified}); err != nil {
			return err
		}
		tx.Notify(kindClient, c.ID)
		changed, err = r.getClient(tx, c.ID)
		return err
	})
	return changed, err
}

// checkClaim wants a claim that may be set, and one way to its value.
func (c *Client) checkClaim(p *Pool, claim *cognate.ClaimType) error {
	refuse := func(format string, args ...any) error {
		return fault.Newf(idp.CodeInvalidParameter, "Invalid claim mapping: "+format, args...)
	}
	switch {
	case IsReservedClaim(claim.Name) || slices.Contains(PlainClaims, claim.Name) || strings.HasPrefix(claim.Name, "dev:"):
		return refuse("the claim %s is reserved.", claim.Name)
	case claim.Attribute != "" && (claim.Group != "" || claim.Value != ""):
		return refuse("the claim %s has an attribute and a group or a value.", claim.Name)
	case claim.Attribute == "" && claim.Value == "":
		return refuse("the claim %s has neither an attribute nor a value.", claim.Name)
	case claim.Attribute != "" && !c.CanRead(p, claim.Attribute):
		return refuse("the client cannot read the attribute %s.", claim.Attribute)
	}
	return nil
}
