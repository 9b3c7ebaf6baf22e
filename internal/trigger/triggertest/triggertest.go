// Package triggertest is what every trigger.Runner must pass.
package triggertest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"cognate/internal/trigger"
)

// ARN is that of the function that the suite calls.
const ARN = "arn:aws:lambda:us-east-1:123456789012:function:suite"

// Fixture is a runner of a function that does what the [Order] of an event says.
type Fixture struct {
	Runner trigger.Runner
	// Nowhere is a runner of functions that cannot be called.
	Nowhere trigger.Runner
	// Secrets are what no error may show, beside what events hold.
	Secrets []string
	// Throws says that the function can throw Foul and Crash: that there is something between it and the runner which makes an
	// error of a crash, as Lambda does.
	Throws bool
}

// Run runs the suite. open makes a fixture and cleans up after t.
func Run(t *testing.T, open func(t *testing.T) *Fixture) {
	for name, test := range map[string]func(*testing.T, *Fixture){
		"unchanged": unchanged, "thrown": thrown, "foul errors": foul, "crash": crashes, "garbage": garbage, "size": size,
		"late": late, "gone": gone, "many": many, "side by side": sideBySide, "odd ARNs": oddARNs, "nowhere": nowhere, "ended": ended,
	} {
		t.Run(name, func(t *testing.T) { test(t, open(t)) })
	}
}

// patience is how long a call may take that has nothing to wait for, on a busy machine.
const patience = 20 * time.Second

const secret = "s3cret-of-the-event"

func order(t *testing.T, o Order) []byte {
	t.Helper()
	o.Secret = secret
	event, err := json.Marshal(o)
	if err != nil {
		t.Fatal(err)
	}
	return event
}

// call calls the function, and looks at the error if there is one.
func (f *Fixture) call(t *testing.T, event []byte) ([]byte, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	answer, err := f.Runner.Invoke(ctx, ARN, event)
	if ctx.Err() != nil {
		t.Fatalf("%.80s: not within %v: %v", event, patience, err)
	}
	f.checkError(t, err)
	return answer, err
}

// checkError finds nothing in an error that it must not show (checklist 62).
func (f *Fixture) checkError(t *testing.T, err error) {
	t.Helper()
	if err == nil {
		return
	}
	text := fmt.Sprintf("%v %+v %#v", err, err, err)
	for _, hidden := range append(f.Secrets, secret) {
		if strings.Contains(text, hidden) {
			t.Errorf("an error shows %s: %s", hidden, text)
		}
	}
}

// works calls the function once more.
func (f *Fixture) works(t *testing.T, after string) {
	t.Helper()
	event := order(t, Order{Do: Echo, Text: after})
	if answer, err := f.call(t, event); err != nil || string(answer) != string(event) {
		t.Errorf("after %s: %s, %v", after, answer, err)
	}
}

func unchanged(t *testing.T, f *Fixture) {
	for _, event := range []string{
		`{}`, ` { "b" : 1, "a" : 12345678901234567890.10, "e":1E400 } `, `{"a":"zażółć 確認 🔑 \u0000 \ud83d\ude00 \/ <&>"}`, `{"a":1,"a":2}`, "{\"a\":\"\u2028\"}\n",
		`{"a":"` + strings.Repeat("long ", 100_000) + `"}`, `{"a":` + strings.Repeat("[", 500) + strings.Repeat("]", 500) + `}`,
	} {
		if answer, err := f.call(t, []byte(event)); err != nil || string(answer) != event {
			t.Errorf("%.80s became %.80s, %v", event, answer, err)
		}
	}
}

func thrown(t *testing.T, f *Fixture) {
	for _, want := range []trigger.Thrown{
		{Type: "Error", Message: "Not you"}, {Type: "ValueError", Message: "\"quoted\", <b>, żółć 🔑\nand a line"}, {Type: "a.b.C", Message: ""},
	} {
		_, err := f.call(t, order(t, Order{Do: Throw, Type: want.Type, Text: want.Message}))
		if got, ok := errors.AsType[*trigger.Thrown](err); !ok || *got != want {
			t.Errorf("threw %+v, got %v", want, err)
		}
	}
	f.works(t, "errors")
}

// foul has something thrown that is no document of an error.
func foul(t *testing.T, f *Fixture) {
	for _, text := range []string{"", "null", "[]", "<html>", `{"errorMessage":7}`, `{"errorMessage":`, "\xff"} {
		_, err := f.call(t, order(t, Order{Do: Foul, Text: text}))
		if got, ok := errors.AsType[*trigger.Thrown](err); err == nil || f.Throws != ok || ok && (got.Message != "" || got.Type == "") {
			t.Errorf("%q: %v", text, err)
		}
	}
	f.works(t, "foul errors")
}

func crashes(t *testing.T, f *Fixture) {
	for range 3 {
		answer, err := f.call(t, order(t, Order{Do: Crash}))
		if _, ok := errors.AsType[*trigger.Thrown](err); err == nil || ok != f.Throws {
			t.Errorf("%s, %v", answer, err)
		}
		f.works(t, "a crash")
	}
}

// garbage passes through: to judge answers is the dispatcher's.
func garbage(t *testing.T, f *Fixture) {
	for _, text := range []string{"", "null", "text", `{"response":`, "[[[", "<html></html>", "\x00\x01"} {
		if answer, err := f.call(t, order(t, Order{Do: Answer, Text: text})); err != nil || string(answer) != text {
			t.Errorf("%q became %q, %v", text, answer, err)
		}
	}
}

