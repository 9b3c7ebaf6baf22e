package message

import (
	"context"
	"fmt"
)

// Service is a service of AWS's that a pool names for its messages.
type Service string

// The services.
const (
	SES      Service = "ses"
	SNS      Service = "sns"
	Pinpoint Service = "pinpoint" // End User Messaging, whose API is called so
)

// Route is what a pool says about how its messages go. Senders that go elsewhere take none of it.
type Route struct {
	Service Service // empty where the pool names none

	Identity         string // ARN of the identity at SES that e-mail comes from
	ConfigurationSet string // of SES or of End User Messaging

	Role       string // ARN of the role in which text messages are sent
	ExternalID string // goes with the role
	Region     string // where text messages are sent from

	Origination string // the number or the name that a text message comes from
	EntityID    string // for India, as is TemplateID
	TemplateID  string
}

// Router is a Sender that hands each message to the sender of the service that its pool names, where there is one, and else to that
// of its medium.
type Router struct {
	Services map[Service]Sender
	Media    map[Medium]Sender
}

// Send implements Sender.
func (r Router) Send(ctx context.Context, m Message) error {
	if s, ok := r.Services[m.Route.Service]; ok {
		return s.Send(ctx, m)
	}
	if s, ok := r.Media[m.Medium]; ok {
		return s.Send(ctx, m)
	}
	if err := m.Validate(); err != nil {
		return err
	}
	return Nowhere{}.Send(ctx, m)
}

// Addressed is m as it goes out from an address of the operator's, where the pool names none. An error is ErrUndeliverable.
func (m Message) Addressed(from string) (Message, error) {
	if m.From == "" {
		m.From = from
	}
	for _, address := range []*string{&m.From, &m.ReplyTo} {
		if *address == "" {
			continue
		}
		a, err := ParseAddress(*address)
		if err != nil {
			return m, fmt.Errorf("%w: the address of the sender or for replies is not an address", ErrUndeliverable)
		}
		*address = a.String()
	}
	return m, nil
}
