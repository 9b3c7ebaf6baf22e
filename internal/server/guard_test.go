package server

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"cognate/internal/awsjson"
	"cognate/internal/credential"
	"cognate/internal/credential/embedded"
	"cognate/internal/policy"
	"cognate/internal/secret"
	"cognate/internal/sigv4"
)

// allow is a policy of one action on one resource.
func allow(action, resource string) string {
	return `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"` + action + `","Resource":"` + resource + `"}}`
}

func as(id, secret, token string) func(*http.Request) {
	return func(r *http.Request) {
		body, _ := r.GetBody()
		text, _ := io.ReadAll(body)
		if token != "" {
			r.Header.Set("X-Amz-Security-Token", token)
		}
		sigv4.Sign(r, text, id, secret, "us-east-1", "cognito-idp", time.Now())
	}
}

// administer opens the keys and roles of a server beside it.
func administer(t *testing.T, c Config) *Access {
	a, err := OpenAccess(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { a.Close() })
	return a
}

func parsed(t *testing.T, text string) *policy.Document {
	t.Helper()
	d, err := policy.Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// wants fails unless an answer is what is wanted: an error's code and text, or a part of a good one.
func wants(t *testing.T, what string, status int, text, want string) {
	t.Helper()
	if !strings.Contains(text, want) || (status == 200) != !strings.HasPrefix(want, `"__type"`) {
		t.Errorf("%s: %d %s, want %s", what, status, text, want)
	}
}

// TestKeysOfTheCommandLine makes keys while the server runs, each for what its policy says (checklist 53).
func TestKeysOfTheCommandLine(t *testing.T) {
	c := production(t)
	c.AccessKeys[0].PolicyFile = file(t, "policy.json", allow("cognito-idp:CreateUserPool", "*"))
	s := start(t, c, io.Discard)
	admin := administer(t, c)
	try := func(op, body, id, secret string) (int, string) { return call(t, s.URL(), op, body, as(id, secret, "")) }

	status, text := try("CreateUserPool", `{"PoolName":"p"}`, "AKIATEST", accessSecret)
	wants(t, "what the configured key may do", status, text, `"Id":"us-east-1_`)
	pool := text[strings.Index(text, `"Id":"`)+6:]
	pool = pool[:strings.Index(pool, `"`)]
	status, text = try("ListUserPools", `{"MaxResults":1}`, "AKIATEST", accessSecret)
	wants(t, "what it may not", status, text, `"__type":"AccessDeniedException","Message":"User: arn:aws:iam::000000000000:user/AKIATEST is not authorized to perform: `+
		`cognito-idp:ListUserPools on resource: * because no identity-based policy allows the cognito-idp:ListUserPools action"`)

	arn := "arn:aws:cognito-idp:us-east-1:000000000000:userpool/" + pool
	k, value, err := admin.CreateKey(t.Context(), "reader", parsed(t, allow("cognito-idp:DescribeUserPool", arn)))
	if err != nil {
		t.Fatal(err)
	}
	soon(t, func() bool {
		status, _ := try("DescribeUserPool", `{"UserPoolId":"`+pool+`"}`, k.ID, string(value))
		return status == 200
	})
	for what, tt := range map[string]struct{ op, body, want string }{
		"another pool": {"DescribeUserPool", `{"UserPoolId":"us-east-1_other"}`, `"__type":"AccessDeniedException"`},
		"another operation": {"DeleteUserPool", `{"UserPoolId":"` + pool + `"}`, `"__type":"AccessDeniedException","Message":"User: arn:aws:iam::000000000000:user/reader is not authorized to perform: ` +
			`cognito-idp:DeleteUserPool on resource: ` + arn + ` because no identity-based policy allows the cognito-idp:DeleteUserPool action"`},
		"no pool": {"DescribeUserPool", `{}`, `"__type":"AccessDeniedException"`},
		"twice":   {"DescribeUserPool", `{"UserPoolId":"` + pool + `","UserPoolId":"us-east-1_other"}`, `"__type":"SerializationException"`},
	} {
		status, text := try(tt.op, tt.body, k.ID, string(value))
		wants(t, what, status, text, tt.want)
	}
	status, text = try("DescribeUserPool", `{"UserPoolId":"`+pool+`"}`, k.ID, accessSecret)
	wants(t, "another secret", status, text, `"__type":"InvalidSignatureException"`)

	if err := admin.EnableKey(t.Context(), k.ID, false); err != nil {
		t.Fatal(err)
	}
	soon(t, func() bool {
		_, text := try("DescribeUserPool", `{"UserPoolId":"`+pool+`"}`, k.ID, string(value))
		return strings.Contains(text, `"__type":"UnrecognizedClientException"`)
	})
}

// soon waits for what another process has changed.
func soon(t *testing.T, done func() bool) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
		if done() {
			return
		}
	}
	t.Fatal("a change is not seen")
}

// TestNoKeyAtAll refuses to start where nobody could administer the server, until somebody can.
func TestNoKeyAtAll(t *testing.T) {
	c := production(t)
	c.AccessKeys = nil
	if _, err := Start(t.Context(), c, Options{}); err == nil || !strings.Contains(err.Error(), "access_keys is missing") {
		t.Errorf("%v", err)
	}
	admin := administer(t, c)
	if _, _, err := admin.CreateKey(t.Context(), "a", everything); err != nil {
		t.Fatal(err)
	}
	start(t, c, io.Discard)
}

