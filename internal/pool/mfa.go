package pool

import (
	"context"
	"net"
	"regexp"
	"slices"

	"golang.org/x/net/publicsuffix"

	"cognate/api/idp"
	"cognate/internal/store"
)

// settings is the whole settings document of a pool: what DescribeUserPool shows, and below it what only
// GetUserPoolMfaConfig and GetLogDeliveryConfiguration do.
type settings struct {
	idp.UserPoolType
	// WithoutSMS says that SMS is no second factor although the pool can send messages.
	WithoutSMS                    bool                            `json:"WithoutSms,omitzero"`
	SoftwareTokenMfaConfiguration *idp.SoftwareTokenMfaConfigType `json:"SoftwareTokenMfaConfiguration,omitzero"`
	EmailMfaConfiguration         *idp.EmailMfaConfigType         `json:"EmailMfaConfiguration,omitzero"`
	WebAuthnConfiguration         *idp.WebAuthnConfigurationType  `json:"WebAuthnConfiguration,omitzero"`
	LogConfigurations             []*idp.LogConfigurationType     `json:"LogConfigurations,omitempty"`
}

func (s *settings) smsFactor() bool   { return s.SmsConfiguration != nil && !s.WithoutSMS }
func (s *settings) emailFactor() bool { return s.EmailMfaConfiguration != nil }

func (s *settings) totpFactor() bool {
	t := s.SoftwareTokenMfaConfiguration
	return t != nil && isTrue(t.Enabled)
}

func (s *settings) multiFactorPasskeys() bool {
	w := s.WebAuthnConfiguration
	return w != nil && w.FactorConfiguration == idp.WebAuthnFactorConfigurationTypeMultiFactorWithUserVerification
}

func (s *settings) hasFactor() bool { return s.smsFactor() || s.emailFactor() || s.totpFactor() }

// MFA returns whether a second factor is asked for: OFF, ON or OPTIONAL.
func (p *Pool) MFA() string { return p.Settings.MfaConfiguration }

// SMSFactor reports whether codes by SMS are a second factor, once [Pool.MFA] is not OFF.
func (p *Pool) SMSFactor() bool { return p.settings.smsFactor() }

// EmailFactor is SMSFactor for codes by e-mail.
func (p *Pool) EmailFactor() bool { return p.settings.emailFactor() }

// TOTPFactor is SMSFactor for software tokens.
func (p *Pool) TOTPFactor() bool { return p.settings.totpFactor() }

// FirstFactors returns what a user may sign in with: PASSWORD always, and of EMAIL_OTP, SMS_OTP and
// WEB_AUTHN what the pool allows. The slice must not be changed.
func (p *Pool) FirstFactors() []string {
	return p.Settings.Policies.SignInPolicy.AllowedFirstAuthFactors
}

// Passkeys is how a pool works with passkeys.
type Passkeys struct {
	RelyingParty string // a domain name; empty when the pool names none and has no domain, and so can have no passkeys
	Verification string // required or preferred: whether the authenticator makes sure who uses it
	MultiFactor  bool   // a passkey with verification counts as two factors
}

// Passkeys returns how the pool works with passkeys, with the defaults filled in.
func (p *Pool) Passkeys() Passkeys {
	w := copyOf(p.settings.WebAuthnConfiguration)
	return Passkeys{
		RelyingParty: or(w.RelyingPartyId, p.Host()),
		Verification: or(w.UserVerification, idp.UserVerificationTypePreferred),
		MultiFactor:  p.settings.multiFactorPasskeys(),
	}
}

// RemembersDevices reports whether users' devices get keys and can be remembered.
func (p *Pool) RemembersDevices() bool { return p.Settings.DeviceConfiguration != nil }

// DeviceReplacesMFA reports whether a remembered device stands in for the second factor.
func (p *Pool) DeviceReplacesMFA() bool {
	d := p.Settings.DeviceConfiguration
	return d != nil && isTrue(d.ChallengeRequiredOnNewDevice)
}

// AsksToRemember reports whether a device is remembered only when its user says so.
func (p *Pool) AsksToRemember() bool {
	d := p.Settings.DeviceConfiguration
	return d != nil && isTrue(d.DeviceOnlyRememberedOnUserPrompt)
}

// EmailMFA returns the pool's own texts for sign-in codes by e-mail; empty ones for a pool that has none.
func (p *Pool) EmailMFA() idp.EmailMfaConfigType { return *copyOf(p.settings.EmailMfaConfiguration) }

// MFA returns what GetUserPoolMfaConfig shows, read afresh.
func (r *Registry) MFA(ctx context.Context, id string) (out *idp.GetUserPoolMfaConfigResponse, err error) {
	err = r.db.View(ctx, func(tx *store.Tx) error {
		p, err := r.getPool(tx, id)
		if err == nil {
			out = p.settings.mfaConfig()
		}
		return err
	})
	return out, err
}

func (s *settings) mfaConfig() *idp.GetUserPoolMfaConfigResponse {
	out := &idp.GetUserPoolMfaConfigResponse{
		MfaConfiguration:              s.MfaConfiguration,
		SoftwareTokenMfaConfiguration: s.SoftwareTokenMfaConfiguration,
		EmailMfaConfiguration:         s.EmailMfaConfiguration,
		WebAuthnConfiguration:         s.WebAuthnConfiguration,
	}
	if s.smsFactor() {
		out.SmsMfaConfiguration = &idp.SmsMfaConfigType{
			SmsAuthenticationMessage: s.SmsAuthenticationMessage, SmsConfiguration: s.SmsConfiguration,
		}
	}
	return out
}

