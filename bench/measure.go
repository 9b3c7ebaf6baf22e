//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// operation is one thing to measure.
type operation struct {
	name  string
	floor func() // the cryptography that it cannot do without; nil: nothing to compare with
	// ready makes what do needs, anew for each level of concurrency. do runs the operation once; n counts
	// the runs of all clients. errOver ends the load early.
	ready func(ctx context.Context) (do func(ctx context.Context, n int) error, err error)
}

// errOver says that there is nothing left to run an operation on.
var errOver = errors.New("over")

// always is the ready of an operation that needs nothing.
func always(do func(ctx context.Context, n int) error) func(context.Context) (func(context.Context, int) error, error) {
	return func(context.Context) (func(context.Context, int) error, error) { return do, nil }
}

type result struct {
	count    int
	elapsed  time.Duration
	p50, p99 time.Duration
	cpu      time.Duration // of the server, for each operation
	floor    time.Duration
}

// measure runs an operation from n clients for about d, after a short warm-up. The floor is the mean of
// one measured before and one after, since the machine's speed is not constant.
func measure(ctx context.Context, s *process, op operation, n int, d time.Duration) (r result, err error) {
	do, err := op.ready(ctx)
	if err != nil {
		return r, err
	}
	if err := s.settle(ctx); err != nil {
		return r, err
	}
	if _, err := load(ctx, do, n, d/8); err != nil {
		return r, err
	}
	if op.floor != nil {
		r.floor = cpuOf(op.floor, n)
	}
	before, err := s.cpu()
	if err != nil {
		return r, err
	}
	start := time.Now()
	times, err := load(ctx, do, n, d)
	r.elapsed = time.Since(start)
	if err != nil {
		return r, err
	}
	after, err := s.cpu()
	if err != nil {
		return r, err
	}
	if op.floor != nil {
		r.floor = (r.floor + cpuOf(op.floor, n)) / 2
	}
	slices.Sort(times)
	if len(times) == 0 {
		return r, errOver
	}
	r.count, r.cpu = len(times), (after-before)/time.Duration(len(times))
	r.p50, r.p99 = times[len(times)/2], times[len(times)*99/100]
	return r, nil
}

// load runs do from n clients until d has passed, or it is over, and returns how long each run took: one at
// least.
func load(ctx context.Context, do func(ctx context.Context, n int) error, n int, d time.Duration) ([]time.Duration, error) {
	var all []time.Duration
	var failures []error
	var mu sync.Mutex
	var wg sync.WaitGroup
	var next atomic.Int64
	end := time.Now().Add(d)
	for range n {
		wg.Go(func() {
			var mine []time.Duration
			var err error
			for err == nil && time.Now().Before(end) {
				start := time.Now()
				if err = do(ctx, int(next.Add(1))); err == nil {
					mine = append(mine, time.Since(start))
				}
			}
			if err == errOver {
				err = nil
			}
			mu.Lock()
			defer mu.Unlock()
			all, failures = append(all, mine...), append(failures, err)
		})
	}
	wg.Wait()
	return all, errors.Join(failures...)
}

func printHead() {
	fmt.Printf("%-17s %4s %8s %9s %9s %9s %9s %6s\n", "operation", "conc", "ops/s", "p50", "p99", "CPU/op", "floor", "ratio")
}

func (r result) print(op operation, n int) {
	floor, ratio := "-", "-"
	if r.floor > 0 {
		floor = r.floor.Round(time.Microsecond).String()
		ratio = fmt.Sprintf("%.2f", float64(r.cpu)/float64(r.floor))
	}
	fmt.Printf("%-17s %4d %8.0f %9v %9v %9v %9s %6s\n", op.name, n, float64(r.count)/r.elapsed.Seconds(),
		r.p50.Round(10*time.Microsecond), r.p99.Round(10*time.Microsecond), r.cpu.Round(time.Microsecond), floor, ratio)
}
