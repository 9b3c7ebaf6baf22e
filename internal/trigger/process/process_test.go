package process_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"cognate/internal/trigger"
	"cognate/internal/trigger/process"
	"cognate/internal/trigger/triggertest"
)

const ownSecret = "s3cret-of-the-environment"

var quiet = slog.New(slog.DiscardHandler)

// vanished is a runner of a program that has gone.
func vanished(t *testing.T) *process.Runner {
	t.Helper()
	path := filepath.Join(t.TempDir(), "program")
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	r := open(t, "", process.Config{Command: []string{path}})
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	return r
}

// eventually waits until something is so.
func eventually(t *testing.T, what string, so func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !so(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("never: ", what)
		}
	}
}

// dead tells whether a process is no more, but for its parent to hear of it.
func dead(pid int) bool {
	if syscall.Kill(pid, 0) != nil {
		return true
	}
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err == nil && bytes.Contains(status, []byte(") Z "))
}

func wantExit(t *testing.T, what string, err error, words string) {
	t.Helper()
	got, ok := errors.AsType[*trigger.Thrown](err)
	if !ok || got.Type != "Runtime.ExitError" || !strings.HasPrefix(got.Message, "RequestId: ") || !strings.HasSuffix(got.Message, " Error: "+words) {
		t.Errorf("%s: %v", what, err)
	}
}

