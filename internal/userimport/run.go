package userimport

import (
	"bytes"
	"context"
	"errors"
	"io"
	"sync"
	"time"

	"cognate/api/idp"
	"cognate/internal/pool"
	"cognate/internal/secret"
	"cognate/internal/store"
	"cognate/internal/user"
)

const (
	// runners is how many jobs one process runs at the same time.
	runners = 2
	// lease is how long a job is kept by whoever runs it without a step; then another may take it.
	lease = 6 * time.Second
	// pollEvery is how often a job is looked for that nobody has told of: one whose runner died.
	pollEvery = 2 * time.Second
	// tidyEvery is how often jobs are looked for that are too old to be started.
	tidyEvery = time.Minute
	// stepLines is how many lines are done in one step.
	stepLines = 256
	// stepTries is how often a step is tried that collides with people who sign up.
	stepTries = 10
)

// Run runs the jobs that are due until ctx ends, and returns when the steps under way are done. Others may run jobs of the
// same store meanwhile, in this process and elsewhere.
func (s *Service) Run(ctx context.Context) {
	var all sync.WaitGroup
	for range runners {
		all.Go(func() { s.serve(ctx) })
	}
	all.Go(func() { s.tidy(ctx) })
	all.Wait()
}

// serve runs jobs one after the other.
func (s *Service) serve(ctx context.Context) {
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for ctx.Err() == nil {
		ran, err := s.runNext(ctx)
		if err != nil && ctx.Err() == nil {
			s.opt.Logger.Warn("an import job is interrupted", "cause", err)
		}
		if ran && err == nil {
			continue
		}
		select {
		case <-ctx.Done():
		case <-tick.C:
		case <-s.wake:
		}
	}
}

// runNext takes a job that is due, if there is one, and runs it to its end.
func (s *Service) runNext(ctx context.Context) (ran bool, err error) {
	due := false
	err = s.db.Look(ctx, func(tx *store.Tx) (err error) {
		due, err = tx.IsImportDue(s.pools.Region(), now())
		return err
	})
	if err != nil || !due {
		return false, err
	}
	var j store.ImportJob
	owner := secret.RandomAlnum(25)
	err = s.db.Update(ctx, func(tx *store.Tx) (err error) {
		j, err = tx.TakeImportJob(owner, s.pools.Region(), now(), now().Add(lease))
		return err
	})
	if errors.Is(err, store.ErrNotFound) {
		return false, nil // another was quicker
	}
	if err != nil {
		return false, err
	}
	r := &run{s: s, job: j}
	return true, r.all(ctx)
}

// run is one run of a job, from where the one before it, if any, has left off.
type run struct {
	s      *Service
	job    store.ImportJob // as after the last step
	header header
	lines  *lines
}

// errLost says that somebody else runs the job now, or that it is gone.
var errLost = errors.New("userimport: the job is no longer ours")

// all makes steps until the job is over. When ctx ends, others may take the job at once.
func (r *run) all(ctx context.Context) error {
	err := r.open(ctx)
	for err == nil && !r.job.Due.IsZero() {
		if err = ctx.Err(); err == nil {
			err = r.step(ctx)
		}
	}
	if errors.Is(err, errDamaged) {
		r.s.opt.Logger.Error("an import job fails", "job", r.job.ID, "cause", err)
		return r.fail(ctx, "The CSV file could not be read.")
	}
	if err != nil && ctx.Err() != nil {
		giveUp, cancel := context.WithTimeout(context.WithoutCancel(ctx), lease)
		defer cancel()
		return r.write(giveUp, func(_ *store.Tx, j *store.ImportJob) error { j.Due = now(); return nil })
	}
	if errors.Is(err, errLost) {
		return nil
	}
	return err
}

// open reads the header and goes to where the job goes on.
func (r *run) open(ctx context.Context) error {
	p, err := r.s.pools.Pool(ctx, r.job.PoolID)
	if err != nil {
		return err
	}
	top := newLines(&file{ctx: ctx, s: r.s, job: r.job})
	line, n, err := top.next()
	if err != nil && err != errLong {
		return err
	}
	if r.header, err = readHeader(p, r.job.Algorithm, line); err != nil {
		return r.fail(ctx, message(err))
	}
	if r.job.Position == 0 {
		r.job.Position, r.job.Line = n, 2
	}
	r.lines = newLines(&file{ctx: ctx, s: r.s, job: r.job, at: r.job.Position})
	return nil
}

// step does some lines.
func (r *run) step(ctx context.Context) error {
	p, err := r.s.pools.Pool(ctx, r.job.PoolID)
	if err != nil {
		return err
	}
	b, err := r.read(p)
	if err != nil {
		return err
	}
	for try := 1; ; try++ {
		err := r.write(ctx, func(tx *store.Tx, j *store.ImportJob) error { return r.s.commit(tx, p, j, b) })
		if !errors.Is(err, store.ErrExists) || try == stepTries {
			return err
		}
	}
}

// write changes the job in one transaction with what else fn writes, if it is still ours. A job that is to stop stops
// instead.
func (r *run) write(ctx context.Context, fn change) error {
	var j store.ImportJob
	err := r.s.db.Update(ctx, func(tx *store.Tx) error {
		var err error
		j, err = tx.GetImportJob(r.job.PoolID, r.job.ID)
		if errors.Is(err, store.ErrNotFound) || err == nil && (j.Owner != r.job.Owner || j.Due.IsZero()) {
			return errLost
		}
		if err != nil {
			return err
		}
		if j.Status == idp.UserImportJobStatusTypeStopping {
			err = finish(tx, &j, idp.UserImportJobStatusTypeStopped, "The Import Job was stopped by the developer.")
		} else {
			err = fn(tx, &j)
		}
		if err != nil {
			return err
		}
		return tx.UpdateImportJob(j)
	})
	if err == nil {
		r.job = j
	}
	return err
}

