// Package cloudwatch is a logdelivery.Sink that puts documents into log groups of Amazon CloudWatch Logs, each pool's and source's into
// a stream of its own (https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutLogEvents.html).
package cloudwatch

import (
	"context"
	"fmt"
	"net/http"
	"slices"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"cognate/internal/awsclient"
	"cognate/internal/logdelivery"
)

// Sink puts log events. It is safe for concurrent use.
type Sink struct{ service *awsclient.Service }

// New makes a sink. The region is the one in the ARN of a log group unless it is configured.
func New(c awsclient.Config) (*Sink, error) {
	service, err := awsclient.NewService("logs", "CLOUDWATCH_LOGS", c)
	return &Sink{service}, err
}

type event struct {
	Timestamp int64  `json:"timestamp"`
	Message   string `json:"message"`
}

type events struct {
	Group  string  `json:"logGroupName"`
	Stream string  `json:"logStreamName"`
	Events []event `json:"logEvents,omitzero"`
}

// Deliver implements logdelivery.Sink. A stream that is not there is made.
func (s *Sink) Deliver(ctx context.Context, b logdelivery.Batch) ([]logdelivery.Entry, error) {
	if left, err := logdelivery.Ended(ctx, b); err != nil {
		return left, err
	}
	group, ok := logdelivery.ParseARN(b.To.ARN)
	if !ok || group.Kind != logdelivery.LogGroup {
		return b.Entries, fmt.Errorf("cloudwatch: %w: not the ARN of a log group", logdelivery.ErrRefused)
	}
	entries := slices.Clone(b.Entries)
	slices.SortStableFunc(entries, func(a, b logdelivery.Entry) int { return a.Time.Compare(b.Time) }) // or all would be refused
	in := events{Group: group.Name, Stream: b.To.PoolID + "/" + string(b.To.Source)}
	for _, e := range entries {
		in.Events = append(in.Events, event{e.Time.UnixMilli(), string(e.Document)})
	}
	answer, err := s.call(ctx, group, "PutLogEvents", in)
	if code, _ := refusalOf(err); code == "ResourceNotFoundException" {
		if err = s.begin(ctx, group, in); err == nil {
			answer, err = s.call(ctx, group, "PutLogEvents", in)
		}
	}
	if err != nil {
		return entries, fmt.Errorf("cloudwatch: %w", logdelivery.OfAWS(ctx, err))
	}
	return rejected(entries, answer)
}

// begin makes the stream.
func (s *Sink) begin(ctx context.Context, group logdelivery.ARN, in events) error {
	in.Events = nil
	_, err := s.call(ctx, group, "CreateLogStream", in)
	if code, _ := refusalOf(err); code == "ResourceAlreadyExistsException" {
		return nil
	}
	return err
}

func refusalOf(err error) (code, text string) {
	if err == nil {
		return "", ""
	}
	return awsclient.Refusal(err)
}

func (s *Sink) call(ctx context.Context, group logdelivery.ARN, operation string, in events) ([]byte, error) {
	body, err := json.Marshal(in, jsontext.AllowInvalidUTF8(true))
	if err != nil {
		return nil, err
	}
	return s.service.Do(ctx, awsclient.Call{
		Method: http.MethodPost, Partition: group.Partition, Region: group.Region, Path: "/", Body: body,
		Header: http.Header{"Content-Type": {"application/x-amz-json-1.1"}, "X-Amz-Target": {"Logs_20140328." + operation}},
	})
}

// rejected are the events that an answer says are too old or too new, which are refused for good.
func rejected(entries []logdelivery.Entry, answer []byte) ([]logdelivery.Entry, error) {
	var out struct {
		Rejected *struct {
			TooOld  int  `json:"tooOldLogEventEndIndex"`
			Expired int  `json:"expiredLogEventEndIndex"`
			TooNew  *int `json:"tooNewLogEventStartIndex"`
		} `json:"rejectedLogEventsInfo"`
	}
	if err := json.Unmarshal(answer, &out); err != nil || out.Rejected == nil {
		return nil, nil
	}
	n := len(entries)
	begin, end := min(max(out.Rejected.TooOld, out.Rejected.Expired, 0), n), n
	if out.Rejected.TooNew != nil {
		end = min(max(*out.Rejected.TooNew, begin), n)
	}
	left := slices.Concat(entries[:begin], entries[end:])
	if len(left) == 0 {
		return nil, nil
	}
	return left, fmt.Errorf("cloudwatch: %w: too old or too new", logdelivery.ErrRefused)
}
