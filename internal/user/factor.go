package user

import (
	"context"
	"fmt"
	"slices"

	"github.com/go-json-experiment/json"

	"cognate/api/idp"
	"cognate/internal/message"
	"cognate/internal/pool"
	"cognate/internal/store"
)

// The second factors, by the names that Cognito's challenges and settings use for them.
const (
	FactorSMS   = "SMS_MFA"
	FactorTOTP  = "SOFTWARE_TOKEN_MFA"
	FactorEmail = "EMAIL_OTP"
	// FactorPasskey is a passkey that counts as both factors. It is no challenge of its own after a first
	// factor.
	FactorPasskey = "WEB_AUTHN"
)

// FactorAttribute is the attribute whose address the codes of a factor go to; "" for one without codes.
func FactorAttribute(factor string) string {
	switch factor {
	case FactorSMS, idp.ChallengeNameTypeSmsOtp:
		return attrPhone
	case FactorEmail:
		return attrEmail
	}
	return ""
}

// MFASettings are a user's own choice of second factors.
type MFASettings struct {
	Enabled   []string `json:"mfa,omitzero"` // in the order of the constants above
	Preferred string   `json:"preferred,omitzero"`
	// Passkey says whether a passkey may count as both factors, where the pool lets it; nil leaves it to
	// the pool.
	Passkey *bool `json:"passkey,omitzero"`
}

// CountsPasskey reports whether a passkey is enough where a second factor is asked for.
func (s MFASettings) CountsPasskey(p *pool.Pool) bool {
	return p.Passkeys().MultiFactor && (s.Passkey == nil || *s.Passkey)
}

// extra is what the row of a user keeps beside its columns.
type extra struct {
	MFASettings
	// SignedUp says that the user has made itself, by whatever address: no administrator vouches for it.
	SignedUp bool `json:"signed_up,omitzero"`
}

func extraOf(u store.User) (e extra, err error) {
	if len(u.Extra) == 0 {
		return e, nil
	}
	if err := json.Unmarshal(u.Extra, &e); err != nil {
		return e, fmt.Errorf("user: settings of %s: %w", u.Sub, err)
	}
	return e, nil
}

// SettingsOf reads a user's choice of second factors. It is empty until the user, or an administrator, has
// made one.
func SettingsOf(u store.User) (MFASettings, error) {
	e, err := extraOf(u)
	return e.MFASettings, err
}

// Factors are the second factors that a user may be asked for now.
type Factors struct {
	Usable    []string
	Preferred string // one of Usable, or empty
	Required  bool
	Setup     []string // what the user can set up: set only where a factor is required and none is usable
}

// Asks reports whether a sign-in with one factor is not enough.
func (f Factors) Asks() bool { return f.Required || len(f.Usable) > 0 }

// sends reports whether the codes of one of the usable factors go to an attribute's address.
func (f Factors) sends(attr string) bool {
	return slices.ContainsFunc(f.Usable, func(factor string) bool { return FactorAttribute(factor) == attr })
}

// SecondFactors tells what must follow a user's first factor (protocol page "auth-flows", section 5). The
// factors that the user has chosen come first; where one is required and the user has not chosen, all that
// would work do, but for the channel that resets the password: one lost channel would then be enough.
func (d *Directory) SecondFactors(ctx context.Context, p *pool.Pool, u store.User) (Factors, error) {
	return secondFactors(p, u, func() (bool, error) { return d.hasSoftwareToken(ctx, p, u.Sub) })
}

// secondFactors is SecondFactors over what looks up whether the user has a software token, which is called only
// where that matters.
func secondFactors(p *pool.Pool, u store.User, softwareToken func() (bool, error)) (f Factors, err error) {
	if p.MFA() == idp.UserPoolMfaTypeOff {
		return f, nil
	}
	s, err := SettingsOf(u)
	if err != nil {
		return f, err
	}
	f.Required = p.MFA() == idp.UserPoolMfaTypeOn
	if len(s.Enabled) == 0 && !f.Required {
		return f, nil
	}
	has, err := softwareToken()
	if err != nil {
		return f, err
	}
	able := ableFactors(p, u, has)
	if f.Usable = both(s.Enabled, able); len(f.Usable) == 0 && f.Required {
		f.Usable = spareFactors(p, able)
	}
	if slices.Contains(f.Usable, s.Preferred) {
		f.Preferred = s.Preferred
	}
	if f.Required && len(f.Usable) == 0 {
		f.Setup = setupFactors(p, u)
	}
	return f, nil
}

