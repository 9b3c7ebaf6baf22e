package userimport

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"os"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"cognate/api/idp"
	"cognate/internal/fault"
	"cognate/internal/message/inbox"
	"cognate/internal/pool"
	"cognate/internal/secret/secrettest"
	"cognate/internal/store"
	"cognate/internal/store/storetest"
	"cognate/internal/store/storetest/engines"
	"cognate/internal/user"
)

func TestMain(m *testing.M) { os.Exit(storetest.Main(m)) }

// office is a pool to import into, and jobs that nobody runs but the test.
type office struct {
	*testing.T
	db      *store.DB
	pools   *pool.Registry
	pool    *pool.Pool
	imports *Service
	log     *bytes.Buffer
}

func newOffice(t *testing.T) *office { return newOfficeOn(t, engines.Memory(t)) }

func onEngines(t *testing.T, test func(*office)) {
	engines.Each(t, func(t *testing.T, db *store.DB) { test(newOfficeOn(t, db)) })
}

func newOfficeOn(t *testing.T, db *store.DB) *office {
	keys := secrettest.Keyring(t)
	o := &office{T: t, db: db, pools: pool.New(db, keys, pool.Options{AccountID: "000000000000"}), log: &bytes.Buffer{}}
	p, err := o.pools.Create(t.Context(), "us-east-1", &idp.CreateUserPoolRequest{PoolName: "p", AutoVerifiedAttributes: []string{"email"}})
	o.must(err)
	o.pool = p
	o.imports = New(db, keys, o.pools, user.New(db, keys, inbox.New()), Options{
		PublicURL: "https://id.example.com/", Logger: slog.New(slog.NewTextHandler(o.log, nil)),
	})
	return o
}

func (o *office) must(err error) {
	o.Helper()
	if err != nil {
		o.Fatal(err)
	}
}

func (o *office) wantFault(err error, code, text string) {
	o.Helper()
	f, ok := errors.AsType[*fault.Error](err)
	if !ok || f.Code != code || f.Message != text {
		o.Errorf("got %v\nwant %s: %s", err, code, text)
	}
}

func (o *office) create() *idp.UserImportJobType {
	o.Helper()
	j, err := o.imports.Create(o.Context(), o.pool, &idp.CreateUserImportJobRequest{JobName: "test", CloudWatchLogsRoleArn: "arn:aws:iam::000000000000:role/logs"})
	o.must(err)
	return j
}

// linkOf reads a link as the door does.
func (o *office) linkOf(text string) Link {
	o.Helper()
	u, err := url.Parse(text)
	o.must(err)
	parts := strings.Split(strings.TrimPrefix(u.Path, Path), "/")
	return Link{PoolID: parts[0], JobID: parts[1], Expires: u.Query().Get("expires"), Signature: u.Query().Get("signature")}
}

func (o *office) upload(j *idp.UserImportJobType, body io.Reader) error {
	return o.imports.Upload(o.Context(), o.linkOf(j.PreSignedUrl), body, -1)
}

// file is one of n users, after those that are named.
func (o *office) file(n int, lines ...string) string {
	var b strings.Builder
	b.WriteString(strings.Join(Columns(o.pool), ",") + "\n")
	for i := range n {
		lines = append(lines, fmt.Sprintf("user%05d", i))
	}
	for _, line := range lines {
		if !strings.Contains(line, ",") {
			line = o.line(line, line+"@example.com")
		}
		b.WriteString(line + "\n")
	}
	return b.String()
}

func (o *office) line(name, email string) string {
	values := make([]string, 0, 24)
	for _, column := range Columns(o.pool) {
		values = append(values, map[string]string{"email": email, "email_verified": "true", columnUsername: name}[column])
	}
	return strings.Join(values, ",")
}

// started is a job that is due, with a file.
func (o *office) started(file string) string {
	o.Helper()
	j := o.create()
	o.must(o.upload(j, strings.NewReader(file)))
	_, err := o.imports.Start(o.Context(), o.pool, j.JobId)
	o.must(err)
	return j.JobId
}

func (o *office) describe(id string) *idp.UserImportJobType {
	o.Helper()
	j, err := o.imports.Describe(o.Context(), o.pool, id)
	o.must(err)
	return j
}

// take begins a run of the job that is due, at a time, and makes steps.
func (o *office) take(at time.Time, steps int) *run {
	o.Helper()
	r := &run{s: o.imports}
	o.must(o.db.Update(o.Context(), func(tx *store.Tx) (err error) {
		r.job, err = tx.TakeImportJob(fmt.Sprint("owner ", at), "", at, at.Add(lease))
		return err
	}))
	o.must(r.open(o.Context()))
	for range steps {
		o.must(r.step(o.Context()))
	}
	return r
}

