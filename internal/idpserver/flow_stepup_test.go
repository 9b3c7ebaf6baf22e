package idpserver_test

import (
	"encoding/base64"
	"encoding/json"
	"reflect"
	"strings"
	"testing"
)

// loa is a level as TARGET_ACR_VALUES names it.
func loa(n string) string { return "urn:cognito:loa:" + n }

// claimsOf reads a token without checking it.
func (s *script) claimsOf(token string) (claims map[string]any) {
	s.Helper()
	_, payload, _ := strings.Cut(token, ".")
	payload, _, _ = strings.Cut(payload, ".")
	text, err := base64.RawURLEncoding.DecodeString(payload)
	if err == nil {
		err = json.Unmarshal(text, &claims)
	}
	if err != nil {
		s.Fatalf("no token: %v", err)
	}
	return claims
}

// reached checks the level and the methods of tokens, and returns their claims.
func (s *script) reached(what string, got answer, level string, methods ...any) map[string]any {
	s.Helper()
	s.granted(what, got)
	claims := s.claimsOf(got.AuthenticationResult.AccessToken)
	if claims["acr"] != loa(level) || !reflect.DeepEqual(claims["amr"], methods) {
		s.Errorf("%s: acr %v, amr %v; want %s, %v", what, claims["acr"], claims["amr"], loa(level), methods)
	}
	return claims
}

// TestLevels signs in to each level, from nothing.
func TestLevels(t *testing.T) {
	onEngines(t, func(s *script) {
		s.choice("choice", "")
		s.mfa("OPTIONAL", allFactors)
		d := s.door("pool", "choice", false)
		email, _ := s.reachable("alice")
		first := []string{"PASSWORD", password}
		to := func(levels string) []string { return append([]string{"TARGET_ACR_VALUES", levels}, first...) }
		s.reached("a password", d.choose("alice", "PASSWORD", to(loa("1"))...), "1", "pwd")

		session := s.asked("a code", d.choose("alice", "EMAIL_OTP", "TARGET_ACR_VALUES", loa("2")), "EMAIL_OTP")
		s.reached("a code", d.reply("EMAIL_OTP", session, "alice", "EMAIL_OTP_CODE", s.sent(email)), "2", "email_otp")

		session = s.asked("both", d.choose("alice", "PASSWORD", to("urn:unknown "+loa("3")+" "+loa("1"))...), "SELECT_MFA_TYPE")
		session = s.asked("e-mail", d.reply("SELECT_MFA_TYPE", session, "alice", "ANSWER", "EMAIL_OTP"), "EMAIL_OTP")
		s.reached("both", d.reply("EMAIL_OTP", session, "alice", "EMAIL_OTP_CODE", s.sent(email)), "3", "pwd", "email_otp")

		s.refused("a token that is not there", d.choose("alice", "PASSWORD", to(loa("4"))...), "InvalidParameterException: The user cannot reach the requested authentication level.")
		s.Steps("! sign-in alice " + password)
		seed := s.enrol(s.Kept["access"])
		session = s.asked("a token", d.choose("alice", "PASSWORD", to(loa("4"))...), "SOFTWARE_TOKEN_MFA")
		s.reached("a token", d.reply("SOFTWARE_TOKEN_MFA", session, "alice", "SOFTWARE_TOKEN_MFA_CODE", s.TOTP(seed)), "4", "pwd", "otp")

		// Nothing below the level is offered.
		got := d.choose("alice", "EMAIL_OTP", "TARGET_ACR_VALUES", loa("4"))
		session = s.offers("level 4", got, "PASSWORD_SRP", "PASSWORD")
		s.refused("a code", d.reply("SELECT_CHALLENGE", session, "alice", "ANSWER", "EMAIL_OTP"), "InvalidParameterException: Selected challenge is not available for the user.")
		begun := s.exchange(d, func(a string) answer {
			return d.choose("alice", "PASSWORD_SRP", "SRP_A", a, "TARGET_ACR_VALUES", loa("4"))
		})
		s.asked("by SRP", begun.answer(password), "SOFTWARE_TOKEN_MFA")

		for _, bad := range []string{"urn:unknown", "1", loa("5"), strings.Repeat("x", 50<<10)} {
			s.refused(bad[:1], d.choose("alice", "PASSWORD", to(bad)...), "InvalidParameterException: Invalid TARGET_ACR_VALUES.")
		}
		s.granted("without a level", d.choose("alice", "PASSWORD", first...))
		if got := s.claimsOf(d.choose("alice", "PASSWORD", first...).AuthenticationResult.AccessToken); got["acr"] != nil || got["amr"] != nil {
			s.Errorf("acr and amr without a level: %v", got)
		}
	})
}

