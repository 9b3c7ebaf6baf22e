package token_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"testing"

	"cognate/api/idp"
	"cognate/internal/secret"
	"cognate/internal/store"
	"cognate/internal/token"
	"cognate/internal/trigger"
)

const preToken = "arn:aws:lambda:us-east-1:123456789012:function:claims"

// shaper is a pool's function that changes tokens: it answers a response, or throws.
type shaper struct {
	response string
	throws   error
	event    map[string]any // of the last call
	calls    int
}

func (f *shaper) Invoke(_ context.Context, _ string, event []byte) ([]byte, error) {
	f.calls++
	f.event = nil
	if err := json.Unmarshal(event, &f.event); err != nil {
		return nil, err
	}
	return []byte(`{"response":` + f.response + `}`), f.throws
}

// shaped is a house whose pool has a function of a version.
func shaped(t *testing.T, version string) (*house, *shaper) {
	h, f := newHouse(t), &shaper{response: "{}"}
	h.tokens.With(trigger.New(f, slog.New(slog.DiscardHandler)))
	err := h.pools.Update(t.Context(), &idp.UpdateUserPoolRequest{UserPoolId: h.pool.ID, LambdaConfig: &idp.LambdaConfigType{
		PreTokenGenerationConfig: &idp.PreTokenGenerationVersionConfigType{LambdaVersion: version, LambdaArn: preToken},
	}})
	h.must(err)
	h.pool, err = h.pools.Pool(t.Context(), h.pool.ID)
	h.must(err)
	return h, f
}

// sign issues tokens and returns their claims.
func (h *house) sign(change func(*token.Grant)) (id, access map[string]any) {
	h.Helper()
	g := h.grant(token.NewFlow())
	if change != nil {
		change(&g)
	}
	t, err := h.tokens.Issue(h.Context(), g, nil)
	h.must(err)
	return claims(h.T, t.ID), claims(h.T, t.Access)
}

// groups puts the user into groups, each with a role of its name.
func (h *house) groups(names ...string) {
	h.Helper()
	h.must(h.db.Update(h.Context(), func(tx *store.Tx) error {
		for i, name := range names {
			if err := tx.CreateGroup(store.Group{PoolID: h.pool.ID, Name: name, RoleARN: "arn:aws:iam::1:role/" + name, Precedence: new(int64(i))}); err != nil {
				return err
			}
			if _, err := tx.AddMember(h.pool.ID, name, h.user.Sub); err != nil {
				return err
			}
		}
		return nil
	}))
}

// TestPreTokenV1 changes the claims of the ID token, and the groups of both.
func TestPreTokenV1(t *testing.T) {
	h, f := shaped(t, "V1_0")
	h.groups("admins", "staff")
	f.response = `{"claimsOverrideDetails":{"claimsToAddOrOverride":{"plan":"gold","name":"A \"quoted\" ☃","email":"x"},"claimsToSuppress":["email","nothing"]}}`
	id, access := h.sign(func(g *token.Grant) { g.Occasion.Metadata = trigger.Metadata{"k": "v"} })
	if id["plan"] != "gold" || id["name"] != "A \"quoted\" ☃" || id["email"] != nil || access["plan"] != nil || access["name"] != nil {
		t.Errorf("id %v, access %v", id, access)
	}
	request, _ := json.Marshal(f.event["request"])
	for _, part := range []string{`"groupsToOverride":["admins","staff"]`, `"iamRolesToOverride":["arn:aws:iam::1:role/admins","arn:aws:iam::1:role/staff"]`, `"preferredRole":"arn:aws:iam::1:role/admins"`,
		`"sub":"` + h.user.Sub + `"`, `"cognito:user_status":"CONFIRMED"`, `"clientMetadata":{"k":"v"}`} {
		if !strings.Contains(string(request), part) {
			t.Errorf("no %s in %s", part, request)
		}
	}
	if f.event["version"] != "1" || f.event["triggerSource"] != "TokenGeneration_Authentication" || f.event["userName"] != "alice" || strings.Contains(string(request), "scopes") {
		t.Errorf("%v", f.event)
	}
	groups := func(text string) string {
		f.response = `{"claimsOverrideDetails":{` + text + `}}`
		id, access := h.sign(nil)
		return strings.TrimSpace(fmt.Sprintln(id["cognito:groups"], id["cognito:roles"], id["cognito:preferred_role"], access["cognito:groups"], access["cognito:roles"]))
	}
	const usual = "[admins staff] [arn:aws:iam::1:role/admins arn:aws:iam::1:role/staff] arn:aws:iam::1:role/admins [admins staff] <nil>"
	for text, want := range map[string]string{
		``: usual, `"groupOverrideDetails":null`: "<nil> <nil> <nil> <nil> <nil>", `"groupOverrideDetails":{}`: "<nil> <nil> <nil> <nil> <nil>",
		`"groupOverrideDetails":{"groupsToOverride":["x"],"iamRolesToOverride":["r"],"preferredRole":"p"}`: "[x] [r] p [x] <nil>",
		`"groupOverrideDetails":{"groupsToOverride":["x"]}`:                                                "[x] <nil> <nil> [x] <nil>",
		`"claimsToSuppress":["cognito:groups"]`:                                                            "<nil> <nil> <nil> [admins staff] <nil>",
	} {
		if got := groups(text); got != want {
			t.Errorf("%s: %s\nwant %s", text, got, want)
		}
	}
	for _, nothing := range []string{`{}`, `{"claimsOverrideDetails":null}`, `{"claimsOverrideDetails":{}}`, `{"claimsOverrideDetails":{"claimsToAddOrOverride":null,"claimsToSuppress":null}}`} {
		f.response = nothing
		if id, _ := h.sign(nil); id["email"] != "alice@example.com" {
			t.Errorf("%s: %v", nothing, id)
		}
	}
}

