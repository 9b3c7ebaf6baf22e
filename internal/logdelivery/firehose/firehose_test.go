package firehose_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"sync"
	"testing"

	"cognate/internal/awsclient"
	"cognate/internal/awsclient/awstest"
	"cognate/internal/logdelivery"
	"cognate/internal/logdelivery/firehose"
	"cognate/internal/logdelivery/logdeliverytest"
)

const arn = "arn:aws:firehose:us-west-2:123456789012:deliverystream/cognate"

// stream stands in for Firehose with one stream.
type stream struct {
	*testing.T
	mu    sync.Mutex
	error string         // that it answers
	lose  map[int]string // error codes of records that it does not take
	got   []string
}

func (s *stream) answer(r awstest.Request) (int, string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.error != "" {
		text, err := json.Marshal(map[string]string{"__type": "" + s.error, "message": "repeats " + string(r.Body)})
		if err != nil {
			s.Error(err)
		}
		return http.StatusBadRequest, string(text)
	}
	var in struct {
		DeliveryStreamName string
		Records            []struct{ Data []byte }
	}
	if err := json.Unmarshal(r.Body, &in); err != nil || in.DeliveryStreamName != "cognate" || r.Region != "us-west-2" ||
		r.Header.Get("X-Amz-Target") != "Firehose_20150804.PutRecordBatch" {
		s.Errorf("%s in %s: %+v, %v", r.Header.Get("X-Amz-Target"), r.Region, in, err)
	}
	type response struct{ RecordId, ErrorCode, ErrorMessage string }
	var out struct {
		FailedPutCount   int
		RequestResponses []response
	}
	for i, record := range in.Records {
		if code := s.lose[i]; code != "" {
			out.FailedPutCount++
			out.RequestResponses = append(out.RequestResponses, response{ErrorCode: code, ErrorMessage: string(record.Data)})
			continue
		}
		line, ok := strings.CutSuffix(string(record.Data), "\n")
		if !ok {
			s.Errorf("%q is no line", record.Data)
		}
		s.got = append(s.got, line)
		out.RequestResponses = append(out.RequestResponses, response{RecordId: "1"})
	}
	text, err := json.Marshal(out)
	if err != nil {
		s.Error(err)
	}
	return http.StatusOK, string(text)
}

func open(t *testing.T) (*stream, *firehose.Sink) {
	f := &stream{T: t}
	service := awstest.Serve(t, "firehose", f.answer, nil)
	t.Setenv("AWS_ENDPOINT_URL_FIREHOSE", service.URL) // as operators have it
	s, err := firehose.New(awsclient.Config{})
	if err != nil {
		t.Fatal(err)
	}
	return f, s
}

func (s *stream) fail(code string) func(bool) {
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
		f, s := open(t)
		return &logdeliverytest.Fixture{
			Sink: s, ARN: arn, Break: f.fail("ServiceUnavailableException"), Refuse: f.fail("ResourceNotFoundException"),
			Received: func() []string { f.mu.Lock(); defer f.mu.Unlock(); return f.got },
		}
	})
}

// TestPartly has what a stream has not taken left.
func TestPartly(t *testing.T) {
	f, s := open(t)
	f.lose = map[int]string{1: "ServiceUnavailableException", 3: "InternalFailure"}
	b := logdelivery.Batch{To: logdelivery.Destination{ARN: arn}}
	for _, text := range []string{`"a"`, `"b"`, `"c"`, `"d"`} {
		b.Entries = append(b.Entries, logdelivery.Entry{Document: []byte(text)})
	}
	left, err := s.Deliver(t.Context(), b)
	if len(left) != 2 || string(left[0].Document) != `"b"` || string(left[1].Document) != `"d"` || err == nil || errors.Is(err, logdelivery.ErrRefused) {
		t.Errorf("%q are left: %v", left, err)
	}
	if b.Lines(); string(b.Entries[0].Document) != `"a"` || len(f.got) != 2 {
		t.Errorf("%q have arrived", f.got)
	}
}
