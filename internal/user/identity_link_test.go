package user

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"cognate/api/idp"
	"cognate/internal/store"
)

// verifiedMail maps an address together with whether it is verified.
var verifiedMail = map[string]string{"email": "mail", "email_verified": "verified", "preferred_username": "nick"}

// TestFederateTakesNothingOver lets an attacker sign up with a victim's address before the victim comes through a
// provider, and the other way round: neither gets the other's account, nor its name (checklist 40).
func TestFederateTakesNothingOver(t *testing.T) {
	const address = "victim@example.com"
	pools := map[string]func(*idp.CreateUserPoolRequest){
		"alias": aliases("email", "preferred_username"), "user name": usernames("email"), "neither": nil,
	}
	onEngines(t, func(o *office) {
		for what, change := range pools {
			o.Run(what, func(t *testing.T) {
				o := newOfficeIn(&office{T: t, db: o.db, pools: o.pools, users: o.users, inbox: o.inbox}, change)
				c, p := o.client(nil), o.provider("oidc", "OIDC", verifiedMail)
				name := "attacker"
				if what == "user name" {
					name = address
				}
				local := o.create(name, map[string]string{"email": address, "email_verified": "true"})
				u := o.arrives(c, p, says("1", "mail", address, "verified", "true", "nick", "attacker"))
				if u.Sub == local.Sub || u.Username != "oidc_1" {
					t.Fatalf("the victim has become %s", u.Username)
				}
				if o.find(local.Sub).Attributes[attrIdentities] != "" || o.find(local.Sub).Attributes["email_verified"] != "true" {
					t.Errorf("the local user has become %v", o.find(local.Sub))
				}
				for _, by := range []string{address, "attacker"} {
					if a, err := o.users.SignIn(t.Context(), o.pool, by); err == nil && a.User.Sub != local.Sub {
						t.Errorf("%s means %s now", by, a.User.Username)
					}
				}
			})
		}
	})
}

// TestFederateBeforeSignUp: the address of a user who came through a provider is in the way of nobody who signs up with it
// and proves it (checklist 40).
func TestFederateBeforeSignUp(t *testing.T) {
	const address = "ann@example.com"
	onEngines(t, func(o *office) {
		for what, change := range map[string]func(*idp.CreateUserPoolRequest){"alias": aliases("email"), "user name": usernames("email")} {
			o := newOfficeIn(o, change)
			c, p := o.client(nil), o.provider("oidc", "OIDC", mail)
			u := o.arrives(c, p, says("1", "mail", address)) // not verified
			if a, err := o.users.SignIn(t.Context(), o.pool, address); err == nil {
				t.Errorf("%s: an address that is not verified means %s", what, a.User.Username)
			}
			name := map[string]string{"alias": "ann", "user name": address}[what]
			local := o.create(name, map[string]string{"email": address, "email_verified": "true"})
			if a, err := o.users.SignIn(t.Context(), o.pool, address); err != nil || a.User.Sub != local.Sub {
				t.Errorf("%s: the address means %s, %v", what, a.User.Username, err)
			}
			// With a password, the one from the provider signs in by its user name.
			o.must(o.setPassword(u.Username, good, true))
			if right, _ := o.signsIn(u.Username, good); !right || o.find(u.Sub).Status != "CONFIRMED" {
				t.Errorf("%s: %s cannot sign in by a password", what, u.Username)
			}
			if again := o.arrives(c, p, says("1", "mail", address)); again.Sub != u.Sub || again.Status != "CONFIRMED" {
				t.Errorf("%s: the same subject is %s now", what, again.Username)
			}
			// Whoever signs in by an address keeps it when the provider tells of one that is taken, or of none.
			o.must(o.link(local.Username, "oidc", cognitoSubject, "2"))
			other := o.create(map[string]string{"alias": "bob", "user name": "bob@example.com"}[what], map[string]string{"email": "bob@example.com"})
			if what == "user name" {
				o.has(o.arrives(c, p, says("2", "mail", other.Attributes["email"])), map[string]string{"email": address, "email_verified": "true"})
				o.has(o.arrives(c, p, says("2", "mail", "")), map[string]string{"email": address, "email_verified": "true"})
			}
			o.arrives(c, p, says("2", "mail", "free@example.com"))
			a, err := o.users.SignIn(t.Context(), o.pool, "free@example.com")
			if got := err == nil && a.User.Sub == local.Sub; got != (what == "user name") {
				t.Errorf("%s: the new address means %s, %v", what, a.User.Username, err)
			}
		}
	})
}

// link links an identity to a local user.
func (o *office) link(user, provider, attribute, value string) error {
	return o.linkTo("Cognito", user, provider, attribute, value)
}

