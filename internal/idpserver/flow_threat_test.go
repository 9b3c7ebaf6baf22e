package idpserver_test

import (
	"testing"

	"cognate/internal/scripttest"
)

// protected has ${pool} under threat protection, with second factors by e-mail for who wants them.
func (s *script) protected(mode string) {
	s.Helper()
	s.Steps(`> UpdateUserPool {"UserPoolId":"${pool}","UserPoolTier":"PLUS","AutoVerifiedAttributes":["email"],"UserPoolAddOns":{"AdvancedSecurityMode":"`+mode+`"}}`, `< {}`)
	s.mfa("OPTIONAL", `"EmailMfaConfiguration":{}`)
}

// acts has the same done about every risk.
func (s *script) acts(action, passwords string) {
	s.Helper()
	a := `{"Notify":false,"EventAction":"` + action + `"}`
	s.Steps(`> SetRiskConfiguration {"UserPoolId":"${pool}","AccountTakeoverRiskConfiguration":{"Actions":{"LowAction":`+a+`,"MediumAction":`+a+`,"HighAction":`+a+`}},
		"CompromisedCredentialsRiskConfiguration":{"Actions":{"EventAction":"`+passwords+`"}}}`, `< {"...":1}`)
}

const (
	byAdmin = `> AdminInitiateAuth {"UserPoolId":"${pool}","ClientId":"${client}","AuthFlow":"ADMIN_USER_PASSWORD_AUTH","AuthParameters":{"USERNAME":"ann","PASSWORD":"` + password + `"},` +
		`"ContextData":{"ServerName":"s","ServerPath":"/","IpAddress":`
	atHomeBy    = byAdmin + `"203.0.113.1","HttpHeaders":[{"headerName":"User-Agent","headerValue":"Firefox/1 Linux"}]}}`
	elsewhereBy = byAdmin + `"198.51.100.1","HttpHeaders":[{"headerName":"User-Agent","headerValue":"curl/8"}]}}`
	blocked     = `< NotAuthorizedException: Unable to login because of security reasons.`
)

// TestNewDevice asks for more where a user comes from a new place, as the configuration says for it, and for nothing once
// the place is known: by an administrator, who tells where the user is.
func TestNewDevice(t *testing.T) {
	onEngines(t, func(s *script) {
		s.Steps("! user ann " + password + " ann@threat.test")
		s.protected("ENFORCED")
		s.acts("BLOCK", "NO_ACTION")
		s.Steps(atHomeBy, `< {"...":1,"AuthenticationResult":{"...":1}}`, elsewhereBy, blocked)
		s.acts("MFA_REQUIRED", "NO_ACTION")
		s.Steps(elsewhereBy, `< {"...":1,"ChallengeName":"EMAIL_OTP","Session":"${session}"}`, "! code ann@threat.test",
			`> AdminListUserAuthEvents {"UserPoolId":"${pool}","Username":"ann","MaxResults":1}`,
			`< {"NextToken":"*","AuthEvents":[{"...":1,"EventResponse":"InProgress","EventRisk":{"RiskDecision":"AccountTakeover","RiskLevel":"Medium","CompromisedCredentialsDetected":false}}]}`,
			`> AdminRespondToAuthChallenge {"UserPoolId":"${pool}","ClientId":"${client}","ChallengeName":"EMAIL_OTP","Session":"${session}","ChallengeResponses":{"USERNAME":"ann","EMAIL_OTP_CODE":"${code}"}}`,
			`< {"...":1,"AuthenticationResult":{"...":1}}`,
			`> AdminListUserAuthEvents {"UserPoolId":"${pool}","Username":"ann","MaxResults":1}`,
			`< {"NextToken":"*","AuthEvents":[{"...":1,"EventResponse":"Pass","ChallengeResponses":[{"ChallengeName":"Password","ChallengeResponse":"Success"},{"ChallengeName":"Mfa","ChallengeResponse":"Success"}]}]}`,
			elsewhereBy, `< {"...":1,"ChallengeParameters":{},"AuthenticationResult":{"...":1}}`)
	})
}

