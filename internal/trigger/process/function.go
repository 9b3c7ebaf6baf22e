package process

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"

	"cognate/internal/trigger"
)

// maxStarting is how many processes of a function start at a time: the more there are at once, the longer all of them take, and
// the sooner one is ready, the sooner it is known how many are needed.
const maxStarting = 8

// returnTime is how long a process that has answered is waited for, rather than another one is started.
const returnTime = 10 * time.Millisecond

// function is a function and its processes.
type function struct {
	runner *Runner
	name   trigger.Function
	logger *slog.Logger

	mu       sync.Mutex
	workers  map[*worker]struct{} // all that have not exited
	starting int                  // how many of them have not asked for an event yet
	idle     []*worker            // those that wait for an event; the last one in is the first one out, so that what is not needed ends
	waiting  []chan grant         // callers that wait for a process, in order
	growing  bool                 // it is to be seen soon whether they need more processes
	closed   bool

	failures int       // starts in a row that have failed
	failure  error     // of the last of them
	retry    time.Time // when to start again
}

// grant is a process to send an event to, or why there is none.
type grant struct {
	worker *worker
	err    error
}

func newFunction(r *Runner, name trigger.Function) *function {
	label := name.Name
	if name.Qualifier != "" {
		label += ":" + name.Qualifier
	}
	return &function{runner: r, name: name, workers: map[*worker]struct{}{}, logger: r.config.Logger.With("function", label)}
}

// invoke has the first process work on an event that is free.
func (f *function) invoke(ctx context.Context, arn string, event []byte) ([]byte, error) {
	c := newCall(arn, event)
	for {
		w, err := f.take(ctx)
		if err != nil {
			return nil, c.failure(err)
		}
		select {
		case w.calls <- c:
			return w.await(ctx, c)
		case <-w.gone: // before it has heard of the event: another one may have it
		case <-ctx.Done():
			f.free(w)
			return nil, ctx.Err()
		}
	}
}

// take waits for a process without an event. It is the caller's until it asks for another event.
func (f *function) take(ctx context.Context) (*worker, error) {
	f.mu.Lock()
	if n := len(f.idle); n > 0 {
		w := f.idle[n-1]
		f.idle = f.idle[:n-1]
		w.taken = true
		w.arm(f.runner.times.answer)
		f.mu.Unlock()
		return w, nil
	}
	if err := f.hopeless(); err != nil {
		f.mu.Unlock()
		return nil, err
	}
	turn := make(chan grant, 1)
	f.waiting = append(f.waiting, turn)
	f.grow()
	f.mu.Unlock()
	select {
	case g := <-turn:
		return g.worker, g.err
	case <-ctx.Done():
		f.leave(turn)
		return nil, ctx.Err()
	}
}

// hopeless is why nothing would come of waiting for a process.
func (f *function) hopeless() error {
	if f.closed {
		return errClosed
	}
	if len(f.workers) == 0 && time.Now().Before(f.retry) {
		return f.failure
	}
	return nil
}

// leave takes a caller out of those that wait, who may have got a process by now.
func (f *function) leave(turn chan grant) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if i := slices.Index(f.waiting, turn); i >= 0 {
		f.waiting = slices.Delete(f.waiting, i, i+1)
	} else if g := <-turn; g.err == nil {
		g.worker.taken = false
		f.offer(g.worker)
	}
}

// free gives a process back that has heard of no event.
func (f *function) free(w *worker) {
	f.mu.Lock()
	defer f.mu.Unlock()
	w.taken = false
	f.offer(w)
}

// offer hands a process that asks to the caller who waits longest, or keeps it for the next one.
func (f *function) offer(w *worker) {
	if w.ended || w.taken || w.asking == nil {
		return
	}
	if len(f.waiting) == 0 {
		w.arm(f.runner.times.idle)
		f.idle = append(f.idle, w)
		return
	}
	w.taken = true
	w.arm(f.runner.times.answer)
	f.waiting[0] <- grant{worker: w}
	f.waiting = slices.Delete(f.waiting, 0, 1)
}

