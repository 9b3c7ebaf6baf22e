// Package logdelivery is the port through which the logs of user pools leave the server: documents of messages that were not
// delivered, and of what users did, in the form in which Amazon Cognito exports them.
//
// A [Deliverer] takes what is to be logged, keeps nobody waiting, and hands it in batches to the [Sink] of the destination that the
// pool names. Sinks hang below: file and webhook are the operator's own, cloudwatch, s3 and firehose AWS's. Package logdeliverytest
// is what each of them must pass.
package logdelivery

import (
	"context"
	"errors"
	"strings"
	"time"
)

// Source is what is logged. Its values are those of Cognito's EventSource.
type Source string

// The sources.
const (
	Notifications Source = "userNotification" // messages that were not delivered
	Activities    Source = "userAuthEvents"   // what users did, and how risky it was
)

// Destination is where the documents of one source of a pool go.
type Destination struct {
	ARN     string // of a log group, a bucket or a delivery stream
	PoolARN string
	PoolID  string
	Source  Source
}

// Entry is one document: a JSON object in one line, without its end.
type Entry struct {
	Time     time.Time
	Document []byte
}

// Batch is documents for one destination, at most [MaxEntries] of them and some more than [MaxBytes].
type Batch struct {
	ID      string // the same when what is left of a batch is handed over again; letters and digits
	To      Destination
	Entries []Entry // never none
}

// The bounds of a batch, below those of all services of AWS's.
const (
	MaxEntries = 500
	MaxBytes   = 512 << 10
)

// Sink takes batches. It is safe for concurrent use, but of one destination it gets one batch at a time.
//
// Deliver returns the entries that were not taken, with the reason: an error that is [ErrRefused] is final, any other may pass. When
// ctx ends first it is ctx's, and whether the entries were taken is not known. No error shows a document or a credential.
type Sink interface {
	Deliver(ctx context.Context, b Batch) (left []Entry, err error)
}

// Patient is a Sink for which it is worth while to wait for more documents.
type Patient interface {
	// Patience is how long a document may wait for others; a second where a Sink does not say.
	Patience() time.Duration
}

// ErrRefused says that a destination will never take the documents.
var ErrRefused = errors.New("refused")

// Nowhere is the Sink of what is not to be kept.
type Nowhere struct{}

// Deliver takes all.
func (Nowhere) Deliver(ctx context.Context, b Batch) ([]Entry, error) { return Ended(ctx, b) }

// Ended is all of a batch, and the reason, when ctx has ended.
func Ended(ctx context.Context, b Batch) ([]Entry, error) {
	if err := ctx.Err(); err != nil {
		return b.Entries, err
	}
	return nil, nil
}

// Lines are the documents of a batch, each with the end of its line.
func (b Batch) Lines() []byte {
	n := 0
	for _, e := range b.Entries {
		n += len(e.Document) + 1
	}
	out := make([]byte, 0, n)
	for _, e := range b.Entries {
		out = append(append(out, e.Document...), '\n')
	}
	return out
}

// Kind is the service of a destination.
type Kind string

// The kinds.
const (
	LogGroup Kind = "logs"
	Bucket   Kind = "s3"
	Stream   Kind = "firehose"
)

// ARN is what the ARN of a destination tells.
type ARN struct {
	Kind                       Kind
	Partition, Region, Account string // of a bucket, the partition alone
	Name                       string
}

// ParseARN takes an ARN apart: of a log group, with :* at its end or without, a bucket or a delivery stream.
func ParseARN(text string) (ARN, bool) {
	parts := strings.SplitN(text, ":", 6)
	if len(parts) != 6 || parts[0] != "arn" || parts[1] == "" {
		return ARN{}, false
	}
	a := ARN{Kind: Kind(parts[2]), Partition: parts[1], Region: parts[3], Account: parts[4]}
	placed, ok := a.Region != "" && a.Account != "", false
	switch a.Kind {
	case LogGroup:
		a.Name, ok = strings.CutPrefix(strings.TrimSuffix(parts[5], ":*"), "log-group:")
		ok = ok && placed && isName(a.Name, "_-/.#", 512)
	case Stream:
		a.Name, ok = strings.CutPrefix(parts[5], "deliverystream/")
		ok = ok && placed && isName(a.Name, "_-.", 64)
	case Bucket:
		a.Name = parts[5]
		ok = a.Region == "" && a.Account == "" && isName(a.Name, "-.", 63) && strings.ToLower(a.Name) == a.Name
	}
	if !ok {
		return ARN{}, false
	}
	return a, true
}

// IsName reports whether a name can be that of a destination.
func IsName(name string) bool { return isName(name, "_-/.#", 512) }

// isName reports whether a name is of letters, digits and some signs, and not too long.
func isName(name, signs string, most int) bool {
	return name != "" && len(name) <= most && !strings.Contains(name, "..") && !strings.ContainsFunc(name, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune(signs, r))
	})
}
