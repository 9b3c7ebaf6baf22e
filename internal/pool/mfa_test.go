package pool_test

import (
	"slices"
	"testing"

	"cognate/api/idp"
	"cognate/internal/pool"
)

const badParty = "Invalid relying party id: it must be a domain name in lower case that is not a public suffix."

func setMFA(t *testing.T, r *pool.Registry, in idp.SetUserPoolMfaConfigRequest) *pool.Pool {
	t.Helper()
	out, err := r.SetMFA(t.Context(), &in)
	if err != nil {
		t.Fatal(err)
	}
	read, err := r.MFA(t.Context(), in.UserPoolId)
	if err != nil || toJSON(t, read) != toJSON(t, out) {
		t.Errorf("set %s\nread %s, %v", toJSON(t, out), toJSON(t, read), err)
	}
	p, err := r.Pool(t.Context(), in.UserPoolId)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// factors is what a pool's accessors say of its second factors, in short.
func factors(p *pool.Pool) string {
	out := p.MFA()
	for name, on := range map[string]bool{"SMS": p.SMSFactor(), "e-mail": p.EmailFactor(), "TOTP": p.TOTPFactor()} {
		if on {
			out += " " + name
		}
	}
	return out
}

func TestMFAAccessors(t *testing.T) {
	r := registry(t)
	p := create(t, r, &idp.CreateUserPoolRequest{})
	want := func(p *pool.Pool, want string, keys pool.Passkeys) {
		t.Helper()
		if factors(p) != want || p.Passkeys() != keys {
			t.Errorf("got %q, %v\nwant %q, %v", factors(p), p.Passkeys(), want, keys)
		}
	}
	want(p, "OFF", pool.Passkeys{Verification: "preferred"})
	if !slices.Equal(p.FirstFactors(), []string{"PASSWORD"}) || p.RemembersDevices() || p.DeviceReplacesMFA() || p.AsksToRemember() {
		t.Errorf("first factors %v, devices %t %t %t", p.FirstFactors(), p.RemembersDevices(), p.DeviceReplacesMFA(), p.AsksToRemember())
	}
	set := idp.SetUserPoolMfaConfigRequest{UserPoolId: p.ID, MfaConfiguration: "OPTIONAL", SoftwareTokenMfaConfiguration: &idp.SoftwareTokenMfaConfigType{Enabled: new(true)}}
	want(setMFA(t, r, set), "OPTIONAL TOTP", pool.Passkeys{Verification: "preferred"})
	set.SoftwareTokenMfaConfiguration = nil
	set.EmailMfaConfiguration = &idp.EmailMfaConfigType{Subject: "s"}
	set.WebAuthnConfiguration = &idp.WebAuthnConfigurationType{RelyingPartyId: "example.com", UserVerification: "required", FactorConfiguration: "MULTI_FACTOR_WITH_USER_VERIFICATION"}
	keys := pool.Passkeys{RelyingParty: "example.com", Verification: "required", MultiFactor: true}
	emailed := setMFA(t, r, set)
	want(emailed, "OPTIONAL e-mail", keys)
	if emailed.EmailMFA() != (idp.EmailMfaConfigType{Subject: "s"}) {
		t.Errorf("texts %v", emailed.EmailMFA())
	}
	want(setMFA(t, r, idp.SetUserPoolMfaConfigRequest{
		UserPoolId: p.ID, MfaConfiguration: "ON",
		SmsMfaConfiguration: &idp.SmsMfaConfigType{SmsConfiguration: &idp.SmsConfigurationType{SnsCallerArn: "arn:x"}},
	}), "ON SMS", keys)
	want(setMFA(t, r, set), "OPTIONAL e-mail", keys) // the pool still has the means to send SMS

	devices := create(t, r, &idp.CreateUserPoolRequest{DeviceConfiguration: &idp.DeviceConfigurationType{ChallengeRequiredOnNewDevice: new(true)}})
	if !devices.RemembersDevices() || !devices.DeviceReplacesMFA() || devices.AsksToRemember() {
		t.Error("the device settings are not what was set")
	}
}

// A pool that sends SMS from its creation has SMS as its factor, as CreateUserPool can set no other.
func TestSMSFactorOfANewPool(t *testing.T) {
	r := registry(t)
	p := create(t, r, &idp.CreateUserPoolRequest{MfaConfiguration: "ON", SmsConfiguration: &idp.SmsConfigurationType{SnsCallerArn: "arn:x"}})
	if factors(p) != "ON SMS" {
		t.Errorf("got %s", factors(p))
	}
	err := r.Update(t.Context(), &idp.UpdateUserPoolRequest{UserPoolId: p.ID, MfaConfiguration: "ON"})
	wantFault(t, err, idp.CodeInvalidParameter, "SMS configuration and Auto verification for phone_number are required when MFA is required/optional")
}

func TestRelyingParties(t *testing.T) {
	db := open(t)
	production := pool.New(db, keyring(t), pool.Options{AccountID: "123456789012"})
	development := pool.New(db, keyring(t), pool.Options{AccountID: "123456789012", Dev: true})
	p := create(t, production, &idp.CreateUserPoolRequest{})
	set := func(r *pool.Registry, party string) error {
		_, err := r.SetMFA(t.Context(), &idp.SetUserPoolMfaConfigRequest{UserPoolId: p.ID, WebAuthnConfiguration: &idp.WebAuthnConfigurationType{RelyingPartyId: party}})
		return err
	}
	for _, good := range []string{"example.com", "a-b.example.co.uk", "xn--bcher-kva.example", "me.github.io", "x.auth.us-east-1.amazoncognito.com", ""} {
		if err := set(production, good); err != nil {
			t.Errorf("%q: %v", good, err)
		}
	}
	for _, bad := range []string{"com", "co.uk", "github.io", "localhost", "Example.com", "example.com.", ".example.com", "a..example.com", "-a.example.com",
		"https://example.com", "example.com:443", "example.com/x", "192.0.2.1", "[::1]", "bücher.example", "a b.example"} {
		wantFault(t, set(production, bad), idp.CodeInvalidParameter, badParty)
	}
	if err := set(development, "localhost"); err != nil {
		t.Errorf("in development: %v", err)
	}
	wantFault(t, set(development, "com"), idp.CodeInvalidParameter, badParty)
}

func TestRefusedMFALeavesThePool(t *testing.T) {
	r := registry(t)
	p := create(t, r, &idp.CreateUserPoolRequest{UserPoolTier: "LITE"})
	_, err := r.SetMFA(t.Context(), &idp.SetUserPoolMfaConfigRequest{UserPoolId: p.ID, MfaConfiguration: "ON", EmailMfaConfiguration: &idp.EmailMfaConfigType{}})
	wantFault(t, err, idp.CodeFeatureUnavailableInTier, "The following features need to be disabled for the LITE pricing tier configured: Email MFA")
	if d := describe(t, r, p.ID); d.MfaConfiguration != "OFF" {
		t.Errorf("MFA is %s", d.MfaConfiguration)
	}
}
