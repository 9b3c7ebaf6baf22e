package user

import (
	"testing"

	"cognate/api/idp"
	"cognate/internal/message"
)

// Sign-in codes go out in texts of their own, not in those that confirm an address.
func TestSignInTexts(t *testing.T) {
	plain := newOffice(t, nil)
	own := newOfficeIn(plain, func(in *idp.CreateUserPoolRequest) {
		in.SmsAuthenticationMessage = "sign in with {####}"
		in.SmsVerificationMessage = "confirm {####}"
		in.EmailVerificationMessage = "confirm {####}"
	})
	_, err := own.pools.SetMFA(t.Context(), &idp.SetUserPoolMfaConfigRequest{
		UserPoolId: own.pool.ID, MfaConfiguration: "OPTIONAL",
		EmailMfaConfiguration: &idp.EmailMfaConfigType{Message: "mailed {####}", Subject: "sign in"},
	})
	own.must(err)
	own.pool, err = own.pools.Pool(t.Context(), own.pool.ID)
	own.must(err)
	for _, c := range []struct {
		of   *office
		by   message.Medium
		want message.Template
	}{
		{plain, message.SMS, message.Template{Body: "Your authentication code is {####}."}},
		{plain, message.Email, message.Template{Subject: "Your authentication code", Body: "Your authentication code is {####}."}},
		{own, message.SMS, message.Template{Body: "sign in with {####}"}},
		{own, message.Email, message.Template{Subject: "sign in", Body: "mailed {####}"}},
	} {
		if got := template(c.of.pool, message.Authentication, c.by); got != c.want {
			t.Errorf("%s: got %q, want %q", c.by, got, c.want)
		}
	}
}
