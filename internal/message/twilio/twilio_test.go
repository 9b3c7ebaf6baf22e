package twilio

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"cognate/internal/message"
	"cognate/internal/message/messagetest"
)

const (
	account = "AC0123456789abcdef0123456789abcdef"
	key     = "SK0123456789abcdef0123456789abcdef"
	service = "MG0123456789abcdef0123456789abcdef"
	token   = "a token that nobody uses"
)

// api stands in for Twilio's API, and keeps what it is sent.
type api struct {
	url    string
	user   string
	status int
	answer string

	mu    sync.Mutex
	forms []url.Values
}

func serve(t *testing.T) *api {
	t.Helper()
	a := &api{user: account, status: http.StatusCreated, answer: `{"sid":"SM1","status":"queued"}`}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		user, password, _ := r.BasicAuth()
		if r.Method != http.MethodPost || r.URL.Path != "/2010-04-01/Accounts/"+account+"/Messages.json" || user != a.user || password != token ||
			r.Header.Get("Content-Type") != "application/x-www-form-urlencoded" {
			t.Errorf("%s %s by %s: %v", r.Method, r.URL, user, r.Header)
		}
		form, err := url.ParseQuery(string(body))
		if err != nil {
			t.Error(err)
		}
		a.mu.Lock()
		a.forms = append(a.forms, form)
		a.mu.Unlock()
		w.WriteHeader(a.status)
		io.WriteString(w, a.answer)
	}))
	t.Cleanup(s.Close)
	a.url = s.URL
	return a
}

func (a *api) config() Config {
	return Config{AccountSID: account, AuthToken: token, From: "+15555550000", Endpoint: a.url}
}

func open(t *testing.T, c Config) *Sender {
	t.Helper()
	s, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func sample() message.Message {
	return message.Message{PoolID: "us-east-1_a", Medium: message.SMS, Destination: "+15555550123", Purpose: message.SignUp, Code: "734512", Body: "Your code is 734512 & no other"}
}

func TestSuite(t *testing.T) {
	messagetest.Run(t, func(t *testing.T) *messagetest.Fixture {
		a := serve(t)
		return &messagetest.Fixture{
			Sender: open(t, a.config()),
			Media:  []message.Medium{message.SMS},
			Received: func() (out []messagetest.Delivery) {
				for _, form := range a.forms {
					out = append(out, messagetest.Delivery{Medium: message.SMS, To: form["To"], Body: form.Get("Body")})
				}
				return out
			},
		}
	})
}

// TestSends looks at every parameter; serve looks at the rest.
func TestSends(t *testing.T) {
	a := serve(t)
	own := a.config()
	byKey := own
	byKey.KeySID, byKey.From, byKey.MessagingServiceSID = key, "", service
	for _, c := range []struct {
		config Config
		user   string
		want   url.Values
	}{
		{own, account, url.Values{"To": {"+15555550123"}, "From": {"+15555550000"}, "Body": {"Your code is 734512 & no other"}}},
		{byKey, key, url.Values{"To": {"+15555550123"}, "MessagingServiceSid": {service}, "Body": {"Your code is 734512 & no other"}}},
	} {
		a.user = c.user
		if err := open(t, c.config).Send(t.Context(), sample()); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(c.want, a.forms[len(a.forms)-1]); diff != "" {
			t.Error(diff)
		}
	}
	if s := open(t, Config{AccountSID: account, AuthToken: token, From: "x"}); s.address != "https://api.twilio.com/2010-04-01/Accounts/"+account+"/Messages.json" {
		t.Errorf("calls %s", s.address)
	}
}

func TestFailures(t *testing.T) {
	a := serve(t)
	s := open(t, a.config())
	for _, c := range []struct {
		status int
		answer string
		kind   error
		shown  string
	}{
		{400, `{"code":21211,"message":"The 'To' number +15555550123 is not a valid phone number.","status":400}`, message.ErrUndeliverable, "twilio: 21211: The 'To' number +*******0123 is not a valid phone number."},
		{400, `{"code":21610,"message":"said stop: 15555550123"}`, message.ErrUndeliverable, "twilio: 21610"},
		{400, `{"code":21606,"message":"From is not yours"}`, nil, "twilio: 21606: From is not yours"},
		{429, `{"code":20429,"message":"Too Many Requests"}`, message.ErrThrottled, "twilio: 20429: Too Many Requests"},
		{429, `slow down`, message.ErrThrottled, "twilio: status 429"},
		{401, `{"code":20003,"message":"Authenticate ` + token + `"}`, nil, "twilio: 20003"},
		{500, `<html>734512`, nil, "twilio: status 500"},
		{302, ``, nil, "twilio: status 302"},
		{500, strings.Repeat("x", 100_000), nil, "twilio: outbound: the answer is too long"},
	} {
		a.status, a.answer = c.status, c.answer
		err := s.Send(t.Context(), sample())
		if err == nil || c.kind != nil && !errors.Is(err, c.kind) || err.Error() != c.shown {
			t.Errorf("%d %.40s: %v", c.status, c.answer, err)
		}
		if c.kind == nil && (errors.Is(err, message.ErrUndeliverable) || errors.Is(err, message.ErrThrottled)) {
			t.Errorf("%d is final or throttled: %v", c.status, err)
		}
	}
}

func TestHangs(t *testing.T) {
	done := make(chan struct{})
	hung := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-done }))
	defer hung.Close()
	defer close(done)
	c := Config{AccountSID: account, AuthToken: token, From: "x", Endpoint: hung.URL, Timeout: 50 * time.Millisecond}
	if err := open(t, c).Send(t.Context(), sample()); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("hangs: %v", err)
	}
	c.Endpoint = "http://127.0.0.1:1"
	c.Timeout = 0
	if err := open(t, c).Send(t.Context(), sample()); err == nil || errors.Is(err, message.ErrUndeliverable) {
		t.Errorf("is down: %v", err)
	}
}

func TestNewRefuses(t *testing.T) {
	good := Config{AccountSID: account, AuthToken: token, From: "+15555550000"}
	for want, change := range map[string]func(*Config){
		"account_sid":           func(c *Config) { c.AccountSID = "AC/../x" },
		"key_sid":               func(c *Config) { c.KeySID = "x" },
		"auth token":            func(c *Config) { c.AuthToken = "" },
		"name either from or":   func(c *Config) { c.From = "" },
		"messaging_service_sid": func(c *Config) { c.From, c.MessagingServiceSID = "", "x" },
		"name either":           func(c *Config) { c.MessagingServiceSID = service },
		"endpoint":              func(c *Config) { c.Endpoint = "https://user@host" },
		"endpoint is not https": func(c *Config) { c.Endpoint = "http://a.example" },
		"timeout":               func(c *Config) { c.Timeout = -1 },
	} {
		c := good
		change(&c)
		if _, err := New(c); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), token) {
			t.Errorf("%s: %v", want, err)
		}
	}
	s := open(t, good)
	if shown := fmt.Sprintf("%v %+v %#v %s %x", s, s, s, s, s) + s.LogValue().String(); strings.Contains(shown, token) || strings.Contains(shown, fmt.Sprintf("%x", token)) {
		t.Errorf("shows %s", shown)
	}
}
