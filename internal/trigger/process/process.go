// Package process runs functions as processes of this machine, which speak Lambda's Runtime API: what is built for Lambda with
// aws-lambda-go, aws-lambda-ric (Node), awslambdaric (Python) or another runtime interface client runs unchanged.
// https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
package process

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"cognate/internal/trigger"
)

// DefaultConcurrency is how many processes a function may have where its configuration does not say.
const DefaultConcurrency = 64

// Config says how to start a function.
type Config struct {
	// Command is the program, and its arguments. A relative path is in Dir; a name without a folder is looked for in PATH.
	Command []string
	// Dir is the folder to start it in; empty is the server's own.
	Dir string
	// Env is what it finds in its environment beside what Lambda sets, and before that. Of the server's own, it finds PATH, HOME and
	// TMPDIR.
	Env map[string]string
	// Concurrency is how many processes each function may have, and so how many events it works on at a time; 0 is
	// DefaultConcurrency.
	Concurrency int
	// Logger takes what the processes write, and what becomes of them; nil is slog.Default().
	Logger *slog.Logger
}

// times bound what processes do. Tests shorten them.
type times struct {
	start               time.Duration // until a process asks for its first event, as at Lambda
	answer              time.Duration // from an event until the process asks for the next one, as a trigger's
	idle                time.Duration // without an event, after which a process is ended
	grace               time.Duration // from asking a process to end until it is made to
	backoff, maxBackoff time.Duration // until the next start after one that failed, doubled from one to the next
}

var usualTimes = times{
	start: 10 * time.Second, answer: 5 * time.Second, idle: 5 * time.Minute, grace: 2 * time.Second,
	backoff: 100 * time.Millisecond, maxBackoff: 5 * time.Second,
}

// Runner is a [trigger.Runner] that starts processes when there are events for them, and keeps them for the events that follow:
// each is of one function, and has one event at a time. One that exits is replaced, and so is one that does not answer within
// five seconds, which is killed with all that it has started.
type Runner struct {
	config Config
	path   string // of the program
	times  times

	mu        sync.Mutex
	functions map[trigger.Function]*function
	closed    bool
}

// New makes a runner. It starts nothing, but looks whether the program is there.
func New(c Config) (*Runner, error) {
	if len(c.Command) == 0 || c.Command[0] == "" {
		return nil, errors.New("the command is missing")
	}
	if c.Concurrency < 0 {
		return nil, fmt.Errorf("a concurrency of %d", c.Concurrency)
	}
	if c.Concurrency == 0 {
		c.Concurrency = DefaultConcurrency
	}
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	for name, value := range c.Env {
		if name == "" || strings.ContainsAny(name, "=\x00") || strings.ContainsRune(value, 0) {
			return nil, fmt.Errorf("%q is not the name of an environment variable, or its value not one", name)
		}
	}
	var err error
	if c.Dir, err = filepath.Abs(c.Dir); err != nil {
		return nil, err
	}
	if info, err := os.Stat(c.Dir); err != nil {
		return nil, err
	} else if !info.IsDir() {
		return nil, fmt.Errorf("%s is not a folder", c.Dir)
	}
	path := c.Command[0]
	if filepath.Base(path) != path && !filepath.IsAbs(path) {
		path = filepath.Join(c.Dir, path)
	}
	if path, err = exec.LookPath(path); err != nil {
		return nil, err
	}
	return &Runner{config: c, path: path, times: usualTimes, functions: map[trigger.Function]*function{}}, nil
}

// Invoke implements trigger.Runner. When ctx ends first, the process may still answer, to nobody, until its own time is over.
func (r *Runner) Invoke(ctx context.Context, arn string, event []byte) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	name, ok := trigger.ParseARN(arn)
	if !ok {
		return nil, &trigger.Unreachable{Code: "ResourceNotFoundException", Cause: errors.New("not the ARN of a function")}
	}
	f, err := r.function(name)
	if err != nil {
		return nil, err
	}
	return f.invoke(ctx, arn, event)
}

func (r *Runner) function(name trigger.Function) (*function, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return nil, errClosed
	}
	f := r.functions[name]
	if f == nil {
		f = newFunction(r, name)
		r.functions[name] = f
	}
	return f, nil
}

var errClosed = &trigger.Unreachable{Code: "ServiceException", Cause: errors.New("the server stops")}

// Close ends all processes, and returns when they are gone. What is called under way or later fails.
func (r *Runner) Close() error {
	r.mu.Lock()
	r.closed = true
	all := slices.Collect(maps.Values(r.functions))
	r.mu.Unlock()
	var closing sync.WaitGroup
	for _, f := range all {
		closing.Go(f.close)
	}
	closing.Wait()
	return nil
}
