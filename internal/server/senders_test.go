package server

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"log/slog"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net"
	"net/http"
	"net/http/httptest"
	"net/mail"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-sasl"
	gosmtp "github.com/emersion/go-smtp"

	"cognate/internal/awsclient/awstest"
	"cognate/internal/sigv4"
)

// mailbox is a mail server that keeps the texts it is given, by their destinations.
type mailbox struct {
	port    int
	refuses string // a destination that it does not take

	mu    sync.Mutex
	texts map[string]string
}

func serveMail(t *testing.T) *mailbox {
	t.Helper()
	b := &mailbox{texts: map[string]string{}}
	s := gosmtp.NewServer(gosmtp.BackendFunc(func(*gosmtp.Conn) (gosmtp.Session, error) { return &mailing{box: b}, nil }))
	s.Domain, s.AllowInsecureAuth, s.ErrorLog = "localhost", true, log.New(io.Discard, "", 0)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	b.port = l.Addr().(*net.TCPAddr).Port
	go s.Serve(l)
	t.Cleanup(func() { s.Close() })
	return b
}

// mailing is a mail as it comes in.
type mailing struct {
	box *mailbox
	to  string
}

func (m *mailing) AuthMechanisms() []string { return []string{sasl.Plain} }

func (m *mailing) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, user, password string) error {
		if user != "mailer" || password != accessSecret {
			return errors.New("wrong password")
		}
		return nil
	}), nil
}

func (m *mailing) Mail(string, *gosmtp.MailOptions) error { return nil }

func (m *mailing) Rcpt(to string, _ *gosmtp.RcptOptions) error {
	if m.to = to; to == m.box.refuses {
		return &gosmtp.SMTPError{Code: 550, Message: "no such user here"}
	}
	return nil
}

func (m *mailing) Data(r io.Reader) error {
	text, err := plainPart(r)
	if err != nil {
		return err
	}
	m.box.mu.Lock()
	defer m.box.mu.Unlock()
	m.box.texts[m.to] = text
	return nil
}

func (m *mailing) Reset()        { m.to = "" }
func (m *mailing) Logout() error { return nil }

// plainPart is what a mail program without HTML shows.
func plainPart(r io.Reader) (string, error) {
	m, err := mail.ReadMessage(r)
	if err != nil {
		return "", err
	}
	_, params, err := mime.ParseMediaType(m.Header.Get("Content-Type"))
	if err != nil {
		return "", err
	}
	part, err := multipart.NewReader(m.Body, params["boundary"]).NextRawPart()
	if err != nil {
		return "", err
	}
	text, err := io.ReadAll(quotedprintable.NewReader(part))
	return string(text), err
}

// code is the code of a mail.
func (b *mailbox) code(t *testing.T, to string) string {
	t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	code := regexp.MustCompile(`\d{6,8}`).FindString(b.texts[to])
	if code == "" {
		t.Fatalf("no code came to %s: %q", to, b.texts)
	}
	return code
}

// admin calls a production server, with its access key.
type admin struct {
	*testing.T
	url string
}

func (a admin) call(op, format string, args ...any) (int, string) {
	a.Helper()
	body := fmt.Sprintf(format, args...)
	return call(a.T, a.url, op, body, func(r *http.Request) {
		sigv4.Sign(r, []byte(body), "AKIATEST", accessSecret, "us-east-1", "cognito-idp", time.Now())
	})
}

// must is what is answered with a status of 200.
func (a admin) must(op, format string, args ...any) (out struct {
	UserPool             struct{ Id string }
	UserPoolClient       struct{ ClientId string }
	Session              string
	ChallengeName        string
	AuthenticationResult struct{ AccessToken string }
	UserAttributes       []struct{ Name, Value string }
}) {
	a.Helper()
	status, text := a.call(op, format, args...)
	if err := json.Unmarshal([]byte(text), &out); err != nil || status != 200 {
		a.Fatalf("%s: %d %s", op, status, text)
	}
	return out
}

// pool makes a pool, with settings, and a client that signs in by codes.
func (a admin) pool(settings string) (pool, client string) {
	a.Helper()
	pool = a.must("CreateUserPool", `{"PoolName":"p","AutoVerifiedAttributes":["email"],
		"Policies":{"SignInPolicy":{"AllowedFirstAuthFactors":["PASSWORD","EMAIL_OTP","SMS_OTP"]}}%s}`, settings).UserPool.Id
	return pool, a.must("CreateUserPoolClient", `{"UserPoolId":%q,"ClientName":"c","ExplicitAuthFlows":["ALLOW_USER_AUTH"]}`, pool).UserPoolClient.ClientId
}

