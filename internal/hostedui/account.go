package hostedui

import (
	"html/template"
	"net/http"
	"slices"

	"cognate/api/idp"
	"cognate/internal/browser"
	"cognate/internal/oauth"
	"cognate/internal/store"
	"cognate/internal/token"
	"cognate/internal/user"
)

// owner is one visit of the account page by its owner.
type owner struct {
	*visit
	login *oauth.Login
	me    user.Self
}

// owned is the account page's visit; nil for nobody, who is sent to sign in.
func (v *visit) owned() (*owner, error) {
	login, err := v.signedIn()
	if login == nil || err != nil {
		return nil, err
	}
	u, err := v.Users.Find(v.ctx, v.request.Pool, login.User.Sub)
	return &owner{v, login, user.Self{Pool: v.request.Pool, Client: v.request.Client, User: u}}, err
}

// showAccount is where users see to their own account.
func (v *visit) showAccount() error {
	o, err := v.owned()
	if o == nil || err != nil {
		return err
	}
	n := v.note()
	if n.Notice != "" {
		v.forget()
	}
	result := o.linkResult()
	return o.page(func(a *Account) {
		a.Notice = n.Notice
		result(a)
	})
}

// page shows the account as it is now.
func (o *owner) page(edit func(*Account)) error {
	a := &Account{Frame: o.frame(oauth.PageAccount), Username: o.name(), Policy: policyOf(o.request.Pool), Continue: template.URL(o.request.RedirectURI)}
	a.LanguagePath, a.Delete = oauth.PageAccount, o.deletes()
	for _, section := range []func(*Account) error{o.attributesOf, o.passwordOf, o.factorsOf, o.passkeysOf, o.identitiesOf, o.devicesOf, o.sessionsOf} {
		if err := section(a); err != nil {
			return err
		}
	}
	edit(a)
	return o.show(http.StatusOK, a)
}

// name is what the user is called by: a username that is a sub tells nobody anything.
func (o *owner) name() string {
	u := o.me.User
	if u.Username != u.Sub {
		return u.Username
	}
	for _, attr := range o.request.Pool.Settings.UsernameAttributes {
		if value := u.Attributes[attr]; value != "" {
			return value
		}
	}
	return u.Username
}

// lends reports whether the page lends the user the client's permissions to read and write attributes: where the user has them
// anyway, by access tokens of the client's. A client with a secret may write what its users may not.
func (o *owner) lends() bool { return o.deletes() && !o.request.Client.HasSecret() }

// deletes reports whether users may delete their accounts: through clients that may do all that users may.
func (o *owner) deletes() bool {
	return slices.Contains(o.request.Client.Settings.AllowedOAuthScopes, token.ScopeAdmin)
}

// attributesOf lists the attributes of the pool that the client may read and that have a value, or that it may write; none
// where the client does not lend that.
func (o *owner) attributesOf(a *Account) error {
	if !o.lends() {
		return nil
	}
	p, c := o.request.Pool, o.request.Client
	for _, s := range inOrder(p.Settings.SchemaAttributes) {
		name, value := s.Name, o.me.User.Attributes[s.Name]
		writes := c.CanWrite(p, name) && (s.Mutable == nil || *s.Mutable)
		switch name {
		case "sub", "identities", "email_verified", "phone_number_verified", "updated_at":
			continue
		}
		if !c.CanRead(p, name) || !writes && value == "" {
			continue
		}
		f := field(s, value)
		f.ReadOnly = !writes
		if (name == "email" || name == "phone_number") && value != "" {
			f.Verification = Unverified
			if o.me.User.Attributes[name+"_verified"] == "true" {
				f.Verification = Verified
			}
		}
		a.Attributes = append(a.Attributes, f)
	}
	return nil
}

// attributeOrder is how people expect to be asked about themselves; what is not named follows.
var attributeOrder = []string{
	"name", "given_name", "middle_name", "family_name", "nickname", "preferred_username", "email", "phone_number", "birthdate", "gender", "address",
	"website", "profile", "picture", "locale", "zoneinfo",
}

func inOrder(all []*idp.SchemaAttributeType) []*idp.SchemaAttributeType {
	rank := func(a *idp.SchemaAttributeType) int {
		if i := slices.Index(attributeOrder, a.Name); i >= 0 {
			return i
		}
		return len(attributeOrder)
	}
	return slices.SortedStableFunc(slices.Values(all), func(a, b *idp.SchemaAttributeType) int { return rank(a) - rank(b) })
}

