// Package webhook runs functions at an address that events are posted to, signed as Standard Webhooks says
// (https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md).
package webhook

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"cognate/internal/outbound"
	"cognate/internal/secret"
	"cognate/internal/trigger"
)

// minKey and maxKey are how many bytes a key has (Standard Webhooks, "Signature scheme").
const (
	minKey = 24
	maxKey = 64
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
	url    string
	key    []byte
	client *http.Client
}

// New makes a runner. It calls nobody.
func New(c Config) (*Runner, error) {
	u, err := url.Parse(c.URL)
	if err != nil || u.Host == "" || u.User != nil || u.Fragment != "" {
		return nil, errors.New("the url is not one of a server") // which may hold a secret
	}
	if u.Scheme != "https" && !(c.Clear && u.Scheme == "http") {
		return nil, errors.New("the url is not https")
	}
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(string(c.Secret), "whsec_"))
	if err != nil || len(key) < minKey || len(key) > maxKey {
		return nil, fmt.Errorf("the secret is not %d to %d bytes in base64", minKey, maxKey)
	}
	client := *c.Client
	client.Timeout = 0 // or a call might seem to end for another reason than its context
	return &Runner{url: c.URL, key: key, client: &client}, nil
}

// Invoke implements trigger.Runner.
func (r *Runner) Invoke(ctx context.Context, _ string, event []byte) ([]byte, error) {
	q, err := r.request(ctx, event)
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

func (r *Runner) request(ctx context.Context, event []byte) (*http.Request, error) {
	q, err := http.NewRequestWithContext(ctx, http.MethodPost, r.url, bytes.NewReader(event))
	if err != nil {
		return nil, err
	}
	id, timestamp := "msg_"+uuid.NewString(), strconv.FormatInt(time.Now().Unix(), 10)
	mac := hmac.New(sha256.New, r.key)
	mac.Write([]byte(id + "." + timestamp + "."))
	mac.Write(event)
	q.Header = http.Header{
		"Content-Type": {"application/json"}, "User-Agent": {"Cognate"},
		"Webhook-Id": {id}, "Webhook-Timestamp": {timestamp}, "Webhook-Signature": {"v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))},
	}
	return q, nil
}
