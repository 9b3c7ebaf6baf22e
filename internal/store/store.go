// Package store holds every row Cognate keeps and every SQL statement that
// touches one. It runs on two engines, SQLite and PostgreSQL, with one SQL text;
// packages sqlite and postgres open a database and return a [DB].
//
// The rows are plain structs and the verbs are Create, Get, List, Update, Delete
// and Take, all methods of [Tx], which exists only inside the closure given to
// [DB.View] or [DB.Update]. Every look-up goes through an index and every list is
// paged by key, so no verb slows down as the database grows.
//
// Conventions that hold for all rows:
//
//   - Times are kept in milliseconds since the epoch; what is finer is cut off.
//     They are returned in UTC, and the zero time is kept and returned as such.
//   - Byte slices that are empty are returned as nil, whatever was stored.
//   - Strings are stored as given. Text that PostgreSQL cannot hold (a NUL, invalid
//     UTF-8) is an error there and accepted by SQLite: refuse it at the API's edge.
//   - A list with a limit of zero or less is empty.
package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"runtime/debug"
	"strings"
	"sync"
	"sync/atomic"
)

// Errors of the verbs; compare with errors.Is, since they come wrapped in what
// was looked for.
var (
	// ErrNotFound says that the row is not there, or that a row which the new
	// one belongs to (its pool, its user) is not.
	ErrNotFound = errors.New("not found")
	// ErrExists says that another row already has the new row's unique value.
	ErrExists = errors.New("already exists")
	// ErrClosed is returned by transactions begun after [DB.Close].
	ErrClosed = errors.New("store: closed")
)

// Querier runs statements inside one transaction. The context is the engine's
// affair. *sql.Rows must be closed before the next statement.
type Querier interface {
	Exec(query string, args ...any) (sql.Result, error)
	Query(query string, args ...any) (*sql.Rows, error)
}

// Engine runs transactions on one database. Its methods are safe for concurrent
// use. A closure's error is returned as it is, after the transaction is undone.
type Engine interface {
	// View runs fn in a read-only transaction that sees one snapshot.
	View(ctx context.Context, fn func(Querier) error) error
	// Look runs fn, which makes one query, without a transaction around it.
	Look(ctx context.Context, fn func(Querier) error) error
	// Update runs fn in a read-write transaction as if no other ran meanwhile,
	// and returns nil only when its writes are durable. It may run fn again.
	Update(ctx context.Context, fn func(Querier) error) error
	// Close waits for transactions under way and frees everything.
	Close() error
}

// DB is an open database, safe for concurrent use.
type DB struct {
	engine  Engine
	dialect Dialect
	trace   atomic.Pointer[func(query string, args []any)]

	mu   sync.RWMutex
	subs []func(Change)
}

// New returns a DB on an engine whose database has been migrated (see [Migrate]).
// Only the engine packages call it.
func New(e Engine, d Dialect) *DB {
	return &DB{engine: e, dialect: d}
}

// View runs fn in a read-only transaction that sees one consistent snapshot. A
// write inside fn fails. An error of fn is returned as it is; a panic in fn is
// returned as an error. Transactions do not nest.
func (d *DB) View(ctx context.Context, fn func(*Tx) error) error {
	return d.engine.View(ctx, func(q Querier) error {
		return d.tx(q).run(fn)
	})
}

// Look is View for an fn that makes exactly one look-up: a statement alone is its own snapshot and needs no
// transaction around it, which saves two round trips. A second statement, or one that writes, fails.
func (d *DB) Look(ctx context.Context, fn func(*Tx) error) error {
	return d.engine.Look(ctx, func(q Querier) error {
		return d.tx(&single{q: q}).run(fn)
	})
}

// errSingle says that an fn of Look did more than it may.
var errSingle = errors.New("store: Look is for one SELECT")

// single is a Querier for one SELECT.
type single struct {
	q    Querier
	used bool
}

func (s *single) Exec(string, ...any) (sql.Result, error) { return nil, errSingle }

func (s *single) Query(query string, args ...any) (*sql.Rows, error) {
	if s.used || !strings.HasPrefix(strings.TrimSpace(query), "SELECT") {
		return nil, errSingle
	}
	s.used = true
	return s.q.Query(query, args...)
}

// Update runs fn in a read-write transaction and returns nil once its writes
// would survive a crash. Updates appear to run one after the other. When fn
// returns an error or panics, nothing it wrote remains and the error is returned.
//
// fn may run twice, so it only reads and writes rows: it sets its results afresh
// on every run and never calls a mailer, a trigger, the network or a slow hash.
// Transactions do not nest. A ctx that ends while the Update still waits for its
// turn cancels it; on SQLite an Update that has begun completes.
func (d *DB) Update(ctx context.Context, fn func(*Tx) error) error {
	var changes []Change
	err := d.engine.Update(ctx, func(q Querier) error {
		t := d.tx(q)
		err := t.run(fn)
		changes = t.changes
		if err != nil {
			return err
		}
		return t.sendChanges()
	})
	if err != nil {
		return err
	}
	for _, c := range changes {
		d.Publish(c)
	}
	return nil
}

// Close lets the transactions under way finish, refuses new ones and frees the
// database. Calling it again does nothing.
func (d *DB) Close() error {
	return d.engine.Close()
}

// Trace has fn called before every statement of every later transaction, with
// the statement's text and arguments; nil ends it. Arguments hold secrets: it is
// for tests and for measuring, never for a log.
func (d *DB) Trace(fn func(query string, args []any)) {
	if fn == nil {
		d.trace.Store(nil)
		return
	}
	d.trace.Store(&fn)
}

// Tx is a transaction, alive only inside the closure it is given to, and used by
// one goroutine at a time.
//
// After an unexpected error (one that is neither ErrNotFound nor
// ErrExists) the transaction cannot commit, even if the closure returns nil.
type Tx struct {
	q       Querier
	dialect *Dialect
	trace   *func(query string, args []any)
	changes []Change
	failed  error
}

// Raw gives the bare transaction to the conformance suite and to repair tools.
// Everything else uses the verbs.
func (t *Tx) Raw() Querier { return t.q }

func (d *DB) tx(q Querier) *Tx {
	return &Tx{q: q, dialect: &d.dialect, trace: d.trace.Load()}
}

// run turns a panic of fn into an error: fn may be running on the goroutine that
// writes for everybody.
func (t *Tx) run(fn func(*Tx) error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("store: panic in a transaction: %v\n%s", r, debug.Stack())
		}
	}()
	if err := fn(t); err != nil {
		return err
	}
	return t.failed
}
