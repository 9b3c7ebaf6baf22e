package passkey_test

import (
	"bytes"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/descope/virtualwebauthn"
	"github.com/go-webauthn/webauthn/protocol/webauthncbor"

	"cognate/api/idp"
	"cognate/internal/passkey"
	"cognate/internal/store"
)

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
