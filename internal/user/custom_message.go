package user

import (
	"context"
	"fmt"
	"strings"
	"unicode/utf8"

	"cognate/internal/message"
	"cognate/internal/pool"
	"cognate/internal/trigger"
)

// How many characters the texts of a function may have (protocol page "triggers", section 5).
const (
	maxCustomSMS     = 140
	maxCustomEmail   = 20_000
	maxCustomSubject = 140
)

// customMessage has the pool's function write a message that carries a code; what it does not write stays as it is.
func (d *Directory) customMessage(ctx context.Context, p *pool.Pool, v delivery, t message.Template) (message.Template, error) {
	function := p.Functions().CustomMessage
	if _, notice := notices[v.purpose]; notice || function == "" {
		return t, nil
	}
	request := trigger.CustomMessageRequest{UserAttributes: trigger.AttributesOf(v.user), CodeParameter: message.Code, ClientMetadata: v.metadata}
	if v.link != "" {
		request.LinkParameter = new(message.Link)
	}
	if v.purpose == message.AdminCreateUser {
		request.UsernameParameter = new(message.Username)
	}
	scene := p.Scene(trigger.SourceCustomMessage+string(v.purpose), v.client, v.user.Username)
	response, err := trigger.CustomMessage.Call(ctx, d.options.Triggers, function, scene, request)
	if err != nil {
		return t, err
	}
	if medium(v.attr) == message.SMS {
		return written(t, v, response.SMSMessage, nil, maxCustomSMS)
	}
	return written(t, v, response.EmailMessage, response.EmailSubject, maxCustomEmail)
}

// written is a template with the texts of a function, which must have the places for what the message is for.
func written(t message.Template, v delivery, body, subject *string, limit int) (message.Template, error) {
	if subject != nil && *subject != "" {
		if utf8.RuneCountInString(*subject) > maxCustomSubject {
			return t, trigger.Unrecognizable(fmt.Errorf("a subject of more than %d characters", maxCustomSubject))
		}
		t.Subject = *subject
	}
	if body == nil || *body == "" {
		return t, nil
	}
	if utf8.RuneCountInString(*body) > limit {
		return t, trigger.Unrecognizable(fmt.Errorf("a message of more than %d characters", limit))
	}
	err := message.ValidateCode(*body)
	switch {
	case v.purpose == message.AdminCreateUser && v.code != "":
		err = message.ValidateInvitation(*body)
	case v.purpose == message.AdminCreateUser, v.link != "" && strings.Contains(*body, "##}"):
		err = nil // there is no password to tell, or a link in place of the code
	}
	if err != nil {
		return t, trigger.Unrecognizable(err)
	}
	t.Body = *body
	return t, nil
}
