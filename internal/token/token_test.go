package token_test

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"
	"sync"
	"testing"

	"github.com/go-jose/go-jose/v4"

	"cognate/api/idp"
	"cognate/internal/fault"
	"cognate/internal/pool"
	"cognate/internal/secret"
	"cognate/internal/secret/secrettest"
	"cognate/internal/store"
	"cognate/internal/store/storetest/engines"
	"cognate/internal/token"
)

// house is a store with one pool, one client and one user.
type house struct {
	*testing.T
	db     *store.DB
	keys   *secret.Keyring
	pools  *pool.Registry
	tokens *token.Service
	pool   *pool.Pool
	client *pool.Client
	user   store.User
}

func newHouse(t *testing.T) *house {
	return newHouseOn(t, engines.Memory(t), secrettest.Keyring(t), "us-east-1_Tokens1")
}

func newHouseOn(t *testing.T, db *store.DB, keys *secret.Keyring, poolID string) *house {
	h := &house{T: t, db: db, keys: keys, pools: pool.New(db, keys, pool.Options{AccountID: "000000000000", Dev: true})}
	h.tokens = token.New(db, keys, h.pools, "http://cognate.test")
	h.pool = h.newPool(poolID)
	h.client = h.newClient(nil)
	h.user = store.User{
		PoolID: h.pool.ID, Sub: "6f1c2d3e-4b5a-4c7d-8e9f-0a1b2c3d4e5f", Username: "alice", UsernameKey: "alice", Status: "CONFIRMED", Enabled: true,
		Attributes: map[string]string{"email": "alice@example.com", "email_verified": "true", "updated_at": "1735600000", "address": "Here 1"},
	}
	h.must(h.db.Update(t.Context(), func(tx *store.Tx) error { return tx.CreateUser(h.user) }))
	return h
}

func (h *house) must(err error) {
	h.Helper()
	if err != nil {
		h.Fatal(err)
	}
}

func (h *house) newPool(id string) *pool.Pool {
	p, err := h.pools.CreateAs(h.Context(), id, &idp.CreateUserPoolRequest{PoolName: "p"})
	h.must(err)
	return p
}

func (h *house) newClient(change func(*idp.CreateUserPoolClientRequest)) *pool.Client {
	in := &idp.CreateUserPoolClientRequest{UserPoolId: h.pool.ID, ClientName: "c"}
	if change != nil {
		change(in)
	}
	c, err := h.pools.CreateClient(h.Context(), in)
	h.must(err)
	return c
}

func rotating(grace int64) func(*idp.CreateUserPoolClientRequest) {
	return func(in *idp.CreateUserPoolClientRequest) {
		in.ExplicitAuthFlows = []string{"ALLOW_USER_SRP_AUTH"}
		in.RefreshTokenRotation = &idp.RefreshTokenRotationType{Feature: "ENABLED", RetryGracePeriodSeconds: new(grace)}
	}
}

func (h *house) issue() *token.Tokens {
	h.Helper()
	out, err := h.tokens.Issue(h.Context(), h.grant(token.NewFlow()), nil)
	h.must(err)
	return out
}

func (h *house) grant(flow string) token.Grant {
	return token.Grant{Pool: h.pool, Client: h.client, User: h.user, Scopes: token.ScopeAdmin, Flow: flow}
}

func (h *house) refresh(refresh string) (*token.Tokens, error) {
	return h.tokens.Refresh(h.Context(), h.pool, h.client, renewal(refresh))
}

func renewal(refresh string) token.Renewal {
	return token.Renewal{Refresh: secret.Text(refresh), Check: func(store.User) error { return nil }}
}

// wants checks that err is the fault of this code and text.
func (h *house) wants(err error, code, message string) {
	h.Helper()
	var f *fault.Error
	if !errors.As(err, &f) || f.Code != code || f.Message != message {
		h.Errorf("got %v, want %s: %s", err, code, message)
	}
}

