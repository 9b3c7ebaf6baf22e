package hostedui

import (
	"html/template"
	"net/url"
)

// Paths that the pages themselves link to. Links and form actions keep Frame.Query.
const (
	PathLogin   = "/login"
	PathSignUp  = "/signup"
	PathConfirm = "/confirm"
	PathResend  = "/resendcode"
	PathForgot  = "/forgotPassword"
	PathReset   = "/confirmforgotPassword"
)

// Fields of the forms. Every form also has browser.FormField, hidden.
const (
	FieldUsername    = "username"
	FieldPassword    = "password"
	FieldAsfData     = "cognitoAsfData" // always empty: there is no fingerprinting here
	FieldSession     = "session"        // of a Turn, hidden
	FieldChallenge   = "challenge"      // of a Turn, hidden
	FieldCode        = "code"
	FieldOldPassword = "old_password"
	FieldNewPassword = "new_password"
	FieldRepeat      = "repeat"     // the new password once more
	FieldAnswer      = "answer"     // the chosen factor: a Factor
	FieldEmail       = "email"      // where e-mail codes shall go; whose domain is a provider's
	FieldCredential  = "credential" // the JSON of a passkey's answer, written by passkey.js
	FieldLink        = "link"       // what the link of an e-mail carried
	FieldAction      = "action"     // which button was pressed: an Action; absent for a page's main one
)

// AttributeField names the field of an attribute: "userAttributes.email".
func AttributeField(name string) string { return "userAttributes." + name }

// Values of FieldAction on the pages of a sign-in. None of these buttons has the browser check the fields.
const (
	ActionPasskey  = "passkey"  // SignIn, SignInStart: with a passkey, by the username typed
	ActionDomain   = "domain"   // SignIn, SignInStart: at the provider that an e-mail address belongs to
	ActionResend   = "resend"   // Code, Confirm, Reset: send a code again
	ActionRecovery = "recovery" // Code: show the page for a recovery code
	ActionOther    = "other"    // Password, Code, TOTPSetup, EmailSetup, PasskeySignIn: choose another way
	ActionSkip     = "skip"     // PasskeyOffer: not now
)

// Page is one of this file's structs, by pointer.
type Page interface {
	frame() *Frame
	template() string
}

// Frame is what all pages have. Its zero value is a page in English with the house's own look, and no form.
type Frame struct {
	// Language is what View.Language chose; "" and one that View does not have are English.
	Language string
	// Theme is the look; nil is the house's own.
	Theme *Theme
	// Action is the path that the page's forms post to, without a query, such as PathLogin.
	Action string
	// Query is the authorization request's query in encoded form, without "?" and without lang: all links and
	// form actions carry it.
	Query string
	// Token is the value of browser.FormField.
	Token string
	// Error is what failed, in the API's English text or one of this package's Text constants: a known text
	// is shown in the page's language, an unknown one as it is, and "" not at all.
	Error string
	// FieldErrors are the same by the name of a field, shown at the field and listed with Error. One that
	// names no field of the page is shown only in the list.
	FieldErrors map[string]string
	// Notice is what went well, in the way of Error.
	Notice string
	// Terms are the links to terms, nil for none.
	Terms *Terms
	// LanguagePath is where a change of language leads, with Query and lang: a path that shows this page to
	// GET, such as PathLogin. "" hides the choice, as it must be where the page is the answer to a form.
	LanguagePath string
}

func (f *Frame) frame() *Frame { return f }

// Terms are shown only as a pair, as in Cognito.
type Terms struct{ Use, Privacy string }

// Names says what can be typed where a user is named. The label and the kind of keyboard depend on it.
// Zero is NameUsername. A preferred_username is a NameUsername, too.
type Names uint8

// What a user can be named by; they add up.
const (
	NameUsername Names = 1 << iota
	NameEmail
	NamePhone
)

// Provider is a button that leads to an external identity provider.
type Provider struct {
	// Name is the provider's own, such as "Google" or "SignInWithApple", and Label what people call it; ""
	// takes what Cognito's four social names mean, else Name.
	Name, Label string
	// URL is where the button leads, with the query that shall come along.
	URL string
}

// Turn is where a sign-in stands: a challenge of the API, passed through the page in hidden fields.
type Turn struct {
	Session, Challenge, Username string
}

// Factor is a way to prove who one is: the API's name of a challenge.
type Factor string

// The factors that a page can offer. EmailOTP serves as first and as second factor.
const (
	Password Factor = "PASSWORD"
	EmailOTP Factor = "EMAIL_OTP"
	SMSOTP   Factor = "SMS_OTP"
	WebAuthn Factor = "WEB_AUTHN"
	SMSMFA   Factor = "SMS_MFA"
	TOTP     Factor = "SOFTWARE_TOKEN_MFA"
)