// spareFactors are those of the factors that a user has what it takes for which do where the user has chosen none: all but
// the channel that resets the password.
func spareFactors(p *pool.Pool, able []string) []string {
	return slices.DeleteFunc(able, func(factor string) bool {
		attr := FactorAttribute(factor)
		return attr != "" && attr == firstRecovery(p)
	})
}

// SettingUp is a write that fails unless a user still has to set up a factor. It belongs in the transaction that
// ends the set-up: who has a factor by then must prove it, and whoever began earlier did not.
func (d *Directory) SettingUp(p *pool.Pool, sub, factor string) func(*store.Tx) error {
	return func(tx *store.Tx) error {
		u, err := tx.GetUser(p.ID, sub)
		if err != nil {
			return err
		}
		f, err := secondFactors(p, u, softwareTokenIn(tx, u))
		if err == nil && !slices.Contains(f.Setup, factor) {
			err = errSessionOver
		}
		return err
	}
}

// TurnOn is a write that turns on a factor that a user has just set up: it is asked for from now on, also where
// the pool leaves the choice.
func (d *Directory) TurnOn(p *pool.Pool, sub, factor string) func(*store.Tx) error {
	return func(tx *store.Tx) error {
		u, err := tx.GetUser(p.ID, sub)
		if err != nil {
			return err
		}
		return editSettings(tx, p, u, func(s *MFASettings) error {
			s.drop(factor)
			s.Enabled = append(s.Enabled, factor)
			return nil
		})
	}
}

// softwareTokenIn looks up within a transaction whether a user has a software token that has been set up.
func softwareTokenIn(tx *store.Tx, u store.User) func() (bool, error) {
	return func() (bool, error) {
		t, err := tx.GetSoftwareToken(u.PoolID, u.Sub)
		if isNotFound(err) {
			err = nil
		}
		return t.Sealed != nil, err
	}
}

// AbleFactors are the second factors that pool and user have what it takes for, chosen by the user or not.
func (d *Directory) AbleFactors(ctx context.Context, p *pool.Pool, u store.User) ([]string, error) {
	has, err := d.hasSoftwareToken(ctx, p, u.Sub)
	return ableFactors(p, u, has), err
}

// ableFactors are the factors that pool and user have what it takes for. A software token keeps its force
// where the pool has stopped to offer them.
func ableFactors(p *pool.Pool, u store.User, softwareToken bool) (out []string) {
	if p.SMSFactor() && u.Attributes[attrPhone] != "" {
		out = append(out, FactorSMS)
	}
	if softwareToken {
		out = append(out, FactorTOTP)
	}
	if p.EmailFactor() && u.Attributes[attrEmail] != "" {
		out = append(out, FactorEmail)
	}
	return out
}

// setupFactors are the factors that a user without any can set up during the sign-in. An address that the
// user has already is not replaced on this way.
func setupFactors(p *pool.Pool, u store.User) (out []string) {
	if p.TOTPFactor() {
		out = append(out, FactorTOTP)
	}
	if p.EmailFactor() && u.Attributes[attrEmail] == "" && firstRecovery(p) != attrEmail {
		out = append(out, FactorEmail)
	}
	return out
}

// firstRecovery is the attribute that the pool's password resets go to first; "" when the pool has not said.
func firstRecovery(p *pool.Pool) string {
	if s := p.Settings.AccountRecoverySetting; s != nil {
		if m := mechanisms(s); len(m) > 0 {
			return m[0]
		}
	}
	return ""
}

// both are the elements of a that b has, too.
func both(a, b []string) (out []string) {
	for _, s := range a {
		if slices.Contains(b, s) {
			out = append(out, s)
		}
	}
	return out
}

