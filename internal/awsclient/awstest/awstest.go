// Package awstest stands in for services of AWS's, whose clients must sign what they send.
package awstest

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"time"

	"cognate/internal/sigv4"
)

// The credentials that clients have in a test.
const (
	KeyID  = "AKIAEXAMPLEEXAMPLE12"
	Secret = "an example of a secret that nobody uses"
)

// Request is what a client has sent.
type Request struct {
	Path   string
	Header http.Header
	Body   []byte
	Region string // that it is signed for
	KeyID  string // that it is signed with
}

// Service is a service that keeps what it is sent. What is not signed well it answers with 403, and the test fails.
type Service struct {
	URL string

	mu       sync.Mutex
	requests []Request
	answer   func(Request) (status int, body string)
}

// Serve starts a service, by its signing name, and gives the environment credentials for it and nothing else of AWS's. Other keys
// are told by secretOf, which may be nil.
func Serve(t *testing.T, name string, answer func(Request) (status int, body string), secretOf func(keyID string) string) *Service {
	t.Helper()
	Environment(t)
	s := &Service{answer: answer}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		q := Request{Path: r.URL.Path, Header: r.Header, Body: body}
		if err := verify(r, &q, name, secretOf); err != nil {
			t.Errorf("%s: %v", name, err)
			w.WriteHeader(http.StatusForbidden)
			return
		}
		s.mu.Lock()
		s.requests = append(s.requests, q)
		s.mu.Unlock()
		status, text := s.answer(q)
		w.WriteHeader(status)
		io.Copy(w, bytes.NewBufferString(text))
	}))
	t.Cleanup(server.Close)
	s.URL = server.URL
	return s
}

func verify(r *http.Request, q *Request, name string, secretOf func(string) string) error {
	a, err := sigv4.Parse(r)
	if err != nil {
		return err
	}
	q.Region, q.KeyID = a.Region, a.AccessKeyID
	secret := Secret
	if a.AccessKeyID != KeyID {
		secret = ""
		if secretOf != nil {
			secret = secretOf(a.AccessKeyID)
		}
	}
	return a.Verify(r, q.Body, name, secret, time.Now())
}

// Environment is that of clients: credentials, a region, and nothing of this machine's.
func Environment(t *testing.T) {
	t.Helper()
	for name, value := range map[string]string{
		"AWS_ACCESS_KEY_ID": KeyID, "AWS_SECRET_ACCESS_KEY": Secret, "AWS_REGION": "eu-west-1", "AWS_SESSION_TOKEN": "", "AWS_PROFILE": "",
		"AWS_CONFIG_FILE": "/nowhere", "AWS_SHARED_CREDENTIALS_FILE": "/nowhere", "AWS_EC2_METADATA_DISABLED": "true",
		"AWS_ENDPOINT_URL": "", "AWS_DEFAULT_REGION": "",
	} {
		t.Setenv(name, value)
	}
}

// All is what has been sent, in order.
func (s *Service) All() []Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.requests)
}

// Last is what has been sent last.
func (s *Service) Last(t *testing.T) Request {
	t.Helper()
	all := s.All()
	if len(all) == 0 {
		t.Fatal("nothing was sent")
	}
	return all[len(all)-1]
}
