package user

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"github.com/go-json-experiment/json"

	"cognate/api/idp"
	"cognate/internal/store"
)

// everyFactor turns all three second factors of a pool on.
func everyFactor(mode string) *idp.SetUserPoolMfaConfigRequest {
	return &idp.SetUserPoolMfaConfigRequest{
		MfaConfiguration:              mode,
		SoftwareTokenMfaConfiguration: &idp.SoftwareTokenMfaConfigType{Enabled: new(true)},
		EmailMfaConfiguration:         &idp.EmailMfaConfigType{},
		SmsMfaConfiguration:           &idp.SmsMfaConfigType{SmsConfiguration: &idp.SmsConfigurationType{SnsCallerArn: "arn:aws:iam::123456789012:role/sms"}},
	}
}

// recoversBy is a pool whose password resets go to the addresses of these attributes, in this order.
func recoversBy(attrs ...string) func(*idp.CreateUserPoolRequest) {
	if len(attrs) == 0 {
		return nil
	}
	return func(in *idp.CreateUserPoolRequest) {
		in.AccountRecoverySetting = &idp.AccountRecoverySettingType{}
		for i, attr := range attrs {
			in.AccountRecoverySetting.RecoveryMechanisms = append(in.AccountRecoverySetting.RecoveryMechanisms,
				&idp.RecoveryOptionType{Name: "verified_" + attr, Priority: int64(i + 1)})
		}
	}
}

// withMFA sets the second factors of the office's pool.
func (o *office) withMFA(in *idp.SetUserPoolMfaConfigRequest) *office {
	o.Helper()
	in.UserPoolId = o.pool.ID
	_, err := o.pools.SetMFA(o.Context(), in)
	o.must(err)
	o.pool, err = o.pools.Pool(o.Context(), o.pool.ID)
	o.must(err)
	return o
}

// mode is the office's pool with every factor and another mode of MFA.
func (o *office) mode(mode string) {
	o.Helper()
	if mode != idp.UserPoolMfaTypeOff {
		o.withMFA(everyFactor(mode))
	}
}

// subsets are all the subsets of the three factors.
func subsets() (out [][]string) {
	for bits := range 8 {
		var s []string
		for i, factor := range []string{FactorSMS, FactorTOTP, FactorEmail} {
			if bits>>i&1 == 1 {
				s = append(s, factor)
			}
		}
		out = append(out, s)
	}
	return out
}

// person is a user who has what it takes for these factors, and has chosen those.
func person(t *testing.T, has, chosen []string, preferred string) store.User {
	t.Helper()
	u := store.User{Sub: "sub", Attributes: map[string]string{}}
	for _, factor := range has {
		if attr := FactorAttribute(factor); attr != "" {
			u.Attributes[attr] = "there"
		}
	}
	if len(chosen) > 0 {
		var err error
		if u.Extra, err = json.Marshal(MFASettings{Enabled: chosen, Preferred: preferred}); err != nil {
			t.Fatal(err)
		}
	}
	return u
}

// TestSecondFactors goes through what follows a first factor (protocol page "auth-flows", section 5): every
// mode of the pool, what the user has, has chosen and prefers, and where the password resets go.
func TestSecondFactors(t *testing.T) {
	base := newOffice(t, nil)
	for _, mode := range []string{"OFF", "OPTIONAL", "ON"} {
		for _, recovery := range []string{"", attrEmail, attrPhone} {
			var change func(*idp.CreateUserPoolRequest)
			if recovery != "" {
				change = recoversBy(recovery)
			}
			o := newOfficeIn(base, change)
			o.mode(mode)
			for _, has := range subsets() {
				for _, chosen := range subsets() {
					for _, preferred := range append([]string{""}, chosen...) {
						name := fmt.Sprintf("%s, recovery %q, has %v, chose %v, prefers %q", mode, recovery, has, chosen, preferred)
						f, err := secondFactors(o.pool, person(t, has, chosen, preferred), func() (bool, error) { return slices.Contains(has, FactorTOTP), nil })
						o.must(err)
						checkFactors(t, name, f, situation{mode, recovery, has, chosen, preferred})
					}
				}
			}
		}
	}
}