// TestMailSignsIn has a user sign up and in by codes that come by mail, by a server without an inbox, and looks at what is logged and
// counted of that (checklist 62).
func TestMailSignsIn(t *testing.T) {
	box := serveMail(t)
	box.refuses = "nobody@example.com"
	c := production(t)
	c.SMTP = &SMTP{Host: "127.0.0.1", Port: box.port, From: "Cognate <no-reply@id.example.com>", TLS: "none", Username: "mailer", PasswordFile: file(t, "password", accessSecret)}
	const token = "a token for whoever reads the counts"
	c.Metrics = &Metrics{SecretFile: file(t, "token", token)}
	var logged bytes.Buffer
	s := start(t, c, &logged)
	a := admin{t, s.URL()}
	_, client := a.pool("")
	a.must("SignUp", `{"ClientId":%q,"Username":"ann","Password":"Corr3ct-Horse!","UserAttributes":[{"Name":"email","Value":"ann@example.com"}]}`, client)
	first := box.code(t, "ann@example.com")
	a.must("ConfirmSignUp", `{"ClientId":%q,"Username":"ann","ConfirmationCode":%q}`, client, first)
	begun := a.must("InitiateAuth", `{"ClientId":%q,"AuthFlow":"USER_AUTH","AuthParameters":{"USERNAME":"ann","PREFERRED_CHALLENGE":"EMAIL_OTP"}}`, client)
	second := box.code(t, "ann@example.com")
	done := a.must("RespondToAuthChallenge", `{"ClientId":%q,"ChallengeName":%q,"Session":%q,"ChallengeResponses":{"USERNAME":"ann","EMAIL_OTP_CODE":%q}}`, client, begun.ChallengeName, begun.Session, second)
	me := a.must("GetUser", `{"AccessToken":%q}`, done.AuthenticationResult.AccessToken)
	if first == second || len(me.UserAttributes) == 0 {
		t.Errorf("codes %s and %s, signed in as %v", first, second, me)
	}
	status, text := a.call("SignUp", `{"ClientId":%q,"Username":"bob","Password":"Corr3ct-Horse!","UserAttributes":[{"Name":"email","Value":"nobody@example.com"}]}`, client)
	if status != 400 || !strings.Contains(text, `"__type":"CodeDeliveryFailureException","message":"Unable to deliver the message."`) {
		t.Errorf("refused: %d %s", status, text)
	}
	counts := get(t, s.URL()+metricsPath, "Bearer "+token, 200)
	for _, line := range []string{
		`cognate_messages_total{medium="EMAIL",purpose="Authentication",sender="smtp",outcome="sent"} 1`,
		`cognate_messages_total{medium="EMAIL",purpose="SignUp",sender="smtp",outcome="sent"} 1`,
		`cognate_messages_total{medium="EMAIL",purpose="SignUp",sender="smtp",outcome="refused"} 1`,
	} {
		if !strings.Contains(counts, line+"\n") {
			t.Errorf("the counts lack %s:\n%s", line, counts)
		}
	}
	for _, given := range []string{"", "Bearer ", "Bearer wrong", "Basic " + token} {
		get(t, s.URL()+metricsPath, given, 401)
	}
	for _, line := range []string{`msg="message sent" .*message.purpose=SignUp message.medium=EMAIL message.destination=a\*\*\*@e\*\*\* sender=smtp outcome=sent`,
		`msg="message not sent" .*message.destination=n\*\*\*@e\*\*\* sender=smtp outcome=refused .*error="smtp: .* recipient: the server answered 550 .*"`} {
		if !regexp.MustCompile(line).Match(logged.Bytes()) {
			t.Errorf("the log lacks %s:\n%s", line, logged.String())
		}
	}
	for _, secret := range []string{first, second, "ann@example", "nobody@", accessSecret, token} {
		if strings.Contains(logged.String(), secret) {
			t.Errorf("the log shows %s:\n%s", secret, logged.String())
		}
	}
}

