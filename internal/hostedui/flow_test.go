package hostedui_test

import (
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"

	"cognate/api/idp"
	"cognate/internal/hostedui"
)

const newPassword = "N3w-Passw0rd!"

// TestSignUp registers a user with what the pool requires, and signs the user in once the code has come back.
func TestSignUp(t *testing.T) {
	onEngines(t, func(h *house) {
		b := h.browser().open("/login" + h.query())
		b.open("/signup"+h.query()).shows("/signup", "Create")
		b.send("", "username", "jane").shows("/signup", "required")
		full := []string{"username", "jane", "password", password, "repeat", password, "userAttributes.email", "jane@example.com"}
		b.send("", append(full, "repeat", "x")...).shows("/signup", "do not match")
		b.send("", append(full, "password", "short", "repeat", "short")...).shows("/signup", "too short")
		if got := fields(b.form("")); got.Get("username") != "jane" || got.Get("userAttributes.email") != "jane@example.com" || got.Get("password") != "" {
			t.Errorf("kept: %v", got)
		}
		b.send("", full...).shows("/confirm", "j***@e***")
		b.send("", "code", "000000").shows("/confirm", "")
		if strings.HasPrefix(b.at.String(), callback) {
			t.Fatal("a wrong code signed in")
		}
		b.send(hostedui.ActionResend).shows("/confirm", "A new code is on its way.")
		b.send("", "code", h.code("jane@example.com")).signedIn()
		again := h.browser().open("/signup" + h.query())
		again.send("", full...).shows("/signup", "already")
	})
}

// TestConfirmLater confirms in another browser, which then has to sign in.
func TestConfirmLater(t *testing.T) {
	onEngines(t, func(h *house) {
		full := []string{"username", "jane", "password", password, "repeat", password, "userAttributes.email", "jane@example.com"}
		h.browser().open("/signup"+h.query()).send("", full...).shows("/confirm", "")
		b := h.browser().open("/login"+h.query()).send("", "username", "jane", "password", password).shows("/confirm", "not confirmed")
		b.send("", "code", h.code("jane@example.com")).shows("/login", "confirmed")
		b.send("", "username", "jane", "password", password).signedIn()
	})
}

// TestConfirmUser confirms by the link of an e-mail, once.
func TestConfirmUser(t *testing.T) {
	onEngines(t, func(h *house) {
		full := []string{"username", "jane", "password", password, "repeat", password, "userAttributes.email", "jane@example.com"}
		h.browser().open("/signup"+h.query()).send("", full...).shows("/confirm", "")
		link := func(code string) string {
			return "/confirmUser?" + url.Values{"client_id": {h.client.ID}, "user_name": {"jane"}, "confirmation_code": {code}}.Encode()
		}
		if b := h.browser().open(link("000000")); b.status != 400 {
			t.Errorf("a wrong code: %d %s", b.status, b.text())
		}
		for _, bad := range []string{"/confirmUser", "/confirmUser?client_id=nobody&user_name=jane&confirmation_code=1", link("1") + "&user_name=x"} {
			if b := h.browser().open(bad); b.status != 400 {
				t.Errorf("%s: %d %s", bad, b.status, b.text())
			}
		}
		h.browser().open(link(h.code("jane@example.com"))).shows("/confirmUser", "Your registration has been confirmed!")
		u, err := h.core.Users.Find(t.Context(), h.pool, "jane")
		h.must(err)
		if u.Status != "CONFIRMED" || u.Attributes["email_verified"] != "true" {
			t.Errorf("%+v", u)
		}
	})
}

// TestNoSignUp has no way to register where only administrators do.
func TestNoSignUp(t *testing.T) {
	onEngines(t, func(h *house) {
		h.openPool(&idp.CreateUserPoolRequest{PoolName: "closed", AdminCreateUserConfig: &idp.AdminCreateUserConfigType{AllowAdminCreateUserOnly: new(true)}})
		b := h.browser().open("/signup" + h.query())
		if b.at.Path != "/login" || strings.Contains(b.text(), "Create an account") {
			t.Errorf("at %s: %s", b.at, b.text())
		}
	})
}

