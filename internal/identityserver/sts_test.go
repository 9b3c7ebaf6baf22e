package identityserver_test

import (
	"encoding/xml"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"cognate/api/identity"
	"cognate/internal/scripttest"
	"cognate/internal/sigv4"
	"cognate/internal/store"
	"cognate/internal/store/storetest/engines"
)

// counter asks the query API of a house.
type counter struct{ *scripttest.Script }

// newCounter makes an identity pool with roles for both, that allows the basic flow; it keeps the token of a guest, and
// that of a user of the developer's.
func newCounter(t *testing.T, db *store.DB) counter {
	s := scripttest.New(t, db, identity.Service)
	s.Steps(
		`> CreateIdentityPool {"IdentityPoolName":"i","AllowUnauthenticatedIdentities":true,"AllowClassicFlow":true,"DeveloperProviderName":"login.example"}`,
		`< {"...":1,"IdentityPoolId":"${ip}"}`,
		`> SetIdentityPoolRoles {"IdentityPoolId":"${ip}","Roles":{"authenticated":"arn:aws:iam::123456789012:role/path/in","unauthenticated":"arn:aws:iam::123456789012:role/out"}}`,
		`< empty`,
		`>- GetId {"IdentityPoolId":"${ip}"}`, `< {"IdentityId":"${guest}"}`,
		`>- GetOpenIdToken {"IdentityId":"${guest}"}`, `< {"IdentityId":"${guest}","Token":"${of-guest}"}`,
		`> GetOpenIdTokenForDeveloperIdentity {"IdentityPoolId":"${ip}","Logins":{"login.example":"ann"},"PrincipalTags":{"team":"red"}}`,
		`< {"IdentityId":"${ann}","Token":"${of-ann}"}`,
	)
	return counter{s}
}

func assume(token, role string) url.Values {
	return url.Values{
		"Action": {"AssumeRoleWithWebIdentity"}, "Version": {"2011-06-15"}, "RoleArn": {role}, "RoleSessionName": {"app1"}, "WebIdentityToken": {token},
	}
}