// FactorWish is what a request wants of one second factor; nil fields leave it as it is.
type FactorWish struct{ Enabled, Preferred *bool }

// SetFactors changes a user's choice of second factors: wishes are by factor, and one that is not named
// stays as it is. A factor that cannot be used cannot be turned on; where a factor is required the last one
// cannot be turned off. Of several, one may be preferred; to prefer another takes the preference away from
// the first.
func (d *Directory) SetFactors(ctx context.Context, p *pool.Pool, sub string, wishes map[string]FactorWish) error {
	has, err := d.hasSoftwareToken(ctx, p, sub)
	if err != nil {
		return err
	}
	err = d.db.Update(ctx, func(tx *store.Tx) error {
		was, err := tx.GetUser(p.ID, sub)
		if err != nil {
			return err
		}
		return editSettings(tx, p, was, func(s *MFASettings) error { return s.apply(p, wishes, ableFactors(p, was, has)) })
	})
	return d.noticed(ctx, p, sub, message.FactorsChanged, shown(err))
}

// editSettings writes a changed choice of second factors.
func editSettings(tx *store.Tx, p *pool.Pool, was store.User, edit func(*MFASettings) error) error {
	e, err := extraOf(was)
	if err != nil {
		return err
	}
	if err := edit(&e.MFASettings); err != nil {
		return err
	}
	is := was
	if is.Extra, err = json.Marshal(e); err != nil {
		return err
	}
	return change(tx, p, was, is, false)
}

// drop turns a factor off.
func (s *MFASettings) drop(factor string) {
	if s.Enabled = slices.DeleteFunc(s.Enabled, func(f string) bool { return f == factor }); len(s.Enabled) == 0 {
		s.Enabled = nil
	}
	if s.Preferred == factor {
		s.Preferred = ""
	}
}

// apply changes the settings, or tells why they cannot be so.
func (s *MFASettings) apply(p *pool.Pool, wishes map[string]FactorWish, able []string) error {
	enabled, preferred := map[string]bool{}, []string{}
	for _, factor := range []string{FactorSMS, FactorTOTP, FactorEmail} {
		w := wishes[factor]
		on := isTrue(w.Enabled) || w.Enabled == nil && (slices.Contains(s.Enabled, factor) || isTrue(w.Preferred))
		switch {
		case on && !slices.Contains(able, factor) && (w.Enabled != nil || w.Preferred != nil):
			return invalid("User does not have delivery config set to turn on %s", factor)
		case isTrue(w.Preferred) && !on:
			return invalid("Invalid MFA settings: a factor that is not enabled cannot be preferred.")
		}
		enabled[factor] = on
		if on && (isTrue(w.Preferred) || w.Preferred == nil && s.Preferred == factor && !anyPreferred(wishes)) {
			preferred = append(preferred, factor)
		}
	}
	if len(preferred) > 1 {
		return invalid("Only one factor can be set as preferred.")
	}
	passkey := wishes[FactorPasskey].Enabled
	if isTrue(passkey) && !p.Passkeys().MultiFactor {
		return invalid("User does not have delivery config set to turn on WEB_AUTHN")
	}
	next := MFASettings{Passkey: s.Passkey}
	if passkey != nil {
		next.Passkey = passkey
	}
	for _, factor := range []string{FactorSMS, FactorTOTP, FactorEmail} {
		if enabled[factor] {
			next.Enabled = append(next.Enabled, factor)
		}
	}
	if p.MFA() == idp.UserPoolMfaTypeOn && len(s.Enabled) > 0 && len(next.Enabled) == 0 {
		return invalid("User pool requires MFA: the last factor cannot be turned off.")
	}
	if len(preferred) == 1 {
		next.Preferred = preferred[0]
	}
	*s = next
	return nil
}

func anyPreferred(wishes map[string]FactorWish) bool {
	for _, w := range wishes {
		if isTrue(w.Preferred) {
			return true
		}
	}
	return false
}

func isTrue(b *bool) bool { return b != nil && *b }
