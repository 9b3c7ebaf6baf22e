// Package lambda runs functions in AWS Lambda, or in what speaks its Invoke API.
// https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html
package lambda

import (
	"context"
	"errors"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/smithy-go"

	"cognate/internal/awsclient"
	"cognate/internal/trigger"
)

// Config says where functions are called. All else, credentials above all, comes from the standard environment of AWS's clients.
type Config struct {
	Region   string // empty is the one in a function's ARN
	Endpoint string // a URL; empty is Lambda's
}

// Runner is a [trigger.Runner] that calls functions in Lambda, each call once: calls are repeated by the dispatcher alone.
type Runner struct {
	config Config

	mu sync.Mutex
	// invoke is nil until the first call. It is the client's method alone: a type that held the client would keep the code of all its
	// operations in the binary.
	invoke invoke
}

type invoke func(context.Context, *sdk.InvokeInput, ...func(*sdk.Options)) (*sdk.InvokeOutput, error)

// New makes a runner. It reads nothing of the environment yet: most servers call no function in Lambda.
func New(c Config) (*Runner, error) {
	if err := awsclient.Config(c).Check(); err != nil {
		return nil, err
	}
	return &Runner{config: c}, nil
}

// Invoke implements trigger.Runner.
func (r *Runner) Invoke(ctx context.Context, arn string, event []byte) ([]byte, error) {
	name, ok := trigger.ParseARN(arn)
	if !ok || name.Region != "" && !awsclient.IsRegion(name.Region) {
		return nil, &trigger.Unreachable{Code: "ResourceNotFoundException", Cause: errors.New("not the ARN of a function")}
	}
	invoke, err := r.open(ctx)
	if err != nil {
		return nil, err
	}
	out, err := invoke(ctx, &sdk.InvokeInput{FunctionName: &arn, Payload: event}, func(o *sdk.Options) {
		if r.config.Region == "" && name.Region != "" {
			o.Region = name.Region
		}
	})
	switch {
	case errors.Is(err, awsclient.ErrTooLong):
		return nil, trigger.TooLong()
	case err != nil:
		return nil, unreachable(err)
	case out.FunctionError != nil:
		return nil, trigger.ReadThrown(out.Payload, *out.FunctionError)
	}
	return out.Payload, nil
}

// unreachable finds the code of an error of the API.
func unreachable(err error) error {
	api, ok := errors.AsType[smithy.APIError](err)
	if !ok {
		return err
	}
	code := api.ErrorCode()
	if code == "UnknownError" { // the SDK's, of an answer that names none
		code = "ServiceException"
	}
	return &trigger.Unreachable{Code: code, Cause: err}
}

// open makes the client, unless there is one.
func (r *Runner) open(ctx context.Context) (invoke, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.invoke != nil {
		return r.invoke, nil
	}
	c, err := awsclient.Config(r.config).Load(ctx, trigger.MaxAnswer)
	if err != nil {
		return nil, err
	}
	client := sdk.NewFromConfig(c, func(o *sdk.Options) {
		o.Retryer = aws.NopRetryer{}
		if e := awsclient.Config(r.config).BaseEndpoint(); e != nil {
			o.BaseEndpoint = e
		}
	})
	r.invoke = client.Invoke
	return r.invoke, nil
}