func TestNew(t *testing.T) {
	dir := t.TempDir()
	plain := filepath.Join(dir, "plain")
	if err := os.WriteFile(plain, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for what, c := range map[string]process.Config{
		"no command": {}, "an empty one": {Command: []string{""}}, "no program": {Command: []string{filepath.Join(dir, "nothing")}}, "no name of one": {Command: []string{"cognate-no-such-program"}},
		"no executable": {Command: []string{"./plain"}, Dir: dir}, "a folder": {Command: []string{dir}}, "no folder": {Command: []string{"sh"}, Dir: filepath.Join(dir, "nothing")}, "a file for a folder": {Command: []string{"sh"}, Dir: plain},
		"a negative concurrency": {Command: []string{"sh"}, Concurrency: -1}, "a foul name": {Command: []string{"sh"}, Env: map[string]string{"A=B": "c"}}, "a foul value": {Command: []string{"sh"}, Env: map[string]string{"A": "\x00"}},
	} {
		if r, err := process.New(c); err == nil {
			t.Errorf("%s: %v", what, r)
		}
	}
	if err := os.Chmod(plain, 0o700); err != nil {
		t.Fatal(err)
	}
	for what, c := range map[string]process.Config{"a name": {Command: []string{"sh"}}, "a path": {Command: []string{"./plain"}, Dir: dir}} {
		if _, err := process.New(c); err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// TestEnvironment gives a function what Lambda gives it, and nothing that the server knows beside.
func TestEnvironment(t *testing.T) {
	t.Setenv("COGNATE_MASTER_KEY", "hidden")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "hidden")
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	r := open(t, "special", process.Config{Dir: dir, Env: map[string]string{"OWN": "word", "TZ": "Europe/Berlin", "AWS_LAMBDA_RUNTIME_API": "elsewhere"}})
	const arn = "arn:aws:lambda:eu-west-1:123456789012:function:my-function:prod"
	text, err := r.Invoke(t.Context(), arn, []byte(`{"do":"tell"}`))
	if err != nil {
		t.Fatal(err)
	}
	told := decode(t, text)
	environment := fmt.Sprint(told["environment"])
	for _, part := range []string{
		"AWS_LAMBDA_FUNCTION_NAME=my-function ", "AWS_LAMBDA_FUNCTION_VERSION=prod ", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE=1024 ", "AWS_LAMBDA_INITIALIZATION_TYPE=on-demand ",
		"AWS_LAMBDA_LOG_GROUP_NAME=/aws/lambda/my-function ", "AWS_LAMBDA_LOG_STREAM_NAME=20", "AWS_REGION=eu-west-1 ", "AWS_DEFAULT_REGION=eu-west-1 ", "LAMBDA_TASK_ROOT=" + dir + " ",
		"_HANDLER=bootstrap", "OWN=word ", "TZ=Europe/Berlin", "PATH=" + os.Getenv("PATH") + " ", "AWS_LAMBDA_RUNTIME_API=127.0.0.1:",
	} {
		if !strings.Contains(environment, part) {
			t.Errorf("there is no %s in %s", part, environment)
		}
	}
	if strings.Contains(environment, "hidden") {
		t.Errorf("the server's own environment: %s", environment)
	}
	left, _ := told["left"].(float64)
	if told["arn"] != arn || len(fmt.Sprint(told["id"])) != 36 || told["folder"] != dir || left < 3 || left > 5 || !strings.HasPrefix(fmt.Sprint(told["trace"]), "Root=1-") {
		t.Errorf("%v", told)
	}
}

// TestWarm keeps a process from one event to the next, and has one of its own for each function.
func TestWarm(t *testing.T) {
	r := open(t, "special", process.Config{})
	first, err := ask(t, r, `{}`)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[any]bool{first["pid"]: true}
	for n := range 100 {
		next, err := ask(t, r, `{}`)
		if err != nil {
			t.Fatal(err)
		}
		if seen[next["pid"]] = true; n%4 == 0 {
			time.Sleep(2 * time.Millisecond) // so that some events find a process that waits, and others one that has just answered
		}
	}
	if len(seen) > 5 { // on a busy machine one may take long to come back
		t.Errorf("%d processes for 100 events in a row", len(seen))
	}
	other, err := r.Invoke(t.Context(), triggertest.ARN+":prod", []byte("{}"))
	if err != nil || seen[decode(t, other)["pid"]] {
		t.Errorf("another function: %s, %v", other, err)
	}
}

// TestStuck kills what does not answer in time with all that it has started, while others work on.
func TestStuck(t *testing.T) {
	var log lockedBuffer
	r := open(t, "special", process.Config{Logger: slog.New(slog.NewTextHandler(&log, nil))}).Shorten(0, 300*time.Millisecond, 500*time.Millisecond, 0)
	file := filepath.Join(t.TempDir(), "child")
	_, err := ask(t, r, fmt.Sprintf(`{"do":"breed","file":%q}`, file))
	wantExit(t, "a function that never answers", err, "Runtime exited with error: signal: killed")
	child, err := strconv.Atoi(string(mustRead(t, file)))
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "its child ends", func() bool { return dead(child) })
	if _, err := ask(t, r, `{}`); err != nil {
		t.Errorf("the next event: %v", err)
	}
	if text := log.String(); !strings.Contains(text, "is killed") || !strings.Contains(text, "function=suite") {
		t.Errorf("logged %s", text)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := r.Invoke(ctx, triggertest.ARN, []byte(`{"do":"hang"}`)); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v", err)
	}
	eventually(t, "what nobody waits for ends", func() bool { return len(r.Processes()) == 0 })
}

// TestGoneCaller lets a process answer to nobody, and keeps it: callers who go are no reason to start processes.
func TestGoneCaller(t *testing.T) {
	r := open(t, "suite", process.Config{})
	event := []byte(`{"do":"echo","wait":200000000}`)
	if _, err := r.Invoke(t.Context(), triggertest.ARN, []byte(`{}`)); err != nil {
		t.Fatal(err)
	}
	before := r.Processes()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := r.Invoke(ctx, triggertest.ARN, event); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatal(err)
	}
	time.Sleep(400 * time.Millisecond)
	if answer, err := r.Invoke(t.Context(), triggertest.ARN, []byte(`{"a":1}`)); err != nil || string(answer) != `{"a":1}` {
		t.Errorf("%s, %v", answer, err)
	}
	if after := r.Processes(); len(before) != 1 || !slices.Contains(after, before[0]) {
		t.Errorf("%v, then %v", before, after)
	}
}

