package client

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"cognate/api/idp"
	"cognate/internal/srp"
)

// service is a stand-in that answers every operation by its name, and keeps what it was sent last.
type service struct {
	answers map[string]string
	status  int
	header  http.Header
	sent    map[string]string
}

func (s *service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	text, _ := io.ReadAll(r.Body)
	_, op, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	s.sent[op] = r.Header.Get("Content-Type") + " " + string(text)
	for name, values := range s.header {
		w.Header()[name] = values
	}
	if s.status != 0 {
		w.WriteHeader(s.status)
	}
	fmt.Fprint(w, s.answers[op])
}

// at makes a client of a stand-in.
func at(t *testing.T, s *service) *Client {
	t.Helper()
	s.sent = map[string]string{}
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	c, err := New(Config{Endpoint: server.URL, PoolID: "us-east-1_ExaMPle", ClientID: "app", Store: new(MemoryStore)})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// token is one that nobody has signed.
func token(claims string) string {
	return "e30." + base64.RawURLEncoding.EncodeToString([]byte(claims)) + ".x"
}

func TestNewRefuses(t *testing.T) {
	for name, c := range map[string]Config{
		"no pool": {ClientID: "app"}, "no pool id": {PoolID: "ExaMPle", ClientID: "app"}, "half a pool id": {PoolID: "us-east-1_", ClientID: "app"},
		"no client": {PoolID: "us-east-1_ExaMPle"}, "no URL": {PoolID: "us-east-1_ExaMPle", ClientID: "app", Endpoint: "127.0.0.1:9229"},
		"another protocol": {PoolID: "us-east-1_ExaMPle", ClientID: "app", Endpoint: "ftp://host"},
		"a query":          {PoolID: "us-east-1_ExaMPle", ClientID: "app", Endpoint: "http://host/?a=b"},
	} {
		if _, err := New(c); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func TestEndpoints(t *testing.T) {
	for pool, want := range map[string]string{
		"us-east-1_A":  "https://cognito-idp.us-east-1.amazonaws.com https://cognito-identity.us-east-1.amazonaws.com",
		"cn-north-1_A": "https://cognito-idp.cn-north-1.amazonaws.com.cn https://cognito-identity.cn-north-1.amazonaws.com.cn",
	} {
		c, err := New(Config{PoolID: pool, ClientID: "app"})
		if err != nil || c.idp+" "+c.identity != want {
			t.Errorf("%s: %v, %v", pool, c, err)
		}
	}
	c, err := New(Config{PoolID: "us-east-1_A", ClientID: "app", Region: "eu-west-1"})
	if err != nil || c.idp != "https://cognito-idp.eu-west-1.amazonaws.com" {
		t.Errorf("%v, %v", c, err)
	}
	c, err = New(Config{PoolID: "us-east-1_A", ClientID: "app", Endpoint: "https://id.example.com/auth/"})
	if err != nil || c.idp != "https://id.example.com/auth" || c.identity != c.idp {
		t.Errorf("%v, %v", c, err)
	}
}

// TestErrors reads the forms of errors that the service and what stands before it have.
func TestErrors(t *testing.T) {
	header := func(code string) http.Header {
		return http.Header{"X-Amzn-Errortype": {code}, "X-Amzn-Requestid": {"the id"}}
	}
	for name, tt := range map[string]struct {
		header http.Header
		body   string
		want   string
	}{
		"header":    {header("NotAuthorizedException:http://internal/x"), `{"__type":"Other","message":"No."}`, "NotAuthorizedException: No."},
		"type":      {nil, `{"__type":"com.amazonaws.cognito#UserNotFoundException","message":"No."}`, "UserNotFoundException: No."},
		"code":      {nil, `{"code":"LimitExceededException","Message":"No."}`, "LimitExceededException: No."},
		"no text":   {header("InternalErrorException"), ``, "InternalErrorException"},
		"not of it": {nil, `<html>Bad gateway</html>`, ""},
	} {
		c := at(t, &service{status: 400, header: tt.header, answers: map[string]string{"SignUp": tt.body}})
		_, err := c.SignUp(t.Context(), NewUser{Username: "u"})
		var e *Error
		switch {
		case tt.want == "":
			if err == nil || errors.As(err, &e) {
				t.Errorf("%s: %v", name, err)
			}
		case !errors.As(err, &e) || e.Error() != tt.want || e.Status != 400 || e.RequestID != tt.header.Get("X-Amzn-Requestid"):
			t.Errorf("%s: %+v", name, err)
		}
	}
}

// TestAnswersThatAreNone has a server answer what no service does.
func TestAnswersThatAreNone(t *testing.T) {
	for name, s := range map[string]*service{
		"no JSON": {answers: map[string]string{"InitiateAuth": "<html>"}}, "nothing": {answers: map[string]string{"InitiateAuth": "{}"}},
		"too much":        {answers: map[string]string{"InitiateAuth": strings.Repeat(" ", maxAnswer+1)}},
		"unknown":         {answers: map[string]string{"InitiateAuth": `{"ChallengeName":"NEW","Session":"x"}`}},
		"no device known": {answers: map[string]string{"InitiateAuth": `{"ChallengeName":"DEVICE_SRP_AUTH","Session":"x"}`}},
		"no B":            {answers: map[string]string{"InitiateAuth": `{"ChallengeName":"PASSWORD_VERIFIER","ChallengeParameters":{"SALT":"1","SRP_B":"0","SECRET_BLOCK":"QUJD","USER_ID_FOR_SRP":"u"}}`}},
		"no token":        {answers: map[string]string{"InitiateAuth": `{"AuthenticationResult":{"AccessToken":"x"}}`}},
		"no list":         {answers: map[string]string{"InitiateAuth": `{"ChallengeName":"SELECT_MFA_TYPE","ChallengeParameters":{"MFAS_CAN_CHOOSE":"x"}}`}},
	} {
		c := at(t, s)
		step, err := c.SignIn(t.Context(), "u", "p")
		if err == nil || step != nil || strings.Contains(s.sent["RespondToAuthChallenge"], "SIGNATURE") {
			t.Errorf("%s: %v, %v", name, step, err)
		}
	}
}

// TestRedirectsAreNotFollowed has a server send a request that holds secrets elsewhere.
func TestRedirectsAreNotFollowed(t *testing.T) {
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("the redirect was followed") }))
	defer elsewhere.Close()
	c := at(t, &service{status: http.StatusTemporaryRedirect, header: http.Header{"Location": {elsewhere.URL}}})
	if _, err := c.SignUp(t.Context(), NewUser{Username: "u", Password: "p"}); err == nil {
		t.Error("no error")
	}
}

