// Package logdeliverytest is what every logdelivery.Sink must pass.
package logdeliverytest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"cognate/internal/logdelivery"
)

// Fixture is a sink and the place where its documents arrive.
type Fixture struct {
	Sink logdelivery.Sink
	// ARN is of a destination that the sink is for.
	ARN string
	// Received is all documents that have arrived, in order, as texts.
	Received func() []string
	// Break has the destination fail in a way that may pass, until it is called with false; Refuse, in a way that does not. They are
	// nil where no such way is known.
	Break, Refuse func(bool)
}

// Run runs the suite. open makes a fixture without documents and cleans up after t.
func Run(t *testing.T, open func(t *testing.T) *Fixture) {
	for name, test := range map[string]func(*testing.T, *Fixture){
		"delivers": delivers, "any text": anyText, "a full batch": full, "concurrent": concurrent, "ended context": ended,
		"destination that fails": fails, "destination that refuses": refuses,
	} {
		t.Run(name, func(t *testing.T) { test(t, open(t)) })
	}
}

// begin is when the documents of the suite were made.
var begin = time.Date(2026, 1, 2, 3, 4, 5, 678e6, time.UTC)

// batch makes a batch of documents with texts.
func (f *Fixture) batch(id string, texts ...string) logdelivery.Batch {
	b := logdelivery.Batch{ID: id, To: logdelivery.Destination{
		ARN: f.ARN, PoolARN: "arn:aws:cognito-idp:eu-west-3:123456789012:userpool/eu-west-3_Test00001", PoolID: "eu-west-3_Test00001",
		Source: logdelivery.Activities,
	}}
	for i, text := range texts {
		document, err := json.Marshal(map[string]string{"text": text})
		if err != nil {
			panic(err)
		}
		b.Entries = append(b.Entries, logdelivery.Entry{Time: begin.Add(time.Duration(i) * time.Millisecond), Document: document})
	}
	return b
}

// texts are those of the documents that have arrived.
func (f *Fixture) texts(t *testing.T) (out []string) {
	t.Helper()
	for _, line := range f.Received() {
		var d map[string]string
		if err := json.Unmarshal([]byte(line), &d); err != nil || len(d) != 1 {
			t.Fatalf("%q has arrived: %v", line, err)
		}
		out = append(out, d["text"])
	}
	return out
}

func (f *Fixture) deliver(t *testing.T, b logdelivery.Batch) {
	t.Helper()
	if left, err := f.Sink.Deliver(t.Context(), b); err != nil || len(left) > 0 {
		t.Fatalf("%d are left: %v", len(left), err)
	}
}

func (f *Fixture) want(t *testing.T, texts ...string) {
	t.Helper()
	if got := f.texts(t); !slices.Equal(got, texts) {
		t.Errorf("%q have arrived, want %q", got, texts)
	}
}

func delivers(t *testing.T, f *Fixture) {
	f.want(t)
	f.deliver(t, f.batch("A", "one"))
	f.deliver(t, f.batch("B", "two", "three"))
	f.want(t, "one", "two", "three")
}

func anyText(t *testing.T, f *Fixture) {
	texts := []string{"", "a\nb\r\n", `"quoted" \`, "ü € 😀 \u2028", "<b>&amp;</b>", "a=b+c%20d", "\x00\x01"}
	f.deliver(t, f.batch("A", texts...))
	f.want(t, texts...)
}

func full(t *testing.T, f *Fixture) {
	var texts []string
	for i := range logdelivery.MaxEntries {
		texts = append(texts, fmt.Sprint(i, strings.Repeat("x", logdelivery.MaxBytes/logdelivery.MaxEntries)))
	}
	f.deliver(t, f.batch("A", texts...))
	f.want(t, texts...)
}

func concurrent(t *testing.T, f *Fixture) {
	var all sync.WaitGroup
	want := map[string]bool{}
	for i := range 8 {
		b := f.batch(fmt.Sprint("B", i), fmt.Sprint(i, " a"), fmt.Sprint(i, " b"))
		b.To.PoolID += fmt.Sprint(i)
		want[fmt.Sprint(i, " a")], want[fmt.Sprint(i, " b")] = true, true
		all.Go(func() {
			if left, err := f.Sink.Deliver(context.Background(), b); err != nil || len(left) > 0 {
				t.Errorf("%d are left: %v", len(left), err)
			}
		})
	}
	all.Wait()
	for _, text := range f.texts(t) {
		if !want[text] {
			t.Errorf("%q has arrived, or twice", text)
		}
		delete(want, text)
	}
	if len(want) > 0 {
		t.Errorf("%v have not arrived", want)
	}
}

func ended(t *testing.T, f *Fixture) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	left, err := f.Sink.Deliver(ctx, f.batch("A", "one", "two"))
	if len(left) != 2 || !errors.Is(err, context.Canceled) {
		t.Errorf("%d are left: %v", len(left), err)
	}
	f.want(t)
}

const canary = "a text that no error shows"

func (f *Fixture) failing(t *testing.T, final bool) {
	t.Helper()
	b := f.batch("A", canary, canary)
	left, err := f.Sink.Deliver(t.Context(), b)
	switch {
	case err == nil || len(left) != 2:
		t.Errorf("%d are left: %v", len(left), err)
	case errors.Is(err, logdelivery.ErrRefused) != final:
		t.Errorf("the error is %v; refused for good is to be %t", err, final)
	case strings.Contains(err.Error(), canary):
		t.Errorf("the error shows a document: %v", err)
	}
}

// fails delivers again what a destination has not taken.
func fails(t *testing.T, f *Fixture) {
	if f.Break == nil {
		t.Skip("no way to fail is known")
	}
	f.Break(true)
	f.failing(t, false)
	f.Break(false)
	f.deliver(t, f.batch("A", "one", "two"))
	f.want(t, "one", "two")
}

func refuses(t *testing.T, f *Fixture) {
	if f.Refuse == nil {
		t.Skip("nothing is refused")
	}
	f.Refuse(true)
	f.failing(t, true)
	f.Refuse(false)
	f.deliver(t, f.batch("A", "one"))
	f.want(t, "one")
}
