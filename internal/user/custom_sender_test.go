package user

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"cognate/api/idp"
	"cognate/internal/message"
	"cognate/internal/secret"
	"cognate/internal/trigger"
)

const (
	senderARN = "arn:aws:lambda:us-east-1:123456789012:function:sender"
	senderKey = "arn:aws:kms:us-east-1:123456789012:key/one"
)

// postman runs the functions of a pool that send, and keeps the events and what is reported.
type postman struct {
	fails error
	wait  chan struct{}

	mu      sync.Mutex
	events  []json.RawMessage
	reports []message.Report
}

func (f *postman) Invoke(ctx context.Context, arn string, event []byte) ([]byte, error) {
	f.mu.Lock()
	f.events = append(f.events, bytes.Clone(event))
	f.mu.Unlock()
	if f.wait != nil {
		select {
		case <-f.wait:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	return []byte("nonsense, which counts for nothing"), f.fails
}

func (f *postman) report(_ context.Context, r message.Report) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.reports = append(f.reports, r)
}

// outcomes are those of the reports since it was asked last.
func (f *postman) outcomes() (out []message.Outcome) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, r := range f.reports {
		out = append(out, r.Outcome())
	}
	f.reports = nil
	return out
}

// sealed stands for a code that is sealed.
func sealed(_ context.Context, key, poolID string, code secret.Text) (string, error) {
	return "<" + key + " " + poolID + " " + string(code) + ">", nil
}

// withSenders is an office whose pool has functions that send, and one that would write messages.
func withSenders(o *office, changes ...func(*idp.CreateUserPoolRequest)) (*office, *postman) {
	f := &postman{}
	o = newOfficeIn(o, func(in *idp.CreateUserPoolRequest) {
		in.AutoVerifiedAttributes = []string{"email"}
		in.LambdaConfig = &idp.LambdaConfigType{
			CustomMessage: "arn:aws:lambda:us-east-1:123456789012:function:writer", KMSKeyID: senderKey,
			CustomEmailSender: &idp.CustomEmailLambdaVersionConfigType{LambdaVersion: "V1_0", LambdaArn: senderARN},
			CustomSMSSender:   &idp.CustomSMSLambdaVersionConfigType{LambdaVersion: "V1_0", LambdaArn: senderARN},
		}
		for _, change := range changes {
			change(in)
		}
	})
	o.users.With(Options{Triggers: trigger.New(f, slog.New(slog.DiscardHandler)), Seal: sealed, Report: f.report, Pages: pages, Notify: true})
	return o, f
}

// handedEvent is what the tests read of an event.
type handedEvent struct {
	Source   string `json:"triggerSource"`
	UserName string `json:"userName"`
	Caller   struct {
		Client string `json:"clientId"`
	} `json:"callerContext"`
	Request struct {
		Type       string            `json:"type"`
		Code       *string           `json:"code"`
		Metadata   map[string]string `json:"clientMetadata"`
		Attributes map[string]string `json:"userAttributes"`
	} `json:"request"`
}

// take is the events since it was asked last, ordered by their sources.
func (f *postman) take(o *office) (out []handedEvent) {
	o.Helper()
	o.users.Wait()
	for _, text := range f.events {
		var e handedEvent
		o.must(json.Unmarshal(text, &e))
		out = append(out, e)
	}
	slices.SortFunc(out, func(a, b handedEvent) int { return strings.Compare(a.Source, b.Source) })
	f.events = nil
	return out
}

// code is the code of an event, which must be sealed by the pool's key for the pool.
func (e handedEvent) code(o *office) string {
	o.Helper()
	if e.Request.Code == nil {
		o.Fatalf("%s has no code", e.Source)
	}
	code, ok := strings.CutPrefix(*e.Request.Code, "<"+senderKey+" "+o.pool.ID+" ")
	if !ok {
		o.Errorf("%s: the code is %s", e.Source, *e.Request.Code)
	}
	return strings.TrimSuffix(code, ">")
}

