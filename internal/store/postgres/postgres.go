// Package postgres opens a store in a PostgreSQL database that many nodes share.
//
// An Update is a serializable transaction that is run again when it collides with
// another. Changes that nodes announce travel over one LISTEN/NOTIFY channel.
package postgres

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"

	"cognate/internal/store"
)

// engine is a store.Engine on one PostgreSQL database.
type engine struct {
	pool   *pgxpool.Pool
	conns  int // the pool's size
	db     *sql.DB
	listen *listener
	grown  *analyzer

	mu     sync.RWMutex // held while a transaction runs, locked to close
	closed bool
}

// Open connects to the database that a postgres:// URL or a keyword/value string
// names and brings its schema up to date. The pool's size is 4 connections per
// processor, at least 16, unless the URL has pool_max_conns; one more connection
// listens. The simple protocol is refused, since values would travel inside the
// SQL text, and so is a pooler that shares a session between clients: LISTEN does
// not pass it.
func Open(ctx context.Context, url string) (*store.DB, error) {
	config, err := parse(url)
	if err != nil {
		return nil, err
	}
	e := &engine{conns: int(config.MaxConns)}
	if e.pool, err = pgxpool.NewWithConfig(ctx, config); err != nil {
		return nil, fmt.Errorf("postgres: %w", err)
	}
	e.db = stdlib.OpenDBFromPool(e.pool)
	if err := e.migrate(ctx); err != nil {
		return nil, errors.Join(err, e.shut())
	}
	db := store.New(e, dialect)
	if e.listen, err = startListener(ctx, config.ConnConfig, db.Publish); err != nil {
		return nil, errors.Join(err, e.shut())
	}
	e.grown = startAnalyzer(config.ConnConfig)
	return db, nil
}

// planning has the server run every statement by the index that was made for it. Left to itself it may choose
// to read a table that is small, and goes on doing so, on connections that have the plan, while the table
// grows, until the next ANALYZE. What has no index (a count of pools) still works; it would seem so costly
// that the server compiled it.
const planning = `
	SET enable_seqscan = off;
	SET enable_bitmapscan = off;
	SET enable_sort = off;
	SET enable_hashjoin = off;
	SET enable_mergejoin = off;
	SET jit = off`

func parse(url string) (*pgxpool.Config, error) {
	config, err := pgxpool.ParseConfig(url)
	if err != nil {
		// Its text masks the password.
		return nil, fmt.Errorf("postgres: %w", err)
	}
	switch config.ConnConfig.DefaultQueryExecMode {
	case pgx.QueryExecModeCacheStatement, pgx.QueryExecModeCacheDescribe:
	default:
		return nil, errors.New("postgres: default_query_exec_mode must be cache_statement or cache_describe")
	}
	config.AfterConnect = func(ctx context.Context, c *pgx.Conn) error { _, err := c.Exec(ctx, planning); return err }
	if !strings.Contains(url, "pool_max_conns") {
		config.MaxConns = int32(max(16, 4*runtime.GOMAXPROCS(0)))
	}
	return config, nil
}

// migrate lets one node at a time change the schema.
func (e *engine) migrate(ctx context.Context) error {
	locker, err := lock.NewPostgresSessionLocker(lock.WithLockTimeout(1, 300), lock.WithUnlockTimeout(1, 30))
	if err != nil {
		return fmt.Errorf("postgres: %w", err)
	}
	return store.Migrate(ctx, e.db, dialect, goose.WithSessionLocker(locker))
}

// Close implements store.Engine.
func (e *engine) Close() error {
	e.mu.Lock() // waits for the transactions under way
	closed := e.closed
	e.closed = true
	e.mu.Unlock()
	if closed {
		return nil
	}
	// Without the lock: a subscriber may be about to begin a transaction.
	e.listen.stop()
	e.grown.stop()
	return e.shut()
}

func (e *engine) shut() error {
	err := e.db.Close()
	e.pool.Close()
	return err
}

// View implements store.Engine.
func (e *engine) View(ctx context.Context, fn func(store.Querier) error) error {
	e.mu.RLock()
	defer e.mu.RUnlock()
	if e.closed {
		return store.ErrClosed
	}
	return e.transact(ctx, &sql.TxOptions{Isolation: sql.LevelRepeatableRead, ReadOnly: true}, fn)
}