// TestExits tells how a process has ended, as Lambda does.
func TestExits(t *testing.T) {
	r := open(t, "special", process.Config{})
	_, err := ask(t, r, `{"do":"write"}`)
	wantExit(t, "in the middle", err, "Runtime exited without providing a reason")
	_, err = ask(t, r, `{"do":"panic"}`)
	if got, ok := errors.AsType[*trigger.Thrown](err); !ok || got.Message != "oh no" || got.Type != "string" {
		t.Errorf("a panic: %v", err)
	}
	_, err = ask(t, r, `{"do":"error"}`)
	if got, ok := errors.AsType[*trigger.Thrown](err); !ok || got.Message != "no" || got.Type != "errorString" {
		t.Errorf("an error: %v", err)
	}
	_, err = ask(t, open(t, "crash", process.Config{}), `{}`)
	wantExit(t, "at the start", err, "Runtime exited with error: exit status 3")
	_, err = ask(t, open(t, "refuse", process.Config{}), `{}`)
	if got, ok := errors.AsType[*trigger.Thrown](err); !ok || *got != (trigger.Thrown{Type: "Runtime.NoHandler", Message: "There is no handler"}) {
		t.Errorf("an error at the start: %v", err)
	}
	begun := time.Now()
	_, err = ask(t, open(t, "sleep", process.Config{}).Shorten(200*time.Millisecond, 0, 0, 0), `{}`)
	wantExit(t, "no start", err, "Runtime exited with error: signal: killed")
	if took := time.Since(begun); took > 10*time.Second {
		t.Errorf("no start: after %v", took)
	}
}

// TestBackOff starts what does not start less and less often, and says at once why it does not.
func TestBackOff(t *testing.T) {
	var log lockedBuffer
	starts := func() int { return strings.Count(log.String(), "cannot start") }
	r := open(t, "crash", process.Config{Logger: slog.New(slog.NewTextHandler(&log, nil))}).Shorten(0, 0, 0, 2*time.Second)
	_, err := ask(t, r, `{}`)
	wantExit(t, "the first", err, "Runtime exited with error: exit status 3")
	for range 20 {
		_, err := ask(t, r, `{}`)
		wantExit(t, "the next", err, "Runtime exited with error: exit status 3")
	}
	if n := starts(); n != 1 {
		t.Errorf("%d starts at once", n)
	}
	eventually(t, "another start", func() bool {
		_, err := ask(t, r, `{}`)
		wantExit(t, "later", err, "Runtime exited with error: exit status 3")
		return starts() == 2
	})
	if text := log.String(); !strings.Contains(text, "again_in=2s") || !strings.Contains(text, "again_in=4s") {
		t.Errorf("logged %s", text)
	}
}

// TestIdle ends what nobody needs any more.
func TestIdle(t *testing.T) {
	r := open(t, "special", process.Config{}).Shorten(0, 0, 100*time.Millisecond, 0)
	first, err := ask(t, r, `{}`)
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "the process ends", func() bool { return len(r.Processes()) == 0 })
	if next, err := ask(t, r, `{}`); err != nil || next["pid"] == first["pid"] {
		t.Errorf("%v, then %v, %v", first, next, err)
	}
}

// TestClose ends all processes, and every call.
func TestClose(t *testing.T) {
	r := open(t, "special", process.Config{Concurrency: 3})
	var calls sync.WaitGroup
	for range 5 { // two of which wait for a process
		calls.Go(func() {
			if _, err := ask(t, r, `{"do":"hang"}`); err == nil {
				t.Error("answered")
			}
		})
	}
	var pids []int
	eventually(t, "three processes", func() bool { pids = r.Processes(); return len(pids) == 3 })
	if err := r.Close(); err != nil {
		t.Error(err)
	}
	calls.Wait()
	for _, pid := range pids {
		if !dead(pid) {
			t.Errorf("%d lives", pid)
		}
	}
	if _, err := ask(t, r, `{}`); err == nil {
		t.Error("works when it is closed")
	}
	if err := r.Close(); err != nil {
		t.Errorf("again: %v", err)
	}
}

