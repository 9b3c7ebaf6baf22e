package main

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// operation is one thing to measure. do runs it once, as client i of many.
type operation struct {
	name  string
	floor time.Duration // zero: nothing to compare with
	do    func(ctx context.Context, i int) error
}

type result struct {
	count    int
	elapsed  time.Duration
	p50, p99 time.Duration
	cpu      time.Duration // of the server, for each request
}

// measure runs an operation from n clients for about d, after a short warm-up.
func measure(ctx context.Context, s *process, op operation, n int, d time.Duration) (result, error) {
	if _, err := load(ctx, op, n, d/8); err != nil {
		return result{}, err
	}
	before, err := s.cpu()
	if err != nil {
		return result{}, err
	}
	start := time.Now()
	times, err := load(ctx, op, n, d)
	if err != nil {
		return result{}, err
	}
	elapsed := time.Since(start)
	after, err := s.cpu()
	if err != nil {
		return result{}, err
	}
	slices.Sort(times)
	return result{
		count: len(times), elapsed: elapsed, cpu: (after - before) / time.Duration(len(times)),
		p50: times[len(times)/2], p99: times[len(times)*99/100],
	}, nil
}

// load runs op from n clients until d has passed, and returns how long each run took.
func load(ctx context.Context, op operation, n int, d time.Duration) ([]time.Duration, error) {
	var all []time.Duration
	var failure error
	var mu sync.Mutex
	var wg sync.WaitGroup
	var next atomic.Int64
	end := time.Now().Add(d)
	for range n {
		wg.Go(func() {
			var mine []time.Duration
			var err error
			for err == nil && time.Now().Before(end) && ctx.Err() == nil {
				start := time.Now()
				err = op.do(ctx, int(next.Add(1)))
				mine = append(mine, time.Since(start))
			}
			mu.Lock()
			defer mu.Unlock()
			all = append(all, mine...)
			if err != nil {
				failure = err
			}
		})
	}
	wg.Wait()
	if failure == nil {
		failure = ctx.Err()
	}
	return all, failure
}

func (r result) print(op operation, n int) {
	floor, ratio := "-", "-"
	if op.floor > 0 {
		floor = op.floor.Round(time.Microsecond).String()
		ratio = fmt.Sprintf("%.2f", float64(r.cpu)/float64(op.floor))
	}
	fmt.Printf("%-18s %5d %9.0f %9v %9v %11v %11s %7s\n", op.name, n, float64(r.count)/r.elapsed.Seconds(),
		r.p50.Round(10*time.Microsecond), r.p99.Round(10*time.Microsecond), r.cpu.Round(time.Microsecond), floor, ratio)
}