func TestCustomChallenge(t *testing.T) {
	s := &service{answers: map[string]string{
		"InitiateAuth":           `{"ChallengeName":"CUSTOM_CHALLENGE","Session":"one","ChallengeParameters":{"USERNAME":"u1","question":"Which?"}}`,
		"RespondToAuthChallenge": `{"ChallengeName":"CUSTOM_CHALLENGE","Session":"two","ChallengeParameters":{"question":"Sure?"}}`,
	}}
	c := at(t, s)
	step, err := c.SignInCustom(t.Context(), "u@example.com", "")
	first, ok := step.(*Custom)
	if err != nil || !ok || first.Parameters["question"] != "Which?" {
		t.Fatalf("%v, %v", step, err)
	}
	if want := `{"AuthFlow":"CUSTOM_AUTH","AuthParameters":{"USERNAME":"u@example.com"},"ClientId":"app"}`; s.sent["InitiateAuth"] != "application/x-amz-json-1.1 "+want {
		t.Errorf("sent %s", s.sent["InitiateAuth"])
	}
	step, err = first.Answer(t.Context(), "this")
	if next, ok := step.(*Custom); err != nil || !ok || next.Parameters["question"] != "Sure?" || next.session != "two" {
		t.Fatalf("%v, %v", step, err)
	}
	for _, want := range []string{`"ANSWER":"this"`, `"USERNAME":"u1"`, `"Session":"one"`, `"ChallengeName":"CUSTOM_CHALLENGE"`} {
		if !strings.Contains(s.sent["RespondToAuthChallenge"], want) {
			t.Errorf("%s was not sent: %s", want, s.sent["RespondToAuthChallenge"])
		}
	}
	if _, err := c.SignInCustom(t.Context(), "u", "password"); err != nil {
		t.Fatal(err)
	}
	if got := s.sent["InitiateAuth"]; !strings.Contains(got, `"CHALLENGE_NAME":"SRP_A"`) || !strings.Contains(got, `"SRP_A":"`) || strings.Contains(got, "password") {
		t.Errorf("sent %s", got)
	}
}

// TestTimestampIsTheServers has the server's clock two hours ahead: the proof goes by it.
func TestTimestampIsTheServers(t *testing.T) {
	ahead := time.Now().Add(2 * time.Hour)
	s := &service{header: http.Header{"Date": {ahead.UTC().Format(http.TimeFormat)}}, answers: map[string]string{
		"InitiateAuth":           `{"ChallengeName":"PASSWORD_VERIFIER","ChallengeParameters":{"SALT":"1","SRP_B":"abc","SECRET_BLOCK":"QUJD","USER_ID_FOR_SRP":"u"}}`,
		"RespondToAuthChallenge": `{"ChallengeName":"SMS_MFA","Session":"x"}`,
	}}
	if _, err := at(t, s).SignIn(t.Context(), "u", "p"); err != nil {
		t.Fatal(err)
	}
	_, text, _ := strings.Cut(s.sent["RespondToAuthChallenge"], `"TIMESTAMP":"`)
	text, _, _ = strings.Cut(text, `"`)
	at, _, err := srp.ParseTimestamp(text)
	if err != nil || at.Sub(ahead).Abs() > time.Minute {
		t.Errorf("TIMESTAMP %q, the server has %v", text, ahead)
	}
}

