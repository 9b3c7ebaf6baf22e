package identitypool_test

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"cognate/api/identity"
	"cognate/api/idp"
	"cognate/internal/awsjson"
	"cognate/internal/credential/embedded"
	"cognate/internal/fault"
	"cognate/internal/identitypool"
	"cognate/internal/pool"
	"cognate/internal/secret/secrettest"
	"cognate/internal/store"
	"cognate/internal/store/storetest"
	"cognate/internal/store/storetest/engines"
	"cognate/internal/token"
)

func TestMain(m *testing.M) { os.Exit(storetest.Main(m)) }

// house has a user pool with a user, and an identity pool that believes its tokens.
type house struct {
	*testing.T
	ctx        context.Context // of a test whose bubble has none of its own
	tokens     *token.Service
	identities *identitypool.Registry
	broker     *embedded.Broker
	grant      token.Grant
	key        string // of the logins
	id         string // of the identity pool
}

func newHouse(t *testing.T, db *store.DB, issuer string) *house {
	keys, ctx := secrettest.Keyring(t), context.Background()
	pools := pool.New(db, keys, pool.Options{AccountID: "000000000000", Dev: true})
	h := &house{T: t, ctx: ctx, tokens: token.New(db, keys, pools, "http://cognate.test:9229/at")}
	p, err := pools.Create(ctx, "us-east-1", &idp.CreateUserPoolRequest{PoolName: "p", UserPoolTags: map[string]string{"cognate:issuer": issuer}})
	h.must(err)
	c, err := pools.CreateClient(ctx, &idp.CreateUserPoolClientRequest{UserPoolId: p.ID, ClientName: "c"})
	h.must(err)
	u := store.User{PoolID: p.ID, Sub: "6f1c2d3e-4b5a-4c7d-8e9f-0a1b2c3d4e5f", Username: "alice", UsernameKey: "alice",
		Status: "CONFIRMED", Enabled: true}
	h.must(db.Update(ctx, func(tx *store.Tx) error { return tx.CreateUser(u) }))
	h.grant = token.Grant{Pool: p, Client: c, User: u}
	_, h.key, _ = strings.Cut(h.tokens.Issuer(p), "://")
	h.broker = embedded.New(keys)
	h.identities = identitypool.New(db, h.tokens, h.broker, "000000000000")
	made, err := h.identities.Create(ctx, "us-east-1", &identity.CreateIdentityPoolInput{IdentityPoolName: "i",
		CognitoIdentityProviders: []*identity.CognitoIdentityProvider{{ProviderName: h.key, ClientId: c.ID}}})
	h.must(err)
	h.id = made.IdentityPoolId
	return h
}

func (h *house) must(err error) {
	h.Helper()
	if err != nil {
		h.Fatal(err)
	}
}

// signIn returns the tokens of a new session.
func (h *house) signIn() *token.Tokens {
	h.Helper()
	g := h.grant
	g.Flow = token.NewFlow()
	t, err := h.tokens.Issue(h.ctx, g, nil)
	h.must(err)
	return t
}

func (h *house) getID(login string) (string, error) {
	return h.identities.GetID(h.ctx, h.id, map[string]string{h.key: login})
}

func (h *house) refused(what, login, want string) {
	h.Helper()
	if id, err := h.getID(login); err == nil || err.Error() != "NotAuthorizedException: Invalid login token. "+want {
		h.Errorf("%s: got %q, %v; want %s", what, id, err, want)
	}
}

// TestExpiredLogin wants a token to be good for as long as it says, and not longer.
func TestExpiredLogin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t, engines.Memory(t), "self")
		login := h.signIn().ID
		expires := time.Now().Add(time.Hour)
		time.Sleep(time.Until(expires) - time.Second)
		_, err := h.getID(login)
		h.must(err)
		time.Sleep(time.Second)
		h.refused("at its end", login, fmt.Sprintf("Token expired: %d >= %d", expires.Unix(), expires.Unix()))
	})
}

