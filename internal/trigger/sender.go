package trigger

import (
	"context"
	"errors"
	"time"

	"github.com/go-json-experiment/json"
)

// The triggers that send messages in place of the server.
var (
	CustomEmailSender = Sender{name: "CustomEmailSender", kind: "customEmailSenderRequestV1"}
	CustomSMSSender   = Sender{name: "CustomSMSSender", kind: "customSMSSenderRequestV1"}
)

// Sender is a trigger that nobody waits for: whatever the function answers counts for nothing.
type Sender struct{ name, kind string }

// Source is the triggerSource of a message of a purpose.
func (s Sender) Source(purpose string) string { return s.name + "_" + purpose }

// SenderRequest tells of a message. Code is the code or the temporary password, sealed and in base64; nil without one.
type SenderRequest struct {
	Type           string     `json:"type"` // filled in by Tell
	Code           *string    `json:"code"`
	ClientMetadata Metadata   `json:"clientMetadata"`
	UserAttributes Attributes `json:"userAttributes"`
}

// How long one call of a function that sends may take, how often it is called that fails, and the time between.
const (
	sendTimeout = 30 * time.Second
	sendPause   = time.Second
)

// Tell calls the function of an ARN until it has answered without an error, three times at most: as at Lambda, a function that
// nobody waits for is called again when it fails. It must not be called within a transaction. The error is for the log.
func (s Sender) Tell(ctx context.Context, d *Dispatcher, arn string, scene Scene, request SenderRequest) (err error) {
	if d == nil {
		return errors.New("there is nothing that runs functions")
	}
	request.Type = s.kind
	event, err := json.Marshal(newEvent(scene, request, Nothing{}), json.Deterministic(true))
	if err != nil {
		return err
	}
	for n := range tries {
		if n > 0 && !pause(ctx, time.Duration(n*n)*sendPause) {
			return err
		}
		if err = d.tell(ctx, arn, event); err == nil {
			return nil
		}
	}
	return err
}

func (d *Dispatcher) tell(ctx context.Context, arn string, event []byte) error {
	once, cancel := context.WithTimeout(ctx, sendTimeout)
	defer cancel()
	_, err := d.runner.Invoke(once, arn, event)
	return err
}

// pause waits, unless ctx ends first.
func pause(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}
