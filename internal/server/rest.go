package server

import (
	"context"
	"runtime/debug"
	"time"
)

// restTime is how long nobody has asked for anything when a server has come to rest.
const restTime = time.Second

// rest gives memory back to the system whenever the server has come to rest: what only the start, or the requests before, needed is
// free then, and an idle server would keep it for minutes.
func (s *Server) rest(ctx context.Context) {
	tick := time.NewTicker(restTime)
	defer tick.Stop()
	last, given := s.requests.Load(), false
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		n := s.requests.Load()
		if n != last {
			last, given = n, false
			continue
		}
		if !given {
			debug.FreeOSMemory()
			given = true
		}
	}
}
