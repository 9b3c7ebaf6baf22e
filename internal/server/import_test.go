//go:build linux

package server

import (
	"bufio"
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"cognate/internal/store"
	"cognate/internal/store/postgres"
	"cognate/internal/store/sqlite"
	"cognate/internal/store/storetest"
)

// importRowsEnv names an environment variable with the number of rows that TestImportRate and TestExportRate import. A million is what its
// limits are meant for.
const importRowsEnv = "COGNATE_TEST_IMPORT_ROWS"

const (
	fewImports  = 20_000
	killImports = 25_000
	// slowerThanBulk is how many times longer than a plain bulk insert of the same rows an import may take.
	slowerThanBulk = 10
	// importMemory is how much memory a server that imports may have had resident at most, in KiB.
	importMemory = 150 << 10
)

// importDatabases are where a server under test keeps its users: what to add to its flags, and the address of the database.
var importDatabases = map[string]func(testing.TB) (flags []string){
	"sqlite":   func(testing.TB) []string { return nil },
	"postgres": func(t testing.TB) []string { return []string{"--database", storetest.PostgresURL(t)} },
}

// importJob is what these tests read of a job.
type importJob struct {
	JobId, PreSignedUrl, Status, CompletionMessage string
	ImportedUsers, SkippedUsers, FailedUsers       int
}

// imported is a pool that users are imported into.
type imported struct {
	*process
	pool, client string
	job          importJob
}

func (p *process) importing(rows int) *imported {
	p.Helper()
	m := &imported{process: p}
	m.pool = p.must(p, "CreateUserPool", `{"PoolName":"import","AutoVerifiedAttributes":["email"]}`).UserPool.Id
	m.client = p.must(p, "CreateUserPoolClient", `{"UserPoolId":%q,"ClientName":"test","ExplicitAuthFlows":["ALLOW_USER_PASSWORD_AUTH"]}`, m.pool).UserPoolClient.ClientId
	m.ask("CreateUserImportJob", `{"UserPoolId":%q,"JobName":"test","CloudWatchLogsRoleArn":"arn:aws:iam::000000000000:role/logs"}`, m.pool)
	r, w := io.Pipe()
	go func() {
		b := bufio.NewWriterSize(w, 1<<16)
		m.writeFile(b, rows)
		w.CloseWithError(b.Flush())
	}()
	put, err := http.NewRequest(http.MethodPut, m.job.PreSignedUrl, r)
	if err != nil {
		p.Fatal(err)
	}
	answer, err := http.DefaultClient.Do(put)
	if err != nil || answer.StatusCode != http.StatusOK {
		p.Fatalf("upload: %v %v", answer, err)
	}
	answer.Body.Close()
	return m
}

// writeFile writes a file of users, each with a name and a verified address.
func (m *imported) writeFile(w io.Writer, rows int) {
	status, out, err := m.door("GetCSVHeader", fmt.Sprintf(`{"UserPoolId":%q}`, m.pool))
	var header struct{ CSVHeader []string }
	if err != nil || json.Unmarshal(out, &header) != nil || status != http.StatusOK {
		m.Errorf("GetCSVHeader: %s %v", out, err)
	}
	fmt.Fprintln(w, strings.Join(header.CSVHeader, ","))
	for i := range rows {
		for _, column := range header.CSVHeader[:len(header.CSVHeader)-1] {
			switch column {
			case "name":
				io.WriteString(w, importedName(i))
			case "email":
				io.WriteString(w, importedEmail(i))
			case "email_verified":
				io.WriteString(w, "true")
			}
			io.WriteString(w, ",")
		}
		io.WriteString(w, username(i)+"\n")
	}
}

func importedName(i int) string  { return fmt.Sprintf("Name %d", i) }
func importedEmail(i int) string { return fmt.Sprintf("%x-%s@example.com", i*7919%1000, username(i)) }

// ask calls an operation that answers with the job.
func (m *imported) ask(op, format string, args ...any) {
	m.Helper()
	status, out, err := m.door(op, fmt.Sprintf(format, args...))
	var answer struct{ UserImportJob importJob }
	if err != nil || status != http.StatusOK || json.Unmarshal(out, &answer) != nil {
		m.Fatalf("%s: %s %v", op, out, err)
	}
	m.job = answer.UserImportJob
}

func (m *imported) start() {
	m.Helper()
	m.ask("StartUserImportJob", `{"UserPoolId":%q,"JobId":%q}`, m.pool, m.job.JobId)
}

