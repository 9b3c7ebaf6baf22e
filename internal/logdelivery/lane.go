package logdelivery

import (
	"context"
	"crypto/rand"
	"errors"
	mathrand "math/rand/v2"
	"time"
)

// How long a destination is asked.
const (
	patience    = time.Second // to wait for more documents, where a Sink does not say
	attemptTime = 15 * time.Second
	firstPause  = 500 * time.Millisecond
	maxPause    = 30 * time.Second
	maxDelay    = 5 * time.Minute // of a batch, from its first attempt to the beginning of its last
)

// lane is what waits for one destination. It lives as long as something does.
type lane struct {
	d    *Deliverer
	to   Destination
	sink Sink
	full chan struct{} // holds one when there is a batch

	pending []Entry // under d.mu, as bytes
	bytes   int
}

func newLane(d *Deliverer, to Destination) *lane {
	return &lane{d: d, to: to, sink: d.Sink(to.ARN), full: make(chan struct{}, 1)}
}

func (l *lane) isFull() bool { return len(l.pending) >= MaxEntries || l.bytes >= MaxBytes }

func (l *lane) hurry() {
	select {
	case l.full <- struct{}{}:
	default:
	}
}

func (l *lane) patience() time.Duration {
	if p, ok := l.sink.(Patient); ok {
		return p.Patience()
	}
	return patience
}

// run delivers batch after batch, until none has come for a while.
func (l *lane) run() {
	for {
		wait := time.NewTimer(l.patience())
		select {
		case <-l.full:
		case <-wait.C:
		case <-l.d.dispatched: // nothing more comes
		}
		wait.Stop()
		b, ok := l.take()
		if !ok {
			return
		}
		l.deliver(b)
	}
}

// take takes a batch out. Where there is none, the lane ends.
func (l *lane) take() (Batch, bool) {
	l.d.mu.Lock()
	defer l.d.mu.Unlock()
	if len(l.pending) == 0 {
		delete(l.d.lanes, l.to)
		return Batch{}, false
	}
	n, size := 0, 0
	for n < len(l.pending) && n < MaxEntries && size < MaxBytes {
		size += len(l.pending[n].Document)
		n++
	}
	b := Batch{ID: rand.Text(), To: l.to, Entries: l.pending[:n:n]}
	l.pending, l.bytes = append([]Entry(nil), l.pending[n:]...), l.bytes-size
	select {
	case <-l.full: // told of what has just been taken
	default:
	}
	if l.isFull() {
		l.hurry()
	}
	return b, true
}

// deliver hands a batch over until it is taken, or refused, or has been tried for long enough.
func (l *lane) deliver(b Batch) {
	begin, pause := time.Now(), firstPause
	for {
		left, err := l.attempt(b)
		if err == nil {
			left = nil
		}
		l.settle(delivered, len(b.Entries)-len(left))
		if len(left) == 0 {
			return
		}
		b.Entries = left
		outcome := failed
		switch {
		case errors.Is(err, ErrRefused):
			outcome = refused
		case time.Since(begin)+pause < maxDelay && l.sleep(pause/2+mathrand.N(pause/2)):
			pause = min(2*pause, maxPause)
			continue
		}
		l.settle(outcome, len(left))
		l.d.Logger.Warn("log documents were not delivered", "pool", b.To.PoolID, "source", string(b.To.Source), "destination", b.To.ARN,
			"documents", len(left), "error", err)
		return
	}
}

func (l *lane) attempt(b Batch) ([]Entry, error) {
	ctx, cancel := context.WithTimeout(l.d.ctx, attemptTime)
	defer cancel()
	return l.sink.Deliver(ctx, b)
}

// settle counts documents that are gone.
func (l *lane) settle(outcome string, n int) {
	l.d.lose(l.to.Source, outcome, n)
	l.d.held.Add(int64(-n))
}

// sleep is false when nothing more is delivered.
func (l *lane) sleep(t time.Duration) bool {
	timer := time.NewTimer(t)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-l.d.ctx.Done():
		return false
	}
}
