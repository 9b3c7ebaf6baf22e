package idpserver

import (
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"cognate/internal/awsjson"
	"cognate/internal/pool"
	"cognate/internal/secret/secrettest"
	"cognate/internal/store/storetest/engines"

	"github.com/go-json-experiment/json"
)

// poolDoor serves the operations on pools, clients and client secrets over an
// empty database; every signature is believed to be of eu-west-3.
type poolDoor struct {
	*testing.T
	mux *awsjson.Mux
}

func newPoolDoor(t *testing.T) *poolDoor {
	db, keys := engines.Memory(t), secrettest.Keyring(t)
	s := &Service{pools: pool.New(db, keys, pool.Options{AccountID: "123456789012"})}
	m := awsjson.New(awsjson.Config{
		Authenticate: func(*http.Request, []byte, string) (awsjson.Principal, error) {
			return awsjson.Principal{AccessKeyID: "AKID", Region: "eu-west-3"}, nil
		},
		Logger:     slog.New(slog.DiscardHandler),
		Undeclared: func(op, code string) { t.Errorf("%s answers %s, which the model does not declare", op, code) },
	})
	s.Register(m)
	return &poolDoor{t, m}
}

func (d *poolDoor) post(op, body string) (status int, answer string) {
	r := httptest.NewRequest("POST", "/", strings.NewReader(body))
	r.Header.Set("X-Amz-Target", "AWSCognitoIdentityProviderService."+op)
	r.Header.Set("Authorization", "any")
	w := httptest.NewRecorder()
	d.mux.ServeHTTP(w, r)
	return w.Code, w.Body.String()
}

// call returns the answer to a request that succeeds; {} when the body is empty.
func (d *poolDoor) call(op, body string, args ...any) map[string]any {
	d.Helper()
	status, text := d.post(op, fmt.Sprintf(body, args...))
	if status != 200 {
		d.Fatalf("%s: %d %s", op, status, text)
	}
	out := map[string]any{}
	if text != "" {
		if err := json.Unmarshal([]byte(text), &out); err != nil {
			d.Fatalf("%s: %v: %s", op, err, text)
		}
	}
	return out
}

// refuse fails unless the request is answered with the error.
func (d *poolDoor) refuse(op, code, message, body string, args ...any) {
	d.Helper()
	status, text := d.post(op, fmt.Sprintf(body, args...))
	want := fmt.Sprintf(`{"__type":%q,"message":%q}`, code, message)
	if status != 400 || text != want {
		d.Errorf("%s: %d %s\nwant 400 %s", op, status, text, want)
	}
}

func (d *poolDoor) newPool(name, more string) string {
	d.Helper()
	return d.call("CreateUserPool", `{"PoolName":%q%s}`, name, more)["UserPool"].(map[string]any)["Id"].(string)
}

func TestPoolOperations(t *testing.T) {
	d := newPoolDoor(t)
	id := d.newPool("first", "")
	if !strings.HasPrefix(id, "eu-west-3_") {
		t.Errorf("id %q", id)
	}
	if out := d.call("AddCustomAttributes", `{"UserPoolId":%q,"CustomAttributes":[{"Name":"x","AttributeDataType":"String"}]}`, id); len(out) != 0 {
		t.Errorf("AddCustomAttributes: %v", out)
	}
	if out := d.call("UpdateUserPool", `{"UserPoolId":%q,"DeletionProtection":"ACTIVE"}`, id); len(out) != 0 {
		t.Errorf("UpdateUserPool: %v", out)
	}
	p := d.call("DescribeUserPool", `{"UserPoolId":%q}`, id)["UserPool"].(map[string]any)
	if p["Name"] != "first" || p["DeletionProtection"] != "ACTIVE" || p["EstimatedNumberOfUsers"] != 0.0 || len(p["SchemaAttributes"].([]any)) != 22 {
		t.Errorf("DescribeUserPool: %v", p)
	}
	if _, ok := p["CreationDate"].(float64); !ok || p["Arn"] != "arn:aws:cognito-idp:eu-west-3:123456789012:userpool/"+id {
		t.Errorf("DescribeUserPool: %v", p)
	}
	d.refuse("DeleteUserPool", "InvalidParameterException",
		"The user pool cannot be deleted because deletion protection is activated. Deletion protection must be inactivated first.", `{"UserPoolId":%q}`, id)
	d.call("UpdateUserPool", `{"UserPoolId":%q}`, id)
	if status, text := d.post("DeleteUserPool", fmt.Sprintf(`{"UserPoolId":%q}`, id)); status != 200 || text != "" {
		t.Errorf("DeleteUserPool: %d %q", status, text)
	}
	for _, op := range []string{"DescribeUserPool", "UpdateUserPool", "DeleteUserPool", "ListUserPoolClients"} {
		d.refuse(op, "ResourceNotFoundException", "User pool "+id+" does not exist.", `{"UserPoolId":%q}`, id)
	}
	d.refuse("AddCustomAttributes", "ResourceNotFoundException", "User pool "+id+" does not exist.", `{"UserPoolId":%q,"CustomAttributes":[{"Name":"x"}]}`, id)
	d.refuse("CreateUserPool", "UserPoolTaggingException", "Tag keys that begin with aws: are reserved.", `{"PoolName":"p","UserPoolTags":{"aws:x":""}}`)
}

