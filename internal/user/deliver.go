package user

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"net/url"
	"time"

	"cognate/api/idp"
	"cognate/internal/fault"
	"cognate/internal/message"
	"cognate/internal/pool"
	"cognate/internal/secret"
	"cognate/internal/store"
	"cognate/internal/trigger"
)

// delivery is a message to one of a user's addresses: attr is the attribute that holds it.
type delivery struct {
	user    store.User
	attr    string
	to      string
	code    secret.Text
	purpose message.Purpose
	link    string            // what to follow in place of typing the code, which it holds; empty for none
	more    map[string]string // what functions are told beside the user's attributes
	called  string            // what the user is called in the text; empty is the user name

	client   *pool.Client     // through which it was asked for; nil for none
	metadata trigger.Metadata // that came along with the request
}

// medium is how an attribute's value is reached.
func medium(attr string) message.Medium {
	if attr == attrPhone {
		return message.SMS
	}
	return message.Email
}

// send sends a message, or has the pool's function send it.
func (d *Directory) send(ctx context.Context, p *pool.Pool, v delivery) (*idp.CodeDeliveryDetailsType, error) {
	_, custom := customSender(p, v)
	m, err := d.compose(ctx, p, v, custom == "")
	if err != nil {
		return nil, err
	}
	if custom != "" {
		err = d.handOver(ctx, p, v, m)
	} else {
		err = d.sender.Send(ctx, m)
	}
	if err != nil {
		return nil, fault.Because(err, idp.CodeCodeDeliveryFailure, "Unable to deliver the message.")
	}
	return details(v.attr, v.to), nil
}

// compose renders a message by the pool's template, or by what the pool's function makes of it, if that is to be asked.
func (d *Directory) compose(ctx context.Context, p *pool.Pool, v delivery, ask bool) (m message.Message, err error) {
	by := medium(v.attr)
	t := template(p, v.purpose, by)
	if v.link != "" {
		t = linkTemplate(p, v.purpose)
	}
	if ask {
		if t, err = d.customMessage(ctx, p, v, t); err != nil {
			return m, err
		}
	}
	called := cmp.Or(v.called, v.user.Username)
	subject, body := t.Render(message.Values{Medium: by, Code: v.code, Username: called, Link: v.link})
	from := p.Settings.EmailConfiguration
	return message.Message{
		PoolID: p.ID, Username: called, Medium: by, Destination: v.to, Purpose: v.purpose,
		Code: v.code, Subject: subject, Body: body, From: from.From, ReplyTo: from.ReplyToEmailAddress, Route: route(p, by),
	}, nil
}

// route is what the pool says about how its messages go.
func route(p *pool.Pool, by message.Medium) (r message.Route) {
	if by == message.Email {
		e := p.Settings.EmailConfiguration
		if e.EmailSendingAccount == idp.EmailSendingAccountTypeDeveloper {
			r = message.Route{Service: message.SES, Identity: e.SourceArn, ConfigurationSet: e.ConfigurationSet}
		}
		return r
	}
	s := p.Settings.SmsConfiguration
	switch {
	case s == nil:
	case s.EumsSms != nil:
		e := s.EumsSms
		r = message.Route{
			Service: message.Pinpoint, Role: e.CallerArn, ExternalID: e.ExternalId, Region: e.Region, ConfigurationSet: e.ConfigurationSetName,
			Origination: e.OriginationIdentity, EntityID: e.InEntityId, TemplateID: e.InTemplateId,
		}
	case s.SnsCallerArn != "":
		r = message.Route{Service: message.SNS, Role: s.SnsCallerArn, ExternalID: s.ExternalId, Region: s.SnsRegion}
	}
	return r
}

// postTimeout is how long a message may take that nobody waits for.
const postTimeout = time.Minute

// post sends a message after the answer: whether and how fast it can be delivered must not show there.
func (d *Directory) post(ctx context.Context, p *pool.Pool, v delivery) *idp.CodeDeliveryDetailsType {
	d.afterAnswer(ctx, p, v.purpose, func(ctx context.Context) error {
		_, err := d.send(ctx, p, v)
		return err
	})
	return details(v.attr, v.to)
}

// afterAnswer runs what sends a message once nobody waits for it.
func (d *Directory) afterAnswer(ctx context.Context, p *pool.Pool, purpose message.Purpose, send func(context.Context) error) {
	d.posts.Go(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), postTimeout)
		defer cancel()
		err := send(ctx)
		if f, ok := errors.AsType[*fault.Error](err); ok && f.Code == idp.CodeCodeDeliveryFailure {
			return // which has been reported
		}
		if err != nil {
			slog.WarnContext(ctx, "a message could not be sent", "pool", p.ID, "purpose", string(purpose), "error", cmp.Or(errors.Unwrap(err), err))
		}
	})
}

