package server

import (
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"cognate/internal/credential"
	"cognate/internal/credential/credentialtest"
	"cognate/internal/sigv4"
)

// TestProductionSessions follows a guest's temporary credentials through a production server: it knows them, and lets them
// do nothing but say who they are (checklist 52, 53).
func TestProductionSessions(t *testing.T) {
	s := start(t, production(t), io.Discard)
	admin := func(service, body string) func(*http.Request) {
		return func(r *http.Request) {
			sigv4.Sign(r, []byte(body), "AKIATEST", accessSecret, "eu-west-3", service, time.Now())
		}
	}
	_, got := guestOf(t, s, "AKIATEST", accessSecret, "arn:aws:iam::123456789012:role/out")
	c := got
	session := func(secret, token, service, body string) func(*http.Request) {
		return func(r *http.Request) {
			r.Header.Set("X-Amz-Security-Token", token)
			sigv4.Sign(r, []byte(body), c.AccessKeyId, secret, "eu-west-3", service, time.Now())
		}
	}
	const body = `{"PoolName":"p"}`
	altered := "A" + c.SessionToken[1:]
	if altered == c.SessionToken {
		altered = "B" + c.SessionToken[1:]
	}
	for name, tt := range map[string]struct {
		secret, token, want string
	}{
		"the session":      {c.SecretKey, c.SessionToken, `{"__type":"AccessDeniedException","Message":"User: arn:aws:sts::123456789012:assumed-role/out/CognitoIdentityCredentials is not authorized to perform: cognito-idp:CreateUserPool on resource: * because no identity-based policy allows the cognito-idp:CreateUserPool action"}`},
		"another secret":   {accessSecret, c.SessionToken, `"__type":"InvalidSignatureException"`},
		"an altered token": {c.SecretKey, altered, `"__type":"UnrecognizedClientException"`},
	} {
		if status, text := call(t, s.URL(), "CreateUserPool", body, session(tt.secret, tt.token, "cognito-idp", body)); status != 400 || !strings.Contains(text, tt.want) {
			t.Errorf("%s: %d %s", name, status, text)
		}
	}
	form := url.Values{"Action": {"GetCallerIdentity"}, "Version": {"2011-06-15"}}.Encode()
	for name, tt := range map[string]struct {
		sign   func(*http.Request)
		status int
		want   string
	}{
		"the session":        {session(c.SecretKey, c.SessionToken, "sts", form), 200, "<Arn>arn:aws:sts::123456789012:assumed-role/out/CognitoIdentityCredentials</Arn>"},
		"an access key":      {admin("sts", form), 200, "<Arn>arn:aws:iam::000000000000:user/AKIATEST</Arn>"},
		"an altered session": {session(c.SecretKey, altered, "sts", form), 403, "<Code>InvalidClientTokenId</Code>"},
		"another service":    {admin("cognito-idp", form), 403, "<Code>SignatureDoesNotMatch</Code>"},
	} {
		r, _ := http.NewRequest(http.MethodPost, s.URL()+"/", strings.NewReader(form))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		tt.sign(r)
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		text, _ := io.ReadAll(answer.Body)
		answer.Body.Close()
		if answer.StatusCode != tt.status || !strings.Contains(string(text), tt.want) {
			t.Errorf("who %s is: %d %s", name, answer.StatusCode, text)
		}
	}
}

// TestIdentityDocuments finds the keys of identities' tokens where their issuer says, whatever the Host.
func TestIdentityDocuments(t *testing.T) {
	s := start(t, production(t), io.Discard)
	r, _ := http.NewRequest(http.MethodGet, s.URL()+"/_cognate/identity/.well-known/openid-configuration", nil)
	r.Host = "evil.example.com"
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, _ := io.ReadAll(answer.Body)
	want := `{"issuer":"https://id.example.com/_cognate/identity","jwks_uri":"https://id.example.com/_cognate/identity/.well-known/jwks_uri",` +
		`"response_types_supported":["id_token"],"subject_types_supported":["public"],"id_token_signing_alg_values_supported":["RS512"]}`
	if string(text) != want {
		t.Errorf("got %s", text)
	}
}

// TestSTSBroker has another service give the credentials, which believes this server by the documents that it serves.
func TestSTSBroker(t *testing.T) {
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	service := credentialtest.NewService(t, "")
	s := start(t, Config{Dev: true, Addr: "127.0.0.1:0", Data: ":memory:", Credentials: Credentials{Broker: "sts", Endpoint: service.URL, Region: "eu-west-3"}}, io.Discard)
	service.Issuer = s.URL() + "/_cognate/identity"
	made, got := guestOf(t, s, "AKIA", "any", credentialtest.Role)
	who := service.Session(credential.Credentials{AccessKeyID: got.AccessKeyId})
	if who.IdentityID != made.IdentityId || who.PoolID != made.IdentityPoolId || who.ARN != "arn:aws:sts::123456789012:assumed-role/app/CognitoIdentityCredentials" {
		t.Errorf("the credentials are of %+v", who)
	}
}

// guest is an identity of an identity pool.
type guest struct{ IdentityPoolId, IdentityId string }

// guestKeys are the credentials of one.
type guestKeys struct{ AccessKeyId, SecretKey, SessionToken string }

// guestOf makes an identity pool whose guests have a role, by an access key, and gives one of them credentials.
func guestOf(t *testing.T, s *Server, id, secret, role string) (made guest, _ guestKeys) {
	t.Helper()
	ask := func(op, body string, into any) {
		t.Helper()
		status, text := callTarget(t, s.URL(), "AWSCognitoIdentityService."+op, body, func(r *http.Request) {
			sigv4.Sign(r, []byte(body), id, secret, "eu-west-3", "cognito-identity", time.Now())
		})
		if status != 200 {
			t.Fatalf("%s: %d %s", op, status, text)
		}
		if into != nil {
			if err := json.Unmarshal([]byte(text), into); err != nil {
				t.Fatal(err)
			}
		}
	}
	var got struct{ Credentials guestKeys }
	ask("CreateIdentityPool", `{"IdentityPoolName":"i","AllowUnauthenticatedIdentities":true}`, &made)
	ask("SetIdentityPoolRoles", `{"IdentityPoolId":"`+made.IdentityPoolId+`","Roles":{"unauthenticated":"`+role+`"}}`, nil)
	ask("GetId", `{"IdentityPoolId":"`+made.IdentityPoolId+`"}`, &made)
	ask("GetCredentialsForIdentity", `{"IdentityId":"`+made.IdentityId+`"}`, &got)
	return made, got.Credentials
}