// Look implements store.Engine.
func (e *engine) Look(ctx context.Context, fn func(store.Querier) error) error {
	e.mu.RLock()
	defer e.mu.RUnlock()
	if e.closed {
		return store.ErrClosed
	}
	return fn(looker{ctx, e})
}

// looker is a store.Querier outside of any transaction. It tries again on dead connections as begin does.
type looker struct {
	ctx context.Context
	e   *engine
}

// Exec implements store.Querier; Look never calls it.
func (l looker) Exec(string, ...any) (sql.Result, error) { return nil, errors.ErrUnsupported }

// Query implements store.Querier.
func (l looker) Query(query string, args ...any) (rows *sql.Rows, err error) {
	for range l.e.conns + 1 {
		rows, err = l.e.db.QueryContext(l.ctx, query, args...)
		if err == nil || !isCode(adminShutdown)(err) && !pgconn.SafeToRetry(err) {
			break
		}
	}
	return rows, err
}

// Update implements store.Engine.
func (e *engine) Update(ctx context.Context, fn func(store.Querier) error) error {
	e.mu.RLock()
	defer e.mu.RUnlock()
	if e.closed {
		return store.ErrClosed
	}
	for attempt := 1; ; attempt++ {
		err := e.transact(ctx, &sql.TxOptions{Isolation: sql.LevelSerializable}, fn)
		if err == nil || attempt == attempts || !collided(err) {
			return err
		}
		if err := pause(ctx, attempt); err != nil {
			return err
		}
	}
}

// transact runs fn in one transaction.
func (e *engine) transact(ctx context.Context, opts *sql.TxOptions, fn func(store.Querier) error) error {
	tx, err := e.begin(ctx, opts)
	if err != nil {
		return fmt.Errorf("postgres: begin: %w", err)
	}
	// After a commit it does nothing; otherwise the cause is already known.
	defer tx.Rollback()
	q := &counted{querier: querier{ctx, tx}}
	if err := fn(q); err != nil {
		return err
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("postgres: commit: %w", err)
	}
	e.grown.wrote(q.rows)
	return nil
}

// begin tries again on connections that turn out to be dead, as all of the pool's
// are after the server was restarted.
func (e *engine) begin(ctx context.Context, opts *sql.TxOptions) (tx *sql.Tx, err error) {
	for range e.conns + 1 {
		tx, err = e.db.BeginTx(ctx, opts)
		if err == nil || !isCode(adminShutdown)(err) && !pgconn.SafeToRetry(err) {
			break
		}
	}
	return tx, err
}

// querier is a store.Querier on a transaction.
type querier struct {
	ctx context.Context
	tx  *sql.Tx
}

// Exec implements store.Querier.
func (q querier) Exec(query string, args ...any) (sql.Result, error) {
	return q.tx.ExecContext(q.ctx, query, args...)
}

// Query implements store.Querier.
func (q querier) Query(query string, args ...any) (*sql.Rows, error) {
	return q.tx.QueryContext(q.ctx, query, args...)
}

// attempts is how often an Update is tried. With the pauses below it gives up
// after some ten seconds of nothing but collisions.
const attempts = 100

// pause waits before the next attempt: longer each time and never twice the same,
// so that those that collided do not meet again.
func pause(ctx context.Context, attempt int) error {
	longest := min(time.Duration(attempt)*2*time.Millisecond, 200*time.Millisecond)
	select {
	case <-time.After(rand.N(longest)):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Codes of PostgreSQL, appendix A of its manual.
const (
	serializationFailure = "40001"
	deadlockDetected     = "40P01"
	uniqueViolation      = "23505"
	foreignKeyViolation  = "23503"
	adminShutdown        = "57P01"
)

func collided(err error) bool {
	return isCode(serializationFailure)(err) || isCode(deadlockDetected)(err)
}

func isCode(code string) func(error) bool {
	return func(err error) bool {
		var e *pgconn.PgError
		return errors.As(err, &e) && e.Code == code
	}
}

var dialect = store.Dialect{
	Goose:      goose.DialectPostgres,
	Serial:     "BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY",
	Collate:    `COLLATE "C"`,
	SkipLocked: "FOR UPDATE SKIP LOCKED",
	Notify:     "SELECT pg_notify('" + channel + "', $1)",
	Replan:     "SET LOCAL plan_cache_mode = force_custom_plan",
	Unique:     isCode(uniqueViolation),
	ForeignKey: isCode(foreignKeyViolation),
}
