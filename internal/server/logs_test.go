package server

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"cognate/internal/awsclient/awstest"
	"cognate/internal/logdelivery"
)

// group is the ARN of a log group.
func group(name string) string { return "arn:aws:logs:us-east-1:123456789012:log-group:" + name }

// hears is what posts to an address.
type hears struct {
	mu   sync.Mutex
	text string
}

func (h *hears) ServeHTTP(_ http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.text += string(body); err != nil || r.Header.Get("Webhook-Signature") == "" {
		h.text += "unsigned"
	}
}

func (h *hears) heard() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.text
}

// within waits for something that comes in the background.
func within(t *testing.T, what string, there func() bool) {
	t.Helper()
	for begin := time.Now(); time.Since(begin) < 20*time.Second; time.Sleep(20 * time.Millisecond) {
		if there() {
			return
		}
	}
	t.Errorf("%s has not come", what)
}

// TestLogs has messages that are not delivered logged: to a file, and to whom a pool names else. Neither the log nor the documents show
// a code or a whole address (checklist 62).
func TestLogs(t *testing.T) {
	box := serveMail(t)
	box.refuses = "nobody@example.com"
	path := filepath.Join(t.TempDir(), "log.jsonl")
	c := production(t)
	c.SMTP = &SMTP{Host: "127.0.0.1", Port: box.port, From: "no-reply@id.example.com", TLS: "none"}
	c.Metrics = &Metrics{SecretFile: file(t, "token", "a token of the monitoring")}
	c.LogDelivery = LogDelivery{
		"to-a-file":  {File: &LogFile{Path: path}},
		group("aws"): {AWS: &AWS{}},
		"*":          {Ignore: true},
	}
	var text string
	aws := awstest.Serve(t, "logs", func(r awstest.Request) (int, string) { return 200, "{}" }, nil)
	t.Setenv("AWS_ENDPOINT_URL_CLOUDWATCH_LOGS", aws.URL)
	var logged bytes.Buffer
	s := start(t, c, &logged)
	a := admin{t, s.URL()}
	for _, name := range []string{"to-a-file", "aws", "elsewhere"} {
		pool, client := a.pool("")
		a.must("SetLogDeliveryConfiguration", `{"UserPoolId":%q,"LogConfigurations":[{"EventSource":"userNotification","LogLevel":"ERROR",
			"CloudWatchLogsConfiguration":{"LogGroupArn":%q}}]}`, pool, group(name))
		a.must("SignUp", `{"ClientId":%q,"Username":"ann","Password":"Corr3ct-Horse!","UserAttributes":[{"Name":"email","Value":"ann@example.com"}]}`, client)
		status, answer := a.call("SignUp", `{"ClientId":%q,"Username":"bob","Password":"Corr3ct-Horse!","UserAttributes":[{"Name":"email","Value":"nobody@example.com"}]}`, client)
		if status != 400 || !strings.Contains(answer, "CodeDeliveryFailureException") {
			t.Errorf("%d %s", status, answer)
		}
	}
	within(t, "the line", func() bool { read, _ := os.ReadFile(path); text = string(read); return text != "" })
	within(t, "the call", func() bool { return len(aws.All()) > 0 })
	var d struct {
		EventSource, LogLevel string
		Message               struct{ Details string }
	}
	if err := json.Unmarshal([]byte(text), &d); err != nil || strings.Count(text, "\n") != 1 || d.EventSource != "USER_NOTIFICATION" ||
		!strings.HasPrefix(d.Message.Details, "The EMAIL message of the purpose SignUp to n***@e*** was not delivered by smtp (refused): ") {
		t.Errorf("%q: %v", text, err)
	}
	if r := aws.Last(t); r.Region != "us-east-1" || !strings.Contains(string(r.Body), "USER_NOTIFICATION") {
		t.Errorf("%s in %s", r.Body, r.Region)
	}
	for _, secret := range []string{"nobody@", "Corr3ct", box.code(t, "ann@example.com")} {
		if strings.Contains(text+logged.String(), secret) {
			t.Errorf("%s is shown in %s and %s", secret, text, logged.String())
		}
	}
	within(t, "the count", func() bool {
		return strings.Contains(get(t, s.URL()+metricsPath, "Bearer a token of the monitoring", 200),
			`cognate_log_documents_total{source="userNotification",outcome="delivered"} 3`)
	})
}

