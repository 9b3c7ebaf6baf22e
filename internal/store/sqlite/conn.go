package sqlite

import (
	"context"
	"database/sql"
	"errors"

	"cognate/internal/store"
)

// conn is a connection that prepares each statement once. The texts are constants
// of package store, so there are only so many of them.
//
// Statements run without a context: the driver would start a goroutine for each,
// which costs more than the statement.
type conn struct {
	sql   *sql.Conn
	stmts map[string]*sql.Stmt
}

func newConn(c *sql.Conn) *conn {
	return &conn{sql: c, stmts: make(map[string]*sql.Stmt)}
}

func (c *conn) prepare(query string) (*sql.Stmt, error) {
	if s, ok := c.stmts[query]; ok {
		return s, nil
	}
	s, err := c.sql.PrepareContext(context.Background(), query)
	if err == nil {
		c.stmts[query] = s
	}
	return s, err
}

// Exec implements store.Querier.
func (c *conn) Exec(query string, args ...any) (sql.Result, error) {
	s, err := c.prepare(query)
	if err != nil {
		return nil, err
	}
	return s.Exec(args...)
}

// Query implements store.Querier.
func (c *conn) Query(query string, args ...any) (*sql.Rows, error) {
	s, err := c.prepare(query)
	if err != nil {
		return nil, err
	}
	return s.Query(args...)
}

// do runs a statement that has neither arguments nor results.
func (c *conn) do(query string) error {
	_, err := c.Exec(query)
	return err
}

func (c *conn) close() error {
	var errs []error
	for _, s := range c.stmts {
		errs = append(errs, s.Close())
	}
	return errors.Join(append(errs, c.sql.Close())...)
}

// readers is a pool of connections that cannot write, opened when first needed.
type readers struct {
	db   *sql.DB
	idle chan *conn // nil stands for one that is not open yet

	done chan struct{}
}

func newReaders(dsn string, n int) (*readers, error) {
	db, err := sql.Open("sqlite", dsn)
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(n)
	r := &readers{db: db, idle: make(chan *conn, n), done: make(chan struct{})}
	for range n {
		r.idle <- nil
	}
	return r, nil
}

// take waits for a connection that is free. The caller gives it back.
func (r *readers) take(ctx context.Context) (*conn, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	select {
	case <-r.done:
		return nil, store.ErrClosed
	default:
	}
	select {
	case <-r.done:
		return nil, store.ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	case c := <-r.idle:
		if c != nil {
			return c, nil
		}
		return r.connect(ctx)
	}
}

func (r *readers) connect(ctx context.Context) (*conn, error) {
	c, err := r.db.Conn(ctx)
	if err != nil {
		r.idle <- nil
		return nil, err
	}
	return newConn(c), nil
}

func (r *readers) give(c *conn) { r.idle <- c }

// close waits for every connection to come back.
func (r *readers) close() error {
	close(r.done)
	var errs []error
	for range cap(r.idle) {
		if c := <-r.idle; c != nil {
			errs = append(errs, c.close())
		}
	}
	return errors.Join(append(errs, r.db.Close())...)
}
