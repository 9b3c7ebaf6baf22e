// Package messagetest is what every message.Sender must pass.
package messagetest

import (
	"context"
	"errors"
	"fmt"
	"html"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"cognate/internal/message"
)

// Delivery is a message as its receiver sees it.
type Delivery struct {
	Medium  message.Medium
	To      []string // every recipient that the transport was given
	Headers []string // names of the header fields; nil for a medium without headers
	Subject string   // decoded; e-mail only
	Body    string   // decoded; what a person reads, HTML or text
}

// Fixture is a sender and the place where its messages arrive.
type Fixture struct {
	Sender message.Sender
	Media  []message.Medium // those that the sender serves
	// Received is all that has arrived, in order. It is called after Send has
	// returned, never beside it.
	Received func() []Delivery
}

// Run runs the suite. open makes a fixture without messages and cleans up after t.
func Run(t *testing.T, open func(t *testing.T) *Fixture) {
	for name, test := range map[string]func(*testing.T, *Fixture){
		"delivers": delivers, "unicode": unicode, "injection in the subject": injectedSubject,
		"injection in the destination": injectedDestination, "injection in the sender": injectedFrom,
		"injection in the username": injectedUsername, "link": linked, "malformed": malformed, "unserved medium": unserved,
		"ended context": ended, "concurrent": concurrent, "errors hide secrets": hides,
	} {
		t.Run(name, func(t *testing.T) { test(t, open(t)) })
	}
}

const code = "902317"

// sample is a good message of the medium.
func sample(medium message.Medium) message.Message {
	m := message.Message{
		PoolID: "us-east-1_Test00001", Username: "jane", Medium: medium, Purpose: message.SignUp, Time: time.Now(),
		Code: code, Body: "Your code is " + code, Destination: "+15555550123",
	}
	if medium == message.Email {
		m.Destination, m.Subject = "jane@example.com", "Your code"
	}
	return m
}

func delivers(t *testing.T, f *Fixture) {
	for _, medium := range f.Media {
		m := sample(medium)
		send(t, f, m)
		got := last(t, f)
		if got.Medium != medium || !slices.Equal(got.To, []string{m.Destination}) || got.Subject != m.Subject || !strings.Contains(got.Body, m.Body) {
			t.Errorf("sent %s to %s, received %+v", medium, m.Destination, got)
		}
	}
	if n := len(f.Received()); n != len(f.Media) {
		t.Errorf("%d messages arrived of %d sent", n, len(f.Media))
	}
}

func unicode(t *testing.T, f *Fixture) {
	for _, medium := range f.Media {
		m := sample(medium)
		m.Username, m.Body = "żółć", "Twój kod: "+code+" – 確認コード 🔑, "+strings.Repeat("länger als eine Zeile ", 60)
		if medium == message.Email {
			m.Subject = "Kod: zażółć gęślą jaźń 確認 🔑 " + strings.Repeat("ü", 80)
		}
		send(t, f, m)
		if got := last(t, f); got.Subject != m.Subject || !strings.Contains(got.Body, strings.TrimSpace(m.Body)) {
			t.Errorf("received subject %q and body %q", got.Subject, got.Body)
		}
	}
}

// attacks end a header line and begin one of their own.
var attacks = []string{"\r\nBcc: victim@example.org", "\nBcc: victim@example.org", "\rBcc: victim@example.org",
	"\r\n\r\n<b>other body</b>", "\x00", "\u2028Bcc: victim@example.org"}

// injectedSubject and the following cover checklist 23.
func injectedSubject(t *testing.T, f *Fixture) {
	for _, attack := range attacks {
		m := sample(message.Email)
		m.Subject = "Hello" + attack
		refuses(t, f, m)
	}
}

func injectedDestination(t *testing.T, f *Fixture) {
	for _, medium := range f.Media {
		for _, attack := range append(attacks, ",victim@example.org", ", victim@example.org", ";+15555550199", " +15555550199",
			"> BODY=7BIT <victim@example.org", "<victim@example.org>") {
			m := sample(medium)
			m.Destination += attack
			refuses(t, f, m)
			m.Destination = attack + sample(medium).Destination
			refuses(t, f, m)
		}
	}
}

func injectedFrom(t *testing.T, f *Fixture) {
	for _, attack := range attacks {
		m := sample(message.Email)
		m.From = "Pool" + attack + " <no-reply@example.com>"
		refuses(t, f, m)
		m = sample(message.Email)
		m.ReplyTo = "help@example.com" + attack
		refuses(t, f, m)
	}
}

// injectedUsername goes the way of a real message: through a template.
func injectedUsername(t *testing.T, f *Fixture) {
	for _, medium := range f.Media {
		for _, attack := range attacks {
			m := sample(medium)
			m.Username = "jane" + attack
			tpl := message.Template{Subject: "Hello {username}", Body: "Hello {username}, " + message.DefaultVerificationEmail}
			m.Subject, m.Body = tpl.Render(message.Values{Medium: medium, Code: m.Code, Username: m.Username})
			if medium == message.SMS {
				m.Subject = ""
			}
			send(t, f, m)
			got := last(t, f)
			harmless(t, got, m)
			if strings.Contains(got.Body, "<b>") && medium == message.Email {
				t.Errorf("the username became HTML: %q", got.Body)
			}
		}
	}
}

