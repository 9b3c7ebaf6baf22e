package lambda_test

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"cognate/internal/trigger"
	"cognate/internal/trigger/lambda"
	"cognate/internal/trigger/triggertest"
)

const accessSecret = "s3cret-of-the-credentials"

// environment is one of AWS's clients that has nothing of this machine's.
func environment(t *testing.T) {
	t.Helper()
	for name, value := range map[string]string{
		"AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE", "AWS_SECRET_ACCESS_KEY": accessSecret, "AWS_SESSION_TOKEN": "", "AWS_PROFILE": "", "AWS_REGION": "", "AWS_DEFAULT_REGION": "",
		"AWS_CONFIG_FILE": "/nowhere", "AWS_SHARED_CREDENTIALS_FILE": "/nowhere", "AWS_EC2_METADATA_DISABLED": "true", "AWS_ENDPOINT_URL": "", "AWS_ENDPOINT_URL_LAMBDA": "",
		"AWS_MAX_ATTEMPTS": "5",
	} {
		t.Setenv(name, value)
	}
}

func open(t *testing.T, c lambda.Config) *lambda.Runner {
	t.Helper()
	r, err := lambda.New(c)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// standIn answers as the Invoke API does.
func standIn(w http.ResponseWriter, r *http.Request) {
	event, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	w.Header().Set("X-Amz-Executed-Version", "$LATEST")
	o := triggertest.ReadOrder(event)
	switch o.Do {
	case triggertest.Throw:
		throws(w, o.Type, o.Text)
	case triggertest.Crash:
		throws(w, "Runtime.ExitError", "RequestId: 1 Error: Runtime exited with error: exit status 3")
	case triggertest.Foul:
		w.Header().Set("X-Amz-Function-Error", "Unhandled")
		io.WriteString(w, o.Text)
	case triggertest.Hang:
		<-r.Context().Done()
	default:
		w.Write(o.Answer(event))
	}
}

func throws(w http.ResponseWriter, kind, message string) {
	w.Header().Set("X-Amz-Function-Error", "Unhandled")
	json.NewEncoder(w).Encode(map[string]any{"errorType": kind, "errorMessage": message, "trace": []string{}})
}

func fails(code string, status int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		if code != "" {
			w.Header().Set("X-Amzn-ErrorType", code)
		}
		w.WriteHeader(status)
		io.WriteString(w, `{"Type":"User","Message":"Function not found"}`)
	}
}

func TestSuite(t *testing.T) {
	triggertest.Run(t, func(t *testing.T) *triggertest.Fixture {
		environment(t)
		s, nothing := httptest.NewServer(http.HandlerFunc(standIn)), httptest.NewServer(fails("ResourceNotFoundException", 404))
		t.Cleanup(s.Close)
		t.Cleanup(nothing.Close)
		return &triggertest.Fixture{
			Runner: open(t, lambda.Config{Endpoint: s.URL}), Nowhere: open(t, lambda.Config{Endpoint: nothing.URL}), Secrets: []string{accessSecret}, Throws: true,
		}
	})
}

