// Package webhook runs functions at an address that events are posted to, signed as Standard Webhooks says
// (https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md).
package webhook

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/google/uuid"

	"cognate/internal/outbound"
	"cognate/internal/secret"
	"cognate/internal/trigger"
)

// Config says where to post events.
type Config struct {
	// URL is the address: https, or http too where Clear is set.
	URL   string
	Clear bool
	// Secret signs the events: 24 to 64 bytes in base64, after "whsec_" perhaps.
	Secret secret.Text
	// Client posts them; the context of a call bounds its time.
	Client *http.Client
}

// Runner is a [trigger.Runner] that posts the events of all functions to one address. An answer of a status from 200 to 299 is the
// function's; one of 422 with the document of an error, as Lambda has it, is what the function has thrown; any other one is none.
type Runner struct {
	hook   *outbound.Hook
	client *http.Client
}

// New makes a runner. It calls nobody.
func New(c Config) (*Runner, error) {
	hook, err := outbound.NewHook(c.URL, c.Clear, string(c.Secret))
	if err != nil {
		return nil, err
	}
	client := *c.Client
	client.Timeout = 0 // or a call might seem to end for another reason than its context
	return &Runner{hook: hook, client: &client}, nil
}

// Invoke implements trigger.Runner.
func (r *Runner) Invoke(ctx context.Context, _ string, event []byte) ([]byte, error) {
	q, err := r.hook.Request(ctx, "msg_"+uuid.NewString(), event)
	if err != nil {
		return nil, err
	}
	status, answer, err := outbound.Do(r.client, q, trigger.MaxAnswer)
	switch {
	case errors.Is(err, outbound.ErrTooLong):
		return nil, trigger.TooLong()
	case err != nil:
		return nil, &trigger.Unreachable{Code: "ServiceException", Cause: err}
	case status == http.StatusUnprocessableEntity:
		if thrown := trigger.ReadThrown(answer, ""); *thrown != (trigger.Thrown{}) {
			return nil, thrown
		}
	case status/100 == 2:
		return answer, nil
	}
	return nil, &trigger.Unreachable{Code: "ServiceException", Cause: fmt.Errorf("the webhook answers with status %d", status)}
}