// fail ends the job with a message.
func (r *run) fail(ctx context.Context, text string) error {
	return r.write(ctx, func(tx *store.Tx, j *store.ImportJob) error {
		return finish(tx, j, idp.UserImportJobStatusTypeFailed, text)
	})
}

// finish ends a job and deletes its file.
func finish(tx *store.Tx, j *store.ImportJob, status, message string) error {
	upload := j.Upload
	j.Status, j.Message, j.Completed = status, message, now()
	j.Due, j.Owner, j.Upload = time.Time{}, "", ""
	if upload == "" {
		return nil
	}
	return tx.DeleteImportChunks(j.PoolID, upload, 0, maxChunks)
}

// batch is what a step has read.
type batch struct {
	results  []result
	recruits []user.Recruit // of the results without an error, in their order
	position int64          // after it
	line     int64
	last     bool
}

// result is what came of a line.
type result struct {
	line int64
	err  error
}

// read reads the next lines and checks each by itself. Empty lines are no users.
func (r *run) read(p *pool.Pool) (b batch, err error) {
	b.position, b.line = r.job.Position, r.job.Line
	for range stepLines {
		line, n, err := r.lines.next()
		if err == io.EOF {
			b.last = true
			return b, nil
		}
		if err != nil && err != errLong {
			return b, err
		}
		b.position += n
		if err != nil || len(bytes.TrimSpace(line)) > 0 {
			b.add(r.recruit(p, line, err))
		}
		b.line++
	}
	return b, nil
}

func (r *run) recruit(p *pool.Pool, line []byte, err error) (user.Recruit, error) {
	if err != nil {
		return user.Recruit{}, err
	}
	return recruit(r.s.users, p, r.header, r.job.Algorithm, line)
}

func (b *batch) add(recruit user.Recruit, err error) {
	b.results = append(b.results, result{b.line, err})
	if err == nil {
		b.recruits = append(b.recruits, recruit)
	}
}

// commit writes the users of a batch, their part of the log, and how far the job is.
func (s *Service) commit(tx *store.Tx, p *pool.Pool, j *store.ImportJob, b batch) error {
	enlisted, err := s.users.Enlist(tx, p, b.recruits)
	if err != nil {
		return err
	}
	var log bytes.Buffer
	for _, result := range b.results {
		if result.err == nil {
			result.err, enlisted = enlisted[0], enlisted[1:]
		}
		log.WriteString(count(j, result))
	}
	if log.Len() > 0 {
		lines, err := packed(log.Bytes())
		if err != nil {
			return err
		}
		err = tx.CreateImportLog(store.ImportLog{PoolID: j.PoolID, JobID: j.ID, Seq: j.Line, Lines: lines, Created: now()})
		if err != nil {
			return err
		}
	}
	if err := dropChunks(tx, j, b.position); err != nil {
		return err
	}
	j.Status, j.Position, j.Line, j.Due = idp.UserImportJobStatusTypeInProgress, b.position, b.line, now().Add(lease)
	if b.last {
		return finish(tx, j, idp.UserImportJobStatusTypeSucceeded, "The user import job has completed.")
	}
	return nil
}

// dropChunks deletes the chunks that a step has come to the end of, for to delete them all in the end would keep others
// waiting. The first one stays: it has the header.
func dropChunks(tx *store.Tx, j *store.ImportJob, position int64) error {
	from, before := max(1, j.Position/chunkSize), position/chunkSize
	if from >= before {
		return nil
	}
	return tx.DeleteImportChunks(j.PoolID, j.Upload, from, before)
}

// count adds a result to the job's counts and words it for the log.
func count(j *store.ImportJob, r result) string {
	switch {
	case r.err == nil:
		j.Imported++
		return logLine(succeeded, r.line, "The import succeeded")
	case errors.Is(r.err, user.ErrMember):
		j.Skipped++
		return logLine(skipped, r.line, "The user already exists")
	}
	j.Failed++
	return logLine(failed, r.line, message(r.err))
}

// tidy lets jobs expire that nobody has started.
func (s *Service) tidy(ctx context.Context) {
	tick := time.NewTicker(tidyEvery)
	defer tick.Stop()
	for ctx.Err() == nil {
		if err := s.expire(ctx); err != nil && ctx.Err() == nil {
			s.opt.Logger.Warn("expiring import jobs failed", "cause", err)
		}
		select {
		case <-ctx.Done():
		case <-tick.C:
		}
	}
}

// expire ends the jobs that are too old to be started, each in a transaction of its own.
func (s *Service) expire(ctx context.Context) error {
	var old []store.ImportJob
	err := s.db.View(ctx, func(tx *store.Tx) (err error) {
		old, err = tx.ListImportJobsIn(idp.UserImportJobStatusTypeCreated, now().Add(-startWithin), 100)
		return err
	})
	for _, j := range old {
		if err == nil {
			err = s.db.Update(ctx, func(tx *store.Tx) error { return expireOne(tx, j.PoolID, j.ID) })
		}
	}
	return err
}

func expireOne(tx *store.Tx, poolID, id string) error {
	j, err := tx.GetImportJob(poolID, id)
	if errors.Is(err, store.ErrNotFound) || err == nil && j.Status != idp.UserImportJobStatusTypeCreated {
		return nil
	}
	if err != nil {
		return err
	}
	if err := finish(tx, &j, idp.UserImportJobStatusTypeExpired, "The user import job has expired."); err != nil {
		return err
	}
	return tx.UpdateImportJob(j)
}
