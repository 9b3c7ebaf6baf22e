package awsjson_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"cognate/api"
	"cognate/api/idp"
	"cognate/internal/awsjson"
	"cognate/internal/fault"
	"cognate/internal/sigv4"
)

const (
	keySecret     = "secret-of-the-access-key"
	keyARN        = "arn:aws:iam::123456789012:user/me"
	sessionSecret = "secret-of-the-session"
	sessionARN    = "arn:aws:sts::123456789012:assumed-role/app/CognitoIdentityCredentials"
)

// sessions knows one session, and one that has expired.
func sessions(token, key string) (awsjson.Holder, error) {
	switch {
	case token == "good" && key == "ASIAGOOD":
		return awsjson.Holder{ARN: sessionARN, Secret: sessionSecret}, nil
	case token == "old" && key == "ASIAGOOD":
		return awsjson.Holder{}, fmt.Errorf("it was: %w", awsjson.ErrSessionExpired)
	}
	return awsjson.Holder{}, errors.New("unknown")
}

func strict() awsjson.Authenticator {
	return awsjson.StrictSignature(func(_ context.Context, id string) (awsjson.Holder, error) {
		if id != "AKIAKEY" {
			return awsjson.Holder{}, awsjson.ErrUnknownKey
		}
		return awsjson.Holder{ARN: keyARN, Secret: keySecret}, nil
	}, sessions)
}

// TestSessions verifies requests with temporary credentials: in production nothing but ours is believed, in development
// ours must be right and all else passes (checklist 52).
func TestSessions(t *testing.T) {
	const key, session = "AKIAKEY " + keyARN, "ASIAGOOD " + sessionARN + " for a while"
	for name, tt := range map[string]struct {
		id, secret        string
		tokens            []string
		strictly, loosely string // the code of the refusal, or who it is
	}{
		"an access key":                 {"AKIAKEY", keySecret, nil, key, "AKIAKEY "},
		"a session":                     {"ASIAGOOD", sessionSecret, []string{"good"}, session, session},
		"a session's key without token": {"ASIAGOOD", sessionSecret, nil, "UnrecognizedClientException", "ASIAGOOD "},
		"a session, another secret":     {"ASIAGOOD", keySecret, []string{"good"}, "InvalidSignatureException", "InvalidSignatureException"},
		"a session, no secret":          {"ASIAGOOD", "", []string{"good"}, "InvalidSignatureException", "InvalidSignatureException"},
		"a session that has expired":    {"ASIAGOOD", sessionSecret, []string{"old"}, "ExpiredTokenException", "ExpiredTokenException"},
		"a session of another key":      {"ASIAOTHER", sessionSecret, []string{"good"}, "UnrecognizedClientException", "ASIAOTHER "},
		"somebody else's session":       {"ASIAGOOD", sessionSecret, []string{"bad"}, "UnrecognizedClientException", "ASIAGOOD "},
		"an access key with a token":    {"AKIAKEY", keySecret, []string{"bad"}, "UnrecognizedClientException", "AKIAKEY "},
		"two tokens":                    {"ASIAGOOD", sessionSecret, []string{"good", "good"}, "UnrecognizedClientException", "ASIAGOOD "},
	} {
		t.Run(name, func(t *testing.T) {
			for authenticate, want := range map[*awsjson.Authenticator]string{new(strict()): tt.strictly, new(awsjson.AnySignature(sessions)): tt.loosely} {
				r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader("{}"))
				for _, token := range tt.tokens {
					r.Header.Add("X-Amz-Security-Token", token)
				}
				sigv4.Sign(r, []byte("{}"), tt.id, tt.secret, "eu-west-1", "cognito-idp", time.Now())
				p, err := (*authenticate)(r, []byte("{}"), "cognito-idp")
				got := p.AccessKeyID + " " + p.ARN
				if p.Temporary {
					got += " for a while"
				}
				if f, ok := errors.AsType[*fault.Error](err); ok {
					got = f.Code
				}
				if got != want || err == nil && p.Region != "eu-west-1" || err != nil && p != (awsjson.Principal{}) {
					t.Errorf("got %s, %v, want %s", got, err, want)
				}
			}
		})
	}
}