// TestReset sets a new password by a code; what was signed in is so no more (checklist 35).
func TestReset(t *testing.T) {
	onEngines(t, func(h *house) {
		h.user("jane")
		old := h.browser().open("/login"+h.query()).send("", "username", "jane", "password", password)
		old.signedIn()
		b := h.browser().open("/forgotPassword"+h.query()).send("").shows("/forgotPassword", "required")
		b.send("", "username", "jane").shows("/confirmforgotPassword", "j***@e***")
		b.send("", "code", "000000", "new_password", newPassword, "repeat", newPassword).shows("/confirmforgotPassword", "code")
		b.send("", "code", h.code("jane@example.com"), "new_password", newPassword, "repeat", "x").shows("/confirmforgotPassword", "do not match")
		b.send(hostedui.ActionResend).shows("/confirmforgotPassword", "A new code is on its way.")
		time.Sleep(5 * time.Millisecond) // times are kept to the millisecond
		b.send("", "code", h.code("jane@example.com"), "new_password", newPassword, "repeat", newPassword).shows("/login", "Your password has been changed.")
		b.send("", "username", "jane", "password", password).shows("/login", "Incorrect username or password.")
		b.send("", "username", "jane", "password", newPassword).signedIn()
		old.open("/login"+h.query()).shows("/login", "")
		if strings.HasPrefix(old.at.String(), callback) {
			t.Error("the old login lives on")
		}
		b.open("/confirmforgotPassword"+h.query()).shows("/forgotPassword", "")
	})
}

// TestTOTP sets up an app where the pool demands one, and asks for its codes after that; a recovery code does, too.
func TestTOTP(t *testing.T) {
	onEngines(t, func(h *house) {
		_, err := h.core.Pools.SetMFA(t.Context(), &idp.SetUserPoolMfaConfigRequest{UserPoolId: h.pool.ID, MfaConfiguration: "ON", SoftwareTokenMfaConfiguration: &idp.SoftwareTokenMfaConfigType{Enabled: new(true)}})
		h.must(err)
		u := h.user("jane")
		b := h.browser().open("/login"+h.query()).send("", "username", "jane", "password", password)
		seed := secretOn(b)
		b.send("", "code", "000000").shows("/login", "")
		if secretOn(b) != seed {
			t.Fatalf("another seed after a wrong code")
		}
		code := func(at time.Time) string {
			text, err := totp.GenerateCode(seed, at)
			h.must(err)
			return text
		}
		at := time.Now() // the next step may begin at any time
		b.send("", "code", code(at)).signedIn()
		b = h.browser().open("/login"+h.query()).send("", "username", "jane", "password", password)
		b.send("", "code", code(at)).shows("/login", "used already")
		b.send("", "code", code(at.Add(30*time.Second))).signedIn()
		codes, _, err := h.core.Users.CreateRecoveryCodes(t.Context(), h.pool, u.Sub)
		h.must(err)
		b = h.browser().open("/login"+h.query()).send("", "username", "jane", "password", password)
		b.send(hostedui.ActionRecovery).send("", "code", string(codes[0])).signedIn()
	})
}

// secretOn is the secret that a page shows in groups.
func secretOn(b *tab) string {
	b.Helper()
	for _, word := range find(b.page, func(n *htmlNode) bool { return attr(n, "class") == "key" }) {
		if text := strings.ReplaceAll(textOf(word), " ", ""); len(text) == 52 {
			return text
		}
	}
	b.Fatalf("no secret on the page:\n%s", b.text())
	return ""
}

// TestEmailMFA asks for a code by e-mail after the password, and sends it again.
func TestEmailMFA(t *testing.T) {
	onEngines(t, func(h *house) {
		_, err := h.core.Pools.SetMFA(t.Context(), &idp.SetUserPoolMfaConfigRequest{UserPoolId: h.pool.ID, MfaConfiguration: "ON",
			EmailMfaConfiguration: &idp.EmailMfaConfigType{}, SoftwareTokenMfaConfiguration: &idp.SoftwareTokenMfaConfigType{Enabled: new(true)}})
		h.must(err)
		h.user("jane")
		b := h.browser().open("/login"+h.query()).send("", "username", "jane", "password", password).shows("/login", "j***@e***")
		first := h.code("jane@example.com")
		b.send(hostedui.ActionResend).shows("/login", "A new code is on its way.")
		if second := h.code("jane@example.com"); second == first {
			t.Errorf("the same code again")
		}
		b.send("", "code", "00000000").shows("/login", "code")
		b.send("", "code", h.code("jane@example.com")).signedIn()
	})
}

// TestChoice begins with the name alone where the app allows a choice.
func TestChoice(t *testing.T) {
	onEngines(t, func(h *house) {
		h.must(h.core.Pools.Update(t.Context(), &idp.UpdateUserPoolRequest{UserPoolId: h.pool.ID, AutoVerifiedAttributes: []string{"email"}, Policies: &idp.UserPoolPolicyType{
			SignInPolicy: &idp.SignInPolicyType{AllowedFirstAuthFactors: []string{"PASSWORD", "EMAIL_OTP"}}}}))
		h.openClient(&idp.CreateUserPoolClientRequest{ExplicitAuthFlows: []string{"ALLOW_USER_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"}, PreventUserExistenceErrors: "ENABLED"})
		h.user("jane")
		b := h.browser().open("/login" + h.query())
		if fields(b.form("")).Has("password") {
			t.Fatalf("a password at once: %s", b.text())
		}
		b.send("", "username", "jane").shows("/login", "")
		b.send("", "answer", "PASSWORD").send("", "password", "wrong").shows("/login", "Incorrect username or password.")
		b.send("", "password", password).signedIn()
		b = h.browser().open("/login"+h.query()).send("", "username", "jane").send("", "answer", "EMAIL_OTP").shows("/login", "j***@e***")
		b.send("", "code", h.code("jane@example.com")).signedIn()
		b = h.browser().open("/login"+h.query()).send("", "username", "nobody").send("", "answer", "EMAIL_OTP").shows("/login", "***")
		b.send("", "code", "12345678").shows("/login", "code")
	})
}

