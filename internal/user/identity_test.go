package user

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"cognate/api/idp"
	"cognate/internal/federation"
	"cognate/internal/pool"
	"cognate/internal/store"
)

// plainKind is a kind of provider that takes all details. Nobody signs in through it: the tests bring assertions.
type plainKind struct{ federation.Provider }

func (plainKind) Check(_ context.Context, details map[string]string) (map[string]string, error) {
	return details, nil
}

func (k plainKind) Open(federation.Settings) (federation.Provider, error) { return k, nil }

var providerKinds = map[string]federation.Kind{
	idp.IdentityProviderTypeTypeSaml: plainKind{}, idp.IdentityProviderTypeTypeOidc: plainKind{}, idp.IdentityProviderTypeTypeGoogle: plainKind{},
}

// mail maps what the tests' providers tell.
var mail = map[string]string{"email": "mail", "name": "name"}

// provider makes a provider of the office's pool.
func (o *office) provider(name, kind string, mapping map[string]string) *pool.Provider {
	o.Helper()
	_, err := o.pools.CreateProvider(o.Context(), &idp.CreateIdentityProviderRequest{
		UserPoolId: o.pool.ID, ProviderName: name, ProviderType: kind, AttributeMapping: mapping, ProviderDetails: map[string]string{"client_id": "x"},
	})
	o.must(err)
	p, err := o.pools.Provider(o.Context(), o.pool, name)
	o.must(err)
	return p
}

// says is an assertion of a subject with claims, which come in pairs.
func says(subject string, claims ...string) *federation.Assertion {
	a := &federation.Assertion{Subject: subject, Claims: federation.Claims{}}
	for pair := range slices.Chunk(claims, 2) {
		a.Claims[pair[0]] = append(a.Claims[pair[0]], pair[1])
	}
	return a
}

// arrives signs in through a provider.
func (o *office) arrives(c *pool.Client, p *pool.Provider, a *federation.Assertion) store.User {
	o.Helper()
	u, err := o.users.Federate(o.Context(), o.pool, c, p, a)
	o.must(err)
	if stored := o.find(u.Sub); !maps.Equal(stored.Attributes, u.Attributes) || stored.Status != u.Status {
		o.Errorf("Federate returned %v, but stored is %v", u, stored)
	}
	return u
}

// refuses wants a sign-in through a provider to fail.
func (o *office) refuses(c *pool.Client, p *pool.Provider, a *federation.Assertion, text string) {
	o.Helper()
	_, err := o.users.Federate(o.Context(), o.pool, c, p, a)
	f, ok := errors.AsType[*federation.Error](err)
	if !ok || f.Code != "invalid_request" || f.Description != text {
		o.Errorf("got %v\nwant %q", err, text)
	}
}

// has wants a user's attributes, without identities, to be these.
func (o *office) has(u store.User, want map[string]string) {
	o.Helper()
	got := maps.Clone(u.Attributes)
	delete(got, attrIdentities)
	if !maps.Equal(got, want) {
		o.Errorf("%s has %v, want %v", u.Username, got, want)
	}
}

func folding(in *idp.CreateUserPoolRequest) {
	in.UsernameConfiguration = &idp.UsernameConfigurationType{CaseSensitive: false}
}

