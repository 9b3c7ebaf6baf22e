package user

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"cognate/api/idp"
	"cognate/internal/pool"
)

// linking makes a provider whose details say who may link its identities.
func (o *office) linking(name, who string) *pool.Provider {
	o.Helper()
	_, err := o.pools.CreateProvider(o.Context(), &idp.CreateIdentityProviderRequest{
		UserPoolId: o.pool.ID, ProviderName: name, ProviderType: "OIDC", AttributeMapping: verifiedMail,
		ProviderDetails: map[string]string{"client_id": "x", "account_linking": who},
	})
	o.must(err)
	p, err := o.pools.Provider(o.Context(), o.pool, name)
	o.must(err)
	return p
}

// TestLinkSelf links an account at a provider to the user who asks, and unlinks it.
func TestLinkSelf(t *testing.T) {
	onEngines(t, func(o *office) {
		o = newOfficeIn(o, nil)
		c, p := o.client(nil), o.provider("oidc", "OIDC", mail)
		ann, bob := o.create("ann", nil), o.create("bob", nil)
		link := func(sub, subject string, claims ...string) error {
			return o.users.LinkSelf(t.Context(), o.pool, p, says(subject, claims...), sub)
		}
		for range 2 { // a second time changes nothing
			o.must(link(ann.Sub, "a1", "mail", "ann@idp.example", "name", "Ann"))
		}
		if u := o.find("ann"); strings.Count(u.Attributes[attrIdentities], `"userId":"a1"`) != 1 || u.Attributes["email"] != "" {
			t.Errorf("linked %v", u.Attributes)
		}
		if u := o.arrives(c, p, says("a1", "name", "Ann")); u.Sub != ann.Sub {
			t.Errorf("a1 is %s", u.Username)
		}
		stranger := o.arrives(c, p, says("s1"))
		o.must(o.link("ann", "oidc", "email", "set@idp.example"))
		for what, err := range map[string]error{
			"somebody else's link": link(bob.Sub, "a1"), "somebody else's own": link(bob.Sub, "s1"),
			"a link by address": link(bob.Sub, "b1", "mail", "set@idp.example"),
		} {
			wantFault(t, err, "AliasExistsException", "SourceUser is already linked to another DestinationUser")
			if t.Failed() {
				t.Fatal(what)
			}
		}
		o.must(link(ann.Sub, "a2", "mail", "set@idp.example")) // which an administrator has meant for ann
		for i := range 3 {
			o.must(link(ann.Sub, fmt.Sprint("more", i)))
		}
		wantFault(t, link(ann.Sub, "a6"), "LimitExceededException", "The limit of 5 identities of a user is reached.")
		wantFault(t, link("nobody", "b1"), "UserNotFoundException", "User does not exist.")

		unlink := func(u, provider, subject string) error {
			return o.users.UnlinkSelf(t.Context(), o.pool, o.find(u).Sub, provider, subject, "")
		}
		for _, none := range [][2]string{{"oidc", "none"}, {"none", "a1"}, {"oidc", "s1"}} {
			o.must(unlink("ann", none[0], none[1])) // not ann's: nothing happens
		}
		if rows, err := o.users.Identities(t.Context(), o.pool, stranger.Sub); err != nil || len(rows) != 1 {
			t.Errorf("the stranger has %v: %v", rows, err)
		}
		o.must(unlink("ann", "oidc", "a1"))
		if got := o.find("ann").Attributes[attrIdentities]; strings.Contains(got, `"a1"`) || !strings.Contains(got, `"a2"`) {
			t.Errorf("left is %s", got)
		}
		wantFault(t, unlink(stranger.Username, "oidc", "s1"), "InvalidParameterException", "This is the only way to sign in.")
		o.must(link(stranger.Sub, "s2"))
		wantFault(t, unlink(stranger.Username, "oidc", "s1"), "InvalidParameterException", "This is the only way to sign in.")
		o.must(unlink(stranger.Username, "oidc", "s2"))

		o.must(link(bob.Sub, "b1")) // bob, who then has no password any more
		o.must(o.unlink("Cognito", cognitoSubject, "bob"))
		wantFault(t, unlink("bob", "oidc", "b1"), "InvalidParameterException", "This is the only way to sign in.")
	})
}

// TestLinkSelfRefuses links nothing that cannot be linked, and writes nothing then.
func TestLinkSelfRefuses(t *testing.T) {
	onEngines(t, func(o *office) {
		o = newOfficeIn(o, func(in *idp.CreateUserPoolRequest) {
			in.Schema = []*idp.SchemaAttributeType{{Name: "badge", AttributeDataType: "String", Mutable: new(false)}}
		})
		p := o.provider("oidc", "OIDC", mail)
		fixed := o.create("fixed", map[string]string{"custom:badge": "7"})
		wantFault(t, o.users.LinkSelf(t.Context(), o.pool, p, says("f1"), fixed.Sub), "InvalidParameterException", "Invalid DestinationUser: custom:badge: Attribute cannot be updated.")
		ann := o.create("ann", nil)
		for _, odd := range []string{"", "a\x00", "\xff", strings.Repeat("x", maxLinkValue+1)} {
			if err := o.users.LinkSelf(t.Context(), o.pool, p, says(odd), ann.Sub); err == nil {
				t.Errorf("linked %.20q", odd)
			}
		}
		once := says("a1")
		once.Once, once.Until = "assertion", time.Now().Add(time.Hour)
		o.must(o.users.LinkSelf(t.Context(), o.pool, p, once, ann.Sub))
		if err := o.users.LinkSelf(t.Context(), o.pool, p, once, ann.Sub); err == nil {
			t.Error("linked by an assertion that has been used")
		}
		for _, u := range []string{"fixed"} {
			if rows, err := o.users.Identities(t.Context(), o.pool, o.find(u).Sub); err != nil || len(rows) > 0 {
				t.Errorf("%s has %v: %v", u, rows, err)
			}
		}
	})
}

