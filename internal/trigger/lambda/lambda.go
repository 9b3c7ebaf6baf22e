// Package lambda runs functions in AWS Lambda, or in what speaks its Invoke API.
// https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html
package lambda

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	sdk "github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/smithy-go"

	"cognate/internal/trigger"
)

// maxIdle is how many connections are kept for calls to come.
const maxIdle = 64

// Config says where functions are called. All else, credentials above all, comes from the standard environment of AWS's clients.
type Config struct {
	Region   string // empty is the one in a function's ARN
	Endpoint string // a URL; empty is Lambda's
}

// Runner is a [trigger.Runner] that calls functions in Lambda, each call once: calls are repeated by the dispatcher alone.
type Runner struct {
	config Config

	mu     sync.Mutex
	client *sdk.Client // nil until the first call
}

// New makes a runner. It reads nothing of the environment yet: most servers call no function in Lambda.
func New(c Config) (*Runner, error) {
	if c.Region != "" && !isRegion(c.Region) {
		return nil, fmt.Errorf("%q is not a region", c.Region)
	}
	if c.Endpoint != "" {
		u, err := url.Parse(c.Endpoint)
		if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
			return nil, errors.New("the endpoint is not a URL")
		}
	}
	return &Runner{config: c}, nil
}

// isRegion tells whether a region is one: it becomes a part of the name of the host that requests, with their signatures, go to.
func isRegion(text string) bool {
	return len(text) <= 63 && text != "" && strings.Trim(text, "abcdefghijklmnopqrstuvwxyz0123456789-") == ""
}

// Invoke implements trigger.Runner.
func (r *Runner) Invoke(ctx context.Context, arn string, event []byte) ([]byte, error) {
	name, ok := trigger.ParseARN(arn)
	if !ok || name.Region != "" && !isRegion(name.Region) {
		return nil, &trigger.Unreachable{Code: "ResourceNotFoundException", Cause: errors.New("not the ARN of a function")}
	}
	client, err := r.open(ctx)
	if err != nil {
		return nil, fmt.Errorf("the environment of AWS's clients: %w", err)
	}
	out, err := client.Invoke(ctx, &sdk.InvokeInput{FunctionName: &arn, Payload: event}, func(o *sdk.Options) {
		if r.config.Region == "" && name.Region != "" {
			o.Region = name.Region
		}
	})
	switch {
	case errors.Is(err, errTooLong):
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
func (r *Runner) open(ctx context.Context) (*sdk.Client, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.client != nil {
		return r.client, nil
	}
	transport := awshttp.NewBuildableClient().WithTransportOptions(func(t *http.Transport) { t.MaxIdleConnsPerHost = maxIdle })
	c, err := config.LoadDefaultConfig(ctx, config.WithHTTPClient(transport))
	if err != nil {
		return nil, err
	}
	r.client = sdk.NewFromConfig(c, func(o *sdk.Options) {
		o.Retryer, o.HTTPClient = aws.NopRetryer{}, bounded{o.HTTPClient}
		if r.config.Region != "" {
			o.Region = r.config.Region
		}
		if r.config.Endpoint != "" {
			o.BaseEndpoint = &r.config.Endpoint
		}
	})
	return r.client, nil
}

var errTooLong = errors.New("lambda: the answer is too long")

// bounded is a client that reads no longer answers than functions may give.
type bounded struct{ sdk.HTTPClient }

func (b bounded) Do(r *http.Request) (*http.Response, error) {
	answer, err := b.HTTPClient.Do(r)
	if err == nil {
		answer.Body = &body{ReadCloser: answer.Body, left: trigger.MaxAnswer}
	}
	return answer, err
}

type body struct {
	io.ReadCloser
	left int
}

func (b *body) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p[:min(len(p), b.left+1)])
	if b.left -= n; b.left < 0 {
		return 0, errTooLong
	}
	return n, err
}
