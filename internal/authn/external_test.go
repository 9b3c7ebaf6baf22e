package authn_test

import (
	"errors"
	"testing"

	"cognate/api/idp"
	"cognate/internal/authn"
	"cognate/internal/fault"
	"cognate/internal/store"
)

// TestExternalUsers signs nobody in by a code or a passkey who comes from an identity provider: that alone says who they are.
func TestExternalUsers(t *testing.T) {
	onEngines(t, func(h *house) {
		h.withLinks("")
		u := store.User{PoolID: h.pool.ID, Sub: "6f1c2d3e-4b5a-4c7d-8e9f-0a1b2c3d4e5f", Username: "guild_1", UsernameKey: "guild_1", Status: idp.UserStatusTypeExternalProvider, Enabled: true,
			Attributes: map[string]string{"email": "mary@example.com", "email_verified": "true"}}
		h.must(h.db.Update(t.Context(), func(tx *store.Tx) error { return tx.CreateUser(u) }))
		for _, preferred := range []string{"", "EMAIL_OTP", "PASSWORD", "PASSWORD_SRP", "WEB_AUTHN"} {
			a := &authn.Attempt{Pool: h.pool, Client: h.client, Flow: "USER_AUTH", Parameters: map[string]string{"USERNAME": "guild_1", "PREFERRED_CHALLENGE": preferred}}
			step, err := h.machine.Start(t.Context(), a)
			if f, ok := errors.AsType[*fault.Error](err); !ok || f.Message != "Incorrect username or password." {
				t.Errorf("%q: %+v, %v", preferred, step, err)
			}
		}
	})
}
