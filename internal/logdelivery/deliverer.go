package logdelivery

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"cognate/internal/metrics"
)

// The bounds of what waits for its delivery.
const (
	maxHeld = 8192 // documents in all
	maxLane = 4096 // documents for one destination, so that one which does not answer leaves room for others
	maxText = 64 << 10
)

// Config is what a [Deliverer] needs to know. All of it is required.
type Config struct {
	// Target finds where the documents of a source of a pool go; ok is false where nobody wants them.
	Target func(ctx context.Context, poolID string, of Source) (to Destination, ok bool, err error)
	// Sink finds what takes them there.
	Sink   func(arn string) Sink
	Logger *slog.Logger
	// Count counts documents: see [NewCounter].
	Count *metrics.Counter
}

// The outcomes by which documents are counted.
const (
	delivered = "delivered"
	overflow  = "overflow" // too many waited
	refused   = "refused"  // by the destination, for good
	failed    = "failed"   // the destination did not take them for too long
)

// NewCounter makes the counter of documents.
func NewCounter() *metrics.Counter {
	return metrics.NewCounter("cognate_log_documents_total", "Documents of user pools' logs, by what has become of them.", "source", "outcome")
}

// Deliverer delivers what is logged, in the background: a second later, or when a batch is full. What it holds is in memory alone, and
// bounded: what is too much is dropped, counted, and told to the log. It is safe for concurrent use; nil delivers nothing.
type Deliverer struct {
	Config
	queue chan record
	held  atomic.Int64 // documents, from when they are taken to when they are gone

	stop       chan struct{} // closed: deliver at once what there is
	dispatched chan struct{} // closed: nothing more comes out of queue
	ctx        context.Context
	cancel     context.CancelFunc
	work       sync.WaitGroup // the lanes

	mu     sync.Mutex
	lanes  map[Destination]*lane
	closed bool
	told   time.Time // when the log was last told that there was too much
}

// New makes a deliverer. The caller closes it.
func New(c Config) *Deliverer {
	d := &Deliverer{
		Config: c, queue: make(chan record, maxHeld), stop: make(chan struct{}), dispatched: make(chan struct{}), lanes: map[Destination]*lane{},
	}
	d.ctx, d.cancel = context.WithCancel(context.Background())
	go d.dispatch()
	return d
}

// Notify takes a message that was not delivered.
func (d *Deliverer) Notify(n Notification) { d.put(n) }

// Act takes what a user did.
func (d *Deliverer) Act(a Activity) { d.put(a) }

// put never waits: what is held is bounded, and there is room in the queue for all of it.
func (d *Deliverer) put(r record) {
	if d == nil {
		return
	}
	d.mu.Lock()
	closed := d.closed
	if !closed && d.held.Load() < maxHeld {
		d.held.Add(1)
		d.queue <- r
		d.mu.Unlock()
		return
	}
	d.mu.Unlock()
	d.lose(r.source(), overflow, 1)
	if !closed {
		d.tellOverflow()
	}
}

// tellPause is how often the log is told at most that too much is held.
const tellPause = 10 * time.Second

func (d *Deliverer) tellOverflow() {
	d.mu.Lock()
	now := time.Now()
	quiet := !d.told.IsZero() && now.Sub(d.told) < tellPause
	if !quiet {
		d.told = now
	}
	d.mu.Unlock()
	if !quiet {
		d.Logger.Warn("log documents are dropped: too many wait for their delivery")
	}
}

func (d *Deliverer) lose(of Source, outcome string, n int) {
	for range n {
		d.Count.Add(string(of), outcome)
	}
}

// dispatch makes documents of what comes out of the queue, and hands each to the lane of its destination.
func (d *Deliverer) dispatch() {
	defer close(d.dispatched)
	for {
		select {
		case r := <-d.queue:
			d.assign(r)
		case <-d.stop:
			for len(d.queue) > 0 {
				d.assign(<-d.queue)
			}
			return
		}
	}
}

func (d *Deliverer) assign(r record) {
	to, wanted, err := d.Target(d.ctx, r.pool(), r.source())
	if err == nil && !wanted {
		d.held.Add(-1)
		return
	}
	var e Entry
	if err == nil {
		e, err = entryOf(r)
	}
	if err != nil || len(e.Document) > maxText {
		d.held.Add(-1)
		d.lose(r.source(), failed, 1)
		d.Logger.Warn("a log document was dropped", "pool", r.pool(), "source", string(r.source()), "bytes", len(e.Document), "error", err)
		return
	}
	if !d.add(to, e) {
		d.held.Add(-1)
		d.lose(r.source(), overflow, 1)
		d.tellOverflow()
	}
}

// add puts a document into the lane of its destination, which is begun when there is none. It is false when the lane is full.
func (d *Deliverer) add(to Destination, e Entry) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	l := d.lanes[to]
	if l == nil {
		l = newLane(d, to)
		d.lanes[to] = l
		d.work.Go(l.run)
	}
	if len(l.pending) >= maxLane {
		return false
	}
	l.pending = append(l.pending, e)
	l.bytes += len(e.Document)
	if l.isFull() {
		l.hurry()
	}
	return true
}

// Close delivers what there is, and takes no more. When ctx ends, what is left is dropped.
func (d *Deliverer) Close(ctx context.Context) {
	if d == nil {
		return
	}
	d.mu.Lock()
	first := !d.closed
	d.closed = true
	d.mu.Unlock()
	if first {
		close(d.stop)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		<-d.dispatched
		d.work.Wait()
	}()
	select {
	case <-done:
	case <-ctx.Done():
		d.cancel()
		<-done
	}
	d.cancel()
}
