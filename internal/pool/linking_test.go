package pool_test

import (
	"testing"

	"cognate/api/idp"
	"cognate/internal/pool"
)

// TestAccountLinking keeps who may link beside what the provider's kind knows, shows it, and takes nothing else for it.
func TestAccountLinking(t *testing.T) {
	db, k := open(t), newKind()
	r := pool.New(db, keyring(t), kinds(k))
	p := create(t, r, &idp.CreateUserPoolRequest{})
	want := func(name, detail, linking string) {
		t.Helper()
		got, err := r.Provider(t.Context(), p, name)
		if err != nil || got.Detail(pool.DetailLinking) != detail || got.Linking(p) != linking {
			t.Errorf("%s: %v says %q, and means %q", name, err, got.Detail(pool.DetailLinking), got.Linking(p))
		}
	}
	createProvider(t, r, p, "none", "OIDC", nil)
	want("none", "", "user")
	for _, who := range []string{"administrator", "user", "verified_email"} {
		made := createProvider(t, r, p, who, "OIDC", map[string]string{"account_linking": who})
		if made.ProviderDetails["account_linking"] != who {
			t.Errorf("shown as %v", made.ProviderDetails)
		}
		want(who, who, who)
	}
	for _, bad := range []string{"", "everybody", "User"} {
		_, err := r.CreateProvider(t.Context(), providerRequest(p, "bad", "OIDC", map[string]string{"account_linking": bad}))
		wantFault(t, err, "InvalidParameterException", "account_linking must be one of administrator, user, verified_email.")
	}
	_, err := r.UpdateProvider(t.Context(), &idp.UpdateIdentityProviderRequest{UserPoolId: p.ID, ProviderName: "user", ProviderDetails: map[string]string{"client_id": "c", "account_linking": "administrator"}})
	if err != nil {
		t.Fatal(err)
	}
	want("user", "administrator", "administrator")
}
