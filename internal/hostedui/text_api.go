package hostedui

import "strings"

// What the pages say beyond the API's texts, for Frame.Error, FieldErrors and Notice.
const (
	TextRequired        = "This field is required."
	TextPasswordsDiffer = "The passwords do not match."
	TextFormExpired     = "The page was open for too long. Please try again."
	TextInternal        = "Something went wrong. Please try again."
	TextNotSure         = "Tick the box to confirm."
	TextInvalid         = "A value is too short, too long, or has characters that are not allowed."

	TextSaved           = "Your changes have been saved."
	TextCodeSent        = "A new code is on its way."
	TextPasswordChanged = "Your password has been changed."
	TextVerified        = "Your address has been verified."
	TextAppAdded        = "Your authenticator app is set up."
	TextPasskeyAdded    = "Your passkey has been added."
	TextPasskeyDeleted  = "The passkey has been deleted."
	TextDeviceForgotten = "The device has been forgotten."
	TextSessionEnded    = "The session has been ended."
	TextSessionsEnded   = "You have been signed out everywhere else."
	TextAccountDeleted  = "Your account has been deleted."
	TextConfirmed       = "Your registration has been confirmed!"
	TextOtherBrowser    = "Open the link in the browser in which you asked for it."
	TextSignInAgain     = "For your security, please sign in again."
	TextSignInFailed    = "Signing in has failed. Please try again."
	TextNoProvider      = "There is no sign-in for this address."

	TextIdentityLinked   = "The account has been linked."
	TextIdentityUnlinked = "The account has been unlinked."
	TextIdentityTaken    = "That account belongs to another user already."
	TextIdentitiesFull   = "No more accounts can be linked."
	TextLinkFailed       = "The account could not be linked. Please try again."
)