func claims(t *testing.T, text string) map[string]any {
	t.Helper()
	payload, err := base64.RawURLEncoding.DecodeString(strings.Split(text, ".")[1])
	if err != nil {
		t.Fatal(err)
	}
	var out map[string]any
	if err := json.Unmarshal(payload, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

// TestJOSEVerifies checks both tokens with a library that is not ours, by the published keys.
func TestJOSEVerifies(t *testing.T) {
	h := newHouse(t)
	out := h.issue()
	doc, err := h.tokens.JWKS(t.Context(), h.pool.ID)
	h.must(err)
	var keys jose.JSONWebKeySet
	h.must(json.Unmarshal(doc, &keys))
	if len(keys.Keys) != 2 || keys.Keys[0].KeyID == keys.Keys[1].KeyID {
		t.Fatalf("the document has %d keys", len(keys.Keys))
	}
	kids := map[string]bool{}
	for _, text := range []string{out.ID, out.Access} {
		parsed, err := jose.ParseSignedCompact(text, []jose.SignatureAlgorithm{jose.RS256})
		h.must(err)
		kid := parsed.Signatures[0].Header.KeyID
		kids[kid] = true
		if _, err := parsed.Verify(keys.Key(kid)[0]); err != nil {
			t.Error(err)
		}
	}
	if len(kids) != 2 {
		t.Error("both tokens are signed with one key")
	}
}

func TestClaims(t *testing.T) {
	h := newHouse(t)
	out := h.issue()
	access, id := claims(t, out.Access), claims(t, out.ID)
	for name, want := range map[string]any{
		"sub": h.user.Sub, "iss": "http://cognate.test/us-east-1_Tokens1", "client_id": h.client.ID,
		"token_use": "access", "username": "alice", "scope": "aws.cognito.signin.user.admin",
	} {
		if access[name] != want {
			t.Errorf("access token: %s is %v, want %v", name, access[name], want)
		}
	}
	if _, ok := access["aud"]; ok {
		t.Error("access token has an aud")
	}
	for name, want := range map[string]any{
		"sub": h.user.Sub, "aud": h.client.ID, "token_use": "id", "cognito:username": "alice", "email": "alice@example.com",
		"email_verified": true, "updated_at": 1735600000.0, "origin_jti": access["origin_jti"], "event_id": access["event_id"],
	} {
		if id[name] != want {
			t.Errorf("ID token: %s is %v, want %v", name, id[name], want)
		}
	}
	if address, ok := id["address"].(map[string]any); !ok || address["formatted"] != "Here 1" {
		t.Errorf("ID token: address is %v", id["address"])
	}
	if access["jti"] == id["jti"] || access["origin_jti"] == nil {
		t.Error("jti or origin_jti is wrong")
	}
}

func TestClaimsFollowReadAttributes(t *testing.T) {
	h := newHouse(t)
	h.client = h.newClient(func(in *idp.CreateUserPoolClientRequest) { in.ReadAttributes = []string{"address"} })
	id := claims(t, h.issue().ID)
	if _, ok := id["email"]; ok || id["address"] == nil {
		t.Errorf("claims are %v", id)
	}
}

// TestFlowIsGrantedOnce races a grant against itself (checklist 8).
func TestFlowIsGrantedOnce(t *testing.T) {
	h := newHouse(t)
	flow := token.NewFlow()
	var wins, taken int
	var mu sync.Mutex
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			_, err := h.tokens.Issue(h.Context(), h.grant(flow), nil)
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				wins++
			} else if errors.Is(err, store.ErrExists) {
				taken++
			}
		})
	}
	wg.Wait()
	if wins != 1 || taken != 19 {
		t.Errorf("%d grants, %d refusals", wins, taken)
	}
}

func TestRefreshKeepsTheSession(t *testing.T) {
	h := newHouse(t)
	first := h.issue()
	second, err := h.refresh(first.Refresh)
	h.must(err)
	if second.Refresh != "" {
		t.Error("a client that does not rotate got a refresh token")
	}
	a, b := claims(t, first.Access), claims(t, second.Access)
	for _, name := range []string{"auth_time", "event_id", "origin_jti", "scope"} {
		if a[name] != b[name] {
			t.Errorf("%s changed from %v to %v", name, a[name], b[name])
		}
	}
	if a["jti"] == b["jti"] {
		t.Error("jti did not change")
	}
}

