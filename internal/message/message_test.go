package message

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
)

func TestMask(t *testing.T) {
	for _, c := range []struct {
		medium   Medium
		in, want string
	}{
		{Email, "jane@example.com", "j***@e***"},
		{Email, "j@e", "j***@e***"},
		{Email, "żółw@świat.pl", "ż***@ś***"},
		{Email, "a@b@c.org", "a***@c***"},
		{Email, "nowhere", "n***"},
		{Email, "@", "***@***"},
		{Email, "\r\nx@y", "***@y***"},
		{Email, "", ""},
		{SMS, "+15555558920", "+*******8920"},
		{SMS, "+4915123459934", "+*********9934"},
		{SMS, "15555558920", "*******8920"},
		{SMS, "+12345", "+*2345"},
		{SMS, "+1234", "+****"},
		{SMS, "+", "+"},
		{SMS, "", ""},
	} {
		if got := Mask(c.medium, c.in); got != c.want {
			t.Errorf("Mask(%s, %q) = %q, want %q", c.medium, c.in, got, c.want)
		}
	}
}

func TestMessageHidesItsSecrets(t *testing.T) {
	m := Message{ID: "m1", PoolID: "us-east-1_a", Medium: Email, Destination: "jane@example.com", Purpose: SignUp,
		Code: "734512", Subject: "734512", Body: "<b>734512</b>"}
	var log bytes.Buffer
	for _, h := range []slog.Handler{slog.NewTextHandler(&log, nil), slog.NewJSONHandler(&log, nil)} {
		slog.New(h).Info("sent", "message", m, "pointer", &m)
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%d", "%x", "%T!%[1]v"} {
		fmt.Fprintf(&log, verb+"\n", m)
		fmt.Fprintf(&log, verb+"\n", &m)
		fmt.Fprintf(&log, verb+"\n", []Message{m})
	}
	fmt.Fprintln(&log, m, errors.New(m.String()))
	for _, hidden := range []string{"734512", "jane@", "example"} {
		if strings.Contains(log.String(), hidden) {
			t.Errorf("%q is shown:\n%s", hidden, log.String())
		}
	}
	for _, shown := range []string{"m1", "us-east-1_a", "SignUp", "EMAIL", "j***@e***"} {
		if !strings.Contains(log.String(), shown) {
			t.Errorf("%q is not shown:\n%s", shown, log.String())
		}
	}
}

// TestValidate covers checklist 23: nothing that would end a header line is handed to a sender.
func TestValidate(t *testing.T) {
	for _, good := range []Message{
		{Medium: Email, Destination: "jane@example.com", Subject: "Zażółć", From: "Jané <a@b>", ReplyTo: "c@d"},
		{Medium: Email, Destination: "a..b+tag@docomo.example"},
		{Medium: Email, Destination: "żółw@świat.example", Body: "a\r\nb"},
		{Medium: SMS, Destination: "+4915123456789", Body: "a\nb"},
	} {
		if err := good.Validate(); err != nil {
			t.Errorf("%s: %v", good.Destination, err)
		}
	}
	for _, bad := range []Message{
		{Destination: "jane@example.com"},
		{Medium: SMS, Destination: "jane@example.com"},
		{Medium: Email, Destination: "+15555550123"},
		{Medium: Email, Destination: "jane@example.com", Body: "\xff"},
		{Medium: Email, Destination: strings.Repeat("a", 250) + "@b.org"},
		{Medium: Email, Destination: "jane@example.com", Subject: "\u202egnp.exe"},
		{Medium: Email, Destination: "jane@example.com", Subject: "Hi\r\nBcc: v@x.test"},
		{Medium: Email, Destination: "jane@example.com", From: "a@b\nBcc: v@x.test"},
		{Medium: Email, Destination: "jane@example.com", ReplyTo: "a@b\r\n\r\nbody"},
		{Medium: Email, Destination: "jane@example.com\r\nBcc:v@x.test"},
		{Medium: Email, Destination: "jane@example.com,v@x.test"},
		{Medium: SMS, Destination: "+٣٤٥٦٧٨٩"},
	} {
		if err := bad.Validate(); !errors.Is(err, ErrUndeliverable) {
			t.Errorf("%s %q: %v", bad.Medium, bad.Destination, err)
		}
	}
}

func TestNowhere(t *testing.T) {
	if err := (Nowhere{}).Send(t.Context(), Message{}); !errors.Is(err, ErrUnsupported) || !errors.Is(err, ErrUndeliverable) {
		t.Error(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := (Nowhere{}).Send(ctx, Message{}); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// The JSON of the inbox shows these values, and other tools read them.
func TestWireValues(t *testing.T) {
	got, _ := json.Marshal([]any{Email, SMS, SignUp, ResendCode, ForgotPassword, UpdateUserAttribute, VerifyUserAttribute, AdminCreateUser, Authentication,
		PasswordChanged, FactorsChanged, EmailChanged, DeviceRemembered})
	want := `["EMAIL","SMS","SignUp","ResendCode","ForgotPassword","UpdateUserAttribute","VerifyUserAttribute","AdminCreateUser","Authentication",` +
		`"PasswordChanged","FactorsChanged","EmailChanged","DeviceRemembered"]`
	if string(got) != want {
		t.Errorf("%s", got)
	}
}