// get is what is answered to whoever gives an Authorization.
func get(t *testing.T, url, authorization string, want int) string {
	t.Helper()
	r, err := http.NewRequest("GET", url, nil)
	if err != nil {
		t.Fatal(err)
	}
	if authorization != "" {
		r.Header.Set("Authorization", authorization)
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != want {
		t.Errorf("%s: %d, want %d: %v", url, answer.StatusCode, want, err)
	}
	return string(text)
}

// TestMetricsAreClosed: without a secret nobody reads them in production, and everybody in development.
func TestMetricsAreClosed(t *testing.T) {
	get(t, start(t, production(t), io.Discard).URL()+metricsPath, "", 404)
	dev := start(t, Config{Dev: true, Addr: "127.0.0.1:0", Data: ":memory:"}, io.Discard)
	call(t, dev.URL(), "SignUp", `{"ClientId":"1example23456789","Username":"ann","Password":"Corr3ct-Horse!","UserAttributes":[{"Name":"email","Value":"ann@example.com"}]}`, nil)
	if got := get(t, dev.URL()+metricsPath, "", 200); !strings.Contains(got, `{medium="EMAIL",purpose="SignUp",sender="inbox",outcome="sent"} 1`) {
		t.Errorf("counted %s", got)
	}
	if got := get(t, dev.URL()+"/_cognate/inbox.json", "", 200); !strings.Contains(got, `"status":"sent","error":""`) {
		t.Errorf("the inbox has %s", got)
	}
}

// TestSendersOfPools sends by the service that a pool names, where it is configured, and else by the server's own sender.
func TestSendersOfPools(t *testing.T) {
	ses := awstest.Serve(t, "ses", func(awstest.Request) (int, string) { return 200, `{}` }, nil)
	sns := awstest.Serve(t, "sns", func(awstest.Request) (int, string) {
		return 200, `<PublishResponse><PublishResult><MessageId>1</MessageId></PublishResult></PublishResponse>`
	}, nil)
	pinpoint := awstest.Serve(t, "sms-voice", func(awstest.Request) (int, string) { return 200, `{}` }, nil)
	var texts []string
	own := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.ParseForm()
		texts = append(texts, r.Form.Get("To"))
		w.WriteHeader(201)
	}))
	defer own.Close()
	box := serveMail(t)
	c := production(t)
	c.SMTP = &SMTP{Host: "127.0.0.1", Port: box.port, From: "no-reply@id.example.com", TLS: "none"}
	c.Email.SES = &SES{Endpoint: ses.URL}
	c.SMS = SMS{Sender: "twilio", SNS: &SNS{Endpoint: sns.URL}, Pinpoint: &Pinpoint{Endpoint: pinpoint.URL},
		Twilio: &Twilio{AccountSID: "AC0123456789abcdef0123456789abcdef", TokenFile: file(t, "token", "word"), From: "+15555550000", Endpoint: own.URL}}
	a := admin{t, start(t, c, io.Discard).URL()}
	const email = `,"EmailConfiguration":{"EmailSendingAccount":"DEVELOPER","SourceArn":"arn:aws:ses:us-west-2:123456789012:identity/a.example","From":"Pool <pool@a.example>","ReplyToEmailAddress":"help@a.example","ConfigurationSet":"set"}`
	for _, tt := range []struct {
		settings string
		ses      int // how many mails and texts each has sent after this pool
		sns      int
		pinpoint int
		own      int
	}{
		{"", 0, 0, 0, 1},
		{email, 1, 0, 0, 2},
		{`,"SmsConfiguration":{"SnsCallerArn":"arn:aws:iam::123456789012:role/sms","ExternalId":"external","SnsRegion":"us-west-2"}`, 1, 1, 0, 2},
		{`,"SmsConfiguration":{"EumsSms":{"CallerArn":"arn:aws:iam::123456789012:role/sms","OriginationIdentity":"+15555550001"}}`, 1, 1, 1, 2},
	} {
		pool, _ := a.pool(tt.settings)
		a.must("AdminCreateUser", `{"UserPoolId":%q,"Username":"ann","TemporaryPassword":"Temp0rary-Horse!","DesiredDeliveryMediums":["EMAIL","SMS"],"UserAttributes":[{"Name":"email","Value":"ann@example.com"},{"Name":"phone_number","Value":"+15555550123"}]}`, pool)
		if len(ses.All()) != tt.ses || len(sns.All()) != tt.sns || len(pinpoint.All()) != tt.pinpoint || len(texts) != tt.own {
			t.Errorf("%s: %d by ses, %d by sns, %d by pinpoint, %d by twilio", tt.settings, len(ses.All()), len(sns.All()), len(pinpoint.All()), len(texts))
		}
		if _, mailed := box.texts["ann@example.com"]; mailed == (tt.settings == email) {
			t.Errorf("%s: mailed: %v", tt.settings, mailed)
		}
		clear(box.texts)
	}
	sent := ses.Last(t)
	for _, want := range []string{`\"Pool\" <pool@a.example>`, `<help@a.example>`, `"ConfigurationSetName":"set"`, `identity/a.example`} {
		if sent.Region != "us-west-2" || !strings.Contains(string(sent.Body), want) {
			t.Errorf("by ses, for %s, without %s: %s", sent.Region, want, sent.Body)
		}
	}
	if form, err := url.ParseQuery(string(sns.Last(t).Body)); err != nil || form.Get("PhoneNumber") != "+15555550123" || sns.Last(t).Region != "us-west-2" {
		t.Errorf("by sns: %v, %v", form, err)
	}
	if got := string(pinpoint.Last(t).Body); !strings.Contains(got, `"OriginationIdentity":"+15555550001"`) {
		t.Errorf("by pinpoint: %s", got)
	}
}

