package server

import (
	"bytes"
	"crypto/sha1"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"strings"
	"testing"
)

// TestProxies finds the client among what proxies say, and what clients invent.
func TestProxies(t *testing.T) {
	networks, err := parseNetworks("proxies", []string{"10.0.0.0/8", "2001:db8::1", "192.0.2.7"})
	p := proxies(networks)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ peer, forwarded, want string }{
		{"198.51.100.1", "", "198.51.100.1"},
		{"198.51.100.1", "203.0.113.9", "198.51.100.1"}, // nobody's proxy
		{"10.1.2.3", "", "10.1.2.3"},
		{"10.1.2.3", "203.0.113.9", "203.0.113.9"},
		{"::ffff:10.1.2.3", "203.0.113.9", "203.0.113.9"},
		{"10.1.2.3", "203.0.113.9:4711", "203.0.113.9"},
		{"10.1.2.3", "[2001:db8:1::9]:4711", "2001:db8:1::9"},
		{"2001:db8::1", "2001:db8:1::9", "2001:db8:1::9"},
		{"10.1.2.3", "1.1.1.1, 203.0.113.9", "203.0.113.9"}, // the left one is invented
		{"10.1.2.3", "1.1.1.1, 203.0.113.9, 10.9.9.9,192.0.2.7", "203.0.113.9"},
		{"10.1.2.3", "1.1.1.1\n203.0.113.9", "203.0.113.9"}, // two lines
		{"10.1.2.3", "10.0.0.5", "10.0.0.5"},
		{"10.1.2.3", "1.1.1.1, unknown", "10.1.2.3"},
		{"10.1.2.3", "1.1.1.1, ", "10.1.2.3"},
	} {
		got := p.client(netip.MustParseAddr(tt.peer), strings.Split(tt.forwarded, "\n"))
		if got.String() != tt.want {
			t.Errorf("%q from %s is %s, want %s", tt.forwarded, tt.peer, got, tt.want)
		}
	}
}

// TestFailuresBehindAProxy guesses from one address behind a trusted proxy, and in its name without one; the
// others behind the proxy go on (checklist 5).
func TestFailuresBehindAProxy(t *testing.T) {
	c := Config{Dev: true, Addr: "127.0.0.1:0", Data: ":memory:", Limits: Limits{FailuresPerAddress: 4}, TrustedProxies: []string{"127.0.0.1"}}
	s := start(t, c, io.Discard)
	guess := func(url, forwarded, password string) string {
		_, text := call(t, url, "InitiateAuth", `{"ClientId":"1example23456789","AuthFlow":"USER_PASSWORD_AUTH","AuthParameters":{"USERNAME":"username","PASSWORD":"`+password+`"}}`,
			func(r *http.Request) { r.Header.Set("X-Forwarded-For", forwarded) })
		return text
	}
	const tooMany, tokens = `{"__type":"TooManyRequestsException","message":"Too many requests"}`, "AccessToken"
	for i := range 4 {
		if got := guess(s.URL(), fmt.Sprintf("192.0.2.%d, 203.0.113.9", i), "wrong"); !strings.Contains(got, "NotAuthorizedException") {
			t.Fatalf("guess %d: %s", i+1, got)
		}
	}
	if got := guess(s.URL(), "192.0.2.77, 203.0.113.9", "password"); got != tooMany {
		t.Errorf("the address that guessed: %s", got)
	}
	if got := guess(s.URL(), "203.0.113.10", "password"); !strings.Contains(got, tokens) {
		t.Errorf("another address: %s", got)
	}
	c.TrustedProxies = nil
	s = start(t, c, io.Discard)
	for i := range 4 {
		guess(s.URL(), fmt.Sprintf("203.0.113.%d", i), "wrong")
	}
	if got := guess(s.URL(), "203.0.113.99", "password"); got != tooMany {
		t.Errorf("without a proxy, what the header says is believed: %s", got)
	}
}

// TestLimitsNeedTheProxy holds that a server whose proxy is not named does not take it for all its clients.
func TestLimitsNeedTheProxy(t *testing.T) {
	var log bytes.Buffer
	c := production(t)
	c.Limits = usualLimits
	s := start(t, c, &log)
	if s.config.FailuresPerAddress+s.config.MessagesPerAddress+s.config.GuestsPerAddress != 0 || !strings.Contains(log.String(), "trusted_proxies") {
		t.Errorf("%+v, and the log says %s", s.config.Limits, log.String())
	}
	c = production(t)
	c.Limits, c.TrustedProxies = usualLimits, []string{"127.0.0.1"}
	if s := start(t, c, io.Discard); s.config.Limits != usualLimits {
		t.Errorf("%+v", s.config.Limits)
	}
}

func TestLimitsInConfig(t *testing.T) {
	c, err := ReadConfig(file(t, "c.yaml", "addr: 127.0.0.1:1\n"))
	if err != nil || c.Limits != usualLimits {
		t.Errorf("%+v, %v", c.Limits, err)
	}
	c, err = ReadConfig(file(t, "c.yaml", "failures_per_address: 0\nsms_per_day: 7\nmessages_per_address: 8\nmessages_per_destination: 9\nguests_per_address: 6\ntrusted_proxies: [10.0.0.0/8]\nbreached_passwords: f\nnotify_users: true\n"))
	if err != nil || c.Limits != (Limits{0, 8, 9, 7, 6}) || c.TrustedProxies[0] != "10.0.0.0/8" || c.BreachedPasswords != "f" || !c.NotifyUsers {
		t.Errorf("%+v, %v", c, err)
	}
}

// TestBreachedPasswordOverHTTP signs up with a password of the file, and when the file has become unreadable
// (checklist 3).
func TestBreachedPasswordOverHTTP(t *testing.T) {
	var log bytes.Buffer
	path := file(t, "breached", fmt.Sprintf("%X:3\n", sha1.Sum([]byte("Summer2024!"))))
	s := start(t, Config{Dev: true, Addr: "127.0.0.1:0", Data: ":memory:", BreachedPasswords: path}, &log)
	signUp := func(password string) (int, string) {
		return call(t, s.URL(), "SignUp", `{"ClientId":"1example23456789","Username":"new","Password":"`+password+`"}`, nil)
	}
	if status, text := signUp("Summer2024!"); status != 400 || text != `{"__type":"InvalidPasswordException","message":"Password did not conform with policy: Password is known from a data breach"}` {
		t.Errorf("%d %s", status, text)
	}
	s.breached.Close()
	if status, text := signUp("Winter2024!"); status != 500 || !strings.Contains(text, "InternalErrorException") || strings.Contains(text, "breach") {
		t.Errorf("%d %s", status, text)
	}
	if !strings.Contains(log.String(), "level=ERROR") || !strings.Contains(log.String(), "breached passwords cannot be read") || strings.Contains(log.String(), "Winter") {
		t.Errorf("the log says %s", log.String())
	}
}
