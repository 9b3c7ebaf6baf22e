package pool

import (
	"slices"

	"github.com/go-json-experiment/json"

	"cognate/api/idp"
)

const (
	defaultMinimumLength = 8
	defaultTemporaryDays = 7
)

// taken is what a request asks for, as settings: its members that the settings have under the same name. The
// model spells them alike on purpose; what it does not is left to the caller.
func taken[Settings any](request any) (*Settings, error) {
	text, err := json.Marshal(request)
	if err != nil {
		return nil, err
	}
	s := new(Settings)
	return s, json.Unmarshal(text, s)
}

// settingsOfUpdate is what an update leaves of the settings: what it does not mention is absent and gets its
// default again, except what cannot change or has an operation of its own, SetUserPoolMfaConfig. Tags under
// "cognate:" survive an update without tags: they are this server's own settings, of which a client written for
// Cognito knows nothing.
func settingsOfUpdate(in *idp.UpdateUserPoolRequest, old *settings) (*settings, error) {
	s, err := taken[settings](in)
	if err != nil {
		return nil, err
	}
	s.SchemaAttributes = old.SchemaAttributes
	s.AliasAttributes = old.AliasAttributes
	s.UsernameAttributes = old.UsernameAttributes
	s.UsernameConfiguration = old.UsernameConfiguration
	s.WithoutSMS = old.WithoutSMS
	s.SoftwareTokenMfaConfiguration = old.SoftwareTokenMfaConfiguration
	s.EmailMfaConfiguration = old.EmailMfaConfiguration
	s.WebAuthnConfiguration = old.WebAuthnConfiguration
	s.LogConfigurations = old.LogConfigurations
	if in.UserPoolTags == nil {
		s.UserPoolTags = ownTags(old.UserPoolTags)
	}
	return s, nil
}

// complete fills in the defaults that DescribeUserPool shows. It replaces, never
// changes, what the request's pointers point to.
func complete(s *idp.UserPoolType) error {
	for _, list := range []*[]string{&s.AutoVerifiedAttributes, &s.AliasAttributes, &s.UsernameAttributes} {
		*list = unique(*list)
	}
	s.DeletionProtection = or(s.DeletionProtection, idp.DeletionProtectionTypeInactive)
	s.MfaConfiguration = or(s.MfaConfiguration, idp.UserPoolMfaTypeOff)
	s.UserPoolTier = or(s.UserPoolTier, idp.UserPoolTierTypeEssentials)
	if s.UserPoolTags == nil {
		s.UserPoolTags = map[string]string{}
	}
	s.EmailConfiguration = copyOf(s.EmailConfiguration)
	s.EmailConfiguration.EmailSendingAccount = or(s.EmailConfiguration.EmailSendingAccount, idp.EmailSendingAccountTypeCognitoDefault)
	if d := s.DeviceConfiguration; d != nil {
		s.DeviceConfiguration = &idp.DeviceConfigurationType{
			ChallengeRequiredOnNewDevice:     new(isTrue(d.ChallengeRequiredOnNewDevice)),
			DeviceOnlyRememberedOnUserPrompt: new(isTrue(d.DeviceOnlyRememberedOnUserPrompt)),
		}
	}
	if r := s.AccountRecoverySetting; r != nil && len(r.RecoveryMechanisms) == 0 {
		s.AccountRecoverySetting = nil
	}
	completeMessages(s)
	if err := completeLambda(s); err != nil {
		return err
	}
	return completePolicies(s)
}

// completeMessages keeps the legacy message members and the template that
// replaced them alike; where both are given, the template wins.
func completeMessages(s *idp.UserPoolType) {
	t := copyOf(s.VerificationMessageTemplate)
	t.DefaultEmailOption = or(t.DefaultEmailOption, idp.DefaultEmailOptionTypeConfirmWithCode)
	t.SmsMessage = or(t.SmsMessage, s.SmsVerificationMessage)
	t.EmailMessage = or(t.EmailMessage, s.EmailVerificationMessage)
	t.EmailSubject = or(t.EmailSubject, s.EmailVerificationSubject)
	s.SmsVerificationMessage, s.EmailVerificationMessage, s.EmailVerificationSubject = t.SmsMessage, t.EmailMessage, t.EmailSubject
	s.VerificationMessageTemplate = t
}