func TestListPoolsByPages(t *testing.T) {
	d := newPoolDoor(t)
	if out := d.call("ListUserPools", `{"MaxResults":60}`); len(out["UserPools"].([]any)) != 0 || out["NextToken"] != nil {
		t.Errorf("no pools: %v", out)
	}
	for i := range 5 {
		d.newPool(fmt.Sprint("p", i), `,"LambdaConfig":{"PreSignUp":"arn:aws:lambda:eu-west-3:123456789012:function:f"}`)
	}
	names := map[string]bool{}
	token := ""
	for _, want := range []int{2, 2, 1} {
		out := d.call("ListUserPools", `{"MaxResults":2%s}`, token)
		page := out["UserPools"].([]any)
		if len(page) != want {
			t.Fatalf("a page of %d", len(page))
		}
		for _, p := range page {
			p := p.(map[string]any)
			names[p["Name"].(string)] = true
			if p["Id"] == nil || p["CreationDate"] == nil || p["LastModifiedDate"] == nil || p["LambdaConfig"].(map[string]any)["PreSignUp"] == nil {
				t.Errorf("listed %v", p)
			}
		}
		token = ""
		if next, ok := out["NextToken"].(string); ok {
			token = fmt.Sprintf(`,"NextToken":%q`, next)
		}
	}
	if len(names) != 5 || token != "" {
		t.Errorf("listed %v, then %q", names, token)
	}
	d.refuse("ListUserPools", "InvalidParameterException", "Invalid pagination token.", `{"MaxResults":2,"NextToken":"x"}`)
}

func TestClientOperations(t *testing.T) {
	d := newPoolDoor(t)
	id, other := d.newPool("p", ""), d.newPool("q", "")
	made := d.call("CreateUserPoolClient", `{"UserPoolId":%q,"ClientName":"c","GenerateSecret":true}`, id)["UserPoolClient"].(map[string]any)
	client := made["ClientId"].(string)
	if s, _ := made["ClientSecret"].(string); len(s) != 52 {
		t.Errorf("secret %q", s)
	}
	got := d.call("DescribeUserPoolClient", `{"UserPoolId":%q,"ClientId":%q}`, id, client)["UserPoolClient"].(map[string]any)
	if fmt.Sprint(got) != fmt.Sprint(made) {
		t.Errorf("described %v\nmade %v", got, made)
	}
	got = d.call("UpdateUserPoolClient", `{"UserPoolId":%q,"ClientId":%q,"AccessTokenValidity":2}`, id, client)["UserPoolClient"].(map[string]any)
	if got["AccessTokenValidity"] != 2.0 || got["ClientSecret"] != made["ClientSecret"] || got["ClientName"] != "c" {
		t.Errorf("updated %v", got)
	}
	for _, op := range []string{"DescribeUserPoolClient", "UpdateUserPoolClient", "DeleteUserPoolClient", "AddUserPoolClientSecret", "ListUserPoolClientSecrets"} {
		d.refuse(op, "ResourceNotFoundException", "User pool client "+client+" does not exist.", `{"UserPoolId":%q,"ClientId":%q}`, other, client)
	}
	d.refuse("UpdateUserPoolClient", "ScopeDoesNotExistException", "Invalid scope requested: x", `{"UserPoolId":%q,"ClientId":%q,"AllowedOAuthScopes":["x"]}`, id, client)
	d.refuse("CreateUserPoolClient", "InvalidOAuthFlowException", "client_credentials flow can not be selected if client does not have a client secret.",
		`{"UserPoolId":%q,"ClientName":"m","AllowedOAuthFlows":["client_credentials"]}`, id)
	if status, text := d.post("DeleteUserPoolClient", fmt.Sprintf(`{"UserPoolId":%q,"ClientId":%q}`, id, client)); status != 200 || text != "" {
		t.Errorf("DeleteUserPoolClient: %d %q", status, text)
	}
	d.refuse("DescribeUserPoolClient", "ResourceNotFoundException", "User pool client "+client+" does not exist.", `{"UserPoolId":%q,"ClientId":%q}`, id, client)
}