// wait asks for the job until it is as until says.
func (m *imported) wait(limit time.Duration, until func(importJob) bool) {
	m.Helper()
	for begin := time.Now(); ; time.Sleep(2 * time.Millisecond) {
		m.ask("DescribeUserImportJob", `{"UserPoolId":%q,"JobId":%q}`, m.pool, m.job.JobId)
		if until(m.job) {
			return
		}
		if time.Since(begin) > limit {
			m.Fatalf("the job is not so far after %v: %+v\n%s", limit, m.job, &m.log)
		}
	}
}

func isOver(j importJob) bool { return j.CompletionMessage != "" }

// logLines reads the log: how often it tells of each line, and what.
func (m *imported) logLines() map[int]string {
	m.Helper()
	_, link, _ := strings.Cut(m.job.CompletionMessage, " Log: ")
	answer, err := http.Get(link)
	if err != nil {
		m.Fatal(err)
	}
	defer answer.Body.Close()
	lines := map[int]string{}
	for in := bufio.NewScanner(answer.Body); in.Scan(); {
		outcome, rest, _ := strings.Cut(in.Text(), " Line Number ")
		number, _, _ := strings.Cut(rest, " - ")
		n, err := strconv.Atoi(number)
		if err != nil || lines[n] != "" {
			m.Fatalf("a line of the log is not one, or there twice: %q", in.Text())
		}
		lines[n] = outcome
	}
	return lines
}

// TestImportKill kills a server in the middle of an import, twice, and holds it to import every line exactly once.
func TestImportKill(t *testing.T) {
	for engine, database := range importDatabases {
		t.Run(engine, func(t *testing.T) { testImportKill(t, database(t)) })
	}
}

func testImportKill(t *testing.T, flags []string) {
	data := t.TempDir()
	m := launch(t, data, flags...).importing(killImports)
	m.start()
	for done := range 2 {
		m.wait(30*time.Second, func(j importJob) bool { return j.ImportedUsers > (1+done)*killImports/4 || isOver(j) })
		m.kill()
		t.Logf("killed after %d users", m.job.ImportedUsers)
		if isOver(m.job) {
			t.Fatal("the import was over before the server was killed")
		}
		m.process = launch(t, data, flags...)
	}
	m.wait(60*time.Second, isOver)
	if m.job.Status != "Succeeded" || m.job.ImportedUsers != killImports || m.job.SkippedUsers+m.job.FailedUsers != 0 {
		t.Errorf("the job is %+v", m.job)
	}
	lines := m.logLines()
	for n := 2; n < killImports+2; n++ {
		if lines[n] != "[SUCCEEDED]" {
			t.Fatalf("line %d: %q", n, lines[n])
		}
	}
	if len(lines) != killImports {
		t.Errorf("the log tells of %d lines", len(lines))
	}
	m.checkUsers(killImports)
}

// checkUsers holds the pool to have each user once: it asks for each, and for how many there are.
func (m *imported) checkUsers(n int) {
	m.Helper()
	status, out, err := m.door("DescribeUserPool", fmt.Sprintf(`{"UserPoolId":%q}`, m.pool))
	var answer struct {
		UserPool struct{ EstimatedNumberOfUsers int }
	}
	if err != nil || status != http.StatusOK || json.Unmarshal(out, &answer) != nil || answer.UserPool.EstimatedNumberOfUsers != n {
		m.Errorf("the pool has %d users: %v", answer.UserPool.EstimatedNumberOfUsers, err)
	}
	for i := 0; i < n; i += max(1, n/1000) {
		if a := m.must(m, "AdminGetUser", `{"UserPoolId":%q,"Username":%q}`, m.pool, username(i)); a.Username != username(i) {
			m.Errorf("user %d is %q", i, a.Username)
		}
	}
}

