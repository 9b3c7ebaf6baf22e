//go:build unix

package storetest

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// PostgresEnv names an environment variable: the postgres:// URL of a server on
// which the tests may create databases, instead of starting one.
const PostgresEnv = "COGNATE_TEST_POSTGRES"

// server is the PostgreSQL server of this process, started on first need.
var server struct {
	sync.Mutex
	url string
	dir string
	cmd *exec.Cmd
	end chan struct{} // closed when it has ended
}

var databases atomic.Int64

// Main runs a package's tests and then stops the PostgreSQL server they may have
// started. It is for TestMain: os.Exit(storetest.Main(m)).
func Main(m *testing.M) int {
	defer stopPostgres()
	return m.Run()
}

// PostgresURL returns the URL of a new, empty database, which is dropped when the
// test ends. It lives on a server of its own, started once per process and reached
// through a unix socket, that keeps nothing safe from a crash and does nothing by
// itself that could help a slow plan; or on the server
// that COGNATE_TEST_POSTGRES names. Without PostgreSQL the test fails: it is no
// less needed than the compiler. The package's TestMain has to call [Main].
func PostgresURL(t testing.TB) string {
	t.Helper()
	base, err := postgresServer()
	if err != nil {
		t.Fatalf("PostgreSQL is needed (Debian: apt-get install postgresql; or set %s): %v", PostgresEnv, err)
	}
	name := fmt.Sprintf("cognate_%d_%d", os.Getpid(), databases.Add(1))
	// A database that does not sort by bytes shows where a collation is missing.
	create := "CREATE DATABASE " + name + " TEMPLATE template0 ENCODING 'UTF8'"
	if err := postgresExec(base, create+" LOCALE_PROVIDER icu ICU_LOCALE 'en' LOCALE 'C'"); err != nil {
		if err := postgresExec(base, create); err != nil {
			t.Fatalf("create a database: %v", err)
		}
	}
	t.Cleanup(func() {
		if err := postgresExec(base, "DROP DATABASE "+name+" WITH (FORCE)"); err != nil {
			t.Errorf("drop the database: %v", err)
		}
	})
	u, err := url.Parse(base)
	if err != nil {
		t.Fatalf("%s: %v", PostgresEnv, err)
	}
	u.Path = "/" + name
	return u.String()
}

func postgresExec(url, statement string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return err
	}
	_, err = conn.Exec(ctx, statement)
	return errors.Join(err, conn.Close(ctx))
}

// postgresServer returns the URL of the server, starting it if need be.
func postgresServer() (string, error) {
	if u := os.Getenv(PostgresEnv); u != "" {
		return u, nil
	}
	server.Lock()
	defer server.Unlock()
	if server.url != "" {
		return server.url, nil
	}
	u, err := startPostgres()
	if err == nil {
		server.url = u
	}
	return u, err
}

// startPostgres makes a cluster in a temporary folder and starts its server.
func startPostgres() (string, error) {
	bin, err := postgresBinaries()
	if err != nil {
		return "", err
	}
	if server.dir, err = os.MkdirTemp(shortTemp(), "cognate-pg-"); err != nil {
		return "", err
	}
	attr, err := postgresUser(server.dir)
	if err != nil {
		return "", err
	}
	data := filepath.Join(server.dir, "data")
	initdb := exec.Command(filepath.Join(bin, "initdb"), "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync")
	initdb.SysProcAttr, initdb.Dir = attr, server.dir
	if out, err := initdb.CombinedOutput(); err != nil {
		return "", fmt.Errorf("initdb: %w\n%s", err, out)
	}
	server.cmd = exec.Command(filepath.Join(bin, "postgres"), "-D", data, "-k", server.dir, "-c", "listen_addresses=",
		"-c", "fsync=off", "-c", "full_page_writes=off", "-c", "synchronous_commit=off", "-c", "max_connections=300", "-c", "autovacuum=off")
	server.cmd.SysProcAttr, server.cmd.Dir = attr, server.dir
	var log strings.Builder
	server.cmd.Stderr = &log
	if err := startAndReap(server.cmd); err != nil {
		return "", err
	}
	u := "postgres://postgres@/postgres?host=" + url.QueryEscape(server.dir)
	if err := awaitPostgres(u); err != nil {
		stopServer()
		return "", fmt.Errorf("%w\n%s", err, log.String())
	}
	return u, nil
}

// startAndReap starts cmd from a thread that lives as long as cmd does: where the
// system ends a child with its parent, it means the parent's thread.
func startAndReap(cmd *exec.Cmd) error {
	server.end = make(chan struct{})
	started := make(chan error)
	go func() {
		runtime.LockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			_ = cmd.Wait() // it ends by our signal
		}
		close(server.end)
	}()
	return <-started
}

func awaitPostgres(url string) error {
	deadline := time.Now().Add(30 * time.Second)
	for {
		err := postgresExec(url, "SELECT 1")
		if err == nil || time.Now().After(deadline) {
			return err
		}
		select {
		case <-server.end:
			return errors.New("postgres ended at once")
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// stopPostgres stops the server, if one was started, and removes its folder.
func stopPostgres() {
	server.Lock()
	defer server.Unlock()
	stopServer()
	if server.dir != "" {
		_ = os.RemoveAll(server.dir)
	}
	server.url, server.dir = "", ""
}

func stopServer() {
	if server.cmd == nil || server.cmd.Process == nil {
		return
	}
	_ = server.cmd.Process.Signal(os.Interrupt) // a fast shutdown
	select {
	case <-server.end:
	case <-time.After(10 * time.Second):
		_ = server.cmd.Process.Kill()
		<-server.end
	}
	server.cmd = nil
}

// postgresBinaries finds the folder of initdb and postgres: on the PATH, or where
// Debian keeps them, the newest version first.
func postgresBinaries() (string, error) {
	if p, err := exec.LookPath("initdb"); err == nil {
		if p, err = filepath.EvalSymlinks(p); err == nil {
			return filepath.Dir(p), nil
		}
	}
	dirs, err := filepath.Glob("/usr/lib/postgresql/*/bin")
	if err != nil || len(dirs) == 0 {
		return "", errors.New("no initdb on the PATH or under /usr/lib/postgresql")
	}
	version := func(dir string) int {
		n, _ := strconv.Atoi(filepath.Base(filepath.Dir(dir)))
		return n
	}
	return slices.MaxFunc(dirs, func(a, b string) int { return version(a) - version(b) }), nil
}

// shortTemp is the folder for temporary files, unless its name is too long for
// the path of a unix socket.
func shortTemp() string {
	if dir := os.TempDir(); len(dir) < 60 {
		return dir
	}
	return "/tmp"
}

// postgresUser gives dir to the user postgres if this is root, as which the server
// refuses to run.
func postgresUser(dir string) (*sysProcAttr, error) {
	if os.Geteuid() != 0 {
		return childOf(nil), nil
	}
	u, err := user.Lookup("postgres")
	if err != nil {
		return nil, err
	}
	uid, err1 := strconv.ParseUint(u.Uid, 10, 32)
	gid, err2 := strconv.ParseUint(u.Gid, 10, 32)
	if err := errors.Join(err1, err2, os.Chown(dir, int(uid), int(gid))); err != nil {
		return nil, err
	}
	return childOf(&credential{Uid: uint32(uid), Gid: uint32(gid)}), nil
}