type situation struct {
	mode, recovery string
	has, chosen    []string
	preferred      string
}

// checkFactors says of a decision what must hold.
func checkFactors(t *testing.T, name string, f Factors, s situation) {
	t.Helper()
	wrong := func(what string) { t.Errorf("%s: %s: %+v", name, what, f) }
	working := both(s.chosen, s.has)
	if f.Required != (s.mode == "ON") {
		wrong("required")
	}
	switch {
	case s.mode == "OFF":
		if f.Asks() || len(f.Setup) > 0 {
			wrong("a pool without MFA asks")
		}
	case len(working) > 0:
		if !slices.Equal(f.Usable, working) {
			wrong("what the user chose is what is asked for")
		}
	case s.mode == "OPTIONAL":
		if f.Asks() || len(f.Setup) > 0 {
			wrong("nothing is chosen that works, and nothing required")
		}
	default:
		for _, factor := range []string{FactorSMS, FactorTOTP, FactorEmail} {
			attr := FactorAttribute(factor)
			if want := slices.Contains(s.has, factor) && (attr == "" || attr != s.recovery); slices.Contains(f.Usable, factor) != want {
				wrong(factor + " as a factor that was not chosen")
			}
		}
		canMail := !slices.Contains(s.has, FactorEmail) && s.recovery != attrEmail
		if len(f.Usable) == 0 && (!slices.Contains(f.Setup, FactorTOTP) || slices.Contains(f.Setup, FactorEmail) != canMail || slices.Contains(f.Setup, FactorSMS)) {
			wrong("what can be set up")
		}
	}
	if len(f.Usable) > 0 && len(f.Setup) > 0 {
		wrong("who has a factor sets up none")
	}
	if want := s.mode != "OFF" && slices.Contains(f.Usable, s.preferred); (f.Preferred != "") != want || want && f.Preferred != s.preferred {
		wrong("the preferred one")
	}
}

// TestSecondFactorsOfThePool: a factor that the pool has stopped to offer is none any more, but for software
// tokens that are there already.
func TestSecondFactorsOfThePool(t *testing.T) {
	o := newOffice(t, nil).withMFA(&idp.SetUserPoolMfaConfigRequest{MfaConfiguration: "ON", EmailMfaConfiguration: &idp.EmailMfaConfigType{}})
	all := []string{FactorSMS, FactorTOTP, FactorEmail}
	has := func() (bool, error) { return true, nil }
	f, err := secondFactors(o.pool, person(t, all, all, FactorSMS), has)
	o.must(err)
	if !slices.Equal(f.Usable, []string{FactorTOTP, FactorEmail}) || f.Preferred != "" {
		t.Errorf("got %+v", f)
	}
	none := func() (bool, error) { return false, nil }
	if f, err = secondFactors(o.pool, person(t, nil, nil, ""), none); err != nil || !slices.Equal(f.Setup, []string{FactorEmail}) {
		t.Errorf("got %+v, %v: only e-mail can be set up", f, err)
	}
	broken := store.User{Extra: []byte("{")}
	if _, err := secondFactors(o.pool, broken, none); err == nil {
		t.Error("settings that cannot be read must not let anybody in")
	}
	if _, err := secondFactors(o.pool, person(t, nil, nil, ""), func() (bool, error) { return false, context.Canceled }); err == nil {
		t.Error("a failing store must not let anybody in")
	}
}