// Policy is what a new password must have, told beside its field. Zero tells nothing.
type Policy struct {
	MinLength                            int
	Uppercase, Lowercase, Number, Symbol bool
}

// Attribute is a user's attribute as a field.
type Attribute struct {
	// Name is the API's: "email", "custom:team". Label is what people call it; "" translates a standard name,
	// and shows a custom one without its prefix.
	Name, Label string
	Value       string
	// Type is String, Number, Boolean or DateTime, as in a schema; "" is String. The standard ones that are
	// dates, addresses or links get the right field by their name.
	Type     string
	Required bool
	// MinLength and MaxLength count characters, 0 for no limit.
	MinLength, MaxLength int
	// Min and Max bound a Number, "" for no bound.
	Min, Max string
	// ReadOnly shows the value without a field. Only the account page has such.
	ReadOnly bool
	// Verification is for email and phone_number on the account page; "" says nothing about it.
	Verification Verification
	// CodeError is what was wrong with the code, in the way of Frame.Error; with CodeSent only.
	CodeError string
}

// Verification is how far the proof is that an address is the user's.
type Verification string

// Unverified offers to send a code, CodeSent asks for it and offers another.
const (
	Verified   Verification = "verified"
	Unverified Verification = "unverified"
	CodeSent   Verification = "sent"
)

// SignIn asks for a username and a password on one page. Posts FieldUsername, FieldPassword, FieldAsfData,
// signInSubmitButton; or ActionPasskey.
type SignIn struct {
	Frame
	Username string // filled in: login_hint, or what was typed
	Names    Names
	// Local shows the form; without it there are the providers only.
	Local bool
	// SignUp, Forgot and Passkey show the ways to sign up, to reset a password, and to use a passkey.
	SignUp, Forgot, Passkey bool
	Others
}

// Others are the ways to sign in at other identity providers.
type Others struct {
	Providers []Provider
	// Domain shows a box for an e-mail address, by whose domain a provider is found: it posts FieldEmail and ActionDomain to
	// PathLogin. Email is what was typed.
	Domain bool
	Email  string
}

// Any reports whether there is one.
func (o Others) Any() bool { return len(o.Providers) > 0 || o.Domain }

// SignInStart asks for a username alone: how to go on is chosen after. Posts FieldUsername; or ActionPasskey.
type SignInStart struct {
	Frame
	Username        string
	Names           Names
	SignUp, Passkey bool
	Others
}

// Choice lets the user choose among factors: SELECT_CHALLENGE the first one, SELECT_MFA_TYPE the second one, MFA_SETUP
// one to set up. Posts the Turn and FieldAnswer.
type Choice struct {
	Frame
	Turn
	Factors []Factor
}

// PasswordEntry asks for the password of a known user. Posts the Turn and FieldPassword.
type PasswordEntry struct {
	Frame
	Turn
	Forgot, Other bool
}

// CodeKind is where a code comes from.
type CodeKind string

// The kinds of codes. Those of apps have six digits, recovery codes letters too.
const (
	CodeApp      CodeKind = "app"
	CodeSMS      CodeKind = "sms"
	CodeEmail    CodeKind = "email"
	CodeRecovery CodeKind = "recovery"
)

// Code asks for a code. Posts the Turn and FieldCode; or ActionResend, ActionRecovery, ActionOther.
type Code struct {
	Frame
	Turn
	Kind CodeKind
	// Destination is where the code went, masked; "" for none.
	Destination string
	// Resend, Recovery and Other show these ways out.
	Resend, Recovery, Other bool
}

// TOTPSetup registers an authenticator app: in a sign-in with a Turn, from the account page without. Posts the Turn
// and FieldCode.
type TOTPSetup struct {
	Frame
	Turn
	// Secret is in base32, and URI what the QR code holds (otpauth://totp/...), at most 500 bytes: with a
	// longer one, or "", the page has no QR code.
	Secret, URI string
	// Other offers other factors; Cancel links back to where the user came from, "" for no link.
	Other  bool
	Cancel string
}

// EmailSetup asks for the address that e-mail codes shall go to. Posts the Turn and FieldEmail.
type EmailSetup struct {
	Frame
	Turn
	Email string
	Other bool
}

// NewPassword asks for a new password in place of a temporary one, and for what the pool requires and the user lacks.
// Posts the Turn, FieldNewPassword, FieldRepeat, and AttributeField of each.
type NewPassword struct {
	Frame
	Turn
	Policy     Policy
	Attributes []Attribute
}

