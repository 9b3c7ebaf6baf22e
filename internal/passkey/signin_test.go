package passkey_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/descope/virtualwebauthn"

	"cognate/api/idp"
	"cognate/internal/passkey"
	"cognate/internal/store"
)

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
		_, err := h.service.Verify(t.Context(), h.pool, h.read(h.user), state, []byte(text))
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
			_, err := h.service.Verify(t.Context(), h.pool, h.read(h.user), state, d.get(options))
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
		wantDenied(t, "deleted before the answer", begun(func() {
			if err := h.service.Delete(t.Context(), h.pool, h.user.Sub, rebase64(d.key.ID)); err != nil {
				t.Fatal(err)
			}
		}))
	})
}

// verified is a sign-in that is not used yet.
func (h *house) verified(d *device) *passkey.Assertion {
	h.Helper()
	options, state := h.ask(h.user)
	a, err := h.service.Verify(h.Context(), h.pool, h.read(h.user), state, d.get(options))
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
	h.db.Close()
	if _, err := h.service.Begin(context.Background(), h.pool, h.user, "client"); !errors.Is(err, store.ErrClosed) {
		t.Errorf("a failing store: %v", err)
	}
}
