package process

import "time"

// Shorten shortens the times of a runner; those that are zero stay.
func (r *Runner) Shorten(start, answer, idle, backoff time.Duration) *Runner {
	for to, d := range map[*time.Duration]time.Duration{&r.times.start: start, &r.times.answer: answer, &r.times.idle: idle, &r.times.backoff: backoff} {
		if d > 0 {
			*to = d
		}
	}
	return r
}

// Processes are the ids of the processes that run.
func (r *Runner) Processes() (out []int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, f := range r.functions {
		f.mu.Lock()
		for w := range f.workers {
			if w.command != nil {
				out = append(out, w.command.Process.Pid)
			}
		}
		f.mu.Unlock()
	}
	return out
}
