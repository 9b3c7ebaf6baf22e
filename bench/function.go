//go:build linux

package main

import (
	"context"
	"encoding/json"
	"log/slog"
	"os"
	"time"

	"github.com/aws/aws-lambda-go/lambda"

	processes "cognate/internal/trigger/process"
)

// actAsFunction is the variable by which this program is the function of a trigger in place of the bench.
const actAsFunction = "COGNATE_BENCH_FUNCTION"

// function answers the event as it is, after the time that the event says.
func function(_ context.Context, event json.RawMessage) (json.RawMessage, error) {
	var e struct{ Request struct{ Wait time.Duration } }
	if err := json.Unmarshal(event, &e); err != nil {
		return nil, err
	}
	time.Sleep(e.Request.Wait)
	return event, nil
}

func serveFunction() { lambda.Start(function) }

// functions runs the functions of triggers as the server does, but in this program: what a trigger adds to a sign-in is
// what a call takes. The server has no part in it, so that its CPU time says nothing.
type functions struct{ runner *processes.Runner }

func newFunctions() (functions, error) {
	program, err := os.Executable()
	if err != nil {
		return functions{}, err
	}
	r, err := processes.New(processes.Config{
		Command: []string{program}, Env: map[string]string{actAsFunction: "1"}, Logger: slog.New(slog.DiscardHandler),
	})
	return functions{r}, err
}

func (f functions) operations() []operation {
	return []operation{
		{name: "trigger", ready: always(f.call(`{"version":"1","request":{"userAttributes":{"sub":"01a20ed9-70ad-71db-bed1-805ee4428e0d"}},"response":{}}`))},
		{name: "trigger of 50 ms", ready: always(f.call(`{"version":"1","request":{"wait":50000000},"response":{}}`))},
	}
}

func (f functions) call(event string) func(context.Context, int) error {
	return func(ctx context.Context, _ int) error {
		_, err := f.runner.Invoke(ctx, "arn:aws:lambda:us-east-1:000000000000:function:bench", []byte(event))
		return err
	}
}