// TestCustomSenders has functions send the messages of every purpose, with codes that are good; the server sends none of them.
func TestCustomSenders(t *testing.T) {
	onEngines(t, func(o *office) {
		o, f := withSenders(o)
		c := o.client(nil)
		k := map[string]string{"k": "v"}
		const to, sms = "ann@example.com", "+15555550123"
		event := func(source string, do func() error) handedEvent {
			t.Helper()
			o.must(do())
			got := f.take(o)
			if len(got) != 1 || got[0].Source != source {
				t.Fatalf("%s: called %+v", source, got)
			}
			if outcomes := f.outcomes(); !slices.Equal(outcomes, []message.Outcome{message.Pending, message.Sent}) {
				t.Errorf("%s: reported %v", source, outcomes)
			}
			return got[0]
		}
		first := event("CustomEmailSender_SignUp", func() error {
			out, err := o.users.SignUp(t.Context(), o.pool, c, &idp.SignUpRequest{Username: "ann", Password: good, UserAttributes: attributeList(map[string]string{"email": to, "phone_number": sms}), ClientMetadata: k})
			if err == nil && out.CodeDeliveryDetails.Destination != "a***@e***" {
				t.Errorf("details %+v", out.CodeDeliveryDetails)
			}
			return err
		})
		u := o.find("ann")
		if r := first.Request; r.Type != "customEmailSenderRequestV1" || first.UserName != "ann" || first.Caller.Client != c.ID || r.Metadata["k"] != "v" ||
			r.Attributes["email"] != to || r.Attributes["sub"] != u.Sub || r.Attributes["cognito:user_status"] != "UNCONFIRMED" || len(first.code(o)) != 6 {
			t.Errorf("%+v", first)
		}
		resent := event("CustomEmailSender_ResendCode", func() error {
			_, err := o.users.ResendConfirmationCode(t.Context(), o.pool, c, &idp.ResendConfirmationCodeRequest{Username: "ann", ClientMetadata: k})
			return err
		})
		o.must(o.confirm(c, "ann", resent.code(o), false))
		reset := event("CustomEmailSender_ForgotPassword", func() error { _, err := o.forgot(c, "ann"); return err })
		o.must(o.reset(c, "ann", reset.code(o), good))
		if got := f.take(o); len(got) != 0 {
			t.Errorf("a notice went to %+v", got)
		}
		if got := o.notified(to); !slices.Equal(got, []message.Purpose{message.PasswordChanged}) {
			t.Errorf("noticed %v", got)
		}
		changed := event("CustomEmailSender_UpdateUserAttribute", func() error {
			_, err := o.edit(c, "ann", map[string]string{"email": "new@example.com"})
			return err
		})
		if changed.Request.Attributes["email"] != "new@example.com" {
			t.Errorf("changed: %+v", changed)
		}
		o.must(o.verify(c, "ann", "email", changed.code(o)))
		verifying := event("CustomSMSSender_VerifyUserAttribute", func() error {
			_, err := o.users.SendVerification(t.Context(), o.self(c, "ann"), "phone_number")
			return err
		})
		if r := verifying.Request; r.Type != "customSMSSenderRequestV1" || r.Attributes["phone_number"] != sms {
			t.Errorf("%+v", verifying)
		}
		o.must(o.verify(c, "ann", "phone_number", verifying.code(o)))
		signIn := func(attr, address, link string) func() error {
			return func() error {
				_, err := o.users.SendSignInCode(t.Context(), o.pool, c, o.find("ann"), SignInCode{Flow: "f", Attr: attr, Address: address, Digits: 8, Lifetime: time.Minute, Link: link})
				return err
			}
		}
		if e := event("CustomSMSSender_Authentication", signIn("phone_number", sms, "")); len(e.code(o)) != 8 || e.Request.Metadata != nil {
			t.Errorf("%+v", e)
		}
		if e := event("CustomEmailSender_Authentication", signIn("email", "new@example.com", "https://p.test/x?a=b&c=d")); !strings.HasPrefix(e.code(o), "https://p.test/x?a=b&c=d&link=") {
			t.Errorf("a link: %s", e.code(o))
		}
		o.notified(to)
		for _, m := range o.inbox.Messages("") {
			if _, notice := notices[m.Purpose]; !notice {
				t.Errorf("the server has sent %v", m)
			}
		}
	})
}