// ask sends a form. sign signs it, or is nil.
func (c counter) ask(form url.Values, sign func(r *http.Request, body []byte)) (status int, text string) {
	c.Helper()
	body := form.Encode()
	r, err := http.NewRequest(http.MethodPost, c.House.URL+"/", strings.NewReader(body))
	if err != nil {
		c.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")
	if sign != nil {
		sign(r, []byte(body))
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		c.Fatal(err)
	}
	defer answer.Body.Close()
	all, err := io.ReadAll(answer.Body)
	if err != nil {
		c.Fatal(err)
	}
	h := answer.Header
	if h.Get("Content-Type") != "text/xml" || h.Get("Access-Control-Allow-Origin") != "*" || !strings.Contains(string(all), "<RequestId>"+h.Get("X-Amzn-Requestid")+"</RequestId>") {
		c.Errorf("the answer has the headers %v: %s", h, all)
	}
	return answer.StatusCode, string(all)
}

type assumed struct {
	Result struct {
		Credentials struct{ AccessKeyId, SecretAccessKey, SessionToken, Expiration string }
	} `xml:"AssumeRoleWithWebIdentityResult"`
}

func (c counter) credentials(text string) (out assumed) {
	c.Helper()
	if err := xml.Unmarshal([]byte(text), &out); err != nil {
		c.Fatal(err)
	}
	return out
}

// with signs by temporary credentials for a service.
func with(a assumed, service string) func(*http.Request, []byte) {
	return func(r *http.Request, body []byte) {
		r.Header.Set("X-Amz-Security-Token", a.Result.Credentials.SessionToken)
		sigv4.Sign(r, body, a.Result.Credentials.AccessKeyId, a.Result.Credentials.SecretAccessKey, "eu-west-3", service, time.Now())
	}
}

const (
	roleIn  = "arn:aws:iam::123456789012:role/path/in"
	roleOut = "arn:aws:iam::123456789012:role/out"
)

var whoami = url.Values{"Action": {"GetCallerIdentity"}, "Version": {"2011-06-15"}}

// TestAssumeRole goes the basic way to the end: a token, credentials for it, and who they are.
func TestAssumeRole(t *testing.T) {
	engines.Each(t, func(t *testing.T, db *store.DB) {
		c := newCounter(t, db)
		form := assume(c.Kept["of-ann"], roleIn)
		form.Set("DurationSeconds", "900")
		status, text := c.ask(form, nil)
		want := regexp.MustCompile(`^<AssumeRoleWithWebIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleWithWebIdentityResult>` +
			`<SubjectFromWebIdentityToken>` + c.Kept["ann"] + `</SubjectFromWebIdentityToken><Audience>` + c.Kept["ip"] + `</Audience><Provider>cognito-identity.amazonaws.com</Provider>` +
			`<AssumedRoleUser><Arn>arn:aws:sts::123456789012:assumed-role/in/app1</Arn><AssumedRoleId>AROA[A-Z2-7]{17}:app1</AssumedRoleId></AssumedRoleUser>` +
			`<Credentials><AccessKeyId>ASIA[A-Z2-7]{16}</AccessKeyId><SecretAccessKey>[\w+/]{40}</SecretAccessKey><SessionToken>[\w-]+</SessionToken><Expiration>[\dT:-]+Z</Expiration></Credentials>` +
			`</AssumeRoleWithWebIdentityResult><ResponseMetadata><RequestId>[0-9a-f-]{36}</RequestId></ResponseMetadata></AssumeRoleWithWebIdentityResponse>$`)
		if status != 200 || !want.MatchString(text) {
			t.Fatalf("%d %s", status, text)
		}
		got := c.credentials(text)
		expires, err := time.Parse(time.RFC3339, got.Result.Credentials.Expiration)
		if left := time.Until(expires); err != nil || left > 15*time.Minute || left < 14*time.Minute {
			t.Errorf("the credentials are good for %v, %v", left, err)
		}

		status, text = c.ask(whoami, with(got, "sts"))
		want = regexp.MustCompile(`^<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult>` +
			`<Arn>arn:aws:sts::123456789012:assumed-role/in/app1</Arn><UserId>AROA[A-Z2-7]{17}:app1</UserId><Account>123456789012</Account></GetCallerIdentityResult>` +
			`<ResponseMetadata><RequestId>[0-9a-f-]{36}</RequestId></ResponseMetadata></GetCallerIdentityResponse>$`)
		if status != 200 || !want.MatchString(text) {
			t.Errorf("%d %s", status, text)
		}
		if status, text = c.ask(assume(c.Kept["of-guest"], roleOut), nil); status != 200 || !strings.Contains(text, "<Arn>arn:aws:sts::123456789012:assumed-role/out/app1</Arn>") {
			t.Errorf("%d %s", status, text)
		}
	})
}

// TestAssumeRoleRefusals: a role is for whom the pool has it, and for no other token (checklist 57).
func TestAssumeRoleRefusals(t *testing.T) {
	c := newCounter(t, engines.Memory(t))
	c.Steps(
		`> CreateIdentityPool {"IdentityPoolName":"other","AllowUnauthenticatedIdentities":true,"AllowClassicFlow":true}`, `< {"...":1,"IdentityPoolId":"${other}"}`,
		`> SetIdentityPoolRoles {"IdentityPoolId":"${other}","Roles":{"unauthenticated":"arn:aws:iam::123456789012:role/of-another-pool"},
		"RoleMappings":{"graph.facebook.com":{"Type":"Rules","AmbiguousRoleResolution":"Deny","RulesConfiguration":{"Rules":[{"Claim":"c","MatchType":"Equals","Value":"v","RoleARN":"arn:aws:iam::123456789012:role/of-a-rule"}]}}}}`, `< empty`,
		`! alg-none ${of-ann}`, `! user alice Passw0rd!`, `! sign-in alice Passw0rd!`,
		`>- GetId {"IdentityPoolId":"${ip}"}`, `< {"IdentityId":"${gone}"}`,
		`>- GetOpenIdToken {"IdentityId":"${gone}"}`, `< {"IdentityId":"${gone}","Token":"${of-gone}"}`,
		`> DeleteIdentities {"IdentityIdsToDelete":["${gone}"]}`, `< {"UnprocessedIdentityIds":[]}`,
		`> GetOpenIdTokenForDeveloperIdentity {"IdentityPoolId":"${ip}","Logins":{"login.example":"ben"}}`, `< {"IdentityId":"${ben}","Token":"${of-ben}"}`,
		`> UnlinkDeveloperIdentity {"IdentityId":"${ben}","IdentityPoolId":"${ip}","DeveloperProviderName":"login.example","DeveloperUserIdentifier":"ben"}`, `< empty`,
	)
	const denied, bad = "Not authorized to perform sts:AssumeRoleWithWebIdentity", "The web identity token that was passed could not be validated."
	set := func(name, value string) url.Values {
		f := assume(c.Kept["of-ann"], roleIn)
		if f.Set(name, value); value == "" {
			f.Del(name)
		}
		return f
	}
	for name, tt := range map[string]struct {
		form       url.Values
		status     int
		code, text string
	}{
		"the role of guests":             {set("RoleArn", roleOut), 403, "AccessDenied", denied},
		"a guest":                        {assume(c.Kept["of-guest"], roleIn), 403, "AccessDenied", denied},
		"a role of another pool":         {assume(c.Kept["of-guest"], "arn:aws:iam::123456789012:role/of-another-pool"), 403, "AccessDenied", denied},
		"a role of a rule":               {set("RoleArn", "arn:aws:iam::123456789012:role/of-a-rule"), 403, "AccessDenied", denied},
		"any role":                       {set("RoleArn", "arn:aws:iam::123456789012:role/admin"), 403, "AccessDenied", denied},
		"an identity that is deleted":    {assume(c.Kept["of-gone"], roleOut), 403, "AccessDenied", denied},
		"an identity that is disabled":   {assume(c.Kept["of-ben"], roleIn), 403, "AccessDenied", denied},
		"a changed token":                {set("WebIdentityToken", c.Kept["of-ann"]+"x"), 400, "InvalidIdentityToken", bad},
		"a token without a signature":    {set("WebIdentityToken", c.Kept["alg-none"]), 400, "InvalidIdentityToken", bad},
		"an ID token of a user pool":     {set("WebIdentityToken", c.Kept["id"]), 400, "InvalidIdentityToken", bad},
		"what is no role":                {set("RoleArn", "arn:aws:iam::123456789012:user/x"), 400, "ValidationError", "arn:aws:iam::123456789012:user/x is invalid"},
		"no policy":                      {set("Policy", "{}"), 400, "MalformedPolicyDocument", "The policy cannot be read: policy: Statement is missing"},
		"a policy that is too long":      {set("Policy", strings.Repeat(" ", 2049)), 400, "ValidationError", "1 validation error detected: Value '" + strings.Repeat(" ", 256) + "' at 'policy' failed to satisfy constraint: Member must have length less than or equal to 2048"},
		"a policy's ARN":                 {set("PolicyArns.member.1.arn", "x"), 400, "MalformedPolicyDocument", "Managed policies are not available on this server."},
		"no name":                        {set("RoleSessionName", ""), 400, "ValidationError", "1 validation error detected: Value null at 'roleSessionName' failed to satisfy constraint: Member must not be null"},
		"a bad name":                     {set("RoleSessionName", "a b/"), 400, "ValidationError", `1 validation error detected: Value 'a b/' at 'roleSessionName' failed to satisfy constraint: Member must satisfy regular expression pattern: [\w+=,.@-]*`},
		"a short time":                   {set("DurationSeconds", "899"), 400, "ValidationError", "1 validation error detected: Value '899' at 'durationSeconds' failed to satisfy constraint: Member must have value greater than or equal to 900"},
		"a long time":                    {set("DurationSeconds", "43201"), 400, "ValidationError", "1 validation error detected: Value '43201' at 'durationSeconds' failed to satisfy constraint: Member must have value less than or equal to 43200"},
		"no time":                        {set("DurationSeconds", "x"), 400, "ValidationError", "1 validation error detected: Value 'x' at 'durationSeconds' failed to satisfy constraint: Member must be an integer"},
		"a short role and a short token": {url.Values{"Action": {"AssumeRoleWithWebIdentity"}, "Version": {"2011-06-15"}, "RoleArn": {"x"}, "RoleSessionName": {"ab"}, "WebIdentityToken": {"y"}}, 400, "ValidationError", "2 validation errors detected: Value 'x' at 'roleArn' failed to satisfy constraint: Member must have length greater than or equal to 20; Value at 'webIdentityToken' failed to satisfy constraint: Member must have length greater than or equal to 4"},
		"another action":                 {set("Action", "AssumeRole"), 400, "InvalidAction", "Could not find operation AssumeRole for version 2011-06-15"},
		"another version":                {set("Version", "2000-01-01"), 400, "InvalidAction", "Could not find operation AssumeRoleWithWebIdentity for version 2000-01-01"},
		"a parameter twice":              {url.Values{"Action": {"AssumeRoleWithWebIdentity", "GetCallerIdentity"}}, 400, "MalformedQueryString", `The parameter "Action" is there twice.`},
		"too much":                       {set("Policy", strings.Repeat("x", 65<<10)), 400, "MalformedQueryString", "The request cannot be read, or has more than 65536 bytes."},
		"unsigned, who it is":            {whoami, 403, "MissingAuthenticationToken", "Missing Authentication Token"},
	} {
		status, text := c.ask(tt.form, nil)
		var got struct {
			Error struct{ Type, Code, Message string }
		}
		if err := xml.Unmarshal([]byte(text), &got); err != nil {
			t.Fatal(err)
		}
		if status != tt.status || got.Error.Type != "Sender" || got.Error.Code != tt.code || got.Error.Message != tt.text || !strings.HasPrefix(text, `<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>`) {
			t.Errorf("%s: %d %s", name, status, text)
		}
	}
}

// TestSessionsAreNobodyElse: temporary credentials say who they are, and are not let into any other signed operation, in
// development neither (checklist 53).
func TestSessionsAreNobodyElse(t *testing.T) {
	c := newCounter(t, engines.Memory(t))
	_, text := c.ask(assume(c.Kept["of-ann"], roleIn), nil)
	got := c.credentials(text)
	for op, target := range map[string]string{
		"cognito-identity:ListIdentityPools": "AWSCognitoIdentityService.ListIdentityPools", "cognito-idp:ListUserPools": "AWSCognitoIdentityProviderService.ListUserPools",
	} {
		const body = `{"MaxResults":1}`
		r, err := http.NewRequest(http.MethodPost, c.House.URL+"/", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("X-Amz-Target", target)
		service, _, _ := strings.Cut(op, ":")
		with(got, service)(r, []byte(body))
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		all, _ := io.ReadAll(answer.Body)
		answer.Body.Close()
		want := `{"__type":"AccessDeniedException","Message":"User: arn:aws:sts::123456789012:assumed-role/in/app1 is not authorized to perform: ` + op + `"}`
		if answer.StatusCode != 400 || string(all) != want {
			t.Errorf("%s: %d %s", op, answer.StatusCode, all)
		}
	}
	wrong := got
	wrong.Result.Credentials.SecretAccessKey = strings.Repeat("x", 40)
	if status, text := c.ask(whoami, with(wrong, "sts")); status != 403 || !strings.Contains(text, "<Code>SignatureDoesNotMatch</Code>") {
		t.Errorf("another secret: %d %s", status, text)
	}
	if status, text := c.ask(whoami, with(got, "cognito-idp")); status != 403 || !strings.Contains(text, "<Code>SignatureDoesNotMatch</Code>") {
		t.Errorf("signed for another service: %d %s", status, text)
	}
}

// TestFormsForTheOtherAPI: a request that names an operation of the JSON API is one of those, whatever it says that its body is.
func TestFormsForTheOtherAPI(t *testing.T) {
	c := newCounter(t, engines.Memory(t))
	for target, want := range map[string]string{
		"AWSCognitoIdentityService.GetId": `{"IdentityId":"us-east-1:`, "": `<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">`,
	} {
		r, err := http.NewRequest(http.MethodPost, c.House.URL+"/", strings.NewReader(`{"IdentityPoolId":"`+c.Kept["ip"]+`"}`))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("X-Amz-Target", target)
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		text, _ := io.ReadAll(answer.Body)
		answer.Body.Close()
		if !strings.HasPrefix(string(text), want) {
			t.Errorf("%q: %s", target, text)
		}
	}
}
