package passkey_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/descope/virtualwebauthn"
	"github.com/go-webauthn/webauthn/protocol/webauthncbor"

	"cognate/api/idp"
	"cognate/internal/fault"
	"cognate/internal/passkey"
	"cognate/internal/pool"
	"cognate/internal/secret"
	"cognate/internal/store"
	"cognate/internal/store/postgres"
	"cognate/internal/store/sqlite"
	"cognate/internal/store/storetest"
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
	t.Run("sqlite", func(t *testing.T) {
		db, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "db"))
		test(t, newHouse(t, db, err))
	})
	t.Run("postgres", func(t *testing.T) {
		db, err := postgres.Open(t.Context(), storetest.PostgresURL(t))
		test(t, newHouse(t, db, err))
	})
}

// onSQLite is for what no engine has a part in.
func onSQLite(t *testing.T) *house {
	t.Helper()
	db, err := sqlite.Open(t.Context(), ":memory:")
	return newHouse(t, db, err)
}

func newHouse(t *testing.T, db *store.DB, err error) *house {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	keys, err := secret.NewKeyring(secret.RandomBytes(32))
	if err != nil {
		t.Fatal(err)
	}
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

// ask begins a sign-in.
func (h *house) ask(u store.User) (options string, state []byte) {
	h.Helper()
	options, state, err := h.service.Options(h.Context(), h.pool, u)
	if err != nil {
		h.Fatal(err)
	}
	return options, state
}

// signIn is a whole sign-in.
func (h *house) signIn(u store.User, d *device) (*passkey.Assertion, error) {
	h.Helper()
	options, state := h.ask(u)
	a, err := h.service.Verify(h.Context(), h.pool, u, state, d.get(options))
	if err != nil {
		return nil, err
	}
	return a, h.use(a)
}

func (h *house) use(a *passkey.Assertion) error { return h.db.Update(h.Context(), a.Used) }

// row returns what the store knows of the passkey of a device.
func (h *house) row(d *device) (k store.Passkey) {
	h.Helper()
	err := h.db.View(h.Context(), func(tx *store.Tx) (err error) {
		k, err = tx.GetPasskey(h.pool.ID, rebase64(d.key.ID))
		return err
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

func TestRequestOptions(t *testing.T) {
	h := onSQLite(t)
	d := newDevice(t, virtualwebauthn.KeyTypeEC2)
	h.register(h.user, d)
	h.configure(idp.WebAuthnConfigurationType{RelyingPartyId: "example.com", UserVerification: "required"})
	options, state := h.ask(h.user)
	wantJSON(t, []byte(options), `{"challenge":"*","timeout":180000,"rpId":"example.com","userVerification":"required",
		"allowCredentials":[{"type":"public-key","id":"`+rebase64(d.key.ID)+`","transports":["internal","hybrid"]}]}`)
	for range passkey.Limit - 1 {
		h.register(h.user, newDevice(t, virtualwebauthn.KeyTypeEC2))
	}
	if _, more := h.ask(h.user); len(more) > 300 || len(more) != len(state) {
		t.Errorf("the state of 20 passkeys has %d bytes, that of one %d: it has to fit into a Session", len(more), len(state))
	}
}

func TestHas(t *testing.T) {
	onEngines(t, func(t *testing.T, h *house) {
		has := func(want bool, when string) {
			t.Helper()
			got, err := h.service.Has(t.Context(), h.pool, h.user.Sub)
			if err != nil || got != want {
				t.Errorf("has %v, %v; want %v %s", got, err, want, when)
			}
			if _, _, err := h.service.Options(t.Context(), h.pool, h.user); (err == nil) != want {
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

func TestBeginRefuses(t *testing.T) {
	h := onSQLite(t)
	begin := func() error {
		_, err := h.service.Begin(t.Context(), h.pool, h.user, "client")
		return err
	}
	d := newDevice(t, virtualwebauthn.KeyTypeEC2)
	answer := d.create(h.begin(h.user))
	h.configure(idp.WebAuthnConfigurationType{})
	wantCode(t, "without a relying party", begin(), idp.CodeWebAuthnConfigurationMissing)
	wantCode(t, "completed without a relying party", h.complete(h.user, answer), idp.CodeWebAuthnOriginNotAllowed)
	h.allow("PASSWORD")
	wantCode(t, "not allowed", begin(), idp.CodeWebAuthnNotEnabled)
	wantCode(t, "completed where not allowed", h.complete(h.user, answer), idp.CodeWebAuthnNotEnabled)

	h.allow("PASSWORD", "WEB_AUTHN")
	h.configure(idp.WebAuthnConfigurationType{RelyingPartyId: "example.com"})
	if err := h.db.Update(t.Context(), func(tx *store.Tx) error { return tx.DeleteUser(h.pool.ID, h.user.Sub) }); err != nil {
		t.Fatal(err)
	}
	wantCode(t, "a user who is gone", begin(), idp.CodeNotAuthorized)
}

// Checklist item 20: origin, relying party, algorithm, user verification and the rest of a registration.
func TestCompleteRefuses_Item20(t *testing.T) {
	h := onSQLite(t)
	tests := map[string]struct {
		change func(d *device)
		answer func(d *device, options []byte) []byte
		want   string
	}{
		"another site":            {change: func(d *device) { d.origin = "https://evil.com" }, want: idp.CodeWebAuthnOriginNotAllowed},
		"no TLS":                  {change: func(d *device) { d.origin = "http://example.com" }, want: idp.CodeWebAuthnOriginNotAllowed},
		"another relying party":   {change: func(d *device) { d.party = "app.example.com" }, want: idp.CodeWebAuthnRelyingPartyMismatch},
		"in a frame":              {change: setting("crossOrigin", true), want: idp.CodeWebAuthnOriginNotAllowed},
		"below another page":      {change: setting("topOrigin", "https://app.example.com"), want: idp.CodeWebAuthnOriginNotAllowed},
		"a second origin":         {change: setting("Origin", "https://evil.com"), want: ""},
		"the origin in capitals":  {change: renaming("origin", "ORIGIN"), want: idp.CodeWebAuthnOriginNotAllowed},
		"another challenge":       {change: setting("challenge", rebase64(make([]byte, 32))), want: idp.CodeWebAuthnChallengeNotFound},
		"a sign-in":               {change: setting("type", "webauthn.get"), want: idp.CodeInvalidParameter},
		"nobody there":            {change: func(d *device) { d.auth.Options.UserNotPresent = true }, want: idp.CodeWebAuthnCredentialNotSupported},
		"not verified":            {change: func(d *device) { d.auth.Options.UserNotVerified = true }, want: ""},
		"backed up, but not able": {change: func(d *device) { d.auth.Options.BackupState = true }, want: idp.CodeWebAuthnCredentialNotSupported},
		"a wrong attestation":     {answer: wrongAttestation, want: idp.CodeWebAuthnCredentialNotSupported},
		"another id":              {answer: otherID, want: idp.CodeWebAuthnCredentialNotSupported},
		"EdDSA":                   {answer: withAlgorithm(-8), want: idp.CodeWebAuthnCredentialNotSupported},
		"RS256 of a curve":        {answer: withAlgorithm(-257), want: idp.CodeWebAuthnCredentialNotSupported},
		"no JSON":                 {answer: func(*device, []byte) []byte { return []byte("{") }, want: idp.CodeInvalidParameter},
		"no object":               {answer: func(*device, []byte) []byte { return []byte(`"text"`) }, want: idp.CodeInvalidParameter},
		"nothing in it":           {answer: func(*device, []byte) []byte { return []byte(`{}`) }, want: idp.CodeInvalidParameter},
		"a member twice":          {answer: memberTwice, want: idp.CodeInvalidParameter},
		"too long":                {answer: tooLong, want: idp.CodeInvalidParameter},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			d := newDevice(t, virtualwebauthn.KeyTypeEC2)
			if test.change != nil {
				test.change(d)
			}
			if test.answer == nil {
				test.answer = (*device).create
			}
			err := h.complete(h.user, test.answer(d, h.begin(h.user)))
			if test.want == "" && err != nil {
				t.Error(detail(err))
			} else if test.want != "" {
				wantCode(t, name, err, test.want)
			}
		})
	}
}

func setting(name string, value any) func(*device) {
	return func(d *device) { d.edit = func(data map[string]any) { data[name] = value } }
}

func renaming(from, to string) func(*device) {
	return func(d *device) {
		d.edit = func(data map[string]any) {
			data[to] = data[from]
			delete(data, from)
		}
	}
}

func wrongAttestation(d *device, options []byte) []byte {
	return rewrite(d.T, d.attested(options), func(_, response map[string]any) {
		object := unbase64(d.T, response["attestationObject"])
		object[len(object)-1] ^= 1 // the last byte of the key
		response["attestationObject"] = rebase64(object)
	})
}

func otherID(d *device, options []byte) []byte {
	return rewrite(d.T, d.create(options), func(answer, _ map[string]any) {
		answer["id"], answer["rawId"] = "AAAA", "AAAA"
	})
}

func memberTwice(d *device, options []byte) []byte {
	return append([]byte(`{"id":"AAAA",`), d.create(options)[1:]...)
}

func tooLong(d *device, options []byte) []byte {
	return rewrite(d.T, d.create(options), func(answer, _ map[string]any) {
		answer["more"] = strings.Repeat("x", 32<<10)
	})
}

func TestUserVerification_Item20(t *testing.T) {
	h := onSQLite(t)
	d := newDevice(t, virtualwebauthn.KeyTypeEC2)
	d.auth.Options.UserNotVerified = true
	h.register(h.user, d)
	a, err := h.signIn(h.user, d)
	if err != nil || a.UserVerified {
		t.Errorf("%+v, %v; want a user who is not verified", a, err)
	}
	h.configure(idp.WebAuthnConfigurationType{RelyingPartyId: "example.com", UserVerification: "required"})
	_, err = h.signIn(h.user, d)
	wantDenied(t, "not verified", err)
	wantCode(t, "registered, not verified", h.complete(h.user, newDeviceLike(t, d).create(h.begin(h.user))), idp.CodeWebAuthnCredentialNotSupported)
	d.auth.Options.UserNotVerified = false
	if a, err := h.signIn(h.user, d); err != nil || !a.UserVerified {
		t.Errorf("%+v, %v; want a user who is verified", a, err)
	}
}

func newDeviceLike(t *testing.T, d *device) *device {
	out := newDevice(t, virtualwebauthn.KeyTypeEC2)
	out.auth = d.auth
	return out
}

// Checklist item 20: a challenge is good for one registration, for five minutes, and for its user and client.
func TestChallengeOnce_Item20(t *testing.T) {
	onEngines(t, func(t *testing.T, h *house) {
		d := newDevice(t, virtualwebauthn.KeyTypeEC2)
		answer := d.create(h.begin(h.user))
		wantCode(t, "another user", h.complete(h.bob, answer), idp.CodeWebAuthnChallengeNotFound)
		wantCode(t, "another client", h.service.Complete(t.Context(), h.pool, h.user, "other", answer), idp.CodeWebAuthnClientMismatch)
		next := h.begin(h.user)
		wantCode(t, "an earlier challenge", h.complete(h.user, answer), idp.CodeWebAuthnChallengeNotFound)
		answer = d.create(next)
		var mu sync.Mutex
		results := map[string]int{}
		var all sync.WaitGroup
		for range 8 {
			all.Go(func() {
				err := h.complete(h.user, answer)
				mu.Lock()
				defer mu.Unlock()
				results[code(err)]++
			})
		}
		all.Wait()
		if results["<nil>"] != 1 || results[idp.CodeWebAuthnChallengeNotFound] != 7 {
			t.Errorf("eight at once: %v, want one success", results)
		}
		wantCode(t, "again", h.complete(h.user, answer), idp.CodeWebAuthnChallengeNotFound)

		answer = newDevice(t, virtualwebauthn.KeyTypeEC2).create(h.begin(h.user))
		h.expire()
		wantCode(t, "late", h.complete(h.user, answer), idp.CodeWebAuthnChallengeNotFound)
	})
}

// expire lets five minutes pass for the registration of the user.
func (h *house) expire() {
	h.Helper()
	err := h.db.Update(h.Context(), func(tx *store.Tx) error {
		c, err := tx.GetCode(h.pool.ID, h.user.Sub, "passkey", "")
		if err != nil {
			return err
		}
		if life := time.Until(c.Expires); life > 5*time.Minute || life < 4*time.Minute {
			h.Errorf("the challenge lives for %v", life)
		}
		c.Expires = c.Expires.Add(-5 * time.Minute)
		return tx.PutCode(c)
	})
	if err != nil {
		h.Fatal(err)
	}
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
		_, err := h.service.Verify(t.Context(), h.pool, h.bob, state, d.get(options))
		wantDenied(t, "another's passkey", err)
		_, err = h.service.Verify(t.Context(), h.pool, h.user, state, d.get(options))
		wantDenied(t, "another's challenge", err)
	})
}

func TestLimit(t *testing.T) {
	onEngines(t, func(t *testing.T, h *house) {
		h.register(h.user, newDevice(t, virtualwebauthn.KeyTypeEC2))
		h.configure(idp.WebAuthnConfigurationType{RelyingPartyId: "app.example.com"})
		for range passkey.Limit - 2 {
			d := newDevice(t, virtualwebauthn.KeyTypeEC2)
			d.party = "app.example.com"
			h.register(h.user, d)
		}
		late := newDevice(t, virtualwebauthn.KeyTypeEC2)
		late.party = "app.example.com"
		answer := late.create(h.begin(h.user))
		h.insert(store.Passkey{PoolID: h.pool.ID, Sub: h.user.Sub, ID: "meanwhile"})
		wantCode(t, "completed", h.complete(h.user, answer), idp.CodeLimitExceeded)
		_, err := h.service.Begin(t.Context(), h.pool, h.user, "client")
		wantCode(t, "begun", err, idp.CodeLimitExceeded)
		h.lists()
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

// Checklist item 20: what is wrong with a sign-in is refused, in one and the same words.
func TestVerifyRefuses_Item20(t *testing.T) {
	h := onSQLite(t)
	tests := map[string]func(d *device){
		"another site":            func(d *device) { d.origin = "https://example.com.evil.com" },
		"another relying party":   func(d *device) { d.party = "app.example.com" },
		"in a frame":              setting("crossOrigin", true),
		"below another page":      setting("topOrigin", "https://app.example.com"),
		"another challenge":       setting("challenge", rebase64(make([]byte, 32))),
		"a registration":          setting("type", "webauthn.create"),
		"nobody there":            func(d *device) { d.auth.Options.UserNotPresent = true },
		"another handle":          func(d *device) { d.auth.Options.UserHandle = []byte(h.bob.Sub) },
		"backed up, but not able": func(d *device) { d.auth.Options.BackupState = true },
		"another key":             func(d *device) { d.key.Key = newKey(virtualwebauthn.KeyTypeEC2).Key },
		"another id":              func(d *device) { d.key.ID = []byte("none") },
	}
	for name, change := range tests {
		t.Run(name, func(t *testing.T) {
			d := newDevice(t, virtualwebauthn.KeyTypeEC2)
			h.register(h.user, d)
			id := d.key.ID
			change(d)
			_, err := h.signIn(h.user, d)
			wantDenied(t, name, err)
			if err := h.service.Delete(t.Context(), h.pool, h.user.Sub, rebase64(id)); err != nil {
				t.Fatal(err)
			}
		})
	}
	h.register(h.user, newDevice(t, virtualwebauthn.KeyTypeEC2))
	_, state := h.ask(h.user)
	for _, text := range []string{"", "{", "{}", `"text"`, "null", "[]"} {
		_, err := h.service.Verify(t.Context(), h.pool, h.user, state, []byte(text))
		wantDenied(t, text, err)
	}
}

// TestMeanwhile changes what a sign-in relies on after it began, and after it was verified.
func TestMeanwhile_Item20(t *testing.T) {
	onEngines(t, func(t *testing.T, h *house) {
		d := newDevice(t, virtualwebauthn.KeyTypeEC2)
		h.register(h.user, d)
		begun := func(change func()) error {
			t.Helper()
			options, state := h.ask(h.user)
			change()
			_, err := h.service.Verify(t.Context(), h.pool, h.user, state, d.get(options))
			return err
		}
		wantDenied(t, "another relying party", begun(func() { h.configure(idp.WebAuthnConfigurationType{RelyingPartyId: "example.org"}) }))
		h.configure(idp.WebAuthnConfigurationType{RelyingPartyId: "example.com"})
		wantDenied(t, "passkeys no more", begun(func() { h.allow("PASSWORD") }))
		h.allow("PASSWORD", "WEB_AUTHN")

		one, two := h.verified(d), h.verified(d)
		if err := h.use(two); err != nil {
			t.Error(err)
		}
		wantDenied(t, "the lower count of two", h.use(one))
		wantDenied(t, "used twice", h.use(two))
		gone := h.verified(d)
		if err := h.service.Delete(t.Context(), h.pool, h.user.Sub, rebase64(d.key.ID)); err != nil {
			t.Fatal(err)
		}
		wantDenied(t, "deleted", h.use(gone))
		d.key.Key = newKey(virtualwebauthn.KeyTypeEC2).Key
		h.register(h.user, d)
		wantDenied(t, "registered anew", h.use(gone))
	})
}

// verified is a sign-in that is not used yet.
func (h *house) verified(d *device) *passkey.Assertion {
	h.Helper()
	options, state := h.ask(h.user)
	a, err := h.service.Verify(h.Context(), h.pool, h.user, state, d.get(options))
	if err != nil {
		h.Fatal(detail(err))
	}
	return a
}

// Checklist item 20: a sign count that does not rise is refused, and one that never counts is not.
func TestSignCount_Item20(t *testing.T) {
	h := onSQLite(t)
	d := newDevice(t, virtualwebauthn.KeyTypeEC2)
	d.key.Counter = 7
	h.register(h.user, d)
	for _, count := range []uint32{7, 3, 0} {
		d.key.Counter = count - 1 // get counts up
		_, err := h.signIn(h.user, d)
		wantDenied(t, fmt.Sprint("count ", count), err)
	}
	d.key.Counter = 7
	if _, err := h.signIn(h.user, d); err != nil {
		t.Error(detail(err))
	}
	none := newDevice(t, virtualwebauthn.KeyTypeEC2)
	h.register(h.user, none)
	for range 2 {
		none.key.Counter--
		if _, err := h.signIn(h.user, none); err != nil {
			t.Error(detail(err))
		}
		none.key.Counter = 0
	}
}

// TestBackup signs in with a passkey that is synchronised after its registration, as iCloud's are.
func TestBackup(t *testing.T) {
	onEngines(t, func(t *testing.T, h *house) {
		d := newDevice(t, virtualwebauthn.KeyTypeEC2)
		h.register(h.user, d)
		before := h.row(d).Flags
		d.auth.Options.BackupEligible, d.auth.Options.BackupState = true, true
		for range 2 {
			if _, err := h.signIn(h.user, d); err != nil {
				t.Fatal(detail(err))
			}
		}
		const backup = 0x18 // able, and done
		if after := h.row(d).Flags; before&backup != 0 || after&backup != backup {
			t.Errorf("flags %#x and then %#x", before, after)
		}
		d.auth.Options.BackupEligible = false
		_, err := h.signIn(h.user, d)
		wantDenied(t, "backed up, but not able", err)
	})
}

func TestStoreFails(t *testing.T) {
	h := onSQLite(t)
	d := newDevice(t, virtualwebauthn.KeyTypeEC2)
	h.register(h.user, d)
	options, state := h.ask(h.user)
	h.db.Close()
	_, err := h.service.Verify(context.Background(), h.pool, h.user, state, d.get(options))
	if !errors.Is(err, store.ErrClosed) {
		t.Errorf("a failing store: %v", err)
	}
}

// withAlgorithm answers a registration with a key that says it is for another algorithm.
func withAlgorithm(alg int64) func(d *device, options []byte) []byte {
	return func(d *device, options []byte) []byte {
		return rewrite(d.T, d.create(options), func(_, response map[string]any) {
			object := unbase64(d.T, response["attestationObject"])
			es256 := []byte{0x01, 0x02, 0x03, 0x26} // kty: EC2, alg: -7
			at := bytes.Index(object, es256)
			if at < 0 {
				d.Fatal("no key is found")
			}
			response["attestationObject"] = rebase64(relabel(d.T, object, at+3, alg))
		})
	}
}

// relabel puts another algorithm at a place within the authenticator data of an attestation object.
func relabel(t *testing.T, object []byte, at int, alg int64) []byte {
	t.Helper()
	value, err := webauthncbor.Marshal(alg)
	if err != nil {
		t.Fatal(err)
	}
	var parts map[string]any
	if err := webauthncbor.Unmarshal(object, &parts); err != nil {
		t.Fatal(err)
	}
	data := parts["authData"].([]byte)
	at -= bytes.Index(object, data)
	parts["authData"] = slices.Concat(data[:at], value, data[at+1:])
	out, err := webauthncbor.Marshal(parts)
	if err != nil {
		t.Fatal(err)
	}
	return out
}