func (o *office) linkTo(to, user, provider, attribute, value string) error {
	p, err := o.pools.Provider(o.Context(), o.pool, provider)
	if err != nil {
		p = nil
	}
	return o.users.Link(o.Context(), o.pool, p, &idp.AdminLinkProviderForUserRequest{
		DestinationUser: &idp.ProviderUserIdentifierType{ProviderName: to, ProviderAttributeValue: user},
		SourceUser:      &idp.ProviderUserIdentifierType{ProviderName: provider, ProviderAttributeName: attribute, ProviderAttributeValue: value},
	})
}

func (o *office) unlink(provider, attribute, value string) error {
	return o.users.Unlink(o.Context(), o.pool, &idp.AdminDisableProviderForUserRequest{
		User: &idp.ProviderUserIdentifierType{ProviderName: provider, ProviderAttributeName: attribute, ProviderAttributeValue: value},
	})
}

// TestLink signs a local user in by a link to its e-mail address at a provider, which becomes one to the subject.
func TestLink(t *testing.T) {
	onEngines(t, func(o *office) {
		o = newOfficeIn(o, nil)
		c, p := o.client(nil), o.provider("saml", "SAML", mail)
		ann := o.create("ann", map[string]string{"email": "ann@example.com"})
		o.must(o.link("ann", "saml", "email", "a@idp.example"))
		wantFault(t, o.link("ann", "saml", "email", "a@idp.example"), "InvalidParameterException", "SourceUser is already linked to DestinationUser")
		if got := o.find("ann").Attributes[attrIdentities]; !strings.Contains(got, `"userId":"a@idp.example","providerName":"saml","providerType":"SAML","issuer":null,"primary":false`) {
			t.Errorf("linked %s", got)
		}
		stranger := o.arrives(c, p, says("s0", "mail", "A@idp.example")) // compared to the letter
		if stranger.Sub == ann.Sub {
			t.Error("another address is the linked one")
		}
		for _, odd := range []string{"a\x00", "\xff"} {
			o.refuses(c, p, says("s9", "mail", odd), "Invalid user attributes: email: Value is not a text\n ")
		}
		first := says("s1", "mail", "a@idp.example", "name", "Ann")
		first.Issuer = "https://idp"
		u := o.arrives(c, p, first)
		if u.Sub != ann.Sub || u.Username != "ann" || u.Status != ann.Status || len(o.groupsOf("ann", 9)) > 0 {
			t.Errorf("the linked user is %+v", u)
		}
		o.has(u, map[string]string{"email": "a@idp.example", "email_verified": "false", "name": "Ann"})
		if got := u.Attributes[attrIdentities]; !strings.Contains(got, `"userId":"s1","providerName":"saml","providerType":"SAML","issuer":"https://idp","primary":false`) {
			t.Errorf("after a sign-in it is linked %s", got)
		}
		if other := o.arrives(c, p, says("s2", "mail", "a@idp.example")); other.Sub == ann.Sub {
			t.Error("the address is linked to two subjects")
		}
		if got := o.arrives(c, p, says("s1", "mail", "b@idp.example")); got.Sub != ann.Sub {
			t.Error("the subject is not linked")
		}

		wantFault(t, o.unlink("saml", "email", "a@idp.example"), "UserNotFoundException", "User does not exist.")
		o.must(o.unlink("saml", cognitoSubject, "s1"))
		if got, there := o.find("ann").Attributes[attrIdentities]; there {
			t.Errorf("still linked %s", got)
		}
		if got := o.arrives(c, p, says("s1")); got.Sub == ann.Sub || got.Username != "saml_s1" {
			t.Errorf("who is not linked any more is %s", got.Username)
		}
		// Without the identity that it was made for, a user cannot come back.
		o.must(o.unlink("saml", cognitoSubject, "s1"))
		o.refuses(c, p, says("s1"), "Already found an entry for username saml_s1")
	})
}

