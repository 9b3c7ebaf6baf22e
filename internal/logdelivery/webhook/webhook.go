// Package webhook is a logdelivery.Sink that posts documents to an address, signed as Standard Webhooks says
// (https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md).
package webhook

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"cognate/internal/logdelivery"
	"cognate/internal/outbound"
	"cognate/internal/secret"
)

// maxAnswer is how much of an answer is read.
const maxAnswer = 64 << 10

// Config says where documents go. All but Clear is required.
type Config struct {
	// URL is the address: https, or http too where Clear is set.
	URL   string
	Clear bool
	// Secret signs what is posted: 24 to 64 bytes in base64, after "whsec_" perhaps.
	Secret secret.Text
	// Client posts; it must not reach what the operator does not want reached (package outbound).
	Client *http.Client
}

// Sink posts batches. It is safe for concurrent use.
type Sink struct {
	hook   *outbound.Hook
	host   string
	client *http.Client
}

// New makes a sink. It calls nobody.
func New(c Config) (*Sink, error) {
	hook, err := outbound.NewHook(c.URL, c.Clear, string(c.Secret))
	if err != nil {
		return nil, err
	}
	u, err := url.Parse(c.URL)
	if err != nil {
		return nil, errors.New("the url is not one of a server")
	}
	client := *c.Client
	client.Timeout = 0 // the context of a batch bounds its time
	return &Sink{hook: hook, host: u.Host, client: &client}, nil
}

// document is what is posted; its members are a contract.
type document struct {
	Type      string `json:"type"`
	Timestamp string `json:"timestamp"` // RFC 3339, UTC: of the first document
	Data      data   `json:"data"`
}

type data struct {
	Destination string           `json:"destination"` // the ARN that the pool names
	PoolID      string           `json:"poolId"`
	Source      string           `json:"eventSource"`
	Documents   []jsontext.Value `json:"documents"`
}

// Deliver implements logdelivery.Sink. An answer with a status from 200 to 299 has taken the whole batch, one of 422 refuses it; after
// any other the batch is posted again, under the same webhook-id.
func (s *Sink) Deliver(ctx context.Context, b logdelivery.Batch) ([]logdelivery.Entry, error) {
	if left, err := logdelivery.Ended(ctx, b); err != nil {
		return left, err
	}
	body := document{Type: "log.deliver", Timestamp: b.Entries[0].Time.UTC().Format(time.RFC3339Nano), Data: data{
		Destination: b.To.ARN, PoolID: b.To.PoolID, Source: string(b.To.Source),
	}}
	for _, e := range b.Entries {
		body.Data.Documents = append(body.Data.Documents, jsontext.Value(e.Document))
	}
	text, err := json.Marshal(body, jsontext.AllowInvalidUTF8(true))
	if err != nil {
		return b.Entries, fmt.Errorf("webhook %s: %w", s.host, err)
	}
	if err = s.post(ctx, "msg_"+b.ID, text); err != nil {
		return b.Entries, fmt.Errorf("webhook %s: %w", s.host, err)
	}
	return nil, nil
}

func (s *Sink) post(ctx context.Context, id string, text []byte) error {
	q, err := s.hook.Request(ctx, id, text)
	if err != nil {
		return errors.New("the request cannot be made")
	}
	status, _, err := outbound.Do(s.client, q, maxAnswer)
	if hidden, ok := errors.AsType[*url.Error](err); ok {
		err = hidden.Err // without the address, which may hold a secret
	}
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(err, outbound.ErrTooLong) && status/100 == 2:
		return nil
	case err != nil:
		return err
	case status/100 == 2:
		return nil
	case status == http.StatusUnprocessableEntity:
		return fmt.Errorf("%w with status %d", logdelivery.ErrRefused, status)
	}
	return fmt.Errorf("status %d", status)
}
