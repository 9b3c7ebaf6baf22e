package hostedui_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/descope/virtualwebauthn"
	"github.com/go-webauthn/webauthn/protocol/webauthncose"
	"github.com/pquerna/otp/totp"

	"cognate/api/idp"
	"cognate/internal/hostedui"
)

// account opens the account page of a user, by way of the page that signs in.
func (h *house) account(name, word string) *tab {
	h.Helper()
	b := h.browser().open("/account?client_id="+h.client.ID).shows("/login", "")
	return b.send("", "username", name, "password", word).shows("/account", name)
}

// TestAccountNeedsLogin shows nobody's account, and does nothing for nobody.
func TestAccountNeedsLogin(t *testing.T) {
	onEngines(t, func(h *house) {
		h.user("jane")
		b := h.account("jane", password)
		form := fields(b.form(hostedui.AccountSignOut))
		h.browser().open("/account?client_id="+h.client.ID).shows("/login", "")
		b.send(hostedui.AccountSignOut).shows("/account", "signed out")
		form.Set("action", hostedui.AccountEndOthers)
		b.post(h.address+"/account?client_id="+h.client.ID, form).shows("/login", "")
		b.open("/account?client_id="+h.client.ID).shows("/login", "")
		for _, bad := range []string{"/account", "/account?client_id=nobody"} {
			if got := h.browser().open(bad); got.status != http.StatusBadRequest {
				t.Errorf("%s: %d", bad, got.status)
			}
		}
		if got := h.browser().open("/account?client_id=" + h.client.ID + "&redirect_uri=https://evil.example"); got.status != http.StatusBadRequest {
			t.Errorf("a foreign way back: %d at %s", got.status, got.at)
		}
	})
}

// TestAccountAttributes changes what the app may write, and verifies a new address.
func TestAccountAttributes(t *testing.T) {
	onEngines(t, func(h *house) {
		h.lendingClient()
		h.user("jane")
		b := h.account("jane", password)
		b.send(hostedui.AccountAttributes, "userAttributes.name", "Jane Doe", "userAttributes.nickname", "J").shows("/account", "Your changes have been saved.")
		if got := fields(b.form(hostedui.AccountAttributes)); got.Get("userAttributes.name") != "Jane Doe" || got.Get("userAttributes.nickname") != "J" {
			t.Errorf("kept: %v", got)
		}
		b.send(hostedui.AccountAttributes, "userAttributes.nickname", "", "userAttributes.email", "new@example.com").shows("/account", "new@example.com")
		b.send(hostedui.AccountVerify, "code", "000000").shows("/account", "code")
		b.send(hostedui.AccountVerify, "code", h.code("new@example.com")).shows("/account", "Your address has been verified.")
		u, err := h.core.Users.Find(t.Context(), h.pool, "jane")
		h.must(err)
		if u.Attributes["email"] != "new@example.com" || u.Attributes["email_verified"] != "true" || u.Attributes["nickname"] != "" || u.Attributes["name"] != "Jane Doe" {
			t.Errorf("%v", u.Attributes)
		}
		form := fields(b.form(hostedui.AccountAttributes))
		form.Set("userAttributes.email_verified", "true")
		form.Set("userAttributes.sub", "x")
		if b.post(h.address+"/account?client_id="+h.client.ID, form); b.status == http.StatusFound || strings.Contains(b.text(), "saved") {
			t.Errorf("attributes that nobody writes: %d %s", b.status, b.text())
		}
	})
}

// TestAccountPassword needs the old password, and ends all other browsers' logins.
func TestAccountPassword(t *testing.T) {
	onEngines(t, func(h *house) {
		h.user("jane")
		other, b := h.account("jane", password), h.account("jane", password)
		time.Sleep(5 * time.Millisecond) // times are kept to the millisecond
		b.send(hostedui.AccountPassword, "old_password", "wrong", "new_password", newPassword, "repeat", newPassword).shows("/account", "Incorrect")
		b.send(hostedui.AccountPassword, "old_password", password, "new_password", newPassword, "repeat", "x").shows("/account", "do not match")
		b.send(hostedui.AccountPassword, "old_password", password, "new_password", newPassword, "repeat", newPassword).shows("/account", "Your password has been changed.")
		b.open("/account?client_id="+h.client.ID).shows("/account", "jane")
		other.open("/account?client_id="+h.client.ID).shows("/login", "")
	})
}