// importRows is how many rows the tests of rates import.
func importRows(t *testing.T) int {
	text := os.Getenv(importRowsEnv)
	if text == "" {
		return fewImports
	}
	rows, err := strconv.Atoi(text)
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

// TestImportRate holds an import to ten times the time that a plain bulk insert of the same rows takes on the same engine,
// and the server that runs it to 150 MB.
func TestImportRate(t *testing.T) {
	rows := importRows(t)
	for engine, database := range importDatabases {
		t.Run(engine, func(t *testing.T) {
			plain := bulkInsert(t, engine, rows)
			m := launch(t, t.TempDir(), database(t)...).importing(rows)
			begin := time.Now()
			m.start()
			m.wait(time.Hour, isOver)
			took := time.Since(begin)
			peak := m.status("VmHWM:")
			t.Logf("%d rows: imported in %v, %.1f times the %v of a bulk insert; %d MB resident at most", rows,
				took.Round(time.Millisecond), float64(took)/float64(plain), plain.Round(time.Millisecond), peak>>10)
			if m.job.ImportedUsers != rows {
				t.Errorf("the job is %+v", m.job)
			}
			if took > slowerThanBulk*plain*patience() {
				t.Errorf("the import took more than %d times as long as a bulk insert", slowerThanBulk)
			}
			if peak > importMemory {
				t.Errorf("%d KiB were resident", peak)
			}
		})
	}
}

// bulkInsert times a bulk insert of the rows that an import writes of its users, and nothing else: COPY on PostgreSQL, and
// prepared statements in one transaction on SQLite.
func bulkInsert(t *testing.T, engine string, rows int) time.Duration {
	url := filepath.Join(t.TempDir(), "bulk.db")
	open := sqlite.Open
	if engine == "postgres" {
		url, open = storetest.PostgresURL(t), postgres.Open
	}
	db, err := open(t.Context(), url)
	if err == nil {
		err = db.Update(t.Context(), func(tx *store.Tx) error { return tx.CreatePool(store.Pool{ID: "p", Settings: []byte("{}")}) })
	}
	if err == nil {
		err = db.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	insert := insertSQLite
	if engine == "postgres" {
		insert = copyPostgres
	}
	begin := time.Now()
	if err := insert(t.Context(), url, rows); err != nil {
		t.Fatal(err)
	}
	return time.Since(begin)
}

var (
	userColumns   = []string{"id", "pool_id", "sub", "username", "username_key", "status", "enabled", "attributes", "extra", "created", "modified"}
	searchColumns = []string{"pool_id", "attr", "value", "sub", "user_id"}
)

func bulkSub(i int) string { return uuid.NewSHA1(uuid.Nil, []byte(username(i))).String() }

func bulkUser(i int) []any {
	attributes := fmt.Sprintf(`{"email":%q,"email_verified":"true","name":%q}`, importedEmail(i), importedName(i))
	return []any{int64(i + 1), "p", bulkSub(i), username(i), username(i), "RESET_REQUIRED", true, attributes, "", int64(1), int64(1)}
}

// bulkSearch is the entry of an e-mail address for even numbers, of a name for odd ones.
func bulkSearch(i int) []any {
	user := i / 2
	if i%2 == 0 {
		return []any{"p", "email", importedEmail(user), bulkSub(user), int64(user + 1)}
	}
	return []any{"p", "name", strings.ToLower(importedName(user)), bulkSub(user), int64(user + 1)}
}

func copyPostgres(ctx context.Context, url string, rows int) error {
	c, err := pgx.Connect(ctx, url)
	if err != nil {
		return err
	}
	defer c.Close(ctx)
	if _, err := c.Exec(ctx, `ALTER TABLE users ALTER COLUMN id SET GENERATED BY DEFAULT`); err != nil {
		return err
	}
	if _, err = c.CopyFrom(ctx, pgx.Identifier{"users"}, userColumns, pgx.CopyFromSlice(rows, func(i int) ([]any, error) { return bulkUser(i), nil })); err != nil {
		return err
	}
	_, err = c.CopyFrom(ctx, pgx.Identifier{"user_search"}, searchColumns, pgx.CopyFromSlice(2*rows, func(i int) ([]any, error) { return bulkSearch(i), nil }))
	return err
}

func insertSQLite(ctx context.Context, path string, rows int) error {
	db, err := sql.Open("sqlite", "file://"+path+"?_pragma=journal_mode(wal)&_pragma=synchronous(full)&_pragma=foreign_keys(1)")
	if err != nil {
		return err
	}
	defer db.Close()
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	if err := insertEach(tx, "users", userColumns, rows, bulkUser); err != nil {
		return err
	}
	if err := insertEach(tx, "user_search", searchColumns, 2*rows, bulkSearch); err != nil {
		return err
	}
	return tx.Commit()
}

func insertEach(tx *sql.Tx, table string, columns []string, rows int, row func(int) []any) error {
	var marks bytes.Buffer
	for i := range columns {
		fmt.Fprintf(&marks, ", $%d", i+1)
	}
	insert, err := tx.Prepare("INSERT INTO " + table + " (" + strings.Join(columns, ", ") + ") VALUES (" + marks.String()[2:] + ")")
	if err != nil {
		return err
	}
	for i := range rows {
		if _, err := insert.Exec(row(i)...); err != nil {
			return err
		}
	}
	return nil
}