// linked sends a link whose query is hostile to HTML, and longer than a line of a mail may be. It arrives as it was.
func linked(t *testing.T, f *Fixture) {
	link := "https://auth.example.com/confirmUser?client_id=c&user_name=" + url.QueryEscape(`"><b>'=`+strings.Repeat("ü", 200)) + "&confirmation_code=" + code
	for _, medium := range f.Media {
		m := sample(medium)
		m.Subject, m.Body = message.Template{Body: "Go {##here##}."}.Render(message.Values{Medium: medium, Link: link})
		want := "Go " + link + "."
		if medium == message.Email {
			m.Subject, want = "Your link", `Go <a href="`+html.EscapeString(link)+`">here</a>.`
		}
		send(t, f, m)
		if got := last(t, f); got.Body != want {
			t.Errorf("received %q\nwant %q", got.Body, want)
		}
	}
}

func harmless(t *testing.T, got Delivery, m message.Message) {
	t.Helper()
	if !slices.Equal(got.To, []string{m.Destination}) {
		t.Errorf("recipients %q", got.To)
	}
	for _, h := range got.Headers {
		if strings.EqualFold(h, "Bcc") || strings.EqualFold(h, "Cc") {
			t.Errorf("the username became a header %s", h)
		}
	}
	if strings.ContainsAny(got.Subject, "\r\n\x00") {
		t.Errorf("subject %q", got.Subject)
	}
}

func malformed(t *testing.T, f *Fixture) {
	for _, destination := range []string{"", "@", "jane", "jane@", "@example.com", "a@b@example.com", "15555550123", "+", "+1555a",
		"+1234567890123456", "jane doe@example.com", "jane\xff@example.com"} {
		for _, medium := range f.Media {
			m := sample(medium)
			m.Destination = destination
			refuses(t, f, m)
		}
	}
	m := sample(message.SMS)
	m.Medium = "PIGEON"
	refuses(t, f, m)
}

func unserved(t *testing.T, f *Fixture) {
	for _, medium := range []message.Medium{message.Email, message.SMS} {
		if slices.Contains(f.Media, medium) {
			continue
		}
		err := f.Sender.Send(t.Context(), sample(medium))
		if !errors.Is(err, message.ErrUnsupported) || !errors.Is(err, message.ErrUndeliverable) {
			t.Errorf("%s: %v", medium, err)
		}
	}
}

func ended(t *testing.T, f *Fixture) {
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	if err := f.Sender.Send(cancelled, sample(f.Media[0])); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	late, cancel := context.WithDeadline(t.Context(), time.Now().Add(-time.Second))
	defer cancel()
	if err := f.Sender.Send(late, sample(f.Media[0])); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("late: %v", err)
	}
	if got := f.Received(); len(got) != 0 {
		t.Errorf("arrived all the same: %+v", got)
	}
}

func concurrent(t *testing.T, f *Fixture) {
	const n = 16
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			m := sample(f.Media[0])
			m.Destination = recipient(m.Medium, i)
			m.Body = fmt.Sprintf("code %06d", i)
			if err := f.Sender.Send(t.Context(), m); err != nil {
				t.Errorf("send %d: %v", i, err)
			}
		})
	}
	wg.Wait()
	seen := map[string]string{}
	for _, d := range f.Received() {
		seen[d.To[0]] = d.Body
	}
	for i := range n {
		if body := seen[recipient(f.Media[0], i)]; !strings.Contains(body, fmt.Sprintf("code %06d", i)) {
			t.Errorf("user %d received %q", i, body)
		}
	}
}

// recipient is the address of one of many.
func recipient(medium message.Medium, i int) string {
	if medium == message.SMS {
		return fmt.Sprintf("+155555501%02d", i)
	}
	return fmt.Sprintf("user%d@example.com", i)
}

func hides(t *testing.T, f *Fixture) {
	m := sample(f.Media[0])
	m.Destination = "not an address"
	if err := f.Sender.Send(t.Context(), m); err == nil || strings.Contains(err.Error(), code) {
		t.Errorf("error %v", err)
	}
}

func send(t *testing.T, f *Fixture, m message.Message) {
	t.Helper()
	if err := f.Sender.Send(t.Context(), m); err != nil {
		t.Fatalf("send to %q: %v", m.Destination, err)
	}
}

func last(t *testing.T, f *Fixture) Delivery {
	t.Helper()
	all := f.Received()
	if len(all) == 0 {
		t.Fatal("nothing arrived")
	}
	return all[len(all)-1]
}

func refuses(t *testing.T, f *Fixture, m message.Message) {
	t.Helper()
	before := len(f.Received())
	err := f.Sender.Send(t.Context(), m)
	if !errors.Is(err, message.ErrUndeliverable) {
		t.Errorf("subject %q, destination %q, from %q: %v", m.Subject, m.Destination, m.From, err)
	}
	if got := f.Received(); len(got) != before {
		t.Errorf("arrived all the same: %+v", got[before:])
	}
}