// TestAccountFactors sets up an app, and turns factors on and off.
func TestAccountFactors(t *testing.T) {
	onEngines(t, func(h *house) {
		_, err := h.core.Pools.SetMFA(t.Context(), &idp.SetUserPoolMfaConfigRequest{UserPoolId: h.pool.ID, MfaConfiguration: "OPTIONAL",
			EmailMfaConfiguration: &idp.EmailMfaConfigType{}, SoftwareTokenMfaConfiguration: &idp.SoftwareTokenMfaConfigType{Enabled: new(true)}})
		h.must(err)
		h.user("jane")
		b := h.account("jane", password)
		b.send(hostedui.AccountTOTP)
		seed := secretOn(b)
		if b.send("", "code", "000000"); secretOn(b) != seed {
			t.Fatal("another seed after a wrong code")
		}
		code, err := totp.GenerateCode(seed, time.Now())
		h.must(err)
		b.send("", "code", code).shows("/account", "Your authenticator app is set up.")
		again := h.browser().open("/login"+h.query()).send("", "username", "jane", "password", password)
		again.shows("/login", "code")
		b.send(hostedui.AccountRecoveryCodes).shows("/account", "")
		codes := find(b.page, func(n *htmlNode) bool { return n.Data == "li" && n.Parent != nil && attr(n.Parent, "class") == "codes" })
		if len(codes) != 10 {
			t.Fatalf("%d codes", len(codes))
		}
		again.send(hostedui.ActionRecovery).send("", "code", strings.TrimSpace(textOf(codes[3]))).signedIn()
		b.open("/account?client_id="+h.client.ID).shows("/account", "9")
		form := fields(b.form(hostedui.AccountFactors))
		form["enabled"] = []string{"EMAIL_OTP"}
		form.Set("preferred", "EMAIL_OTP")
		b.post(h.address+"/account?client_id="+h.client.ID, form).shows("/account", "Your changes have been saved.")
		h.browser().open("/login"+h.query()).send("", "username", "jane", "password", password).shows("/login", "j***@e***")
		form["enabled"], form["preferred"] = nil, nil
		b.post(h.address+"/account?client_id="+h.client.ID, form).shows("/account", "Your changes have been saved.")
		h.browser().open("/login"+h.query()).send("", "username", "jane", "password", password).signedIn()
	})
}

// TestAccountSessions lists the browsers and the apps in which the user is signed in, and ends them.
func TestAccountSessions(t *testing.T) {
	onEngines(t, func(h *house) {
		h.user("jane")
		h.user("mary")
		marys := h.account("mary", password)
		app := h.browser().open("/login"+h.query()).send("", "username", "jane", "password", password)
		tokens := app.signedIn()
		b := h.account("jane", password)
		ids := func() (out []string) {
			for _, n := range find(b.page, func(n *htmlNode) bool { return n.Data == "input" && attr(n, "name") == "id" }) {
				out = append(out, attr(n, "value"))
			}
			return out
		}
		if got := ids(); len(got) != 2 { // the other browser and the app; one's own has no button
			t.Fatalf("sessions to end: %v", got)
		}
		if form := fields(marys.form(hostedui.AccountSignOut)); true {
			form.Set("action", hostedui.AccountEndSession)
			form.Set("id", ids()[0])
			marys.post(h.address+"/account?client_id="+h.client.ID, form)
			form.Set("id", ids()[1])
			marys.post(h.address+"/account?client_id="+h.client.ID, form)
		}
		if b.open("/account?client_id=" + h.client.ID); len(ids()) != 2 {
			t.Fatal("another user ended sessions of hers")
		}
		for range 2 {
			b.send(hostedui.AccountEndSession, "id", ids()[0]).shows("/account", "The session has been ended.")
		}
		if len(ids()) != 0 {
			t.Errorf("left: %v", ids())
		}
		if app.open("/login" + h.query()); app.at.Path != "/login" {
			t.Errorf("the browser lives on: at %s", app.at)
		}
		if _, err := h.core.Tokens.AuthorizeFor(t.Context(), tokens.Access, "openid"); err == nil {
			t.Error("the app's session lives on")
		}
		other := h.account("jane", password)
		other.send(hostedui.AccountEndOthers).shows("/account", "everywhere else")
		b.open("/account?client_id="+h.client.ID).shows("/login", "")
		other.open("/account?client_id="+h.client.ID).shows("/account", "jane")
	})
}

