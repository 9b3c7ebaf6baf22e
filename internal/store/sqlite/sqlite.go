// Package sqlite opens a store in a SQLite file: write-ahead log, an fsync before
// a write is acknowledged, one writer and many readers.
//
// The one writer takes every Update that waits, runs each inside its own
// savepoint and commits them together, so that many clients share one fsync.
package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/pressly/goose/v3"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"cognate/internal/store"
)

// engine is a store.Engine on one SQLite database.
type engine struct {
	db      *sql.DB // the writer's, of one connection
	readers *readers
	writer  *writer
	// memory keeps readers and the writer apart in a database without a
	// write-ahead log, where they would otherwise wait by sleeping; nil in a file.
	memory *sync.RWMutex
	once   sync.Once
	closed error
}

// Open opens the database in the file path, which it makes (with mode 0600) if it
// is not there, and brings its schema up to date. ":memory:" is a database of its
// own that is gone when closed. Two processes may open one file, but writes of one
// wait for the other's.
func Open(ctx context.Context, path string) (*store.DB, error) {
	e := &engine{}
	name, err := fileName(path)
	if err == nil {
		if path == memoryPath {
			e.memory = new(sync.RWMutex)
		}
		err = e.open(ctx, name)
	}
	if err != nil {
		return nil, fmt.Errorf("sqlite: open %s: %w", path, err)
	}
	return store.New(e, dialect), nil
}

const memoryPath = ":memory:"

// memories numbers the in-memory databases, which are known by their name.
var memories atomic.Int64

// fileName makes the file if need be and returns its name as SQLite's URI.
func fileName(path string) (string, error) {
	if path == memoryPath {
		return fmt.Sprintf("file:/cognate-%d?vfs=memdb", memories.Add(1)), nil
	}
	abs, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	// SQLite would make it readable by everyone; its -wal and -shm take its mode.
	f, err := os.OpenFile(abs, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return "", err
	}
	if err := f.Close(); err != nil {
		return "", err
	}
	name := filepath.ToSlash(abs)
	if !strings.HasPrefix(name, "/") {
		name = "/" + name // C:/x is file:///C:/x
	}
	return "file://" + (&url.URL{Path: name}).EscapedPath() + "?", nil
}

// pragmas hold on every connection. The driver takes them in this form only and
// ignores the others silently.
//
// There is no mmap_size: a reader takes its whole mapping down after every commit,
// and the page faults that follow make a look-up three times slower than reading.
// A larger cache does not help either, since a commit empties that as well.
const pragmas = "&_pragma=busy_timeout(5000)" + // another process may be writing
	"&_pragma=journal_mode(wal)" +
	"&_pragma=synchronous(full)" + // an acknowledged write survives a power cut
	"&_pragma=foreign_keys(1)" +
	"&_pragma=cache_size(-2048)" + // KiB; the system's page cache holds the rest
	"&_pragma=wal_autocheckpoint(1000)" + // pages, 4 MB
	"&_pragma=journal_size_limit(67108864)" +
	"&_txlock=immediate"

func (e *engine) open(ctx context.Context, name string) error {
	var err error
	if e.db, err = sql.Open("sqlite", name+pragmas); err != nil {
		return err
	}
	e.db.SetMaxOpenConns(1)
	if err := store.Migrate(ctx, e.db, dialect); err != nil {
		return errors.Join(err, e.db.Close())
	}
	c, err := e.db.Conn(ctx)
	if err != nil {
		return errors.Join(err, e.db.Close())
	}
	e.readers, err = newReaders(name+pragmas+"&_pragma=query_only(1)", min(max(4, runtime.GOMAXPROCS(0)), 16))
	if err != nil {
		return errors.Join(err, e.db.Close())
	}
	e.writer = newWriter(newConn(c), e.memory)
	return nil
}

// View implements store.Engine.
func (e *engine) View(ctx context.Context, fn func(store.Querier) error) error {
	return e.read(ctx, func(c *conn) error {
		if err := c.do("BEGIN"); err != nil {
			return err
		}
		// There is nothing to commit, and a rollback cannot be refused.
		defer c.do("ROLLBACK")
		return fn(c)
	})
}

// Look implements store.Engine.
func (e *engine) Look(ctx context.Context, fn func(store.Querier) error) error {
	return e.read(ctx, func(c *conn) error { return fn(c) })
}

// read runs fn on a connection that cannot write.
func (e *engine) read(ctx context.Context, fn func(*conn) error) error {
	c, err := e.readers.take(ctx)
	if err != nil {
		return err
	}
	defer e.readers.give(c)
	if e.memory != nil {
		e.memory.RLock()
		defer e.memory.RUnlock()
	}
	return fn(c)
}

// Update implements store.Engine.
func (e *engine) Update(ctx context.Context, fn func(store.Querier) error) error {
	return e.writer.update(ctx, fn)
}

// Close implements store.Engine.
func (e *engine) Close() error {
	e.once.Do(func() {
		e.writer.close()
		e.closed = errors.Join(e.readers.close(), e.writer.conn.close(), e.db.Close())
	})
	return e.closed
}

var dialect = store.Dialect{
	Goose:      goose.DialectSQLite3,
	Serial:     "INTEGER PRIMARY KEY",
	ByKey:      "WITHOUT ROWID",
	Unique:     isCode(sqlite3.SQLITE_CONSTRAINT_UNIQUE, sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY),
	ForeignKey: isCode(sqlite3.SQLITE_CONSTRAINT_FOREIGNKEY),
}

func isCode(codes ...int) func(error) bool {
	return func(err error) bool {
		var e *sqlite.Error
		if !errors.As(err, &e) {
			return false
		}
		for _, c := range codes {
			if e.Code() == c {
				return true
			}
		}
		return false
	}
}
