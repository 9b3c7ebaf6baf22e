package token_test

import (
	"encoding/base64"
	"strings"
	"testing"

	"cognate/api/idp"
)

// TestIdentitiesClaim wants the claim's texts where the attribute has a boolean and a number, for every client.
func TestIdentitiesClaim(t *testing.T) {
	h := newHouse(t)
	h.user.Attributes["identities"] = `[{"userId":"1122","providerName":"Google","providerType":"Google","issuer":null,"primary":true,"dateCreated":1642699117273},` +
		`{"userId":"A","providerName":"s","providerType":"SAML","issuer":"https://idp","primary":false,"dateCreated":1642699117274}]`
	want := `"identities":[{"userId":"1122","providerName":"Google","providerType":"Google","issuer":null,"primary":"true","dateCreated":"1642699117273"},` +
		`{"userId":"A","providerName":"s","providerType":"SAML","issuer":"https://idp","primary":"false","dateCreated":"1642699117274"}]`
	for _, read := range [][]string{nil, {"address"}} {
		h.client = h.newClient(func(in *idp.CreateUserPoolClientRequest) { in.ReadAttributes = read })
		payload, err := base64.RawURLEncoding.DecodeString(strings.Split(h.issue().ID, ".")[1])
		h.must(err)
		if !strings.Contains(string(payload), want) {
			t.Errorf("the claims are %s\nwant %s", payload, want)
		}
	}
}
