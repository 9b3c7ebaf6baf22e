package message

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"time"
)

// Outcome is what has become of a message.
type Outcome string

// The outcomes.
const (
	Pending   Outcome = "pending" // handed over to a function, which has not ended yet
	Sent      Outcome = "sent"
	Refused   Outcome = "refused" // for good: the destination, or the message
	Throttled Outcome = "throttled"
	TimedOut  Outcome = "timeout" // it may have gone out
	Broken    Outcome = "failed"
)

// Report tells of a message that was to be sent.
type Report struct {
	Message Message
	Sender  string // the name of the sender
	Err     error  // why it was not sent
	Pending bool
	Took    time.Duration
}

// Outcome tells what has become of the message.
func (r Report) Outcome() Outcome {
	switch {
	case r.Pending:
		return Pending
	case r.Err == nil:
		return Sent
	case errors.Is(r.Err, ErrUndeliverable):
		return Refused
	case errors.Is(r.Err, ErrThrottled):
		return Throttled
	case errors.Is(r.Err, context.DeadlineExceeded), errors.Is(r.Err, context.Canceled):
		return TimedOut
	}
	return Broken
}

// Reporter is told of messages. It is safe for concurrent use, and quick.
type Reporter func(context.Context, Report)

// Reports are reporters that are told the same.
type Reports []Reporter

// Report is a Reporter that tells all of them.
func (all Reports) Report(ctx context.Context, r Report) {
	for _, report := range all {
		report(ctx, r)
	}
}

// Log tells a log of messages: of none its code, its text or its whole destination.
func Log(l *slog.Logger) Reporter {
	return func(ctx context.Context, r Report) {
		attributes := []any{"message", r.Message, "sender", r.Sender, "outcome", string(r.Outcome()), "ms", r.Took.Milliseconds()}
		switch {
		case r.Pending:
		case r.Err == nil:
			l.InfoContext(ctx, "message sent", attributes...)
		default:
			l.WarnContext(ctx, "message not sent", append(attributes, "error", r.Err)...)
		}
	}
}

// Watched is a Sender that reports what becomes of messages.
type Watched struct {
	Name   string
	Sender Sender
	Report Reporter
}

// Send implements Sender. It gives a message an ID and a time when it has none.
func (w Watched) Send(ctx context.Context, m Message) error {
	m = m.Identified()
	start := time.Now()
	err := w.Sender.Send(ctx, m)
	w.Report(ctx, Report{Message: m, Sender: w.Name, Err: err, Took: time.Since(start)})
	return err
}

// Identified is m with an ID and a time.
func (m Message) Identified() Message {
	if m.ID == "" {
		m.ID = rand.Text()
	}
	if m.Time.IsZero() {
		m.Time = time.Now()
	}
	return m
}
