package webhook

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	standard "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"cognate/internal/message"
	"cognate/internal/message/messagetest"
	"cognate/internal/outbound"
)

const key = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

// receiver is what stands at the address. It verifies with a library of others.
type receiver struct {
	url    string
	status int
	answer string

	mu   sync.Mutex
	ids  []string
	kept []map[string]any
}

func serve(t *testing.T) *receiver {
	t.Helper()
	verifier, err := standard.NewWebhook(key)
	if err != nil {
		t.Fatal(err)
	}
	r := &receiver{status: http.StatusNoContent}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		body, err := io.ReadAll(q.Body)
		if err == nil {
			err = verifier.Verify(body, q.Header)
		}
		var d map[string]any
		if err == nil {
			err = json.Unmarshal(body, &d)
		}
		if err != nil || q.Method != http.MethodPost || q.URL.Path != "/messages" || q.Header.Get("Content-Type") != "application/json" {
			t.Errorf("%s %s: %v", q.Method, q.URL, err)
		}
		r.mu.Lock()
		r.ids, r.kept = append(r.ids, q.Header.Get("Webhook-Id")), append(r.kept, d)
		r.mu.Unlock()
		w.Header().Set("Location", "http://127.0.0.1:1/")
		w.WriteHeader(r.status)
		io.WriteString(w, r.answer)
	}))
	t.Cleanup(s.Close)
	r.url = s.URL + "/messages"
	return r
}

func open(t *testing.T, c Config) *Sender {
	t.Helper()
	if c.Client == nil {
		c.Client = outbound.NewClient(true, nil)
	}
	c.Clear, c.Secret = true, key
	s, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func sample() message.Message {
	return message.Message{ID: "m1", Time: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), PoolID: "us-east-1_a", Username: "jane", Medium: message.Email, Destination: "jane@example.com",
		Purpose: message.SignUp, Code: "734512", Subject: "Your code", Body: "Your code is <b>734512</b>", From: "Pool <a@b.example>", ReplyTo: "help@b.example"}
}

func TestSuite(t *testing.T) {
	messagetest.Run(t, func(t *testing.T) *messagetest.Fixture {
		r := serve(t)
		return &messagetest.Fixture{
			Sender: open(t, Config{URL: r.url}),
			Media:  []message.Medium{message.Email, message.SMS},
			Received: func() (out []messagetest.Delivery) {
				for _, d := range r.kept {
					m := d["data"].(map[string]any)
					out = append(out, messagetest.Delivery{Medium: message.Medium(m["medium"].(string)), To: []string{m["destination"].(string)}, Subject: m["subject"].(string), Body: m["body"].(string)})
				}
				return out
			},
		}
	})
}

// TestSends looks at every member; serve looks at the signature.
func TestSends(t *testing.T) {
	r := serve(t)
	if err := open(t, Config{URL: r.url}).Send(t.Context(), sample()); err != nil {
		t.Fatal(err)
	}
	want := map[string]any{"type": "message.send", "timestamp": "2026-01-02T03:04:05Z", "data": map[string]any{
		"id": "m1", "poolId": "us-east-1_a", "username": "jane", "medium": "EMAIL", "destination": "jane@example.com", "purpose": "SignUp", "code": "734512",
		"subject": "Your code", "body": "Your code is <b>734512</b>", "from": `"Pool" <a@b.example>`, "replyTo": "<help@b.example>"}}
	if diff := cmp.Diff(want, r.kept[0]); diff != "" || r.ids[0] != "msg_m1" {
		t.Errorf("%s\n%s", r.ids[0], diff)
	}
}

func TestFailures(t *testing.T) {
	r := serve(t)
	s := open(t, Config{URL: r.url + "?token=word"})
	for _, c := range []struct {
		status int
		answer string
		kind   error
		shown  string
	}{
		{422, `{"error":"nobody has jane@example.com"}`, message.ErrUndeliverable, ": status 422: nobody has j***@e***"},
		{422, `{"error":"734512?"}`, message.ErrUndeliverable, ": status 422"},
		{422, `734512`, message.ErrUndeliverable, ": status 422"},
		{429, `{"error":"later"}`, message.ErrThrottled, ": status 429: later"},
		{500, `{"error":"no"}`, nil, ": status 500"},
		{302, ``, nil, ": status 302"},
		{200, strings.Repeat("x", 100_000), nil, ": outbound: the answer is too long"},
	} {
		r.status, r.answer = c.status, c.answer
		err := s.Send(t.Context(), sample())
		if err == nil || c.kind != nil && !errors.Is(err, c.kind) || !strings.HasSuffix(err.Error(), c.shown) {
			t.Errorf("%d %.40s: %v", c.status, c.answer, err)
		}
		if c.kind == nil && (errors.Is(err, message.ErrUndeliverable) || errors.Is(err, message.ErrThrottled)) {
			t.Errorf("%d is final or throttled: %v", c.status, err)
		}
	}
}

// TestInside reaches nothing that is not public, unless the operator says so (checklist 60).
func TestInside(t *testing.T) {
	r := serve(t)
	err := open(t, Config{URL: r.url + "?token=word", Client: outbound.NewClient(false, nil)}).Send(t.Context(), sample())
	if err == nil || !strings.Contains(err.Error(), "the address is not public") || strings.Contains(err.Error(), "word") || len(r.kept) != 0 {
		t.Errorf("inside: %v", err)
	}
}

func TestHangs(t *testing.T) {
	done := make(chan struct{})
	hung := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-done }))
	defer hung.Close()
	defer close(done)
	if err := open(t, Config{URL: hung.URL, Timeout: 50 * time.Millisecond}).Send(t.Context(), sample()); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("hangs: %v", err)
	}
}

func TestNewRefuses(t *testing.T) {
	client := outbound.NewClient(true, nil)
	for want, c := range map[string]Config{
		"not https":                {URL: "http://a.example", Secret: key, Client: client},
		"not one of a server":      {URL: "https://user:word@a.example", Secret: key, Client: client},
		"the secret is not":        {URL: "https://a.example", Secret: "word", Client: client},
		"the timeout is negative":  {URL: "https://a.example", Secret: key, Client: client, Timeout: -1},
		"the url is not one of a ": {Secret: key, Client: client},
	} {
		if _, err := New(c); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "word") {
			t.Errorf("%s: %v", want, err)
		}
	}
	s := open(t, Config{URL: "https://a.example/?token=word"})
	if shown := fmt.Sprintf("%v %+v %#v %s", s, s, s, s) + s.LogValue().String(); strings.Contains(shown, "word") || strings.Contains(shown, "MfKQ") {
		t.Errorf("shows %s", shown)
	}
}
