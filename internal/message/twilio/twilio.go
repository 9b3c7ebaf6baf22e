// Package twilio is a message.Sender that sends text messages by Twilio.
// https://www.twilio.com/docs/messaging/api/message-resource
package twilio

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"

	"cognate/internal/message"
	"cognate/internal/outbound"
	"cognate/internal/secret"
)

// maxAnswer is how much of an answer is read.
const maxAnswer = 64 << 10

// Config says whose messages go out. AccountSID, AuthToken and one of From and MessagingServiceSID are required.
type Config struct {
	// AccountSID names the account: "AC" and 32 hex digits.
	AccountSID string
	// KeySID is the API key whose secret AuthToken is; empty when it is the account's own token.
	KeySID string
	// AuthToken is the account's token, or the key's secret.
	AuthToken secret.Text
	// From is the number, or the name, that messages come from.
	From string
	// MessagingServiceSID is the service that chooses where messages come from, in place of From.
	MessagingServiceSID string
	// Endpoint is called in place of Twilio's API: a URL of https, or of this machine.
	Endpoint string
	// Client makes the requests; nil is one of its own.
	Client *http.Client
	// Timeout is the most that one message may take, 10 s when zero.
	Timeout time.Duration
}

const usualEndpoint = "https://api.twilio.com"

var sid = regexp.MustCompile(`^[A-Z]{2}[0-9a-f]{32}$`)

// Sender sends text messages. It is safe for concurrent use.
type Sender struct {
	config  Config
	address string
	client  *http.Client
}

// New makes a sender. It calls nobody.
func New(c Config) (*Sender, error) {
	if c.Endpoint == "" {
		c.Endpoint = usualEndpoint
	}
	if c.Timeout == 0 {
		c.Timeout = 10 * time.Second
	}
	if err := c.check(); err != nil {
		return nil, err
	}
	if c.KeySID == "" {
		c.KeySID = c.AccountSID
	}
	if c.Client == nil {
		c.Client = outbound.NewClient(true, nil) // the address is the operator's choice
	}
	client := *c.Client
	client.Timeout = 0 // the context of a message bounds its time
	address := strings.TrimSuffix(c.Endpoint, "/") + "/2010-04-01/Accounts/" + c.AccountSID + "/Messages.json"
	return &Sender{config: c, address: address, client: &client}, nil
}

func (c *Config) check() error {
	u, err := url.Parse(c.Endpoint)
	switch {
	case !strings.HasPrefix(c.AccountSID, "AC") || !sid.MatchString(c.AccountSID):
		return errors.New("account_sid is missing or not one")
	case c.KeySID != "" && !sid.MatchString(c.KeySID):
		return errors.New("key_sid is not one")
	case c.AuthToken == "":
		return errors.New("the auth token is missing")
	case (c.From == "") == (c.MessagingServiceSID == ""):
		return errors.New("name either from or messaging_service_sid")
	case c.MessagingServiceSID != "" && !sid.MatchString(c.MessagingServiceSID):
		return errors.New("messaging_service_sid is not one")
	case err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Scheme != "https" && u.Scheme != "http":
		return errors.New("endpoint is not a URL")
	case u.Scheme == "http" && !isLoopback(u.Hostname()):
		return errors.New("endpoint is not https: the token never crosses the network in clear")
	case c.Timeout < 0:
		return errors.New("the timeout is negative")
	}
	return nil
}

func isLoopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback()
}

// String shows the account and no secret.
func (s *Sender) String() string { return "twilio " + s.config.AccountSID }

// GoString is String.
func (s *Sender) GoString() string { return s.String() }

// Format writes String for every verb.
func (s *Sender) Format(f fmt.State, _ rune) { io.WriteString(f, s.String()) }

// LogValue is String.
func (s *Sender) LogValue() slog.Value { return slog.StringValue(s.String()) }

// Send hands m to Twilio and returns once Twilio has queued it. An e-mail is message.ErrUnsupported. What Twilio says of the number
// or the text is message.ErrUndeliverable, of too many messages message.ErrThrottled; anything else, a wrong token included, is
// neither.
func (s *Sender) Send(ctx context.Context, m message.Message) error {
	if err := m.Check(ctx, message.SMS); err != nil {
		return fmt.Errorf("twilio: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, s.config.Timeout)
	defer cancel()
	q, err := s.request(ctx, m)
	if err != nil {
		return fmt.Errorf("twilio: %w", err)
	}
	status, answer, err := outbound.Do(s.client, q, maxAnswer)
	if err == nil && status/100 == 2 {
		return nil
	}
	return m.Failed(ctx, refusal(status, answer, err), s.config.AuthToken)
}

func (s *Sender) request(ctx context.Context, m message.Message) (*http.Request, error) {
	form := url.Values{"To": {m.Destination}, "Body": {m.Body}}
	if s.config.From != "" {
		form.Set("From", s.config.From)
	} else {
		form.Set("MessagingServiceSid", s.config.MessagingServiceSID)
	}
	q, err := http.NewRequestWithContext(ctx, http.MethodPost, s.address, strings.NewReader(form.Encode()))
	if err != nil {
		return nil, err
	}
	q.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	q.Header.Set("Accept", "application/json")
	q.Header.Set("User-Agent", "Cognate")
	q.SetBasicAuth(s.config.KeySID, string(s.config.AuthToken))
	return q, nil
}

// kinds are the codes of errors that are about the recipient or the text, or about too many messages
// (https://www.twilio.com/docs/api/errors).
var kinds = map[int]error{
	21211: message.ErrUndeliverable, // not a number
	21214: message.ErrUndeliverable, // cannot be reached
	21217: message.ErrUndeliverable, // not a number
	21219: message.ErrUndeliverable, // not verified, in a trial
	21265: message.ErrUndeliverable, // a short code
	21408: message.ErrUndeliverable, // a country that is not enabled
	21602: message.ErrUndeliverable, // no text
	21604: message.ErrUndeliverable, // no number
	21608: message.ErrUndeliverable, // not verified, in a trial
	21610: message.ErrUndeliverable, // has said stop
	21612: message.ErrUndeliverable, // no way there
	21614: message.ErrUndeliverable, // no mobile number
	21617: message.ErrUndeliverable, // too long
	21635: message.ErrUndeliverable, // a landline
	14107: message.ErrThrottled,
	20429: message.ErrThrottled,
	21611: message.ErrThrottled, // the queue is full
	63038: message.ErrThrottled, // the limit of a day
}

func refusal(status int, answer []byte, err error) message.Refusal {
	r := message.Refusal{Sender: "twilio"}
	if err != nil {
		r.Text = err.Error()
		return r
	}
	r.Code = "status " + strconv.Itoa(status)
	var d struct {
		Code    int    `json:"code"`
		Message string `json:"message"`
	}
	if json.Unmarshal(answer, &d) == nil && d.Code != 0 {
		r.Code, r.Text, r.Kind = strconv.Itoa(d.Code), d.Message, kinds[d.Code]
	}
	if status == http.StatusTooManyRequests {
		r.Kind = message.ErrThrottled
	}
	return r
}