// TestFederate makes a user at the first sign-in and finds it at the next.
func TestFederate(t *testing.T) {
	onEngines(t, func(o *office) {
		o = newOfficeIn(o, folding)
		c, saml := o.client(nil), o.provider("MySAML", "SAML", mail)
		a := says("Ann@Example.com", "mail", "Ann@Example.com", "name", "Ann")
		a.Issuer = "https://idp.example"
		u := o.arrives(c, saml, a)
		if u.Username != "mysaml_ann@example.com" || u.Status != "EXTERNAL_PROVIDER" || !u.Enabled {
			t.Errorf("made %+v", u)
		}
		o.has(u, map[string]string{"email": "ann@example.com", "email_verified": "false", "name": "Ann"})
		want := fmt.Sprintf(`[{"userId":"Ann@Example.com","providerName":"MySAML","providerType":"SAML","issuer":"https://idp.example","primary":true,"dateCreated":%d}]`,
			u.Created.UnixMilli())
		if got := u.Attributes[attrIdentities]; got != want {
			t.Errorf("identities\n%s, want\n%s", got, want)
		}
		if got := o.groupsOf(u.Username, 9); !slices.Equal(got, []string{o.pool.ID + "_MySAML"}) {
			t.Errorf("groups: %v", got)
		}

		// A name that is not told stays, a blank one goes.
		next := says("Ann@Example.com", "mail", "new@example.com")
		next.Issuer = a.Issuer
		same := o.arrives(c, saml, next)
		if same.Sub != u.Sub {
			t.Fatalf("the same subject is another user")
		}
		o.has(same, map[string]string{"email": "new@example.com", "email_verified": "false", "name": "Ann"})
		next.Claims["name"] = []string{""}
		o.has(o.arrives(c, saml, next), map[string]string{"email": "new@example.com", "email_verified": "false"})
		next.Claims["name"] = []string{"Ann B", "a*~ü"}
		o.has(o.arrives(c, saml, next), map[string]string{"email": "new@example.com", "email_verified": "false", "name": "[Ann+B,a*%7E%C3%BC]"})
		next.Issuer = "https://new.example"
		if got := o.arrives(c, saml, next).Attributes[attrIdentities]; !strings.Contains(got, `"issuer":"https://new.example"`) {
			t.Errorf("identities with an old issuer: %s", got)
		}

		o.refuses(c, saml, says("ann@example.com"), "Already found an entry for username mysaml_ann@example.com")
		o.must(o.users.AdminDisable(t.Context(), o.pool, u.Username))
		o.refuses(c, saml, next, "User is not enabled")
		o.refuses(c, saml, says("a\x00"), "The subject that the provider names cannot be that of a user.")
		o.refuses(c, saml, says("\xff"), "The subject that the provider names cannot be that of a user.")
		o.refuses(c, saml, says(strings.Repeat("x", 513)), "The subject that the provider names cannot be that of a user.")
		o.refuses(c, saml, says(strings.Repeat("x", 122)), "Invalid user attributes: username: String must be no longer than 128 characters\n ")
		o.arrives(c, saml, says(strings.Repeat("x", 121)))
	})
}

// TestFederateTogether makes one user of sign-ins at the same time.
func TestFederateTogether(t *testing.T) {
	onEngines(t, func(o *office) {
		o = newOfficeIn(o, nil)
		c, google := o.client(nil), o.provider("Google", "Google", nil)
		subs := make([]string, 8)
		var all sync.WaitGroup
		for i := range subs {
			all.Go(func() { subs[i] = o.arrives(c, google, says("1122")).Sub })
		}
		all.Wait()
		if len(slices.Compact(subs)) != 1 {
			t.Errorf("made %v", subs)
		}
		if u := o.find("Google_1122"); !strings.Contains(u.Attributes[attrIdentities], `"issuer":null`) {
			t.Errorf("identities: %s", u.Attributes[attrIdentities])
		}
	})
}

// TestFederateOnce uses an assertion once, also when it comes twice at the same time (checklist 49). One that fails is not
// used up.
func TestFederateOnce(t *testing.T) {
	onEngines(t, func(o *office) {
		o = newOfficeIn(o, required("email"))
		c, saml := o.client(nil), o.provider("MySAML", "SAML", mail)
		a := says("ann")
		a.Once, a.Until = "_1", time.Now().Add(time.Minute)
		o.refuses(c, saml, a, "attributes required: [email]")
		a.Claims["mail"] = []string{"ann@example.com"}
		errs := make([]error, 6)
		var all sync.WaitGroup
		for i := range errs {
			all.Go(func() { _, errs[i] = o.users.Federate(t.Context(), o.pool, c, saml, a) })
		}
		all.Wait()
		failed := slices.DeleteFunc(errs, func(err error) bool { return err == nil })
		if len(failed) != 5 {
			t.Errorf("%d of 6 failed", len(failed))
		}
		for _, err := range failed {
			if _, ok := errors.AsType[*federation.Error](err); !ok {
				t.Error(err)
			}
		}
		o.refuses(c, saml, a, "Invalid SAML response received: The assertion has been used already. ")
	})
}