func signedCall(m *awsjson.Mux, op, body, id, secret, token string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(body))
	r.Header.Set("X-Amz-Target", "AWSCognitoIdentityProviderService."+op)
	if token != "" {
		r.Header.Set("X-Amz-Security-Token", token)
	}
	sigv4.Sign(r, []byte(body), id, secret, "eu-west-1", "cognito-idp", time.Now())
	w := httptest.NewRecorder()
	m.ServeHTTP(w, r)
	return w
}

// TestSessionsMayNothing: without policies, access keys may do everything and sessions nothing (checklist 53).
func TestSessionsMayNothing(t *testing.T) {
	m := awsjson.New(awsjson.Config{Logger: slog.New(slog.DiscardHandler), Authenticate: strict()})
	m.Register(idp.Service)
	asked := 0
	awsjson.Handle(m, idp.DeleteUserPool, func(context.Context, *idp.DeleteUserPoolRequest) (*api.None, error) { asked++; return nil, nil })
	w := signedCall(m, "DeleteUserPool", `{"UserPoolId":"us-east-1_a"}`, "ASIAGOOD", sessionSecret, "good")
	want := `{"__type":"AccessDeniedException","Message":"User: ` + sessionARN + ` is not authorized to perform: cognito-idp:DeleteUserPool"}`
	if w.Code != 400 || w.Body.String() != want || asked != 0 {
		t.Errorf("a session: %d %s", w.Code, w.Body)
	}
	if w := signedCall(m, "DeleteUserPool", `{"UserPoolId":"us-east-1_a"}`, "AKIAKEY", keySecret, ""); w.Code != 200 || asked != 1 {
		t.Errorf("an access key: %d %s", w.Code, w.Body)
	}
}

// TestAuthorizer: who decides is told who it is, the action, and the resource that the operation will act on.
func TestAuthorizer(t *testing.T) {
	var told string
	m := awsjson.New(awsjson.Config{
		Logger: slog.New(slog.DiscardHandler), Authenticate: strict(),
		Authorize: func(_ context.Context, c awsjson.Caller, action, resource string) error {
			told = c.ARN + " at " + c.IP + " " + action + " " + resource
			return fault.New("AccessDeniedException", "not "+c.ARN)
		},
	})
	m.Register(idp.Service)
	for _, tt := range []struct{ op, body, want string }{
		{"DeleteUserPool", `{"UserPoolId":"us-east-1_a"}`, "us-east-1_a"},
		{"DeleteUserPool", ` {"X":{"UserPoolId":"x"},"IdentityPoolId":"y","ResourceArn":"z","UserPoolId":"us-east-1_b"}`, "us-east-1_b"},
		{"TagResource", `{"UserPoolId":"x","ResourceArn":"arn:aws:z"}`, "arn:aws:z"},
		{"DeleteUserPool", `{"UserPoolId":7}`, "*"},
		{"DeleteUserPool", `{"UserPoolId":`, "*"},
		{"DeleteUserPool", `[{"UserPoolId":"x"}]`, "*"},
		{"DeleteUserPool", ``, "*"},
		{"ListUserPools", `{"UserPoolId":"x"}`, "*"},
		{"TagResource", `{"ResourceArn":"` + strings.Repeat("a", 2049) + `"}`, "*"},
	} {
		told = ""
		w := signedCall(m, tt.op, tt.body, "AKIAKEY", keySecret, "")
		if want := keyARN + " at 192.0.2.1 cognito-idp:" + tt.op + " " + tt.want; told != want {
			t.Errorf("%s %s: told %q, want %q", tt.op, tt.body, told, want)
		}
		if !strings.Contains(w.Body.String(), "not "+keyARN) {
			t.Errorf("%s %s: %d %s", tt.op, tt.body, w.Code, w.Body)
		}
	}
}
