// Package webhook is a message.Sender that posts messages to an address, signed as Standard Webhooks says
// (https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md). What stands there sends them.
package webhook

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"cognate/internal/message"
	"cognate/internal/outbound"
	"cognate/internal/secret"
)

// maxAnswer is how much of an answer is read.
const maxAnswer = 64 << 10

// Config says where messages go. All but Clear and Timeout are required.
type Config struct {
	// URL is the address: https, or http too where Clear is set.
	URL   string
	Clear bool
	// Secret signs the messages: 24 to 64 bytes in base64, after "whsec_" perhaps.
	Secret secret.Text
	// Client posts them; it must not reach what the operator does not want reached (package outbound).
	Client *http.Client
	// Timeout is the most that one message may take, 10 s when zero.
	Timeout time.Duration
}

// Sender posts messages of both media. It is safe for concurrent use.
type Sender struct {
	hook    *outbound.Hook
	secrets []secret.Text
	host    string
	client  *http.Client
	timeout time.Duration
}

// New makes a sender. It calls nobody.
func New(c Config) (*Sender, error) {
	hook, err := outbound.NewHook(c.URL, c.Clear, string(c.Secret))
	if err != nil {
		return nil, err
	}
	if c.Timeout < 0 {
		return nil, errors.New("the timeout is negative")
	}
	if c.Timeout == 0 {
		c.Timeout = 10 * time.Second
	}
	u, err := url.Parse(c.URL)
	if err != nil {
		return nil, errors.New("the url is not one of a server")
	}
	client := *c.Client
	client.Timeout = 0 // the context of a message bounds its time
	secrets := []secret.Text{c.Secret, secret.Text(u.RawQuery)}
	return &Sender{hook: hook, secrets: secrets, host: u.Host, client: &client, timeout: c.Timeout}, nil
}

// String shows the host and no secret.
func (s *Sender) String() string { return "webhook " + s.host }

// GoString is String.
func (s *Sender) GoString() string { return s.String() }

// Format writes String for every verb.
func (s *Sender) Format(f fmt.State, _ rune) { io.WriteString(f, s.String()) }

// LogValue is String.
func (s *Sender) LogValue() slog.Value { return slog.StringValue(s.String()) }

// document is what is posted; its members are a contract.
type document struct {
	Type      string `json:"type"`
	Timestamp string `json:"timestamp"` // RFC 3339, UTC
	Data      data   `json:"data"`
}

type data struct {
	ID          string          `json:"id"`
	PoolID      string          `json:"poolId"`
	Username    string          `json:"username"`
	Medium      message.Medium  `json:"medium"`
	Destination string          `json:"destination"`
	Purpose     message.Purpose `json:"purpose"`
	Code        string          `json:"code"`
	Subject     string          `json:"subject"`
	Body        string          `json:"body"`
	From        string          `json:"from"`
	ReplyTo     string          `json:"replyTo"`
}

func documentOf(m message.Message) ([]byte, error) {
	return json.Marshal(document{Type: "message.send", Timestamp: m.Time.UTC().Format(time.RFC3339Nano), Data: data{
		ID: m.ID, PoolID: m.PoolID, Username: m.Username, Medium: m.Medium, Destination: m.Destination, Purpose: m.Purpose,
		Code: string(m.Code), Subject: m.Subject, Body: m.Body, From: m.From, ReplyTo: m.ReplyTo,
	}})
}

// Send posts m and returns once it has been answered with a status from 200 to 299. One of 422 is message.ErrUndeliverable, of 429
// message.ErrThrottled; any other answer is neither. The error shows what a 422 or 429 says as {"error":"…"}, unless that repeats
// the message.
func (s *Sender) Send(ctx context.Context, m message.Message) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("webhook: %w", err)
	}
	m, err := m.Identified().Addressed("")
	if err == nil {
		err = m.Validate()
	}
	if err != nil {
		return fmt.Errorf("webhook: %w", err)
	}
	text, err := documentOf(m)
	if err != nil {
		return fmt.Errorf("webhook: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	q, err := s.hook.Request(ctx, "msg_"+m.ID, text)
	if err != nil {
		return fmt.Errorf("webhook: %s: the request cannot be made", s.host)
	}
	status, answer, err := outbound.Do(s.client, q, maxAnswer)
	if err == nil && status/100 == 2 {
		return nil
	}
	return m.Failed(ctx, s.refusal(status, answer, err), s.secrets...)
}

func (s *Sender) refusal(status int, answer []byte, err error) message.Refusal {
	r := message.Refusal{Sender: s.String()}
	if err != nil {
		r.Text = err.Error()
		return r
	}
	r.Code = "status " + strconv.Itoa(status)
	var d struct {
		Error string `json:"error"`
	}
	switch status {
	case http.StatusUnprocessableEntity:
		r.Kind = message.ErrUndeliverable
	case http.StatusTooManyRequests:
		r.Kind = message.ErrThrottled
	default:
		return r
	}
	if json.Unmarshal(answer, &d) == nil {
		r.Text = d.Error
	}
	return r
}
