package passkey_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/descope/virtualwebauthn"

	"cognate/api/idp"
	"cognate/internal/fault"
	"cognate/internal/passkey"
	"cognate/internal/pool"
	"cognate/internal/secret/secrettest"
	"cognate/internal/store"
	"cognate/internal/store/storetest"
	"cognate/internal/store/storetest/engines"
)

func TestMain(m *testing.M) { os.Exit(storetest.Main(m)) }

// house is a pool with two users over the service.
type house struct {
	*testing.T
	db        *store.DB
	pools     *pool.Registry
	service   *passkey.Service
	pool      *pool.Pool
	user, bob store.User
}

// onEngines runs a test on each engine.
func onEngines(t *testing.T, test func(*testing.T, *house)) {
	engines.Each(t, func(t *testing.T, db *store.DB) { test(t, newHouse(t, db)) })
}

// onSQLite is for what no engine has a part in.
func onSQLite(t *testing.T) *house {
	t.Helper()
	return newHouse(t, engines.Memory(t))
}

func newHouse(t *testing.T, db *store.DB) *house {
	t.Helper()
	keys := secrettest.Keyring(t)
	h := &house{T: t, db: db, pools: pool.New(db, keys, pool.Options{Dev: true}), service: passkey.New(db, keys, false)}
	p, err := h.pools.Create(t.Context(), "us-east-1", &idp.CreateUserPoolRequest{PoolName: "p", Policies: &idp.UserPoolPolicyType{
		SignInPolicy: &idp.SignInPolicyType{AllowedFirstAuthFactors: []string{"PASSWORD", "WEB_AUTHN"}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	h.pool = p
	h.configure(idp.WebAuthnConfigurationType{RelyingPartyId: "example.com"})
	h.user, h.bob = h.newUser("alice"), h.newUser("bob")
	return h
}

func (h *house) configure(c idp.WebAuthnConfigurationType) {
	h.Helper()
	if _, err := h.pools.SetMFA(h.Context(), &idp.SetUserPoolMfaConfigRequest{UserPoolId: h.pool.ID, WebAuthnConfiguration: &c}); err != nil {
		h.Fatal(err)
	}
	h.reread()
}

// allow changes what users may sign in with.
func (h *house) allow(factors ...string) {
	h.Helper()
	err := h.pools.Update(h.Context(), &idp.UpdateUserPoolRequest{UserPoolId: h.pool.ID, Policies: &idp.UserPoolPolicyType{
		SignInPolicy: &idp.SignInPolicyType{AllowedFirstAuthFactors: factors},
	}})
	if err != nil {
		h.Fatal(err)
	}
	h.reread()
}

func (h *house) reread() {
	h.Helper()
	p, err := h.pools.Pool(h.Context(), h.pool.ID)
	if err != nil {
		h.Fatal(err)
	}
	h.pool = p
}

func (h *house) newUser(name string) store.User {
	h.Helper()
	u := store.User{PoolID: h.pool.ID, Sub: "sub-of-" + name, Username: name, UsernameKey: name, Status: "CONFIRMED", Enabled: true}
	if err := h.db.Update(h.Context(), func(tx *store.Tx) error { return tx.CreateUser(u) }); err != nil {
		h.Fatal(err)
	}
	return u
}

func (h *house) begin(u store.User) []byte {
	h.Helper()
	options, err := h.service.Begin(h.Context(), h.pool, u, "client")
	if err != nil {
		h.Fatal(err)
	}
	return options
}

func (h *house) complete(u store.User, answer []byte) error {
	return h.service.Complete(h.Context(), h.pool, u, "client", answer)
}

// register gives the user a passkey.
func (h *house) register(u store.User, d *device) {
	h.Helper()
	if err := h.complete(u, d.create(h.begin(u))); err != nil {
		h.Fatal(detail(err))
	}
}

// read is a user as a sign-in reads it.
func (h *house) read(u store.User) (s store.SignIn) {
	h.Helper()
	err := h.db.View(h.Context(), func(tx *store.Tx) (err error) {
		s, err = tx.GetSignIn(u.PoolID, u.Sub)
		return err
	})
	if err != nil {
		h.Fatal(err)
	}
	return s
}

// ask begins a sign-in.
func (h *house) ask(u store.User) (options string, state []byte) {
	h.Helper()
	options, state, err := h.service.Options(h.pool, u, passkey.Usable(h.pool, h.read(u).Passkeys))
	if err != nil {
		h.Fatal(err)
	}
	return options, state
}

// signIn is a whole sign-in.
func (h *house) signIn(u store.User, d *device) (*passkey.Assertion, error) {
	h.Helper()
	options, state := h.ask(u)
	a, err := h.service.Verify(h.Context(), h.pool, h.read(u), state, d.get(options))
	if err != nil {
		return nil, err
	}
	return a, h.use(a)
}

func (h *house) use(a *passkey.Assertion) error { return h.db.Update(h.Context(), a.Used) }

// row returns what the store knows of the passkey of a device.
func (h *house) row(d *device) (k store.Passkey) {
	h.Helper()
	err := h.db.View(h.Context(), func(tx *store.Tx) error {
		for _, u := range []store.User{h.user, h.bob} {
			keys, err := tx.ListPasskeys(h.pool.ID, u.Sub, "", passkey.Limit)
			if err != nil {
				return err
			}
			if i := slices.IndexFunc(keys, func(k store.Passkey) bool { return k.ID == rebase64(d.key.ID) }); i >= 0 {
				k = keys[i]
				return nil
			}
		}
		return store.ErrNotFound
	})
	if err != nil {
		h.Fatal(err)
	}
	return k
}

// code is the type of an error that a caller may see.
func code(err error) string {
	if f, ok := errors.AsType[*fault.Error](err); ok {
		return f.Code
	}
	return fmt.Sprint(err)
}

// detail is an error with its cause.
func detail(err error) error { return fmt.Errorf("%w (%v)", err, errors.Unwrap(err)) }

func wantCode(t *testing.T, what string, err error, want string) {
	t.Helper()
	if code(err) != want {
		t.Errorf("%s: %v, want %s", what, detail(err), want)
	}
}

func wantDenied(t *testing.T, what string, err error) {
	t.Helper()
	if code(err) != idp.CodeNotAuthorized || !strings.HasSuffix(err.Error(), "Incorrect username or password.") {
		t.Errorf("%s: %v, want NotAuthorizedException", what, detail(err))
	}
}

// wantJSON compares JSON values; "*" is any string.
func wantJSON(t *testing.T, have []byte, want string) {
	t.Helper()
	var a, b map[string]any
	if err := errors.Join(json.Unmarshal(have, &a), json.Unmarshal([]byte(want), &b)); err != nil {
		t.Fatal(err)
	}
	for name, value := range b {
		if _, ok := a[name].(string); ok && value == "*" {
			a[name] = "*"
		}
	}
	if !reflect.DeepEqual(a, b) {
		t.Errorf("got %s\nwant %s", have, want)
	}
}

func TestCeremonies_Item20(t *testing.T) {
	onEngines(t, func(t *testing.T, h *house) {
		es, rs := newDevice(t, virtualwebauthn.KeyTypeEC2), newDevice(t, virtualwebauthn.KeyTypeRSA)
		handle := rebase64([]byte(h.user.Sub))
		options := h.begin(h.user)
		wantJSON(t, options, `{"rp":{"id":"example.com","name":"example.com"},
			"user":{"id":"`+handle+`","name":"alice","displayName":"alice"},"challenge":"*","timeout":60000,
			"pubKeyCredParams":[{"type":"public-key","alg":-7},{"type":"public-key","alg":-257}],
			"authenticatorSelection":{"requireResidentKey":true,"residentKey":"required","userVerification":"preferred"}}`)
		if err := h.complete(h.user, es.create(options)); err != nil {
			t.Fatal(detail(err))
		}
		options = h.begin(h.user)
		if !strings.Contains(string(options), `"excludeCredentials":[{"type":"public-key","id":"`+rebase64(es.key.ID)+`"}]`) {
			t.Errorf("the passkey is not excluded: %s", options)
		}
		if err := h.complete(h.user, rs.attested(options)); err != nil {
			t.Fatal(detail(err))
		}
		if k := h.row(es); k.Transports != "internal hybrid" || k.Attachment != "platform" || !k.LastUsed.IsZero() {
			t.Errorf("stored %+v", k)
		}
		h.register(h.bob, newDevice(t, virtualwebauthn.KeyTypeEC2))

		request, _ := h.ask(h.bob)
		if strings.Contains(request, rebase64(es.key.ID)) {
			t.Error("another's passkey is allowed")
		}
		es.auth.Options.UserHandle = []byte(h.user.Sub)
		for _, d := range []*device{es, rs, es} {
			a, err := h.signIn(h.user, d)
			if err != nil {
				t.Fatal(detail(err))
			}
			if k := h.row(d); !a.UserVerified || k.SignCount != d.key.Counter || time.Since(k.LastUsed) > time.Minute {
				t.Errorf("verified %v, stored %+v", a.UserVerified, k)
			}
		}
	})
}

func TestUsable(t *testing.T) {
	onEngines(t, func(t *testing.T, h *house) {
		has := func(want bool, when string) {
			t.Helper()
			got := passkey.Usable(h.pool, h.read(h.user).Passkeys)
			if len(got) > 0 != want {
				t.Errorf("has %v; want %v %s", got, want, when)
			}
			if _, _, err := h.service.Options(h.pool, h.user, got); (err == nil) != want {
				t.Errorf("options: %v; want %v %s", err, want, when)
			}
		}
		has(false, "without a passkey")
		h.register(h.user, newDevice(t, virtualwebauthn.KeyTypeEC2))
		has(true, "with a passkey")
		h.configure(idp.WebAuthnConfigurationType{RelyingPartyId: "example.org"})
		has(false, "at another relying party")
		h.configure(idp.WebAuthnConfigurationType{})
		has(false, "without a relying party")
		h.configure(idp.WebAuthnConfigurationType{RelyingPartyId: "example.com"})
		h.allow("PASSWORD")
		has(false, "where passkeys are not allowed")
	})
}

// Checklist item 20: a passkey belongs to one user.
func TestTaken_Item20(t *testing.T) {
	onEngines(t, func(t *testing.T, h *house) {
		d := newDevice(t, virtualwebauthn.KeyTypeEC2)
		h.register(h.user, d)
		for name, u := range map[string]store.User{"oneself": h.user, "another": h.bob} {
			wantCode(t, name, h.complete(u, d.create(h.begin(u))), idp.CodeWebAuthnCredentialNotSupported)
		}
		if k := h.row(d); k.Sub != h.user.Sub {
			t.Error("the passkey has another owner")
		}
		h.register(h.bob, newDevice(t, virtualwebauthn.KeyTypeEC2))
		options, state := h.ask(h.bob)
		_, err := h.service.Verify(t.Context(), h.pool, h.read(h.bob), state, d.get(options))
		wantDenied(t, "another's passkey", err)
		_, err = h.service.Verify(t.Context(), h.pool, h.read(h.user), state, d.get(options))
		wantDenied(t, "another's challenge", err)
	})
}

func (h *house) insert(k store.Passkey) {
	h.Helper()
	if err := h.db.Update(h.Context(), func(tx *store.Tx) error { return tx.CreatePasskey(k) }); err != nil {
		h.Fatal(err)
	}
}

// lists pages through the 20 passkeys of the user and deletes them.
func (h *house) lists() {
	h.Helper()
	ctx, seen := h.Context(), map[string]bool{}
	for after, pages := "", 1; ; pages++ {
		page, next, err := h.service.List(ctx, h.pool, h.user.Sub, after, 5)
		if err != nil || len(page) != 5 {
			h.Fatalf("%d passkeys, %v", len(page), err)
		}
		for _, k := range page {
			seen[k.CredentialId] = true
		}
		if after = next; after == "" {
			if pages != 4 {
				h.Errorf("%d pages", pages)
			}
			break
		}
	}
	if len(seen) != passkey.Limit {
		h.Errorf("listed %d passkeys", len(seen))
	}
	for id := range seen {
		wantCode(h.T, "delete another's", h.service.Delete(ctx, h.pool, h.bob.Sub, id), idp.CodeResourceNotFound)
		if err := h.service.Delete(ctx, h.pool, h.user.Sub, id); err != nil {
			h.Fatal(err)
		}
	}
	none, next, err := h.service.List(ctx, h.pool, h.user.Sub, "", 5)
	if none == nil || len(none) > 0 || next != "" || err != nil {
		h.Errorf("%v, %q, %v; want an empty list", none, next, err)
	}
}

func TestDescribe(t *testing.T) {
	h := onSQLite(t)
	at := time.UnixMilli(1736293876115).UTC()
	for attachment, name := range map[string]string{"platform": "Platform passkey", "cross-platform": "Roaming passkey", "": "Passkey"} {
		h.insert(store.Passkey{PoolID: h.pool.ID, Sub: h.user.Sub, ID: "k", Attachment: attachment, Transports: "usb nfc", RelyingParty: "example.com", Created: at})
		list, _, err := h.service.List(t.Context(), h.pool, h.user.Sub, "", 5)
		if err != nil || len(list) != 1 {
			t.Fatal(list, err)
		}
		k := list[0]
		if k.FriendlyCredentialName != name || k.AuthenticatorAttachment != attachment || !k.CreatedAt.Equal(at) ||
			k.CredentialId != "k" || k.RelyingPartyId != "example.com" || !reflect.DeepEqual(k.AuthenticatorTransports, []string{"usb", "nfc"}) {
			t.Errorf("described as %+v", k)
		}
		if err := h.service.Delete(t.Context(), h.pool, h.user.Sub, "k"); err != nil {
			t.Fatal(err)
		}
	}
}