// TestPreTokenV2 changes both tokens and the scopes, with values of all kinds.
func TestPreTokenV2(t *testing.T) {
	h, f := shaped(t, "V2_0")
	f.response = `{"claimsAndScopeOverrideDetails":{
		"idTokenGeneration":{"claimsToAddOrOverride":{"n":12345678901234567890,"list":["a",1,true],"o":{"a":{"b":null}},"no":null,"address":{"street":"x"},"email_verified":[1],"updated_at":7},"claimsToSuppress":["phone_number"]},
		"accessTokenGeneration":{"claimsToAddOrOverride":{"plan":"gold","aud":"` + h.client.ID + `"},"claimsToSuppress":["jti"],"scopesToAdd":["a/read","a/read"],"scopesToSuppress":["aws.cognito.signin.user.admin"]}}}`
	id, access := h.sign(nil)
	text, _ := json.Marshal([]any{id["list"], id["o"], id["no"], id["address"], id["email_verified"], id["updated_at"]})
	if string(text) != `[["a",1,true],{"a":{"b":null}},null,{"formatted":"Here 1"},true,7]` {
		t.Errorf("%s", text)
	}
	if access["scope"] != "a/read" || access["plan"] != "gold" || access["aud"] != h.client.ID || access["jti"] == nil {
		t.Errorf("%v", access)
	}
	if f.event["version"] != "2" || fmt.Sprint(f.event["request"].(map[string]any)["scopes"]) != "[aws.cognito.signin.user.admin]" {
		t.Errorf("%v", f.event)
	}
	f.response = `{"claimsAndScopeOverrideDetails":{"accessTokenGeneration":{"claimsToAddOrOverride":{"aud":"other"}}}}`
	if _, access := h.sign(nil); access["aud"] != nil {
		t.Errorf("another audience: %v", access["aud"])
	}
}

