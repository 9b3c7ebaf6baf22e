package user

import (
	"log/slog"
	"strings"
	"testing"

	"cognate/api/idp"
	"cognate/internal/message"
	"cognate/internal/pool"
	"cognate/internal/secret/secrettest"
	"cognate/internal/threat"
	"cognate/internal/trigger"
)

// TestTakeoverMails sends mails about risky sign-ins: by the server with what the configuration says, escaped, or by the
// pool's function, and to verified addresses alone (checklist 19, 23).
func TestTakeoverMails(t *testing.T) {
	onEngines(t, func(o *office) {
		o, f := withSenders(o, func(in *idp.CreateUserPoolRequest) {
			in.UserPoolTier, in.UserPoolAddOns = "PLUS", &idp.UserPoolAddOnsType{AdvancedSecurityMode: "ENFORCED"}
		})
		c := o.client(nil)
		service := threat.New(o.db, secrettest.Keyring(t), o.pools, threat.Options{Pages: func(*pool.Pool) string { return "https://pages.test" }})
		_, err := service.SetConfiguration(t.Context(), &idp.SetRiskConfigurationRequest{UserPoolId: o.pool.ID,
			AccountTakeoverRiskConfiguration: &idp.AccountTakeoverRiskConfigurationType{
				Actions: &idp.AccountTakeoverActionsType{},
				NotifyConfiguration: &idp.NotifyConfigurationType{
					From: "us@example.com", ReplyTo: "no@example.com", SourceArn: "arn:aws:ses:us-east-1:000000000000:identity/us@example.com",
					BlockEmail: &idp.NotifyEmailType{Subject: "{device-name} in {city}", HtmlBody: `<a href={one-click-link-invalid}>{username} {device-name} {####}</a>`},
					MfaEmail:   &idp.NotifyEmailType{Subject: "s", TextBody: "1 < 2\n{ip-address}"},
				}}})
		o.must(err)
		o.must(o.users.Seed(t.Context(), o.pool, "ann", good, map[string]string{"email": "ann@example.com", "email_verified": "true"}))
		o.must(o.users.Seed(t.Context(), o.pool, "bob", good, map[string]string{"email": "bob@example.com"}))
		w, err := service.Watch(t.Context(), o.pool, c, threat.Origin{IP: "198.51.100.1", Agent: "<b>\r\nBcc: x"}, false)
		o.must(err)
		warn := func(name string, mail threat.Mail) {
			u := o.find(name)
			e := w.Event("SignIn", "Fail", "", u)
			e.Risk = threat.Risk{Level: "Low", Notify: true}
			o.users.Warn(t.Context(), o.pool, w, mail, e, u)
			o.users.Wait()
		}
		warn("ann", threat.MailBlock)
		got := f.take(o)
		if len(got) != 1 || got[0].Source != "CustomEmailSender_AccountTakeOverNotification" || got[0].Request.Code != nil {
			t.Fatalf("called %+v", got)
		}
		a := got[0].Request.Attributes
		if a["IP_ADDRESS"] != "198.51.100.1" || a["CITY"] != "unknown" || a["FEEDBACK_TOKEN"] == "" || a["email"] != "ann@example.com" ||
			!strings.HasPrefix(a["ONE_CLICK_LINK_VALID"], "https://pages.test/feedback?value=Valid&token=") {
			t.Errorf("%+v", a)
		}

		p := *o.pool // without functions
		settings := *p.Settings
		settings.LambdaConfig, p.Settings = &idp.LambdaConfigType{}, &settings
		o.pool = &p
		o.users.With(Options{Triggers: trigger.New(f, slog.New(slog.DiscardHandler))})
		warn("ann", threat.MailBlock)
		warn("ann", threat.MailMFA)
		warn("ann", threat.MailNoAction)
		warn("bob", threat.MailBlock)
		if sent := o.inbox.Messages("bob@example.com"); len(sent) > 0 {
			t.Errorf("an address that nobody has verified got %v", sent)
		}
		var sent []message.Message
		for _, m := range o.inbox.Messages("ann@example.com") {
			if m.Purpose == message.AccountTakeover {
				sent = append(sent, m)
			}
		}
		if len(sent) != 3 {
			t.Fatalf("sent %v", sent)
		}
		if m := sent[0]; m.Subject != "<b>Bcc: x in unknown" || m.From != "us@example.com" || m.ReplyTo != "no@example.com" || m.Route.Service != message.SES ||
			!strings.HasPrefix(m.Body, "<a href=https://pages.test/feedback?value=Invalid&amp;token=") || !strings.HasSuffix(m.Body, ">ann &lt;b&gt;Bcc: x {####}</a>") {
			t.Errorf("%s\n%s\n%+v", m.Subject, m.Body, m.Route)
		}
		if m := sent[1]; m.Body != "1 &lt; 2<br>\n198.51.100.1" {
			t.Error(m.Body)
		}
		if m := sent[2]; m.Subject != "A new sign-in to your account" || !strings.Contains(m.Body, "value=Valid&amp;token=") || strings.Contains(m.Body, "{") {
			t.Errorf("%s\n%s", m.Subject, m.Body)
		}
	})
}
