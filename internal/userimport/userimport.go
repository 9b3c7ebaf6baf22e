// Package userimport runs the jobs that import users from CSV files (protocol page "users-and-pools", section 13): it makes
// and describes them, takes their files, and runs them in the background, with a log that tells of every line.
//
// A file and a log are kept in the store, in parts: whichever node takes a job has all of it. A job goes on in steps. Each
// commits the users of some lines, what the log says of them, and where the job goes on, in one transaction, so that a job
// that is interrupted, wherever, goes on without a gap and without a line done twice.
package userimport

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"cognate/api"
	"cognate/api/idp"
	"cognate/internal/fault"
	"cognate/internal/pool"
	"cognate/internal/secret"
	"cognate/internal/store"
	"cognate/internal/user"
)

const (
	// maxWaiting is how many jobs of a pool may wait to be started, each with a file.
	maxWaiting = 10
	// startWithin is how long a job can be started after it was created.
	startWithin = 24 * time.Hour
	pageSize    = 60
)

// Service is the import jobs of all pools. It is safe for concurrent use.
type Service struct {
	db      *store.DB
	keys    *secret.Keyring
	pools   *pool.Registry
	users   *user.Directory
	opt     Options
	uploads chan struct{} // holds a token for each upload under way
	wake    chan struct{} // holds one while a job may have become due
}

// Options are what the service needs beside the core.
type Options struct {
	PublicURL string       // what the links to upload to and to logs begin with
	Logger    *slog.Logger // nil is slog.Default()
}

// kind names the changes of jobs that nodes are told of.
const kind = "import"

// New makes the service. [Service.Run] runs the jobs.
func New(db *store.DB, keys *secret.Keyring, pools *pool.Registry, users *user.Directory, opt Options) *Service {
	if opt.Logger == nil {
		opt.Logger = slog.Default()
	}
	s := &Service{
		db: db, keys: keys, pools: pools, users: users, opt: opt,
		uploads: make(chan struct{}, maxUploads), wake: make(chan struct{}, 1),
	}
	db.Subscribe(func(c store.Change) {
		if c.Kind != kind && c.Kind != "" {
			return
		}
		select {
		case s.wake <- struct{}{}:
		default:
		}
	})
	return s
}

// Create makes a job for a pool that verifies some address by itself. A pool has up to 10 jobs that wait to be started.
func (s *Service) Create(ctx context.Context, p *pool.Pool, in *idp.CreateUserImportJobRequest) (*idp.UserImportJobType, error) {
	if len(p.Settings.AutoVerifiedAttributes) == 0 {
		return nil, errNotVerifying
	}
	j := store.ImportJob{
		PoolID: p.ID, ID: "import-" + uuid.NewString(), Name: in.JobName, Role: in.CloudWatchLogsRoleArn,
		Algorithm: in.PasswordHashingAlgorithm, Status: idp.UserImportJobStatusTypeCreated, Created: now(),
	}
	err := s.db.Update(ctx, func(tx *store.Tx) error {
		n, err := tx.CountImportJobs(p.ID, idp.UserImportJobStatusTypeCreated)
		if err != nil {
			return err
		}
		if n >= maxWaiting {
			return fault.Newf(idp.CodeLimitExceeded, "The limit of %d import jobs that wait to be started is reached.", maxWaiting)
		}
		return tx.CreateImportJob(j)
	})
	if errors.Is(err, store.ErrNotFound) {
		err = fault.Newf(idp.CodeResourceNotFound, "User pool %s does not exist.", p.ID)
	}
	if err != nil {
		return nil, err
	}
	return s.describe(j), nil
}

// now is cut to what the store keeps.
func now() time.Time { return time.Now().UTC().Truncate(time.Millisecond) }

func unmet(format string, args ...any) error {
	return fault.Newf(idp.CodePreconditionNotMet, format, args...)
}

// errNotVerifying refuses a pool for whose users no file could vouch.
var errNotVerifying = unmet("The user pool must have at least one auto verified attribute to import users.")

// errNoJob is the answer for a job that is not there.
func errNoJob(id string) error {
	return fault.Newf(idp.CodeResourceNotFound, "User import job %s does not exist.", id)
}

// get returns a job in a transaction, or a ResourceNotFoundException.
func get(tx *store.Tx, poolID, id string) (store.ImportJob, error) {
	j, err := tx.GetImportJob(poolID, id)
	if errors.Is(err, store.ErrNotFound) {
		err = errNoJob(id)
	}
	return j, err
}

// Describe shows a job.
func (s *Service) Describe(ctx context.Context, p *pool.Pool, id string) (*idp.UserImportJobType, error) {
	var j store.ImportJob
	err := s.db.View(ctx, func(tx *store.Tx) (err error) {
		j, err = get(tx, p.ID, id)
		return err
	})
	if err != nil {
		return nil, err
	}
	return s.describe(j), nil
}

