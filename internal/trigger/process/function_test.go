package process

import (
	"context"
	"errors"
	"log/slog"
	"testing"

	"cognate/internal/trigger"
)

// waiting makes a function with a process that has asked for an event, where nothing listens.
func waiting() (*function, *worker) {
	f := newFunction(&Runner{config: Config{Logger: slog.New(slog.DiscardHandler)}, times: usualTimes}, trigger.Function{Name: "f"})
	return f, &worker{function: f, calls: make(chan *call), gone: make(chan struct{}), asking: make(chan struct{})}
}

// TestGivenBack has a process wait for the next event when the caller goes before it has heard of one.
func TestGivenBack(t *testing.T) {
	f, w := waiting()
	f.idle = append(f.idle, w)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := f.invoke(ctx, "", nil); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if len(f.idle) != 1 || w.taken {
		t.Errorf("%d processes wait, taken: %v", len(f.idle), w.taken)
	}
}

// TestLeave does the same when the caller goes just as the process is handed over, and keeps others in line.
func TestLeave(t *testing.T) {
	f, w := waiting()
	first, second := make(chan grant, 1), make(chan grant, 1)
	f.waiting = append(f.waiting, first, second)
	f.offer(w)
	f.leave(first)
	select {
	case g := <-second:
		if g.worker != w || !w.taken || len(f.waiting) != 0 {
			t.Errorf("%+v, taken: %v, %d in line", g, w.taken, len(f.waiting))
		}
	default:
		t.Error("the process is lost")
	}
	third := make(chan grant, 1)
	f.waiting = append(f.waiting, third)
	f.leave(third)
	if len(f.waiting) != 0 {
		t.Error("waits on")
	}
}