// TestNoSender: without senders nothing can be sent, and a user is told so at once.
func TestNoSender(t *testing.T) {
	a := admin{t, start(t, production(t), io.Discard).URL()}
	for _, settings := range []string{"", `,"EmailConfiguration":{"EmailSendingAccount":"DEVELOPER","SourceArn":"arn:aws:ses:us-west-2:123456789012:identity/a.example"}`} {
		_, client := a.pool(settings)
		status, text := a.call("SignUp", `{"ClientId":%q,"Username":"ann","Password":"Corr3ct-Horse!","UserAttributes":[{"Name":"email","Value":"ann@example.com"}]}`, client)
		if status != 400 || !strings.Contains(text, "CodeDeliveryFailureException") {
			t.Errorf("%s: %d %s", settings, status, text)
		}
	}
}

// TestSenderRefusals names the member that is wrong, and shows no secret.
func TestSenderRefusals(t *testing.T) {
	awstest.Environment(t)
	t.Setenv("OWN", "word-that-is-secret")
	for text, want := range map[string]string{
		"email: {sender: pigeon}\n":                                                                        `email.sender: "pigeon" is not one of ses, smtp, webhook`,
		"email: {sender: smtp}\n":                                                                          "smtp is missing: email.sender is smtp",
		"email: {sender: webhook}\n":                                                                       "email.webhook is missing",
		"email: {ses: {}}\n":                                                                               "email.sender is missing",
		"email: {sender: ses}\nsmtp: {host: a, from: a@b.c}\n":                                             "smtp is not used: email.sender is ses",
		"email: {sender: ses, ses: {from: nobody}}\n":                                                      `email.ses: from "nobody" is not an address`,
		"email: {sender: ses, ses: {region: EU}}\n":                                                        `email.ses: "EU" is not a region`,
		"email: {sender: ses, ses: {endpoint: x}}\n":                                                       "email.ses: the endpoint is not a URL",
		"email: {sender: webhook, webhook: {url: \"http://a\"}}":                                           "email.webhook: name either a file or an environment variable",
		"email: {sender: webhook, webhook: {url: \"http://a.example\", secret_env: OWN}}":                  "email.webhook: the url is not https",
		"email: {sender: webhook, webhook: {url: \"https://a.example\", secret_env: OWN}}":                 "email.webhook: the secret is not",
		"email: {sender: webhook, webhook: {url: \"https://a.example\", secret_env: OWN, networks: [x]}}":  "email.webhook: networks",
		"email: {pigeon: {}}\n":                                                                            "[1:",
		"sms: {sender: pigeon}":                                                                            `sms.sender: "pigeon" is not one of pinpoint, sns, twilio, webhook`,
		"sms: {sender: twilio}":                                                                            "sms.twilio is missing: sms.sender is twilio",
		"sms: {sns: {}}":                                                                                   "sms.sender is missing",
		"sms: {sender: sns, twilio: {account_sid: x}}":                                                     "sms.twilio is not used: sms.sender is sns",
		"sms: {sender: sns, sns: {sender_id: \"a b\"}}":                                                    "sms.sns: sender_id",
		"sms: {sender: pinpoint, pinpoint: {region: EU}}":                                                  `sms.pinpoint: "EU" is not a region`,
		"sms: {sender: twilio, twilio: {account_sid: x}}":                                                  "sms.twilio: the token: name either",
		"sms: {sender: twilio, twilio: {account_sid: x, token_env: OWN}}":                                  "sms.twilio: account_sid",
		"sms: {sender: twilio, twilio: {account_sid: AC0123456789abcdef0123456789abcdef, token_env: OWN}}": "sms.twilio: name either from or messaging_service_sid",
		"custom_senders: {kms: {region: EU}}":                                                              `custom_senders.kms: "EU" is not a region`,
		"custom_senders: {keys: {x: {secret_env: OWN}}}":                                                   "custom_senders.keys: x: neither the ARN of a key nor *",
		"custom_senders: {keys: {\"*\": {secret_env: OWN}}}":                                               "custom_senders.keys: *: the key is not 32 bytes",
		"custom_senders: {keys: {\"*\": {}}}":                                                              "custom_senders.keys: *: name either",
		"metrics: {secret_env: NOTHING_AT_ALL}":                                                            "metrics: the environment variable",
		"metrics: {secret_env: OWN}":                                                                       "metrics: the secret is shorter",
	} {
		c, err := ReadConfig(file(t, "c.yaml", text))
		if err == nil {
			good := production(t)
			good.SMTP, good.Email, good.SMS, good.CustomSenders, good.Metrics = c.SMTP, c.Email, c.SMS, c.CustomSenders, c.Metrics
			var s *Server
			if s, err = Start(t.Context(), good, Options{Logger: slog.New(slog.DiscardHandler)}); err == nil {
				s.Close()
			}
		}
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "word-that") {
			t.Errorf("%s: %v; want %s", text, err, want)
		}
	}
	t.Setenv("AWS_REGION", "")
	c := production(t)
	c.SMS.Sender = "sns"
	if _, err := Start(t.Context(), c, Options{Logger: slog.New(slog.DiscardHandler)}); err == nil || !strings.Contains(err.Error(), "sms.sns: the region is missing") {
		t.Errorf("without a region: %v", err)
	}
}