// TestPasswordless registers without a password where codes by e-mail are enough.
func TestPasswordless(t *testing.T) {
	onEngines(t, func(h *house) {
		h.openPool(&idp.CreateUserPoolRequest{PoolName: "free", UsernameAttributes: []string{"email"}, AutoVerifiedAttributes: []string{"email"}, Policies: &idp.UserPoolPolicyType{
			SignInPolicy: &idp.SignInPolicyType{AllowedFirstAuthFactors: []string{"PASSWORD", "EMAIL_OTP"}}}})
		h.openClient(&idp.CreateUserPoolClientRequest{ExplicitAuthFlows: []string{"ALLOW_USER_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"}})
		b := h.browser().open("/signup" + h.query())
		if got := fields(b.form("")); got.Has("password") || got.Has("userAttributes.email") {
			t.Fatalf("fields: %v", got)
		}
		b.send("", "username", "jane@example.com").shows("/confirm", "").send("", "code", h.code("jane@example.com")).signedIn()
		b = h.browser().open("/login"+h.query()).send("", "username", "jane@example.com").shows("/login", "")
		b.send("", "code", h.code("jane@example.com")).signedIn()
	})
}

// TestSignInLinks signs in by a link, in the browser that asked, and in no other.
func TestSignInLinks(t *testing.T) {
	onEngines(t, func(h *house) {
		h.openPool(&idp.CreateUserPoolRequest{PoolName: "links", UserPoolTags: map[string]string{"cognate:sign-in-links": "enabled"}, Policies: &idp.UserPoolPolicyType{
			SignInPolicy: &idp.SignInPolicyType{AllowedFirstAuthFactors: []string{"PASSWORD", "EMAIL_OTP"}}}})
		h.openClient(&idp.CreateUserPoolClientRequest{ExplicitAuthFlows: []string{"ALLOW_USER_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"}})
		h.user("jane")
		b := h.browser().open("/login"+h.query()).send("", "username", "jane").send("", "answer", "EMAIL_OTP").shows("/login", "j***@e***")
		link := "/link" + h.query("link", h.code("jane@example.com"))
		if other := h.browser().open(link); other.status != 400 {
			t.Errorf("in another browser: %d %s", other.status, other.text())
		}
		b.open("/link"+h.query("link", "AAAAAAAAAAAAAAAAAAAAAAAAAA")).send("").shows("/link", "")
		b.open(link).shows("/link", "")
		if b.at.Path != "/link" {
			t.Errorf("opening it signs in: at %s", b.at)
		}
		b.send("").signedIn()
		if again := b.open(link); again.status != 400 {
			t.Errorf("again: %d %s", again.status, again.text())
		}
	})
}

// TestSignUpAsksForAddress asks for an address that the pool verifies even where it requires none: without it nobody could confirm.
func TestSignUpAsksForAddress(t *testing.T) {
	onEngines(t, func(h *house) {
		for _, c := range []struct {
			in   idp.CreateUserPoolRequest
			asks []string
		}{
			{idp.CreateUserPoolRequest{}, nil},
			{idp.CreateUserPoolRequest{AutoVerifiedAttributes: []string{"email"}}, []string{"email"}},
			{idp.CreateUserPoolRequest{AutoVerifiedAttributes: []string{"phone_number", "email"}}, []string{"email"}},
			{idp.CreateUserPoolRequest{AutoVerifiedAttributes: []string{"phone_number"}, UsernameAttributes: []string{"phone_number"}}, nil},
		} {
			c.in.PoolName = "p"
			h.openPool(&c.in)
			b := h.browser().open("/signup" + h.query())
			var asked []string
			for _, n := range find(b.page, func(n *htmlNode) bool { return strings.HasPrefix(attr(n, "name"), "userAttributes.") }) {
				asked = append(asked, strings.TrimPrefix(attr(n, "name"), "userAttributes."))
			}
			if !slices.Equal(asked, c.asks) {
				t.Errorf("%v: asks for %v", c.in.AutoVerifiedAttributes, asked)
			}
			if len(c.asks) == 0 {
				continue
			}
			b.send("", "username", "jane", "password", password, "repeat", password).shows("/signup", "This field is required.")
			b.send("", "username", "jane", "password", password, "repeat", password, "userAttributes.email", "jane@example.com").shows("/confirm", "")
		}
	})
}