// TestStepUp raises a session by what is missing only, and makes no other of it (checklist 10, 32).
func TestStepUp(t *testing.T) {
	onEngines(t, func(s *script) {
		s.choice("choice", "")
		s.mfa("OPTIONAL", allFactors)
		d := s.door("pool", "choice", false)
		s.reachable("alice")
		s.Steps("! sign-in alice " + password)
		seed := s.enrol(s.Kept["access"])
		began := d.choose("alice", "PASSWORD", "PASSWORD", password)
		s.granted("a password", began)
		access := began.AuthenticationResult.AccessToken
		was := s.claimsOf(access)
		up := func(level string, more ...string) answer {
			return d.choose("alice", "", append([]string{"TARGET_ACR_VALUES", loa(level), "ACCESS_TOKEN", access}, more...)...)
		}
		session := s.asked("to 4", up("4"), "SOFTWARE_TOKEN_MFA")
		got := d.reply("SOFTWARE_TOKEN_MFA", session, "alice", "SOFTWARE_TOKEN_MFA_CODE", s.TOTP(seed))
		is := s.reached("to 4", got, "4", "pwd", "otp")
		if got.AuthenticationResult.RefreshToken != "" || is["event_id"] != was["event_id"] || is["origin_jti"] != was["origin_jti"] || is["auth_time"] != was["auth_time"] {
			s.Errorf("another session: %v, was %v", is, was)
		}
		s.refused("again", d.reply("SOFTWARE_TOKEN_MFA", session, "alice", "SOFTWARE_TOKEN_MFA_CODE", s.TOTP(seed)), usedTOTP)

		// To show an access token prolongs nothing, and its session keeps what it has proven.
		shown := s.reached("to 4 again", up("4"), "4", "pwd", "otp")
		if shown["exp"].(float64) > was["exp"].(float64) {
			s.Errorf("ends at %v, the token that was shown at %v", shown["exp"], was["exp"])
		}
		refreshed := d.initiate("REFRESH_TOKEN_AUTH", map[string]string{"REFRESH_TOKEN": began.AuthenticationResult.RefreshToken})
		s.reached("a refresh", refreshed, "4", "pwd", "otp")

		s.asked("too old", up("4", "MAX_AGE", "0", "PREFERRED_CHALLENGE", "PASSWORD"), "PASSWORD")
		s.refused("no age", up("4", "MAX_AGE", "-1"), "InvalidParameterException: Invalid MAX_AGE.")
		s.refused("no token", d.choose("alice", "", "TARGET_ACR_VALUES", loa("1"), "ACCESS_TOKEN", "x"), "NotAuthorizedException: Invalid Access Token")
		s.Steps("! user bob " + password)
		s.refused("another's", d.choose("bob", "", "TARGET_ACR_VALUES", loa("1"), "ACCESS_TOKEN", access), "NotAuthorizedException: Incorrect username or password.")
		s.Steps(`> CreateUserPoolClient {"UserPoolId":"${pool}","ClientName":"another","ExplicitAuthFlows":["ALLOW_USER_AUTH"]}`, `< {"UserPoolClient":{"...":1,"ClientId":"${another}"}}`)
		s.refused("another client's", s.door("pool", "another", false).choose("alice", "", "TARGET_ACR_VALUES", loa("1"), "ACCESS_TOKEN", access), "NotAuthorizedException: Invalid Access Token")

		// What is not valid any more does not count.
		s.Steps(`> Cognate.AdminDeleteSoftwareToken {"UserPoolId":"${pool}","Username":"alice"}`, `< {}`)
		s.refused("without the token", up("4"), "InvalidParameterException: The user cannot reach the requested authentication level.")
		s.reached("the password", up("1"), "1", "pwd")
		s.Steps(`> AdminSetUserPassword {"UserPoolId":"${pool}","Username":"alice","Password":"`+password+`","Permanent":true}`, `< {}`)
		s.offers("after a new password", up("1"), "PASSWORD_SRP", "PASSWORD", "EMAIL_OTP", "SMS_OTP")
		s.Steps(`> AdminUserGlobalSignOut {"UserPoolId":"${pool}","Username":"alice"}`, `< {}`)
		s.refused("after a sign-out", up("1"), "NotAuthorizedException: Access Token has been revoked")
	})
}