func (o *office) runAll() {
	o.Helper()
	for {
		ran, err := o.imports.runNext(o.Context())
		o.must(err)
		if !ran {
			return
		}
	}
}

// readLog returns the outcomes of the log and how many lines it has.
func (o *office) readLog(id string) (text string) {
	o.Helper()
	var b strings.Builder
	_, link, _ := strings.Cut(o.describe(id).CompletionMessage, " Log: ")
	o.must(o.imports.Log(o.Context(), o.linkOf(link), &b))
	return b.String()
}

func (o *office) wantJob(id, status string, imported, skipped, failed int64) {
	o.Helper()
	j := o.describe(id)
	if j.Status != status || *j.ImportedUsers != imported || *j.SkippedUsers != skipped || *j.FailedUsers != failed {
		o.Errorf("the job is %s, %d imported, %d skipped, %d failed, want %s, %d, %d, %d; %s", j.Status, *j.ImportedUsers, *j.SkippedUsers, *j.FailedUsers,
			status, imported, skipped, failed, j.CompletionMessage)
	}
}

func (o *office) users() (n int64) {
	o.Helper()
	o.must(o.db.View(o.Context(), func(tx *store.Tx) (err error) { n, err = tx.CountUsers(o.pool.ID); return err }))
	return n
}

// kept is how many chunks of files there are.
func (o *office) kept() (n int) {
	o.Helper()
	o.must(o.db.View(o.Context(), func(tx *store.Tx) error {
		rows, err := tx.Raw().Query("SELECT count(*) FROM import_chunks")
		if err != nil {
			return err
		}
		defer rows.Close()
		rows.Next()
		return rows.Scan(&n)
	}))
	return n
}

var succeededLine = regexp.MustCompile(`^\[SUCCEEDED\] Line Number (\d+) - The import succeeded\.$`)

// wantAll holds a log to tell of n lines under the header, each of which succeeded.
func (o *office) wantAll(log string, n int) {
	o.Helper()
	lines := strings.Split(strings.TrimSuffix(log, "\n"), "\n")
	if len(lines) != n {
		o.Errorf("the log has %d lines, want %d", len(lines), n)
	}
	for i, line := range lines {
		if m := succeededLine.FindStringSubmatch(line); m == nil || m[1] != fmt.Sprint(i+2) {
			o.Fatalf("line %d of the log: %q", i, line)
		}
	}
}

// TestTakeOver has one run leave off in the middle, and another go on; the first then finds that the job is not its own.
func TestTakeOver(t *testing.T) {
	onEngines(t, func(o *office) {
		const n = 30*stepLines + 7 // in more than one chunk
		id := o.started(o.file(n))
		start := time.Now().UTC()
		first := o.take(start, 1)
		o.wantJob(id, "InProgress", stepLines, 0, 0)
		if o.describe(id).CompletionMessage != "" {
			o.Error("a job has a message before it is over")
		}
		second := o.take(start.Add(2*lease), 1)
		if err := first.step(o.Context()); err != errLost {
			o.Errorf("the first run goes on: %v", err)
		}
		o.wantJob(id, "InProgress", 2*stepLines, 0, 0)
		o.must(second.all(o.Context()))
		o.wantJob(id, "Succeeded", n, 0, 0)
		o.wantAll(o.readLog(id), n)
		if o.users() != n || o.kept() != 0 {
			o.Errorf("%d users, %d chunks", o.users(), o.kept())
		}
		if err := second.step(o.Context()); err != errLost {
			o.Errorf("the job goes on after its end: %v", err)
		}
	})
}

// TestGiveUp interrupts a run, which lets another take the job at once.
func TestGiveUp(t *testing.T) {
	onEngines(t, func(o *office) {
		const n = 2 * stepLines
		id := o.started(o.file(n))
		r := o.take(time.Now().UTC(), 1)
		ctx, stop := context.WithCancel(o.Context())
		stop()
		o.must(r.all(ctx))
		o.wantJob(id, "InProgress", stepLines, 0, 0)
		o.runAll()
		o.wantJob(id, "Succeeded", n, 0, 0)
		o.wantAll(o.readLog(id), n)
	})
}

// TestStopInFlight stops a job between two steps; what is imported stays, and the log tells of it.
func TestStopInFlight(t *testing.T) {
	onEngines(t, func(o *office) {
		id := o.started(o.file(3 * stepLines))
		r := o.take(time.Now().UTC(), 1)
		j, err := o.imports.Stop(o.Context(), o.pool, id)
		if o.must(err); j.Status != "Stopping" {
			o.Errorf("the status is %s", j.Status)
		}
		o.must(r.all(o.Context()))
		o.wantJob(id, "Stopped", stepLines, 0, 0)
		if m := o.describe(id).CompletionMessage; !strings.HasPrefix(m, "The Import Job was stopped by the developer. Log: https://id.example.com/_cognate/import/") {
			o.Error(m)
		}
		o.wantAll(o.readLog(id), stepLines)
		if o.users() != stepLines || o.kept() != 0 {
			o.Errorf("%d users, %d chunks", o.users(), o.kept())
		}
	})
}

