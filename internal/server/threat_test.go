package server

import (
	"bytes"
	"crypto/sha1"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"cognate/api/idp"
)

func TestThreatProtectionInConfig(t *testing.T) {
	c, err := ReadConfig(file(t, "c.yaml", "threat_protection: {event_days: 30, password_range: https://api.pwnedpasswords.com/range/}\n"))
	if want := (ThreatProtection{30, "https://api.pwnedpasswords.com/range/"}); err != nil || c.ThreatProtection != want {
		t.Errorf("%+v, %v", c.ThreatProtection, err)
	}
	for text, p := range map[string]ThreatProtection{
		"event_days":                         {EventDays: -1},
		"between 1 and":                      {EventDays: 3651},
		"password_range: it is not https":    {PasswordRange: "http://example.com/"},
		"password_range: it does not end":    {PasswordRange: "https://example.com/range"},
		"password_range: it is not the addr": {PasswordRange: "https://user:hunter2@example.com/range/"},
	} {
		c := production(t)
		c.ThreatProtection = p
		if _, err := Start(t.Context(), c, Options{}); err == nil || !strings.Contains(err.Error(), text) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%+v: %v", p, err)
		}
	}
}

// TestPasswordRange signs in with a password that a service knows, and when the service fails: then the sign-in goes on, as
// does a sign-up, which is logged and counted, without the password or a digit of its hash (checklist 3, 62).
func TestPasswordRange(t *testing.T) {
	fails, asked := false, 0
	service := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked++
		if fails {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		sum := sha1.Sum([]byte("Summer2024!"))
		fmt.Fprintf(w, "%s:3\r\n", strings.ToUpper(hex.EncodeToString(sum[:]))[5:])
	}))
	t.Cleanup(service.Close)
	var log bytes.Buffer
	s := start(t, Config{Dev: true, Addr: "127.0.0.1:0", Data: ":memory:", ThreatProtection: ThreatProtection{PasswordRange: service.URL + "/"}}, &log)
	ask := func(op, body string) string {
		t.Helper()
		_, text := call(t, s.URL(), op, body, nil)
		return text
	}
	const client = `"ClientId":"1example23456789"`
	signUp := func(name, password string) string {
		return ask("SignUp", `{`+client+`,"Username":"`+name+`","Password":"`+password+`"}`)
	}
	if text := signUp("before", "Summer2024!"); !strings.Contains(text, "UserSub") || asked != 0 {
		t.Errorf("a pool without threat protection: %s, asked %d times", text, asked)
	}
	const pool = "us-east-1_ExaMPle"
	_, err := s.threat.SetConfiguration(t.Context(), &idp.SetRiskConfigurationRequest{UserPoolId: pool})
	if err == nil {
		t.Error("it is on")
	}
	err = s.pools.Update(t.Context(), &idp.UpdateUserPoolRequest{UserPoolId: pool, UserPoolTier: "PLUS", UserPoolAddOns: &idp.UserPoolAddOnsType{AdvancedSecurityMode: "ENFORCED"}})
	if err == nil {
		_, err = s.threat.SetConfiguration(t.Context(), &idp.SetRiskConfigurationRequest{UserPoolId: pool,
			CompromisedCredentialsRiskConfiguration: &idp.CompromisedCredentialsRiskConfigurationType{Actions: &idp.CompromisedCredentialsActionsType{EventAction: "BLOCK"}}})
	}
	if err != nil {
		t.Fatal(err)
	}
	if text := signUp("known", "Summer2024!"); !strings.Contains(text, "Provided password cannot be used for security reasons.") {
		t.Error(text)
	}
	fails = true
	if text := signUp("unknown", "Winter2024!"); !strings.Contains(text, "UserSub") {
		t.Error(text)
	}
	if text := ask("InitiateAuth", `{`+client+`,"AuthFlow":"USER_PASSWORD_AUTH","AuthParameters":{"USERNAME":"username","PASSWORD":"password"}}`); !strings.Contains(text, "AccessToken") {
		t.Error(text)
	}
	sum := sha1.Sum([]byte("Winter2024!"))
	if text := log.String(); !strings.Contains(text, "level=WARN") || !strings.Contains(text, "could not be looked up") || strings.Contains(text, "Winter") ||
		strings.Contains(strings.ToUpper(text), strings.ToUpper(hex.EncodeToString(sum[:]))[:5]) {
		t.Errorf("the log says %s", text)
	}
	answer, err := http.Get(s.URL() + metricsPath)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if counts, _ := io.ReadAll(answer.Body); !strings.Contains(string(counts), "cognate_password_lookups_failed_total{} 2") {
		t.Errorf("counted %s", counts)
	}
}