// SetMFA changes what GetUserPoolMfaConfig shows, and returns it. The factors that in leaves out are none any
// more; a request with neither MfaConfiguration nor factors leaves them as they are.
func (r *Registry) SetMFA(ctx context.Context, in *idp.SetUserPoolMfaConfigRequest) (out *idp.GetUserPoolMfaConfigResponse, err error) {
	err = r.change(ctx, in.UserPoolId, func(_ *store.Tx, old *Pool) (*settings, string, error) {
		s := *old.settings
		if err := s.setFactors(in); err != nil {
			return nil, "", err
		}
		if w := in.WebAuthnConfiguration; w != nil {
			s.WebAuthnConfiguration = w
			if err := checkRelyingParty(w.RelyingPartyId, r.opt.Dev); err != nil {
				return nil, "", err
			}
		}
		out = s.mfaConfig()
		return &s, old.Name, s.checkFactors()
	})
	return out, err
}

// setFactors takes over what in says of MFA.
func (s *settings) setFactors(in *idp.SetUserPoolMfaConfigRequest) error {
	totp := in.SoftwareTokenMfaConfiguration
	factors := in.SmsMfaConfiguration != nil || in.EmailMfaConfiguration != nil || totp != nil && isTrue(totp.Enabled)
	if in.MfaConfiguration == "" && !factors && totp == nil {
		return nil
	}
	s.MfaConfiguration = or(in.MfaConfiguration, s.MfaConfiguration)
	switch off := s.MfaConfiguration == idp.UserPoolMfaTypeOff; {
	case off && factors:
		return invalid("Invalid MFA configuration given, can't turn off MFA and configure an MFA together.")
	case !off && !factors:
		return invalid("Invalid MFA configuration given, can't disable all MFAs with a required or optional configuration.")
	}
	s.SoftwareTokenMfaConfiguration, s.EmailMfaConfiguration = totp, in.EmailMfaConfiguration
	s.WithoutSMS = factors && in.SmsMfaConfiguration == nil
	if sms := in.SmsMfaConfiguration; sms != nil {
		s.SmsAuthenticationMessage = or(sms.SmsAuthenticationMessage, s.SmsAuthenticationMessage)
		s.SmsConfiguration = or(sms.SmsConfiguration, s.SmsConfiguration)
		if s.SmsConfiguration == nil {
			return errNoSMS
		}
	}
	return nil
}

// checkFactors enforces what SetUserPoolMfaConfig must not break. Its words differ from those of the
// operations that allow the first factors.
func (s *settings) checkFactors() error {
	if s.passkeysEvadeMFA() {
		return invalid("Cannot set WebAuthn factor configuration to SINGLE_FACTOR if MFA is required and WebAuthn is an allowed first auth factor")
	}
	if err := checkFirstFactors(s); err != nil {
		return err
	}
	return checkTier(s)
}

// passkeysEvadeMFA: a passkey signs in without a second factor, so it must be two where these are required.
func (s *settings) passkeysEvadeMFA() bool {
	return s.MfaConfiguration == idp.UserPoolMfaTypeOn && !s.multiFactorPasskeys() &&
		slices.Contains(s.Policies.SignInPolicy.AllowedFirstAuthFactors, idp.AuthFactorTypeWebAuthn)
}

// checkFirstFactors keeps codes that sign in by themselves out of pools that require two factors.
func checkFirstFactors(s *settings) error {
	codes := func(factor string) bool {
		return factor == idp.AuthFactorTypeEmailOtp || factor == idp.AuthFactorTypeSmsOtp
	}
	switch {
	case s.MfaConfiguration != idp.UserPoolMfaTypeOn:
		return nil
	case slices.ContainsFunc(s.Policies.SignInPolicy.AllowedFirstAuthFactors, codes):
		return invalid("Only PASSWORD and WEB_AUTHN (if configured) can be enabled as an auth factor if MFA is enabled")
	case s.passkeysEvadeMFA():
		return invalid("WEB_AUTHN cannot be used as an auth factor when MFA is enabled if not configured for MFA.")
	}
	return nil
}

var errNoSMS = invalid("SMS configuration and Auto verification for phone_number are required when MFA is required/optional")

// checkMFA: the operations that use it configure SMS only; the other factors are there already.
func checkMFA(s *settings) error {
	if s.MfaConfiguration != idp.UserPoolMfaTypeOff && !s.hasFactor() {
		return errNoSMS
	}
	return nil
}

// domainPattern is a domain name in the form in which browsers compare it, without the dot at its end.
var domainPattern = regexp.MustCompile(`^([a-z0-9]([a-z0-9-]*[a-z0-9])?\.)*[a-z0-9]([a-z0-9-]*[a-z0-9])?$`)

// IsDomainName reports whether s is a domain name in lower case, without the dot at its end.
func IsDomainName(s string) bool { return domainPattern.MatchString(s) }

// checkRelyingParty lets a relying party be a domain that one owner controls: on a public suffix, such as
// co.uk, all its sites would share their passkeys. Development may use localhost.
func checkRelyingParty(id string, dev bool) error {
	if id == "" || dev && id == "localhost" {
		return nil
	}
	suffix, _ := publicsuffix.PublicSuffix(id)
	if !domainPattern.MatchString(id) || net.ParseIP(id) != nil || id == suffix {
		return invalid("Invalid relying party id: it must be a domain name in lower case that is not a public suffix.")
	}
	return nil
}
