package pinpoint

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"cognate/internal/awsclient"
	"cognate/internal/awsclient/awstest"
	"cognate/internal/message"
	"cognate/internal/message/messagetest"
)

func taken(awstest.Request) (int, string) { return 200, `{"MessageId":"1"}` }

func open(t *testing.T, c Config) *Sender {
	t.Helper()
	s, err := New(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func read(t *testing.T, q awstest.Request) (b map[string]any) {
	t.Helper()
	if q.Header.Get("X-Amz-Target") != "PinpointSMSVoiceV2.SendTextMessage" || q.Header.Get("Content-Type") != "application/x-amz-json-1.0" {
		t.Errorf("sent %v", q.Header)
	}
	if err := json.Unmarshal(q.Body, &b); err != nil {
		t.Fatal(err)
	}
	return b
}

func sample() message.Message {
	return message.Message{PoolID: "us-east-1_a", Medium: message.SMS, Destination: "+15555550123", Purpose: message.SignUp, Code: "734512", Body: "Your code is 734512"}
}

func TestSuite(t *testing.T) {
	messagetest.Run(t, func(t *testing.T) *messagetest.Fixture {
		service := awstest.Serve(t, "sms-voice", taken, nil)
		return &messagetest.Fixture{
			Sender: open(t, Config{Config: awsclient.Config{Endpoint: service.URL}}),
			Media:  []message.Medium{message.SMS},
			Received: func() (out []messagetest.Delivery) {
				for _, q := range service.All() {
					b := read(t, q)
					out = append(out, messagetest.Delivery{Medium: message.SMS, To: []string{b["DestinationPhoneNumber"].(string)}, Body: b["MessageBody"].(string)})
				}
				return out
			},
		}
	})
}

// TestSends looks at every parameter, of a pool that says all and of one that says nothing.
func TestSends(t *testing.T) {
	service := awstest.Serve(t, "sms-voice", taken, nil)
	s := open(t, Config{Config: awsclient.Config{Endpoint: service.URL}, Origination: "+15555550000", ConfigurationSet: "usual"})
	m := sample()
	want := map[string]any{
		"DestinationPhoneNumber": "+15555550123", "MessageBody": "Your code is 734512", "MessageType": "TRANSACTIONAL",
		"OriginationIdentity": "+15555550000", "ConfigurationSetName": "usual",
	}
	for range 2 {
		if err := s.Send(t.Context(), m); err != nil {
			t.Fatal(err)
		}
		q := service.Last(t)
		if diff := cmp.Diff(want, read(t, q)); diff != "" || q.Region != "eu-west-1" && m.Route.Region == "" || m.Route.Region != "" && q.Region != m.Route.Region {
			t.Errorf("signed for %s\n%s", q.Region, diff)
		}
		m.Route = message.Route{Service: message.Pinpoint, Origination: "SENDER", ConfigurationSet: "pool", Region: "us-west-2", EntityID: "entity", TemplateID: "template"}
		want["OriginationIdentity"], want["ConfigurationSetName"] = "SENDER", "pool"
		want["DestinationCountryParameters"] = map[string]any{"IN_ENTITY_ID": "entity", "IN_TEMPLATE_ID": "template"}
	}
}

// TestAssumesRole sends in the role that the pool names, where the operator wants that.
func TestAssumesRole(t *testing.T) {
	const assumed = "AKIAASSUMED012345678"
	service := awstest.Serve(t, "sms-voice", taken, func(string) string { return "the secret of a role" })
	roles := awstest.Serve(t, "sts", func(awstest.Request) (int, string) {
		return 200, `<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult><Credentials><AccessKeyId>` + assumed +
			`</AccessKeyId><SecretAccessKey>the secret of a role</SecretAccessKey><SessionToken>session</SessionToken><Expiration>` +
			time.Now().Add(time.Hour).UTC().Format(time.RFC3339) + `</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>`
	}, nil)
	t.Setenv("AWS_ENDPOINT_URL_STS", roles.URL)
	m := sample()
	m.Route.Role = "arn:aws:iam::123456789012:role/sms"
	for _, assume := range []bool{false, true} {
		err := open(t, Config{Config: awsclient.Config{Endpoint: service.URL}, AssumeRole: assume}).Send(t.Context(), m)
		if got := service.Last(t).KeyID; err != nil || (got == assumed) != assume {
			t.Errorf("%v: sent with %s: %v", assume, got, err)
		}
	}
	if strings.Contains(string(roles.Last(t).Body), "ExternalId") {
		t.Error("an external ID that the pool does not name")
	}
}

func TestFailures(t *testing.T) {
	for _, c := range []struct {
		answer string
		kind   error
		shown  string
	}{
		{`{"__type":"ConflictException","Message":"opted out","Reason":"DESTINATION_PHONE_NUMBER_OPTED_OUT"}`, message.ErrUndeliverable, "pinpoint: ConflictException: opted out"},
		{`{"__type":"ConflictException","Message":"no","Reason":"NO_ORIGINATION_IDENTITIES_FOUND"}`, nil, "pinpoint: ConflictException: no"},
		{`{"__type":"ValidationException","Message":"+15555550123","Reason":"INVALID_PARAMETER","Fields":[{"Name":"DestinationPhoneNumber","Message":"x"}]}`, message.ErrUndeliverable, "pinpoint: ValidationException: +*******0123"},
		{`{"__type":"ValidationException","Message":"no","Reason":"DESTINATION_COUNTRY_BLOCKED"}`, message.ErrUndeliverable, "pinpoint: ValidationException: no"},
		{`{"__type":"ValidationException","Message":"no","Reason":"SENDER_ID_NOT_REGISTERED"}`, nil, "pinpoint: ValidationException: no"},
		{`{"__type":"ThrottlingException","Message":"Rate exceeded"}`, message.ErrThrottled, "pinpoint: ThrottlingException: Rate exceeded"},
		{`{"__type":"ServiceQuotaExceededException","Message":"spent","Reason":"MONTHLY_SPEND_LIMIT_REACHED_FOR_TEXT"}`, message.ErrThrottled, "pinpoint: ServiceQuotaExceededException: spent"},
		{`{"__type":"AccessDeniedException","Message":"734512"}`, nil, "pinpoint: AccessDeniedException"},
	} {
		service := awstest.Serve(t, "sms-voice", func(awstest.Request) (int, string) { return 400, c.answer }, nil)
		err := open(t, Config{Config: awsclient.Config{Endpoint: service.URL}}).Send(t.Context(), sample())
		if err == nil || c.kind != nil && !errors.Is(err, c.kind) || err.Error() != c.shown {
			t.Errorf("%s: %v", c.answer, err)
		}
		if c.kind == nil && (errors.Is(err, message.ErrUndeliverable) || errors.Is(err, message.ErrThrottled)) {
			t.Errorf("%s is final or throttled: %v", c.answer, err)
		}
	}
}

func TestHangs(t *testing.T) {
	done := make(chan struct{})
	service := awstest.Serve(t, "sms-voice", func(awstest.Request) (int, string) { <-done; return 200, "{}" }, nil)
	defer close(done)
	s := open(t, Config{Config: awsclient.Config{Endpoint: service.URL}, Timeout: 100 * time.Millisecond})
	if err := s.Send(t.Context(), sample()); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("hangs: %v", err)
	}
}

func TestNewRefuses(t *testing.T) {
	awstest.Environment(t)
	for name, c := range map[string]Config{
		"timeout": {Timeout: -1}, `"EU"`: {Config: awsclient.Config{Region: "EU"}}, "endpoint": {Config: awsclient.Config{Endpoint: ":"}},
	} {
		if _, err := New(t.Context(), c); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