// TestLogsAtTheEnd delivers, to an address, what is there when the server stops.
func TestLogsAtTheEnd(t *testing.T) {
	hook := &hears{}
	address := httptest.NewServer(hook)
	t.Cleanup(address.Close)
	key := file(t, "key", base64.StdEncoding.EncodeToString(bytes.Repeat([]byte("k"), 32)))
	c := Config{Dev: true, Addr: "127.0.0.1:0", Data: ":memory:", LogDelivery: LogDelivery{"*": {Webhook: &Webhook{URL: address.URL, SecretFile: key}}}}
	s, err := Start(t.Context(), c, Options{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	a := admin{t, s.URL()}
	go s.doors[0].server.Serve(s.doors[0].listener)
	pool := a.must("CreateUserPool", `{"PoolName":"p","UserPoolTier":"PLUS","UserPoolAddOns":{"AdvancedSecurityMode":"AUDIT"}}`).UserPool.Id
	a.must("SetLogDeliveryConfiguration", `{"UserPoolId":%q,"LogConfigurations":[{"EventSource":"userAuthEvents","LogLevel":"INFO",
		"S3Configuration":{"BucketArn":"arn:aws:s3:::bucket"}}]}`, pool)
	s.logs.Act(logdelivery.Activity{PoolID: pool, EventID: "event-1", Created: time.Now()})
	s.logs.Act(logdelivery.Activity{PoolID: "us-east-1_NoSuchPool", EventID: "event-2", Created: time.Now()})
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if text := hook.heard(); !strings.Contains(text, `"event-1"`) || strings.Contains(text, "event-2") || !strings.Contains(text, `"destination":"arn:aws:s3:::bucket"`) {
		t.Errorf("%q was posted", text)
	}
}

// TestActivityNeedsThreatProtection holds that a pool without it logs nothing of what users do.
func TestActivityNeedsThreatProtection(t *testing.T) {
	s := start(t, Config{Dev: true, Addr: "127.0.0.1:0", Data: ":memory:"}, io.Discard)
	a := admin{t, s.URL()}
	pool := a.must("CreateUserPool", `{"PoolName":"p","UserPoolTier":"PLUS"}`).UserPool.Id
	a.must("SetLogDeliveryConfiguration", `{"UserPoolId":%q,"LogConfigurations":[{"EventSource":"userAuthEvents","LogLevel":"INFO",
		"S3Configuration":{"BucketArn":"arn:aws:s3:::bucket"}}]}`, pool)
	for mode, want := range map[string]bool{"OFF": false, "AUDIT": true, "ENFORCED": true} {
		a.must("UpdateUserPool", `{"UserPoolId":%q,"UserPoolTier":"PLUS","UserPoolAddOns":{"AdvancedSecurityMode":%q}}`, pool, mode)
		p, err := s.pools.Pool(t.Context(), pool)
		if err != nil {
			t.Fatal(err)
		}
		if to, ok := p.LogDestination(logdelivery.Activities); ok != want || ok && to.ARN != "arn:aws:s3:::bucket" {
			t.Errorf("%s: %+v, %t", mode, to, ok)
		}
		if _, ok := p.LogDestination(logdelivery.Notifications); ok {
			t.Error("a source that is not configured has a destination")
		}
	}
}

// TestLogSinks finds sinks by the ARN, by the name in it, and for all others.
func TestLogSinks(t *testing.T) {
	folder := t.TempDir()
	text := fmt.Sprintf(`log_delivery:
  %s: {file: {path: %s/arn, max_bytes: 1000, keep: 1}}
  plain: {file: {path: %s/name}}
  again: {file: {path: %s/name}}
  stored: {aws: {region: eu-central-1, endpoint: "http://127.0.0.1:9000"}}
  "*": {ignore: true}
`, group("exact"), folder, folder, folder)
	list, err := ReadLogDelivery(file(t, "logs.yaml", text))
	if err != nil {
		t.Fatal(err)
	}
	s := &Server{config: Config{LogDelivery: list}}
	sinks, err := s.logSinks()
	if err != nil {
		t.Fatal(err)
	}
	defer sinks.close()
	for arn, want := range map[string]string{
		group("exact"): "*file.Sink",
		"arn:aws:logs:eu-west-3:123456789012:log-group:exact": "logdelivery.Nowhere",
		group("plain"):        "*file.Sink",
		"arn:aws:s3:::stored": "*s3.Sink",
		"arn:aws:firehose:eu-west-3:1:deliverystream/stored": "*firehose.Sink",
		group("stored"):        "*cloudwatch.Sink",
		"arn:aws:s3:::another": "logdelivery.Nowhere",
	} {
		if got := fmt.Sprintf("%T", sinks.of(arn)); got != want {
			t.Errorf("%s: %s, want %s", arn, got, want)
		}
	}
	if sinks.of(group("plain")) != sinks.of(group("again")) || sinks.of(group("plain")) == sinks.of(group("exact")) {
		t.Error("a file has two sinks, or two files one")
	}
	for _, dev := range []bool{false, true} {
		s := &Server{config: Config{Dev: dev}}
		if sinks, err = s.logSinks(); err != nil {
			t.Fatal(err)
		}
		if got := fmt.Sprintf("%T", sinks.of("arn:aws:s3:::bucket")); got != map[bool]string{false: "*s3.Sink", true: "logdelivery.Nowhere"}[dev] {
			t.Errorf("by default, in development: %t: %s", dev, got)
		}
	}
}

func TestLogRefusals(t *testing.T) {
	t.Setenv("OWN", base64.StdEncoding.EncodeToString(bytes.Repeat([]byte("k"), 32)))
	for text, want := range map[string]string{
		`"a b": {ignore: true}`:                      "neither the ARN nor the name",
		"a: {}":                                      "a (line 2): name exactly one of",
		"a: {ignore: true, aws: {}}":                 "name exactly one of",
		"a: {file: {}}":                              "file: the path is missing",
		"a: {file: {path: /no/where}}":               "file: open /no/where",
		"a: {aws: {region: EU}}":                     `"EU" is not a region`,
		"a: {aws: {endpoint: storage}}":              "the endpoint is not a URL",
		"a: {webhook: {url: \"https://a.example\"}}": "name either a file or an environment variable",
		"a: {webhook: {url: \"http://a.example\", secret_env: OWN}}":                     "the url is not https",
		"a: {webhook: {url: \"https://a.example\", secret_env: OWN, networks: [\"x\"]}}": "networks: ",
		"a: {pigeon: {}}": "[2:",
	} {
		c, err := ReadConfig(file(t, "c.yaml", "log_delivery:\n  "+text+"\n"))
		if err == nil {
			s := &Server{config: c}
			_, err = s.logSinks()
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", text, err, want)
		}
	}
}

// TestActivityLogs has logged, to a file, what users do in a pool with threat protection, in the order in which they do it.
func TestActivityLogs(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log.jsonl")
	c := production(t)
	c.LogDelivery = LogDelivery{"kept": {File: &LogFile{Path: path}}}
	s := start(t, c, io.Discard)
	a := admin{t, s.URL()}
	pool, client := a.pool(`,"UserPoolTier":"PLUS","UserPoolAddOns":{"AdvancedSecurityMode":"AUDIT"}`)
	a.must("SetLogDeliveryConfiguration", `{"UserPoolId":%q,"LogConfigurations":[{"EventSource":"userAuthEvents","LogLevel":"INFO",
		"CloudWatchLogsConfiguration":{"LogGroupArn":%q}}]}`, pool, group("kept"))
	a.must("AdminCreateUser", `{"UserPoolId":%q,"Username":"ann","MessageAction":"SUPPRESS"}`, pool)
	a.must("AdminSetUserPassword", `{"UserPoolId":%q,"Username":"ann","Password":"Corr3ct-Horse!","Permanent":true}`, pool)
	for _, password := range []string{"Wr0ng-Horse!", "Corr3ct-Horse!"} {
		a.call("InitiateAuth", `{"ClientId":%q,"AuthFlow":"USER_AUTH","AuthParameters":{"USERNAME":"ann","PREFERRED_CHALLENGE":"PASSWORD","PASSWORD":%q}}`, client, password)
	}
	var lines []string
	within(t, "the second line", func() bool {
		read, _ := os.ReadFile(path)
		lines = strings.Split(strings.TrimSpace(string(read)), "\n")
		return len(lines) == 2
	})
	for i, want := range []struct{ response, challenge string }{{"Fail", "Failure"}, {"Pass", "Success"}} {
		var d struct {
			EventSource string
			LogSourceID struct{ UserPoolID string } `json:"logSourceId"`
			Message     struct {
				EventType, EventResponse, UserName, ClientID, RequestID, RiskDecision string
				IPAddress                                                             string
				Challenges                                                            []logdelivery.Challenge
			}
		}
		err := json.Unmarshal([]byte(lines[i]), &d)
		m := d.Message
		if err != nil || d.EventSource != "USER_ACTIVITY" || d.LogSourceID.UserPoolID != pool || m.EventType != "SignIn" || m.EventResponse != want.response ||
			m.UserName != "ann" || m.ClientID != client || m.RequestID == "" || m.RiskDecision != "PASS" || m.IPAddress != "127.0.0.1" ||
			len(m.Challenges) != 1 || m.Challenges[0] != (logdelivery.Challenge{Name: "Password", Response: want.challenge}) {
			t.Errorf("%s: %v", lines[i], err)
		}
	}
}