// TestLinkByEmail signs in as the pool's own user whose address is verified on both sides, where the provider's details want that,
// and as nobody else (checklist 40).
func TestLinkByEmail(t *testing.T) {
	onEngines(t, func(o *office) {
		known := map[string]string{"email": "ann@example.com", "email_verified": "true"}
		told := []string{"mail", "ann@example.com", "verified", "true"}
		other := []string{"mail", "Ann@example.com", "verified", "true"}
		for what, test := range map[string]struct {
			pool    func(*idp.CreateUserPoolRequest)
			who     string
			has     map[string]string
			told    []string
			prepare func(*office)
			linked  bool
		}{
			"verified on both sides":   {nil, "verified_email", known, told, nil, true},
			"by an alias":              {aliases("email"), "verified_email", known, told, nil, true},
			"by the user's name":       {usernames("email"), "verified_email", known, told, nil, true},
			"in other letters":         {folding, "verified_email", known, other, nil, true},
			"where letters count":      {nil, "verified_email", known, other, nil, false},
			"not wanted":               {nil, "user", known, told, nil, false},
			"not verified there":       {nil, "verified_email", known, []string{"mail", "ann@example.com", "verified", "false"}, nil, false},
			"said nothing of it there": {nil, "verified_email", known, []string{"mail", "ann@example.com"}, nil, false},
			"not verified here":        {nil, "verified_email", map[string]string{"email": "ann@example.com"}, told, nil, false},
			"another address":          {nil, "verified_email", known, []string{"mail", "ann@example.com.evil", "verified", "true"}, nil, false},
			"two users have it": {nil, "verified_email", known, told, func(o *office) {
				o.create("ann2", known)
			}, false},
			"another user's is not verified": {nil, "verified_email", known, told, func(o *office) {
				o.create("ann2", map[string]string{"email": "ann@example.com"})
			}, true},
			"the user has another identity": {nil, "verified_email", known, told, func(o *office) {
				o.must(o.link("ann", "other", cognitoSubject, "x"))
			}, false},
			"the user was never confirmed": {nil, "verified_email", known, told, func(o *office) { o.setStatus("ann", "UNCONFIRMED") }, false},
		} {
			o.Run(what, func(t *testing.T) {
				o := newOfficeIn(&office{T: t, db: o.db, pools: o.pools, users: o.users, inbox: o.inbox}, test.pool)
				o.provider("other", "OIDC", mail)
				c, p := o.client(nil), o.linking("oidc", test.who)
				name := "ann"
				if what == "by the user's name" {
					name = "ann@example.com"
				}
				ann := o.create(name, test.has)
				if test.prepare != nil {
					test.prepare(o)
				}
				for range 2 {
					u := o.arrives(c, p, says("1", test.told...))
					if linked := u.Sub == ann.Sub; linked != test.linked {
						t.Errorf("linked is %v: signed in as %s", linked, u.Username)
					}
				}
				if got := strings.Contains(o.find(ann.Sub).Attributes[attrIdentities], `"userId":"1"`); got != test.linked {
					t.Errorf("identities of ann: %s", o.find(ann.Sub).Attributes[attrIdentities])
				}
			})
		}
	})
}

// TestLinkByEmailRefuses tells why a user who should be linked cannot be.
func TestLinkByEmailRefuses(t *testing.T) {
	onEngines(t, func(o *office) {
		o = newOfficeIn(o, func(in *idp.CreateUserPoolRequest) {
			in.Schema = []*idp.SchemaAttributeType{{Name: "badge", AttributeDataType: "String", Mutable: new(false)}}
		})
		c, p := o.client(nil), o.linking("oidc", "verified_email")
		o.create("ann", map[string]string{"email": "ann@example.com", "email_verified": "true", "custom:badge": "7"})
		o.refuses(c, p, says("1", "mail", "ann@example.com", "verified", "true"), "Invalid DestinationUser: custom:badge: Attribute cannot be updated.")
		o.create("bob", map[string]string{"email": "bob@example.com", "email_verified": "true"})
		o.must(o.users.AdminDisable(t.Context(), o.pool, "bob"))
		o.refuses(c, p, says("2", "mail", "bob@example.com", "verified", "true"), "User is not enabled")
		for _, name := range []string{"ann", "bob"} {
			if got, there := o.find(name).Attributes[attrIdentities]; there {
				t.Errorf("%s has %s", name, got)
			}
		}
	})
}

// TestLinkByEmailOfSignUp links nobody to an account that somebody has signed up for with the address: whoever that was keeps the
// password (checklist 40).
func TestLinkByEmailOfSignUp(t *testing.T) {
	onEngines(t, func(o *office) {
		o = newOfficeIn(o, func(in *idp.CreateUserPoolRequest) { in.AutoVerifiedAttributes = []string{"email"} })
		c, p := o.client(nil), o.linking("oidc", "verified_email")
		thief := o.member(c, "thief", map[string]string{"email": "victim@example.com"})
		if thief.Attributes["email_verified"] != "true" {
			t.Fatal("the address is not verified")
		}
		if u := o.arrives(c, p, says("1", "mail", "victim@example.com", "verified", "true")); u.Sub == thief.Sub {
			t.Error("the victim has become the thief")
		}
	})
}
