// Package ses is a message.Sender that sends e-mail by Amazon SES, or what speaks its API.
// https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_SendEmail.html
package ses

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sesv2"
	"github.com/aws/aws-sdk-go-v2/service/sesv2/types"

	"cognate/internal/awsclient"
	"cognate/internal/message"
)

// Config says where e-mail goes out. The credentials are those of the standard environment of AWS's clients.
type Config struct {
	// Config says where SES is called. Without a region in it, a pool that names an identity is served in the identity's.
	awsclient.Config
	// From is the sender of messages whose pool names none, neither by itself nor by an identity: "a@b" or "Name <a@b>".
	From string
	// ConfigurationSet is that of messages whose pool names none; empty is none.
	ConfigurationSet string
	// Timeout is the most that one message may take, repetitions included, 10 s when zero.
	Timeout time.Duration
}

// Sender sends e-mail. It is safe for concurrent use.
type Sender struct {
	config Config
	// send is the client's method alone: a type that held the client would keep the code of all its operations in the binary.
	send func(context.Context, *sesv2.SendEmailInput, ...func(*sesv2.Options)) (*sesv2.SendEmailOutput, error)
}

// New reads the environment and makes a sender. It calls nobody.
func New(ctx context.Context, c Config) (*Sender, error) {
	if c.From != "" {
		if _, err := message.ParseAddress(c.From); err != nil {
			return nil, fmt.Errorf("from %q is not an address", c.From)
		}
	}
	if c.Timeout < 0 {
		return nil, errors.New("the timeout is negative")
	}
	if c.Timeout == 0 {
		c.Timeout = 10 * time.Second
	}
	loaded, err := c.Open(ctx)
	if err != nil {
		return nil, err
	}
	client := sesv2.NewFromConfig(loaded, func(o *sesv2.Options) {
		if e := c.BaseEndpoint(); e != nil {
			o.BaseEndpoint = e
		}
	})
	return &Sender{config: c, send: client.SendEmail}, nil
}

// String is the sender's name.
func (s *Sender) String() string { return "ses" }

// LogValue is String.
func (s *Sender) LogValue() slog.Value { return slog.StringValue(s.String()) }

// Send hands m to SES and returns once SES has taken it. An SMS is message.ErrUnsupported. What SES rejects is
// message.ErrUndeliverable, a quota that is used up message.ErrThrottled; anything else is neither.
func (s *Sender) Send(ctx context.Context, m message.Message) error {
	if err := m.Check(ctx, message.Email); err != nil {
		return fmt.Errorf("ses: %w", err)
	}
	identity := parseIdentity(m.Route.Identity)
	m, err := m.Addressed(cmp.Or(identity.address, s.config.From))
	if err != nil {
		return fmt.Errorf("ses: %w", err)
	}
	if m.From == "" {
		return errors.New("ses: neither the pool nor the server says whom e-mail is from")
	}
	ctx, cancel := context.WithTimeout(ctx, s.config.Timeout)
	defer cancel()
	_, err = s.send(ctx, s.input(m), func(o *sesv2.Options) {
		if s.config.Region == "" && identity.region != "" {
			o.Region = identity.region
		}
	})
	if err != nil {
		return m.Failed(ctx, refusal(err))
	}
	return nil
}

// identity is what the ARN of an identity at SES tells.
type identity struct{ region, address string }

// parseIdentity takes arn:aws:ses:region:account:identity/name apart. The name is an address or a domain.
func parseIdentity(arn string) (i identity) {
	parts := strings.SplitN(arn, ":", 6)
	if len(parts) < 6 || parts[2] != "ses" {
		return i
	}
	if awsclient.IsRegion(parts[3]) {
		i.region = parts[3]
	}
	if name, ok := strings.CutPrefix(parts[5], "identity/"); ok && message.IsEmail(name) {
		i.address = name
	}
	return i
}

func (s *Sender) input(m message.Message) *sesv2.SendEmailInput {
	in := &sesv2.SendEmailInput{
		FromEmailAddress: &m.From,
		Destination:      &types.Destination{ToAddresses: []string{m.Destination}},
		Content: &types.EmailContent{Simple: &types.Message{
			Subject: content(m.Subject),
			Body:    &types.Body{Html: content(m.Body), Text: content(message.PlainText(m.Body))},
		}},
	}
	if m.ReplyTo != "" {
		in.ReplyToAddresses = []string{m.ReplyTo}
	}
	if m.Route.Identity != "" {
		in.FromEmailAddressIdentityArn = &m.Route.Identity
	}
	if set := cmp.Or(m.Route.ConfigurationSet, s.config.ConfigurationSet); set != "" {
		in.ConfigurationSetName = &set
	}
	return in
}

func content(text string) *types.Content {
	return &types.Content{Data: &text, Charset: aws.String("UTF-8")}
}

func refusal(err error) message.Refusal {
	r := message.Refusal{Sender: "ses"}
	r.Code, r.Text = awsclient.Refusal(err)
	switch {
	case r.Code == "MessageRejected" || r.Code == "BadRequestException":
		r.Kind = message.ErrUndeliverable
	case awsclient.IsThrottled(r.Code):
		r.Kind = message.ErrThrottled
	}
	return r
}