// TestLifetimes has clocks differ: what counts is how long a token lives, from when it comes.
func TestLifetimes(t *testing.T) {
	issued := time.Now().Add(-240 * time.Hour).Unix()
	made := func(access, id int64) *Session {
		s, err := newSession(&idp.AuthenticationResultType{
			AccessToken: token(fmt.Sprintf(`{"iat":%d,"exp":%d,"username":"u","sub":"s"}`, issued, issued+access)),
			IdToken:     token(fmt.Sprintf(`{"iat":%d,"exp":%d}`, issued, issued+id)),
		}, "old")
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	for _, tt := range []struct {
		access, id int64
		after      time.Duration
		fresh      bool
	}{
		{3600, 3600, 0, true}, {3600, 3600, 54 * time.Minute, true}, {3600, 3600, 56 * time.Minute, false}, {3600, 3600, 2 * time.Hour, false},
		{3600, 600, 4 * time.Minute, true}, {3600, 600, 6 * time.Minute, false}, {600, 3600, 6 * time.Minute, false},
		{300, 300, 2 * time.Minute, true}, {300, 300, 3 * time.Minute, false},
		{3600, 3600, -time.Minute, true}, {3600, 3600, -time.Hour, false}, // the clock was set back
	} {
		s := made(tt.access, tt.id)
		if got := s.fresh(s.Received.Add(tt.after)); got != tt.fresh {
			t.Errorf("%+v: fresh is %v", tt, got)
		}
		if s.Refresh != "old" || time.Until(s.Expires) > time.Hour {
			t.Errorf("%v", s)
		}
	}
}

func TestSignedOperationsAreRefused(t *testing.T) {
	c := at(t, &service{})
	if _, err := Call(t.Context(), c, idp.AdminGetUser, &idp.AdminGetUserRequest{}); err == nil || !strings.Contains(err.Error(), "administrators") {
		t.Error(err)
	}
}

func TestFileStore(t *testing.T) {
	s := &FileStore{Path: filepath.Join(t.TempDir(), "a", "b")}
	if text, err := s.Load(t.Context()); err != nil || text != nil {
		t.Errorf("%q, %v", text, err)
	}
	for _, text := range []string{"one", "two"} {
		if err := s.Save(t.Context(), []byte(text)); err != nil {
			t.Fatal(err)
		}
		if got, err := s.Load(t.Context()); err != nil || string(got) != text {
			t.Errorf("%q, %v", got, err)
		}
	}
	if all, err := os.ReadDir(filepath.Dir(s.Path)); err != nil || len(all) != 1 {
		t.Errorf("left behind: %v, %v", all, err)
	}
	for _, mode := range []os.FileMode{0o604, 0o620, 0o640, 0o666} {
		if err := os.Chmod(s.Path, mode); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Load(t.Context()); err == nil {
			t.Errorf("mode %v is read", mode)
		}
	}
	for range 2 {
		if err := s.Save(t.Context(), nil); err != nil {
			t.Error(err)
		}
	}
	if _, err := os.Stat(s.Path); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
	if err := (&FileStore{Path: filepath.Join(os.DevNull, "x")}).Save(t.Context(), []byte("x")); err == nil {
		t.Error("saved in a folder that is none")
	}
}

func TestFileLock(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a", "b")
	unlock, err := (&FileStore{Path: path}).Lock(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 3*lockPause)
	defer cancel()
	if _, err := (&FileStore{Path: path}).Lock(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("locked twice: %v", err)
	}
	time.AfterFunc(lockPause, unlock)
	again, err := (&FileStore{Path: path}).Lock(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	again()
}

// TestStepsHideSecrets prints steps that hold some.
func TestStepsHideSecrets(t *testing.T) {
	a := &attempt{password: "secret", username: "u"}
	for _, step := range []Step{&SetupTOTP{turn: turn{a, "MFA_SETUP", "secret"}, Secret: "secret"}, &MFA{turn: turn{a, "SMS_MFA", "secret"}}} {
		if text := fmt.Sprintf("%v %+v %#v %s", step, step, step, step); strings.Contains(text, "secret") {
			t.Errorf("shown: %s", text)
		}
	}
}