// TestConcurrency has no more processes than it may, and lets callers wait for them, or go.
func TestConcurrency(t *testing.T) {
	r := open(t, "suite", process.Config{Concurrency: 2})
	var calls sync.WaitGroup
	for range 12 {
		calls.Go(func() {
			if _, err := r.Invoke(t.Context(), triggertest.ARN, []byte(`{"do":"echo","wait":20000000}`)); err != nil {
				t.Error(err)
			}
			if n := len(r.Processes()); n > 2 {
				t.Errorf("%d processes", n)
			}
		})
		calls.Go(func() {
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
			defer cancel()
			r.Invoke(ctx, triggertest.ARN, []byte(`{"do":"echo","wait":1000000}`))
		})
	}
	calls.Wait()
	if _, err := r.Invoke(t.Context(), triggertest.ARN, []byte(`{}`)); err != nil {
		t.Error(err)
	}
}

// TestDropped gets over a process that hangs up while it asks, and asks again.
func TestDropped(t *testing.T) {
	var log lockedBuffer
	r := open(t, "drop", process.Config{Logger: slog.New(slog.NewTextHandler(&log, nil))})
	if _, err := ask(t, r, `{}`); err != nil {
		t.Fatal(err)
	}
	eventually(t, "it hangs up", func() bool { return strings.Contains(log.String(), "has hung up") })
	before := r.Processes()
	for range 3 {
		if _, err := ask(t, r, `{}`); err != nil {
			t.Error(err)
		}
	}
	if after := r.Processes(); len(before) != 1 || !slices.Contains(after, before[0]) {
		t.Errorf("%v, then %v", before, after)
	}
}

// TestHungUp sends no event to a process that has hung up for good, and kills it in time.
func TestHungUp(t *testing.T) {
	var log lockedBuffer
	r := open(t, "leave", process.Config{Concurrency: 2, Logger: slog.New(slog.NewTextHandler(&log, nil))}).Shorten(0, 2*time.Second, 0, 0)
	if _, err := ask(t, r, `{}`); err != nil {
		t.Fatal(err)
	}
	eventually(t, "it hangs up", func() bool { return strings.Contains(log.String(), "has hung up") })
	first := r.Processes()
	if _, err := ask(t, r, `{}`); err != nil || len(first) != 1 {
		t.Errorf("%v, %v", first, err)
	}
	if strings.Count(log.String(), "is killed") != 0 {
		t.Error("the event waited for the process to be killed")
	}
	eventually(t, "the process is killed", func() bool { return dead(first[0]) })
}