// TestApplyKeepsAFactor tries every change of every choice in a pool that requires a second factor: who has
// chosen one has one afterwards (checklist 10).
func TestApplyKeepsAFactor(t *testing.T) {
	o := newOffice(t, nil).withMFA(everyFactor("ON"))
	all := []string{FactorSMS, FactorTOTP, FactorEmail}
	for _, chosen := range subsets()[1:] {
		for _, off := range subsets() {
			s, wishes := MFASettings{Enabled: slices.Clone(chosen)}, map[string]FactorWish{}
			for _, factor := range off {
				wishes[factor] = FactorWish{Enabled: new(false)}
			}
			err := s.apply(o.pool, wishes, all)
			if left := len(slices.DeleteFunc(slices.Clone(chosen), func(f string) bool { return slices.Contains(off, f) })); (err != nil) != (left == 0) {
				t.Errorf("%v without %v: %v", chosen, off, err)
			}
			if len(s.Enabled) == 0 {
				t.Errorf("%v without %v: nothing is left", chosen, off)
			}
		}
	}
}

// TestApplyPreference: one factor is preferred at a time, and only one that is turned on.
func TestApplyPreference(t *testing.T) {
	o := newOffice(t, nil).withMFA(everyFactor("OPTIONAL"))
	yes, no := new(true), new(false)
	for name, c := range map[string]struct {
		was    MFASettings
		wishes map[string]FactorWish
		want   MFASettings
	}{
		"turn on":             {MFASettings{}, map[string]FactorWish{FactorSMS: {Enabled: yes}}, MFASettings{Enabled: []string{FactorSMS}}},
		"prefer":              {MFASettings{Enabled: []string{FactorSMS}}, map[string]FactorWish{FactorSMS: {Preferred: yes}}, MFASettings{Enabled: []string{FactorSMS}, Preferred: FactorSMS}},
		"prefer turns on":     {MFASettings{}, map[string]FactorWish{FactorTOTP: {Preferred: yes}}, MFASettings{Enabled: []string{FactorTOTP}, Preferred: FactorTOTP}},
		"prefer another":      {MFASettings{Enabled: []string{FactorSMS, FactorTOTP}, Preferred: FactorSMS}, map[string]FactorWish{FactorTOTP: {Preferred: yes}}, MFASettings{Enabled: []string{FactorSMS, FactorTOTP}, Preferred: FactorTOTP}},
		"prefer none":         {MFASettings{Enabled: []string{FactorSMS}, Preferred: FactorSMS}, map[string]FactorWish{FactorSMS: {Preferred: no}}, MFASettings{Enabled: []string{FactorSMS}}},
		"turn off":            {MFASettings{Enabled: []string{FactorSMS}, Preferred: FactorSMS}, map[string]FactorWish{FactorSMS: {Enabled: no}}, MFASettings{}},
		"keep the preference": {MFASettings{Enabled: []string{FactorSMS}, Preferred: FactorSMS}, map[string]FactorWish{FactorEmail: {Enabled: yes}}, MFASettings{Enabled: []string{FactorSMS, FactorEmail}, Preferred: FactorSMS}},
		"nothing":             {MFASettings{Enabled: []string{FactorSMS}, Preferred: FactorSMS}, nil, MFASettings{Enabled: []string{FactorSMS}, Preferred: FactorSMS}},
	} {
		s := c.was
		o.must(s.apply(o.pool, c.wishes, []string{FactorSMS, FactorTOTP, FactorEmail}))
		if !slices.Equal(s.Enabled, c.want.Enabled) || s.Preferred != c.want.Preferred {
			t.Errorf("%s: got %+v, want %+v", name, s, c.want)
		}
	}
}

