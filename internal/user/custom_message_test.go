package user

import (
	"fmt"
	"strings"
	"testing"

	"cognate/api/idp"
	"cognate/internal/message"
)

// lastSent is the message that was sent last.
func (o *office) lastSent(to string) message.Message {
	o.Helper()
	o.users.Wait()
	all := o.inbox.Messages(to)
	if len(all) == 0 {
		o.Fatalf("nothing was sent to %s", to)
	}
	return all[len(all)-1]
}

// TestCustomMessage sends what the pool's function has written, for each purpose, and what it leaves as the pool has it.
func TestCustomMessage(t *testing.T) {
	onEngines(t, func(o *office) {
		o, f := withFunctions(o, func(in *idp.CreateUserPoolRequest) { in.AutoVerifiedAttributes = []string{"email"} })
		h := *o.pool
		settings := h.Settings
		settings.LambdaConfig = &idp.LambdaConfigType{CustomMessage: "arn:aws:lambda:us-east-1:123456789012:function:f"}
		h.Settings = settings
		o.pool = &h
		c := o.client(nil)
		f.response = `{"emailMessage":"<b>{####}</b> for {username}","emailSubject":"For {username}","smsMessage":null}`
		const to = "ann@example.com"
		for _, step := range []struct {
			source string
			client string
			do     func() error
		}{
			{"CustomMessage_SignUp", c.ID, func() error {
				_, err := o.users.SignUp(t.Context(), o.pool, c, &idp.SignUpRequest{Username: "ann", Password: "Corr3ct-Horse!", UserAttributes: []*idp.AttributeType{{Name: "email", Value: to}}, ClientMetadata: map[string]string{"k": "v"}})
				return err
			}},
			{"CustomMessage_ResendCode", c.ID, func() error {
				_, err := o.users.ResendConfirmationCode(t.Context(), o.pool, c, &idp.ResendConfirmationCodeRequest{Username: "ann", ClientMetadata: map[string]string{"k": "v"}})
				return err
			}},
			{"", "", func() error { return o.confirm(c, "ann", o.code(to), false) }},
			{"CustomMessage_ForgotPassword", c.ID, func() error {
				_, err := o.users.ForgotPassword(t.Context(), o.pool, c, &idp.ForgotPasswordRequest{Username: "ann", ClientMetadata: map[string]string{"k": "v"}})
				return err
			}},
			{"CustomMessage_ForgotPassword", "CLIENT_ID_NOT_APPLICABLE", func() error {
				return o.users.AdminResetPassword(t.Context(), o.pool, "ann", map[string]string{"k": "v"})
			}},
			{"CustomMessage_VerifyUserAttribute", c.ID, func() error {
				me := o.self(c, "ann")
				me.Pool, me.Metadata = o.pool, map[string]string{"k": "v"}
				_, err := o.users.SendVerification(t.Context(), me, "email")
				return err
			}},
		} {
			f.calls = nil
			o.must(step.do())
			if step.source == "" {
				continue
			}
			m := o.lastSent(to)
			if m.Subject != "For ann" || m.Body != "<b>"+string(m.Code)+"</b> for ann" {
				t.Errorf("%s: sent %q: %q", step.source, m.Subject, m.Body)
			}
			if got := f.calls[0]; len(f.calls) != 1 || got.Source != step.source || got.Caller.Client != step.client || got.Request.Metadata["k"] != "v" || got.Request.Attributes["email"] != to {
				t.Errorf("%s: called %+v", step.source, f.calls)
			}
		}
		f.calls, f.response = nil, `{"emailMessage":"Welcome {username}: {####}"}`
		_, err := o.users.AdminCreate(t.Context(), o.pool, &idp.AdminCreateUserRequest{Username: "bob", TemporaryPassword: "Temp0rary-Horse!", DesiredDeliveryMediums: []string{"EMAIL"}, UserAttributes: []*idp.AttributeType{{Name: "email", Value: "bob@example.com"}}})
		o.must(err)
		if m := o.lastSent("bob@example.com"); m.Subject != "Your temporary password" || m.Body != "Welcome bob: Temp0rary-Horse!" || f.calls[0].Source != "CustomMessage_AdminCreateUser" {
			t.Errorf("an invitation: %q: %q, called %+v", m.Subject, m.Body, f.calls)
		}
	})
}

// TestCustomMessageRefused sends nothing of a function that has left out what the message is for, or has written too much.
func TestCustomMessageRefused(t *testing.T) {
	onEngines(t, func(o *office) {
		f := &functions{}
		o = newOfficeIn(o, func(in *idp.CreateUserPoolRequest) {
			in.AutoVerifiedAttributes = []string{"email", "phone_number"}
			in.SmsConfiguration = &idp.SmsConfigurationType{SnsCallerArn: "arn:aws:iam::123456789012:role/sms"}
			in.LambdaConfig = &idp.LambdaConfigType{CustomMessage: "arn:aws:lambda:us-east-1:123456789012:function:f"}
		})
		o.users.With(Options{Triggers: f.dispatcher()})
		c := o.client(nil)
		n := 0
		try := func(attr, to, response string) error {
			n++
			f.response = response
			_, err := o.signUp(c, fmt.Sprint("user", n), map[string]string{attr: to})
			if all := o.inbox.Messages(to); err != nil && len(all) > 0 {
				t.Errorf("%s: sent %q", response, all[0].Body)
			}
			return err
		}
		for what, response := range map[string]string{
			"no code": `{"emailMessage":"hello"}`, "a long subject": `{"emailSubject":"` + strings.Repeat("s", 141) + `"}`, "a long text": `{"emailMessage":"{####}` + strings.Repeat("x", 20_000) + `"}`,
			"a number": `{"emailMessage":7}`,
		} {
			if err := try("email", fmt.Sprintf("u%d@example.com", n), response); err == nil {
				t.Errorf("%s is taken", what)
			} else {
				wantFault(t, err, "InvalidLambdaResponseException", "Unrecognizable lambda output")
			}
		}
		if err := try("phone_number", "+15555550100", `{"smsMessage":"`+strings.Repeat("x", 135)+`{####}"}`); err == nil {
			t.Error("a long text message is taken")
		}
		for _, response := range []string{`{}`, `{"emailMessage":"","emailSubject":""}`, `{"smsMessage":"no code"}`, `{"emailMessage":"{####}","emailSubject":"a\r\nBcc: b@example.com"}`} {
			to := fmt.Sprintf("w%d@example.com", n)
			o.must(try("email", to, response))
			if m := o.lastSent(to); m.Code == "" || !strings.Contains(m.Body, string(m.Code)) || strings.ContainsAny(m.Subject, "\r\n") {
				t.Errorf("%s: sent %q: %q", response, m.Subject, m.Body)
			}
		}
	})
}