// sendAll sends messages in their order, up to the first that fails. Client and metadata are those of the request.
func (d *Directory) sendAll(ctx context.Context, p *pool.Pool, c *pool.Client, metadata trigger.Metadata, list []delivery) ([]*idp.CodeDeliveryDetailsType, error) {
	sent := make([]*idp.CodeDeliveryDetailsType, len(list))
	for i, v := range list {
		v.client, v.metadata = c, metadata
		var err error
		if sent[i], err = d.send(ctx, p, v); err != nil {
			return nil, err
		}
	}
	return sent, nil
}

// details tells a client where a code went, without giving the address away.
func details(attr, to string) *idp.CodeDeliveryDetailsType {
	by := medium(attr)
	return &idp.CodeDeliveryDetailsType{AttributeName: attr, DeliveryMedium: string(by), Destination: message.Mask(by, to)}
}

// template is the pool's own text for a purpose, or the default, with a code.
func template(p *pool.Pool, purpose message.Purpose, by message.Medium) message.Template {
	if notice, ok := notices[purpose]; ok {
		return notice
	}
	switch purpose {
	case message.AdminCreateUser:
		return invitation(p, by)
	case message.Authentication:
		return signIn(p, by)
	}
	t := p.Settings.VerificationMessageTemplate
	if by == message.SMS {
		return message.Template{Body: first(t.SmsMessage, message.DefaultVerificationSMS)}
	}
	return message.Template{
		Subject: first(t.EmailSubject, message.DefaultVerificationSubject),
		Body:    first(t.EmailMessage, message.DefaultVerificationEmail),
	}
}

// linkTemplate is the text of an e-mail with a link: to sign in by, or to confirm a sign-up.
func linkTemplate(p *pool.Pool, purpose message.Purpose) message.Template {
	if purpose == message.Authentication {
		return message.Template{Subject: message.SignInLinkSubject, Body: message.SignInLinkEmail}
	}
	t := p.Settings.VerificationMessageTemplate
	return message.Template{
		Subject: first(t.EmailSubjectByLink, message.DefaultLinkSubject),
		Body:    first(t.EmailMessageByLink, message.DefaultLinkEmail),
	}
}

// confirmationLink is where following a link confirms a sign-up (protocol page "oauth-endpoints", section 1). It is
// empty for what a code is typed for: messages of other purposes, text messages, and all of a pool that wants it so.
func (d *Directory) confirmationLink(p *pool.Pool, c *pool.Client, v delivery) string {
	confirms := v.purpose == message.SignUp || v.purpose == message.ResendCode
	byLink := p.Settings.VerificationMessageTemplate.DefaultEmailOption == idp.DefaultEmailOptionTypeConfirmWithLink
	if !confirms || !byLink || v.attr != attrEmail || d.options.Pages == nil {
		return ""
	}
	return d.options.Pages(p) + "/confirmUser?client_id=" + url.QueryEscape(c.ID) +
		"&user_name=" + url.QueryEscape(v.user.Username) + "&confirmation_code=" + url.QueryEscape(string(v.code))
}

// signIn is the text for sign-in codes, as a second factor or alone.
func signIn(p *pool.Pool, by message.Medium) message.Template {
	if by == message.SMS {
		return message.Template{Body: first(p.Settings.SmsAuthenticationMessage, message.DefaultAuthenticationSMS)}
	}
	t := p.EmailMFA()
	return message.Template{
		Subject: first(t.Subject, message.DefaultAuthenticationSubject),
		Body:    first(t.Message, message.DefaultAuthenticationEmail),
	}
}

func invitation(p *pool.Pool, by message.Medium) message.Template {
	t := p.Settings.AdminCreateUserConfig.InviteMessageTemplate
	if t == nil {
		t = &idp.MessageTemplateType{}
	}
	if by == message.SMS {
		return message.Template{Body: first(t.SMSMessage, message.DefaultInvitationSMS)}
	}
	return message.Template{
		Subject: first(t.EmailSubject, message.DefaultInvitationSubject),
		Body:    first(t.EmailMessage, message.DefaultInvitationEmail),
	}
}

// first is the first text that is not empty.
func first(texts ...string) string {
	for _, t := range texts {
		if t != "" {
			return t
		}
	}
	return ""
}
