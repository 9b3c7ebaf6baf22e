package store

import (
	"database/sql"
	"fmt"
	"time"
)

// ImportJob is a job that imports users from a file. Upload names the chunks of the file, and is empty without one; Size
// is its length in bytes. Position is where in the file the job goes on, and Line the number of the line there.
//
// Due is zero while the job is not to be run: before it is started and after it is over. Of the jobs of a pool only one
// may be due. From the time Due on whoever takes the job runs it; Owner is who has, until then.
type ImportJob struct {
	PoolID, ID                  string
	Name, Role, Algorithm       string
	Status, Message             string
	Imported, Skipped, Failed   int64
	Upload                      string
	Size, Position, Line        int64
	Owner                       string
	Due                         time.Time
	Created, Started, Completed time.Time
}

const importJobColumns = `pool_id, id, name, role, algorithm, status, message, imported, skipped, failed,
	upload, size, position, line, owner, due, created, started, completed`

func (j *ImportJob) scan(r *sql.Rows) error {
	return r.Scan(&j.PoolID, &j.ID, &j.Name, &j.Role, &j.Algorithm, &j.Status, &j.Message, &j.Imported, &j.Skipped, &j.Failed,
		&j.Upload, &j.Size, &j.Position, &j.Line, &j.Owner, when(&j.Due), when(&j.Created), when(&j.Started), when(&j.Completed))
}

// CreateImportJob inserts a job; ErrExists when the pool has one of that id or, if it is due, another one that is due;
// ErrNotFound when the pool is not there.
func (t *Tx) CreateImportJob(j ImportJob) error {
	return t.create("create import job", `
		INSERT INTO import_jobs (`+importJobColumns+`)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19)
		ON CONFLICT DO NOTHING`,
		j.PoolID, j.ID, j.Name, j.Role, j.Algorithm, j.Status, j.Message, j.Imported, j.Skipped, j.Failed,
		j.Upload, j.Size, j.Position, j.Line, j.Owner, millis(j.Due), millis(j.Created), millis(j.Started), millis(j.Completed))
}

// GetImportJob returns a job, or ErrNotFound.
func (t *Tx) GetImportJob(poolID, id string) (j ImportJob, err error) {
	err = get(t, "get import job", j.scan,
		`SELECT `+importJobColumns+` FROM import_jobs WHERE pool_id = $1 AND id = $2`, poolID, id)
	return j, err
}

// UpdateImportJob writes all of a job but what it was created with, or returns ErrNotFound.
func (t *Tx) UpdateImportJob(j ImportJob) error {
	return t.touch("update import job", `
		UPDATE import_jobs SET status = $3, message = $4, imported = $5, skipped = $6, failed = $7, upload = $8, size = $9,
			position = $10, line = $11, owner = $12, due = $13, started = $14, completed = $15
		WHERE pool_id = $1 AND id = $2`,
		j.PoolID, j.ID, j.Status, j.Message, j.Imported, j.Skipped, j.Failed, j.Upload, j.Size,
		j.Position, j.Line, j.Owner, millis(j.Due), millis(j.Started), millis(j.Completed))
}

// GetDueImportJob returns the job of a pool that is due, or will be, or ErrNotFound.
func (t *Tx) GetDueImportJob(poolID string) (j ImportJob, err error) {
	err = get(t, "get due import job", j.scan,
		`SELECT `+importJobColumns+` FROM import_jobs WHERE pool_id = $1 AND due > 0`, poolID)
	return j, err
}

// ListImportJobs returns up to limit jobs of a pool, the newest first, that are older than the one created at before with
// the id beforeID.
func (t *Tx) ListImportJobs(poolID string, before time.Time, beforeID string, limit int) ([]ImportJob, error) {
	return list(t, "import jobs", (*ImportJob).scan, `
		SELECT `+importJobColumns+` FROM import_jobs WHERE pool_id = $1 AND (created, id) < ($2, $3)
		ORDER BY created DESC, id DESC LIMIT $4`, poolID, millis(before), beforeID, page(limit))
}

// ListImportJobsIn returns up to limit jobs with a status that were created before a time, of all pools, the oldest first.
func (t *Tx) ListImportJobsIn(status string, before time.Time, limit int) ([]ImportJob, error) {
	return list(t, "import jobs", (*ImportJob).scan, `
		SELECT `+importJobColumns+` FROM import_jobs WHERE status = $1 AND created < $2
		ORDER BY created LIMIT $3`, status, millis(before), page(limit))
}

// CountImportJobs returns how many jobs of a pool have a status.
func (t *Tx) CountImportJobs(poolID, status string) (int64, error) {
	return t.count("import jobs", `SELECT count(*) FROM import_jobs WHERE pool_id = $1 AND status = $2`, poolID, status)
}

