package s3_test

import (
	"errors"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"cognate/internal/awsclient"
	"cognate/internal/awsclient/awstest"
	"cognate/internal/logdelivery"
	"cognate/internal/logdelivery/logdeliverytest"
	"cognate/internal/logdelivery/s3"
)

const arn = "arn:aws:s3:::cognate-logs"

// storage stands in for S3 with one bucket.
type storage struct {
	*testing.T
	mu      sync.Mutex
	error   string // that it answers
	objects map[string]string
	got     []string
}

var keys = regexp.MustCompile(`^/cognate-logs/AWSLogs/123456789012/cognito-idp/eu-west-3/eu-west-3_Test00001\d?/2026/01/02/03/userAuthEvents_20260102T030405Z_\w+\.json$`)

func (s *storage) answer(r awstest.Request) (int, string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.error != "" {
		return http.StatusForbidden, `<?xml version="1.0"?><Error><Code>` + s.error + `</Code><Message>no</Message><RequestId>1</RequestId></Error>`
	}
	if !keys.MatchString(r.Path) || r.Region != "eu-west-3" || len(r.Header.Get("X-Amz-Content-Sha256")) != 64 {
		s.Errorf("%s in %s", r.Path, r.Region)
	}
	s.objects[r.Path] = string(r.Body)
	s.got = append(s.got, strings.Split(strings.TrimSuffix(string(r.Body), "\n"), "\n")...)
	return http.StatusOK, ""
}

func open(t *testing.T) (*storage, *s3.Sink) {
	o := &storage{T: t, objects: map[string]string{}}
	service := awstest.Serve(t, "s3", o.answer, nil)
	t.Setenv("AWS_ENDPOINT_URL", service.URL+"/")
	s, err := s3.New(awsclient.Config{})
	if err != nil {
		t.Fatal(err)
	}
	return o, s
}

func (s *storage) fail(code string) func(bool) {
	return func(on bool) {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.error = ""; on {
			s.error = code
		}
	}
}

func TestConformance(t *testing.T) {
	logdeliverytest.Run(t, func(t *testing.T) *logdeliverytest.Fixture {
		o, s := open(t)
		return &logdeliverytest.Fixture{
			Sink: s, ARN: arn, Break: o.fail("SlowDown"), Refuse: o.fail("AccessDenied"),
			Received: func() []string { o.mu.Lock(); defer o.mu.Unlock(); return o.got },
		}
	})
}

// TestSameObject holds that a batch which is put again does not make another object.
func TestSameObject(t *testing.T) {
	o, s := open(t)
	b := logdelivery.Batch{ID: "ABC", To: logdelivery.Destination{
		ARN: arn, PoolARN: "arn:aws:cognito-idp:eu-west-3:123456789012:userpool/eu-west-3_Test00001", PoolID: "eu-west-3_Test00001",
		Source: logdelivery.Activities,
	}, Entries: []logdelivery.Entry{{Time: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), Document: []byte(`{}`)}}}
	for range 2 {
		if _, err := s.Deliver(t.Context(), b); err != nil {
			t.Error(err)
		}
	}
	if len(o.objects) != 1 || len(o.got) != 2 {
		t.Errorf("%v", o.objects)
	}
	b.To.ARN = "arn:aws:logs:us-west-2:123456789012:log-group:a"
	if _, err := s.Deliver(t.Context(), b); !errors.Is(err, logdelivery.ErrRefused) {
		t.Errorf("a log group: %v", err)
	}
}