// TestSessionsOfRoles lets the credentials of an identity do what the role's policy says, under its conditions (checklist 53).
func TestSessionsOfRoles(t *testing.T) {
	c := production(t)
	s := start(t, c, io.Discard)
	admin := administer(t, c)
	const role, other = "arn:aws:iam::000000000000:role/app", "arn:aws:iam::000000000000:role/other"
	text := `{"Version":"2012-10-17","Statement":[
		{"Effect":"Allow","Action":"cognito-identity:ListIdentityPools","Resource":"*","Condition":{
			"StringEquals":{"cognito-identity.amazonaws.com:aud":"us-east-1:pool","aws:PrincipalTag/team":"blue"},
			"ForAnyValue:StringLike":{"cognito-identity.amazonaws.com:amr":"authenticated"}}},
		{"Effect":"Deny","Action":"cognito-idp:Delete*","Resource":"*"}]}`
	if err := admin.PutRole(t.Context(), role, parsed(t, text)); err != nil {
		t.Fatal(err)
	}
	keys := masterKeys(t, c)
	narrow := ""
	list := func(arn, pool, team string, amr ...string) (int, string) {
		got, err := embedded.New(keys).Assume(t.Context(), credential.Request{RoleARN: arn, SessionName: "s", IdentityID: "us-east-1:me", PoolID: pool,
			AMR: amr, Tags: map[string]string{"Team": team}, Duration: time.Hour, Policy: narrow})
		if err != nil {
			t.Fatal(err)
		}
		return callTarget(t, s.URL(), "AWSCognitoIdentityService.ListIdentityPools", `{"MaxResults":1}`, func(r *http.Request) {
			r.Header.Set("X-Amz-Security-Token", got.SessionToken)
			sigv4.Sign(r, []byte(`{"MaxResults":1}`), got.AccessKeyID, got.SecretAccessKey, "us-east-1", "cognito-identity", time.Now())
		})
	}
	soon(t, func() bool { status, _ := list(role, "us-east-1:pool", "blue", "authenticated"); return status == 200 })
	for what, answer := range map[string]func() (int, string){
		"another pool":          func() (int, string) { return list(role, "us-east-1:other", "blue", "authenticated") },
		"another tag":           func() (int, string) { return list(role, "us-east-1:pool", "red", "authenticated") },
		"a guest":               func() (int, string) { return list(role, "us-east-1:pool", "blue", "unauthenticated") },
		"a role without policy": func() (int, string) { return list(other, "us-east-1:pool", "blue", "authenticated") },
	} {
		status, text := answer()
		wants(t, what, status, text, `"__type":"AccessDeniedException","Message":"User: arn:aws:sts::000000000000:assumed-role/`)
	}
	for text, want := range map[string]string{
		allow("cognito-identity:*", "*"):                     `"IdentityPools":`,
		allow("cognito-idp:*", "*"):                          `"__type":"AccessDeniedException","Message":"User: arn:aws:sts::000000000000:assumed-role/app/s is not authorized to perform: cognito-identity:ListIdentityPools on resource: * because no session policy allows the cognito-identity:ListIdentityPools action"`,
		strings.Replace(allow("*", "*"), "Allow", "Deny", 1): `with an explicit deny in a session policy"`,
	} {
		narrow = text
		status, got := list(role, "us-east-1:pool", "blue", "authenticated")
		if (status == 200) != (want == `"IdentityPools":`) || !strings.Contains(got, want) {
			t.Errorf("narrowed by %s: %d %s, want %s", text, status, got, want)
		}
	}
	narrow = allow("*", "*")
	if status, text := list(other, "us-east-1:pool", "blue", "authenticated"); status == 200 {
		t.Errorf("a session's policy widens its role: %s", text)
	}
}

// TestAuthorizeSaysDenied tells a denial from what nobody allows, in AWS's words.
func TestAuthorizeSaysDenied(t *testing.T) {
	g := &guard{accountID: "000000000000"}
	c := awsjson.Caller{Principal: awsjson.Principal{AccessKeyID: "A", ARN: "arn:aws:iam::000000000000:user/a", Of: parsed(t, strings.Replace(allow("*", "*"), "Allow", "Deny", 1))}}
	err := g.authorize(t.Context(), c, "cognito-identity:DeleteIdentityPool", "us-east-1:pool")
	want := "AccessDeniedException: User: arn:aws:iam::000000000000:user/a is not authorized to perform: cognito-identity:DeleteIdentityPool on resource: " +
		"arn:aws:cognito-identity:us-east-1:000000000000:identitypool/us-east-1:pool with an explicit deny in an identity-based policy"
	if err == nil || err.Error() != want {
		t.Errorf("%v", err)
	}
	c.Of = nil
	if err := g.authorize(t.Context(), c, "a:b", "*"); err == nil {
		t.Error("who is known by nothing may do something")
	}
}

// TestResourceOfARegion names a pool by the region in which it is served: policies tell a replica from the pool.
func TestResourceOfARegion(t *testing.T) {
	for region, want := range map[string]string{"": "us-east-1", "eu-west-1": "eu-west-1"} {
		g := &guard{accountID: "000000000000", region: region}
		if got := g.arn("us-east-1_Pool"); got != "arn:aws:cognito-idp:"+want+":000000000000:userpool/us-east-1_Pool" {
			t.Errorf("in %q it is %s", region, got)
		}
	}
}

// TestOpenAccessNeedsAFile says why there is nothing to administer.
func TestOpenAccessNeedsAFile(t *testing.T) {
	for want, c := range map[string]Config{"data is missing": {}, "in memory": {Data: ":memory:"}, "master_key_file is missing": {Data: t.TempDir()}} {
		if a, err := OpenAccess(t.Context(), c); a != nil || err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
}

// masterKeys are those of a configuration.
func masterKeys(t *testing.T, c Config) *secret.Keyring {
	t.Helper()
	keys, err := secret.LoadFile(c.MasterKeyFile)
	if err != nil {
		t.Fatal(err)
	}
	return keys
}