func size(t *testing.T, f *Fixture) {
	if answer, err := f.call(t, order(t, Order{Do: Fill, Size: trigger.MaxAnswer})); err != nil || len(answer) != trigger.MaxAnswer {
		t.Errorf("as long as may be: %d bytes, %v", len(answer), err)
	}
	for _, n := range []int{trigger.MaxAnswer + 1, 4 * trigger.MaxAnswer} {
		answer, err := f.call(t, order(t, Order{Do: Fill, Size: n}))
		if got, ok := errors.AsType[*trigger.Thrown](err); !ok || *got != *trigger.TooLong() {
			t.Errorf("%d bytes: took %d, %.300v", n, len(answer), err)
		}
		f.works(t, "too long an answer")
	}
}

// late and gone end a call whose function never answers, with its caller.
func late(t *testing.T, f *Fixture) {
	f.works(t, "the start")
	for range 3 {
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		f.hangs(t, ctx, context.DeadlineExceeded)
		cancel()
		f.works(t, "a deadline")
	}
}

func gone(t *testing.T, f *Fixture) {
	f.works(t, "the start")
	ctx, cancel := context.WithCancel(t.Context())
	defer time.AfterFunc(100*time.Millisecond, cancel).Stop()
	f.hangs(t, ctx, context.Canceled)
	f.works(t, "a caller that has gone")
}

func (f *Fixture) hangs(t *testing.T, ctx context.Context, want error) {
	t.Helper()
	begun := time.Now()
	answer, err := f.Runner.Invoke(ctx, ARN, order(t, Order{Do: Hang}))
	if took := time.Since(begun); !errors.Is(err, want) || took > patience/4 {
		t.Errorf("after %v: %s, %v; want %v", took, answer, err, want)
	}
	f.checkError(t, err)
}

// ended calls for a caller who has gone already.
func ended(t *testing.T, f *Fixture) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if answer, err := f.Runner.Invoke(ctx, ARN, order(t, Order{Do: Echo})); !errors.Is(err, context.Canceled) {
		t.Errorf("%s, %v", answer, err)
	}
}

// many calls at once get each its own answer.
func many(t *testing.T, f *Fixture) {
	var all sync.WaitGroup
	for caller := range 64 {
		all.Go(func() {
			for n := range 4 {
				event := order(t, Order{Do: Echo, Text: fmt.Sprint(caller, "/", n), Wait: time.Duration(caller%3) * time.Millisecond})
				if answer, err := f.call(t, event); err != nil || string(answer) != string(event) {
					t.Errorf("%s became %s, %v", event, answer, err)
				}
			}
		})
	}
	all.Wait()
}

// sideBySide calls 64 times at once a function that takes a while. One after the other they would take 64 times as long.
func sideBySide(t *testing.T, f *Fixture) {
	const callers, wait = 64, 200 * time.Millisecond
	event := order(t, Order{Do: Echo, Wait: wait})
	round := func() time.Duration {
		var all sync.WaitGroup
		begun := time.Now()
		for range callers {
			all.Go(func() {
				if _, err := f.call(t, event); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		return time.Since(begun)
	}
	best := round()
	for n := 0; n < 4 && best > 2*wait; n++ { // what is started for it may take its time
		best = min(best, round())
	}
	if best > callers/4*wait {
		t.Errorf("%d calls of %v took %v", callers, wait, best)
	}
	t.Logf("%d calls of %v: %v", callers, wait, best)
}

func oddARNs(t *testing.T, f *Fixture) {
	event := order(t, Order{Do: Echo})
	for _, arn := range []string{
		"", ":", "f", "arn", "arn:aws:lambda", "arn:aws:lambda:::function:", "arn:aws:lambda:us-east-1:123456789012:function:suite:$LATEST", "arn:aws:lambda::123456789012:function:suite:prod",
		"arn:aws:lambda:../..:123456789012:function:../../../etc/passwd", "arn:aws:lambda:us-east-1:123456789012:function:a\x00b", "arn:aws:lambda:us-east-1:123456789012:function:a\r\nX-Injected: 1",
		"arn:aws:lambda:us-east-1:123456789012:function:a/b?c=d#e%2F", "arn:aws:lambda:169.254.169.254/:1:function:f", "arn:aws:iam::123456789012:role/admin", "arn:aws:lambda:us-east-1:123456789012:function:" + strings.Repeat("x", 2048), "\xff",
	} {
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		answer, err := f.Runner.Invoke(ctx, arn, event)
		if ctx.Err() != nil {
			t.Errorf("%q: not within %v: %v", arn, patience, err)
		}
		cancel()
		if err == nil && string(answer) != string(event) {
			t.Errorf("%q answered %s", arn, answer)
		}
		f.checkError(t, err)
	}
	f.works(t, "odd ARNs")
}

// nowhere calls a function that cannot be called: nobody has thrown anything.
func nowhere(t *testing.T, f *Fixture) {
	for range 3 {
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		answer, err := f.Nowhere.Invoke(ctx, ARN, order(t, Order{Do: Echo}))
		if _, ok := errors.AsType[*trigger.Thrown](err); err == nil || ok || ctx.Err() != nil {
			t.Errorf("%s, %v", answer, err)
		}
		f.checkError(t, err)
		cancel()
	}
}
