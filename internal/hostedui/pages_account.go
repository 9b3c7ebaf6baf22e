package hostedui

import (
	"html/template"
	"time"
)

// Values of FieldAction on the account page; its forms have it as a hidden field.
const (
	AccountAttributes    = "attributes"     // AttributeField of each that is not ReadOnly
	AccountSendCode      = "send-code"      // FieldName: email or phone_number
	AccountVerify        = "verify"         // FieldName, FieldCode
	AccountPassword      = "password"       // FieldOldPassword unless NoPassword, FieldNewPassword, FieldRepeat
	AccountFactors       = "factors"        // FieldEnabled for each factor that is on, FieldPreferred at most once
	AccountTOTP          = "totp"           // shows TOTPSetup
	AccountRecoveryCodes = "recovery-codes" // makes new ones
	AccountAddPasskey    = "add-passkey"    // shows PasskeyOffer
	AccountDeletePasskey = "delete-passkey" // FieldID
	AccountForgetDevice  = "forget-device"  // FieldID
	AccountLink          = "link"           // FieldName: a provider; leads there
	AccountUnlink        = "unlink"         // FieldName: a provider, FieldID: its subject
	AccountEndSession    = "end-session"    // FieldID
	AccountEndOthers     = "end-others"
	AccountSignOut       = "sign-out"
	AccountDelete        = "delete" // FieldSure is "yes", else the box was not ticked
)

// Fields of the account page.
const (
	FieldName      = "name"
	FieldID        = "id"
	FieldEnabled   = "enabled"   // a Factor
	FieldPreferred = "preferred" // a Factor
	FieldSure      = "sure"
)

// Account is where users see to their own account. All forms post to Action. A section whose member is nil is left out.
type Account struct {
	Frame
	Username   string // as people know the user: what they sign in with
	Attributes []Attribute
	// NoPassword says that the user has none yet; NoPasswordSection leaves the section out.
	NoPassword, NoPasswordSection bool
	Policy                        Policy
	Factors                       *Factors
	RecoveryCodes                 *RecoveryCodes
	Passkeys                      *Passkeys
	Identities                    *Identities
	Devices                       []Device
	Sessions                      []Session
	Delete                        bool         // offers to delete the account
	Continue                      template.URL // back to the app, by a callback of the client's; "" for no link
}

// Factors are the user's second factors.
type Factors struct {
	// Required says that the pool asks everybody, so that the last one cannot be turned off.
	Required bool
	List     []FactorState
	// TOTP shows the way to register an authenticator app, or another in place of the one there is.
	TOTP bool
}

// FactorState is a second factor: SMSMFA, EmailOTP or TOTP.
type FactorState struct {
	Factor Factor
	// Usable says that the user has what it takes: an app, a number, an address. One that is not can only be looked at.
	Usable, Enabled, Preferred bool
}

// RecoveryCodes are the user's codes for when the authenticator app is lost.
type RecoveryCodes struct {
	Remaining int
	// New are codes just made, shown this once.
	New []string
}

// Passkeys are the user's passkeys.
type Passkeys struct {
	List []Passkey
	// Add shows the way to make one.
	Add bool
}

// Passkey is one of them. Name may be "".
type Passkey struct {
	ID, Name string
	Created  time.Time
}

// Identities are the user's accounts at identity providers.
type Identities struct {
	List []Identity
	// Add are providers of which the user may link one.
	Add []Provider
}

// Identity is an account at a provider, which names it ID. Own is the one that the user was made for: it has no button to unlink
// it.
type Identity struct {
	Provider Provider
	ID       string
	Created  time.Time
	Own      bool
}

// Device is a remembered device. Name may be "".
type Device struct {
	ID, Name string
	LastUsed time.Time
}

// Session is a live sign-in. What is not known is "" or zero.
type Session struct {
	ID, Client, Browser, Address string
	Created, LastUsed            time.Time
	// Current is the one that the page is seen with: it has no button to end it.
	Current bool
}

func (*Account) template() string { return "account" }
