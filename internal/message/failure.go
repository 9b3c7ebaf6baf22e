package message

import (
	"context"
	"errors"
	"net/mail"
	"strings"

	"cognate/internal/secret"
)

// ParseAddress reads "a@b" or "Name <a@b>". The address itself is held to what a destination is held to.
func ParseAddress(s string) (*mail.Address, error) {
	a, err := mail.ParseAddress(s)
	if err != nil {
		return nil, errors.New("not an address")
	}
	return a, Message{Medium: Email, Destination: a.Address, Subject: a.Name}.Validate()
}

// Check is Validate for a sender of one medium: of the other, the error is ErrUnsupported. When ctx has ended, it is ctx's.
func (m Message) Check(ctx context.Context, only Medium) error {
	if m.Medium != only && (m.Medium == Email || m.Medium == SMS) {
		return ErrUnsupported
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	return m.Validate()
}

// Failure is an error with a text that may be logged, and the kind of another: ErrUndeliverable, ErrThrottled or a context's. Nil is
// no kind.
type Failure struct {
	Text string
	Kind error
}

// Error implements error.
func (f *Failure) Error() string { return f.Text }

// Unwrap returns the kind.
func (f *Failure) Unwrap() error { return f.Kind }

// Refusal is what a service says of a message that it does not take.
type Refusal struct {
	Sender string // that it was handed to
	Code   string // of the service's; empty when it has said none
	Text   string // of the service's choice
	Kind   error
}

// Failed makes the error of a refusal. The text may repeat what the service was sent, so that it is shown only as far as it holds
// nothing of the message and none of the secrets. When ctx has ended, the error is ctx's.
func (m Message) Failed(ctx context.Context, r Refusal, secrets ...secret.Text) error {
	if err := ctx.Err(); err != nil {
		r.Kind = err
	}
	text := r.Sender
	if r.Code != "" && !m.Leaks(r.Code, secrets...) {
		text += ": " + Shorten(r.Code)
	}
	if m.Destination != "" {
		r.Text = strings.ReplaceAll(r.Text, m.Destination, Mask(m.Medium, m.Destination))
	}
	if r.Text != "" && !m.Leaks(r.Text, secrets...) {
		text += ": " + Shorten(strip(r.Text))
	}
	return &Failure{Text: text, Kind: r.Kind}
}

// Leaks reports whether a text repeats the code, the body or the destination of m, or one of the secrets.
func (m Message) Leaks(text string, secrets ...secret.Text) bool {
	text = strings.ToLower(text)
	for _, hidden := range append(secrets, m.Code, secret.Text(m.Body), secret.Text(strings.TrimPrefix(m.Destination, "+"))) {
		if hidden != "" && strings.Contains(text, strings.ToLower(string(hidden))) {
			return true
		}
	}
	return false
}

// maxShown is how many characters of a text of others are shown.
const maxShown = 200

// Shorten cuts a text of others to what is shown of one.
func Shorten(s string) string {
	if r := []rune(s); len(r) > maxShown {
		return string(r[:maxShown]) + "..."
	}
	return s
}
