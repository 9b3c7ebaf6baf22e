package pool

import (
	"errors"
	"net/mail"
	"slices"
	"strings"

	"cognate/api/idp"
	"cognate/internal/fault"
	"cognate/internal/message"
)

// check enforces what the model's constraints do not, on completed settings.
func check(s *settings) error {
	for _, rule := range []func(*settings) error{
		checkSignInNames, checkMFA, checkSignInPolicy, checkFirstFactors, checkTier, checkAttributeUpdates, checkRecovery, checkEmail, checkLambda, checkInvitation,
	} {
		if err := rule(s); err != nil {
			return err
		}
	}
	return nil
}

func checkSignInNames(s *settings) error {
	if len(s.AliasAttributes) > 0 && len(s.UsernameAttributes) > 0 {
		return invalid("Only one of the aliasAttributes or usernameAttributes can be set in a User pool.")
	}
	return nil
}

func checkSignInPolicy(s *settings) error {
	factors := s.Policies.SignInPolicy.AllowedFirstAuthFactors
	if slices.Contains(factors, idp.AuthFactorTypeSoftwareToken) {
		return invalid("SOFTWARE_TOKEN is not supported as a first auth factor.")
	}
	if !slices.Contains(factors, idp.AuthFactorTypePassword) {
		return invalid("Password should be configured as one of the allowed first auth factors.")
	}
	return nil
}

// checkTier names all features that the pool's tier does not have.
func checkTier(s *settings) error {
	var beyond []string
	if a := s.UserPoolAddOns; a != nil && a.AdvancedSecurityMode != idp.AdvancedSecurityModeTypeOff && s.UserPoolTier != idp.UserPoolTierTypePlus {
		beyond = append(beyond, "Threat Protection")
	}
	if s.UserPoolTier == idp.UserPoolTierTypeLite {
		if len(s.Policies.SignInPolicy.AllowedFirstAuthFactors) > 1 {
			beyond = append(beyond, "Passwordless Sign-In")
		}
		if number(s.Policies.PasswordPolicy.PasswordHistorySize) > 0 {
			beyond = append(beyond, "Password History")
		}
		if s.emailFactor() {
			beyond = append(beyond, "Email MFA")
		}
		if s.WebAuthnConfiguration != nil {
			beyond = append(beyond, "Passkeys")
		}
		if c := s.LambdaConfig.PreTokenGenerationConfig; c != nil && c.LambdaVersion != idp.PreTokenGenerationLambdaVersionTypeV10 {
			beyond = append(beyond, "Token Customization with Pre-Token Generation Lambda "+c.LambdaVersion)
		}
	}
	return tierFault(s.UserPoolTier, beyond)
}

func tierFault(tier string, features []string) error {
	if len(features) == 0 {
		return nil
	}
	return fault.New(idp.CodeFeatureUnavailableInTier, tierText(tier, features))
}

func tierText(tier string, features []string) string {
	return "The following features need to be disabled for the " + tier + " pricing tier configured: " + strings.Join(features, ", ")
}

func checkAttributeUpdates(s *settings) error {
	if s.UserAttributeUpdateSettings == nil {
		return nil
	}
	for _, a := range s.UserAttributeUpdateSettings.AttributesRequireVerificationBeforeUpdate {
		if !slices.Contains(s.AutoVerifiedAttributes, a) {
			return invalid("All attributes in AttributesRequireVerificationBeforeUpdate must exist in AutoVerifiedAttributes")
		}
	}
	return nil
}

func checkRecovery(s *settings) error {
	if s.AccountRecoverySetting == nil {
		return nil
	}
	const prefix = "Invalid account recovery setting parameter. "
	names, priorities := map[string]bool{}, map[int64]bool{}
	for _, m := range s.AccountRecoverySetting.RecoveryMechanisms {
		if m == nil {
			return invalid(prefix + "Account Recovery Setting has an empty recovery mechanism.")
		}
		if names[m.Name] || priorities[m.Priority] {
			return invalid(prefix + "Account Recovery Setting cannot have duplicate priorities or recovery mechanisms.")
		}
		names[m.Name], priorities[m.Priority] = true, true
	}
	if names[idp.RecoveryOptionNameTypeAdminOnly] && len(names) > 1 {
		return invalid(prefix + "Account Recovery Setting cannot use admin_only setting with any other recovery mechanisms.")
	}
	return nil
}

// checkEmail also keeps line ends out of what becomes a message header.
func checkEmail(s *settings) error {
	e := s.EmailConfiguration
	if e.EmailSendingAccount == idp.EmailSendingAccountTypeDeveloper && e.SourceArn == "" {
		return invalid("Source ARN is required to use DEVELOPER email sending owner")
	}
	if e.From == "" {
		return nil
	}
	if _, err := mail.ParseAddress(e.From); err != nil || strings.ContainsAny(e.From, "\r\n") {
		return invalid("Provided From email address is invalid")
	}
	return nil
}

func checkLambda(s *settings) error {
	l := s.LambdaConfig
	if (l.CustomSMSSender != nil || l.CustomEmailSender != nil) && l.KMSKeyID == "" {
		return invalid("KMSKeyId parameter is required when Custom SMS/Email Lambda trigger is used.")
	}
	return nil
}

// checkInvitation: an invitation tells the user name, and the temporary password
// wherever users have one.
func checkInvitation(s *settings) error {
	t := s.AdminCreateUserConfig.InviteMessageTemplate
	if t == nil {
		return nil
	}
	passwordless := len(s.Policies.SignInPolicy.AllowedFirstAuthFactors) > 1
	fits := func(text string) bool {
		err := message.ValidateInvitation(text)
		return text == "" || err == nil || passwordless && errors.Is(err, message.ErrNoCode)
	}
	switch {
	case !fits(t.SMSMessage):
		return invalid("Invalid SMS message for Admin create user flow parameter")
	case !fits(t.EmailMessage):
		return invalid("Invalid email message for Admin create user flow parameter")
	}
	return nil
}
