package user

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"
	"time"

	"cognate/internal/message"
	"cognate/internal/pool"
	"cognate/internal/secret"
	"cognate/internal/trigger"
)

// Sealer seals a code for the functions that send a pool's messages, by the KMS key that the pool names, into base64. It may call
// the network.
type Sealer func(ctx context.Context, key, poolID string, code secret.Text) (string, error)

// maxHandedOver is how many messages may be with functions at a time; each is there for postTimeout at most.
const maxHandedOver = 1000

// handedTo is the name in reports of messages that functions send.
const handedTo = "function"

var errBusy = fmt.Errorf("%w: %d are with functions", message.ErrThrottled, maxHandedOver)

// customSender is the function that sends a message in place of the server, by its ARN. Notices, for which functions know no
// triggerSource, are sent by the server.
func customSender(p *pool.Pool, v delivery) (trigger.Sender, string) {
	if _, notice := notices[v.purpose]; notice {
		return trigger.Sender{}, ""
	}
	f := p.Functions()
	if medium(v.attr) == message.SMS && f.CustomSMSSender != nil {
		return trigger.CustomSMSSender, f.CustomSMSSender.LambdaArn
	}
	if medium(v.attr) == message.Email && f.CustomEmailSender != nil {
		return trigger.CustomEmailSender, f.CustomEmailSender.LambdaArn
	}
	return trigger.Sender{}, ""
}

// handOver has a function send a message, after the answer: its failure fails nothing. There is an error only where so many
// messages are with functions that this one cannot be.
func (d *Directory) handOver(ctx context.Context, p *pool.Pool, v delivery, m message.Message) error {
	r := message.Report{Message: m.Identified(), Sender: handedTo, Pending: true}
	select {
	case d.handedOver <- struct{}{}:
	default:
		r.Pending, r.Err = false, errBusy
		d.report(ctx, r)
		return errBusy
	}
	d.report(ctx, r)
	d.posts.Go(func() {
		defer func() { <-d.handedOver }()
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), postTimeout)
		defer cancel()
		start := time.Now()
		if err := d.tellSender(ctx, p, v); err != nil { // its text is the function's, which knows the code
			r.Err = m.Failed(ctx, message.Refusal{Sender: handedTo, Text: err.Error()})
		}
		r.Pending, r.Took = false, time.Since(start)
		d.report(ctx, r)
	})
	return nil
}

func (d *Directory) report(ctx context.Context, r message.Report) {
	if d.options.Report != nil {
		d.options.Report(ctx, r)
	}
}

// tellSender seals the code and calls the function.
func (d *Directory) tellSender(ctx context.Context, p *pool.Pool, v delivery) error {
	by, arn := customSender(p, v)
	request := trigger.SenderRequest{ClientMetadata: v.metadata, UserAttributes: trigger.AttributesOf(v.user)}
	maps.Copy(request.UserAttributes, v.more)
	request.UserAttributes[v.attr] = v.to // the function sends it there, whether or not the address is the user's yet
	if plain := v.plaintext(); plain != "" {
		if d.options.Seal == nil {
			return errors.New("there is nothing that seals codes")
		}
		sealed, err := d.options.Seal(ctx, p.Functions().KMSKeyID, p.ID, plain)
		if err != nil {
			return fmt.Errorf("sealing the code: %w", err)
		}
		request.Code = &sealed
	}
	scene := p.Scene(by.Source(string(v.purpose)), v.client, v.user.Username)
	return by.Tell(ctx, d.options.Triggers, arn, scene, request)
}

// escaper escapes what Cognito escapes in the temporary passwords of e-mail (protocol page "triggers", section 5).
var escaper = strings.NewReplacer("<", "&lt;", ">", "&gt;")

// plaintext is what a function gets for a code: a link to sign in by goes in whole, for no function could make it.
func (v delivery) plaintext() secret.Text {
	switch {
	case v.purpose == message.Authentication && v.link != "":
		return secret.Text(v.link)
	case v.purpose == message.AdminCreateUser && medium(v.attr) == message.Email:
		return secret.Text(escaper.Replace(string(v.code)))
	}
	return v.code
}
