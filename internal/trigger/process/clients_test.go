package process_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"cognate/internal/trigger"
	"cognate/internal/trigger/process"
	"cognate/internal/trigger/triggertest"
)

// program finds a program that the tests cannot do without.
func program(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Fatalf("%s is missing: %v", name, err)
	}
	return path
}

// TestNode runs the suite with a function in Node.
func TestNode(t *testing.T) {
	c := process.Config{Command: []string{program(t, "node"), "runtime.mjs"}, Dir: "testdata", Concurrency: 16, Logger: quiet}
	triggertest.Run(t, func(t *testing.T) *triggertest.Fixture {
		return &triggertest.Fixture{Runner: open(t, "", c), Nowhere: vanished(t), Throws: true}
	})
}

// TestPython runs an unchanged function with awslambdaric, Lambda's client for Python, which makes documents anew.
func TestPython(t *testing.T) {
	folder := t.TempDir()
	python := program(t, "python3")
	if out, err := exec.Command(python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--target", folder, "awslambdaric==4.2.2").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	c := process.Config{Command: []string{python, "-m", "awslambdaric", "function.handler"}, Dir: "testdata", Env: map[string]string{"PYTHONPATH": folder, "PYTHONDONTWRITEBYTECODE": "1"}}
	client(t, open(t, "", c))
	c.Command = []string{python, "-m", "awslambdaric", "function.nothing"}
	_, err := ask(t, open(t, "", c), `{}`)
	if got, ok := errors.AsType[*trigger.Thrown](err); !ok || got.Type != "Runtime.HandlerNotFound" || !strings.Contains(got.Message, "'nothing'") {
		t.Errorf("no handler: %v", err)
	}
}

// TestNodeClient runs an unchanged function with aws-lambda-ric, Lambda's client for Node, where the environment names a folder that it is
// installed in: npm compiles it, which takes minutes, and a compiler.
func TestNodeClient(t *testing.T) {
	folder := os.Getenv("COGNATE_AWS_LAMBDA_RIC")
	if folder == "" {
		t.Skip("COGNATE_AWS_LAMBDA_RIC names no folder in which npm has installed aws-lambda-ric")
	}
	c := process.Config{Command: []string{program(t, "node"), filepath.Join(folder, "node_modules/aws-lambda-ric/bin/index.mjs"), "function.handler"}, Dir: "testdata"}
	client(t, open(t, "", c))
	c.Command[2] = "function.nothing"
	_, err := ask(t, open(t, "", c), `{}`)
	if got, ok := errors.AsType[*trigger.Thrown](err); !ok || got.Type != "Runtime.HandlerNotFound" {
		t.Errorf("no handler: %v", err)
	}
}

// client has one of Lambda's clients work, throw, crash and hang.
func client(t *testing.T, r *process.Runner) {
	t.Helper()
	r.Shorten(0, 2*time.Second, 0, 0)
	works := func(after string) {
		t.Helper()
		answer, err := ask(t, r, `{"userName":"żółć 🔑","request":{},"response":{}}`)
		response, _ := answer["response"].(map[string]any)
		left, _ := response["left"].(float64)
		if err != nil || answer["userName"] != "żółć 🔑" || response["name"] != "suite" || response["arn"] != triggertest.ARN || left < 100 || left > 2000 {
			t.Errorf("after %s: %v, %v", after, answer, err)
		}
	}
	works("the start")
	works("an event")
	_, err := ask(t, r, `{"request":{"do":"throw"}}`)
	if got, ok := errors.AsType[*trigger.Thrown](err); !ok || *got != (trigger.Thrown{Type: "NotYou", Message: "Not you"}) {
		t.Errorf("an error: %v", err)
	}
	works("an error")
	_, err = ask(t, r, `{"request":{"do":"type"}}`)
	if _, ok := errors.AsType[*trigger.Thrown](err); !ok {
		t.Errorf("an answer that is no document: %v", err)
	}
	works("an answer that is no document")
	_, err = ask(t, r, `{"request":{"do":"crash"}}`)
	wantExit(t, "a crash", err, "Runtime exited with error: exit status 3")
	works("a crash")
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if _, err := r.Invoke(ctx, triggertest.ARN, []byte(`{"request":{"do":"hang"}}`)); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a hang: %v", err)
	}
	works("a hang")
}
