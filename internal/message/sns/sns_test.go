package sns

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"cognate/internal/awsclient"
	"cognate/internal/awsclient/awstest"
	"cognate/internal/message"
	"cognate/internal/message/messagetest"
)

const published = `<PublishResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/"><PublishResult><MessageId>1</MessageId></PublishResult></PublishResponse>`

func taken(awstest.Request) (int, string) { return 200, published }

func open(t *testing.T, c Config) *Sender {
	t.Helper()
	s, err := New(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func read(t *testing.T, q awstest.Request) url.Values {
	t.Helper()
	form, err := url.ParseQuery(string(q.Body))
	if err != nil || q.Path != "/" || q.Header.Get("Content-Type") != "application/x-www-form-urlencoded" {
		t.Fatalf("sent to %s as %s: %v", q.Path, q.Header.Get("Content-Type"), err)
	}
	return form
}

func sample() message.Message {
	return message.Message{PoolID: "us-east-1_a", Medium: message.SMS, Destination: "+15555550123", Purpose: message.SignUp, Code: "734512", Body: "Your code is 734512 & no other"}
}

func TestSuite(t *testing.T) {
	messagetest.Run(t, func(t *testing.T) *messagetest.Fixture {
		service := awstest.Serve(t, "sns", taken, nil)
		return &messagetest.Fixture{
			Sender: open(t, Config{Config: awsclient.Config{Endpoint: service.URL}}),
			Media:  []message.Medium{message.SMS},
			Received: func() (out []messagetest.Delivery) {
				for _, q := range service.All() {
					form := read(t, q)
					out = append(out, messagetest.Delivery{Medium: message.SMS, To: form["PhoneNumber"], Body: form.Get("Message")})
				}
				return out
			},
		}
	})
}

// attribute is a message attribute of the form, wherever it stands in the list.
func attribute(form url.Values, name string) string {
	for i := 1; ; i++ {
		entry := fmt.Sprintf("MessageAttributes.entry.%d.", i)
		switch form.Get(entry + "Name") {
		case "":
			return ""
		case name:
			return form.Get(entry+"Value.DataType") + " " + form.Get(entry+"Value.StringValue")
		}
	}
}

// TestSends looks at every parameter.
func TestSends(t *testing.T) {
	service := awstest.Serve(t, "sns", taken, nil)
	s := open(t, Config{Config: awsclient.Config{Endpoint: service.URL}, SenderID: "Cognate"})
	if err := s.Send(t.Context(), sample()); err != nil {
		t.Fatal(err)
	}
	form := read(t, service.Last(t))
	for name, want := range map[string]string{"AWS.SNS.SMS.SMSType": "String Transactional", "AWS.SNS.SMS.SenderID": "String Cognate"} {
		if got := attribute(form, name); got != want {
			t.Errorf("%s: %q", name, got)
		}
	}
	for name := range form {
		if strings.HasPrefix(name, "MessageAttributes.") {
			form.Del(name)
		}
	}
	want := url.Values{"Action": {"Publish"}, "Version": {"2010-03-31"}, "PhoneNumber": {"+15555550123"}, "Message": {"Your code is 734512 & no other"}}
	if diff := cmp.Diff(want, form); diff != "" {
		t.Error(diff)
	}
	m := sample()
	for _, c := range []struct{ own, pool, want string }{{"", "", "eu-west-1"}, {"", "us-west-2", "us-west-2"}, {"ap-south-1", "us-west-2", "ap-south-1"}, {"", "evil.example/", "eu-west-1"}} {
		m.Route.Region = c.pool
		err := open(t, Config{Config: awsclient.Config{Endpoint: service.URL, Region: c.own}}).Send(t.Context(), m)
		if got := service.Last(t); err != nil || got.Region != c.want || got.KeyID != awstest.KeyID || attribute(read(t, got), "AWS.SNS.SMS.SenderID") != "" {
			t.Errorf("%+v: signed for %s with %s: %v", c, got.Region, got.KeyID, err)
		}
	}
}

// TestAssumesRole sends in the role that the pool names, with its external ID, only where the operator wants that.
func TestAssumesRole(t *testing.T) {
	const role = "arn:aws:iam::123456789012:role/sms"
	const assumed = "AKIAASSUMED012345678"
	service := awstest.Serve(t, "sns", taken, func(id string) string {
		if id == assumed {
			return "the secret of a role"
		}
		return ""
	})
	roles := awstest.Serve(t, "sts", func(awstest.Request) (int, string) {
		return 200, `<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult><Credentials><AccessKeyId>` + assumed +
			`</AccessKeyId><SecretAccessKey>the secret of a role</SecretAccessKey><SessionToken>session</SessionToken><Expiration>` +
			time.Now().Add(time.Hour).UTC().Format(time.RFC3339) + `</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>`
	}, nil)
	t.Setenv("AWS_ENDPOINT_URL_STS", roles.URL)
	m := sample()
	m.Route = message.Route{Role: role, ExternalID: "external"}
	for _, assume := range []bool{false, true, true} {
		s := open(t, Config{Config: awsclient.Config{Endpoint: service.URL}, AssumeRole: assume})
		for range 2 {
			if err := s.Send(t.Context(), m); err != nil {
				t.Fatal(err)
			}
		}
		want := map[bool]string{false: awstest.KeyID, true: assumed}[assume]
		if got := service.Last(t); got.KeyID != want || assume && got.Header.Get("X-Amz-Security-Token") != "session" {
			t.Errorf("%v: sent with %s", assume, got.KeyID)
		}
	}
	asked := roles.All()
	if len(asked) != 2 { // once for each sender that assumes
		t.Fatalf("asked for a role %d times", len(asked))
	}
	form, err := url.ParseQuery(string(asked[0].Body))
	if err != nil || form.Get("Action") != "AssumeRole" || form.Get("RoleArn") != role || form.Get("ExternalId") != "external" {
		t.Errorf("asked for %v: %v", form, err)
	}
	m.Route.Role = ""
	if err := open(t, Config{Config: awsclient.Config{Endpoint: service.URL}, AssumeRole: true}).Send(t.Context(), m); err != nil || service.Last(t).KeyID != awstest.KeyID {
		t.Errorf("a pool without a role: %v", err)
	}
}

func TestFailures(t *testing.T) {
	for _, c := range []struct {
		status     int
		code, text string
		kind       error
		shown      string
	}{
		{400, "InvalidParameter", "Invalid parameter: PhoneNumber Reason: +15555550123 is not valid", message.ErrUndeliverable, "sns: InvalidParameter: Invalid parameter: PhoneNumber Reason: +*******0123 is not valid"},
		{400, "OptedOut", "Your code is 734512 &amp; no other", message.ErrUndeliverable, "sns: OptedOut"},
		{400, "Throttling", "Rate exceeded", message.ErrThrottled, "sns: Throttling: Rate exceeded"},
		{429, "Throttled", "Rate exceeded", message.ErrThrottled, "sns: Throttled: Rate exceeded"},
		{403, "AuthorizationError", "not allowed", nil, "sns: AuthorizationError: not allowed"},
	} {
		service := awstest.Serve(t, "sns", func(awstest.Request) (int, string) {
			return c.status, "<ErrorResponse><Error><Type>Sender</Type><Code>" + c.code + "</Code><Message>" + c.text + "</Message></Error></ErrorResponse>"
		}, nil)
		err := open(t, Config{Config: awsclient.Config{Endpoint: service.URL}}).Send(t.Context(), sample())
		if err == nil || c.kind != nil && !errors.Is(err, c.kind) || err.Error() != c.shown {
			t.Errorf("%s: %v", c.code, err)
		}
		if c.kind == nil && (errors.Is(err, message.ErrUndeliverable) || errors.Is(err, message.ErrThrottled)) {
			t.Errorf("%s is final or throttled: %v", c.code, err)
		}
	}
}

func TestHangs(t *testing.T) {
	done := make(chan struct{})
	service := awstest.Serve(t, "sns", func(awstest.Request) (int, string) { <-done; return 200, published }, nil)
	defer close(done)
	s := open(t, Config{Config: awsclient.Config{Endpoint: service.URL}, Timeout: 100 * time.Millisecond})
	if err := s.Send(t.Context(), sample()); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("hangs: %v", err)
	}
}

func TestNewRefuses(t *testing.T) {
	awstest.Environment(t)
	for name, c := range map[string]Config{
		"sender_id": {SenderID: "a b"}, "timeout": {Timeout: -1}, `"EU"`: {Config: awsclient.Config{Region: "EU"}}, "endpoint": {Config: awsclient.Config{Endpoint: ":"}},
	} {
		if _, err := New(t.Context(), c); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