func TestListClientsByPages(t *testing.T) {
	d := newPoolDoor(t)
	id, other := d.newPool("p", ""), d.newPool("q", "")
	if out := d.call("ListUserPoolClients", `{"UserPoolId":%q}`, id); len(out["UserPoolClients"].([]any)) != 0 {
		t.Errorf("no clients: %v", out)
	}
	for range 3 {
		d.call("CreateUserPoolClient", `{"UserPoolId":%q,"ClientName":"c"}`, id)
	}
	out := d.call("ListUserPoolClients", `{"UserPoolId":%q,"MaxResults":2}`, id)
	token, _ := out["NextToken"].(string)
	if len(out["UserPoolClients"].([]any)) != 2 || token == "" {
		t.Fatalf("first page %v", out)
	}
	// A token pages through no other pool and no other list.
	d.refuse("ListUserPoolClients", "InvalidParameterException", "Invalid pagination token.", `{"UserPoolId":%q,"NextToken":%q}`, other, token)
	d.refuse("ListUserPools", "InvalidParameterException", "Invalid pagination token.", `{"MaxResults":2,"NextToken":%q}`, token)
	out = d.call("ListUserPoolClients", `{"UserPoolId":%q,"NextToken":%q}`, id, token)
	last := out["UserPoolClients"].([]any)
	if len(last) != 1 || out["NextToken"] != nil || last[0].(map[string]any)["UserPoolId"] != id {
		t.Errorf("last page %v", out)
	}
}

func TestClientSecretOperations(t *testing.T) {
	d := newPoolDoor(t)
	id := d.newPool("p", "")
	made := d.call("CreateUserPoolClient", `{"UserPoolId":%q,"ClientName":"c","ClientSecret":"abcdefghijklmnopqrstuvwxyz"}`, id)["UserPoolClient"].(map[string]any)
	client := made["ClientId"]
	added := d.call("AddUserPoolClientSecret", `{"UserPoolId":%q,"ClientId":%q}`, id, client)["ClientSecretDescriptor"].(map[string]any)
	if added["ClientSecretValue"] == nil || added["ClientSecretCreateDate"] == nil {
		t.Errorf("added %v", added)
	}
	d.refuse("AddUserPoolClientSecret", "LimitExceededException", "A user pool client can have at most 2 client secrets.", `{"UserPoolId":%q,"ClientId":%q}`, id, client)
	list := d.call("ListUserPoolClientSecrets", `{"UserPoolId":%q,"ClientId":%q}`, id, client)["ClientSecrets"].([]any)
	if len(list) != 2 || strings.Contains(fmt.Sprint(list), "ClientSecretValue") {
		t.Errorf("listed %v", list)
	}
	d.refuse("ListUserPoolClientSecrets", "InvalidParameterException", "Invalid pagination token.", `{"UserPoolId":%q,"ClientId":%q,"NextToken":"x"}`, id, client)
	if out := d.call("DeleteUserPoolClientSecret", `{"UserPoolId":%q,"ClientId":%q,"ClientSecretId":%q}`, id, client, added["ClientSecretId"]); len(out) != 0 {
		t.Errorf("DeleteUserPoolClientSecret: %v", out)
	}
	d.refuse("DeleteUserPoolClientSecret", "ResourceNotFoundException", "Client secret "+added["ClientSecretId"].(string)+" does not exist.",
		`{"UserPoolId":%q,"ClientId":%q,"ClientSecretId":%q}`, id, client, added["ClientSecretId"])
	d.refuse("DeleteUserPoolClientSecret", "InvalidParameterException", "The last client secret of a user pool client cannot be deleted.",
		`{"UserPoolId":%q,"ClientId":%q,"ClientSecretId":%q}`, id, client, list[0].(map[string]any)["ClientSecretId"])
}
