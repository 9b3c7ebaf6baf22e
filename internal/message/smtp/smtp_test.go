package smtp

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/mail"
	"regexp"
	"strings"
	"testing"
	"time"

	gosmtp "github.com/emersion/go-smtp"

	"cognate/internal/message"
	"cognate/internal/message/messagetest"
)

func TestSuite(t *testing.T) {
	messagetest.Run(t, func(t *testing.T) *messagetest.Fixture {
		server := serve(t, options{})
		return &messagetest.Fixture{Sender: sender(t, server.config()), Media: []message.Medium{message.Email}, Received: func() []messagetest.Delivery {
			return deliveries(t, server)
		}}
	})
}

func deliveries(t *testing.T, server *mailServer) (out []messagetest.Delivery) {
	for _, k := range server.all() {
		m := parse(t, k.content)
		d := messagetest.Delivery{Medium: message.Email, To: k.to, Subject: m.subject, Body: m.html}
		for name := range m.header {
			d.Headers = append(d.Headers, name)
		}
		out = append(out, d)
	}
	return out
}

func sender(t *testing.T, c Config) *Sender {
	t.Helper()
	s, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func sample() message.Message {
	return message.Message{
		ID: "m1", Time: time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC), PoolID: "us-east-1_a", Username: "jane", Medium: message.Email,
		Destination: "jane@example.com", Purpose: message.SignUp, Code: "734512", Subject: "Your verification code",
		Body: `<p>Hello &lt;jane&gt;,</p><p>your code is <b>734512</b>, or use <a href="https://h/?a=1&amp;b=2">this link</a>.</p>`,
	}
}

func TestDelivery(t *testing.T) {
	for name, c := range map[string]struct {
		options options
		change  func(*Config)
		tls     bool
		user    string
	}{
		"starttls":           {options{}, func(*Config) {}, true, testUser},
		"tls":                {options{implicitTLS: true}, func(c *Config) { c.TLS = TLS }, true, testUser},
		"no sign-in":         {options{}, func(c *Config) { c.Username, c.Password = "", "" }, true, ""},
		"none":               {options{noTLS: true}, func(c *Config) { c.TLS = None; c.Username, c.Password = "", "" }, false, ""},
		"none, with sign-in": {options{noTLS: true}, func(c *Config) { c.TLS = None }, false, testUser},
	} {
		t.Run(name, func(t *testing.T) {
			server := serve(t, c.options)
			config := server.config()
			c.change(&config)
			if err := sender(t, config).Send(t.Context(), sample()); err != nil {
				t.Fatal(err)
			}
			got := server.all()
			if len(got) != 1 || got[0].tls != c.tls || got[0].user != c.user || got[0].from != "no-reply@cognate.example" {
				t.Fatalf("%+v", got)
			}
		})
	}
}