// TestRotation covers rotation, its grace period and reuse (checklist 31).
func TestRotation(t *testing.T) {
	h := newHouse(t)
	h.client = h.newClient(rotating(60))
	first := h.issue()
	second, err := h.refresh(first.Refresh)
	h.must(err)
	if second.Refresh == "" || second.Refresh == first.Refresh {
		t.Fatal("the refresh token did not rotate")
	}
	again, err := h.refresh(first.Refresh)
	h.must(err)
	if again.Refresh != second.Refresh {
		t.Error("a repeated refresh within the grace period got another token")
	}
	third, err := h.refresh(second.Refresh)
	h.must(err)
	_, err = h.refresh(first.Refresh)
	h.wants(err, "RefreshTokenReuseException", "Refresh token reuse detected.")
	_, err = h.refresh(third.Refresh)
	h.wants(err, "NotAuthorizedException", "Refresh Token has been revoked")
	_, err = h.tokens.Authorize(t.Context(), third.Access)
	h.wants(err, "NotAuthorizedException", "Access Token has been revoked")
}

func TestRotationWithoutGrace(t *testing.T) {
	h := newHouse(t)
	h.client = h.newClient(rotating(0))
	first := h.issue()
	if _, err := h.refresh(first.Refresh); err != nil {
		t.Fatal(err)
	}
	_, err := h.refresh(first.Refresh)
	h.wants(err, "RefreshTokenReuseException", "Refresh token reuse detected.")
}

// TestConcurrentRotation refreshes one token from many places at once: all get the same successor.
func TestConcurrentRotation(t *testing.T) {
	h := newHouse(t)
	h.client = h.newClient(rotating(60))
	first := h.issue()
	results := make([]string, 16)
	var wg sync.WaitGroup
	for i := range results {
		wg.Go(func() {
			if out, err := h.refresh(first.Refresh); err == nil {
				results[i] = out.Refresh
			}
		})
	}
	wg.Wait()
	for _, r := range results {
		if r == "" || r != results[0] {
			t.Fatalf("successors differ or failed: %q", results)
		}
	}
}

func TestRefreshRefuses(t *testing.T) {
	h := newHouse(t)
	out := h.issue()
	forged := []byte(out.Refresh)
	forged[len(forged)-5] ^= 1
	other := h.newClient(nil)
	for name, text := range map[string]string{"garbage": "garbage", "empty": "", "forged": string(forged), "an access token": out.Access, "padded": out.Refresh + "="} {
		if _, err := h.refresh(text); err == nil {
			t.Errorf("%s was accepted", name)
		} else {
			h.wants(err, "NotAuthorizedException", "Invalid Refresh Token.")
		}
	}
	_, err := h.tokens.Refresh(t.Context(), h.pool, other, renewal(out.Refresh))
	h.wants(err, "NotAuthorizedException", "Invalid Refresh Token.")

	h.user.Enabled = false
	h.must(h.db.Update(t.Context(), func(tx *store.Tx) error { return tx.UpdateUser(h.user) }))
	_, err = h.refresh(out.Refresh)
	h.wants(err, "NotAuthorizedException", "User is disabled.")
	h.must(h.db.Update(t.Context(), func(tx *store.Tx) error { return tx.DeleteUser(h.pool.ID, h.user.Sub) }))
	_, err = h.refresh(out.Refresh)
	h.wants(err, "NotAuthorizedException", "Refresh Token has been revoked")
}

// TestRevoke ends a family by one of its tokens; only the owning client can (checklist 32).
func TestRevoke(t *testing.T) {
	h := newHouse(t)
	out := h.issue()
	err := h.tokens.Revoke(t.Context(), h.newClient(nil), out.Refresh)
	h.wants(err, "UnauthorizedException", "The token was not issued to this client.")
	if _, err := h.tokens.Authorize(t.Context(), out.Access); err != nil {
		t.Error("another client revoked the token")
	}
	for range 2 {
		h.must(h.tokens.Revoke(t.Context(), h.client, out.Refresh))
	}
	_, err = h.tokens.Authorize(t.Context(), out.Access)
	h.wants(err, "NotAuthorizedException", "Access Token has been revoked")
	h.must(h.tokens.Revoke(t.Context(), h.client, "not a token"))
}

