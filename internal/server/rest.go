package server

import (
	"context"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

const (
	// restTime is how long a server has to be at rest.
	restTime = 500 * time.Millisecond
	// restBytes is how much memory a server at rest takes in that time at most: that of a few health checks.
	restBytes = 256 << 10
	// giveBytes is how much it must have taken for it to be worth the while to give some back.
	giveBytes = 1 << 20
)

// rest gives memory back to the system whenever the server has come to rest: what only the start, or the requests before, needed is
// free then, and an idle server would keep it for minutes, or, of the program itself, for ever.
func rest(ctx context.Context) {
	tick := time.NewTicker(restTime)
	defer tick.Stop()
	last, given := allocated(), uint64(0)
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		now := allocated()
		if now-last < restBytes && now-given >= giveBytes {
			debug.FreeOSMemory()
			unmapText()
			given = now
		}
		last = now
	}
}

// allocated is how many bytes the process has taken for itself so far, those included that are free again.
func allocated() uint64 {
	sample := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}
