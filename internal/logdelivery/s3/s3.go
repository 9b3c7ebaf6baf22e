// Package s3 is a logdelivery.Sink that puts documents into buckets of Amazon S3, or of what speaks its API: an object for each batch
// (https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObject.html).
package s3

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"cognate/internal/awsclient"
	"cognate/internal/logdelivery"
)

// Sink puts objects. It is safe for concurrent use.
type Sink struct{ service *awsclient.Service }

// New makes a sink. The region is the pool's unless it is configured.
func New(c awsclient.Config) (*Sink, error) {
	service, err := awsclient.NewService("s3", "S3", c)
	return &Sink{service}, err
}

// patience is how long documents wait for others: each object costs a request.
const patience = 30 * time.Second

// Patience implements logdelivery.Patient.
func (s *Sink) Patience() time.Duration { return patience }

// Deliver implements logdelivery.Sink. The same batch is the same object.
func (s *Sink) Deliver(ctx context.Context, b logdelivery.Batch) ([]logdelivery.Entry, error) {
	if left, err := logdelivery.Ended(ctx, b); err != nil {
		return left, err
	}
	bucket, ok := logdelivery.ParseARN(b.To.ARN)
	if !ok || bucket.Kind != logdelivery.Bucket {
		return b.Entries, fmt.Errorf("s3: %w: not the ARN of a bucket", logdelivery.ErrRefused)
	}
	region, account := placeOf(b.To.PoolARN)
	call := awsclient.Call{
		Method: http.MethodPut, Partition: bucket.Partition, Region: region, Place: bucket.Name, Path: key(b, region, account),
		Header: http.Header{"Content-Type": {"application/x-ndjson"}}, Body: b.Lines(),
	}
	if strings.Contains(bucket.Name, ".") { // no certificate is for a host of that name
		call.Place, call.Path = "", "/"+bucket.Name+call.Path
	}
	if _, err := s.service.Do(ctx, call); err != nil {
		return b.Entries, fmt.Errorf("s3: %w", logdelivery.OfAWS(ctx, err))
	}
	return nil, nil
}

// placeOf is the region and the account in the ARN of a pool.
func placeOf(arn string) (region, account string) {
	parts := strings.Split(arn, ":")
	if len(parts) < 6 {
		return "", ""
	}
	return parts[3], parts[4]
}

// key is the path of a batch, beginning with a slash: by the hour of its first document, in UTC.
func key(b logdelivery.Batch, region, account string) string {
	at := b.Entries[0].Time.UTC()
	return fmt.Sprintf("/AWSLogs/%s/cognito-idp/%s/%s/%s/%s_%s_%s.json", account, region, b.To.PoolID, at.Format("2006/01/02/15"),
		b.To.Source, at.Format("20060102T150405Z"), b.ID)
}
