package hostedui

import "time"

// shown is a page to look at and to check, with a name of its own.
type shown struct {
	name string
	page Page
}

// gallery returns every page in its states, with text in every string that a page shows.
func gallery(frame Frame, text string) []shown {
	turn := func(challenge string) Turn {
		return Turn{Session: "AYABe" + text, Challenge: challenge, Username: text}
	}
	policy := Policy{MinLength: 8, Uppercase: true, Lowercase: true, Number: true, Symbol: true}
	providers := []Provider{
		{Name: "Google", URL: "/oauth2/authorize?identity_provider=Google"}, {Name: "SignInWithApple", URL: "/oauth2/authorize?identity_provider=SignInWithApple"},
		{Name: "saml", Label: text, URL: "/oauth2/authorize?identity_provider=saml"},
	}
	failed := func(text string, fields ...string) Frame {
		f := frame
		f.Error, f.FieldErrors = text, map[string]string{}
		for _, name := range fields {
			f.FieldErrors[name] = TextRequired
		}
		return f
	}
	chosen := frame
	chosen.LanguagePath = PathLogin
	noticed := frame
	noticed.Notice = TextCodeSent
	const uri = "otpauth://totp/example.com:alice?secret=JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXPJBSW&issuer=example.com"
	return []shown{
		{"signin", &SignIn{Frame: chosen, Names: NameEmail, Local: true, SignUp: true, Forgot: true, Passkey: true, Others: Others{Providers: providers}}},
		{"signin-plain", &SignIn{Frame: chosen, Names: NameUsername, Local: true, SignUp: true, Forgot: true}},
		{"signin-failed", &SignIn{Frame: failed("Incorrect username or password."), Username: text, Names: NameUsername | NameEmail, Local: true, SignUp: true, Forgot: true}},
		{"signin-unknown-error", &SignIn{Frame: failed(text, FieldUsername, text), Username: text, Names: NamePhone, Local: true}},
		{"signin-providers", &SignIn{Frame: chosen, Others: Others{Providers: providers}}},
		{"signin-domain", &SignIn{Frame: failed("", FieldEmail), Names: NameUsername, Local: true, Others: Others{Providers: providers[:1], Domain: true, Email: text}}},
		{"signin-start", &SignInStart{Frame: chosen, Username: text, Names: NameEmail | NamePhone, SignUp: true, Passkey: true, Others: Others{Providers: providers, Domain: true}}},
		{"choice-first", &Choice{Frame: frame, Turn: turn("SELECT_CHALLENGE"), Factors: []Factor{Password, EmailOTP, SMSOTP, WebAuthn}}},
		{"choice-second", &Choice{Frame: frame, Turn: turn("SELECT_MFA_TYPE"), Factors: []Factor{TOTP, SMSMFA, EmailOTP}}},
		{"choice-setup", &Choice{Frame: frame, Turn: turn("MFA_SETUP"), Factors: []Factor{TOTP, EmailOTP}}},
		{"password", &PasswordEntry{Frame: frame, Turn: turn("PASSWORD"), Forgot: true, Other: true}},
		{"code-app", &Code{Frame: frame, Turn: turn("SOFTWARE_TOKEN_MFA"), Kind: CodeApp, Recovery: true, Other: true}},
		{"code-email", &Code{Frame: noticed, Turn: turn("EMAIL_OTP"), Kind: CodeEmail, Destination: text, Resend: true, Other: true}},
		{"code-sms", &Code{Frame: failed("", FieldCode), Turn: turn("SMS_MFA"), Kind: CodeSMS, Destination: text, Resend: true}},
		{"code-recovery", &Code{Frame: failed("Invalid code received for user"), Turn: turn("SOFTWARE_TOKEN_MFA"), Kind: CodeRecovery, Other: true}},
		{"totp-setup", &TOTPSetup{Frame: frame, Turn: turn("MFA_SETUP"), Secret: "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXPJBSW", URI: uri, Other: true}},
		{"totp-setup-account", &TOTPSetup{Frame: frame, Secret: text, URI: text, Cancel: "/account"}},
		{"email-setup", &EmailSetup{Frame: frame, Turn: turn("MFA_SETUP"), Email: text, Other: true}},
		{"new-password", &NewPassword{Frame: frame, Turn: turn("NEW_PASSWORD_REQUIRED"), Policy: policy, Attributes: galleryAttributes(text)[:3]}},
		{"signup", &SignUp{Frame: chosen, Names: NameEmail, Attributes: galleryAttributes(text)[1:4], Policy: policy, Others: Others{Providers: providers[:1]}}},
		{"signup-everything", &SignUp{Frame: failed("Password did not conform with policy: Password not long enough", FieldRepeat, AttributeField("birthdate")), Username: text, Attributes: galleryAttributes(text), Policy: policy}},
		{"signup-passwordless", &SignUp{Frame: chosen, Names: NameEmail, Passwordless: true}},
		{"confirm", &Confirm{Frame: frame, Username: text, Kind: CodeEmail, Destination: text, Resend: true}},
		{"forgot", &Forgot{Frame: chosen, Names: NameUsername | NameEmail | NamePhone}},
		{"reset", &Reset{Frame: frame, Username: text, Kind: CodeSMS, Destination: text, Policy: policy, Resend: true}},
		{"passkey-signin", &PasskeySignIn{Frame: frame, Turn: turn("WEB_AUTHN"), Options: `{"challenge":"AAAA","rpId":"` + text + `"}`, Other: true}},
		{"passkey-offer", &PasskeyOffer{Frame: frame, Options: `{"challenge":"AAAA"}` + text, Skip: true}},
		{"account", galleryAccount(frame, text)},
		{"account-busy", busyAccount(failed("Incorrect username or password.", FieldOldPassword), text)},
		{"account-bare", &Account{Frame: noticed, Username: text, Passkeys: &Passkeys{Add: true}, NoPassword: true}},
		{"link-sent", &LinkSent{Frame: frame, Destination: text}},
		{"link-landing", &LinkLanding{Frame: frame, Username: text, Link: text}},
		{"feedback-valid", &Feedback{Frame: frame, Value: "Valid", Link: text}},
		{"feedback-invalid", &Feedback{Frame: frame, Value: text, Link: text}},
		{"feedback-given", &Feedback{Frame: frame, Value: "Invalid", Given: true}},
		{"confirmed", &Confirmed{Frame: frame, Continue: "https://app.example.com/"}},
		{"signed-out", &SignedOut{Frame: chosen, Continue: "/login"}},
		{"failure", &Failure{Frame: failed(text), Code: "redirect_mismatch"}},
		{"failure-bare", &Failure{Frame: frame, Code: text}},
		{"unavailable", &Unavailable{Frame: frame}},
	}
}

