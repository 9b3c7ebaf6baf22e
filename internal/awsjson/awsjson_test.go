package awsjson_test

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"unicode/utf8"

	"cognate/api"
	"cognate/api/idp"
	"cognate/internal/awsjson"
	"cognate/internal/fault"
)

// newMux serves three operations that show what reached them.
func newMux(t testing.TB) *awsjson.Mux {
	m := awsjson.New(awsjson.Config{
		Logger: slog.New(slog.DiscardHandler),
		Authenticate: func(r *http.Request, _ []byte, service string) (awsjson.Principal, error) {
			if r.Header.Get("Authorization") == "" {
				return awsjson.Principal{}, fault.New("MissingAuthenticationTokenException", "Missing Authentication Token")
			}
			return awsjson.Principal{AccessKeyID: "AKID", Region: "eu-west-1"}, nil
		},
	})
	m.Register(idp.Service)
	awsjson.Handle(m, idp.SignUp, func(_ context.Context, in *idp.SignUpRequest) (*idp.SignUpResponse, error) {
		if in.Username == "panic" {
			panic("boom: " + in.Password)
		}
		return &idp.SignUpResponse{UserSub: in.Username}, nil
	})
	awsjson.Handle(m, idp.DeleteUser, func(_ context.Context, in *idp.DeleteUserRequest) (*api.None, error) { return nil, nil })
	awsjson.Handle(m, idp.CreateUserPool, func(ctx context.Context, in *idp.CreateUserPoolRequest) (*idp.CreateUserPoolResponse, error) {
		return &idp.CreateUserPoolResponse{UserPool: &idp.UserPoolType{Name: in.PoolName, Arn: awsjson.CallerFrom(ctx).Region}}, nil
	})
	return m
}

func post(m http.Handler, op, body string, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest("POST", "/", strings.NewReader(body))
	r.Header.Set("X-Amz-Target", "AWSCognitoIdentityProviderService."+op)
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	m.ServeHTTP(w, r)
	return w
}

// TestAnswers covers the pipeline from the outside (checklist 55).
func TestAnswers(t *testing.T) {
	const signUp = `{"ClientId":"c","Username":"u","Password":"p"}`
	for _, tt := range []struct {
		name, op, body string
		status         int
		want           string
	}{
		{"success", "SignUp", signUp, 200, `{"UserConfirmed":false,"UserSub":"u"}`},
		{"unknown members are ignored", "SignUp", `{"ClientId":"c","Username":"u","X":{"y":[1,{}]}}`, 200, `{"UserConfirmed":false,"UserSub":"u"}`},
		{"null is absent", "SignUp", `{"ClientId":"c","Username":"u","Password":null,"ClientMetadata":{"a":null},"UserAttributes":null}`, 200, `{"UserConfirmed":false,"UserSub":"u"}`},
		{"no output is an empty body", "DeleteUser", `{"AccessToken":"a"}`, 200, ``},
		{"names are case-sensitive", "SignUp", `{"clientId":"c","username":"u"}`, 400, `{"__type":"InvalidParameterException","message":"2 validation errors detected: Value null at 'clientId' failed to satisfy constraint: Member must not be null; Value null at 'username' failed to satisfy constraint: Member must not be null"}`},
		{"an empty body is an empty object", "DeleteUser", ``, 400, `{"__type":"InvalidParameterException","message":"1 validation error detected: Value null at 'accessToken' failed to satisfy constraint: Member must not be null"}`},
		{"a secret value is not printed", "SignUp", `{"ClientId":"c","Username":"u","Password":"a b"}`, 400, `{"__type":"InvalidParameterException","message":"1 validation error detected: Value at 'password' failed to satisfy constraint: Member must satisfy regular expression pattern: [\\S]+"}`},
		{"length and pattern of one member", "SignUp", `{"ClientId":"c","Username":"","Password":"p"}`, 400, `{"__type":"InvalidParameterException","message":"2 validation errors detected: Value at 'username' failed to satisfy constraint: Member must have length greater than or equal to 1; Value at 'username' failed to satisfy constraint: Member must satisfy regular expression pattern: [\\p{L}\\p{M}\\p{S}\\p{N}\\p{P}]+"}`},
		{"nested members are counted from one", "SignUp", `{"ClientId":"c","Username":"u","UserAttributes":[{"Name":"a"},{"Value":"b"}]}`, 400, `{"__type":"InvalidParameterException","message":"1 validation error detected: Value null at 'userAttributes.2.member.name' failed to satisfy constraint: Member must not be null"}`},
		{"not JSON", "SignUp", `{"ClientId":`, 400, `{"__type":"SerializationException","Message":"The request body is not valid JSON."}`},
		{"trailing data", "SignUp", signUp + `{}`, 400, `{"__type":"SerializationException","Message":"The request body has more than one JSON value."}`},
		{"a list for an object", "SignUp", `[]`, 400, `{"__type":"SerializationException","Message":"Expected map or null"}`},
		{"a number for a string", "SignUp", `{"ClientId":1}`, 400, `{"__type":"SerializationException","Message":"class java.lang.Integer can not be converted to an String"}`},
		{"an object for a string", "SignUp", `{"ClientId":{}}`, 400, `{"__type":"SerializationException","Message":"Start of structure or map found where not expected."}`},
		{"a string for a list", "SignUp", `{"UserAttributes":"x"}`, 400, `{"__type":"SerializationException","Message":"Expected list or null"}`},
		{"a repeated member", "SignUp", `{"ClientId":"c","ClientId":"d","Username":"u"}`, 400, `{"__type":"SerializationException","Message":"The request body is not valid JSON."}`},
		{"NUL", "SignUp", `{"ClientId":"c","Username":"u\u0000"}`, 400, `{"__type":"SerializationException","Message":"A string in the request has a NUL character."}`},
		{"invalid UTF-8", "SignUp", "{\"ClientId\":\"c\",\"Username\":\"\xff\"}", 400, `{"__type":"SerializationException","Message":"The request body is not valid JSON."}`},
		{"half a surrogate pair", "SignUp", `{"ClientId":"c","Username":"\ud800"}`, 400, `{"__type":"SerializationException","Message":"The request body is not valid JSON."}`},
		{"unknown operation", "Nope", `{}`, 400, `{"__type":"UnknownOperationException"}`},
		{"an operation without a handler", "GetUser", `{}`, 400, `{"__type":"UnsupportedOperationException","message":"GetUser is not available on this server."}`},
		{"a signed operation without a signature", "CreateUserPool", `{"PoolName":"p"}`, 400, `{"__type":"MissingAuthenticationTokenException","Message":"Missing Authentication Token"}`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := post(newMux(t), tt.op, tt.body)
			if w.Code != tt.status || w.Body.String() != tt.want {
				t.Errorf("got %d %s\nwant %d %s", w.Code, w.Body, tt.status, tt.want)
			}
			if w.Header().Get("X-Amzn-Requestid") == "" || w.Header().Get("Access-Control-Allow-Origin") != "*" {
				t.Error("the answer lacks a request id or the CORS header")
			}
		})
	}
}