// IsImportDue reports whether there is a job to take of the pools of a region, "" for all.
func (t *Tx) IsImportDue(region string, now time.Time) (bool, error) {
	var due int64
	err := get(t, "get due import job", func(r *sql.Rows) error { return r.Scan(&due) },
		`SELECT due FROM import_jobs WHERE due > 0 AND due <= $1`+inRegion(region, 2)+` ORDER BY due LIMIT 1`, withRegion(region, millis(now))...)
	if isNotFound(err) {
		return false, nil
	}
	return err == nil, err
}

// TakeImportJob gives the job that has been due for longest, of the pools of a region, "" for all, to an owner, until a
// time, and returns it, or ErrNotFound. No two takers get the same job.
func (t *Tx) TakeImportJob(owner, region string, now, until time.Time) (j ImportJob, err error) {
	err = get(t, "take import job", j.scan, `
		UPDATE import_jobs SET owner = $1, due = $2 WHERE (pool_id, id) IN (
			SELECT pool_id, id FROM import_jobs WHERE due > 0 AND due <= $3`+inRegion(region, 4)+` ORDER BY due LIMIT 1 `+t.dialect.SkipLocked+`)
		RETURNING `+importJobColumns, withRegion(region, owner, millis(until), millis(now))...)
	return j, err
}

// inRegion is the condition that a job is of a pool of a region, the n-th argument; of any pool when it is empty.
func inRegion(region string, n int) string {
	if region == "" {
		return ""
	}
	return fmt.Sprintf(` AND EXISTS (SELECT 1 FROM pools p WHERE p.id = import_jobs.pool_id AND p.region = $%d)`, n)
}

func withRegion(region string, args ...any) []any {
	if region == "" {
		return args
	}
	return append(args, region)
}

// ImportChunk is a part of a file that a job imports, sealed. Seq counts from 0.
type ImportChunk struct {
	PoolID, Upload string
	Seq            int64
	Sealed         []byte
	Created        time.Time
}

// CreateImportChunk inserts a chunk; ErrExists when it is there, ErrNotFound when the pool is not.
func (t *Tx) CreateImportChunk(c ImportChunk) error {
	return t.create("create import chunk", `
		INSERT INTO import_chunks (pool_id, upload, seq, sealed, created) VALUES ($1, $2, $3, $4, $5)
		ON CONFLICT DO NOTHING`, c.PoolID, c.Upload, c.Seq, c.Sealed, millis(c.Created))
}

// GetImportChunk returns the sealed content of a chunk, or ErrNotFound.
func (t *Tx) GetImportChunk(poolID, upload string, seq int64) (sealed []byte, err error) {
	err = get(t, "get import chunk", func(r *sql.Rows) error { return r.Scan(raw(&sealed)) },
		`SELECT sealed FROM import_chunks WHERE pool_id = $1 AND upload = $2 AND seq = $3`, poolID, upload, seq)
	return sealed, err
}

// DeleteImportChunks deletes the chunks of an upload that are numbered from a number on, before another.
func (t *Tx) DeleteImportChunks(poolID, upload string, from, before int64) error {
	return t.put("delete import chunks", `
		DELETE FROM import_chunks WHERE pool_id = $1 AND upload = $2 AND seq >= $3 AND seq < $4`, poolID, upload, from, before)
}

// ImportLog is a part of a job's log. Parts are in the order of Seq.
type ImportLog struct {
	PoolID, JobID string
	Seq           int64
	Lines         []byte
	Created       time.Time
}

// CreateImportLog inserts a part of a log; ErrExists when it is there, ErrNotFound when the job is not.
func (t *Tx) CreateImportLog(l ImportLog) error {
	return t.create("create import log", `
		INSERT INTO import_logs (pool_id, job_id, seq, lines, created) VALUES ($1, $2, $3, $4, $5)
		ON CONFLICT DO NOTHING`, l.PoolID, l.JobID, l.Seq, l.Lines, millis(l.Created))
}

// NextImportLog returns the first part of a job's log after another, -1 for the first of all, or ErrNotFound.
func (t *Tx) NextImportLog(poolID, jobID string, after int64) (l ImportLog, err error) {
	l.PoolID, l.JobID = poolID, jobID
	err = get(t, "get import log", func(r *sql.Rows) error { return r.Scan(&l.Seq, raw(&l.Lines), when(&l.Created)) }, `
		SELECT seq, lines, created FROM import_logs WHERE pool_id = $1 AND job_id = $2 AND seq > $3
		ORDER BY seq LIMIT 1`, poolID, jobID, after)
	return l, err
}
