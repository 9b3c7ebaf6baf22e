// Package pinpoint is a message.Sender that sends text messages by AWS End User Messaging, or what speaks its API, which still goes
// by the name of Amazon Pinpoint.
// https://docs.aws.amazon.com/pinpoint/latest/apireference_smsvoicev2/API_SendTextMessage.html
package pinpoint

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/service/pinpointsmsvoicev2"
	"github.com/aws/aws-sdk-go-v2/service/pinpointsmsvoicev2/types"

	"cognate/internal/awsclient"
	"cognate/internal/message"
)

// Config says where text messages go out. The credentials are those of the standard environment of AWS's clients.
type Config struct {
	// Config says where End User Messaging is called. Without a region in it, a pool that names one is served there.
	awsclient.Config
	// Origination is what messages come from whose pool says nothing: a number, a name, a pool of numbers, or the ARN of one; empty
	// lets the service choose.
	Origination string
	// ConfigurationSet is that of messages whose pool names none; empty is none.
	ConfigurationSet string
	// AssumeRole sends a pool's messages in the role that the pool names, with its external ID.
	AssumeRole bool
	// Timeout is the most that one message may take, repetitions included, 10 s when zero.
	Timeout time.Duration
}

// Sender sends text messages. It is safe for concurrent use.
type Sender struct {
	config Config
	// send is the client's method alone: a type that held the client would keep the code of all its operations in the binary.
	send  func(context.Context, *sdk.SendTextMessageInput, ...func(*sdk.Options)) (*sdk.SendTextMessageOutput, error)
	roles *awsclient.Roles
}

// New reads the environment and makes a sender. It calls nobody.
func New(ctx context.Context, c Config) (*Sender, error) {
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
	client := sdk.NewFromConfig(loaded, func(o *sdk.Options) {
		if e := c.BaseEndpoint(); e != nil {
			o.BaseEndpoint = e
		}
	})
	return &Sender{config: c, send: client.SendTextMessage, roles: awsclient.NewRoles(loaded)}, nil
}

// String is the sender's name.
func (s *Sender) String() string { return "pinpoint" }

// LogValue is String.
func (s *Sender) LogValue() slog.Value { return slog.StringValue(s.String()) }

// Send hands m to the service and returns once it has taken it. An e-mail is message.ErrUnsupported. What the service says of the
// number or the text is message.ErrUndeliverable, of too many messages message.ErrThrottled; anything else is neither.
func (s *Sender) Send(ctx context.Context, m message.Message) error {
	if err := m.Check(ctx, message.SMS); err != nil {
		return fmt.Errorf("pinpoint: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, s.config.Timeout)
	defer cancel()
	_, err := s.send(ctx, s.input(m), func(o *sdk.Options) {
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

func (s *Sender) input(m message.Message) *sdk.SendTextMessageInput {
	in := &sdk.SendTextMessageInput{
		DestinationPhoneNumber: &m.Destination, MessageBody: &m.Body, MessageType: types.MessageTypeTransactional,
	}
	if from := cmp.Or(m.Route.Origination, s.config.Origination); from != "" {
		in.OriginationIdentity = &from
	}
	if set := cmp.Or(m.Route.ConfigurationSet, s.config.ConfigurationSet); set != "" {
		in.ConfigurationSetName = &set
	}
	for name, value := range map[string]string{"IN_ENTITY_ID": m.Route.EntityID, "IN_TEMPLATE_ID": m.Route.TemplateID} {
		if value == "" {
			continue
		}
		if in.DestinationCountryParameters == nil {
			in.DestinationCountryParameters = map[string]string{}
		}
		in.DestinationCountryParameters[name] = value
	}
	return in
}

func refusal(err error) message.Refusal {
	r := message.Refusal{Sender: "pinpoint"}
	r.Code, r.Text = awsclient.Refusal(err)
	switch {
	case isFinal(err):
		r.Kind = message.ErrUndeliverable
	case awsclient.IsThrottled(r.Code):
		r.Kind = message.ErrThrottled
	}
	return r
}

// isFinal tells whether an error is about the number or the text.
func isFinal(err error) bool {
	if c, ok := errors.AsType[*types.ConflictException](err); ok {
		return strings.HasPrefix(string(c.Reason), "DESTINATION_")
	}
	v, ok := errors.AsType[*types.ValidationException](err)
	if !ok {
		return false
	}
	switch v.Reason {
	case types.ValidationExceptionReasonDestinationCountryBlocked, types.ValidationExceptionReasonCountryNotEnabled,
		types.ValidationExceptionReasonInternationalSendingNotSupported, types.ValidationExceptionReasonMaximumSizeExceeded:
		return true
	}
	return slices.ContainsFunc(v.Fields, func(f types.ValidationExceptionField) bool {
		return f.Name != nil && (*f.Name == "DestinationPhoneNumber" || *f.Name == "MessageBody")
	})
}
