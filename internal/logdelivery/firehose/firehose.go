// Package firehose is a logdelivery.Sink that puts documents into streams of Amazon Data Firehose
// (https://docs.aws.amazon.com/firehose/latest/APIReference/API_PutRecordBatch.html).
package firehose

import (
	"context"
	"fmt"
	"net/http"

	"github.com/go-json-experiment/json"

	"cognate/internal/awsclient"
	"cognate/internal/logdelivery"
)

// Sink puts records. It is safe for concurrent use.
type Sink struct{ service *awsclient.Service }

// New makes a sink. The region is the one in the ARN of a stream unless it is configured.
func New(c awsclient.Config) (*Sink, error) {
	service, err := awsclient.NewService("firehose", "FIREHOSE", c)
	return &Sink{service}, err
}

type records struct {
	Stream  string   `json:"DeliveryStreamName"`
	Records []record `json:"Records"`
}

type record struct {
	Data []byte // base64 in JSON
}

// Deliver implements logdelivery.Sink. Each document is a record, with the end of its line.
func (s *Sink) Deliver(ctx context.Context, b logdelivery.Batch) ([]logdelivery.Entry, error) {
	if left, err := logdelivery.Ended(ctx, b); err != nil {
		return left, err
	}
	stream, ok := logdelivery.ParseARN(b.To.ARN)
	if !ok || stream.Kind != logdelivery.Stream {
		return b.Entries, fmt.Errorf("firehose: %w: not the ARN of a delivery stream", logdelivery.ErrRefused)
	}
	in := records{Stream: stream.Name}
	for _, e := range b.Entries {
		in.Records = append(in.Records, record{append(e.Document[:len(e.Document):len(e.Document)], '\n')})
	}
	body, err := json.Marshal(in)
	if err != nil {
		return b.Entries, fmt.Errorf("firehose: %w", err)
	}
	answer, err := s.service.Do(ctx, awsclient.Call{
		Method: http.MethodPost, Partition: stream.Partition, Region: stream.Region, Path: "/", Body: body,
		Header: http.Header{"Content-Type": {"application/x-amz-json-1.1"}, "X-Amz-Target": {"Firehose_20150804.PutRecordBatch"}},
	})
	if err != nil {
		return b.Entries, fmt.Errorf("firehose: %w", logdelivery.OfAWS(ctx, err))
	}
	return notTaken(b.Entries, answer)
}

// notTaken are the records that an answer says were not put, in their order. They may be later.
func notTaken(entries []logdelivery.Entry, answer []byte) (left []logdelivery.Entry, err error) {
	var out struct {
		Failed    int `json:"FailedPutCount"`
		Responses []struct {
			Code string `json:"ErrorCode"`
		} `json:"RequestResponses"`
	}
	if err := json.Unmarshal(answer, &out); err != nil || out.Failed == 0 {
		return nil, nil
	}
	code := ""
	for i, r := range out.Responses {
		if r.Code != "" && i < len(entries) {
			left, code = append(left, entries[i]), r.Code
		}
	}
	if len(left) == 0 {
		return nil, nil
	}
	return left, fmt.Errorf("firehose: %d of %d records were not taken: %s", len(left), len(entries), code)
}
