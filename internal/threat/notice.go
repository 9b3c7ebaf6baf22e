package threat

import (
	"html"
	"net/url"
	"strings"
	"time"

	"cognate/api/idp"
	"cognate/internal/message"
)

// Mail is what a mail tells a user of a risk: what has been done about it.
type Mail string

// The mails.
const (
	MailBlock    Mail = "block"
	MailMFA      Mail = "mfa"
	MailNoAction Mail = "no-action"
)

// FeedbackPath is where the links of mails lead, at the pages of a pool: the query holds the token and the value.
const FeedbackPath = "/feedback"

// texts are those of a configuration that has none of its own.
var texts = map[Mail]idp.NotifyEmailType{
	MailBlock:    {Subject: "A sign-in to your account was blocked", TextBody: "A sign-in to your account {username} was blocked.\n\n" + details},
	MailMFA:      {Subject: "A new sign-in to your account", TextBody: "A sign-in to your account {username} had to prove more than usual.\n\n" + details},
	MailNoAction: {Subject: "A new sign-in to your account", TextBody: "There was an unusual sign-in to your account {username}.\n\n" + details},
}

const details = "Time: {login-time}\nDevice: {device-name}\nAddress: {ip-address}\n\n" +
	"If this was you: {one-click-link-valid}\n" +
	"If it was not, say so and change your password: {one-click-link-invalid}"

// unknown stands for what is not known of an event.
const unknown = "unknown"

// Compose is the mail about an event to a user who is called so: without destination, medium and purpose. More is the same
// for functions that write mails of their own.
func (w *Watch) Compose(mail Mail, e *Event, called string) (m message.Message, more map[string]string, err error) {
	token, err := w.service.token(e)
	if err != nil {
		return m, nil, err
	}
	values := w.values(e, called, token)
	text, config := w.text(mail)
	plain, markup := make([]string, 0, 2*len(values)), make([]string, 0, 2*len(values))
	more = map[string]string{}
	for name, value := range values {
		plain = append(plain, "{"+name+"}", value)
		markup = append(markup, "{"+name+"}", html.EscapeString(value))
		more[strings.ReplaceAll(strings.ToUpper(name), "-", "_")] = value
	}
	delete(more, "USERNAME")
	body := text.HtmlBody
	if body == "" {
		body = strings.ReplaceAll(html.EscapeString(text.TextBody), "\n", "<br>\n")
	}
	m = message.Message{
		PoolID: e.PoolID, Username: called, Subject: oneLine(strings.NewReplacer(plain...).Replace(text.Subject)),
		Body: strings.NewReplacer(markup...).Replace(body), From: config.From, ReplyTo: config.ReplyTo,
	}
	if config.SourceArn != "" {
		m.Route = message.Route{Service: message.SES, Identity: config.SourceArn}
	}
	return m, more, nil
}

// text is the text of a mail, and the configuration of all.
func (w *Watch) text(mail Mail) (idp.NotifyEmailType, idp.NotifyConfigurationType) {
	var config idp.NotifyConfigurationType
	if t := w.rules.takeover; t != nil && t.NotifyConfiguration != nil {
		config = *t.NotifyConfiguration
	}
	own := map[Mail]*idp.NotifyEmailType{MailBlock: config.BlockEmail, MailMFA: config.MfaEmail, MailNoAction: config.NoActionEmail}[mail]
	if own == nil {
		return texts[mail], config
	}
	return *own, config
}

// values are those of the placeholders (protocol page "users-and-pools", section 11). City and country are not known: the
// server has no source for them.
func (w *Watch) values(e *Event, called, token string) map[string]string {
	out := map[string]string{
		"username": called, "ip-address": e.Context.IP, "device-name": e.Context.Device, "city": "", "country": "",
		"login-time": e.Created.UTC().Format(time.RFC1123), "event-id": e.ID, "feedback-token": token,
		"one-click-link-valid":   w.link(token, idp.FeedbackValueTypeValid),
		"one-click-link-invalid": w.link(token, idp.FeedbackValueTypeInvalid),
	}
	for name, value := range out {
		if out[name] = oneLine(value); out[name] == "" {
			out[name] = unknown
		}
	}
	return out
}

// link is where a user says of an event by a press of a button what it was; empty without pages.
func (w *Watch) link(token, value string) string {
	if w.service.options.Pages == nil {
		return ""
	}
	return w.service.options.Pages(w.pool) + FeedbackPath + "?value=" + value + "&token=" + url.QueryEscape(token)
}

// oneLine keeps a value from ending a header, or the tag of a template that it stands in.
func oneLine(text string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r == '\u2028' || r == '\u2029' {
			return -1
		}
		return r
	}, strings.ToValidUTF8(text, ""))
}