// TestStopBeforeItRuns stops a job that nobody has taken.
func TestStopBeforeItRuns(t *testing.T) {
	o := newOffice(t)
	id := o.started(o.file(1))
	_, err := o.imports.Stop(t.Context(), o.pool, id)
	o.must(err)
	o.runAll()
	o.wantJob(id, "Stopped", 0, 0, 0)
	_, err = o.imports.Stop(t.Context(), o.pool, id)
	o.wantFault(err, "PreconditionNotMetException", "The user import job cannot be stopped: its status is Stopped.")
}

// TestOneAtATime refuses a second job of a pool while one is in progress, and changes to the pool.
func TestOneAtATime(t *testing.T) {
	onEngines(t, func(o *office) {
		id := o.started(o.file(1))
		second := o.create()
		o.must(o.upload(second, strings.NewReader(o.file(2))))
		_, err := o.imports.Start(o.Context(), o.pool, second.JobId)
		o.wantFault(err, "PreconditionNotMetException", "The user import job cannot be started: another one of the user pool is in progress.")
		const busy = "A user import job of the user pool is in progress."
		o.wantFault(o.pools.Update(o.Context(), &idp.UpdateUserPoolRequest{UserPoolId: o.pool.ID}), "UserImportInProgressException", busy)
		o.wantFault(o.pools.Delete(o.Context(), o.pool.ID), "UserImportInProgressException", busy)
		o.wantFault(o.pools.AddCustomAttributes(o.Context(), &idp.AddCustomAttributesRequest{
			UserPoolId: o.pool.ID, CustomAttributes: []*idp.SchemaAttributeType{{Name: "x"}},
		}), "UserImportInProgressException", busy)
		_, err = o.imports.users.Remake(o.Context(), o.pools, o.pool.ID, pool.Remake{CaseSensitive: new(true)}, true)
		o.wantFault(err, "UserImportInProgressException", busy)
		o.runAll()
		o.wantJob(id, "Succeeded", 1, 0, 0)
		_, err = o.imports.Start(o.Context(), o.pool, second.JobId)
		o.must(err)
		o.runAll()
		o.wantJob(second.JobId, "Succeeded", 1, 1, 0)
		o.must(o.pools.Delete(o.Context(), o.pool.ID))
	})
}

// TestTogether has many take part in one import, and others sign up with the same names.
func TestTogether(t *testing.T) {
	onEngines(t, func(o *office) {
		const n = 4 * stepLines
		id := o.started(o.file(n))
		ctx, stop := context.WithCancel(o.Context())
		var all sync.WaitGroup
		for range 3 {
			all.Go(func() { o.imports.Run(ctx) })
		}
		o.must(o.imports.users.Seed(o.Context(), o.pool, fmt.Sprintf("user%05d", n-1), "", nil))
		for begin := time.Now(); o.describe(id).CompletionMessage == ""; time.Sleep(5 * time.Millisecond) {
			if time.Since(begin) > time.Minute {
				o.Fatalf("the job is not over: %s", o.log)
			}
		}
		stop()
		all.Wait()
		j := o.describe(id)
		if j.Status != "Succeeded" || *j.ImportedUsers+*j.SkippedUsers != n || o.users() != n {
			o.Errorf("%+v, %d users", j, o.users())
		}
	})
}