func (o *owner) passwordOf(a *Account) error {
	account, err := o.Users.SignInBySub(o.ctx, o.request.Pool, o.me.User.Sub)
	a.NoPassword, a.NoPasswordSection = !account.HasPassword, o.isExternal()
	return err
}

// isExternal reports whether the user signs in at an identity provider alone: passwords, second factors and passkeys are its
// business then.
func (o *owner) isExternal() bool { return isExternal(o.me.User) }

func isExternal(u store.User) bool { return u.Status == idp.UserStatusTypeExternalProvider }

// factorsOf tells the second factors of the pool, where it has any.
func (o *owner) factorsOf(a *Account) error {
	p := o.request.Pool
	if p.MFA() == idp.UserPoolMfaTypeOff || o.isExternal() {
		return nil
	}
	able, err := o.Users.AbleFactors(o.ctx, p, o.me.User)
	if err != nil {
		return err
	}
	settings, err := user.SettingsOf(o.me.User)
	if err != nil {
		return err
	}
	a.Factors = &Factors{Required: p.MFA() == idp.UserPoolMfaTypeOn, TOTP: p.TOTPFactor()}
	for factor, there := range map[string]bool{user.FactorTOTP: p.TOTPFactor(), user.FactorSMS: p.SMSFactor(), user.FactorEmail: p.EmailFactor()} {
		if there {
			a.Factors.List = append(a.Factors.List, FactorState{
				Factor: Factor(factor), Usable: slices.Contains(able, factor), Enabled: slices.Contains(settings.Enabled, factor),
				Preferred: settings.Preferred == factor,
			})
		}
	}
	slices.SortFunc(a.Factors.List, func(a, b FactorState) int { return factorRank[a.Factor] - factorRank[b.Factor] })
	if !p.TOTPFactor() {
		return nil
	}
	codes, err := o.Users.DescribeRecoveryCodes(o.ctx, p, o.me.User.Sub)
	a.RecoveryCodes = &RecoveryCodes{Remaining: codes.Left}
	return err
}

// factorRank is the order in which factors are shown, the surest first.
var factorRank = map[Factor]int{TOTP: 0, EmailOTP: 1, SMSMFA: 2}

// Bounds of the lists.
const (
	maxPasskeys = 20
	maxDevices  = 60
	maxSessions = 100
)

func (o *owner) passkeysOf(a *Account) error {
	p := o.request.Pool
	if !slices.Contains(p.FirstFactors(), idp.AuthFactorTypeWebAuthn) || o.isExternal() {
		return nil
	}
	keys, _, err := o.Passkeys.List(o.ctx, p, o.me.User.Sub, "", maxPasskeys)
	a.Passkeys = &Passkeys{Add: len(keys) < maxPasskeys && p.Passkeys().RelyingParty != ""}
	for _, k := range keys {
		a.Passkeys.List = append(a.Passkeys.List, Passkey{ID: k.CredentialId, Name: k.FriendlyCredentialName, Created: k.CreatedAt.Time})
	}
	return err
}

func (o *owner) devicesOf(a *Account) error {
	p := o.request.Pool
	if !p.RemembersDevices() {
		return nil
	}
	devices, _, err := o.Users.RememberedDevices(o.ctx, p, o.me.User.Sub, user.Page{Limit: new(int64(maxDevices))})
	a.Devices = []Device{}
	for _, d := range devices {
		name := ""
		for _, attr := range d.DeviceAttributes {
			if attr.Name == "device_name" {
				name = attr.Value
			}
		}
		a.Devices = append(a.Devices, Device{ID: d.DeviceKey, Name: name, LastUsed: d.DeviceLastAuthenticatedDate.Time})
	}
	return err
}

// sessionsOf lists the browsers in which the user is signed in, and the sessions of apps.
func (o *owner) sessionsOf(a *Account) error {
	p, sub := o.request.Pool, o.me.User.Sub
	logins, err := o.OAuth.Logins(o.ctx, p, o.me.User)
	if err != nil {
		return err
	}
	a.Sessions = []Session{}
	for _, l := range logins {
		a.Sessions = append(a.Sessions, Session{ID: l.ID, Browser: browser.AgentName(l.Agent), Address: l.IP, Created: l.Created, Current: l.ID == o.login.ID})
	}
	for after := ""; len(a.Sessions) < maxSessions; {
		live, next, err := o.Tokens.Sessions(o.ctx, p.ID, sub, after, maxSessions)
		if err != nil {
			return err
		}
		for _, f := range live {
			a.Sessions = append(a.Sessions, Session{ID: f.ID, Client: f.ClientName, Created: f.Created, LastUsed: f.LastUsed})
		}
		if after = next; next == "" {
			break
		}
	}
	return nil
}