// TestStepUpTakesNoWeakerFactor asks for a level that a weaker factor reaches, too (checklist 10).
func TestStepUpTakesNoWeakerFactor(t *testing.T) {
	onEngines(t, func(s *script) {
		s.choice("choice", "")
		s.mfa("OPTIONAL", allFactors)
		d := s.door("pool", "choice", false)
		s.reachable("alice")
		s.Steps("! sign-in alice " + password)
		s.enrol(s.Kept["access"])
		weak := d.choose("alice", "PASSWORD", "PASSWORD", password, "TARGET_ACR_VALUES", loa("3"))
		session := s.asked("all", weak, "SELECT_MFA_TYPE")
		session = s.asked("e-mail", d.reply("SELECT_MFA_TYPE", session, "alice", "ANSWER", "EMAIL_OTP"), "EMAIL_OTP")
		got := d.reply("EMAIL_OTP", session, "alice", "EMAIL_OTP_CODE", s.sent("alice@factor.test"))
		s.reached("before", got, "3", "pwd", "email_otp")

		choosing := s.asked("all", d.choose("alice", "PASSWORD", "PASSWORD", password, "TARGET_ACR_VALUES", loa("3")), "SELECT_MFA_TYPE")
		s.prefers("alice", `"SoftwareTokenMfaSettings":{"Enabled":true}`)
		for _, level := range []string{"1", "2", "3", "4"} {
			s.asked("level "+level, d.choose("alice", "PASSWORD", "PASSWORD", password, "TARGET_ACR_VALUES", loa(level)), "SOFTWARE_TOKEN_MFA")
			s.asked("credit "+level, d.choose("alice", "", "TARGET_ACR_VALUES", loa(level), "ACCESS_TOKEN", got.AuthenticationResult.AccessToken), "SOFTWARE_TOKEN_MFA")
		}
		s.refused("an older choice", d.reply("SELECT_MFA_TYPE", choosing, "alice", "ANSWER", "EMAIL_OTP"), "InvalidParameterException: Invalid MFA type selected.")
	})
}

// TestStepUpForgivesNothing guesses with an access token at hand (checklist 5).
func TestStepUpForgivesNothing(t *testing.T) {
	onEngines(t, func(s *script) {
		s.choice("choice", "")
		d := s.door("pool", "choice", false)
		s.Steps("! user alice "+password, "! sign-in alice "+password)
		access := d.password("alice", password).AuthenticationResult.AccessToken
		for range 5 {
			s.refused("a guess", d.password("alice", "guess"), "NotAuthorizedException: Incorrect username or password.")
			s.reached("with a token", d.choose("alice", "", "TARGET_ACR_VALUES", loa("1"), "ACCESS_TOKEN", access), "1", "pwd")
		}
		s.refused("the right one", d.password("alice", password), "NotAuthorizedException: Password attempts exceeded")
	})
}

