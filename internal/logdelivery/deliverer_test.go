package logdelivery

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"cognate/internal/metrics"
)

// recorder is a sink in memory.
type recorder struct {
	mu       sync.Mutex
	err      error // that it answers
	keep     int   // how many entries it takes although there is an error
	slow     time.Duration
	attempts []time.Time
	batches  []Batch
}

func (r *recorder) Deliver(ctx context.Context, b Batch) ([]Entry, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.attempts = append(r.attempts, time.Now())
	if r.slow > 0 {
		select {
		case <-time.After(r.slow):
		case <-ctx.Done():
			return b.Entries, ctx.Err()
		}
	}
	if r.err != nil {
		return b.Entries[min(r.keep, len(b.Entries)):], r.err
	}
	r.batches = append(r.batches, b)
	return nil, nil
}

func (r *recorder) fail(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.err = err
}

// count is how many entries and batches it has.
func (r *recorder) count() (entries, batches int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, b := range r.batches {
		entries += len(b.Entries)
	}
	return entries, len(r.batches)
}

type house struct {
	*Deliverer
	sinks map[string]*recorder // by ARN
	log   *bytes.Buffer
	count *metrics.Counter
}

// open makes a deliverer for the pools a and b, each with a destination of its own; others have none, and "broken" cannot be looked up.
func open() *house {
	h := &house{sinks: map[string]*recorder{"to a": {}, "to b": {}}, log: &bytes.Buffer{}, count: NewCounter()}
	h.Deliverer = New(Config{
		Target: func(_ context.Context, pool string, s Source) (Destination, bool, error) {
			if pool == "broken" {
				return Destination{}, false, errors.New("no store")
			}
			_, ok := h.sinks["to "+pool]
			return Destination{ARN: "to " + pool, PoolID: pool, Source: s}, ok, nil
		},
		Sink:   func(arn string) Sink { return h.sinks[arn] },
		Logger: slog.New(slog.NewTextHandler(h.log, nil)), Count: h.count,
	})
	return h
}

func (h *house) notify(pool string, n int) {
	for i := range n {
		h.Notify(Notification{Time: time.Now(), PoolID: pool, Details: fmt.Sprint("message ", i)})
	}
}

// counted is a line of the counter's.
func (h *house) counted(t *testing.T, outcome string, n int) {
	t.Helper()
	w := httptest.NewRecorder()
	metrics.Handler(h.count).ServeHTTP(w, nil)
	text, err := io.ReadAll(w.Body)
	want := fmt.Sprintf("cognate_log_documents_total{source=\"userNotification\",outcome=%q} %d\n", outcome, n)
	if err != nil || strings.Contains(string(text), want) != (n > 0) || n == 0 && strings.Contains(string(text), outcome) {
		t.Errorf("the counts are %s, want %s", text, want)
	}
}

func want(t *testing.T, r *recorder, entries, batches int) {
	t.Helper()
	if e, b := r.count(); e != entries || b != batches {
		t.Errorf("%d documents in %d batches, want %d in %d", e, b, entries, batches)
	}
}

func TestBatches(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := open()
		h.notify("a", 3)
		h.notify("b", 1)
		h.notify("nobody", 1)
		time.Sleep(900 * time.Millisecond)
		synctest.Wait()
		want(t, h.sinks["to a"], 0, 0)
		time.Sleep(200 * time.Millisecond)
		synctest.Wait()
		want(t, h.sinks["to a"], 3, 1)
		want(t, h.sinks["to b"], 1, 1)
		h.notify("a", 2*MaxEntries+1)
		synctest.Wait()
		want(t, h.sinks["to a"], 3+2*MaxEntries, 3) // full ones wait for nobody
		time.Sleep(2 * time.Second)
		synctest.Wait()
		want(t, h.sinks["to a"], 3+2*MaxEntries+1, 4)
		if len(h.lanes) != 0 || h.held.Load() != 0 {
			t.Errorf("%d lanes and %d documents are held", len(h.lanes), h.held.Load())
		}
		h.counted(t, delivered, 3+2*MaxEntries+1+1)
		h.Close(t.Context())
		h.Close(t.Context())
	})
}