// TestCustomSenderEvent is a whole event, to the byte.
func TestCustomSenderEvent(t *testing.T) {
	onEngines(t, func(o *office) {
		o, f := withSenders(o)
		c := o.client(nil)
		out, err := o.signUp(c, "ann", map[string]string{"email": "ann@example.com"})
		o.must(err)
		o.users.Wait()
		code := strings.Split(string(f.events[0]), `"code":"`)[1]
		code = code[:strings.Index(code, `"`)]
		want := `{"version":"1","triggerSource":"CustomEmailSender_SignUp","region":"us-east-1","userPoolId":"` + o.pool.ID + `","userName":"ann",` +
			`"callerContext":{"awsSdkVersion":"aws-sdk-unknown-unknown","clientId":"` + c.ID + `"},"request":{"type":"customEmailSenderRequestV1","code":"` + code +
			`","clientMetadata":null,"userAttributes":{"cognito:user_status":"UNCONFIRMED","email":"ann@example.com","email_verified":"false","sub":"` + out.UserSub + `"}},"response":{}}`
		if got := string(f.events[0]); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	})
}

// TestCustomSenderInvitations escapes temporary passwords for e-mail alone, names the user by its own name, and has no code where
// there is no password.
func TestCustomSenderInvitations(t *testing.T) {
	onEngines(t, func(o *office) {
		o, f := withSenders(o, usernames("email"), func(in *idp.CreateUserPoolRequest) {
			in.Policies.SignInPolicy = &idp.SignInPolicyType{AllowedFirstAuthFactors: []string{"PASSWORD", "EMAIL_OTP"}}
		})
		invite := func(name, password string, media ...string) []handedEvent {
			_, err := o.users.AdminCreate(t.Context(), o.pool, &idp.AdminCreateUserRequest{Username: name, TemporaryPassword: password, DesiredDeliveryMediums: media,
				UserAttributes: attributeList(map[string]string{"phone_number": "+15555550123"}), ClientMetadata: map[string]string{"k": "v"}})
			o.must(err)
			return f.take(o)
		}
		got := invite("ann@example.com", "Temp<0>rary&", "EMAIL", "SMS")
		if len(got) != 2 || got[0].Source != "CustomEmailSender_AdminCreateUser" || got[1].Source != "CustomSMSSender_AdminCreateUser" {
			t.Fatalf("called %+v", got)
		}
		u := o.find("ann@example.com")
		if got[0].code(o) != "Temp&lt;0&gt;rary&" || got[1].code(o) != "Temp<0>rary&" || got[0].UserName != u.Sub ||
			got[0].Caller.Client != "CLIENT_ID_NOT_APPLICABLE" || got[0].Request.Metadata["k"] != "v" {
			t.Errorf("%+v", got)
		}
		if got := invite("bob@example.com", "", "EMAIL"); len(got) != 1 || got[0].Request.Code != nil {
			t.Errorf("without a password: %+v", got)
		}
	})
}

