package process_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambda/messages"
	"github.com/aws/aws-lambda-go/lambdacontext"

	"cognate/internal/trigger/process"
	"cognate/internal/trigger/triggertest"
)

// actAs names the function that the test's own program is, in the environment of the processes that the tests start.
const actAs = "COGNATE_TEST_FUNCTION"

func TestMain(m *testing.M) {
	switch os.Getenv(actAs) {
	case "":
		os.Exit(m.Run())
	case "suite":
		lambda.Start(suite{})
	case "special":
		lambda.Start(special)
	case "crash":
		os.Stderr.WriteString("cannot start\n")
		os.Exit(3)
	case "sleep":
		time.Sleep(time.Minute)
	case "refuse":
		send("/runtime/init/error", `{"errorMessage":"There is no handler","errorType":"Runtime.NoHandler"}`)
	case "drop":
		drop()
		lambda.Start(special)
	case "leave":
		drop()
		time.Sleep(time.Minute)
	case "crash later":
		if _, err := os.Stat(os.Getenv("FLAG")); err == nil {
			os.Stderr.WriteString("cannot start\n")
			os.Exit(3)
		}
		lambda.Start(special)
	case "stream":
		lambda.Start(func() (io.Reader, error) {
			return io.MultiReader(strings.NewReader(`{"response":`), iotest.ErrReader(errors.New("broken off"))), nil
		})
	}
}

// send sends a document to the Runtime API.
func send(path, document string) {
	answer, err := http.Post("http://"+os.Getenv("AWS_LAMBDA_RUNTIME_API")+"/2018-06-01"+path, "application/json", strings.NewReader(document))
	if err != nil || answer.StatusCode != http.StatusAccepted {
		panic(fmt.Sprint(answer, err))
	}
}

// drop answers an event, then asks for one twice and hangs up.
func drop() {
	const next = "/2018-06-01/runtime/invocation/next"
	first, err := http.Get("http://" + os.Getenv("AWS_LAMBDA_RUNTIME_API") + next)
	if err != nil {
		panic(err)
	}
	send("/runtime/invocation/"+first.Header.Get("Lambda-Runtime-Aws-Request-Id")+"/response", "{}")
	for range 2 {
		if _, err := (&http.Client{Timeout: 50 * time.Millisecond}).Get("http://" + os.Getenv("AWS_LAMBDA_RUNTIME_API") + next); err == nil {
			panic("there was an event")
		}
	}
	fmt.Println("has hung up")
}

// suite is the function of the suite, made with aws-lambda-go.
type suite struct{}

// Invoke implements lambda.Handler.
func (suite) Invoke(ctx context.Context, event []byte) ([]byte, error) {
	o := triggertest.ReadOrder(event)
	switch o.Do {
	case triggertest.Throw:
		return nil, messages.InvokeResponse_Error{Type: o.Type, Message: o.Text}
	case triggertest.Foul:
		return nil, foul(ctx, o.Text)
	case triggertest.Crash:
		os.Exit(3)
	case triggertest.Hang:
		select {}
	}
	return o.Answer(event), nil
}

// foul tells of an error past the library, which makes none but good documents.
func foul(ctx context.Context, text string) error {
	c, _ := lambdacontext.FromContext(ctx)
	send("/runtime/invocation/"+c.AwsRequestID+"/error", text)
	return errors.New("told already")
}

// special does what the tests of this package want.
func special(ctx context.Context, event map[string]any) (map[string]any, error) {
	c, _ := lambdacontext.FromContext(ctx)
	deadline, _ := ctx.Deadline()
	event["pid"] = os.Getpid()
	switch event["do"] {
	case "tell":
		folder, err := os.Getwd()
		if err != nil {
			return nil, err
		}
		event["environment"], event["folder"] = os.Environ(), folder
		event["arn"], event["id"], event["left"] = c.InvokedFunctionArn, c.AwsRequestID, time.Until(deadline).Seconds()
		event["trace"] = os.Getenv("_X_AMZN_TRACE_ID")
	case "write":
		fmt.Fprintln(os.Stderr, event["text"])
		fmt.Println("to standard output, and")
		fmt.Print("without an end")
		os.Exit(0)
	case "panic":
		panic("oh no")
	case "error":
		return nil, errors.New("no")
	case "twice":
		send("/runtime/invocation/"+c.AwsRequestID+"/response", `{"first":true}`)
	case "hang", "breed":
		if event["do"] == "breed" {
			child := exec.Command("sleep", "3600")
			if err := child.Start(); err != nil {
				return nil, err
			}
			os.WriteFile(event["file"].(string), fmt.Append(nil, child.Process.Pid), 0o600)
		}
		select {}
	}
	return event, nil
}

// open makes a runner of what this program is as the function.
func open(t *testing.T, function string, c process.Config) *process.Runner {
	t.Helper()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if c.Command == nil {
		c.Command = []string{program}
	}
	if c.Env == nil {
		c.Env = map[string]string{}
	}
	c.Env[actAs] = function
	if c.Logger == nil {
		c.Logger = quiet
	}
	r, err := process.New(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	return r
}

// ask calls a function and reads its answer.
func ask(t *testing.T, r *process.Runner, event string) (answer map[string]any, err error) {
	t.Helper()
	text, err := r.Invoke(t.Context(), triggertest.ARN, []byte(event))
	if err != nil {
		return nil, err
	}
	return decode(t, text), nil
}

func decode(t *testing.T, text []byte) (out map[string]any) {
	t.Helper()
	if err := json.Unmarshal(text, &out); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return out
}

// TestGo runs the suite with a function made with aws-lambda-go.
func TestGo(t *testing.T) {
	triggertest.Run(t, func(t *testing.T) *triggertest.Fixture {
		return &triggertest.Fixture{
			Runner: open(t, "suite", process.Config{Env: map[string]string{"OWN": ownSecret}}), Nowhere: vanished(t), Secrets: []string{ownSecret}, Throws: true,
		}
	})
}