// TestPasskeys adds a passkey, signs in with it, and deletes it.
func TestPasskeys(t *testing.T) {
	onEngines(t, func(h *house) {
		h.must(h.core.Pools.Update(t.Context(), &idp.UpdateUserPoolRequest{UserPoolId: h.pool.ID, AutoVerifiedAttributes: []string{"email"}, Policies: &idp.UserPoolPolicyType{
			SignInPolicy: &idp.SignInPolicyType{AllowedFirstAuthFactors: []string{"PASSWORD", "WEB_AUTHN"}}}}))
		_, err := h.core.Pools.SetMFA(t.Context(), &idp.SetUserPoolMfaConfigRequest{UserPoolId: h.pool.ID, MfaConfiguration: "OFF", WebAuthnConfiguration: &idp.WebAuthnConfigurationType{RelyingPartyId: "app.example", UserVerification: "required"}})
		h.must(err)
		h.openClient(&idp.CreateUserPoolClientRequest{ExplicitAuthFlows: []string{"ALLOW_USER_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"}})
		h.user("jane")
		b := h.browser().open("/account?client_id="+h.client.ID).send("", "username", "jane").send("", "password", password).shows("/account", "jane")
		b.send(hostedui.AccountAddPasskey).shows("/passkeys/add", "")
		b.send("", "credential", "{}").shows("/passkeys/add", "")
		device, key := virtualwebauthn.NewAuthenticator(), newKey()
		site := virtualwebauthn.RelyingParty{ID: "app.example", Origin: "https://app.example"}
		made, err := virtualwebauthn.ParseAttestationOptions(fmt.Sprintf(`{"publicKey":%s}`, optionsOn(b)))
		h.must(err)
		b.send("", "credential", virtualwebauthn.CreateAttestationResponse(site, device, key, *made)).shows("/account", "jane")
		device.Options.UserHandle = []byte(made.UserID)
		device.AddCredential(key)

		other := h.browser().open("/login"+h.query()).send(hostedui.ActionPasskey, "username", "jane").shows("/login", "")
		asked, err := virtualwebauthn.ParseAssertionOptions(fmt.Sprintf(`{"publicKey":%s}`, optionsOn(other)))
		h.must(err)
		proof := virtualwebauthn.CreateAssertionResponse(site, device, key, *asked)
		other.send("", "credential", "{}").shows("/login", "Incorrect")
		other.open("/login"+h.query()).send(hostedui.ActionPasskey, "username", "jane").send("", "credential", proof).shows("/login", "Incorrect") // of the challenge before
		other.open("/login"+h.query()).send(hostedui.ActionPasskey, "username", "jane")
		asked, err = virtualwebauthn.ParseAssertionOptions(fmt.Sprintf(`{"publicKey":%s}`, optionsOn(other)))
		h.must(err)
		other.send("", "credential", virtualwebauthn.CreateAssertionResponse(site, device, key, *asked)).signedIn()

		b.send(hostedui.AccountDeletePasskey).shows("/account", "The passkey has been deleted.")
		if other := h.browser().open("/login"+h.query()).send(hostedui.ActionPasskey, "username", "jane"); len(find(other.page, hasOptions)) > 0 {
			t.Error("the passkey is still asked for")
		}
		b.open("/passkeys/add"+h.query()).shows("/passkeys/add", "").send(hostedui.ActionSkip)
		if b.at.Path != "/oauth2/authorize" {
			t.Errorf("skipped: at %s", b.at)
		}
	})
}

// newKey passes over the few keys whose coordinates virtualwebauthn writes too short, without leading zeros.
func newKey() virtualwebauthn.Credential {
	for {
		k := virtualwebauthn.NewCredential(virtualwebauthn.KeyTypeEC2)
		if _, err := webauthncose.ParsePublicKey(k.Key.AttestationData()); err == nil {
			return k
		}
	}
}

func hasOptions(n *htmlNode) bool { return attr(n, "data-options") != "" }

func optionsOn(b *tab) string {
	b.Helper()
	for _, n := range find(b.page, hasOptions) {
		return attr(n, "data-options")
	}
	b.Fatalf("no options on the page:\n%s", b.text())
	return ""
}

// TestAccountDeleted deletes the account, where the app may do all that users may, and once the box is ticked.
func TestAccountDeleted(t *testing.T) {
	onEngines(t, func(h *house) {
		h.user("jane")
		b := h.account("jane", password)
		form := fields(b.form(hostedui.AccountSignOut))
		form.Set("action", hostedui.AccountDelete)
		form.Set("sure", "yes")
		if b.post(h.address+"/account?client_id="+h.client.ID, form); b.status != http.StatusForbidden {
			t.Errorf("where it is not offered: %d %s", b.status, b.text())
		}
		_, err := h.core.Pools.UpdateClient(t.Context(), &idp.UpdateUserPoolClientRequest{UserPoolId: h.pool.ID, ClientId: h.client.ID,
			AllowedOAuthFlowsUserPoolClient: new(true), AllowedOAuthFlows: []string{"code"}, AllowedOAuthScopes: []string{"openid", "aws.cognito.signin.user.admin"}, CallbackURLs: []string{callback}})
		h.must(err)
		b.open("/account?client_id="+h.client.ID).send(hostedui.AccountDelete).shows("/account", "Tick the box")
		b.send(hostedui.AccountDelete, "sure", "yes").shows("/account", "Your account has been deleted.")
		if _, err := h.core.Users.Find(t.Context(), h.pool, "jane"); err == nil {
			t.Error("the user is still there")
		}
		b.open("/account?client_id="+h.client.ID).shows("/login", "")
	})
}
