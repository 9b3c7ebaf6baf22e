package idpserver

import (
	"context"
	"errors"
	"slices"

	"cognate/api/cognate"
	"cognate/api/idp"
	"cognate/internal/authn"
	"cognate/internal/fault"
	"cognate/internal/user"
)

// AssociateSoftwareToken begins to set up a software token: for the caller, or for the user of an MFA_SETUP
// Session. A Session counts where both are given.
func (s *Service) AssociateSoftwareToken(ctx context.Context, in *idp.AssociateSoftwareTokenRequest) (*idp.AssociateSoftwareTokenResponse, error) {
	if in.Session != "" {
		a, err := s.ofSession(ctx, in.Session)
		if err != nil {
			return nil, err
		}
		seed, session, err := s.authn.AssociateSoftwareToken(ctx, a)
		if err != nil {
			return nil, err
		}
		return &idp.AssociateSoftwareTokenResponse{SecretCode: seed.Text(), Session: session}, nil
	}
	me, err := s.me(ctx, in.AccessToken)
	if err != nil {
		return nil, unfit(err)
	}
	seed, err := s.users.AssociateSoftwareToken(ctx, me)
	if err != nil {
		return nil, unfit(err)
	}
	return &idp.AssociateSoftwareTokenResponse{SecretCode: seed.Text()}, nil
}

// unfit words a user's state for AssociateSoftwareToken, which declares none of its errors.
func unfit(err error) error {
	f, _ := errors.AsType[*fault.Error](err)
	switch {
	case f == nil:
		return err
	case f.Code == idp.CodeUserNotFound:
		return fault.New(idp.CodeNotAuthorized, "Access Token has been revoked")
	case f.Code == idp.CodePasswordResetRequired, f.Code == idp.CodeUserNotConfirmed:
		return fault.New(idp.CodeNotAuthorized, f.Message)
	}
	return err
}

// VerifySoftwareToken registers a software token by its first code.
func (s *Service) VerifySoftwareToken(ctx context.Context, in *idp.VerifySoftwareTokenRequest) (*idp.VerifySoftwareTokenResponse, error) {
	out := &idp.VerifySoftwareTokenResponse{Status: idp.VerifySoftwareTokenResponseTypeSuccess}
	if in.Session != "" {
		a, err := s.ofSession(ctx, in.Session)
		if err != nil {
			return nil, err
		}
		out.Session, err = s.authn.VerifySoftwareToken(ctx, a, in.UserCode, in.FriendlyDeviceName)
		return out, err
	}
	me, err := s.me(ctx, in.AccessToken)
	if err != nil {
		return nil, err
	}
	return out, s.users.VerifySoftwareToken(ctx, me, in.UserCode, in.FriendlyDeviceName)
}

// AdminDeleteSoftwareToken takes a user's software token away.
func (s *Service) AdminDeleteSoftwareToken(ctx context.Context, in *cognate.AdminDeleteSoftwareTokenRequest) (*cognate.AdminDeleteSoftwareTokenResponse, error) {
	p, u, err := s.findUser(ctx, in.UserPoolId, in.Username)
	if err != nil {
		return nil, err
	}
	return &cognate.AdminDeleteSoftwareTokenResponse{}, s.users.DeleteSoftwareToken(ctx, p, u.Sub)
}

// ofSession is the attempt that a Session belongs to.
func (s *Service) ofSession(ctx context.Context, session string) (*authn.Attempt, error) {
	id, err := s.authn.SessionClient(session)
	if err != nil {
		return nil, err
	}
	p, c, err := s.pools.Client(ctx, id)
	if err != nil {
		return nil, err
	}
	return &authn.Attempt{Pool: p, Client: c, Session: session}, nil
}

// SetUserMFAPreference changes the caller's own choice of second factors.
func (s *Service) SetUserMFAPreference(ctx context.Context, in *idp.SetUserMFAPreferenceRequest) (*idp.SetUserMFAPreferenceResponse, error) {
	me, err := s.me(ctx, in.AccessToken)
	if err != nil {
		return nil, err
	}
	return &idp.SetUserMFAPreferenceResponse{}, s.users.SetFactors(ctx, me.Pool, me.User.Sub,
		wishes(in.SMSMfaSettings, in.SoftwareTokenMfaSettings, in.EmailMfaSettings, in.WebAuthnMfaSettings))
}

// AdminSetUserMFAPreference changes a user's choice of second factors.
func (s *Service) AdminSetUserMFAPreference(ctx context.Context, in *idp.AdminSetUserMFAPreferenceRequest) (*idp.AdminSetUserMFAPreferenceResponse, error) {
	p, u, err := s.findUser(ctx, in.UserPoolId, in.Username)
	if err != nil {
		return nil, err
	}
	return &idp.AdminSetUserMFAPreferenceResponse{}, s.users.SetFactors(ctx, p, u.Sub,
		wishes(in.SMSMfaSettings, in.SoftwareTokenMfaSettings, in.EmailMfaSettings, in.WebAuthnMfaSettings))
}