func TestCollectionsReportOnce(t *testing.T) {
	w := post(newMux(t), "CreateUserPool", `{"PoolName":"p","MfaConfiguration":"BANANA","AliasAttributes":["email","x"]}`, "Authorization", "x")
	want := `{"__type":"InvalidParameterException","message":"2 validation errors detected: ` +
		`Value 'BANANA' at 'mfaConfiguration' failed to satisfy constraint: Member must satisfy enum value set: [OFF, ON, OPTIONAL]; ` +
		`Value '[email, x]' at 'aliasAttributes' failed to satisfy constraint: Member must satisfy constraint: [Member must satisfy enum value set: [phone_number, email, preferred_username]]"}`
	got := w.Body.String()
	// The order of items is not contractual.
	if !strings.Contains(got, "BANANA") || !strings.Contains(got, "Value '[email, x]' at 'aliasAttributes' failed to satisfy constraint: Member must satisfy constraint: [Member must satisfy enum value set: [phone_number, email, preferred_username]]") || len(got) != len(want) {
		t.Errorf("got %s\nwant %s", got, want)
	}
}

func TestErrorHeaders(t *testing.T) {
	w := post(newMux(t), "SignUp", `{}`)
	if got := w.Header().Get("x-amzn-ErrorType"); got != "InvalidParameterException:" {
		t.Errorf("x-amzn-ErrorType is %q", got)
	}
	if w.Header().Get("x-amzn-ErrorMessage") == "" {
		t.Error("no x-amzn-ErrorMessage")
	}
}

// TestPanicIsInternal holds that a bug in an operation answers 500 and shows nothing of itself.
func TestPanicIsInternal(t *testing.T) {
	w := post(newMux(t), "SignUp", `{"ClientId":"c","Username":"panic","Password":"hunter2"}`)
	if w.Code != 500 || strings.Contains(w.Body.String(), "hunter2") || !strings.Contains(w.Body.String(), "InternalErrorException") {
		t.Errorf("got %d %s", w.Code, w.Body)
	}
}

func TestLargeBody(t *testing.T) {
	w := post(newMux(t), "SignUp", `{"ClientId":"`+strings.Repeat("a", 10<<20)+`"}`)
	if w.Code != 413 || !strings.Contains(w.Body.String(), "RequestEntityTooLargeException") {
		t.Errorf("got %d %s", w.Code, w.Body)
	}
}

// TestLargeSignedBody takes more from who signs, and not without end.
func TestLargeSignedBody(t *testing.T) {
	for size, want := range map[int]int{awsjson.MaxBody: 400, awsjson.MaxSignedBody: 413} {
		w := post(newMux(t), "CreateUserPool", `{"PoolName":"`+strings.Repeat("a", size)+`"}`, "Authorization", "x")
		if w.Code != want {
			t.Errorf("%d bytes: %d %s", size, w.Code, w.Body)
		}
	}
}

