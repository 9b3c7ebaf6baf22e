package process

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"time"

	"cognate/internal/trigger"
)

// waiting makes a function with a process that has asked for an event, where nothing listens.
func waiting() (*function, *worker) {
	f := newFunction(&Runner{config: Config{Command: []string{"f"}, Logger: slog.New(slog.DiscardHandler)}, times: usualTimes}, trigger.Function{Name: "f"})
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

// TestReturning starts no process while one has just answered, until that takes too long to ask for the next event.
func TestReturning(t *testing.T) {
	f, w := waiting()
	f.runner.config.Concurrency, f.runner.path = 2, "/nowhere"
	w.asking, w.call = nil, &call{answered: time.Now()}
	f.workers[w] = struct{}{}
	f.mu.Lock()
	f.waiting = append(f.waiting, make(chan grant, 1))
	f.grow()
	starting := f.starting
	f.mu.Unlock()
	if starting != 0 {
		t.Errorf("%d processes start", starting)
	}
	for end := time.Now().Add(5 * time.Second); ; time.Sleep(time.Millisecond) {
		f.mu.Lock()
		started := f.failures > 0 // as there is no such program
		f.mu.Unlock()
		if started {
			return
		}
		if time.Now().After(end) {
			t.Fatal("no process starts")
		}
	}
}