// TestCustomSenderFails calls a function three times that fails, and fails nothing else; no report shows the code.
func TestCustomSenderFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o, f := withSenders(newOffice(t, nil))
		defer func() { o.must(o.db.Close()) }()
		c := o.client(nil)
		f.fails = &trigger.Thrown{Type: "Error", Message: "cannot send to ann@example.com"}
		_, err := o.signUp(c, "ann", map[string]string{"email": "ann@example.com"})
		o.must(err)
		if got := f.take(o); len(got) != 3 {
			t.Errorf("called %d times", len(got))
		}
		last := f.reports[1]
		if got := f.outcomes(); !slices.Equal(got, []message.Outcome{message.Pending, message.Broken}) || last.Err.Error() != "function: Error: cannot send to a***@e***" {
			t.Errorf("reported %v: %v", got, last.Err)
		}
		o.users.options.Seal = func(_ context.Context, _, _ string, code secret.Text) (string, error) {
			return "", errors.New("no key for " + string(code))
		}
		_, err = o.users.ResendConfirmationCode(t.Context(), o.pool, c, &idp.ResendConfirmationCodeRequest{Username: "ann"})
		o.must(err)
		if got := f.take(o); len(got) != 0 || f.reports[1].Err.Error() != "function" {
			t.Errorf("called %+v, reported %v", got, f.reports[1].Err)
		}
		f.outcomes()
		o.users.options.Seal, f.fails, f.wait = sealed, nil, make(chan struct{})
		start := time.Now()
		_, err = o.users.ResendConfirmationCode(t.Context(), o.pool, c, &idp.ResendConfirmationCodeRequest{Username: "ann"})
		o.must(err)
		if waited := time.Since(start); waited > time.Second {
			t.Errorf("the answer took %s", waited)
		}
		o.users.Wait()
		if got := f.outcomes(); !slices.Equal(got, []message.Outcome{message.Pending, message.TimedOut}) || time.Since(start) > postTimeout+time.Second {
			t.Errorf("reported %v after %s", got, time.Since(start))
		}
	})
}

// TestCustomSenderIsBounded refuses what there is no place for, as a message that cannot be delivered, and takes it when there is.
func TestCustomSenderIsBounded(t *testing.T) {
	o, f := withSenders(newOffice(t, nil))
	o.users.handedOver = make(chan struct{}, 1)
	f.wait = make(chan struct{})
	c := o.client(nil)
	_, err := o.signUp(c, "ann", map[string]string{"email": "ann@example.com"})
	o.must(err)
	_, err = o.signUp(c, "bob", map[string]string{"email": "bob@example.com"})
	wantFault(t, err, "CodeDeliveryFailureException", "Unable to deliver the message.")
	close(f.wait)
	o.users.Wait() // the first is not lost
	if got := f.outcomes(); !slices.Equal(got, []message.Outcome{message.Pending, message.Throttled, message.Sent}) {
		t.Errorf("reported %v", got)
	}
	_, err = o.users.ResendConfirmationCode(t.Context(), o.pool, c, &idp.ResendConfirmationCodeRequest{Username: "bob"})
	o.must(err)
	if got := f.take(o); len(got) != 2 {
		t.Errorf("called %+v", got)
	}
}

// failing is a sender that fails a number of times.
type failing struct {
	message.Sender
	err  error
	mu   sync.Mutex
	left int
}

func (f *failing) Send(ctx context.Context, m message.Message) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.left > 0 {
		f.left--
		return f.err
	}
	return f.Sender.Send(ctx, m)
}

