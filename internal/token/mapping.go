package token

import (
	"slices"

	"cognate/api/cognate"
	"cognate/internal/pool"
	"cognate/internal/store"
)

// mapped adds the claims that the client's settings want in a token. Of several with one name, the first counts that gives a value.
func (b *builder) mapped(claims map[string]any, use string) {
	given := map[string]bool{}
	for _, c := range b.client.Claims {
		if given[c.Name] || !isFor(c, use) {
			continue
		}
		if value := b.valueOf(c); value != nil {
			claims[c.Name], given[c.Name] = value, true
		}
	}
}

// valueOf is the value of a claim for the user: of an attribute if the client may still read it and the user has it, or a fixed one
// for everybody or for the members of a group. It is nil when there is none.
func (b *builder) valueOf(c *cognate.ClaimType) any {
	switch {
	case c.Attribute != "":
		value := b.user.Attributes[c.Attribute]
		if c.Attribute == "sub" {
			value = b.user.Sub
		}
		if value == "" || !b.client.CanRead(b.pool, c.Attribute) {
			return nil
		}
		return claimValue(c.Attribute, value)
	case c.Group != "" && !slices.ContainsFunc(b.user.groups, func(g store.Group) bool { return g.Name == c.Group }):
		return nil
	}
	return c.Value
}

// constants adds what a client's own tokens say, which have no user.
func constants(claims map[string]any, c *pool.Client) {
	b := builder{client: c, pool: &pool.Pool{}}
	b.mapped(claims, UseAccess)
}

func isFor(c *cognate.ClaimType, use string) bool {
	switch c.TokenUse {
	case cognate.TokenUseTypeId:
		return use == UseID
	case cognate.TokenUseTypeAccess:
		return use == UseAccess
	}
	return true
}