// TestRetries asks again, more and more seldom, but not for ever.
func TestRetries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := open()
		a := h.sinks["to a"]
		a.err, a.keep = errors.New("busy"), 1 // of each attempt, one is taken
		h.notify("a", 3)
		time.Sleep(time.Minute)
		synctest.Wait()
		if len(a.attempts) != 3 {
			t.Errorf("%d attempts", len(a.attempts))
		}
		h.counted(t, delivered, 3)
		a.keep, a.attempts = 0, nil
		h.notify("a", 1)
		time.Sleep(time.Hour)
		synctest.Wait()
		n := len(a.attempts)
		if n < 10 || n > 40 || a.attempts[n-1].Sub(a.attempts[0]) > maxDelay || a.attempts[n-1].Sub(a.attempts[n-2]) < maxPause/2 {
			t.Errorf("%d attempts, the last one after %s", n, a.attempts[n-1].Sub(a.attempts[0]))
		}
		h.counted(t, failed, 1)
		a.fail(fmt.Errorf("%w: no such bucket", ErrRefused))
		a.attempts = nil
		h.notify("a", 2)
		time.Sleep(time.Hour)
		synctest.Wait()
		if len(a.attempts) != 1 {
			t.Errorf("%d attempts of what is refused", len(a.attempts))
		}
		h.counted(t, refused, 2)
		if log := h.log.String(); strings.Count(log, "not delivered") != 2 || !strings.Contains(log, "no such bucket") || strings.Contains(log, "message 0") {
			t.Errorf("the log is %s", log)
		}
		if h.held.Load() != 0 {
			t.Errorf("%d documents are held", h.held.Load())
		}
		h.Close(t.Context())
	})
}

// TestOverflow never waits, and leaves room for others where one destination takes nothing.
func TestOverflow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := open()
		h.sinks["to a"].fail(errors.New("busy"))
		for range 10 * maxHeld / 100 {
			h.notify("a", 100)
			synctest.Wait()
		}
		h.notify("b", 10)
		time.Sleep(2 * time.Second)
		synctest.Wait()
		want(t, h.sinks["to b"], 10, 1)
		if held := h.held.Load(); held > maxHeld || held < maxLane {
			t.Errorf("%d are held", held)
		}
		if n := strings.Count(h.log.String(), "too many wait"); n != 1 {
			t.Errorf("the log has told %d times", n)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		begin := time.Now()
		h.Close(ctx)
		if took := time.Since(begin); took > 4*time.Second || h.held.Load() != 0 {
			t.Errorf("closing took %s, and %d are held", took, h.held.Load())
		}
	})
}

// TestClose delivers what there is.
func TestClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := open()
		h.notify("a", MaxEntries+5)
		h.notify("b", 5)
		h.sinks["to b"].slow = time.Hour
		begin := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		h.Close(ctx)
		want(t, h.sinks["to a"], MaxEntries+5, 2)
		want(t, h.sinks["to b"], 0, 0)
		if took := time.Since(begin); took != 5*time.Second {
			t.Errorf("closing took %s", took)
		}
		h.counted(t, failed, 5)
		h.notify("a", 1)
		synctest.Wait()
		h.counted(t, overflow, 1)
		var none *Deliverer
		none.Notify(Notification{})
		none.Close(t.Context())
	})
}

func TestLookUpThatFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := open()
		h.notify("broken", 2)
		synctest.Wait()
		h.counted(t, failed, 2)
		h.Act(Activity{PoolID: "a", Username: strings.Repeat("x", maxText)})
		synctest.Wait()
		if log := h.log.String(); !strings.Contains(log, "no store") || strings.Contains(log, "xxx") || h.held.Load() != 0 {
			t.Errorf("the log is %s", log)
		}
		h.Close(t.Context())
	})
}