// TestCodesNobodyAsksForAnyMore answers with a code that would not be sent now (checklist 10).
func TestCodesNobodyAsksForAnyMore(t *testing.T) {
	onEngines(t, func(s *script) {
		s.choice("choice", "")
		s.mfa("OPTIONAL", allFactors)
		d := s.door("pool", "choice", false)
		email, _ := s.reachable("alice")
		code := func() string { return s.sent(email) }
		mailed := func(got answer) string { return s.asked("mailed", got, "EMAIL_OTP") }
		onlyPasswords := `> UpdateUserPool {"UserPoolId":"${pool}","AutoVerifiedAttributes":["email"],"MfaConfiguration":"OPTIONAL"}`
		first := mailed(d.choose("alice", "EMAIL_OTP"))
		s.Steps(onlyPasswords, `< {}`)
		s.refused("as a first factor", d.reply("EMAIL_OTP", first, "alice", "EMAIL_OTP_CODE", code()), badSession)

		s.mfa("OPTIONAL", allFactors)
		s.prefers("alice", `"EmailMfaSettings":{"Enabled":true}`)
		second := mailed(d.password("alice", password))
		s.prefers("alice", `"EmailMfaSettings":{"Enabled":false},"SMSMfaSettings":{"Enabled":true}`)
		s.refused("as a second factor", d.reply("EMAIL_OTP", second, "alice", "EMAIL_OTP_CODE", code()), badSession)

		s.prefers("alice", `"EmailMfaSettings":{"Enabled":true},"SMSMfaSettings":{"Enabled":false}`)
		second = mailed(d.password("alice", password))
		s.mfa("OPTIONAL", `"SoftwareTokenMfaConfiguration":{"Enabled":true}`)
		s.refused("as one of the pool's", d.reply("EMAIL_OTP", second, "alice", "EMAIL_OTP_CODE", code()), badSession)
	})
}

// TestSetUpIsTheClients sets up an address through a client that may not write it, and a factor that the pool
// then stops to require (checklist 10, 54).
func TestSetUpIsTheClients(t *testing.T) {
	onEngines(t, func(s *script) {
		s.Steps(`> CreateUserPoolClient {"UserPoolId":"${pool}","ClientName":"c","WriteAttributes":["name"],"ExplicitAuthFlows":["ALLOW_USER_PASSWORD_AUTH"]}`,
			`< {"UserPoolClient":{"...":1,"ClientId":"${choice}"}}`)
		s.mfa("ON", `"SoftwareTokenMfaConfiguration":{"Enabled":true},"EmailMfaConfiguration":{}`)
		d := s.door("pool", "choice", false)
		s.Steps("! user alice " + password)
		session := s.asked("set-up", d.password("alice", password), "MFA_SETUP")
		s.refused("an address", d.reply("MFA_SETUP", session, "alice", "EMAIL", "a@setup.test"), "NotAuthorizedException: A client attempted to write unauthorized attribute")

		s.Kept["setup"] = session
		s.Steps(`> AssociateSoftwareToken {"Session":"${setup}"}`, `< {"SecretCode":"${seed}","Session":"${begun}"}`, "! totp ${seed}",
			`> VerifySoftwareToken {"Session":"${begun}","UserCode":"${totp}"}`, `< {"Status":"SUCCESS","Session":"${ready}"}`)
		s.mfa("OPTIONAL", `"SoftwareTokenMfaConfiguration":{"Enabled":true}`)
		s.asked("once it is the user's choice", d.password("alice", password), "SOFTWARE_TOKEN_MFA")
		s.Steps(`> Cognate.AdminDeleteSoftwareToken {"UserPoolId":"${pool}","Username":"alice"}`, `< {}`)
		s.refused("with what has been taken away", d.respond("MFA_SETUP", s.Kept["ready"], map[string]string{"USERNAME": "alice"}), badSession)
	})
}