// TestRequest calls the function of the ARN, in its region or another one that is configured, at Lambda or an endpoint.
func TestRequest(t *testing.T) {
	const arn, qualified = "arn:aws:lambda:eu-west-1:123456789012:function:f", "arn:aws:lambda:eu-west-1:123456789012:function:f:$LATEST"
	var got *http.Request
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { got = r; standIn(w, r) }))
	defer s.Close()
	for what, test := range map[string]struct {
		config          lambda.Config
		variable, value string
		arn, region     string
	}{
		"the ARN's region": {lambda.Config{Endpoint: s.URL}, "", "", arn, "eu-west-1"}, "of an alias": {lambda.Config{Endpoint: s.URL}, "", "", qualified, "eu-west-1"},
		"another region": {lambda.Config{Endpoint: s.URL, Region: "us-west-2"}, "", "", arn, "us-west-2"}, "not the environment's": {lambda.Config{Endpoint: s.URL}, "AWS_REGION", "ap-south-1", arn, "eu-west-1"},
		"the environment's":          {lambda.Config{Endpoint: s.URL}, "AWS_REGION", "ap-south-1", "arn:aws:lambda::123456789012:function:f", "ap-south-1"},
		"the environment's endpoint": {lambda.Config{}, "AWS_ENDPOINT_URL_LAMBDA", s.URL, arn, "eu-west-1"}, "and that of all": {lambda.Config{}, "AWS_ENDPOINT_URL", s.URL, arn, "eu-west-1"},
	} {
		t.Run(what, func(t *testing.T) {
			environment(t)
			if test.variable != "" {
				t.Setenv(test.variable, test.value)
			}
			got = nil
			answer, err := open(t, test.config).Invoke(t.Context(), test.arn, []byte(`{"a":1}`))
			if err != nil || string(answer) != `{"a":1}` {
				t.Fatalf("%s, %v", answer, err)
			}
			path := "/2015-03-31/functions/" + url.QueryEscape(test.arn) + "/invocations"
			if got.Method != http.MethodPost || !strings.EqualFold(got.URL.EscapedPath(), path) || !strings.Contains(got.Header.Get("Authorization"), "/"+test.region+"/lambda/aws4_request") {
				t.Errorf("%s %s (want %s), %s", got.Method, got.URL.EscapedPath(), path, got.Header.Get("Authorization"))
			}
			if kind := got.Header.Get("X-Amz-Invocation-Type"); kind != "" && kind != "RequestResponse" {
				t.Errorf("called as %s", kind)
			}
		})
	}
}

// TestCodes tells the API's codes, each after one call.
func TestCodes(t *testing.T) {
	environment(t)
	for _, test := range []struct {
		code   string
		status int
		want   string
	}{
		{"AccessDeniedException", 403, "AccessDeniedException"}, {"ResourceNotFoundException:http://internal.amazon.com/coral/", 404, "ResourceNotFoundException"}, {"TooManyRequestsException", 429, "TooManyRequestsException"},
		{"ServiceException", 500, "ServiceException"}, {"", 502, "ServiceException"}, {"ResourceConflictException", 409, "ResourceConflictException"}, {"KMSDisabledException", 502, "KMSDisabledException"},
	} {
		calls := 0
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { calls++; fails(test.code, test.status)(w, r) }))
		_, err := open(t, lambda.Config{Endpoint: s.URL}).Invoke(t.Context(), triggertest.ARN, []byte(`{}`))
		if got, ok := errors.AsType[*trigger.Unreachable](err); !ok || got.Code != test.want || calls != 1 {
			t.Errorf("%s: %d calls, %v", test.code, calls, err)
		}
		s.Close()
	}
}

// TestNobodyElse sends no signature to where a region would lead that is none.
func TestNobodyElse(t *testing.T) {
	environment(t)
	for _, region := range []string{"example.com/", "example.com#", "a.example.com", "us-east-1@example.com", "US-EAST-1", "us east 1"} {
		_, err := open(t, lambda.Config{}).Invoke(t.Context(), "arn:aws:lambda:"+region+":1:function:f", []byte(`{}`))
		if got, ok := errors.AsType[*trigger.Unreachable](err); !ok || got.Code != "ResourceNotFoundException" || got.Cause.Error() != "not the ARN of a function" {
			t.Errorf("%s: %v", region, err)
		}
		if _, err := lambda.New(lambda.Config{Region: region}); err == nil {
			t.Errorf("%s is a region", region)
		}
	}
	for _, endpoint := range []string{"localhost:3001", "/path", "ftp://localhost", "http://", "://"} {
		if _, err := lambda.New(lambda.Config{Endpoint: endpoint}); err == nil {
			t.Errorf("%s is an endpoint", endpoint)
		}
	}
}

// TestNoCredentials says that there are none, and calls nobody.
func TestNoCredentials(t *testing.T) {
	environment(t)
	t.Setenv("AWS_ACCESS_KEY_ID", "")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "")
	called := false
	s := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { called = true }))
	defer s.Close()
	if _, err := open(t, lambda.Config{Endpoint: s.URL}).Invoke(t.Context(), triggertest.ARN, []byte(`{}`)); err == nil || called {
		t.Errorf("%v, %v", called, err)
	}
}
