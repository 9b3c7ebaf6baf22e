package identitypool_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"cognate/api/identity"
	"cognate/internal/credential"
	"cognate/internal/credential/credentialtest"
	"cognate/internal/credential/sts"
	"cognate/internal/fault"
	"cognate/internal/identitypool"
	"cognate/internal/store"
	"cognate/internal/store/storetest/engines"
)

// openHouse is a house whose identity pool has roles, guests and users of the developer's.
func openHouse(t *testing.T, db *store.DB) *house {
	h := newHouse(t, db, "self")
	_, err := h.identities.Update(h.ctx, &identity.IdentityPool{
		IdentityPoolId: h.id, IdentityPoolName: "i", AllowUnauthenticatedIdentities: true, DeveloperProviderName: "login.example",
		CognitoIdentityProviders: []*identity.CognitoIdentityProvider{{ProviderName: h.key, ClientId: h.grant.Client.ID}},
	})
	h.must(err)
	h.must(h.identities.SetRoles(h.ctx, &identity.SetIdentityPoolRolesInput{
		IdentityPoolId: h.id, Roles: map[string]string{"authenticated": credentialtest.Role, "unauthenticated": credentialtest.Role},
	}))
	return h
}

func (h *house) credentials(id string, logins map[string]string) (*identity.GetCredentialsForIdentityResponse, error) {
	return h.identities.Credentials(h.ctx, &identity.GetCredentialsForIdentityInput{IdentityId: id, Logins: logins})
}

// TestCredentialsSignNothing: this server's own broker needs no token of the identity, whose key is thus never made.
func TestCredentialsSignNothing(t *testing.T) {
	db := engines.Memory(t)
	h := openHouse(t, db)
	login := h.signIn().ID
	id, err := h.getID(login)
	h.must(err)
	_, err = h.credentials(id, map[string]string{h.key: login})
	h.must(err)
	err = db.View(h.ctx, func(tx *store.Tx) error { _, err := tx.GetOpenIDKey("us-east-1-1"); return err })
	if !errors.Is(err, store.ErrNotFound) {
		t.Errorf("the key of tokens: %v", err)
	}
}

// TestUsualPool: what nobody has asked for is off: guests, the basic flow, roles; and a login is for the provider and the
// app that the pool names (checklist 57).
func TestUsualPool(t *testing.T) {
	h := newHouse(t, engines.Memory(t), "self")
	made, err := h.identities.Create(h.ctx, "us-east-1", &identity.CreateIdentityPoolInput{IdentityPoolName: "usual",
		CognitoIdentityProviders: []*identity.CognitoIdentityProvider{{ProviderName: h.key, ClientId: "another app"}}})
	h.must(err)
	refused := func(what string, err error, want string) {
		t.Helper()
		if err == nil || err.Error() != want {
			t.Errorf("%s: %v, want %s", what, err, want)
		}
	}
	_, err = h.identities.GetID(h.ctx, made.IdentityPoolId, nil)
	refused("a guest", err, "NotAuthorizedException: Unauthenticated access is not supported for this identity pool.")
	login := map[string]string{h.key: h.signIn().ID}
	_, err = h.identities.GetID(h.ctx, made.IdentityPoolId, login)
	refused("another app", err, "NotAuthorizedException: Token is not from a supported provider of this identity pool.")
	_, err = h.identities.GetID(h.ctx, made.IdentityPoolId, map[string]string{"idp.example": login[h.key]})
	refused("another provider", err, "NotAuthorizedException: Logins don't match. Please include at least one valid login for this identity or identity pool.")
	id, err := h.getID(login[h.key])
	h.must(err)
	_, err = h.identities.OpenIDToken(h.ctx, &identity.GetOpenIdTokenInput{IdentityId: id, Logins: login})
	refused("the basic flow", err, "InvalidParameterException: Basic (classic) flow is not enabled, please use enhanced flow.")
	_, err = h.credentials(id, login)
	refused("a role", err, "InvalidIdentityPoolConfigurationException: Invalid identity pool configuration. Check assigned IAM roles for this pool.")
}

// TestReads counts what is read of the store for a user who has come before: one look-up by a key, as the plans in the
// store's own tests show.
func TestReads(t *testing.T) {
	db := engines.Memory(t)
	h := openHouse(t, db)
	login := h.signIn().ID
	id, err := h.getID(login)
	h.must(err)
	_, err = h.credentials(id, map[string]string{h.key: login})
	h.must(err)
	var statements []string
	db.Trace(func(query string, _ []any) { statements = append(statements, query) })
	_, err = h.getID(login)
	h.must(err)
	if len(statements) != 1 { // the login; the pool is in memory
		t.Errorf("GetId reads %q", statements)
	}
	statements = nil
	_, err = h.credentials(id, map[string]string{h.key: login})
	h.must(err)
	if len(statements) != 1 { // the identity with its logins
		t.Errorf("GetCredentialsForIdentity reads %q", statements)
	}
}

// TestDeveloperTokenExpires wants the developer's token to be good for as long as the developer has said, and not longer.
func TestDeveloperTokenExpires(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := openHouse(t, engines.Memory(t))
		made, err := h.identities.DeveloperToken(h.ctx, &identity.GetOpenIdTokenForDeveloperIdentityInput{
			IdentityPoolId: h.id, Logins: map[string]string{"login.example": "ann"}, TokenDuration: new(int64(60)),
		})
		h.must(err)
		expires := time.Now().Add(time.Minute)
		own := map[string]string{"cognito-identity.amazonaws.com": made.Token}
		time.Sleep(time.Until(expires) - time.Second)
		_, err = h.credentials(made.IdentityId, own)
		h.must(err)
		time.Sleep(time.Second)
		want := fmt.Sprintf("NotAuthorizedException: Invalid login token. Token expired: %d >= %d", expires.Unix(), expires.Unix())
		if _, err := h.credentials(made.IdentityId, own); err == nil || err.Error() != want {
			t.Errorf("at its end: %v", err)
		}
	})
}

// TestCredentialsOfSTS has another service give the credentials, and tells what that refuses from what it fails at.
func TestCredentialsOfSTS(t *testing.T) {
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	db := engines.Memory(t)
	h := openHouse(t, db)
	keys := httptest.NewServer(http.NotFoundHandler()) // it believes nobody
	defer keys.Close()
	service := credentialtest.NewService(t, keys.URL)
	broker, err := sts.New(sts.Config{Endpoint: service.URL})
	h.must(err)
	h.identities = identitypool.New(db, h.tokens, broker, "000000000000")
	id, err := h.identities.GetID(h.ctx, h.id, nil)
	h.must(err)
	refused := func(what, code, text string, cause error) {
		t.Helper()
		_, err := h.credentials(id, nil)
		f, ok := errors.AsType[*fault.Error](err)
		if !ok || f.Code != code || f.Message != text || !errors.Is(err, cause) {
			t.Errorf("%s: %v", what, err)
		}
	}
	const roles = "Invalid identity pool configuration. Check assigned IAM roles for this pool."
	refused("a token that is not believed", identity.CodeInvalidIdentityPoolConfiguration, roles, credential.ErrRefused)
	service.Break(credentialtest.Fail(403, "AccessDenied", "Not authorized to perform sts:AssumeRoleWithWebIdentity"))
	refused("a role that is not for us", identity.CodeInvalidIdentityPoolConfiguration, roles, credential.ErrRefused)
	service.Break(credentialtest.Fail(500, "InternalFailure", ""))
	refused("a failure", identity.CodeExternalService, "The service that gives credentials is not available.", credential.ErrUnavailable)
}
