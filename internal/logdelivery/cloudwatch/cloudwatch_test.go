package cloudwatch_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"cognate/internal/awsclient"
	"cognate/internal/awsclient/awstest"
	"cognate/internal/logdelivery"
	"cognate/internal/logdelivery/cloudwatch"
	"cognate/internal/logdelivery/logdeliverytest"
)

const arn = "arn:aws:logs:us-west-2:123456789012:log-group:/cognate/logs:*"

// logs stands in for CloudWatch Logs with one log group.
type logs struct {
	*testing.T
	mu      sync.Mutex
	error   string // that it answers
	result  string // of PutLogEvents, else {}
	streams []string
	got     []string
}

func (l *logs) answer(r awstest.Request) (int, string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.error != "" {
		text, err := json.Marshal(map[string]string{"__type": "com.amazonaws.logs#" + l.error, "message": "repeats " + string(r.Body)})
		if err != nil {
			l.Error(err)
		}
		return http.StatusBadRequest, string(text)
	}
	var in struct {
		Group  string `json:"logGroupName"`
		Stream string `json:"logStreamName"`
		Events []struct {
			Timestamp int64  `json:"timestamp"`
			Message   string `json:"message"`
		} `json:"logEvents"`
	}
	if err := json.Unmarshal(r.Body, &in); err != nil || in.Group != "/cognate/logs" || r.Region != "us-west-2" ||
		!strings.HasPrefix(in.Stream, "eu-west-3_Test00001") || r.Header.Get("Content-Type") != "application/x-amz-json-1.1" {
		l.Errorf("%s in %s: %+v, %v", r.Header.Get("X-Amz-Target"), r.Region, in, err)
	}
	switch r.Header.Get("X-Amz-Target") {
	case "Logs_20140328.CreateLogStream":
		if slices.Contains(l.streams, in.Stream) {
			return http.StatusBadRequest, `{"__type":"ResourceAlreadyExistsException"}`
		}
		l.streams = append(l.streams, in.Stream)
	case "Logs_20140328.PutLogEvents":
		if !slices.Contains(l.streams, in.Stream) {
			return http.StatusBadRequest, `{"__type":"ResourceNotFoundException","message":"The specified log stream does not exist."}`
		}
		last := int64(0)
		for _, e := range in.Events {
			if e.Timestamp < last {
				l.Error("the events are not in order")
			}
			last = e.Timestamp
			l.got = append(l.got, e.Message)
		}
		return http.StatusOK, l.result
	default:
		l.Errorf("unknown operation %s", r.Header.Get("X-Amz-Target"))
	}
	return http.StatusOK, "{}"
}

func open(t *testing.T) (*logs, *cloudwatch.Sink) {
	l := &logs{T: t, result: "{}"}
	service := awstest.Serve(t, "logs", l.answer, nil)
	s, err := cloudwatch.New(awsclient.Config{Endpoint: service.URL})
	if err != nil {
		t.Fatal(err)
	}
	return l, s
}

func (l *logs) fail(code string) func(bool) {
	return func(on bool) {
		l.mu.Lock()
		defer l.mu.Unlock()
		if l.error = ""; on {
			l.error = code
		}
	}
}

func TestConformance(t *testing.T) {
	logdeliverytest.Run(t, func(t *testing.T) *logdeliverytest.Fixture {
		l, s := open(t)
		return &logdeliverytest.Fixture{
			Sink: s, ARN: arn, Break: l.fail("ServiceUnavailableException"), Refuse: l.fail("InvalidParameterException"),
			Received: func() []string { l.mu.Lock(); defer l.mu.Unlock(); return l.got },
		}
	})
}

// TestRejected loses what the service says is too old or too new, and what is out of order is put into order.
func TestRejected(t *testing.T) {
	l, s := open(t)
	l.result = `{"rejectedLogEventsInfo":{"tooOldLogEventEndIndex":1,"tooNewLogEventStartIndex":3}}`
	now := time.Now()
	b := logdelivery.Batch{To: logdelivery.Destination{ARN: arn, PoolID: "eu-west-3_Test00001", Source: logdelivery.Notifications}}
	for _, text := range []string{"c", "a", "b", "d"} {
		at := now.Add(time.Duration(strings.Index("abcd", text)) * time.Hour)
		b.Entries = append(b.Entries, logdelivery.Entry{Time: at, Document: []byte(`"` + text + `"`)})
	}
	left, err := s.Deliver(t.Context(), b)
	if len(left) != 2 || string(left[0].Document) != `"a"` || string(left[1].Document) != `"d"` || !errors.Is(err, logdelivery.ErrRefused) {
		t.Errorf("%q are left: %v", left, err)
	}
	if !slices.Equal(l.streams, []string{"eu-west-3_Test00001/userNotification"}) {
		t.Errorf("the streams are %q", l.streams)
	}
}

func TestNoLogGroup(t *testing.T) {
	_, s := open(t)
	b := logdelivery.Batch{To: logdelivery.Destination{ARN: "arn:aws:s3:::bucket"}, Entries: make([]logdelivery.Entry, 1)}
	if left, err := s.Deliver(t.Context(), b); len(left) != 1 || !errors.Is(err, logdelivery.ErrRefused) {
		t.Errorf("%v", err)
	}
	if _, err := cloudwatch.New(awsclient.Config{Region: "EU"}); err == nil {
		t.Error("a region that is none is accepted")
	}
}
