// Package trigger is the port to the functions that a pool's LambdaConfig names: the events they are called with, what of their
// answers counts, and what becomes of a call that fails. How a function is run is a plug-in's. The facts are those of the
// protocol page "triggers".
package trigger

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"cognate/api/idp"
	"cognate/internal/fault"
)

// Runner runs functions. It is safe for concurrent use.
type Runner interface {
	// Invoke calls the function of an ARN with an event, and returns what it answers, MaxAnswer bytes at most. What the function
	// has thrown is a [*Thrown]; any other error says that it could not be called, or has not answered.
	Invoke(ctx context.Context, arn string, event []byte) ([]byte, error)
}

// MaxAnswer is how many bytes a function may answer, as at Lambda.
const MaxAnswer = 6 << 20

// Thrown is the error that a function has answered.
type Thrown struct{ Type, Message string }

// Error implements error.
func (t *Thrown) Error() string { return t.Type + ": " + t.Message }

// Unreachable is why a function could not be called, in a word that is told to the app: a code of Lambda's, such as
// "ResourceNotFoundException".
type Unreachable struct {
	Code  string
	Cause error // for the log
}

// Error implements error.
func (u *Unreachable) Error() string { return u.Code + ": " + fmt.Sprint(u.Cause) }

// Unwrap returns the cause.
func (u *Unreachable) Unwrap() error { return u.Cause }

const (
	// timeout is how long one try of a call may take, and tries how often one that takes longer is made.
	timeout = 5 * time.Second
	tries   = 3

	causeTimeout = "Socket timeout while invoking Lambda function"
	causeUnknown = "InternalErrorException"
)

// Dispatcher calls the functions of pools. It is safe for concurrent use, keeps nothing between calls, and holds no lock during one.
type Dispatcher struct {
	runner Runner
	logger *slog.Logger
}

// New makes a dispatcher over a runner of all functions.
func New(runner Runner, logger *slog.Logger) *Dispatcher {
	return &Dispatcher{runner: runner, logger: logger}
}

// Trigger is one of the places at which a function may be called. Name is what errors call it.
type Trigger[Request, Response any] struct{ Name string }

// Scene is what every event tells.
type Scene struct {
	Source         string // the triggerSource
	Version        string // empty for "1"
	Region, PoolID string
	ClientID       string // empty where no client is concerned
	UserName       string
}

// Call calls the function of an ARN at a trigger, and returns what it answers, or the zero Response when arn is empty: there is
// no function then. It must not be called within a transaction: it takes up to five seconds, three times over. An error is a
// fault that may be shown.
func (t Trigger[Request, Response]) Call(ctx context.Context, d *Dispatcher, arn string, s Scene, request Request) (response Response, err error) {
	if arn == "" {
		return response, nil
	}
	if d == nil {
		return response, t.unexpected(causeUnknown, errors.New("there is nothing that runs functions"))
	}
	event, err := json.Marshal(newEvent(s, request, response), json.Deterministic(true))
	if err != nil {
		return response, err
	}
	answer, err := d.invoke(ctx, arn, event)
	if err == nil {
		response, err = t.read(answer)
	} else {
		err = t.failed(err)
	}
	if err != nil {
		d.logger.WarnContext(ctx, "a trigger failed", "trigger", t.Name, "source", s.Source, "pool", s.PoolID, "function", arn, "error", err, "cause", errors.Unwrap(err))
	}
	return response, err
}

// invoke calls a function, once more when it does not answer in time.
func (d *Dispatcher) invoke(ctx context.Context, arn string, event []byte) (answer []byte, err error) {
	for range tries {
		once, cancel := context.WithTimeout(ctx, timeout)
		answer, err = d.runner.Invoke(once, arn, event)
		late := once.Err() != nil
		cancel()
		if err == nil || !late || ctx.Err() != nil {
			return answer, err
		}
		err = &Unreachable{Code: causeTimeout, Cause: err}
	}
	return nil, err
}

// failed is what the app is told of a call that failed (section 2).
func (t Trigger[Request, Response]) failed(err error) error {
	if thrown, ok := errors.AsType[*Thrown](err); ok {
		return fault.Because(err, idp.CodeUserLambdaValidation, t.Name+" failed with error "+thrown.Message+".")
	}
	code := causeUnknown
	if u, ok := errors.AsType[*Unreachable](err); ok {
		code = u.Code
	}
	return t.unexpected(code, err)
}

func (t Trigger[Request, Response]) unexpected(code string, cause error) error {
	return fault.Because(cause, idp.CodeUnexpectedLambda, t.Name+" invocation failed due to error "+code+".")
}

// read takes the response out of the event that a function has answered. Of the rest nothing counts.
func (t Trigger[Request, Response]) read(answer []byte) (response Response, err error) {
	if len(answer) > MaxAnswer {
		return response, Unrecognizable(fmt.Errorf("more than %d bytes", MaxAnswer))
	}
	var event struct {
		Response jsontext.Value `json:"response"`
	}
	if err := json.Unmarshal(answer, &event); err != nil {
		return response, Unrecognizable(err)
	}
	if len(event.Response) == 0 {
		return response, Unrecognizable(errors.New("there is no response"))
	}
	if err := json.Unmarshal(event.Response, &response); err != nil {
		var none Response
		return none, Unrecognizable(err)
	}
	return response, nil
}

// Unrecognizable is the fault of an answer that cannot be taken.
func Unrecognizable(cause error) error {
	return fault.Because(cause, idp.CodeInvalidLambdaResponse, "Unrecognizable lambda output")
}
