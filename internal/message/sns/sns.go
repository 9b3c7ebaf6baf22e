// Package sns is a message.Sender that sends text messages by Amazon SNS, or what speaks its API.
// https://docs.aws.amazon.com/sns/latest/api/API_Publish.html
package sns

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sns/types"

	"cognate/internal/awsclient"
	"cognate/internal/message"
)

// Config says where text messages go out. The credentials are those of the standard environment of AWS's clients.
type Config struct {
	// Config says where SNS is called. Without a region in it, a pool that names one is served there.
	awsclient.Config
	// SenderID is the name that messages come from, in countries that show one: up to 11 letters, digits and hyphens; empty is none.
	SenderID string
	// AssumeRole sends a pool's messages in the role that the pool names, with its external ID.
	AssumeRole bool
	// Timeout is the most that one message may take, repetitions included, 10 s when zero.
	Timeout time.Duration
}

var senderID = regexp.MustCompile(`^[A-Za-z0-9-]{1,11}$`)

// Sender sends text messages. It is safe for concurrent use.
type Sender struct {
	config Config
	// publish is the client's method alone: a type that held the client would keep the code of all its operations in the binary.
	publish func(context.Context, *sns.PublishInput, ...func(*sns.Options)) (*sns.PublishOutput, error)
	roles   *awsclient.Roles
}

// New reads the environment and makes a sender. It calls nobody.
func New(ctx context.Context, c Config) (*Sender, error) {
	if c.SenderID != "" && !senderID.MatchString(c.SenderID) {
		return nil, errors.New("sender_id is not up to 11 letters, digits and hyphens")
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
	client := sns.NewFromConfig(loaded, func(o *sns.Options) {
		if e := c.BaseEndpoint(); e != nil {
			o.BaseEndpoint = e
		}
	})
	return &Sender{config: c, publish: client.Publish, roles: awsclient.NewRoles(loaded)}, nil
}

// String is the sender's name.
func (s *Sender) String() string { return "sns" }

// LogValue is String.
func (s *Sender) LogValue() slog.Value { return slog.StringValue(s.String()) }

// Send hands m to SNS and returns once SNS has taken it. An e-mail is message.ErrUnsupported. What SNS says of the number or the
// text is message.ErrUndeliverable, of too many messages message.ErrThrottled; anything else is neither.
func (s *Sender) Send(ctx context.Context, m message.Message) error {
	if err := m.Check(ctx, message.SMS); err != nil {
		return fmt.Errorf("sns: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, s.config.Timeout)
	defer cancel()
	_, err := s.publish(ctx, s.input(m), func(o *sns.Options) {
		if s.config.Region == "" && awsclient.IsRegion(m.Route.Region) {
			o.Region = m.Route.Region
		}
		if s.config.AssumeRole && m.Route.Role != "" {
			o.Credentials = s.roles.Take(m.Route.Role, m.Route.ExternalID)
		}
	})
	if err != nil {
		return m.Failed(ctx, refusal(err))
	}
	return nil
}

func (s *Sender) input(m message.Message) *sns.PublishInput {
	text := func(value string) types.MessageAttributeValue {
		return types.MessageAttributeValue{DataType: aws.String("String"), StringValue: &value}
	}
	attributes := map[string]types.MessageAttributeValue{"AWS.SNS.SMS.SMSType": text("Transactional")}
	if s.config.SenderID != "" {
		attributes["AWS.SNS.SMS.SenderID"] = text(s.config.SenderID)
	}
	return &sns.PublishInput{PhoneNumber: &m.Destination, Message: &m.Body, MessageAttributes: attributes}
}

func refusal(err error) message.Refusal {
	r := message.Refusal{Sender: "sns"}
	r.Code, r.Text = awsclient.Refusal(err)
	switch {
	case r.Code == "InvalidParameter" || r.Code == "ParameterValueInvalid" || r.Code == "OptedOut":
		r.Kind = message.ErrUndeliverable
	case awsclient.IsThrottled(r.Code):
		r.Kind = message.ErrThrottled
	}
	return r
}
