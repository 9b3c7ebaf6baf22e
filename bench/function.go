//go:build linux

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambdacontext"
)

// actAsFunction is the variable by which this program is the function of a trigger in place of the bench.
const actAsFunction = "COGNATE_BENCH_FUNCTION"

// The functions: one that answers at once, and one that takes a while.
const (
	quick = "quick"
	slow  = "slow"

	slowness = 50 * time.Millisecond
)

// serveFunction answers every event as it is.
func serveFunction() {
	lambda.Start(func(_ context.Context, event json.RawMessage) (json.RawMessage, error) {
		if lambdacontext.FunctionName == slow {
			time.Sleep(slowness)
		}
		return event, nil
	})
}

// writeFunctions tells the server to run the functions as processes of this program.
func writeFunctions(dir string) (path string, err error) {
	program, err := os.Executable()
	if err != nil {
		return "", err
	}
	path = filepath.Join(dir, "functions.yaml")
	text := fmt.Sprintf("functions:\n  \"*\": {process: {command: [%q], env: {%s: \"1\"}}}\n", program, actAsFunction)
	return path, os.WriteFile(path, []byte(text), 0o600)
}

// triggered makes a pool of its own with as many users, whose sign-ins call a function first.
func (w *workload) triggered(ctx context.Context, function string) (*workload, error) {
	t := &workload{url: w.url, http: w.http, srp: w.srp, accounts: make([]account, len(w.accounts))}
	arn := "arn:aws:lambda:us-east-1:000000000000:function:" + function
	if err := t.makePool(ctx, fmt.Sprintf(`,"LambdaConfig":{"PreAuthentication":%q}`, arn)); err != nil {
		return nil, err
	}
	return t, t.each(ctx, t.enroll)
}

// byFunction is a sign-in of a pool that calls a function: what it takes more than one that does not is what the trigger adds.
func (w *workload) byFunction(function string) func(context.Context) (func(context.Context, int) error, error) {
	var t *workload
	return func(ctx context.Context) (_ func(context.Context, int) error, err error) {
		if t == nil { // once: the processes stay warm
			if t, err = w.triggered(ctx, function); err != nil {
				return nil, err
			}
		}
		return t.passwordSignIn, nil
	}
}

func (w *workload) passwordSignIn(ctx context.Context, n int) error {
	return signedIn(w.initiate(ctx, "USER_PASSWORD_AUTH", fmt.Sprintf(`"USERNAME":%q,"PASSWORD":%q`, w.account(n).name, password)))
}