func galleryAttributes(text string) []Attribute {
	return []Attribute{
		{Name: "email", Value: text, Required: true, MaxLength: 2048}, {Name: "given_name", Required: true}, {Name: "family_name", Value: text, Required: true},
		{Name: "phone_number"}, {Name: "birthdate", Value: "2001-02-03"}, {Name: "address", Value: text}, {Name: "website", Value: text}, {Name: "zoneinfo"},
		{Name: "custom:" + text, Value: text}, {Name: "custom:age", Type: "Number", Value: "4", Min: "0", Max: "120"}, {Name: "custom:member", Type: "Boolean", Value: "true"},
		{Name: "custom:since", Type: "DateTime", Label: text, Value: text, MinLength: 1},
	}
}

func galleryAccount(frame Frame, text string) *Account {
	frame.LanguagePath = "/_cognate/account"
	day := time.Date(2026, 11, 26, 14, 5, 0, 0, time.UTC)
	attributes := append(galleryAttributes(text)[1:4:4], Attribute{Name: "email", Value: text, Required: true, Verification: Verified},
		Attribute{Name: "custom:plan", Value: text, ReadOnly: true})
	attributes[2].Value, attributes[2].Verification = text, Unverified
	return &Account{
		Frame: frame, Username: text, Attributes: attributes, Policy: Policy{MinLength: 12, Number: true}, Delete: true, Continue: "https://app.example.com/",
		Factors: &Factors{TOTP: true, List: []FactorState{
			{Factor: TOTP, Usable: true, Enabled: true, Preferred: true}, {Factor: SMSMFA}, {Factor: EmailOTP, Usable: true},
		}},
		RecoveryCodes: &RecoveryCodes{Remaining: 7},
		Passkeys:      &Passkeys{Add: true, List: []Passkey{{"1" + text, text, day}, {"2", "", day.Add(-900 * time.Hour)}}},
		Identities: &Identities{Add: []Provider{{Name: "SignInWithApple"}}, List: []Identity{
			{Provider{Name: "Google"}, text, day, true}, {Provider{Name: text}, "1", day, false},
		}},
		Devices: []Device{{"us-east-1_1", text, day}, {"us-east-1_2", "", time.Time{}}},
		Sessions: []Session{
			{ID: "1", Client: text, Browser: text, Address: "198.51.100.7", Created: day.Add(-50 * time.Hour), LastUsed: day, Current: true},
			{ID: "2", Client: text, Created: day.Add(-500 * time.Hour)}, {ID: text},
		},
	}
}

// busyAccount has what galleryAccount has not: codes asked for, codes shown, what went wrong.
func busyAccount(frame Frame, text string) *Account {
	a := galleryAccount(frame, text)
	a.Attributes[2].Verification, a.Attributes[2].CodeError = CodeSent, "Invalid verification code provided, please try again."
	a.RecoveryCodes = &RecoveryCodes{Remaining: 10, New: []string{"DNFA-R77W-VPV2-9LBJ", "LRKW-DEDG-FBSU-XCNF", "53F6-SEAM-5ZZ8-A6K3", "2QZX-HP9W-AUK4-USMZ", text}}
	a.Factors.Required, a.Delete = true, false
	return a
}