// TestOddFiles are files that fail as a whole, or whose lines do.
func TestOddFiles(t *testing.T) {
	const ok, skip = "[SUCCEEDED] The import succeeded.", "[SKIPPED] The user already exists."
	for _, tt := range []struct {
		what string
		file func(o *office) string
		want string // of the job, then of each line
	}{
		{"a header alone", func(o *office) string { return o.file(0) }, "Succeeded"},
		{"no header", func(o *office) string { return o.line("a", "a@example.com") }, "Failed"},
		{"nothing that is a file", func(o *office) string { return "\x1f\x8b\x08\x00" }, "Failed"},
		{"empty lines", func(o *office) string { return "" + o.file(0, "a") + "\n \r\n" + o.line("b", "b@example.com") }, "Succeeded|2 " + ok + "|5 " + ok},
		{"one name twice", func(o *office) string { return o.file(0, "a", "b", "a") }, "Succeeded|2 " + ok + "|3 " + ok + "|4 " + skip},
		{"no UTF-8", func(o *office) string { return o.file(0, o.line("a", "\xff@example.com"), "b") },
			"Succeeded|2 [FAILED] The line is not UTF-8 text.|3 " + ok},
		{"a long line", func(o *office) string {
			return o.file(0, strings.Repeat(",", maxLine+1), strings.Repeat(",x", 1<<20), "b")
		},
			"Succeeded|2 [FAILED] The line is longer than 16000 characters.|3 [FAILED] The line is longer than 16000 characters.|4 " + ok},
		{"a long value", func(o *office) string { return o.file(0, o.line("a", strings.Repeat("x", 3000)+"@example.com"), "b") },
			"Succeeded|2 [FAILED] Attributes did not conform to the schema: email: String must be no longer than 2048 characters.|3 " + ok},
		{"quotes", func(o *office) string {
			return o.file(0, o.line(`"a"`, "a@example.com"), o.line("b", `"x,y"@example.com`))
		},
			`Succeeded|2 [FAILED] The value of a column is quoted. Quotes have no meaning here: a comma in a value is written as \,.|3 [FAILED] The line has 22 columns, and the header has 21.`},
		{"a formula", func(o *office) string { return o.file(0, o.line("=cmd|'/C'!A0", "a@example.com")) }, "Succeeded|2 " + ok},
	} {
		t.Run(tt.what, func(t *testing.T) {
			o := newOffice(t)
			id := o.started(tt.file(o))
			o.runAll()
			got := o.describe(id).Status
			for line := range strings.Lines(o.readLog(id)) {
				outcome, rest, _ := strings.Cut(strings.TrimSpace(line), " Line Number ")
				number, text, _ := strings.Cut(rest, " - ")
				got += "|" + number + " " + outcome + " " + text
			}
			if got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
}

// TestDamagedFile fails a job whose file is not what was uploaded, and tells nobody what is in it.
func TestDamagedFile(t *testing.T) {
	o := newOffice(t)
	id := o.started(o.file(3))
	o.must(o.db.Update(t.Context(), func(tx *store.Tx) error {
		_, err := tx.Raw().Exec("UPDATE import_chunks SET sealed = $1", []byte("garbage"))
		return err
	}))
	o.runAll()
	o.wantJob(id, "Failed", 0, 0, 0)
	if m := o.describe(id).CompletionMessage; !strings.HasPrefix(m, "The CSV file could not be read.") {
		t.Error(m)
	}
}

// TestNothingIsReadable looks for what a file says in what is kept of it, and in the log.
func TestNothingIsReadable(t *testing.T) {
	o := newOffice(t)
	j := o.create()
	o.must(o.upload(j, strings.NewReader(o.file(0, "canary", o.line("canary2", "no address")))))
	o.must(o.db.View(t.Context(), func(tx *store.Tx) error {
		row, err := tx.GetImportJob(o.pool.ID, j.JobId)
		if err != nil {
			return err
		}
		sealed, err := tx.GetImportChunk(o.pool.ID, row.Upload, 0)
		if bytes.Contains(sealed, []byte("canary")) {
			t.Error("the file can be read")
		}
		return err
	}))
	_, err := o.imports.Start(t.Context(), o.pool, j.JobId)
	o.must(err)
	o.runAll()
	o.wantJob(j.JobId, "Succeeded", 1, 0, 1)
	if text := o.readLog(j.JobId) + o.log.String(); strings.Contains(text, "canary") {
		t.Errorf("a log tells of users: %s", text)
	}
}

// TestExpiry lets a job expire that is not started within a day; its file goes.
func TestExpiry(t *testing.T) {
	onEngines(t, func(o *office) {
		j := o.create()
		o.must(o.upload(j, strings.NewReader(o.file(1))))
		young := o.create()
		o.must(o.imports.expire(o.Context()))
		o.wantJob(j.JobId, "Created", 0, 0, 0)
		o.must(o.db.Update(o.Context(), func(tx *store.Tx) error {
			_, err := tx.Raw().Exec("UPDATE import_jobs SET created = created - 86400001 WHERE id = $1", j.JobId)
			return err
		}))
		_, err := o.imports.Start(o.Context(), o.pool, j.JobId)
		o.wantFault(err, "PreconditionNotMetException", "The user import job cannot be started: it was created more than a day ago.")
		o.must(o.imports.expire(o.Context()))
		o.wantJob(j.JobId, "Expired", 0, 0, 0)
		o.wantJob(young.JobId, "Created", 0, 0, 0)
		if d := o.describe(j.JobId); d.CompletionMessage != "The user import job has expired." || o.kept() != 0 {
			o.Errorf("%q, %d chunks", d.CompletionMessage, o.kept())
		}
	})
}
