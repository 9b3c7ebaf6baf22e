// Package smtp is a message.Sender that hands e-mail to a mail server.
//
// Each message goes over a connection of its own: codes are few, and a
// connection that was kept may turn out dead just when somebody waits.
package smtp

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"time"
	"unicode"

	"cognate/internal/message"
	"cognate/internal/secret"
)

// Mode is how the connection is protected.
type Mode string

// The modes.
const (
	// StartTLS upgrades the connection before anything is said, and gives up
	// when the server cannot (RFC 3207). It is the mode when none is named.
	StartTLS Mode = "starttls"
	// TLS speaks TLS from the first byte (RFC 8314).
	TLS Mode = "tls"
	// None speaks in clear. Without AllowClear only a loopback host may be named.
	None Mode = "none"
)

// Config says where mail goes. Host and From are required.
type Config struct {
	Host string // name or address of the mail server
	// Port is 587 when zero, or 465 in mode TLS, or 25 in mode None.
	Port int
	// Username and Password sign in; both empty means no sign-in. They never
	// cross a connection in clear, but to a loopback host.
	Username string
	Password secret.Text
	// From is the sender of messages that name none: "a@b" or "Name <a@b>".
	From string
	// TLS is the mode; empty is StartTLS.
	TLS Mode
	// AllowClear permits mode None to a host beyond this machine. Codes then
	// cross the network readable; signing in stays refused.
	AllowClear bool
	// TLSConfig, when not nil, is what TLS starts from: private roots, client
	// certificates. Its ServerName is Host when empty, its MinVersion at least 1.2.
	TLSConfig *tls.Config
	// HelloName is the name that the server is greeted with; "localhost" when empty.
	HelloName string
	// Timeout is the most that one message may take, 30 s when zero. A context
	// that ends earlier goes before it.
	Timeout time.Duration
}

// String shows the server and none of the credentials.
func (c Config) String() string { return "smtp " + c.address() }

// GoString is String.
func (c Config) GoString() string { return c.String() }

// Format writes String for every verb.
func (c Config) Format(s fmt.State, _ rune) { io.WriteString(s, c.String()) }

// LogValue is String.
func (c Config) LogValue() slog.Value { return slog.StringValue(c.String()) }

func (c Config) address() string { return net.JoinHostPort(c.Host, strconv.Itoa(c.Port)) }

// New checks c and makes a sender. It does not connect: a mail server that is
// down for a moment must not keep ours from starting.
func New(c Config) (*Sender, error) {
	c.fill()
	if err := c.check(); err != nil {
		return nil, fmt.Errorf("smtp: %w", err)
	}
	from, err := message.ParseAddress(c.From)
	if err != nil {
		return nil, fmt.Errorf("smtp: the sender's address %q is not an address", c.From)
	}
	return &Sender{config: c, from: from}, nil
}

func (c *Config) fill() {
	if c.TLS == "" {
		c.TLS = StartTLS
	}
	if c.Port == 0 {
		c.Port = map[Mode]int{StartTLS: 587, TLS: 465, None: 25}[c.TLS]
	}
	if c.Timeout == 0 {
		c.Timeout = 30 * time.Second
	}
	if c.HelloName == "" {
		c.HelloName = "localhost"
	}
	if c.TLSConfig == nil {
		c.TLSConfig = new(tls.Config)
	}
	c.TLSConfig = c.TLSConfig.Clone()
	c.TLSConfig.MinVersion = max(c.TLSConfig.MinVersion, tls.VersionTLS12)
	if c.TLSConfig.ServerName == "" {
		c.TLSConfig.ServerName = c.Host
	}
}

func (c *Config) check() error {
	beyond := c.TLS == None && !isLoopback(c.Host)
	switch {
	case c.Host == "" || hasSpace(c.Host):
		return errors.New("the host is missing or not a host")
	case hasSpace(c.HelloName):
		return errors.New("the hello name is not a host")
	case c.Port < 1 || c.Port > 65535:
		return fmt.Errorf("%d is not a port", c.Port)
	case c.TLS != StartTLS && c.TLS != TLS && c.TLS != None:
		return fmt.Errorf("the mode %q is not starttls, tls or none", string(c.TLS))
	case (c.Username == "") != (c.Password == ""):
		return errors.New("a username and a password go together")
	case beyond && !c.AllowClear:
		return fmt.Errorf("%s is not this machine: without TLS, codes would cross the network readable", c.Host)
	case beyond && c.Username != "":
		return fmt.Errorf("%s is not this machine: a password never crosses the network without TLS", c.Host)
	case c.Timeout < 0:
		return errors.New("the timeout is negative")
	}
	return nil
}

func hasSpace(s string) bool {
	return strings.ContainsFunc(s, func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) })
}

func isLoopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return strings.EqualFold(host, "localhost") || err == nil && ip.IsLoopback()
}
