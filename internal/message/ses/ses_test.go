package ses

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/mail"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"cognate/internal/awsclient"
	"cognate/internal/awsclient/awstest"
	"cognate/internal/message"
	"cognate/internal/message/messagetest"
)

// text is a content as SES's API has it.
type text struct{ Data, Charset string }

// body is what SendEmail takes.
type body struct {
	FromEmailAddress            string
	FromEmailAddressIdentityArn string
	ReplyToAddresses            []string
	ConfigurationSetName        string
	Destination                 struct{ ToAddresses, CcAddresses, BccAddresses []string }
	Content                     struct {
		Simple struct {
			Subject text
			Body    struct{ Text, Html text }
		}
	}
}

func taken(awstest.Request) (int, string) { return 200, `{"MessageId":"0100"}` }

func open(t *testing.T, c Config) *Sender {
	t.Helper()
	s, err := New(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func read(t *testing.T, q awstest.Request) (b body) {
	t.Helper()
	if q.Path != "/v2/email/outbound-emails" || q.Header.Get("Content-Type") != "application/json" {
		t.Errorf("sent to %s as %s", q.Path, q.Header.Get("Content-Type"))
	}
	if err := json.Unmarshal(q.Body, &b); err != nil {
		t.Fatal(err)
	}
	return b
}

func sample() message.Message {
	return message.Message{PoolID: "us-east-1_a", Medium: message.Email, Destination: "jane@example.com", Purpose: message.SignUp,
		Code: "734512", Subject: "Your code", Body: "Your code is <b>734512</b>"}
}

func TestSuite(t *testing.T) {
	messagetest.Run(t, func(t *testing.T) *messagetest.Fixture {
		service := awstest.Serve(t, "ses", taken, nil)
		return &messagetest.Fixture{
			Sender: open(t, Config{Config: awsclient.Config{Endpoint: service.URL}, From: "Cognate <no-reply@example.com>"}),
			Media:  []message.Medium{message.Email},
			Received: func() (out []messagetest.Delivery) {
				for _, q := range service.All() {
					b := read(t, q)
					to := append(append(b.Destination.ToAddresses, b.Destination.CcAddresses...), b.Destination.BccAddresses...)
					out = append(out, messagetest.Delivery{Medium: message.Email, To: to, Subject: b.Content.Simple.Subject.Data, Body: b.Content.Simple.Body.Html.Data})
				}
				return out
			},
		}
	})
}

// TestSends looks at every parameter, of a pool that says all and of one that says nothing.
func TestSends(t *testing.T) {
	service := awstest.Serve(t, "ses", taken, nil)
	s := open(t, Config{Config: awsclient.Config{Endpoint: service.URL}, From: "Cognate <no-reply@example.com>", ConfigurationSet: "usual"})
	const domain = "arn:aws:ses:us-west-2:123456789012:identity/pool.example"
	const address = "arn:aws:ses:us-east-2:123456789012:identity/own@pool.example"
	for _, c := range []struct {
		name                       string
		change                     func(*message.Message)
		from, identity, set, reply string
		region                     string
	}{
		{"nothing", func(*message.Message) {}, `"Cognate" <no-reply@example.com>`, "", "usual", "", "eu-west-1"},
		{"all", func(m *message.Message) {
			m.From, m.ReplyTo = "Zażółć <a@pool.example>", "help@pool.example"
			m.Route = message.Route{Service: message.SES, Identity: domain, ConfigurationSet: "pool"}
		}, "=?utf-8?q?Za=C5=BC=C3=B3=C5=82=C4=87?= <a@pool.example>", domain, "pool", "<help@pool.example>", "us-west-2"},
		{"the identity's address", func(m *message.Message) { m.Route.Identity = address }, "<own@pool.example>", address, "usual", "", "us-east-2"},
		{"another ARN", func(m *message.Message) { m.Route.Identity = "arn:aws:x" }, `"Cognate" <no-reply@example.com>`, "arn:aws:x", "usual", "", "eu-west-1"},
	} {
		m := sample()
		c.change(&m)
		if err := s.Send(t.Context(), m); err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		q := service.Last(t)
		var want body
		want.FromEmailAddress, want.FromEmailAddressIdentityArn, want.ConfigurationSetName = c.from, c.identity, c.set
		if c.reply != "" {
			want.ReplyToAddresses = []string{c.reply}
		}
		want.Destination.ToAddresses = []string{"jane@example.com"}
		want.Content.Simple.Subject = text{"Your code", "UTF-8"}
		want.Content.Simple.Body.Html = text{"Your code is <b>734512</b>", "UTF-8"}
		want.Content.Simple.Body.Text = text{"Your code is 734512", "UTF-8"}
		if diff := cmp.Diff(want, read(t, q)); diff != "" || q.Region != c.region {
			t.Errorf("%s: signed for %s, want %s\n%s", c.name, q.Region, c.region, diff)
		}
		if _, err := mail.ParseAddress(read(t, q).FromEmailAddress); err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	fixed := open(t, Config{Config: awsclient.Config{Endpoint: service.URL, Region: "ap-south-1"}})
	m := sample()
	if err := fixed.Send(t.Context(), m); err == nil || !strings.Contains(err.Error(), "whom e-mail is from") {
		t.Errorf("from nobody: %v", err)
	}
	m.Route.Identity = address
	if err := fixed.Send(t.Context(), m); err != nil || service.Last(t).Region != "ap-south-1" {
		t.Errorf("the operator's region: signed for %s, %v", service.Last(t).Region, err)
	}
}

// TestEnvironment calls where the standard variables say, and where the configuration says first.
func TestEnvironment(t *testing.T) {
	service := awstest.Serve(t, "ses", taken, nil)
	for _, name := range []string{"AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_SESV2"} {
		t.Run(name, func(t *testing.T) {
			t.Setenv(name, service.URL)
			before := len(service.All())
			if err := open(t, Config{From: "a@b.example"}).Send(t.Context(), sample()); err != nil || len(service.All()) != before+1 {
				t.Errorf("%v", err)
			}
		})
	}
	t.Setenv("AWS_ENDPOINT_URL_SESV2", "http://127.0.0.1:1")
	if err := open(t, Config{Config: awsclient.Config{Endpoint: service.URL}, From: "a@b.example"}).Send(t.Context(), sample()); err != nil {
		t.Errorf("the configuration's: %v", err)
	}
}

func TestFailures(t *testing.T) {
	for _, c := range []struct {
		status     int
		code, text string
		kind       error
		shown      string
	}{
		{400, "MessageRejected", "Email address is not verified: jane@example.com", message.ErrUndeliverable, "ses: MessageRejected: Email address is not verified: j***@e***"},
		{400, "BadRequestException", "734512 is bad", message.ErrUndeliverable, "ses: BadRequestException"},
		{429, "TooManyRequestsException", "Maximum sending rate exceeded.", message.ErrThrottled, "ses: TooManyRequestsException: Maximum sending rate exceeded."},
		{400, "LimitExceededException", "Daily quota", message.ErrThrottled, "ses: LimitExceededException: Daily quota"},
		{400, "MailFromDomainNotVerifiedException", "no", nil, "ses: MailFromDomainNotVerifiedException: no"},
		{403, "AccessDeniedException", "not allowed", nil, "ses: AccessDeniedException: not allowed"},
		{500, "InternalFailure", "\x1b[2J\r\nno", nil, "ses: InternalFailure: [2Jno"},
	} {
		service := awstest.Serve(t, "ses", func(awstest.Request) (int, string) {
			d, _ := json.Marshal(map[string]string{"__type": c.code, "message": c.text})
			return c.status, string(d)
		}, nil)
		err := open(t, Config{Config: awsclient.Config{Endpoint: service.URL}, From: "a@b.example"}).Send(t.Context(), sample())
		if err == nil || c.kind != nil && !errors.Is(err, c.kind) || err.Error() != c.shown {
			t.Errorf("%s: %v", c.code, err)
		}
		if c.kind == nil && (errors.Is(err, message.ErrUndeliverable) || errors.Is(err, message.ErrThrottled)) {
			t.Errorf("%s is final or throttled: %v", c.code, err)
		}
	}
}

// TestHangs gives up in time, and reads no endless answer.
func TestHangs(t *testing.T) {
	done := make(chan struct{})
	service := awstest.Serve(t, "ses", func(awstest.Request) (int, string) { <-done; return 200, "{}" }, nil)
	defer close(done)
	c := Config{Config: awsclient.Config{Endpoint: service.URL}, From: "a@b.example", Timeout: 100 * time.Millisecond}
	if err := open(t, c).Send(t.Context(), sample()); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("hangs: %v", err)
	}
	long := awstest.Serve(t, "ses", func(awstest.Request) (int, string) { return 200, `{"MessageId":"` + strings.Repeat("x", 2<<20) + `"}` }, nil)
	if err := open(t, Config{Config: awsclient.Config{Endpoint: long.URL}, From: "a@b.example"}).Send(t.Context(), sample()); err == nil {
		t.Error("a long answer is read")
	}
}

func TestNewRefuses(t *testing.T) {
	awstest.Environment(t)
	for name, c := range map[string]Config{
		`from "x"`: {From: "x"}, "timeout": {Timeout: -1}, `"EU"`: {Config: awsclient.Config{Region: "EU"}}, "endpoint": {Config: awsclient.Config{Endpoint: "ftp://x"}},
		"from \"a@b\\r\\n": {From: "a@b\r\nBcc: c@d"},
	} {
		if _, err := New(t.Context(), c); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
	t.Setenv("AWS_REGION", "")
	if _, err := New(t.Context(), Config{}); err == nil || !strings.Contains(err.Error(), "the region is missing") {
		t.Errorf("no region: %v", err)
	}
	s := open(t, Config{Config: awsclient.Config{Region: "us-east-1"}})
	if shown := fmt.Sprint(s, s.LogValue()); strings.Contains(shown, awstest.Secret) || shown != "ses ses" {
		t.Errorf("shows %s", shown)
	}
}