// TestIssuers wants the key of logins to be the issuer that the user pool has chosen, without its scheme.
func TestIssuers(t *testing.T) {
	for issuer, key := range map[string]string{
		"self":                    "cognate.test:9229/at/%s",
		"aws":                     "cognito-idp.us-east-1.amazonaws.com/%s",
		"https://id.example/mine": "id.example/mine",
	} {
		h := newHouse(t, engines.Memory(t), issuer)
		if want := strings.Replace(key, "%s", h.grant.Pool.ID, 1); h.key != want {
			t.Errorf("%s: the key is %s, want %s", issuer, h.key, want)
		}
		_, err := h.getID(h.signIn().ID)
		h.must(err)
	}
}

// TestForgedLogins wants what a token says to count for nothing until the pool's key has signed it.
func TestForgedLogins(t *testing.T) {
	h := newHouse(t, engines.Memory(t), "self")
	good := strings.Split(h.signIn().ID, ".")
	payload, err := base64.RawURLEncoding.DecodeString(good[1])
	h.must(err)
	with := func(old, new string) string {
		changed := strings.Replace(string(payload), old, new, 1)
		if changed == string(payload) {
			t.Fatalf("the payload has no %s: %s", old, payload)
		}
		return good[0] + "." + base64.RawURLEncoding.EncodeToString([]byte(changed)) + "." + good[2]
	}
	h.refused("another user", with(h.grant.User.Sub, "00000000-0000-4000-8000-000000000000"), "Couldn't verify signed token.")
	h.refused("another use", with(`"token_use":"id"`, `"token_use":"access"`), "Not a Cognito token.")
	h.refused("another issuer", with("cognate.test", "evil.test"), "Issuer doesn't match providerName")
	h.refused("several audiences", with(`"aud":"`+h.grant.Client.ID+`"`, `"aud":["`+h.grant.Client.ID+`"]`), "Missing a required claim: aud")
}

// TestGetIDAtOnce wants those who come with the same login at the same time to be one identity.
func TestGetIDAtOnce(t *testing.T) {
	engines.Each(t, func(t *testing.T, db *store.DB) {
		h := newHouse(t, db, "self")
		login := h.signIn().ID
		ids := make([]string, 8)
		var all sync.WaitGroup
		for n := range ids {
			all.Go(func() {
				id, err := h.getID(login)
				if ids[n] = id; err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		for _, id := range ids {
			if id == "" || id != ids[0] {
				t.Errorf("the identities are %v", ids)
				break
			}
		}
		list, _, err := h.identities.ListIdentities(h.ctx, h.id, identitypool.Page{Limit: 9})
		if err != nil || len(list) != 1 {
			t.Errorf("%d identities, %v; want one", len(list), err)
		}
	})
}

// TestGuestsOfAnAddress holds that one address cannot fill the database with guests; who signs in, and servers that sign
// their requests, are not counted.
func TestGuestsOfAnAddress(t *testing.T) {
	h := newHouse(t, engines.Memory(t), "self")
	h.identities.With(identitypool.Options{GuestsPerAddress: 2})
	_, err := h.identities.Update(h.ctx, &identity.IdentityPool{IdentityPoolId: h.id, IdentityPoolName: "i", AllowUnauthenticatedIdentities: true})
	h.must(err)
	guest := func(c awsjson.Caller) error {
		_, err := h.identities.GetID(awsjson.WithCaller(h.ctx, c), h.id, nil)
		return err
	}
	here := awsjson.Caller{IP: "203.0.113.7"}
	h.must(guest(here))
	h.must(guest(here))
	if f, ok := errors.AsType[*fault.Error](guest(here)); !ok || f.Code != identity.CodeTooManyRequests || f.Message != "Too many requests" {
		t.Errorf("a third guest of one address: %v", f)
	}
	h.must(guest(awsjson.Caller{IP: "203.0.113.8"}))
	h.must(guest(awsjson.Caller{IP: here.IP, Principal: awsjson.Principal{AccessKeyID: "AKIAEXAMPLEEXAMPLE12"}}))
}