// SignUp registers a user. Posts FieldUsername, FieldPassword and FieldRepeat unless Passwordless, AttributeField of each.
type SignUp struct {
	Frame
	Username string
	// Names is what serves as username; an attribute that is the username is not among Attributes.
	Names        Names
	Attributes   []Attribute
	Policy       Policy
	Passwordless bool
	Others
}

// Confirm asks for the code that confirms a sign-up. Posts FieldUsername and FieldCode; ActionResend posts to PathResend.
type Confirm struct {
	Frame
	Username string
	// Kind is CodeSMS or CodeEmail, "" when it is not known, and Destination masked, "" likewise.
	Kind        CodeKind
	Destination string
	Resend      bool
}

// Forgot asks whose password to reset. Posts FieldUsername.
type Forgot struct {
	Frame
	Username string
	Names    Names
}

// Reset asks for the code and a new password. Posts FieldUsername (hidden), FieldCode, FieldNewPassword, FieldRepeat; or
// ActionResend.
type Reset struct {
	Frame
	Username    string
	Kind        CodeKind
	Destination string
	Policy      Policy
	Resend      bool
}

// PasskeySignIn has the browser use a passkey. Posts the Turn and FieldCredential, written by passkey.js; or ActionOther.
type PasskeySignIn struct {
	Frame
	Turn
	// Options is the JSON of a PublicKeyCredentialRequestOptionsJSON.
	Options string
	Other   bool
}

// PasskeyOffer has the browser make a passkey. Posts FieldCredential, written by passkey.js; or ActionSkip.
type PasskeyOffer struct {
	Frame
	// Options is the JSON of a PublicKeyCredentialCreationOptionsJSON.
	Options string
	// Skip shows a way past.
	Skip bool
}

// LinkSent says that an e-mail with a link is on its way.
type LinkSent struct {
	Frame
	Destination string // masked
}

// LinkLanding is where a link to sign in leads: it takes a press of a button to use it, for programs that check
// mail open links, too. Posts FieldUsername and FieldLink.
type LinkLanding struct {
	Frame
	Username, Link string
}

// Confirmed says that a sign-up is confirmed.
type Confirmed struct {
	Frame
	Continue template.URL // where to go on, a callback of the client's; "" for no link
}

// Feedback asks whether a sign-in that a mail has told of was the user's, and takes a press of a button for it; when Given,
// it thanks. Posts FieldAnswer and FieldLink.
type Feedback struct {
	Frame
	Value string // "Valid" or "Invalid"
	Link  string // what the link of the mail carried
	Given bool
}

// SignedOut says so.
type SignedOut struct {
	Frame
	Continue string // where to sign in again, "" for no link
}

// Failure is the error page: Frame.Error says more, Code is the error's code, and Request names the request for the log. Each may
// be "".
type Failure struct {
	Frame
	Code, Request string
}

// Unavailable says that a client has no branding and so no pages.
type Unavailable struct{ Frame }

func (*SignIn) template() string        { return "signin" }
func (*SignInStart) template() string   { return "signin_start" }
func (*Choice) template() string        { return "choice" }
func (*PasswordEntry) template() string { return "password" }
func (*Code) template() string          { return "code" }
func (*TOTPSetup) template() string     { return "totp_setup" }
func (*EmailSetup) template() string    { return "email_setup" }
func (*NewPassword) template() string   { return "new_password" }
func (*SignUp) template() string        { return "signup" }
func (*Confirm) template() string       { return "confirm" }
func (*Forgot) template() string        { return "forgot" }
func (*Reset) template() string         { return "reset" }
func (*PasskeySignIn) template() string { return "passkey_signin" }
func (*PasskeyOffer) template() string  { return "passkey_offer" }
func (*LinkSent) template() string      { return "link_sent" }
func (*LinkLanding) template() string   { return "link_landing" }
func (*Confirmed) template() string     { return "confirmed" }
func (*Feedback) template() string      { return "feedback" }
func (*SignedOut) template() string     { return "signed_out" }
func (*Failure) template() string       { return "failure" }
func (*Unavailable) template() string   { return "unavailable" }

// link appends the query that is kept to a path.
func (f *Frame) link(path string) string {
	if f.Query == "" {
		return path
	}
	return path + "?" + f.Query
}

// kept is Query as the fields of a GET form.
func (f *Frame) kept() url.Values {
	v, _ := url.ParseQuery(f.Query) // what is malformed is left out
	v.Del("lang")
	return v
}