func TestSignOutEndsEverySession(t *testing.T) {
	h := newHouse(t)
	h.client = h.newClient(func(in *idp.CreateUserPoolClientRequest) { in.EnableTokenRevocation = new(false) })
	a, b := h.issue(), h.issue()
	if claims(t, a.Access)["origin_jti"] != nil {
		t.Error("origin_jti although revocation is off")
	}
	h.must(h.tokens.SignOut(t.Context(), h.pool.ID, h.user.Sub))
	for _, out := range []*token.Tokens{a, b} {
		_, err := h.tokens.Authorize(t.Context(), out.Access)
		h.wants(err, "NotAuthorizedException", "Access Token has been revoked")
		_, err = h.refresh(out.Refresh)
		h.wants(err, "NotAuthorizedException", "Refresh Token has been revoked")
	}
	if _, err := h.tokens.Authorize(t.Context(), h.issue().Access); err != nil {
		t.Errorf("a sign-in right after the sign-out: %v", err)
	}
}

// TestAuthorizeRefuses covers forged, foreign and foul tokens (checklist 38, 41, 42).
func TestAuthorizeRefuses(t *testing.T) {
	h := newHouse(t)
	out := h.issue()
	parts := strings.Split(out.Access, ".")
	enc := base64.RawURLEncoding
	header := func(text string) string { return enc.EncodeToString([]byte(text)) }
	const invalid, forged = "Invalid Access Token", "Could not verify signature for Access Token"
	mangled := []byte(parts[2])
	mangled[10] ^= 2
	payload := claims(t, out.Access)
	payload["username"] = "admin"
	changed, _ := json.Marshal(payload)
	for name, tt := range map[string]struct{ text, want string }{
		"garbage":              {"a.b.c", invalid},
		"one part":             {"garbage", invalid},
		"alg none":             {header(`{"alg":"none"}`) + "." + parts[1] + ".", invalid},
		"alg none, signed":     {header(`{"alg":"none"}`) + "." + parts[1] + "." + parts[2], invalid},
		"HS256":                {header(`{"alg":"HS256"}`) + "." + parts[1] + "." + parts[2], invalid},
		"an embedded key":      {header(`{"alg":"RS256","jwk":{}}`) + "." + parts[1] + "." + parts[2], invalid},
		"no signature":         {parts[0] + "." + parts[1] + ".", forged},
		"a mangled signature":  {parts[0] + "." + parts[1] + "." + string(mangled), forged},
		"a changed payload":    {parts[0] + "." + enc.EncodeToString(changed) + "." + parts[2], forged},
		"an ID token":          {out.ID, invalid},
		"a refresh token":      {out.Refresh, invalid},
		"non-canonical base64": {out.Access[:len(out.Access)-1] + flip(out.Access[len(out.Access)-1]), forged},
		"a fourth part":        {out.Access + ".x", invalid},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := h.tokens.Authorize(t.Context(), tt.text)
			h.wants(err, "NotAuthorizedException", tt.want)
		})
	}
}

// flip changes the bits of the last base64 character that stand for nothing.
func flip(c byte) string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	return string(alphabet[strings.IndexByte(alphabet, c)^1])
}

// TestPoolsDoNotMix presents a token of one pool as one of another (checklist 42).
func TestPoolsDoNotMix(t *testing.T) {
	h := newHouse(t)
	out := h.issue()
	ours := h.pool
	h.pool = h.newPool("us-east-1_Tokens2")
	foreign := h.newClient(nil)
	payload := claims(t, out.Access)
	payload["client_id"], payload["iss"] = foreign.ID, "http://cognate.test/us-east-1_Tokens2"
	changed, _ := json.Marshal(payload)
	parts := strings.Split(out.Access, ".")
	if _, err := h.tokens.Authorize(t.Context(), parts[0]+"."+base64.RawURLEncoding.EncodeToString(changed)+"."+parts[2]); err == nil {
		t.Error("a token with the key of another pool was accepted")
	}
	h.must(h.pools.Delete(t.Context(), ours.ID))
	_, err := h.tokens.Authorize(t.Context(), out.Access)
	h.wants(err, "NotAuthorizedException", "Invalid Access Token")
}

