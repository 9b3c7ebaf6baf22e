package token_test

import (
	"reflect"
	"testing"

	"cognate/api/cognate"
	"cognate/api/idp"
	"cognate/internal/token"
)

func (h *house) mapClaims(claims ...*cognate.ClaimType) {
	h.Helper()
	var err error
	h.client, err = h.pools.SetClaimMapping(h.Context(), h.pool.ID, h.client.ID, claims)
	h.must(err)
}

// TestClaimMapping gives tokens claims of attributes, of groups and of everybody.
func TestClaimMapping(t *testing.T) {
	h := newHouse(t)
	h.mapClaims(
		&cognate.ClaimType{Name: "mail", TokenUse: "ACCESS", Attribute: "email"},
		&cognate.ClaimType{Name: "verified", TokenUse: "BOTH", Attribute: "email_verified"},
		&cognate.ClaimType{Name: "user", TokenUse: "ACCESS", Attribute: "sub"},
		&cognate.ClaimType{Name: "middle", TokenUse: "BOTH", Attribute: "middle_name"},
		&cognate.ClaimType{Name: "level", TokenUse: "BOTH", Group: "admins", Value: "high"},
		&cognate.ClaimType{Name: "level", TokenUse: "BOTH", Value: "low"},
		&cognate.ClaimType{Name: "https://app.example/tenant", TokenUse: "ID", Value: "t1"},
	)
	signIn := func() (id, access map[string]any) {
		return h.sign(func(g *token.Grant) {
			g.User.Attributes = map[string]string{"email": "a@b.test", "email_verified": "true"}
		})
	}
	has := func(claims, want map[string]any) {
		t.Helper()
		for name, value := range want {
			if got := claims[name]; !reflect.DeepEqual(got, value) {
				t.Errorf("%s is %v, want %v", name, got, value)
			}
		}
	}
	id, access := signIn()
	has(id, map[string]any{"mail": nil, "verified": true, "user": nil, "middle": nil, "level": "low", "https://app.example/tenant": "t1"})
	has(access, map[string]any{"mail": "a@b.test", "verified": true, "user": access["sub"], "middle": nil, "level": "low", "https://app.example/tenant": nil})

	h.join(group{name: "admins", rank: -1})
	id, access = signIn()
	has(id, map[string]any{"level": "high"})
	has(access, map[string]any{"level": "high"})

	h.mapClaims()
	id, access = signIn()
	has(id, map[string]any{"verified": nil, "level": nil})
	has(access, map[string]any{"mail": nil, "level": nil})
}

// TestClaimMappingOfClients gives a client's own tokens what is for everybody.
func TestClaimMappingOfClients(t *testing.T) {
	h := newHouse(t)
	h.mapClaims(&cognate.ClaimType{Name: "tenant", TokenUse: "ACCESS", Value: "t1"}, &cognate.ClaimType{Name: "mail", TokenUse: "ACCESS", Attribute: "email"},
		&cognate.ClaimType{Name: "admin", TokenUse: "BOTH", Group: "admins", Value: "yes"})
	out, err := h.tokens.ClientToken(t.Context(), h.pool, h.client, []string{"a/b"}, nil)
	h.must(err)
	got := claims(t, out.Access)
	if got["tenant"] != "t1" || got["mail"] != nil || got["admin"] != nil || got["sub"] != h.client.ID {
		t.Errorf("%v", got)
	}
}

// TestClaimMappingOfUnreadable leaves out an attribute that the client may read no longer.
func TestClaimMappingOfUnreadable(t *testing.T) {
	h := newHouse(t)
	h.mapClaims(&cognate.ClaimType{Name: "mail", TokenUse: "BOTH", Attribute: "email"})
	var err error
	h.client, err = h.pools.UpdateClient(t.Context(), &idp.UpdateUserPoolClientRequest{UserPoolId: h.pool.ID, ClientId: h.client.ID, ReadAttributes: []string{"name"}})
	h.must(err)
	if len(h.client.Claims) != 1 {
		t.Errorf("UpdateUserPoolClient has changed the mapping: %v", h.client.Claims)
	}
	id, access := h.sign(func(g *token.Grant) { g.User.Attributes = map[string]string{"email": "a@b.test"} })
	if id["mail"] != nil || access["mail"] != nil {
		t.Errorf("%v, %v", id, access)
	}
}

// TestClaimMappingBelowFunctions lets a pool's function have the last word.
func TestClaimMappingBelowFunctions(t *testing.T) {
	h, f := shaped(t, "V2_0")
	h.mapClaims(&cognate.ClaimType{Name: "a", TokenUse: "BOTH", Value: "1"}, &cognate.ClaimType{Name: "b", TokenUse: "BOTH", Value: "2"})
	f.response = `{"claimsAndScopeOverrideDetails":{"idTokenGeneration":{"claimsToAddOrOverride":{"a":"3"},"claimsToSuppress":["b"]}}}`
	id, access := h.sign(nil)
	if id["a"] != "3" || id["b"] != nil || access["a"] != "1" || access["b"] != "2" {
		t.Errorf("%v, %v", id, access)
	}
}