func required(names ...string) func(*idp.CreateUserPoolRequest) {
	return func(in *idp.CreateUserPoolRequest) {
		for _, name := range names {
			in.Schema = append(in.Schema, &idp.SchemaAttributeType{Name: name, Required: new(true), Mutable: new(true)})
		}
	}
}

// TestFederateAttributes applies the rules of attributes, in the words of the protocol page.
func TestFederateAttributes(t *testing.T) {
	onEngines(t, func(o *office) {
		o = newOfficeIn(o, func(in *idp.CreateUserPoolRequest) {
			required("email", "name")(in)
			in.Schema = append(in.Schema, &idp.SchemaAttributeType{Name: "fixed", AttributeDataType: "String", Mutable: new(false)},
				&idp.SchemaAttributeType{Name: "short", AttributeDataType: "String", Mutable: new(true), StringAttributeConstraints: &idp.StringAttributeConstraintsType{MaxLength: "3"}})
		})
		c := o.client(func(in *idp.CreateUserPoolClientRequest) {
			in.WriteAttributes = []string{"custom:fixed", "custom:short"}
		})
		p := o.provider("oidc", "OIDC", map[string]string{
			"email": "email", "email_verified": "email_verified", "name": "name", "custom:fixed": "fixed", "custom:short": "short", "nickname": "nick",
		})
		o.refuses(c, p, says("ann"), "attributes required: [email, name]")
		o.refuses(c, p, says("ann", "email", "ann@example.com", "name", ""), "attributes required: [name]")
		o.refuses(c, p, says("ann", "email", "nobody", "name", "Ann", "short", "long"),
			"Invalid user attributes: custom:short: String must be no longer than 3 characters\n email: Invalid email address format.\n ")
		o.refuses(c, p, says("ann", "email", "a@b.c", "name", "x\x00"), "Invalid user attributes: name: Value is not a text\n ")

		told := []string{"email", "ann@example.com", "name", "Ann", "nick", "A", "fixed", "f", "email_verified", "True"}
		u := o.arrives(c, p, says("ann", told...)) // the client may not write the nickname
		o.has(u, map[string]string{"email": "ann@example.com", "email_verified": "true", "name": "Ann", "custom:fixed": "f"})
		before := o.arrives(c, p, says("ann", told...))
		if !before.Modified.Equal(o.find(u.Sub).Modified) || !before.Modified.Truncate(time.Millisecond).Equal(u.Modified.Truncate(time.Millisecond)) {
			t.Error("a sign-in that changes nothing has written")
		}
		o.refuses(c, p, says("ann", "fixed", "g"), "Invalid user attributes: custom:fixed: Attribute cannot be updated.\n ")
		o.refuses(c, p, says("ann", "name", ""), "attributes required: [name]")
		o.has(o.find(u.Sub), map[string]string{"email": "ann@example.com", "email_verified": "true", "name": "Ann", "custom:fixed": "f"})

		// The word that an address is verified is for the address it comes with.
		o.has(o.arrives(c, p, says("ann", "email", "new@example.com")),
			map[string]string{"email": "new@example.com", "email_verified": "false", "name": "Ann", "custom:fixed": "f"})
		if got := o.arrives(c, p, says("ann", "email_verified", "true")); got.Attributes["email_verified"] != "false" {
			t.Error("an address is verified that the provider did not name")
		}
		if got := o.arrives(c, p, says("ann", "email", "new@example.com", "email_verified", "true")); got.Attributes["email_verified"] != "true" {
			t.Error("an address is not verified")
		}
		if got := o.arrives(c, p, says("ann", "email", "newer@example.com", "email_verified", "true")); got.Attributes["email_verified"] != "true" {
			t.Error("a new address is not verified")
		}
	})
}
