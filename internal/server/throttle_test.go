package server

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"cognate/internal/hostedui"
	"cognate/internal/quota"
	"cognate/internal/sigv4"
)

// signedCall calls an operation of a production server as its administrator.
func signedCall(t *testing.T, s *Server, op, body string) (int, string) {
	t.Helper()
	return call(t, s.URL(), op, body, func(r *http.Request) {
		sigv4.Sign(r, []byte(body), "AKIATEST", accessSecret, "us-east-1", "cognito-idp", time.Now())
	})
}

// refusals counts those for their rate among n requests at once, and wants all others to get on.
func refusals(t *testing.T, n int, send func() (int, string)) int {
	t.Helper()
	var refused atomic.Int32
	var all sync.WaitGroup
	for range n {
		all.Go(func() {
			status, text := send()
			if strings.Contains(text, "Rate exceeded") {
				refused.Add(1)
			}
			if status == http.StatusInternalServerError {
				t.Errorf("got %d %s", status, text)
			}
		})
	}
	all.Wait()
	return int(refused.Load())
}

// pooled makes a pool with a client on a production server.
func pooled(t *testing.T, s *Server) (pool, client string) {
	t.Helper()
	var made struct {
		UserPool       struct{ Id string }
		UserPoolClient struct{ ClientId string }
	}
	status, text := signedCall(t, s, "CreateUserPool", `{"PoolName":"p"}`)
	if err := json.Unmarshal([]byte(text), &made); err != nil || status != 200 {
		t.Fatalf("CreateUserPool: %d %s", status, text)
	}
	status, text = signedCall(t, s, "CreateUserPoolClient", fmt.Sprintf(
		`{"UserPoolId":%q,"ClientName":"c","ExplicitAuthFlows":["ALLOW_USER_PASSWORD_AUTH"],"AllowedOAuthFlowsUserPoolClient":true,`+
			`"AllowedOAuthFlows":["code"],"AllowedOAuthScopes":["openid"],"CallbackURLs":["https://app.example.com/"]}`, made.UserPool.Id))
	if err := json.Unmarshal([]byte(text), &made); err != nil || status != 200 {
		t.Fatalf("CreateUserPoolClient: %d %s", status, text)
	}
	return made.UserPool.Id, made.UserPoolClient.ClientId
}

// TestThrottling sends more than a production server takes. What it has refused is counted.
func TestThrottling(t *testing.T) {
	c := production(t)
	c.Metrics = &Metrics{SecretFile: file(t, "token", "a token of the monitoring")}
	c.RequestRates = RequestRates{Categories: quota.Rates{
		quota.UserAuthentication: {Default: 2, Maximum: 50}, "UserList": {Default: 1}, quota.UserToken: {Default: 1}, "LimitManagement": {Default: 100},
	}}
	s := start(t, c, io.Discard)
	pool, client := pooled(t, s)
	signIn := func() (int, string) {
		body := fmt.Sprintf(`{"ClientId":%q,"AuthFlow":"USER_PASSWORD_AUTH","AuthParameters":{"USERNAME":"ann","PASSWORD":"wrong"}}`, client)
		return call(t, s.URL(), "InitiateAuth", body, nil)
	}
	if n := refusals(t, 30, signIn); n < 15 || n > 28 {
		t.Errorf("%d of 30 sign-ins at once were refused", n)
	}
	list := func() (int, string) { return signedCall(t, s, "ListUsers", fmt.Sprintf(`{"UserPoolId":%q}`, pool)) }
	status, text := list()
	if n := refusals(t, 20, list); status != 200 || n < 10 {
		t.Errorf("%d %s, and then %d of 20 were refused", status, text, n)
	}
	if status, text = list(); status != 400 || text != `{"__type":"TooManyRequestsException","message":"Rate exceeded"}` {
		t.Errorf("a refusal is %d %s", status, text)
	}
	status, text = signedCall(t, s, "UpdateProvisionedLimit",
		`{"LimitDefinition":{"LimitClass":"API_CATEGORY","Attributes":{"Category":"UserAuthentication"}},"RequestedLimitValue":50}`)
	if status != 200 {
		t.Errorf("more sign-ins: %d %s", status, text)
	}
	time.Sleep(time.Second)
	if n := refusals(t, 40, signIn); n > 0 {
		t.Errorf("%d of 40 sign-ins were refused that had been asked for", n)
	}
	if text = get(t, s.URL()+metricsPath, "Bearer a token of the monitoring", 200); !strings.Contains(text, `cognate_throttled_total{limit="UserList"}`) ||
		!strings.Contains(text, `cognate_throttled_total{limit="UserAuthentication"}`) {
		t.Errorf("the counts are %s", text)
	}
}

