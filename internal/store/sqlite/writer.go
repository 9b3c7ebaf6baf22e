package sqlite

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"cognate/internal/store"
)

// A batch ends when it has this many Updates or has run this long: the first of
// it waits for the last.
const (
	batchSize = 256
	batchTime = 5 * time.Millisecond
)

// job is an Update on its way through the writer.
type job struct {
	fn   func(store.Querier) error
	done chan error // takes the one answer
	// begun is set by whoever comes first: the writer to run the job, or its
	// caller to withdraw it.
	begun atomic.Bool
}

// writer owns the only connection that writes.
type writer struct {
	conn   *conn
	memory *sync.RWMutex // see engine
	queue  chan *job
	idle   chan struct{} // closed when the queue is closed and empty

	mu     sync.RWMutex // held to send to the queue, locked to close it
	closed bool
}

func newWriter(c *conn, memory *sync.RWMutex) *writer {
	w := &writer{conn: c, memory: memory, queue: make(chan *job, batchSize), idle: make(chan struct{})}
	go w.run()
	return w
}

// update queues fn and waits for its commit.
func (w *writer) update(ctx context.Context, fn func(store.Querier) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	j := &job{fn: fn, done: make(chan error, 1)}
	if err := w.send(ctx, j); err != nil {
		return err
	}
	select {
	case err := <-j.done:
		return err
	case <-ctx.Done():
		if j.begun.CompareAndSwap(false, true) {
			return ctx.Err()
		}
		return <-j.done
	}
}

func (w *writer) send(ctx context.Context, j *job) error {
	w.mu.RLock()
	defer w.mu.RUnlock()
	if w.closed {
		return store.ErrClosed
	}
	select {
	case w.queue <- j:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// close refuses further jobs and waits for those in the queue.
func (w *writer) close() {
	w.mu.Lock()
	if !w.closed {
		w.closed = true
		close(w.queue)
	}
	w.mu.Unlock()
	<-w.idle
}

// run commits batches until the queue is closed.
func (w *writer) run() {
	finished := false
	defer func() {
		if finished {
			close(w.idle)
			return
		}
		// A closure ended its goroutine (a test's Fatal does): carry on in another.
		go w.run()
	}()
	for j := range w.queue {
		w.batch(j)
	}
	finished = true
}

// batch is a transaction that several jobs share.
type batch struct {
	w    *writer
	open bool
	jobs []*job // those that succeeded and wait for the commit
}

// batch runs first and what is queued behind it, and commits them together.
func (w *writer) batch(first *job) {
	if w.memory != nil {
		w.memory.Lock()
		defer w.memory.Unlock()
	}
	b := &batch{w: w}
	defer b.abandon()
	deadline := time.Now().Add(batchTime)
	b.run(first)
	for n := 1; n < batchSize && time.Now().Before(deadline); n++ {
		j := w.next()
		if j == nil {
			break
		}
		b.run(j)
	}
	b.commit()
}

// next returns a job that is queued, or nil. Before it gives up, whoever else is ready to run goes first
// and may queue one: while there is more work than processors, a commit then serves many, and when there
// is not, this takes no time.
func (w *writer) next() *job {
	for range 2 {
		select {
		case j := <-w.queue: // nil once the queue is closed
			return j
		default:
			runtime.Gosched()
		}
	}
	return nil
}

// run runs one job inside the batch.
func (b *batch) run(j *job) {
	if !j.begun.CompareAndSwap(false, true) {
		return // withdrawn
	}
	err := errGone
	defer func() {
		if err != nil {
			j.done <- err
		}
	}()
	if !b.open {
		// The first job needs no savepoint: there is nothing else to lose.
		err = b.first(j)
	} else {
		err = b.further(j)
	}
	if err == nil {
		b.jobs = append(b.jobs, j)
	}
}

// errGone is what the caller of a job gets that ended its goroutine.
var errGone = errors.New("sqlite: the update's closure did not return")

func (b *batch) first(j *job) error {
	if err := b.w.conn.do("BEGIN IMMEDIATE"); err != nil {
		return fmt.Errorf("sqlite: begin: %w", err)
	}
	b.open = true
	if err := j.fn(b.w.conn); err != nil {
		b.rollback()
		return err
	}
	return nil
}

func (b *batch) further(j *job) error {
	if err := b.w.conn.do("SAVEPOINT job"); err != nil {
		return fmt.Errorf("sqlite: savepoint: %w", err)
	}
	failed := j.fn(b.w.conn)
	if failed != nil {
		if err := b.w.conn.do("ROLLBACK TO job"); err != nil {
			// Some errors (a full disk) undo the whole transaction.
			b.fail(fmt.Errorf("sqlite: rollback: %w", errors.Join(failed, err)))
			return failed
		}
	}
	if err := b.w.conn.do("RELEASE job"); err != nil {
		b.fail(fmt.Errorf("sqlite: release: %w", errors.Join(failed, err)))
		return errors.Join(failed, err)
	}
	return failed
}

// commit makes the batch durable and then, not before, answers its jobs.
func (b *batch) commit() {
	if !b.open {
		return
	}
	if err := b.w.conn.do("COMMIT"); err != nil {
		b.fail(fmt.Errorf("sqlite: commit: %w", err))
		return
	}
	b.open = false
	b.answer(nil)
}

// abandon undoes a batch that was neither committed nor undone.
func (b *batch) abandon() {
	if b.open {
		b.fail(errGone)
	}
}

// fail undoes the batch and gives err to all of its jobs.
func (b *batch) fail(err error) {
	b.rollback()
	b.answer(err)
}

func (b *batch) rollback() {
	// It fails only when SQLite has undone the transaction by itself.
	_ = b.w.conn.do("ROLLBACK")
	b.open = false
}

func (b *batch) answer(err error) {
	for _, j := range b.jobs {
		j.done <- err
	}
	b.jobs = nil
}