// TestLinkRefuses goes through what cannot be linked, or unlinked.
func TestLinkRefuses(t *testing.T) {
	onEngines(t, func(o *office) {
		o = newOfficeIn(o, func(in *idp.CreateUserPoolRequest) {
			in.Schema = []*idp.SchemaAttributeType{{Name: "fixed", AttributeDataType: "String", Mutable: new(false)}}
		})
		c, google, p := o.client(nil), o.provider("Google", "Google", mail), o.provider("oidc", "OIDC", mail)
		o.create("ann", nil)
		o.create("bob", nil)
		o.create("fixed", map[string]string{"custom:fixed": "f"})
		o.arrives(c, google, says("g1"))
		o.must(o.link("ann", "oidc", cognitoSubject, "1"))
		o.must(o.linkTo("Google", "g1", "oidc", cognitoSubject, "9")) // a federated destination
		if got := o.arrives(c, p, says("9")); got.Username != "Google_g1" {
			t.Errorf("signed in as %s", got.Username)
		}
		for _, test := range []struct {
			to, user, provider, attribute, value string
			code, text                           string
		}{
			{"Cognito", "ann", "oidc", cognitoSubject, "1", "InvalidParameterException", "SourceUser is already linked to DestinationUser"},
			{"Cognito", "bob", "oidc", cognitoSubject, "1", "AliasExistsException", "SourceUser is already linked to another DestinationUser"},
			{"Cognito", "bob", "Google", cognitoSubject, "g1", "InvalidParameterException", "Merging is not currently supported, provide a SourceUser that has not been signed up in order to link"},
			{"Cognito", "bob", "Cognito", cognitoSubject, "ann", "InvalidParameterException", errLocalSource.Error()[len("InvalidParameterException: "):]},
			{"Cognito", "nobody", "oidc", cognitoSubject, "2", "UserNotFoundException", "User does not exist."},
			{"Google", "nobody", "oidc", cognitoSubject, "2", "UserNotFoundException", "User does not exist."},
			{"Cognito", "bob", "none", cognitoSubject, "2", "ResourceNotFoundException", "Identity provider none does not exist."},
			{"Cognito", "bob", "Google", "email", "2", "InvalidParameterException", "Invalid SourceUser: ProviderAttributeName must be Cognito_Subject for a social identity provider."},
			{"Cognito", "bob", "oidc", "nickname", "2", "InvalidParameterException", "Invalid SourceUser: the attribute nickname is not mapped."},
			{"Cognito", "bob", "oidc", "username", "2", "InvalidParameterException", "Invalid SourceUser: the attribute username is not mapped."},
			{"Cognito", "bob", "oidc", "email", "", "InvalidParameterException", "Invalid SourceUser: ProviderName, ProviderAttributeName and ProviderAttributeValue are required."},
			{"Cognito", "bob", "oidc", "email", strings.Repeat("x", 513), "InvalidParameterException", "Invalid SourceUser: ProviderAttributeValue must be no longer than 512 characters."},
			{"", "bob", "oidc", "email", "x", "InvalidParameterException", "Invalid DestinationUser: ProviderName and ProviderAttributeValue are required."},
			{"Cognito", "fixed", "oidc", "email", "x", "InvalidParameterException", "Invalid DestinationUser: custom:fixed: Attribute cannot be updated."},
		} {
			wantFault(t, o.linkTo(test.to, test.user, test.provider, test.attribute, test.value), test.code, test.text)
		}
		if got := o.find("bob").Attributes[attrIdentities]; got != "" {
			t.Errorf("bob is linked %s", got)
		}
		wantFault(t, o.unlink("oidc", cognitoSubject, "none"), "UserNotFoundException", "User does not exist.")
		wantFault(t, o.unlink("none", cognitoSubject, "1"), "ResourceNotFoundException", "Identity provider none does not exist.")
		wantFault(t, o.unlink("oidc", "", "1"), "InvalidParameterException", "Invalid User: ProviderName, ProviderAttributeName and ProviderAttributeValue are required.")
		wantFault(t, o.unlink("Cognito", "email", "ann"), "InvalidParameterException", "Invalid User: ProviderAttributeName must be Cognito_Subject for a Cognito user.")
		wantFault(t, o.unlink("Cognito", cognitoSubject, "nobody"), "UserNotFoundException", "User does not exist.")
	})
}

// TestLinkLimits: a user has 5 identities, and a provider is linked by 5 attributes.
func TestLinkLimits(t *testing.T) {
	onEngines(t, func(o *office) {
		o = newOfficeIn(o, nil)
		mapping := map[string]string{}
		names := []string{"email", "family_name", "given_name", "name", "nickname", "profile"}
		for _, name := range names {
			mapping[name] = name
		}
		o.provider("oidc", "OIDC", mapping)
		o.create("ann", nil)
		for i, name := range names {
			o.create(fmt.Sprint("user", i), nil)
			if err := o.link(fmt.Sprint("user", i), "oidc", name, "x"); i < 5 {
				o.must(err)
			} else {
				wantFault(t, err, "LimitExceededException", "The limit of 5 source attributes of an identity provider is reached.")
			}
			if err := o.link("ann", "oidc", cognitoSubject, fmt.Sprint(i)); i < 5 {
				o.must(err)
			} else {
				wantFault(t, err, "LimitExceededException", "The limit of 5 identities of a user is reached.")
			}
		}
	})
}