// TestThrottledPages holds browsers, and clients at the endpoints of OAuth, to the rates of a domain.
func TestThrottledPages(t *testing.T) {
	c := production(t)
	c.RequestRates = RequestRates{Bounds: quota.Bounds{Client: 2}, Categories: quota.Rates{quota.UserCreation: {Default: 1}, quota.UserToken: {Default: 1}}}
	s := start(t, c, io.Discard)
	_, client := pooled(t, s)
	send := func(method, path string, form url.Values) func() (int, string) {
		return func() (int, string) {
			r, err := http.NewRequest(method, s.URL()+path, strings.NewReader(form.Encode()))
			if err != nil {
				t.Fatal(err)
			}
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			answer, err := http.DefaultTransport.RoundTrip(r)
			if err != nil {
				t.Error(err)
				return 0, ""
			}
			defer answer.Body.Close()
			text, err := io.ReadAll(answer.Body)
			if err != nil {
				t.Error(err)
			}
			if strings.Contains(string(text), "Rate exceeded") && answer.StatusCode != http.StatusTooManyRequests {
				t.Errorf("%s: a refusal with status %d", path, answer.StatusCode)
			}
			return answer.StatusCode, string(text)
		}
	}
	for name, tt := range map[string]struct {
		send        func() (int, string)
		least, most int // of 20 that are refused
	}{
		"pages for a client":  {send("GET", hostedui.PathLogin+"?client_id="+client, nil), 10, 18},
		"pages for another":   {send("GET", hostedui.PathLogin+"?client_id=another", nil), 10, 18},
		"tokens for a client": {send("POST", "/oauth2/token", url.Values{"client_id": {"a third"}, "grant_type": {"refresh_token"}}), 10, 18},
		"pages for nobody":    {send("GET", hostedui.PathLogin, nil), 0, 0},
		"sign-ups":            {send("POST", hostedui.PathSignUp, nil), 10, 19},
		"documents":           {send("GET", "/us-east-1_none/.well-known/jwks.json", nil), 0, 0},
		"health":              {send("GET", "/_cognate/health", nil), 0, 0},
	} {
		if n := refusals(t, 20, tt.send); n < tt.least || n > tt.most {
			t.Errorf("%s: %d refused, want %d to %d", name, n, tt.least, tt.most)
		}
	}
}

// TestNoThrottling holds that development has no such limits, and a production server that wants none.
func TestNoThrottling(t *testing.T) {
	few := RequestRates{Bounds: quota.Bounds{User: 1, Address: 1, Client: 1, Domain: 1}, Categories: quota.Rates{"UserPoolRead": {Default: 1}}}
	dev := start(t, Config{Dev: true, Addr: "127.0.0.1:0", Data: ":memory:", RequestRates: few}, io.Discard)
	few.Off = true
	c := production(t)
	c.RequestRates = few
	for _, s := range []*Server{dev, start(t, c, io.Discard)} {
		if n := refusals(t, 30, func() (int, string) { return signedCall(t, s, "ListUserPools", `{"MaxResults":1}`) }); n > 0 {
			t.Errorf("%d of 30 requests were refused", n)
		}
	}
}

func TestRatesInConfig(t *testing.T) {
	c, err := ReadConfig(file(t, "c.yaml", "addr: 127.0.0.1:1\n"))
	if err != nil || c.RequestRates.Bounds != quota.UsualBounds || c.RequestRates.Off {
		t.Errorf("%+v, %v", c.RequestRates, err)
	}
	c, err = ReadConfig(file(t, "c.yaml", "limits:\n  user: 20\n  domain: 0\n  categories:\n    UserRead: {default: 200, maximum: 900}\n    UserList: {default: 100}\n"))
	want := quota.Bounds{User: 20, Address: 300, Client: 300}
	if err != nil || c.RequestRates.Bounds != want || c.RequestRates.Categories["UserRead"] != (quota.Rate{Default: 200, Maximum: 900}) {
		t.Errorf("%+v, %v", c.RequestRates, err)
	}
	c, err = ReadConfig(file(t, "c.yaml", "limits: {off: true}\n"))
	if err != nil || !c.RequestRates.Off {
		t.Errorf("%+v, %v", c.RequestRates, err)
	}
	if _, err = ReadConfig(file(t, "c.yaml", "limits: {users: 1}\n")); err == nil {
		t.Error("an unknown member is accepted")
	}
}

// TestThrottledGrants counts what clients ask for at the endpoints of OAuth as the operations that it stands for.
func TestThrottledGrants(t *testing.T) {
	c := production(t)
	one := quota.Rate{Default: 1}
	c.RequestRates = RequestRates{Categories: quota.Rates{quota.UserAuthentication: one, quota.UserToken: one, quota.ClientAuthentication: one, quota.UserFederation: one}}
	s := start(t, c, io.Discard)
	_, client := pooled(t, s)
	for name, tt := range map[string]struct {
		path string
		form url.Values
	}{
		"refreshes":            {"/oauth2/token", url.Values{"grant_type": {"refresh_token"}, "refresh_token": {"x"}}},
		"exchanges":            {"/oauth2/token", url.Values{"grant_type": {"authorization_code"}, "code": {"x"}, "redirect_uri": {"https://app.example.com/"}}},
		"tokens of clients":    {"/oauth2/token", url.Values{"grant_type": {"client_credentials"}}},
		"revocations":          {"/oauth2/revoke", url.Values{"token": {"x"}}},
		"answers of SAML":      {"/saml2/idpresponse", url.Values{"SAMLResponse": {"x"}}},
		"grants that are none": {"/oauth2/token", url.Values{"grant_type": {"password"}}},
	} {
		tt.form.Set("client_id", client)
		n := refusals(t, 10, func() (int, string) {
			answer, err := http.PostForm(s.URL()+tt.path, tt.form)
			if err != nil {
				t.Error(err)
				return 0, ""
			}
			defer answer.Body.Close()
			text, err := io.ReadAll(answer.Body)
			if err != nil {
				t.Error(err)
			}
			return answer.StatusCode, string(text)
		})
		if none := name == "grants that are none"; none && n > 0 || !none && (n < 5 || n == 10) {
			t.Errorf("%d of 10 %s were refused", n, name)
		}
	}
}