// TestUnsentCostsNothing lets a user ask again whose messages were refused or throttled, and counts those that may have gone out.
func TestUnsentCostsNothing(t *testing.T) {
	onEngines(t, func(o *office) {
		o = newOfficeIn(o, verifiesEmail)
		c, hides := o.client(nil), o.client(discreet)
		sender := &failing{Sender: o.inbox}
		o.users.sender = sender
		o.signedUp(c, "new", map[string]string{"email": "new@example.com"})
		o.reachable("old", "old@example.com", "")
		resend := func() error {
			_, err := o.users.ResendConfirmationCode(t.Context(), o.pool, c, &idp.ResendConfirmationCodeRequest{Username: "new"})
			return err
		}
		forgot := func() error { _, err := o.forgot(c, "old"); return err }
		verify := func() error { _, err := o.users.SendVerification(t.Context(), o.self(c, "old"), "email"); return err }
		for name, way := range map[string]func() error{"ResendConfirmationCode": resend, "ForgotPassword": forgot, "GetUserAttributeVerificationCode": verify} {
			sender.left = 12
			for i := range 12 {
				sender.err = []error{message.ErrUndeliverable, message.ErrThrottled, errDown}[i%3]
				wantFault(t, way(), "CodeDeliveryFailureException", "Unable to deliver the message.")
			}
			o.must(way())
			sender.left, sender.err = 4, context.DeadlineExceeded
			for range 4 {
				wantFault(t, way(), "CodeDeliveryFailureException", "Unable to deliver the message.")
			}
			if err := way(); err == nil {
				t.Errorf("%s: messages that may have gone out cost nothing", name)
			}
			sender.left = 0
		}
		sender.left, sender.err = 1, message.ErrThrottled
		_, err := o.signUp(c, "late", map[string]string{"email": "late@example.com"})
		wantFault(t, err, "CodeDeliveryFailureException", "Unable to deliver the message.")
		_, err = o.users.ResendConfirmationCode(t.Context(), o.pool, c, &idp.ResendConfirmationCodeRequest{Username: "late"})
		o.must(err)
		o.must(o.confirm(c, "late", o.code("late@example.com"), false))
		sender.left, sender.err = 12, message.ErrUndeliverable
		o.reachable("hidden", "hidden@example.com", "")
		for i := range 6 { // as for a name that nobody has
			_, known := o.forgot(hides, "hidden")
			_, unknown := o.forgot(hides, "nobody")
			if (known == nil) != (i < 5) || (unknown == nil) != (i < 5) {
				t.Errorf("hidden, time %d: %v, %v", i, known, unknown)
			}
		}
	})
}

// TestRoutes reads what pools say about how their messages go.
func TestRoutes(t *testing.T) {
	plain := newOffice(t, nil)
	own := newOfficeIn(plain, func(in *idp.CreateUserPoolRequest) {
		in.EmailConfiguration = &idp.EmailConfigurationType{EmailSendingAccount: "DEVELOPER", SourceArn: "arn:aws:ses:us-east-1:123456789012:identity/a.example", From: "a@a.example", ReplyToEmailAddress: "r@a.example", ConfigurationSet: "set"}
		in.SmsConfiguration = &idp.SmsConfigurationType{SnsCallerArn: "arn:aws:iam::123456789012:role/sms", ExternalId: "external", SnsRegion: "us-west-2"}
	})
	third := newOfficeIn(plain, func(in *idp.CreateUserPoolRequest) {
		in.SmsConfiguration = &idp.SmsConfigurationType{EumsSms: &idp.EumsSmsConfigurationType{CallerArn: "arn:aws:iam::123456789012:role/eums", ExternalId: "e", OriginationIdentity: "o", ConfigurationSetName: "c", InEntityId: "i", InTemplateId: "t", Region: "us-west-2"}}
	})
	for _, c := range []struct {
		of   *office
		by   message.Medium
		want message.Route
	}{
		{plain, message.Email, message.Route{}},
		{plain, message.SMS, message.Route{}},
		{own, message.Email, message.Route{Service: message.SES, Identity: "arn:aws:ses:us-east-1:123456789012:identity/a.example", ConfigurationSet: "set"}},
		{own, message.SMS, message.Route{Service: message.SNS, Role: "arn:aws:iam::123456789012:role/sms", ExternalID: "external", Region: "us-west-2"}},
		{third, message.SMS, message.Route{Service: message.Pinpoint, Role: "arn:aws:iam::123456789012:role/eums", ExternalID: "e", Region: "us-west-2", ConfigurationSet: "c", Origination: "o", EntityID: "i", TemplateID: "t"}},
	} {
		if got := route(c.of.pool, c.by); got != c.want {
			t.Errorf("%s: %+v", c.by, got)
		}
	}
}