func TestIssuers(t *testing.T) {
	h := newHouse(t)
	for tag, want := range map[string]string{
		"": "http://cognate.test/us-east-1_Issuer", "self": "http://cognate.test/us-east-1_Issuer",
		"aws": "https://cognito-idp.us-east-1.amazonaws.com/us-east-1_Issuer", "https://id.example.com/x": "https://id.example.com/x",
	} {
		in := &idp.CreateUserPoolRequest{PoolName: "p"}
		if tag != "" {
			in.UserPoolTags = map[string]string{"cognate:issuer": tag}
		}
		p, err := h.pools.CreateAs(t.Context(), "us-east-1_Issuer", in)
		h.must(err)
		if got := h.tokens.Issuer(p); got != want {
			t.Errorf("%q: issuer is %s, want %s", tag, got, want)
		}
		h.must(h.pools.Delete(t.Context(), p.ID))
	}
	p, err := h.pools.CreateAs(t.Context(), "us-east-1_Issuer", &idp.CreateUserPoolRequest{
		PoolName: "p", UserPoolTags: map[string]string{"cognate:issuer": "aws"}, IssuerConfiguration: &idp.IssuerConfigurationType{Type: "UPDATED"},
	})
	h.must(err)
	if got := h.tokens.Issuer(p); got != "https://issuer-cognito-idp.us-east-1.amazonaws.com/us-east-1_Issuer" {
		t.Errorf("the updated issuer is %s", got)
	}
	shared := token.New(h.db, h.keys, h.pools, "http://one.test").IssuedBy("http://all.test")
	if got, keys := shared.Issuer(h.pool), shared.KeysURL(h.pool); got != "http://all.test/"+h.pool.ID || keys != got+"/.well-known/jwks.json" {
		t.Errorf("the issuer of several servers is %s, its keys are at %s", got, keys)
	}
}

// TestKeysAreSealed looks for the private keys in the rows (checklist 43, 61).
func TestKeysAreSealed(t *testing.T) {
	h := newHouse(t)
	h.issue()
	h.must(h.db.View(t.Context(), func(tx *store.Tx) error {
		rows, err := tx.ListSigningKeys(h.pool.ID)
		if len(rows) != 2 {
			t.Errorf("%d keys", len(rows))
		}
		for _, row := range rows {
			if strings.Contains(string(row.Sealed), string(row.Public[10:100])) {
				t.Error("a key row holds the key in clear")
			}
		}
		return err
	}))
}

// TestEveryByteOfARefreshTokenCounts changes each character: none of the results is taken, or for a token
// of a session that has ended.
func TestEveryByteOfARefreshTokenCounts(t *testing.T) {
	h := newHouse(t)
	text := h.issue().Refresh
	for i := range text {
		changed := []byte(text)
		changed[i] = 'A' + (changed[i]+1)%26
		if string(changed) == text {
			continue
		}
		_, err := h.refresh(string(changed))
		h.wants(err, "NotAuthorizedException", "Invalid Refresh Token.")
	}
}

// reserved are the claims that say who a token is of, who made it, for whom and for how long.
var reserved = []string{
	"sub", "iss", "aud", "exp", "iat", "auth_time", "token_use", "client_id", "username", "event_id", "origin_jti", "jti", "nonce", "at_hash", "acr", "amr", "version",
	"scope", "device_key", "cognito:username", "cognito:groups", "cognito:roles", "cognito:preferred_role",
}

// TestReservedClaims lets nothing that is written about a user stand in a token under the name of a reserved claim, or take
// the place of one (checklist 45, as far as attributes go: triggers do not run yet).
func TestReservedClaims(t *testing.T) {
	h := newHouse(t)
	planted := h.user
	planted.Attributes = map[string]string{"email": "real@example.com"}
	for _, name := range reserved {
		planted.Attributes[name] = "planted"
	}
	g := h.grant(token.NewFlow())
	g.User = planted
	out, err := h.tokens.Issue(t.Context(), g, nil)
	h.must(err)
	for use, text := range map[string]string{"id": out.ID, "access": out.Access} {
		got := claims(t, text)
		for name, value := range got {
			if value == "planted" {
				t.Errorf("%s token: %s is what an attribute says", use, name)
			}
		}
		if got["sub"] != h.user.Sub || got["token_use"] != use {
			t.Errorf("%s token: %v", use, got)
		}
	}
	if claims(t, out.ID)["email"] != "real@example.com" {
		t.Errorf("the attributes are left out: %v", claims(t, out.ID))
	}
}