// TestResetLeavesTheFactorsMedium: a reset code never goes where the codes of the user's second factor go
// (checklist 17).
func TestResetLeavesTheFactorsMedium(t *testing.T) {
	base := newOffice(t, nil)
	for _, c := range []struct {
		mode     string
		recovery []string
		chosen   []string
		want     string
	}{
		{"OFF", nil, nil, attrPhone},
		{"OPTIONAL", nil, nil, attrPhone},
		{"OPTIONAL", nil, []string{FactorSMS}, attrEmail},
		{"OPTIONAL", nil, []string{FactorEmail}, attrPhone},
		{"OPTIONAL", nil, []string{FactorSMS, FactorEmail}, ""},
		{"OPTIONAL", []string{attrEmail, attrPhone}, []string{FactorEmail}, attrPhone},
		{"OPTIONAL", []string{attrEmail, attrPhone}, []string{FactorSMS}, attrEmail},
		{"OPTIONAL", []string{attrEmail}, []string{FactorEmail}, ""},
		{"OPTIONAL", []string{attrPhone}, []string{FactorSMS}, ""},
		{"ON", []string{attrEmail, attrPhone}, nil, attrEmail}, // which is no factor while nothing is chosen
		{"ON", []string{attrPhone, attrEmail}, nil, attrPhone},
		{"ON", []string{attrEmail, attrPhone}, []string{FactorEmail}, attrPhone},
		{"ON", nil, nil, ""}, // both media are factors
	} {
		t.Run(fmt.Sprint(c), func(t *testing.T) {
			o := newOfficeIn(base, recoversBy(c.recovery...))
			o.T = t
			o.mode(c.mode)
			o.reachable("user", "user@factor.test", "+15550000001")
			wishes := map[string]FactorWish{}
			for _, factor := range c.chosen {
				wishes[factor] = FactorWish{Enabled: new(true)}
			}
			o.must(o.users.SetFactors(t.Context(), o.pool, o.find("user").Sub, wishes))
			sent, err := o.forgot(o.client(nil), "user")
			if c.want == "" {
				wantFault(t, err, "InvalidParameterException", "Cannot reset password for the user as there is no registered/verified email or phone_number")
				wantFault(t, o.users.AdminResetPassword(t.Context(), o.pool, "user", nil), "InvalidParameterException", "Cannot reset password for the user as there is no registered/verified email or phone_number")
				return
			}
			o.must(err)
			if sent.AttributeName != c.want {
				t.Errorf("the code went to %s, want %s", sent.AttributeName, c.want)
			}
		})
	}
}

// TestResetLeavesASoftwareToken: who has a software token, and nothing else chosen, is reset by any medium that
// no implicit factor uses.
func TestResetLeavesASoftwareToken(t *testing.T) {
	o := newOffice(t, nil).withMFA(&idp.SetUserPoolMfaConfigRequest{MfaConfiguration: "ON", SoftwareTokenMfaConfiguration: &idp.SoftwareTokenMfaConfigType{Enabled: new(true)}})
	o.reachable("user", "user@factor.test", "+15550000001")
	u := o.find("user")
	o.must(o.db.Update(t.Context(), func(tx *store.Tx) error {
		return tx.PutSoftwareToken(store.SoftwareToken{PoolID: o.pool.ID, Sub: u.Sub, Sealed: []byte("sealed")})
	}))
	var attr string
	o.must(o.db.View(t.Context(), func(tx *store.Tx) (err error) {
		attr, err = resettable(tx, o.pool, u)
		return err
	}))
	if attr != attrPhone {
		t.Errorf("got %q", attr)
	}
}

// TestResetByTheFactorsMediumIsHidden: where the client hides who exists, a user who cannot be reset by any
// medium gets what a name that nobody has gets, and no message (checklist 9 and 17).
func TestResetByTheFactorsMediumIsHidden(t *testing.T) {
	o := newOffice(t, recoversBy(attrEmail)).withMFA(everyFactor("OPTIONAL"))
	o.reachable("user", "user@factor.test", "")
	o.must(o.users.SetFactors(t.Context(), o.pool, o.find("user").Sub, map[string]FactorWish{FactorEmail: {Enabled: new(true)}}))
	hiding := o.client(discreet)
	for _, name := range []string{"user", "nobody"} {
		sent, err := o.forgot(hiding, name)
		o.must(err)
		if sent.AttributeName != attrEmail || sent.DeliveryMedium != "EMAIL" {
			t.Errorf("%s: %+v", name, sent)
		}
		wantFault(t, o.reset(hiding, name, "123456", "N3w-Horse!"), "CodeMismatchException", "Invalid verification code provided, please try again.")
	}
	o.users.Wait()
	if n := len(o.inbox.Messages("")); n != 0 {
		t.Errorf("%d messages were sent", n)
	}
}
