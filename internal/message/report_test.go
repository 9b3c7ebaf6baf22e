package message

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
)

// sending is a sender that keeps what it is given, or fails.
type sending struct {
	err  error
	kept []Message
}

func (s *sending) Send(_ context.Context, m Message) error {
	s.kept = append(s.kept, m)
	return s.err
}

func TestRouter(t *testing.T) {
	mail, ses, sns := &sending{}, &sending{}, &sending{}
	r := Router{Services: map[Service]Sender{SES: ses, SNS: sns}, Media: map[Medium]Sender{Email: mail}}
	email := Message{Medium: Email, Destination: "a@b.example"}
	sms := Message{Medium: SMS, Destination: "+15555550123"}
	for _, c := range []struct {
		m       Message
		service Service
		to      *sending
	}{{email, "", mail}, {email, SES, ses}, {sms, SNS, sns}, {sms, "", nil}, {sms, Pinpoint, nil}} {
		c.m.Route.Service = c.service
		err := r.Send(t.Context(), c.m)
		if c.to == nil {
			if !errors.Is(err, ErrUnsupported) {
				t.Errorf("%s by %q: %v", c.m.Medium, c.service, err)
			}
		} else if err != nil || len(c.to.kept) != 1 {
			t.Errorf("%s by %q: %v, %d messages", c.m.Medium, c.service, err, len(c.to.kept))
		}
	}
}

func TestAddressed(t *testing.T) {
	for _, c := range []struct{ from, reply, own, want, wantReply string }{
		{"", "", "", "", ""},
		{"", "", "Own <own@b.example>", `"Own" <own@b.example>`, ""},
		{"a@b.example", "Hélp <h@b.example>", "own@b.example", "<a@b.example>", "=?utf-8?q?H=C3=A9lp?= <h@b.example>"},
	} {
		m, err := Message{From: c.from, ReplyTo: c.reply}.Addressed(c.own)
		if err != nil || m.From != c.want || m.ReplyTo != c.wantReply {
			t.Errorf("%+v: %q %q, %v", c, m.From, m.ReplyTo, err)
		}
	}
	for _, bad := range []Message{{From: "a"}, {From: "a@b, c@d"}, {From: "a@b\r\nBcc: c@d"}, {ReplyTo: "x"}} {
		if _, err := bad.Addressed("own@b.example"); !errors.Is(err, ErrUndeliverable) {
			t.Errorf("%q: %v", bad.From+bad.ReplyTo, err)
		}
	}
}

func TestFailed(t *testing.T) {
	m := Message{Medium: Email, Destination: "jane@example.com", Code: "734512", Body: "Your code is 734512"}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	for _, c := range []struct {
		ctx  context.Context
		r    Refusal
		want string
		kind error
	}{
		{t.Context(), Refusal{Sender: "s"}, "s", nil},
		{t.Context(), Refusal{"s", "Code", "no jane@example.com", ErrUndeliverable}, "s: Code: no j***@e***", ErrUndeliverable},
		{t.Context(), Refusal{"s", "Code", "no JANE@EXAMPLE.COM", nil}, "s: Code", nil},
		{t.Context(), Refusal{"s", "734512", "a\r\nb\x1b", ErrThrottled}, "s: ab", ErrThrottled},
		{t.Context(), Refusal{"s", "", "the Token", nil}, "s", nil},
		{t.Context(), Refusal{"s", "", strings.Repeat("x", 300), nil}, "s: " + strings.Repeat("x", 200) + "...", nil},
		{ended, Refusal{"s", "", "gone", ErrUndeliverable}, "s: gone", context.Canceled},
	} {
		err := m.Failed(c.ctx, c.r, "token", "")
		if err.Error() != c.want || !errors.Is(err, c.kind) && c.kind != nil || c.kind == nil && errors.Unwrap(err) != nil {
			t.Errorf("%+v: %v", c.r, err)
		}
	}
	sms := Message{Medium: SMS, Destination: "+15555550123"}
	if !sms.Leaks("to 15555550123") || sms.Leaks("to nobody") || (Message{}).Leaks("anything") {
		t.Error("a number without its sign")
	}
}

// TestWatched reports every outcome, and logs it without what is secret (checklist 62).
func TestWatched(t *testing.T) {
	var log bytes.Buffer
	var outcomes []Outcome
	keep := func(_ context.Context, r Report) { outcomes = append(outcomes, r.Outcome()) }
	s := &sending{}
	w := Watched{Name: "test", Sender: s, Report: Reports{keep, Log(slog.New(slog.NewTextHandler(&log, nil)))}.Report}
	m := Message{PoolID: "us-east-1_a", Medium: Email, Destination: "jane@example.com", Purpose: SignUp, Code: "734512", Subject: "734512", Body: "is 734512"}
	for _, err := range []error{nil, fmt.Errorf("x: %w", ErrUnsupported), ErrThrottled, context.DeadlineExceeded, context.Canceled, errors.New("down")} {
		s.err = err
		if got := w.Send(t.Context(), m); got != err {
			t.Errorf("%v became %v", err, got)
		}
	}
	if want := []Outcome{Sent, Refused, Throttled, TimedOut, TimedOut, Broken}; !slices.Equal(outcomes, want) {
		t.Errorf("reported %v", outcomes)
	}
	if first := s.kept[0]; first.ID == "" || first.Time.IsZero() || first.ID == s.kept[1].ID {
		t.Errorf("sent %q at %s", first.ID, first.Time)
	}
	w.Report(t.Context(), Report{Message: m, Pending: true})
	for _, line := range []string{
		`level=INFO msg="message sent" message.id=` + s.kept[0].ID + ` message.pool=us-east-1_a message.purpose=SignUp message.medium=EMAIL message.destination=j***@e*** sender=test outcome=sent ms=`,
		`outcome=throttled`, `error=down`, `level=WARN msg="message not sent"`,
	} {
		if !strings.Contains(log.String(), line) {
			t.Errorf("the log lacks %s:\n%s", line, log.String())
		}
	}
	if strings.Count(log.String(), "\n") != 6 || strings.Contains(log.String(), "734512") || strings.Contains(log.String(), "jane") {
		t.Errorf("the log is\n%s", log.String())
	}
}
