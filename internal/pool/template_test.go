package pool_test

import (
	"strings"
	"testing"

	"cognate/api/idp"
	"cognate/internal/awsjson"
)

// TestMessageTemplates: a text must have the place of what it is sent for. That of the verification texts is the
// model's to ask for, in the same way when a pool is made and when it is changed.
func TestMessageTemplates(t *testing.T) {
	const code, link = "type {####}", "follow {##this link##}"
	verification := func(v idp.VerificationMessageTemplateType) idp.CreateUserPoolRequest {
		return idp.CreateUserPoolRequest{VerificationMessageTemplate: &v}
	}
	for name, c := range map[string]struct {
		in      idp.CreateUserPoolRequest
		refused string // the member that is at fault; empty when the template is taken
	}{
		"all":                 {verification(idp.VerificationMessageTemplateType{DefaultEmailOption: "CONFIRM_WITH_LINK", SmsMessage: code, EmailMessage: code, EmailSubject: "s", EmailMessageByLink: link, EmailSubjectByLink: "s"}), ""},
		"link by default":     {verification(idp.VerificationMessageTemplateType{DefaultEmailOption: "CONFIRM_WITH_LINK"}), ""},
		"several links":       {verification(idp.VerificationMessageTemplateType{EmailMessageByLink: link + "\n<p>" + link + "</p>"}), ""},
		"link and code":       {verification(idp.VerificationMessageTemplateType{EmailMessageByLink: link + " or " + code}), ""},
		"code for a link":     {verification(idp.VerificationMessageTemplateType{EmailMessageByLink: code}), ""},
		"e-mail without code": {verification(idp.VerificationMessageTemplateType{EmailMessage: "type it"}), "emailMessage"},
		"link for a code":     {verification(idp.VerificationMessageTemplateType{EmailMessage: link}), "emailMessage"},
		"sms without code":    {verification(idp.VerificationMessageTemplateType{SmsMessage: "type it"}), "smsMessage"},
		"no link":             {verification(idp.VerificationMessageTemplateType{EmailMessageByLink: "follow it"}), "emailMessageByLink"},
		"link without an end": {verification(idp.VerificationMessageTemplateType{EmailMessageByLink: "follow {##this"}), "emailMessageByLink"},
		"half a code":         {verification(idp.VerificationMessageTemplateType{EmailMessageByLink: "follow {##}"}), "emailMessageByLink"},
		"long subject":        {verification(idp.VerificationMessageTemplateType{EmailSubjectByLink: strings.Repeat("s", 141)}), "emailSubjectByLink"},
		"other option":        {verification(idp.VerificationMessageTemplateType{DefaultEmailOption: "CONFIRM"}), "defaultEmailOption"},
		"legacy":              {idp.CreateUserPoolRequest{EmailVerificationMessage: link}, "emailVerificationMessage"},
		"legacy sms":          {idp.CreateUserPoolRequest{SmsVerificationMessage: "type it"}, "smsVerificationMessage"},
		"sign-in":             {idp.CreateUserPoolRequest{SmsAuthenticationMessage: "type it"}, "smsAuthenticationMessage"},
	} {
		c.in.PoolName = "p"
		change := idp.UpdateUserPoolRequest{
			UserPoolId: "us-east-1_a", VerificationMessageTemplate: c.in.VerificationMessageTemplate, EmailVerificationMessage: c.in.EmailVerificationMessage,
			SmsVerificationMessage: c.in.SmsVerificationMessage, SmsAuthenticationMessage: c.in.SmsAuthenticationMessage,
		}
		for _, err := range []error{awsjson.Validate(idp.CreateUserPool, &c.in), awsjson.Validate(idp.UpdateUserPool, &change)} {
			if (err != nil) != (c.refused != "") || err != nil && !strings.Contains(err.Error(), c.refused+"'") {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
}

// TestSignInLinks: the tag turns links on, and nothing that only looks like it.
func TestSignInLinks(t *testing.T) {
	r := registry(t)
	for value, want := range map[string]bool{"enabled": true, "disabled": false} {
		in := tagged("cognate:sign-in-links", value)
		p := create(t, r, &in)
		if p.SignInLinks() != want {
			t.Errorf("%s: %t", value, p.SignInLinks())
		}
		if err := r.Update(t.Context(), &idp.UpdateUserPoolRequest{UserPoolId: p.ID}); err != nil {
			t.Fatal(err)
		}
		if p, err := r.Pool(t.Context(), p.ID); err != nil || p.SignInLinks() != want {
			t.Errorf("%s, after an update without tags: %v", value, err)
		}
	}
	for _, in := range []idp.CreateUserPoolRequest{{}, tagged("sign-in-links", "enabled"), tagged("cognate:Sign-In-Links", "enabled")} {
		if p := create(t, r, &in); p.SignInLinks() {
			t.Errorf("%v turns links on", p.Settings.UserPoolTags)
		}
	}
	for _, value := range []string{"", "true", "Enabled", "enabled "} {
		in := tagged("cognate:sign-in-links", value)
		in.PoolName = "p"
		_, err := r.Create(t.Context(), region, &in)
		wantFault(t, err, idp.CodeInvalidParameter, "The tag cognate:sign-in-links must be enabled or disabled.")
	}
}