// TestManyViolations holds that an answer stays small whatever the request breaks (checklist 55).
func TestManyViolations(t *testing.T) {
	m := newMux(t)
	for name, body := range map[string]string{
		"many": `{"ClientId":"c","Username":"u","UserAttributes":[` + strings.Repeat("{},", 300_000) + `{}]}`,
		"long": `{"PoolName":"p","MfaConfiguration":"` + strings.Repeat("é", 400_000) + `"}`,
	} {
		op := map[string]string{"many": "SignUp", "long": "CreateUserPool"}[name]
		w := post(m, op, body, "Authorization", "x")
		if w.Code != 400 || w.Body.Len() > 20_000 || len(w.Header().Get("X-Amzn-Errormessage")) > 1024 || !utf8.Valid(w.Body.Bytes()) {
			t.Errorf("%s: %d, a body of %d and a header of %d bytes", name, w.Code, w.Body.Len(), len(w.Header().Get("X-Amzn-Errormessage")))
		}
	}
}

func TestPreflight(t *testing.T) {
	r := httptest.NewRequest("OPTIONS", "/", nil)
	w := httptest.NewRecorder()
	newMux(t).ServeHTTP(w, r)
	if w.Code != 200 || !strings.Contains(w.Header().Get("Access-Control-Allow-Headers"), "x-amz-target") {
		t.Errorf("got %d %v", w.Code, w.Header())
	}
}

func TestRegionReachesTheOperation(t *testing.T) {
	w := post(newMux(t), "CreateUserPool", `{"PoolName":"p"}`, "Authorization", "x")
	if want := `{"UserPool":{"Name":"p","Arn":"eu-west-1"}}`; w.Body.String() != want {
		t.Errorf("got %s, want %s", w.Body, want)
	}
}

// TestEveryPatternCompiles decodes an empty input of each operation, and one with a value in each member.
func TestEveryPatternCompiles(t *testing.T) {
	for _, op := range idp.Service.Operations {
		probe(t, op.Input, map[*api.Shape]bool{})
	}
}

func probe(t *testing.T, s *api.Shape, seen map[*api.Shape]bool) {
	if s == nil || seen[s] {
		return
	}
	seen[s] = true
	awsjson.Compile(s)
	for _, m := range s.Members {
		probe(t, m.Shape, seen)
	}
	probe(t, s.Elem, seen)
	probe(t, s.Key, seen)
}

// FuzzBody feeds the JSON pipeline: it never panics, never answers 500, and always answers JSON.
func FuzzBody(f *testing.F) {
	for _, s := range []string{`{}`, `{"ClientId":"c","Username":"u"}`, `{"UserAttributes":[{"Name":"a","Value":1}]}`, `[[[[`, `{"ClientMetadata":{"a":{}}}`, `{"X":1e400}`, "\x00", `nul`} {
		f.Add(s)
	}
	m := newMux(f)
	f.Fuzz(func(t *testing.T, body string) {
		for _, op := range []string{"SignUp", "CreateUserPool"} {
			w := post(m, op, body, "Authorization", "x")
			if w.Code != 200 && w.Code != 400 && w.Code != 413 && !strings.Contains(body, "panic") {
				t.Fatalf("%s answered %d to %q", op, w.Code, body)
			}
			io.Copy(io.Discard, w.Result().Body)
		}
	})
}

// TestLimit asks whether there may be one more operation only where the request is a good one, and answers what it is told, whether
// the operation declares that or not.
func TestLimit(t *testing.T) {
	var asked []string
	refuse := false
	m := awsjson.New(awsjson.Config{
		Logger: slog.New(slog.DiscardHandler), Authenticate: awsjson.AnySignature(nil),
		Undeclared: func(op, code string) { t.Errorf("%s answers %s", op, code) },
		Limit: func(_ context.Context, op *api.Descriptor, in any) error {
			asked = append(asked, op.Name+" "+in.(*idp.SignUpRequest).Username)
			if refuse {
				return fault.New("SlowDownException", "Rate exceeded")
			}
			return nil
		},
	})
	m.Register(idp.Service)
	awsjson.Handle(m, idp.SignUp, func(context.Context, *idp.SignUpRequest) (*idp.SignUpResponse, error) { return nil, nil })
	send := func(body string) (int, string) {
		r := httptest.NewRequest("POST", "/", strings.NewReader(body))
		r.Header.Set("X-Amz-Target", "AWSCognitoIdentityProviderService.SignUp")
		w := httptest.NewRecorder()
		m.ServeHTTP(w, r)
		return w.Code, w.Body.String()
	}
	if status, text := send(`{"ClientId":"c","Username":""}`); status != 400 || len(asked) > 0 {
		t.Errorf("%d %s, and %q were asked for", status, text, asked)
	}
	if status, text := send(`{"ClientId":"c","Username":"ann"}`); status != 200 || len(asked) != 1 || asked[0] != "SignUp ann" {
		t.Errorf("%d %s, and %q were asked for", status, text, asked)
	}
	refuse = true
	if status, text := send(`{"ClientId":"c","Username":"bob"}`); status != 400 || text != `{"__type":"SlowDownException","message":"Rate exceeded"}` {
		t.Errorf("%d %s", status, text)
	}
}
