package user

import (
	"fmt"
	"strings"
	"testing"

	"cognate/api/idp"
	"cognate/internal/trigger"
)

// TestSignUpTriggers calls the pool's functions before a user signs up and after one is confirmed, with what the app has sent.
func TestSignUpTriggers(t *testing.T) {
	onEngines(t, func(o *office) {
		o, f := withFunctions(o, func(in *idp.CreateUserPoolRequest) { in.AutoVerifiedAttributes = []string{"email"} })
		c := o.client(nil)
		in := &idp.SignUpRequest{ClientId: c.ID, Username: "ann", Password: "Corr3ct-Horse!", ClientMetadata: map[string]string{"m": "1"},
			UserAttributes: []*idp.AttributeType{{Name: "email", Value: "ann@example.com"}}, ValidationData: []*idp.AttributeType{{Name: "v", Value: "2"}}}
		out, err := o.users.SignUp(t.Context(), o.pool, c, in)
		o.must(err)
		if len(f.calls) != 1 || out.UserConfirmed {
			t.Fatalf("called %+v", f.calls)
		}
		if got := f.calls[0]; got.Source != "PreSignUp_SignUp" || got.UserName != "ann" || got.Caller.Client != c.ID ||
			fmt.Sprint(got.Request.Attributes, got.Request.Validation, got.Request.Metadata) != "map[email:ann@example.com] map[v:2] map[m:1]" {
			t.Errorf("before: %+v", got)
		}
		f.calls = nil
		_, err = o.users.ConfirmSignUp(t.Context(), o.pool, c, &idp.ConfirmSignUpRequest{ClientId: c.ID, Username: "ann", ConfirmationCode: o.code("ann@example.com"), ClientMetadata: map[string]string{"m": "3"}})
		o.must(err)
		got := f.calls[0]
		if got.Source != "PostConfirmation_ConfirmSignUp" || got.Request.Attributes["sub"] != out.UserSub || got.Request.Attributes["cognito:user_status"] != "CONFIRMED" ||
			got.Request.Attributes["email_verified"] != "true" || got.Request.Metadata["m"] != "3" {
			t.Errorf("after: %+v", got)
		}
		f.calls = nil
		_, err = o.users.SignUp(t.Context(), o.pool, c, in)
		wantFault(t, err, "UsernameExistsException", "User already exists")
		in.Username, in.Password = "bob", "short"
		if _, err = o.users.SignUp(t.Context(), o.pool, c, in); err == nil {
			t.Error("a short password is taken")
		}
		o.wantCalls("refused anyway", f)

		_, err = o.forgot(c, "ann")
		o.must(err)
		o.must(o.reset(c, "ann", o.code("ann@example.com"), "An0ther-Horse!"))
		if f.calls[0].Source != "PostConfirmation_ConfirmForgotPassword" {
			t.Errorf("after a reset: %+v", f.calls)
		}
		f.calls = nil
		o.create("eve", nil)
		if got := f.calls[0]; got.Source != "PreSignUp_AdminCreateUser" || got.Caller.Client != "CLIENT_ID_NOT_APPLICABLE" || got.UserName != "eve" {
			t.Errorf("an administrator's: %+v", got)
		}
	})
}

// TestPreSignUpSettles confirms and verifies without a code what the function says, and nothing that is not there.
func TestPreSignUpSettles(t *testing.T) {
	onEngines(t, func(o *office) {
		o, f := withFunctions(o, aliases("email"), func(in *idp.CreateUserPoolRequest) { in.AutoVerifiedAttributes = []string{"email"} })
		c := o.client(nil)
		o.create("old", map[string]string{"email": "ann@example.com", "email_verified": "true"})
		f.calls, f.response = nil, `{"autoConfirmUser":true,"autoVerifyEmail":true}`
		out, err := o.signUp(c, "ann", map[string]string{"email": "ann@example.com"})
		o.must(err)
		u := o.find("ann")
		if !out.UserConfirmed || out.CodeDeliveryDetails != nil || u.Status != "CONFIRMED" || u.Attributes["email_verified"] != "true" {
			t.Errorf("%+v, %+v", out, u)
		}
		if a, err := o.users.SignIn(t.Context(), o.pool, "ann@example.com"); err != nil || a.User.Sub != u.Sub {
			t.Errorf("the address means %s: %v", a.User.Username, err)
		}
		o.wantCalls("settled", f, "PreSignUp", "PostConfirmation")
		_, err = o.signUp(c, "bob", nil)
		wantFault(t, err, "InvalidParameterException", "The email of a user without one cannot be verified.")
		if _, err := o.users.Find(t.Context(), o.pool, "bob"); err == nil {
			t.Error("bob is there")
		}
		f.response = `{"autoVerifyEmail":true}`
		if out, err := o.signUp(c, "eve", map[string]string{"email": "eve@example.com"}); err != nil || out.UserConfirmed || out.CodeDeliveryDetails == nil {
			t.Errorf("not confirmed: %+v, %v", out, err)
		}
	})
}

// TestSignUpTriggersRefuse lets the functions refuse: the first before anything is written, the second after it.
func TestSignUpTriggersRefuse(t *testing.T) {
	onEngines(t, func(o *office) {
		o, f := withFunctions(o)
		c := o.client(nil)
		f.do = func(c called) error { return &trigger.Thrown{Message: "closed"} }
		for _, sign := range []func() error{
			func() error { _, err := o.signUp(c, "ann", nil); return err },
			func() error { _, err := o.tryCreate("ann", nil, nil); return err },
		} {
			wantFault(t, sign(), "UserLambdaValidationException", "PreSignUp failed with error closed.")
			if _, err := o.users.Find(t.Context(), o.pool, "ann"); err == nil {
				t.Error("ann is there")
			}
		}
		f.do = nil
		_, err := o.signUp(c, "ann", nil)
		o.must(err)
		f.do = func(c called) error { return &trigger.Thrown{Message: "too late"} }
		wantFault(t, o.users.AdminConfirm(t.Context(), o.pool, "ann", nil), "UserLambdaValidationException", "PostConfirmation failed with error too late.")
		if u := o.find("ann"); u.Status != "CONFIRMED" {
			t.Errorf("ann is %s", u.Status)
		}
	})
}

// TestPreAuthenticationEvent tells who is not there only where the client hides that.
func TestPreAuthenticationEvent(t *testing.T) {
	onEngines(t, func(o *office) {
		o, f := withFunctions(o)
		o.create("ann", nil)
		f.calls = nil
		for hide, want := range map[string]string{"LEGACY": "<nil> <nil>", "ENABLED": "false true"} {
			c := o.client(func(in *idp.CreateUserPoolClientRequest) { in.PreventUserExistenceErrors = hide })
			known, err := o.users.SignIn(t.Context(), o.pool, "ann")
			o.must(err)
			o.must(o.users.BeforeSignIn(t.Context(), o.pool, c, known, "ann", trigger.Metadata{"k": "v"}))
			o.must(o.users.BeforeSignIn(t.Context(), o.pool, c, o.users.Unknown(o.pool, "nobody"), "nobody", nil))
			var said []string
			for _, call := range f.calls {
				if said = append(said, "<nil>"); call.Request.NotFound != nil {
					said[len(said)-1] = fmt.Sprint(*call.Request.NotFound)
				}
			}
			if got := strings.Join(said, " "); got != want || f.calls[0].Request.Validation["k"] != "v" || f.calls[1].UserName != "nobody" || len(f.calls[1].Request.Attributes) > 0 {
				t.Errorf("%s: %s, called %+v", hide, got, f.calls)
			}
			f.calls = nil
		}
	})
}