// texts are the texts that pages can show, by the key of their translation.
var texts = map[string]string{
	TextRequired:        "error.required",
	TextPasswordsDiffer: "error.passwords_differ",
	TextFormExpired:     "error.form_expired",
	TextInternal:        "error.internal",
	TextNotSure:         "error.not_sure",
	TextInvalid:         "error.invalid",

	TextSaved:           "notice.saved",
	TextCodeSent:        "notice.code_sent",
	TextPasswordChanged: "notice.password_changed",
	TextVerified:        "notice.verified",
	TextAppAdded:        "notice.app_added",
	TextPasskeyAdded:    "notice.passkey_added",
	TextPasskeyDeleted:  "notice.passkey_deleted",
	TextDeviceForgotten: "notice.device_forgotten",
	TextSessionEnded:    "notice.session_ended",
	TextSessionsEnded:   "notice.sessions_ended",
	TextAccountDeleted:  "notice.account_deleted",
	TextConfirmed:       "confirmed",
	TextOtherBrowser:    "error.other_browser",
	TextSignInAgain:     "notice.signin_again",
	TextSignInFailed:    "error.signin_failed",
	TextNoProvider:      "error.no_provider",

	TextIdentityLinked:   "notice.linked",
	TextIdentityUnlinked: "notice.unlinked",
	TextIdentityTaken:    "error.link_taken",
	TextIdentitiesFull:   "error.link_full",
	TextLinkFailed:       "error.link_failed",

	"This is the only way to sign in.": "error.last_way",

	"Incorrect username or password.":           "error.incorrect",
	"User does not exist.":                      "error.unknown_user",
	"Username/client id combination not found.": "error.unknown_user",
	"User is disabled.":                         "error.disabled",
	"User is not enabled":                       "error.disabled",
	"User is not confirmed.":                    "error.unconfirmed",
	"Password reset required for the user":      "error.reset_required",
	"Temporary password has expired and must be reset by an administrator.": "error.temporary_expired",
	"Password attempts exceeded":                                                                       "error.locked",
	"Attempt limit exceeded, please try after some time.":                                              "error.limit",
	"Too many requests":                                                                                "error.limit",
	"Invalid session for the user.":                                                                    "error.session",
	"Invalid session for the user, session is expired.":                                                "error.session",
	"Invalid session for the user, session can only be used once.":                                     "error.session",
	"Invalid session provided":                                                                         "error.session",
	"Access Token has expired":                                                                         "error.session",
	"Access Token has been revoked":                                                                    "error.session",
	"Something went wrong":                                                                             "error.internal",
	"Unable to login because of security reasons.":                                                     "error.blocked",
	"Password reset required for user due to security reasons.":                                        "error.reset_required",
	"Provided password cannot be used for security reasons.":                                           "error.password_breached",
	"Invalid feedback token.":                                                                          "error.feedback",
	"Event not found.":                                                                                 "error.feedback",
	"Invalid code or auth state for the user.":                                                         "error.code_wrong",
	"Invalid code received for user":                                                                   "error.code_wrong",
	"Invalid verification code provided, please try again.":                                            "error.code_wrong",
	"Code mismatch and fail enable Software Token MFA":                                                 "error.code_wrong",
	"Invalid code provided, please request a code again.":                                              "error.code_expired",
	"Your software token has already been used once.":                                                  "error.code_used",
	"Unable to deliver the message.":                                                                   "error.delivery",
	"Cannot resend codes. Auto verification not turned on.":                                            "error.no_resend",
	"Contact administrator to reset password.":                                                         "error.contact_administrator",
	"User password cannot be reset in the current state.":                                              "error.contact_administrator",
	"SignUp is not permitted for this user pool":                                                       "error.signup_closed",
	"User already exists":                                                                              "error.user_exists",
	"An account with the given email already exists.":                                                  "error.email_exists",
	"An account with the email already exists.":                                                        "error.email_exists",
	"An account with the given phone_number already exists.":                                           "error.phone_exists",
	"An account with the phone_number already exists.":                                                 "error.phone_exists",
	"An account with the given preferred_username already exists.":                                     "error.user_exists",
	"An account with the preferred_username already exists.":                                           "error.user_exists",
	"User is already confirmed.":                                                                       "error.already_confirmed",
	"User cannot be confirmed. Current status is CONFIRMED":                                            "error.already_confirmed",
	"Invalid email address format.":                                                                    "error.email_format",
	"Username should be an email.":                                                                     "error.email_format",
	"Invalid phone number format.":                                                                     "error.phone_format",
	"Username should be a phone number.":                                                               "error.phone_format",
	"Username should be either an email or a phone number.":                                            "error.email_or_phone",
	"Invalid birthdate format. Must be YYYY-MM-DD.":                                                    "error.birthdate_format",
	"Username cannot be of email format, since user pool is configured for email alias.":               "error.username_email",
	"Username cannot be of phone number format, since user pool is configured for phone number alias.": "error.username_phone",
	"A client attempted to write unauthorized attribute":                                               "error.not_writable",
	"Password not long enough":                                                                         "error.password_short",
	"Password too long":                                                                                "error.password_long",
	"Password must have uppercase characters":                                                          "error.password_uppercase",
	"Password must have lowercase characters":                                                          "error.password_lowercase",
	"Password must have numeric characters":                                                            "error.password_number",
	"Password must have symbol characters":                                                             "error.password_symbol",
	"Password is known from a data breach":                                                             "error.password_breached",
	"Password has previously been used.":                                                               "error.password_used",
	"Selected challenge is not available for the user.":                                                "error.not_available",
	"Invalid MFA type selected.":                                                                       "error.not_available",
	"MFA method not found":                                                                             "error.no_factor",
	"User pool requires MFA: the last factor cannot be turned off.":                                    "error.last_factor",
	"Invalid MFA settings: a factor that is not enabled cannot be preferred.":                          "error.preferred_off",
	"Credential data is not valid":                                                                     "passkey.failed",
	"There is no challenge that the passkey answers.":                                                  "passkey.failed",
	"The passkey was made at an origin that is not allowed.":                                           "passkey.failed",
	"The passkey is for another relying party.":                                                        "passkey.failed",
	"The user has as many passkeys as are allowed.":                                                    "error.passkey_limit",
	"Cannot reset password for the user as there is no registered/verified email or phone_number":      "error.no_contact",
}

// Prefixes that the API puts before the reason for which it refuses a password or attributes.
var policyPrefixes = []string{
	"Password did not conform with policy: ", "Password does not conform to policy: ", "Password did not conform with password policy: ",
}

const (
	schemaPrefix  = "Attributes did not conform to the schema: "
	missingSuffix = ": The attribute is required"
	givenPrefix   = "Invalid attributes given, "
	givenSuffix   = " is missing"
)

// translate returns a text of the API in the language, and one that is not known as it is.
func (d *dictionary) translate(text string) string {
	text = strings.TrimSpace(text)
	for _, p := range policyPrefixes {
		text = strings.TrimPrefix(text, p)
	}
	if key, ok := texts[text]; ok {
		return d.say(key)
	}
	if name, ok := missing(text); ok {
		return d.say("error.attribute_required", "attribute", d.attribute(name))
	}
	return text
}

// missing returns the attribute that a text says is missing; it knows the texts that name one alone.
func missing(text string) (string, bool) {
	name, ok := strings.CutPrefix(text, givenPrefix)
	if ok {
		name, ok = strings.CutSuffix(name, givenSuffix)
	} else if name, ok = strings.CutPrefix(text, schemaPrefix); ok {
		name, ok = strings.CutSuffix(name, missingSuffix)
	}
	return name, ok && !strings.Contains(name, " ")
}

// attribute is what people call an attribute.
func (d *dictionary) attribute(name string) string {
	if key := "attribute." + name; d.has(key) {
		return d.say(key)
	}
	name = strings.TrimPrefix(name, "dev:")
	return strings.TrimPrefix(name, "custom:")
}
