// Package message is the port through which the server talks to people: a
// [Message] with a code or a password in it, the [Sender] that carries it, and
// the templates it is made from.
//
// Senders hang below: inbox keeps messages for development, smtp and ses send
// e-mail, sns, pinpoint and twilio text messages, webhook both. Package
// messagetest is what each of them must pass.
package message

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"cognate/internal/secret"
)

// Medium is the way a message goes. Its values are those of Cognito's
// DeliveryMedium.
type Medium string

// The two media.
const (
	Email Medium = "EMAIL"
	SMS   Medium = "SMS"
)

// Purpose is why a message is sent.
type Purpose string

// The purposes.
const (
	SignUp              Purpose = "SignUp"              // confirm a new user
	ResendCode          Purpose = "ResendCode"          // confirm a new user, asked for again
	ForgotPassword      Purpose = "ForgotPassword"      // choose a new password
	UpdateUserAttribute Purpose = "UpdateUserAttribute" // confirm an address that was changed
	VerifyUserAttribute Purpose = "VerifyUserAttribute" // confirm an address on request
	AdminCreateUser     Purpose = "AdminCreateUser"     // invitation with a temporary password
	Authentication      Purpose = "Authentication"      // second factor or one-time sign-in code
	PasswordChanged     Purpose = "PasswordChanged"     // this and the following tell of a change, without a code
	FactorsChanged      Purpose = "FactorsChanged"
	EmailChanged        Purpose = "EmailChanged"
	DeviceRemembered    Purpose = "DeviceRemembered"
	AccountTakeover     Purpose = "AccountTakeOverNotification" // tells of a sign-in that may be another's
)

// Message is one message to one person. It holds a secret: printed by fmt or
// slog it shows neither code, subject, body nor the whole destination.
type Message struct {
	ID          string    // unique; a sender that needs one makes it when empty
	Time        time.Time // when it was made; a sender takes the present when zero
	PoolID      string
	Username    string // of the user it is for; never put into a header
	Medium      Medium
	Destination string // a bare e-mail address, or a number in E.164
	Purpose     Purpose
	Code        secret.Text // the code or temporary password that Body shows
	Subject     string      // one line; e-mail only
	Body        string      // HTML in e-mail, plain text in an SMS
	From        string      // "a@b" or "Name <a@b>"; empty is the sender's own
	ReplyTo     string      // likewise; empty is none
	Route       Route       // how the pool wants it sent
}

// Sender carries messages. It is safe for concurrent use.
//
// Send returns nil once the message is accepted for delivery. An error that is
// [ErrUndeliverable] is final for that message; any other may pass, so the
// caller may try again. When ctx ends first, the error is ctx's, and whether
// the message went out is not known. No error shows a code, a body or a
// credential. The sender keeps no reference to ctx.
type Sender interface {
	Send(ctx context.Context, m Message) error
}

var (
	// ErrUndeliverable says that a message can never be delivered as it is: its
	// destination is malformed or refused, or its medium is not served.
	ErrUndeliverable = errors.New("message: cannot be delivered")
	// ErrUnsupported is the ErrUndeliverable of a medium that the sender does not serve.
	ErrUnsupported = fmt.Errorf("%w: the sender does not serve this medium", ErrUndeliverable)
	// ErrThrottled says that too much is being sent: later, the same message may go out.
	ErrThrottled = errors.New("message: too many messages at the moment")
)

// Nowhere is the Sender of a server that has none: it refuses every message
// with [ErrUnsupported], so that nobody waits for a code that was never sent.
type Nowhere struct{}

// Send returns ErrUnsupported, or ctx's error.
func (Nowhere) Send(ctx context.Context, _ Message) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return fmt.Errorf("no sender is configured: %w", ErrUnsupported)
}

// Validate tells whether m may be handed to a transport: a known medium, a
// destination of that medium's form, and no control character in what becomes
// a header. Every sender calls it first, so that development refuses what
// production would. The error is ErrUndeliverable and shows no content.
func (m Message) Validate() error {
	switch {
	case m.Medium != Email && m.Medium != SMS:
		return fmt.Errorf("%w: unknown medium %q", ErrUndeliverable, string(m.Medium))
	case m.Medium == Email && !IsEmail(m.Destination):
		return fmt.Errorf("%w: the destination is not an e-mail address", ErrUndeliverable)
	case m.Medium == SMS && !IsPhone(m.Destination):
		return fmt.Errorf("%w: the destination is not a phone number", ErrUndeliverable)
	case hasControl(m.Subject) || hasControl(m.From) || hasControl(m.ReplyTo):
		return fmt.Errorf("%w: a control character in a header", ErrUndeliverable)
	case !utf8.ValidString(m.Body):
		return fmt.Errorf("%w: the body is not UTF-8", ErrUndeliverable)
	}
	return nil
}

// IsEmail reports whether s can be the destination of an e-mail: any local@domain
// that can stand in an SMTP command without quoting tricks. Two dots in a row are allowed, for some carriers hand out
// such addresses; RFC 5321 section 4.5.3.1 gives the length.
func IsEmail(s string) bool {
	at := strings.LastIndexByte(s, '@')
	if at < 1 || at == len(s)-1 || len(s) > 254 || hasControl(s) {
		return false
	}
	return !strings.ContainsFunc(s, unicode.IsSpace) && !strings.ContainsAny(s, `<>()[]\",;:`) &&
		strings.Count(s, "@") == 1
}

// IsPhone reports whether s can be the destination of an SMS: E.164: a plus sign and up to 15 digits.
func IsPhone(s string) bool {
	digits, ok := strings.CutPrefix(s, "+")
	return ok && digits != "" && len(digits) <= 15 && strings.Trim(digits, "0123456789") == ""
}

func hasControl(s string) bool {
	return !utf8.ValidString(s) || strings.ContainsFunc(s, isControl)
}

// isControl names what must not stand in a header or a one-line text: control
// characters, line separators, and the marks that make text read backwards.
func isControl(r rune) bool {
	switch {
	case unicode.IsControl(r), r == '\u2028', r == '\u2029':
		return true
	case r >= '\u202a' && r <= '\u202e', r >= '\u2066' && r <= '\u2069':
		return true
	}
	return false
}

// String shows what a log may hold.
func (m Message) String() string {
	return fmt.Sprintf("message %s: %s by %s to %s, pool %s", m.ID, m.Purpose, m.Medium, Mask(m.Medium, m.Destination), m.PoolID)
}

// GoString is String.
func (m Message) GoString() string { return m.String() }

// Format writes String for every verb.
func (m Message) Format(s fmt.State, _ rune) { io.WriteString(s, m.String()) }

// LogValue shows what a log may hold.
func (m Message) LogValue() slog.Value {
	return slog.GroupValue(
		slog.String("id", m.ID), slog.String("pool", m.PoolID), slog.String("purpose", string(m.Purpose)),
		slog.String("medium", string(m.Medium)), slog.String("destination", Mask(m.Medium, m.Destination)))
}