// TestFederatedPassword: who comes from a provider has no password, and gets none but from an administrator.
func TestFederatedPassword(t *testing.T) {
	onEngines(t, func(o *office) {
		o = newOfficeIn(o, nil)
		c, p := o.client(nil), o.provider("oidc", "OIDC", verifiedMail)
		u := o.arrives(c, p, says("1", "mail", "ann@example.com", "verified", "true"))
		me := Self{Pool: o.pool, Client: c, User: u}
		wantFault(t, o.users.ChangePassword(t.Context(), me, "", good), "NotAuthorizedException", "User password cannot be reset in the current state.")
		_, err := o.users.ForgotPassword(t.Context(), o.pool, c, &idp.ForgotPasswordRequest{Username: u.Username})
		wantFault(t, err, "NotAuthorizedException", "User password cannot be reset in the current state.")
		wantFault(t, o.users.AdminResetPassword(t.Context(), o.pool, u.Username, nil), "NotAuthorizedException", "User password cannot be reset in the current state.")
		if right, _ := o.signsIn(u.Username, ""); right {
			t.Error("an empty password is right")
		}
		o.must(o.setPassword(u.Username, good, true))
		if right, _ := o.signsIn(u.Username, good); !right || o.find(u.Sub).Status != "CONFIRMED" {
			t.Error("the administrator's password is wrong")
		}

		// A local user whose password is taken away comes through the linked provider alone.
		bob := o.create("bob", map[string]string{"email": "bob@example.com", "email_verified": "true"})
		o.must(o.setPassword("bob", good, true))
		o.must(o.link("bob", "oidc", cognitoSubject, "2"))
		o.must(o.unlink("Cognito", cognitoSubject, "bob"))
		if right, _ := o.signsIn("bob", good); right {
			t.Error("a password that was taken away is right")
		}
		_, err = o.users.ForgotPassword(t.Context(), o.pool, c, &idp.ForgotPasswordRequest{Username: "bob"})
		wantFault(t, err, "NotAuthorizedException", "User password cannot be reset in the current state.")
		if got := o.arrives(c, p, says("2")); got.Sub != bob.Sub || got.Status != "EXTERNAL_PROVIDER" {
			t.Errorf("bob is %s, %s", got.Username, got.Status)
		}
	})
}

// TestFederatedGone deletes what a user and its identities belong to.
func TestFederatedGone(t *testing.T) {
	onEngines(t, func(o *office) {
		o = newOfficeIn(o, nil)
		c, p := o.client(nil), o.provider("oidc", "OIDC", mail)
		u := o.arrives(c, p, says("1"))
		o.must(o.users.AdminDelete(t.Context(), o.pool, u.Username))
		again := o.arrives(c, p, says("1"))
		if again.Sub == u.Sub || again.Username != u.Username {
			t.Errorf("%v after %v", again, u)
		}
		o.must(o.users.DeleteGroup(t.Context(), o.pool, p.Group()))
		if u := o.arrives(c, p, says("2")); len(o.groupsOf(u.Username, 9)) != 0 {
			t.Error("in a group that is deleted")
		}
		o.must(o.pools.DeleteProvider(t.Context(), o.pool.ID, "oidc"))
		if _, err := o.pools.Provider(t.Context(), o.pool, "oidc"); err == nil {
			t.Error("a deleted provider is there")
		}
		o.must(o.db.View(t.Context(), func(tx *store.Tx) error {
			rows, err := tx.ListIdentities(o.pool.ID, again.Sub, 9)
			if !slices.ContainsFunc(rows, func(i store.Identity) bool { return i.Value == "1" && i.Own }) {
				t.Errorf("identities: %v", rows)
			}
			return err
		}))
	})
}

// TestNamesOfProviders keeps people who sign up from taking the name of somebody who will come from a provider. Who has an address
// that looks like one is not in the way.
func TestNamesOfProviders(t *testing.T) {
	const refused = "Username cannot begin with the name of an identity provider and an underscore."
	onEngines(t, func(o *office) {
		for what, change := range map[string]func(*idp.CreateUserPoolRequest){"cases count": nil, "cases do not": folding} {
			o := newOfficeIn(o, change)
			c, p := o.client(nil), o.provider("Guild", "OIDC", mail)
			names := map[string]bool{"Guild_1": true, "Guild_": true, "Guild": false, "Guil_d": false, "xGuild_1": false, "guild_1": what == "cases do not"}
			for name, taken := range names {
				_, err := o.signUp(c, name, nil)
				if !taken && err != nil {
					t.Errorf("%s: %s: %v", what, name, err)
				} else if taken {
					wantFault(t, err, "InvalidParameterException", refused)
				}
			}
			o.create("Guild_set", nil) // an administrator may
			o.arrives(c, p, says("1"))
		}
		o = newOfficeIn(o, func(in *idp.CreateUserPoolRequest) { usernames("email")(in); folding(in) })
		c, p := o.client(nil), o.provider("Guild", "OIDC", nil)
		if _, err := o.signUp(c, "guild_kim@example.com", nil); err != nil {
			t.Error(err)
		}
		if u := o.arrives(c, p, says("kim@example.com")); u.Username != "guild_kim@example.com" {
			t.Errorf("made %s", u.Username)
		}
	})
}