// TestSealer takes the local key where there is one, and KMS else.
func TestSealer(t *testing.T) {
	const arn = "arn:aws:kms:us-east-1:123456789012:key/one"
	service := awstest.Serve(t, "kms", func(awstest.Request) (int, string) {
		return 200, `{"KeyId":"` + arn + `","Plaintext":"` + base64.StdEncoding.EncodeToString(make([]byte, 32)) + `","CiphertextBlob":"d3JhcHBlZA=="}`
	}, nil)
	key := SenderKey{SecretFile: file(t, "key", strings.Repeat("07", 32))}
	for name, tt := range map[string]struct {
		keys map[string]SenderKey
		want string // the provider of the key, in the message
	}{
		"kms": {nil, "aws-kms"}, "another": {map[string]SenderKey{arn + "2": key}, "aws-kms"},
		"local": {map[string]SenderKey{arn: key}, "cognate"}, "any": {map[string]SenderKey{"*": key}, "cognate"},
	} {
		seal, err := (&CustomSenders{KMS: KMS{Endpoint: service.URL}, Keys: tt.keys}).sealer()
		if err != nil {
			t.Fatal(err)
		}
		text, err := seal(t.Context(), arn, "us-east-1_a", "734512")
		if err != nil {
			t.Fatal(err)
		}
		sealed, err := base64.StdEncoding.DecodeString(text)
		if err != nil || !bytes.Contains(sealed, []byte(tt.want)) || !bytes.Contains(sealed, []byte("userpool-id")) || !bytes.Contains(sealed, []byte(arn)) || bytes.Contains(sealed, []byte("734512")) {
			t.Errorf("%s: %q, %v", name, sealed, err)
		}
	}
}

// TestStopWaitsForFunctions: a message that is with a function when the server is told to stop is not lost.
func TestStopWaitsForFunctions(t *testing.T) {
	started, arrived := make(chan struct{}, 1), ""
	function := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		started <- struct{}{}
		time.Sleep(300 * time.Millisecond)
		text, _ := io.ReadAll(r.Body)
		arrived = string(text)
		io.WriteString(w, "{}")
	}))
	defer function.Close()
	s, err := Start(t.Context(), Config{
		Dev: true, Addr: "127.0.0.1:0", Data: ":memory:",
		Functions:     Functions{"*": {Webhook: &Webhook{URL: function.URL, SecretFile: file(t, "secret", webhookSecret)}}},
		CustomSenders: CustomSenders{Keys: map[string]SenderKey{"*": {SecretFile: file(t, "key", strings.Repeat("07", 32))}}},
	}, Options{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	a := admin{t, s.URL()}
	_, client := a.pool(`,"LambdaConfig":{"KMSKeyID":"arn:aws:kms:us-east-1:000000000000:key/one","CustomEmailSender":{"LambdaVersion":"V1_0","LambdaArn":"arn:aws:lambda:us-east-1:000000000000:function:f"}}`)
	a.must("SignUp", `{"ClientId":%q,"Username":"ann","Password":"Corr3ct-Horse!","UserAttributes":[{"Name":"email","Value":"ann@example.com"}]}`, client)
	<-started
	stop()
	if err := <-ended; err != nil || !strings.Contains(arrived, `"triggerSource":"CustomEmailSender_SignUp"`) {
		t.Errorf("stopped with %v, and the function had %q", err, arrived)
	}
}
