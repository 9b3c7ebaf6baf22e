package smtp

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/mail"
	"net/textproto"
	"strings"
	"time"
	"unicode"

	gomail "github.com/wneessen/go-mail"
	gosmtp "github.com/wneessen/go-mail/smtp"

	"cognate/internal/message"
	"cognate/internal/secret"
)

// Sender hands e-mail to a mail server. It keeps no connection and is safe for
// concurrent use.
type Sender struct {
	config Config
	from   *mail.Address
}

// String shows the server and none of the credentials.
func (s *Sender) String() string { return s.config.String() }

// GoString is String.
func (s *Sender) GoString() string { return s.String() }

// LogValue is String.
func (s *Sender) LogValue() slog.Value { return slog.StringValue(s.String()) }

// Send hands m to the mail server and returns once the server has taken it. An
// SMS is message.ErrUnsupported. A refusal with a code of the 5xx class at the
// recipient or the content is message.ErrUndeliverable; anything else, a wrong
// password included, is not, for it can be put right. An error names the
// server and its reply, and never a credential or what the message says.
func (s *Sender) Send(ctx context.Context, m message.Message) error {
	if err := m.Check(ctx, message.Email); err != nil {
		return fmt.Errorf("smtp: %w", err)
	}
	mailing, err := s.compose(m)
	if err != nil {
		return fmt.Errorf("smtp: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, s.config.Timeout)
	defer cancel()
	if err := s.deliver(ctx, mailing); err != nil {
		return s.explain(ctx, m, err)
	}
	return nil
}

// mailing is a message in the form of the wire, with its envelope.
type mailing struct {
	from, to string // in angle brackets
	content  *gomail.Msg
}

func (s *Sender) compose(m message.Message) (*mailing, error) {
	from, to := s.from, &mail.Address{Address: m.Destination}
	msg := gomail.NewMsg(gomail.WithNoDefaultUserAgent())
	if m.From != "" {
		var err error
		if from, err = message.ParseAddress(m.From); err != nil {
			return nil, fmt.Errorf("%w: the sender's address is not an address", message.ErrUndeliverable)
		}
	}
	if m.ReplyTo != "" {
		reply, err := message.ParseAddress(m.ReplyTo)
		if err != nil {
			return nil, fmt.Errorf("%w: the reply address is not an address", message.ErrUndeliverable)
		}
		msg.ReplyToMailAddress(reply)
	}
	msg.FromMailAddress(from)
	msg.ToMailAddress(to)
	fill(msg, m, from)
	return &mailing{from: envelope(from), to: envelope(to), content: msg}, nil
}

// fill sets what does not depend on who writes to whom. The text comes first:
// of alternatives the last one that a reader can show wins (RFC 2046 section 5.1.4).
func fill(msg *gomail.Msg, m message.Message, from *mail.Address) {
	msg.Subject(m.Subject)
	msg.SetDateWithValue(date(m))
	msg.SetMessageIDWithValue(strings.ToLower(rand.Text()) + "@" + domain(from))
	// RFC 3834: no holiday notes in return.
	msg.SetGenHeader("Auto-Submitted", "auto-generated")
	msg.SetBodyString(gomail.TypeTextPlain, message.PlainText(m.Body))
	msg.AddAlternativeString(gomail.TypeTextHTML, m.Body)
}

func date(m message.Message) time.Time {
	if m.Time.IsZero() {
		return time.Now()
	}
	return m.Time
}

func domain(a *mail.Address) string { return a.Address[strings.LastIndexByte(a.Address, '@')+1:] }

// envelope is the address in angle brackets, its local part quoted where it must be.
func envelope(a *mail.Address) string { return (&mail.Address{Address: a.Address}).String() }

// step names where a delivery failed.
type step struct {
	at  string
	err error
}

func (e *step) Error() string { return e.at + ": " + e.err.Error() }
func (e *step) Unwrap() error { return e.err }

// deliver speaks SMTP. The connection is closed as soon as ctx ends, which ends
// whatever read or write is waiting on it.
func (s *Sender) deliver(ctx context.Context, m *mailing) error {
	conn, err := s.dial(ctx)
	if err != nil {
		return &step{"connect", err}
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()
	client, err := s.greet(conn)
	if err != nil {
		return err
	}
	if err := s.transfer(client, m); err != nil {
		return err
	}
	// The message is taken: whether the server also says goodbye matters little.
	conn.SetDeadline(time.Now().Add(time.Second))
	client.Quit()
	return nil
}

func (s *Sender) dial(ctx context.Context) (net.Conn, error) {
	if s.config.TLS == TLS {
		d := tls.Dialer{Config: s.config.TLSConfig}
		return d.DialContext(ctx, "tcp", s.config.address())
	}
	return new(net.Dialer).DialContext(ctx, "tcp", s.config.address())
}

// greet opens the session: greeting, TLS, sign-in.
func (s *Sender) greet(conn net.Conn) (*gosmtp.Client, error) {
	client, err := gosmtp.NewClient(conn, s.config.Host)
	if err != nil {
		return nil, &step{"greeting", err}
	}
	if err := client.Hello(s.config.HelloName); err != nil {
		return nil, &step{"hello", err}
	}
	if s.config.TLS == StartTLS {
		if ok, _ := client.Extension("STARTTLS"); !ok {
			return nil, &step{"starttls", errors.New("the server does not offer it")}
		}
		if err := client.StartTLS(s.config.TLSConfig); err != nil {
			return nil, &step{"starttls", err}
		}
	}
	if s.config.Username == "" {
		return client, nil
	}
	return client, s.signIn(client)
}

// signIn uses the best mechanism that the server offers.
func (s *Sender) signIn(client *gosmtp.Client) error {
	_, offered := client.Extension("AUTH")
	user, password := s.config.Username, string(s.config.Password)
	for _, name := range strings.Fields(strings.ToUpper(offered)) {
		if name == "SCRAM-SHA-256" {
			return signInBy(client, gosmtp.ScramSHA256Auth(user, password))
		}
	}
	// check has made sure that a connection in clear is to this machine.
	for _, name := range strings.Fields(strings.ToUpper(offered)) {
		switch name {
		case "PLAIN":
			return signInBy(client, gosmtp.PlainAuth("", user, password, s.config.Host, s.config.TLS == None))
		case "LOGIN":
			return signInBy(client, gosmtp.LoginAuth(user, password, s.config.Host, s.config.TLS == None))
		}
	}
	return &step{signInStep, errNoMechanism}
}

const signInStep = "sign-in"

var errNoMechanism = errors.New("the server offers none of SCRAM-SHA-256, PLAIN and LOGIN")

func signInBy(client *gosmtp.Client, how gosmtp.Auth) error {
	if err := client.Auth(how); err != nil {
		return &step{signInStep, err}
	}
	return nil
}

func (s *Sender) transfer(client *gosmtp.Client, m *mailing) error {
	if utf8, _ := client.Extension("SMTPUTF8"); !utf8 && !isASCII(m.from+m.to) {
		return &step{"envelope", fmt.Errorf("%w: the server takes no address beyond ASCII", message.ErrUndeliverable)}
	}
	if err := client.Mail(m.from); err != nil {
		return &step{"sender", err}
	}
	if err := client.Rcpt(m.to); err != nil {
		return &step{"recipient", refusal(err)}
	}
	w, err := client.Data()
	if err != nil {
		return &step{"data", refusal(err)}
	}
	if _, err := m.content.WriteTo(w); err != nil {
		return &step{"data", err} // no Close: it would mark half a message as whole
	}
	if err := w.Close(); err != nil {
		return &step{"data", refusal(err)}
	}
	return nil
}

func isASCII(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r > unicode.MaxASCII })
}

// refusal marks a 5xx reply as final (RFC 5321 section 4.2.1). 530 and 535 are
// about the sign-in, not about the message.
func refusal(err error) error {
	var reply *textproto.Error
	if errors.As(err, &reply) && reply.Code >= 500 && reply.Code != 530 && reply.Code != 535 {
		return errors.Join(message.ErrUndeliverable, err)
	}
	return err
}

// explain makes the error that leaves the package. It keeps the kind of err but
// not its text: a reply is text of the server's choice and may repeat what it
// was sent, so only its code is shown at sign-in, and elsewhere a text that
// holds nothing of ours.
func (s *Sender) explain(ctx context.Context, m message.Message, err error) error {
	at := "delivery"
	if where, ok := errors.AsType[*step](err); ok {
		at = where.at
	}
	out := fmt.Errorf("smtp: %s: %s: %s", s.config.address(), at, s.cause(at, m, err))
	switch {
	case ctx.Err() != nil:
		return &message.Failure{Text: out.Error(), Kind: ctx.Err()}
	case errors.Is(err, message.ErrUndeliverable):
		return &message.Failure{Text: out.Error(), Kind: message.ErrUndeliverable}
	}
	return out
}

func (s *Sender) cause(at string, m message.Message, err error) string {
	reply, ok := errors.AsType[*textproto.Error](err)
	switch {
	case ok && (at == signInStep || s.leaks(m, reply.Msg)):
		return fmt.Sprintf("the server answered %d", reply.Code)
	case ok:
		return fmt.Sprintf("the server answered %d %q", reply.Code, message.Shorten(reply.Msg))
	case errors.Is(err, errNoMechanism):
		return errNoMechanism.Error()
	case at == signInStep || s.leaks(m, err.Error()):
		return "failed"
	}
	if where, ok := errors.AsType[*step](err); ok {
		err = where.err
	}
	return message.Shorten(err.Error())
}

// leaks reports whether a text repeats something of the message, the password or the user name.
func (s *Sender) leaks(m message.Message, text string) bool {
	return m.Leaks(text, s.config.Password, secret.Text(s.config.Username))
}