// List shows up to limit jobs of a pool, the newest first, from after on, and where the next page begins, "" at the end.
func (s *Service) List(ctx context.Context, p *pool.Pool, after string, limit int) (jobs []*idp.UserImportJobType, next string, err error) {
	before, id := time.UnixMilli(math.MaxInt64), ""
	if after != "" {
		ms, rest, _ := strings.Cut(after, "/")
		n, err := strconv.ParseInt(ms, 10, 64)
		if err != nil {
			return nil, "", fmt.Errorf("userimport: page %q: %w", after, err)
		}
		before, id = time.UnixMilli(n), rest
	}
	limit = min(limit, pageSize)
	var rows []store.ImportJob
	err = s.db.View(ctx, func(tx *store.Tx) (err error) {
		rows, err = tx.ListImportJobs(p.ID, before, id, limit+1)
		return err
	})
	if err != nil {
		return nil, "", err
	}
	if len(rows) > limit {
		rows = rows[:limit]
		last := rows[limit-1]
		next = strconv.FormatInt(last.Created.UnixMilli(), 10) + "/" + last.ID
	}
	jobs = make([]*idp.UserImportJobType, 0, len(rows))
	for _, j := range rows {
		jobs = append(jobs, s.describe(j))
	}
	return jobs, next, nil
}

// Start lets a job run whose file has come, unless the pool has one that runs.
func (s *Service) Start(ctx context.Context, p *pool.Pool, id string) (*idp.UserImportJobType, error) {
	return s.edit(ctx, p, id, func(tx *store.Tx, j *store.ImportJob) error {
		switch {
		case j.Status != idp.UserImportJobStatusTypeCreated:
			return unmet("The user import job cannot be started: its status is %s.", j.Status)
		case hasExpired(*j):
			return unmet("The user import job cannot be started: it was created more than a day ago.")
		case j.Upload == "":
			return unmet("The user import job cannot be started: no CSV file has been uploaded.")
		}
		_, err := tx.GetDueImportJob(p.ID)
		if err == nil {
			return unmet("The user import job cannot be started: another one of the user pool is in progress.")
		}
		if !errors.Is(err, store.ErrNotFound) {
			return err
		}
		j.Status, j.Started = idp.UserImportJobStatusTypePending, now()
		j.Due = j.Started
		return nil
	})
}

// Stop ends a job before its next step. What is imported stays.
func (s *Service) Stop(ctx context.Context, p *pool.Pool, id string) (*idp.UserImportJobType, error) {
	return s.edit(ctx, p, id, func(_ *store.Tx, j *store.ImportJob) error {
		switch j.Status {
		case idp.UserImportJobStatusTypePending, idp.UserImportJobStatusTypeInProgress, idp.UserImportJobStatusTypeStopping:
			j.Status = idp.UserImportJobStatusTypeStopping
			return nil
		}
		return unmet("The user import job cannot be stopped: its status is %s.", j.Status)
	})
}

// change changes a job in a transaction.
type change func(*store.Tx, *store.ImportJob) error

// edit changes a job, and wakes whoever may run it.
func (s *Service) edit(ctx context.Context, p *pool.Pool, id string, fn change) (*idp.UserImportJobType, error) {
	var j store.ImportJob
	err := s.db.Update(ctx, func(tx *store.Tx) (err error) {
		if j, err = get(tx, p.ID, id); err != nil {
			return err
		}
		if err := fn(tx, &j); err != nil {
			return err
		}
		tx.Notify(kind, id)
		return tx.UpdateImportJob(j)
	})
	if err != nil {
		return nil, err
	}
	return s.describe(j), nil
}

func hasExpired(j store.ImportJob) bool { return time.Since(j.Created) > startWithin }

// describe shows a job as the API does. The link to upload to is there while it can be used, and that to the log once the
// job is over, at the end of the message.
func (s *Service) describe(j store.ImportJob) *idp.UserImportJobType {
	d := &idp.UserImportJobType{
		JobName: j.Name, JobId: j.ID, UserPoolId: j.PoolID, Status: j.Status, CloudWatchLogsRoleArn: j.Role,
		ImportedUsers: &j.Imported, SkippedUsers: &j.Skipped, FailedUsers: &j.Failed,
		PasswordHashingAlgorithm: j.Algorithm, CompletionMessage: j.Message,
		CreationDate: api.At(j.Created), StartDate: api.At(j.Started), CompletionDate: api.At(j.Completed),
	}
	if canUpload(j) == nil {
		d.PreSignedUrl = s.link(uploadLink, j.PoolID, j.ID, j.Created.Add(uploadWithin))
	}
	if !j.Started.IsZero() && !j.Completed.IsZero() {
		d.CompletionMessage += " Log: " + s.link(logLink, j.PoolID, j.ID, time.Now().Add(logWithin))
	}
	return d
}