// completeLambda keeps the legacy PreTokenGeneration and the versioned member that
// replaced it alike.
func completeLambda(s *idp.UserPoolType) error {
	l := copyOf(s.LambdaConfig)
	s.LambdaConfig = l
	if c := l.PreTokenGenerationConfig; c != nil {
		if l.PreTokenGeneration != "" && l.PreTokenGeneration != c.LambdaArn {
			return invalid("PreTokenGeneration and PreTokenGenerationConfig must name the same Lambda function.")
		}
		l.PreTokenGeneration = c.LambdaArn
	} else if l.PreTokenGeneration != "" {
		l.PreTokenGenerationConfig = &idp.PreTokenGenerationVersionConfigType{
			LambdaVersion: idp.PreTokenGenerationLambdaVersionTypeV10, LambdaArn: l.PreTokenGeneration,
		}
	}
	return nil
}

// completePolicies fills in the policies. The days that a temporary password
// lasts have a legacy member elsewhere: both show the same number, and naming
// different ones is an error.
func completePolicies(s *idp.UserPoolType) error {
	p := copyOf(s.Policies)
	a := copyOf(s.AdminCreateUserConfig)
	s.Policies, s.AdminCreateUserConfig = p, a

	p.PasswordPolicy = completePasswordPolicy(p.PasswordPolicy)
	days, legacy := number(p.PasswordPolicy.TemporaryPasswordValidityDays), number(a.UnusedAccountValidityDays)
	if days != 0 && legacy != 0 && days != legacy {
		return invalid("Please use TemporaryPasswordValidityDays in PasswordPolicy instead of UnusedAccountValidityDays")
	}
	days = or(or(days, legacy), defaultTemporaryDays)
	p.PasswordPolicy.TemporaryPasswordValidityDays = new(days)
	a.UnusedAccountValidityDays = new(days)
	a.AllowAdminCreateUserOnly = new(isTrue(a.AllowAdminCreateUserOnly))

	p.SignInPolicy = copyOf(p.SignInPolicy)
	if len(p.SignInPolicy.AllowedFirstAuthFactors) == 0 {
		p.SignInPolicy.AllowedFirstAuthFactors = []string{idp.AuthFactorTypePassword}
	}
	p.SignInPolicy.AllowedFirstAuthFactors = unique(p.SignInPolicy.AllowedFirstAuthFactors)
	return nil
}

// completePasswordPolicy returns a policy of its own. A policy that is given asks
// for no more than it says; one that is absent asks for everything.
func completePasswordPolicy(given *idp.PasswordPolicyType) *idp.PasswordPolicyType {
	p := copyOf(given)
	absent := given == nil
	p.MinimumLength = new(or(number(p.MinimumLength), defaultMinimumLength))
	p.RequireUppercase = new(absent || isTrue(p.RequireUppercase))
	p.RequireLowercase = new(absent || isTrue(p.RequireLowercase))
	p.RequireNumbers = new(absent || isTrue(p.RequireNumbers))
	p.RequireSymbols = new(absent || isTrue(p.RequireSymbols))
	return p
}

// copyOf returns a copy of *p, or a new zero value when p is nil.
func copyOf[T any](p *T) *T {
	if p == nil {
		return new(T)
	}
	return new(*p)
}

func number(n *int64) int64 {
	if n == nil {
		return 0
	}
	return *n
}

// unique returns list without repetitions, in order; nil for an empty one, which
// the API does not tell from an absent one.
func unique(list []string) []string {
	var out []string
	for _, v := range list {
		if !slices.Contains(out, v) {
			out = append(out, v)
		}
	}
	return out
}
