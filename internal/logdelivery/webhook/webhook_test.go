package webhook_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"cognate/internal/logdelivery"
	"cognate/internal/logdelivery/logdeliverytest"
	"cognate/internal/logdelivery/webhook"
	"cognate/internal/outbound"
	"cognate/internal/secret"
)

var key = []byte(strings.Repeat("k", 32))

// receiver is what stands at the address.
type receiver struct {
	*testing.T
	mu     sync.Mutex
	status int
	ids    []string
	got    []string
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	r.mu.Lock()
	defer r.mu.Unlock()
	body, err := io.ReadAll(q.Body)
	if err != nil {
		r.Error(err)
	}
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(q.Header.Get("Webhook-Id") + "." + q.Header.Get("Webhook-Timestamp") + "." + string(body)))
	if want := "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil)); q.Header.Get("Webhook-Signature") != want {
		r.Error("the signature is wrong")
	}
	r.ids = append(r.ids, q.Header.Get("Webhook-Id"))
	w.WriteHeader(r.status)
	if r.status != http.StatusOK {
		w.Write(body) // as some do
		return
	}
	var d struct {
		Type, Timestamp string
		Data            struct {
			Destination, PoolID, EventSource string
			Documents                        []json.RawMessage
		}
	}
	if err := json.Unmarshal(body, &d); err != nil || d.Type != "log.deliver" || d.Timestamp != "2026-01-02T03:04:05.678Z" ||
		d.Data.Destination != arn || !strings.HasPrefix(d.Data.PoolID, "eu-west-3_Test00001") || d.Data.EventSource != "userAuthEvents" {
		r.Errorf("%+v, %v", d, err)
	}
	for _, document := range d.Data.Documents {
		r.got = append(r.got, string(document))
	}
}

const arn = "arn:aws:logs:us-east-1:123456789012:log-group:cognate"

func (r *receiver) answer(status int) func(bool) {
	return func(on bool) {
		r.mu.Lock()
		defer r.mu.Unlock()
		if r.status = http.StatusOK; on {
			r.status = status
		}
	}
}

func open(t *testing.T) (*receiver, *webhook.Sink) {
	r := &receiver{T: t, status: http.StatusOK}
	server := httptest.NewServer(r)
	t.Cleanup(server.Close)
	s, err := webhook.New(webhook.Config{
		URL: server.URL + "/logs?token=hush", Clear: true, Secret: secret.Text(base64.StdEncoding.EncodeToString(key)), Client: outbound.NewClient(true, nil),
	})
	if err != nil {
		t.Fatal(err)
	}
	return r, s
}

func TestConformance(t *testing.T) {
	logdeliverytest.Run(t, func(t *testing.T) *logdeliverytest.Fixture {
		r, s := open(t)
		return &logdeliverytest.Fixture{
			Sink: s, ARN: arn, Break: r.answer(http.StatusServiceUnavailable), Refuse: r.answer(http.StatusUnprocessableEntity),
			Received: func() []string { r.mu.Lock(); defer r.mu.Unlock(); return r.got },
		}
	})
}

// TestSameID holds that a batch that is posted again can be told.
func TestSameID(t *testing.T) {
	r, s := open(t)
	r.answer(http.StatusBadGateway)(true)
	b := logdelivery.Batch{ID: "ABC", Entries: []logdelivery.Entry{{Document: []byte(`{}`)}}}
	for range 2 {
		if _, err := s.Deliver(t.Context(), b); err == nil {
			t.Error("taken")
		}
	}
	if strings.Join(r.ids, " ") != "msg_ABC msg_ABC" {
		t.Errorf("the ids are %q", r.ids)
	}
}

// TestHidesTheAddress holds that no error shows what may be a secret in the address.
func TestHidesTheAddress(t *testing.T) {
	s, err := webhook.New(webhook.Config{
		URL: "http://127.0.0.1:1/hush?token=hush", Clear: true, Secret: secret.Text(base64.StdEncoding.EncodeToString(key)), Client: outbound.NewClient(true, nil),
	})
	if err != nil {
		t.Fatal(err)
	}
	left, err := s.Deliver(context.Background(), logdelivery.Batch{ID: "A", Entries: []logdelivery.Entry{{Document: []byte(`{}`)}}})
	if err == nil || len(left) != 1 || strings.Contains(err.Error(), "hush") {
		t.Errorf("%d are left: %v", len(left), err)
	}
	for name, c := range map[string]webhook.Config{
		"no secret": {URL: "https://a.example"}, "http": {URL: "http://a.example", Secret: secret.Text(base64.StdEncoding.EncodeToString(key))},
	} {
		if _, err := webhook.New(c); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}