// TestPreTokenReserved lets no function touch what tokens are trusted for (checklist 45).
func TestPreTokenReserved(t *testing.T) {
	h, f := shaped(t, "V2_0")
	h.groups("admins")
	f.response = `{}`
	wantID, wantAccess := h.sign(nil)
	names := slices.Collect(maps.Keys(wantID))
	for name := range wantAccess {
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	names = slices.DeleteFunc(append(names, "acr", "amr", "at_hash", "azp", "nbf", "nonce", "identities", "device_key", "version", "cognito:anything", "dev:custom:x"), func(name string) bool {
		return slices.Contains([]string{"email", "email_verified", "updated_at", "address", "cognito:groups", "cognito:roles", "cognito:preferred_role"}, name)
	})
	add := map[string]string{}
	for _, name := range names {
		add[name] = "forged"
	}
	change, err := json.Marshal(map[string]any{"claimsToAddOrOverride": add, "claimsToSuppress": names})
	h.must(err)
	f.response = `{"claimsAndScopeOverrideDetails":{"idTokenGeneration":` + string(change) + `,"accessTokenGeneration":` + string(change) + `}}`
	gotID, gotAccess := h.sign(nil)
	for _, pair := range [][2]map[string]any{{wantID, gotID}, {wantAccess, gotAccess}} {
		want, got := slices.Sorted(maps.Keys(pair[0])), slices.Sorted(maps.Keys(pair[1]))
		if !slices.Equal(want, got) {
			t.Errorf("claims %v, want %v", got, want)
		}
		if strings.Contains(fmt.Sprint(pair[1]), "forged") {
			t.Errorf("forged: %v", pair[1])
		}
	}
}

// TestPreTokenRefuses makes no tokens, and no session, when the function fails.
func TestPreTokenRefuses(t *testing.T) {
	h, f := shaped(t, "V2_0")
	g := h.grant(token.NewFlow())
	refused := func(what, code, text string) {
		t.Helper()
		_, err := h.tokens.Issue(t.Context(), g, nil)
		h.wants(err, code, text)
		if done, err := h.tokens.Granted(t.Context(), g.Flow); done || err != nil {
			t.Errorf("%s: there is a session: %v", what, err)
		}
	}
	const odd = "Unrecognizable lambda output"
	many := make([]string, 5001)
	for i := range many {
		many[i] = fmt.Sprint("c", i)
	}
	list, _ := json.Marshal(many)
	for what, response := range map[string]string{
		"a scope with a space": `{"claimsAndScopeOverrideDetails":{"accessTokenGeneration":{"scopesToAdd":["a b"]}}}`, "an empty scope": `{"claimsAndScopeOverrideDetails":{"accessTokenGeneration":{"scopesToAdd":[""]}}}`,
		"too much": `{"claimsAndScopeOverrideDetails":{"idTokenGeneration":{"claimsToSuppress":` + string(list) + `}}}`, "too long": `{"claimsAndScopeOverrideDetails":{"idTokenGeneration":{"claimsToAddOrOverride":{"x":"` + strings.Repeat("x", 70_000) + `"}}}}`, "a text": `{"claimsAndScopeOverrideDetails":"x"}`,
		"a wrong list": `{"claimsAndScopeOverrideDetails":{"idTokenGeneration":{"claimsToSuppress":[1]}}}`,
	} {
		f.response = response
		refused(what, "InvalidLambdaResponseException", odd)
	}
	f.response, f.throws = "{}", &trigger.Thrown{Message: "no"}
	refused("thrown", "UserLambdaValidationException", "PreTokenGeneration failed with error no.")

	f.throws = nil
	tokens, err := h.tokens.Issue(t.Context(), g, nil)
	h.must(err)
	f.throws = &trigger.Thrown{Message: "no"}
	renewal := token.Renewal{Refresh: "x", Check: func(store.User) error { return nil }, Occasion: token.Occasion{Source: trigger.SourceTokensRefresh}}
	calls := f.calls
	if _, err := h.tokens.Refresh(t.Context(), h.pool, h.client, renewal); err == nil || f.calls != calls {
		t.Errorf("a bad refresh token: %v after %d calls", err, f.calls-calls)
	}
	renewal.Refresh = secret.Text(tokens.Refresh)
	_, err = h.tokens.Refresh(t.Context(), h.pool, h.client, renewal)
	h.wants(err, "UserLambdaValidationException", "PreTokenGeneration failed with error no.")
	f.throws = nil
	if _, err := h.tokens.Refresh(t.Context(), h.pool, h.client, renewal); err != nil || f.event["triggerSource"] != "TokenGeneration_RefreshTokens" {
		t.Errorf("again: %v, called with %v", err, f.event["triggerSource"])
	}
	h.tokens.With(nil)
	_, err = h.tokens.Refresh(t.Context(), h.pool, h.client, renewal)
	h.wants(err, "UnexpectedLambdaException", "PreTokenGeneration invocation failed due to error InternalErrorException.")
}

// TestPreTokenOfClients calls functions of the third version alone for the tokens of clients themselves.
func TestPreTokenOfClients(t *testing.T) {
	for version, calls := range map[string]int{"V1_0": 0, "V2_0": 0, "V3_0": 1} {
		h, f := shaped(t, version)
		f.response = `{"claimsAndScopeOverrideDetails":{"accessTokenGeneration":{"claimsToAddOrOverride":{"plan":"gold","sub":"x"},"scopesToAdd":["a/write"]}}}`
		got, err := h.tokens.ClientToken(t.Context(), h.pool, h.client, []string{"a/read"}, map[string]string{"k": "v"})
		h.must(err)
		claims := claims(t, got.Access)
		if f.calls != calls || claims["sub"] != h.client.ID {
			t.Errorf("%s: %d calls, %v", version, f.calls, claims)
		}
		if version != "V3_0" {
			continue
		}
		if claims["plan"] != "gold" || claims["scope"] != "a/read a/write" {
			t.Errorf("%v", claims)
		}
		request, _ := json.Marshal(f.event["request"])
		if f.event["userName"] != "ClientCredentials" || f.event["version"] != "3" || string(request) != `{"clientMetadata":{"k":"v"},"groupConfiguration":null,"scopes":["a/read"],"userAttributes":{}}` {
			t.Errorf("%v", f.event)
		}
	}
}

// TestAskedBefore has the function asked when a code is made, and not again.
func TestAskedBefore(t *testing.T) {
	h, f := shaped(t, "V2_0")
	f.response = `{"claimsAndScopeOverrideDetails":{"idTokenGeneration":{"claimsToAddOrOverride":{"n":1e30}},"groupOverrideDetails":{"groupsToOverride":["g"]}}}`
	g := token.Grant{Pool: h.pool, Client: h.client, User: h.user, Scopes: "openid", Occasion: token.Occasion{Source: trigger.SourceTokensHosted}}
	said, err := h.tokens.Ask(t.Context(), g)
	h.must(err)
	kept, err := json.Marshal(said)
	h.must(err)
	var change token.Change
	h.must(json.Unmarshal(kept, &change))
	id, _ := h.sign(func(g *token.Grant) { g.Change = &change })
	if f.calls != 1 || f.event["triggerSource"] != "TokenGeneration_HostedAuth" || fmt.Sprint(id["cognito:groups"]) != "[g]" {
		t.Errorf("%d calls, %v", f.calls, id)
	}
}