// TestStartsBeside puts starts off that fail while other processes are busy, too.
func TestStartsBeside(t *testing.T) {
	var log lockedBuffer
	flag := filepath.Join(t.TempDir(), "crash")
	r := open(t, "crash later", process.Config{Env: map[string]string{"FLAG": flag}, Logger: slog.New(slog.NewTextHandler(&log, nil))}).Shorten(0, 0, 0, time.Minute)
	if _, err := ask(t, r, `{}`); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(flag, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	var calls sync.WaitGroup
	defer calls.Wait()
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	for range 2 { // one of which has the process
		calls.Go(func() {
			if _, err := r.Invoke(ctx, triggertest.ARN, []byte(`{"do":"hang"}`)); !errors.Is(err, context.DeadlineExceeded) {
				t.Error(err)
			}
		})
	}
	calls.Wait()
	if n := strings.Count(log.String(), "cannot start"); n != 1 {
		t.Errorf("%d starts in a second", n)
	}
}

// TestTwice takes the first of two answers.
func TestTwice(t *testing.T) {
	var log lockedBuffer
	r := open(t, "special", process.Config{Logger: slog.New(slog.NewTextHandler(&log, nil))})
	if answer, err := ask(t, r, `{"do":"twice"}`); err != nil || answer["first"] != true {
		t.Errorf("%v, %v", answer, err)
	}
	eventually(t, "the second one is refused", func() bool { return strings.Contains(log.String(), "unexpected status code: 400") })
}

// TestBrokenOff makes an error of an answer that breaks off, as the trailers of the Runtime API tell.
func TestBrokenOff(t *testing.T) {
	_, err := ask(t, open(t, "stream", process.Config{}), `{}`)
	if got, ok := errors.AsType[*trigger.Thrown](err); !ok || *got != (trigger.Thrown{Type: "errorString", Message: "broken off"}) {
		t.Errorf("%v", err)
	}
}

// TestLog logs what a function writes, by lines, and not without an end.
func TestLog(t *testing.T) {
	var log lockedBuffer
	r := open(t, "special", process.Config{Logger: slog.New(slog.NewTextHandler(&log, nil))})
	long := strings.Repeat("x", 20_000)
	ask(t, r, `{"do":"write","text":"first\n`+long+`\nthird \u001b[2J\n\n"}`)
	eventually(t, "the last line", func() bool { return strings.Contains(log.String(), "without an end") })
	text := log.String()
	for _, part := range []string{"function=suite line=first\n", `line="third \x1b[2J"`, `line="to standard output, and"`, "line=" + long[:8192] + "\n"} {
		if !strings.Contains(text, part) {
			t.Errorf("there is no %.100s in %.1000s", part, text)
		}
	}
	if n := strings.Count(text, "\n"); n != 5 {
		t.Errorf("%d lines: %.1000s", n, text)
	}
	ask(t, r, `{"do":"write","text":"`+strings.Repeat(`line\n`, 5000)+`"}`)
	eventually(t, "a line that tells of others", func() bool { return strings.Contains(log.String(), "are left out") })
	if n := strings.Count(log.String(), "line=line\n"); n < 400 || n > 2000 {
		t.Errorf("%d of 5000 lines", n)
	}
}

// TestStrangers keeps all but the process out of its Runtime API, and the process in the order of things.
func TestStrangers(t *testing.T) {
	r := open(t, "special", process.Config{})
	told, err := ask(t, r, `{"do":"tell"}`)
	if err != nil {
		t.Fatal(err)
	}
	_, address, _ := strings.Cut(fmt.Sprint(told["environment"]), "AWS_LAMBDA_RUNTIME_API=")
	address, _, _ = strings.Cut(address, " ")
	const next = "/2018-06-01/runtime/invocation/next"
	for what, test := range map[string]struct {
		method, path, host, origin, fetch string
		want                              int
	}{
		"by another name": {"GET", next, "attacker.example", "", "", 403}, "by the name of this machine": {"GET", next, "localhost" + address[strings.LastIndex(address, ":"):], "", "", 403},
		"a web page": {"GET", next, "", "https://attacker.example", "", 403}, "an image of one": {"GET", next, "", "", "cross-site", 403},
		"an answer to nothing": {"POST", "/2018-06-01/runtime/invocation/" + fmt.Sprint(told["id"]) + "/response", "", "", "", 400}, "an error of nothing": {"POST", "/2018-06-01/runtime/invocation/x/error", "", "", "", 400},
		"a late start": {"POST", "/2018-06-01/runtime/init/error", "", "", "", 403}, "elsewhere": {"GET", "/", "", "", "", 404}, "the wrong way": {"POST", next, "", "", "", 405},
	} {
		q, err := http.NewRequestWithContext(t.Context(), test.method, "http://"+address+test.path, strings.NewReader(`{}`))
		if err != nil {
			t.Fatal(err)
		}
		q.Host = test.host
		for name, value := range map[string]string{"Origin": test.origin, "Sec-Fetch-Site": test.fetch} {
			if value != "" {
				q.Header.Set(name, value)
			}
		}
		answer, err := http.DefaultClient.Do(q)
		if err != nil {
			t.Errorf("%s: %v", what, err)
			continue
		}
		io.Copy(io.Discard, answer.Body)
		answer.Body.Close()
		if answer.StatusCode != test.want {
			t.Errorf("%s: %s", what, answer.Status)
		}
	}
	if again, err := ask(t, r, `{}`); err != nil || again["pid"] != told["pid"] {
		t.Errorf("then: %v, %v", again, err)
	}
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func mustRead(t *testing.T, path string) []byte {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return text
}