// TestGivenAddress takes the address that an app gives from clients that may give one, and have shown their secret: from
// any other it counts for nothing (checklist 11).
func TestGivenAddress(t *testing.T) {
	onEngines(t, func(s *script) {
		s.Steps("! user ann "+password, "! secret-client", "! hash ann ${secret-client} ${secret}")
		s.protected("ENFORCED")
		s.Steps(`> SetRiskConfiguration {"UserPoolId":"${pool}","RiskExceptionConfiguration":{"BlockedIPRangeList":["198.51.100.0/24"]}}`, `< {"...":1}`)
		from := func(client, more string) string {
			return `> InitiateAuth {"ClientId":"${` + client + `}","AuthFlow":"USER_PASSWORD_AUTH","AuthParameters":{"USERNAME":"ann","PASSWORD":"` + password + `"` + more + `},"UserContextData":{"IpAddress":"198.51.100.1"}}`
		}
		const hash, granted = `,"SECRET_HASH":"${hash}"`, `< {"...":1,"AuthenticationResult":{"...":1}}`
		s.Steps(from("client", ""), granted, from("secret-client", hash), granted,
			`> UpdateUserPoolClient {"UserPoolId":"${pool}","ClientId":"${secret-client}","ExplicitAuthFlows":["ALLOW_USER_PASSWORD_AUTH"],"EnablePropagateAdditionalUserContextData":true}`, `< {"...":1}`,
			from("secret-client", hash), blocked)
	})
}

// TestPublicPasswordReplaced has a user choose another password before signing in again (checklist 3).
func TestPublicPasswordReplaced(t *testing.T) {
	onEngines(t, func(s *script) {
		const public, reset = scripttest.PublicPassword, `< PasswordResetRequiredException: Password reset required for user due to security reasons.`
		signIn := func(word string) string {
			return `> InitiateAuth {"ClientId":"${client}","AuthFlow":"USER_PASSWORD_AUTH","AuthParameters":{"USERNAME":"ann","PASSWORD":"` + word + `"}}`
		}
		s.Steps("! user ann " + public + " ann@public.test")
		s.protected("ENFORCED")
		s.acts("NO_ACTION", "BLOCK")
		s.Steps(signIn(public), reset, `> AdminGetUser {"UserPoolId":"${pool}","Username":"ann"}`, `< {"...":1,"UserStatus":"RESET_REQUIRED"}`,
			`> ForgotPassword {"ClientId":"${client}","Username":"ann"}`, `< {"...":1}`, "! code ann@public.test",
			`> ConfirmForgotPassword {"ClientId":"${client}","Username":"ann","ConfirmationCode":"${code}","Password":"`+public+`"}`,
			`< InvalidPasswordException: Provided password cannot be used for security reasons.`,
			`> ConfirmForgotPassword {"ClientId":"${client}","Username":"ann","ConfirmationCode":"${code}","Password":"`+password+`"}`, `< {}`,
			signIn(password), `< {"...":1,"AuthenticationResult":{"...":1}}`)

		// A temporary password has to be replaced in any case, but not by such a one.
		s.Steps(`> AdminCreateUser {"UserPoolId":"${pool}","Username":"eve","MessageAction":"SUPPRESS","TemporaryPassword":"`+password+`"}`, `< {"...":1}`,
			`> InitiateAuth {"ClientId":"${client}","AuthFlow":"USER_PASSWORD_AUTH","AuthParameters":{"USERNAME":"eve","PASSWORD":"`+password+`"}}`,
			`< {"...":1,"ChallengeName":"NEW_PASSWORD_REQUIRED","Session":"${session}"}`,
			`> RespondToAuthChallenge {"ClientId":"${client}","ChallengeName":"NEW_PASSWORD_REQUIRED","Session":"${session}","ChallengeResponses":{"USERNAME":"eve","NEW_PASSWORD":"`+public+`"}}`,
			`< InvalidPasswordException: Provided password cannot be used for security reasons.`,
			`> RespondToAuthChallenge {"ClientId":"${client}","ChallengeName":"NEW_PASSWORD_REQUIRED","Session":"${session}","ChallengeResponses":{"USERNAME":"eve","NEW_PASSWORD":"`+password+`2"}}`,
			`< {"...":1,"AuthenticationResult":{"...":1}}`)
	})
}