// grow starts processes for those that wait, and for whom none is about to be free.
func (f *function) grow() {
	if f.closed || len(f.waiting) == 0 || time.Now().Before(f.retry) {
		return
	}
	returning := f.returning()
	if returning > 0 && !f.growing {
		f.growing = true
		time.AfterFunc(returnTime, f.growLater)
	}
	for f.starting < min(len(f.waiting)-returning, maxStarting) && len(f.workers) < f.runner.config.Concurrency {
		w := newWorker(f)
		f.workers[w] = struct{}{}
		f.starting++
		go w.run()
	}
}

func (f *function) growLater() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.growing = false
	f.grow()
}

// returning is how many processes have just answered: in a moment they ask for the next event.
func (f *function) returning() (n int) {
	for w := range f.workers {
		if w.asking == nil && w.call != nil && time.Since(w.call.answered) < returnTime {
			n++
		}
	}
	return n
}

// asks says that a process asks for an event, and no longer where it has asked before. It may not while it has an event: the channel
// is nil then. Else it is closed when the process asks elsewhere.
func (f *function) asks(w *worker) <-chan struct{} {
	f.mu.Lock()
	defer f.mu.Unlock()
	if w.ended || w.thrown != nil || w.call != nil && w.call.answered.IsZero() {
		return nil
	}
	w.call = nil
	before := w.asking
	w.asking = make(chan struct{})
	if before != nil {
		close(before)
		return w.asking
	}
	f.offer(w)
	if w.starting {
		w.starting = false
		f.starting--
		f.grow()
	}
	return w.asking
}

// hears says that a process has got an event.
func (f *function) hears(w *worker, c *call) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if w.asking != nil {
		close(w.asking)
	}
	w.asking, w.taken, w.called, w.call = nil, false, true, c
	w.arm(f.runner.times.answer)
}

// hungUp says that a process asks no longer where it did. It has the time of an answer to ask again.
func (f *function) hungUp(w *worker, asking <-chan struct{}) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if w.asking != asking {
		return
	}
	w.asking = nil
	if f.unidle(w) {
		w.arm(f.runner.times.answer)
	}
}

// unidle takes a process out of those that wait for an event, if it is one of them.
func (f *function) unidle(w *worker) bool {
	i := slices.Index(f.idle, w)
	if i < 0 {
		return false
	}
	f.idle = slices.Delete(f.idle, i, i+1)
	return true
}

// answering is the event that a process answers to, the first time that it does.
func (f *function) answering(w *worker, id string) *call {
	f.mu.Lock()
	defer f.mu.Unlock()
	if w.call == nil || w.call.id != id || !w.call.answered.IsZero() {
		return nil
	}
	w.call.answered = time.Now()
	f.failures = 0
	return w.call
}

// cannotStart says that a process cannot start for an error that it tells. It has a moment to exit.
func (f *function) cannotStart(w *worker, err error) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !w.starting || w.thrown != nil || w.ended {
		return false
	}
	w.thrown = err
	w.arm(f.runner.times.grace)
	return true
}

// exited says that a process is no more. When no other one is left and none may be started yet, there is nothing to wait for.
func (f *function) exited(w *worker) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !w.called && (w.starting || !w.ended) {
		f.failed(w.exit)
	}
	w.end()
	delete(f.workers, w)
	if w.starting {
		f.starting--
	}
	if len(f.workers) == 0 && time.Now().Before(f.retry) {
		f.dismiss(f.failure)
	}
	f.grow()
}

// failed puts the next start off.
func (f *function) failed(err error) {
	f.failure = err
	if f.closed || time.Now().Before(f.retry) {
		return // one of many that started at the same time
	}
	t := f.runner.times
	delay := min(t.backoff<<min(f.failures, 10), t.maxBackoff)
	f.failures++
	f.retry = time.Now().Add(delay)
	f.logger.Warn("a function does not start", "cause", err, "again_in", delay)
	time.AfterFunc(delay, f.growLater)
}

// dismiss tells all that wait that there is nothing to wait for.
func (f *function) dismiss(err error) {
	for _, turn := range f.waiting {
		turn <- grant{err: err}
	}
	f.waiting = nil
}

// close ends all processes and waits for them.
func (f *function) close() {
	f.mu.Lock()
	f.closed = true
	f.dismiss(errClosed)
	var all []*worker
	for w := range f.workers {
		all = append(all, w)
		w.end()
	}
	f.mu.Unlock()
	for _, w := range all {
		<-w.gone
	}
}