// wishes are what a request wants of each factor that it names.
func wishes(sms *idp.SMSMfaSettingsType, token *idp.SoftwareTokenMfaSettingsType, email *idp.EmailMfaSettingsType, passkey *idp.WebAuthnMfaSettingsType) map[string]user.FactorWish {
	out := map[string]user.FactorWish{}
	if sms != nil {
		out[user.FactorSMS] = user.FactorWish{Enabled: sms.Enabled, Preferred: sms.PreferredMfa}
	}
	if token != nil {
		out[user.FactorTOTP] = user.FactorWish{Enabled: token.Enabled, Preferred: token.PreferredMfa}
	}
	if email != nil {
		out[user.FactorEmail] = user.FactorWish{Enabled: email.Enabled, Preferred: email.PreferredMfa}
	}
	if passkey != nil {
		out[user.FactorPasskey] = user.FactorWish{Enabled: passkey.Enabled}
	}
	return out
}

// SetUserSettings is the older form of SetUserMFAPreference, which knows SMS only: listing it turns it on,
// an empty list turns it off.
func (s *Service) SetUserSettings(ctx context.Context, in *idp.SetUserSettingsRequest) (*idp.SetUserSettingsResponse, error) {
	me, err := s.me(ctx, in.AccessToken)
	if err != nil {
		return nil, err
	}
	wish, err := smsWish(in.MFAOptions)
	if err != nil {
		return nil, err
	}
	return &idp.SetUserSettingsResponse{}, s.users.SetFactors(ctx, me.Pool, me.User.Sub, wish)
}

// AdminSetUserSettings is SetUserSettings by an administrator.
func (s *Service) AdminSetUserSettings(ctx context.Context, in *idp.AdminSetUserSettingsRequest) (*idp.AdminSetUserSettingsResponse, error) {
	p, u, err := s.findUser(ctx, in.UserPoolId, in.Username)
	if err != nil {
		return nil, err
	}
	wish, err := smsWish(in.MFAOptions)
	if err != nil {
		return nil, err
	}
	return &idp.AdminSetUserSettingsResponse{}, s.users.SetFactors(ctx, p, u.Sub, wish)
}

func smsWish(options []*idp.MFAOptionType) (map[string]user.FactorWish, error) {
	for _, o := range options {
		if o == nil || o.DeliveryMedium != idp.DeliveryMediumTypeSms || o.AttributeName != "phone_number" {
			return nil, fault.New(idp.CodeInvalidParameter, "Only SMS to phone_number can be set as an MFA option.")
		}
	}
	return map[string]user.FactorWish{user.FactorSMS: {Enabled: new(len(options) > 0)}}, nil
}

// mfaOptions shows SMS in the older form.
func mfaOptions(f user.MFASettings) []*idp.MFAOptionType {
	if !slices.Contains(f.Enabled, user.FactorSMS) {
		return nil
	}
	return []*idp.MFAOptionType{{DeliveryMedium: idp.DeliveryMediumTypeSms, AttributeName: "phone_number"}}
}

// GetUserAuthFactors lists the factors that the caller can sign in with.
func (s *Service) GetUserAuthFactors(ctx context.Context, in *idp.GetUserAuthFactorsRequest) (*idp.GetUserAuthFactorsResponse, error) {
	me, err := s.me(ctx, in.AccessToken)
	if err != nil {
		return nil, err
	}
	first, second, err := s.authn.Factors(ctx, me.Pool, me.User.Sub)
	if err != nil {
		return nil, err
	}
	return &idp.GetUserAuthFactorsResponse{
		Username: me.User.Username, ConfiguredUserAuthFactors: first, UserMFASettingList: second.Enabled, PreferredMfaSetting: second.Preferred,
	}, nil
}

// AdminGetUserAuthFactors lists the factors that a user can sign in with.
func (s *Service) AdminGetUserAuthFactors(ctx context.Context, in *idp.AdminGetUserAuthFactorsRequest) (*idp.AdminGetUserAuthFactorsResponse, error) {
	p, u, err := s.findUser(ctx, in.UserPoolId, in.Username)
	if err != nil {
		return nil, err
	}
	first, second, err := s.authn.Factors(ctx, p, u.Sub)
	if err != nil {
		return nil, err
	}
	return &idp.AdminGetUserAuthFactorsResponse{
		Username: u.Username, ConfiguredUserAuthFactors: first, UserMFASettingList: second.Enabled, PreferredMfaSetting: second.Preferred,
	}, nil
}