func TestContent(t *testing.T) {
	server := serve(t, options{})
	m := sample()
	m.ReplyTo = "Help <help@example.com>"
	if err := sender(t, server.config()).Send(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	got := parse(t, server.all()[0].content)
	for name, want := range map[string]string{
		"From": `"Cognate" <no-reply@cognate.example>`, "To": "<jane@example.com>", "Reply-To": `"Help" <help@example.com>`,
		"Date": "Wed, 04 Mar 2026 05:06:07 +0000", "Auto-Submitted": "auto-generated", "Mime-Version": "1.0", "User-Agent": "", "X-Mailer": "", "Bcc": "",
	} {
		if got.header.Get(name) != want || len(got.header[name]) > 1 {
			t.Errorf("%s is %q, want %q", name, got.header[name], want)
		}
	}
	if id := got.header.Get("Message-Id"); !regexp.MustCompile(`^<[a-z2-7]{26}@cognate\.example>$`).MatchString(id) {
		t.Errorf("Message-ID %q", id)
	}
	if got.html != m.Body || got.text != "Hello <jane>,\n\nyour code is 734512, or use this link (https://h/?a=1&b=2)." {
		t.Errorf("html %q, text %q", got.html, got.text)
	}
}

// TestLink: who reads plain text gets the whole link, too, and the name as it is (checklist 23).
func TestLink(t *testing.T) {
	server := serve(t, options{})
	m := sample()
	v := message.Values{Medium: message.Email, Username: `<a href="https://evil.example">x</a>`, Link: "https://h/confirmUser?client_id=c&user_name=%3Cb%3E&confirmation_code=1"}
	m.Subject, m.Body = message.Template{Subject: "s", Body: "<p>Hello {username},</p>" + message.DefaultLinkEmail}.Render(v)
	if err := sender(t, server.config()).Send(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	got := parse(t, server.all()[0].content)
	text := "Hello " + v.Username + ",\nPlease click the link below to verify your email address. Verify Email (" + v.Link + ")"
	if got.html != m.Body || strings.Count(got.html, "<a ") != 1 || got.text != text {
		t.Errorf("html %q\ntext %q\nwant %q", got.html, got.text, text)
	}
}

func TestMessageIDsDiffer(t *testing.T) {
	server := serve(t, options{})
	s := sender(t, server.config())
	for range 2 {
		if err := s.Send(t.Context(), sample()); err != nil {
			t.Fatal(err)
		}
	}
	got := server.all()
	if a, b := parse(t, got[0].content).header.Get("Message-Id"), parse(t, got[1].content).header.Get("Message-Id"); a == b {
		t.Errorf("both are %s", a)
	}
}

func TestMessageNamesItsSender(t *testing.T) {
	server := serve(t, options{})
	m := sample()
	m.From, m.Time = "Zażółć <pool@example.net>", time.Time{}
	if err := sender(t, server.config()).Send(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	k := server.all()[0]
	got := parse(t, k.content)
	from, err := mail.ParseAddress(got.header.Get("From"))
	if err != nil || from.Name != "Zażółć" || from.Address != "pool@example.net" || k.from != "pool@example.net" {
		t.Errorf("from %v (%v), envelope %s", from, err, k.from)
	}
	if sent, err := got.header.Date(); err != nil || time.Since(sent).Abs() > time.Minute {
		t.Errorf("date %v, %v", sent, err)
	}
}

func TestUnusualAddresses(t *testing.T) {
	server := serve(t, options{utf8: true})
	s := sender(t, server.config())
	for _, to := range []string{"a..b@example.com", "jane+tag@example.com", "żółw@świat.example"} {
		m := sample()
		m.Destination = to
		if err := s.Send(t.Context(), m); err != nil {
			t.Errorf("%s: %v", to, err)
			continue
		}
		all := server.all()
		k := all[len(all)-1]
		header, err := mail.ParseAddress(parse(t, k.content).header.Get("To"))
		if err != nil || header.Address != to || len(k.to) != 1 || strings.ReplaceAll(k.to[0], `"`, "") != to {
			t.Errorf("%s: header %v (%v), envelope %q", to, header, err, k.to)
		}
	}
	plain := serve(t, options{})
	m := sample()
	m.Destination = "żółw@example.com"
	if err := sender(t, plain.config()).Send(t.Context(), m); !errors.Is(err, message.ErrUndeliverable) {
		t.Errorf("a server without SMTPUTF8: %v", err)
	}
}

func TestFailures(t *testing.T) {
	refuse := func(command string, code int) options {
		return options{reject: func(at string) error {
			if at != command {
				return nil
			}
			return &gosmtp.SMTPError{Code: code, EnhancedCode: gosmtp.EnhancedCode{code / 100, 1, 1}, Message: "not this one"}
		}}
	}
	for name, c := range map[string]struct {
		options options
		change  func(*Config)
		final   bool
		text    string
	}{
		"recipient refused":      {refuse("rcpt", 550), nil, true, `recipient: the server answered 550 "5.1.1 not this one"`},
		"recipient refused now":  {refuse("rcpt", 450), nil, false, "recipient: the server answered 450"},
		"content refused":        {refuse("data", 554), nil, true, "data: the server answered 554"},
		"content refused now":    {refuse("data", 451), nil, false, "data: the server answered 451"},
		"sender refused":         {refuse("mail", 553), nil, false, "sender: the server answered 553"},
		"sign-in wanted":         {refuse("rcpt", 530), nil, false, "recipient: the server answered 530"},
		"wrong password":         {options{}, func(c *Config) { c.Password = "wrong-secret-value" }, false, "sign-in: the server answered 535"},
		"wrong username":         {options{}, func(c *Config) { c.Username = "other-account" }, false, "sign-in: the server answered 535"},
		"no STARTTLS":            {options{noTLS: true}, nil, false, "starttls: the server does not offer it"},
		"unknown certificate":    {options{}, func(c *Config) { c.TLSConfig = nil }, false, "starttls: tls: failed to verify certificate"},
		"unknown certificate, 2": {options{implicitTLS: true}, func(c *Config) { c.TLSConfig = nil; c.TLS = TLS }, false, "connect: tls: failed to verify certificate"},
		"wrong host name": {options{}, func(c *Config) { c.TLSConfig.ServerName = "mail.example.com" }, false,
			"starttls: tls: failed to verify certificate"},
	} {
		t.Run(name, func(t *testing.T) {
			server := serve(t, c.options)
			config := server.config()
			if c.change != nil {
				c.change(&config)
			}
			err := sender(t, config).Send(t.Context(), sample())
			if err == nil || errors.Is(err, message.ErrUndeliverable) != c.final || errors.Is(err, context.DeadlineExceeded) {
				t.Fatalf("%v", err)
			}
			if want := fmt.Sprintf("smtp: 127.0.0.1:%d: %s", server.port, c.text); !strings.HasPrefix(err.Error(), want) {
				t.Errorf("%q, want %q", err, want)
			}
			hidden(t, err, config)
			if got := server.all(); len(got) != 0 {
				t.Errorf("delivered all the same: %+v", got)
			}
		})
	}
}

// hidden looks for what no error may show, in the whole chain and every print of it.
func hidden(t *testing.T, err error, c Config) {
	t.Helper()
	for e := err; e != nil; e = errors.Unwrap(e) {
		text := fmt.Sprintf("%v %+v %#v", e, e, e)
		for _, s := range []string{string(c.Password), c.Username, "734512", "jane@", sample().Body} {
			if s != "" && strings.Contains(text, s) {
				t.Errorf("%q is shown in %s", s, text)
			}
		}
	}
}

func TestNobodyListens(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := l.Addr().(*net.TCPAddr).Port
	l.Close()
	err = sender(t, Config{Host: "127.0.0.1", Port: port, From: "a@b.example"}).Send(t.Context(), sample())
	if err == nil || errors.Is(err, message.ErrUndeliverable) || !strings.Contains(err.Error(), fmt.Sprintf("127.0.0.1:%d: connect", port)) {
		t.Error(err)
	}
}

func TestServerThatHangs(t *testing.T) {
	hello := "250-hung\r\n250 8BITMIME"
	for name, answers := range map[string][]string{
		"before its greeting": nil, "at hello": {"220 hung"}, "at the sender": {"220 hung", hello}, "at the recipient": {"220 hung", hello, "250 ok"},
		"at data": {"220 hung", hello, "250 ok", "250 ok"}, "after data": {"220 hung", hello, "250 ok", "250 ok", "354 go on"},
	} {
		t.Run(name, func(t *testing.T) {
			s := sender(t, Config{Host: "127.0.0.1", Port: script(t, answers...), From: "a@b.example", TLS: None})
			begun := time.Now()
			ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
			defer cancel()
			if err := s.Send(ctx, sample()); !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "127.0.0.1") {
				t.Errorf("deadline: %v", err)
			}
			if took := time.Since(begun); took > 2*time.Second {
				t.Errorf("it took %s", took)
			}
		})
	}
	t.Run("cancelled", func(t *testing.T) {
		s := sender(t, Config{Host: "127.0.0.1", Port: script(t, "220 hung"), From: "a@b.example", TLS: None})
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(50*time.Millisecond, cancel)
		if err := s.Send(ctx, sample()); !errors.Is(err, context.Canceled) {
			t.Errorf("%v", err)
		}
	})
	t.Run("own timeout", func(t *testing.T) {
		s := sender(t, Config{Host: "127.0.0.1", Port: script(t), From: "a@b.example", TLS: TLS, Timeout: 50 * time.Millisecond})
		if err := s.Send(t.Context(), sample()); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%v", err)
		}
	})
	t.Run("at quit", func(t *testing.T) {
		port := script(t, "220 hung", hello, "250 ok", "250 ok", "354 go on", "250 taken")
		begun := time.Now()
		if err := sender(t, Config{Host: "127.0.0.1", Port: port, From: "a@b.example", TLS: None}).Send(t.Context(), sample()); err != nil {
			t.Errorf("the message was taken, yet %v", err)
		}
		if took := time.Since(begun); took > 5*time.Second {
			t.Errorf("it took %s", took)
		}
	})
}

func TestRepliesThatEchoAreNotShown(t *testing.T) {
	hello := "250-talkative\r\n250 AUTH PLAIN"
	for name, answers := range map[string][]string{
		"at sign-in":       {"220 x", hello, "535 no " + testPassword},
		"at the recipient": {"220 x", hello, "235 ok", "250 ok", "550 no jane@example.com 734512"},
		"at data":          {"220 x", hello, "235 ok", "250 ok", "250 ok", "554 your code 734512 is spam"},
		"without a form":   {"220 x", hello, testPassword + " 734512"},
	} {
		t.Run(name, func(t *testing.T) {
			c := Config{Host: "127.0.0.1", Port: script(t, answers...), From: "a@b.example", TLS: None, Username: testUser, Password: testPassword, Timeout: 2 * time.Second}
			err := sender(t, c).Send(t.Context(), sample())
			if err == nil {
				t.Fatal("no error")
			}
			hidden(t, err, c)
		})
	}
}

func TestSignInIsNeverInClear(t *testing.T) {
	server := serve(t, options{noTLS: true})
	c := server.config()
	err := sender(t, c).Send(t.Context(), sample())
	if err == nil || len(server.all()) != 0 {
		t.Errorf("a server without STARTTLS was given the password: %v", err)
	}
}

func TestNewRefuses(t *testing.T) {
	good := Config{Host: "mail.example.com", From: "a@b.example"}
	for name, change := range map[string]func(*Config){
		"no host":              func(c *Config) { c.Host = "" },
		"bad host":             func(c *Config) { c.Host = "a\r\nb" },
		"bad hello":            func(c *Config) { c.HelloName = "a\r\nRCPT" },
		"no sender":            func(c *Config) { c.From = "" },
		"bad sender":           func(c *Config) { c.From = "a@b\r\nBcc: c@d" },
		"two senders":          func(c *Config) { c.From = "a@b, c@d" },
		"bad mode":             func(c *Config) { c.TLS = "ssl" },
		"bad port":             func(c *Config) { c.Port = 70000 },
		"negative timeout":     func(c *Config) { c.Timeout = -1 },
		"username alone":       func(c *Config) { c.Username = "x" },
		"password alone":       func(c *Config) { c.Password = testPassword },
		"clear beyond":         func(c *Config) { c.TLS = None },
		"sign-in clear beyond": func(c *Config) { c.TLS, c.AllowClear, c.Username, c.Password = None, true, "x", testPassword },
	} {
		c := good
		change(&c)
		if _, err := New(c); err == nil || strings.Contains(err.Error(), testPassword) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, change := range map[string]func(*Config){
		"as it is": func(*Config) {}, "clear beyond, allowed": func(c *Config) { c.TLS, c.AllowClear = None, true },
		"clear to localhost": func(c *Config) { c.TLS, c.Host = None, "localhost" }, "clear to ::1": func(c *Config) { c.TLS, c.Host = None, "::1" },
	} {
		c := good
		change(&c)
		if _, err := New(c); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for mode, port := range map[Mode]int{"": 587, StartTLS: 587, TLS: 465, None: 25} {
		if s := sender(t, Config{Host: "localhost", From: "a@b.example", TLS: mode}); s.config.Port != port {
			t.Errorf("%q: port %d", mode, s.config.Port)
		}
	}
}

func TestNewLeavesTheTLSConfigAlone(t *testing.T) {
	mine := &tls.Config{MinVersion: tls.VersionTLS10}
	s := sender(t, Config{Host: "mail.example.com", From: "a@b.example", TLSConfig: mine})
	if mine.ServerName != "" || mine.MinVersion != tls.VersionTLS10 {
		t.Error("changed")
	}
	if s.config.TLSConfig.ServerName != "mail.example.com" || s.config.TLSConfig.MinVersion != tls.VersionTLS12 {
		t.Error("not filled")
	}
}

func TestConfigHidesItsSecrets(t *testing.T) {
	c := Config{Host: "mail.example.com", Port: 587, Username: testUser, Password: testPassword, From: "a@b.example"}
	s := sender(t, c)
	var out bytes.Buffer
	for _, h := range []slog.Handler{slog.NewTextHandler(&out, nil), slog.NewJSONHandler(&out, nil)} {
		slog.New(h).Info("x", "config", c, "sender", s)
	}
	fmt.Fprintf(&out, "%v %+v %#v %s %x %v %+v %#v %s", c, c, c, c, c, s, s, s, s)
	if strings.Contains(out.String(), testPassword) || strings.Contains(out.String(), testUser) || strings.Contains(out.String(), fmt.Sprintf("%x", testPassword)) {
		t.Errorf("%s", out.String())
	}
}
