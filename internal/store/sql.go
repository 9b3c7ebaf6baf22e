package store

import (
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"
)

// fail notes an unexpected error, so that a closure that ignores it does not
// commit half of its work (PostgreSQL would refuse, SQLite would not).
func (t *Tx) fail(err error) error {
	if t.dialect.Unique(err) {
		err = fmt.Errorf("%w: %w", ErrExists, err)
	} else if t.dialect.ForeignKey(err) {
		err = fmt.Errorf("the row it belongs to: %w: %w", ErrNotFound, err)
	}
	if t.failed == nil {
		t.failed = err
	}
	return err
}

// ErrText says that a text is not UTF-8, or has a NUL: PostgreSQL holds no such text, and SQLite only until it is to be
// shown. No row has one, so that whatever is looked for by one is not there.
var ErrText = errors.New("a text is not UTF-8, or has a NUL")

// IsText reports whether the database can hold a text.
func IsText(s string) bool { return utf8.ValidString(s) && strings.IndexByte(s, 0) < 0 }

func areTexts(args []any) bool {
	for _, arg := range args {
		if s, ok := arg.(string); ok && !IsText(s) {
			return false
		}
	}
	return true
}

// exec runs a statement and returns how many rows it touched.
func (t *Tx) exec(query string, args ...any) (int64, error) {
	if !areTexts(args) {
		return 0, t.fail(ErrText)
	}
	if t.trace != nil {
		(*t.trace)(query, args)
	}
	res, err := t.q.Exec(query, args...)
	if err != nil {
		return 0, t.fail(err)
	}
	return res.RowsAffected()
}

// create runs an INSERT that does nothing on a conflict; what names the row.
func (t *Tx) create(what, query string, args ...any) error {
	return t.must(what, ErrExists, query, args...)
}

// touch runs an UPDATE or DELETE of one row that has to be there.
func (t *Tx) touch(what, query string, args ...any) error {
	return t.must(what, ErrNotFound, query, args...)
}

// must runs a statement that has to touch a row, and returns none if it does not.
func (t *Tx) must(what string, none error, query string, args ...any) error {
	n, err := t.exec(query, args...)
	if err != nil {
		return fmt.Errorf("store: %s: %w", what, err)
	}
	if n == 0 {
		return fmt.Errorf("store: %s: %w", what, none)
	}
	return nil
}

// put runs a statement whose number of touched rows does not matter.
func (t *Tx) put(what, query string, args ...any) error {
	if _, err := t.exec(query, args...); err != nil {
		return fmt.Errorf("store: %s: %w", what, err)
	}
	return nil
}

func (t *Tx) query(query string, args []any) (*sql.Rows, error) {
	if !areTexts(args) {
		return nil, t.fail(ErrText)
	}
	if t.trace != nil {
		(*t.trace)(query, args)
	}
	rows, err := t.q.Query(query, args...)
	if err != nil {
		return nil, t.fail(err)
	}
	return rows, nil
}

// get scans the first row of a query, or returns ErrNotFound.
func get(t *Tx, what string, scan func(*sql.Rows) error, query string, args ...any) error {
	if !areTexts(args) {
		return fmt.Errorf("store: %s: %w", what, ErrNotFound)
	}
	return first(t, what, ErrNotFound, scan, query, args...)
}

// first scans the first row of a query, or returns none if there is no row.
func first(t *Tx, what string, none error, scan func(*sql.Rows) error, query string, args ...any) error {
	rows, err := t.query(query, args)
	if err != nil {
		return fmt.Errorf("store: %s: %w", what, err)
	}
	found := rows.Next()
	if found {
		err = scan(rows)
	}
	if err := errors.Join(err, rows.Err(), rows.Close()); err != nil {
		return fmt.Errorf("store: %s: %w", what, t.fail(err))
	}
	if !found {
		return fmt.Errorf("store: %s: %w", what, none)
	}
	return nil
}

// list scans every row of a query into a T.
func list[T any](t *Tx, what string, scan func(*T, *sql.Rows) error, query string, args ...any) ([]T, error) {
	if !areTexts(args) {
		return nil, nil
	}
	rows, err := t.query(query, args)
	if err != nil {
		return nil, fmt.Errorf("store: list %s: %w", what, err)
	}
	var all []T
	for err == nil && rows.Next() {
		all = append(all, *new(T))
		err = scan(&all[len(all)-1], rows)
	}
	if err := errors.Join(err, rows.Err(), rows.Close()); err != nil {
		return nil, fmt.Errorf("store: list %s: %w", what, t.fail(err))
	}
	return all, nil
}

// count returns the single number a query yields.
func (t *Tx) count(what, query string, args ...any) (n int64, err error) {
	err = get(t, "count "+what, func(r *sql.Rows) error { return r.Scan(&n) }, query, args...)
	return n, err
}

// page keeps a limit from meaning "all" (SQLite, -1) or an error (PostgreSQL, -1).
func page(limit int) int { return max(limit, 0) }

// millis is how a time is kept.
func millis(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

// timeCol scans milliseconds into a time.
type timeCol time.Time

// Scan implements sql.Scanner.
func (c *timeCol) Scan(src any) error {
	ms, ok := src.(int64)
	switch {
	case !ok:
		return fmt.Errorf("a time column holds a %T", src)
	case ms == 0:
		*c = timeCol{}
	default:
		*c = timeCol(time.UnixMilli(ms).UTC())
	}
	return nil
}

// when gives the address of a time to Rows.Scan.
func when(t *time.Time) *timeCol { return (*timeCol)(t) }

// bytesCol scans text or bytes into a slice; empty becomes nil.
type bytesCol []byte

// Scan implements sql.Scanner.
func (c *bytesCol) Scan(src any) error {
	*c = nil
	switch v := src.(type) {
	case nil:
	case string:
		if v != "" {
			*c = bytesCol(v)
		}
	case []byte:
		// The driver may reuse v, so it is copied.
		*c = append(*c, v...)
	default:
		return fmt.Errorf("a byte column holds a %T", src)
	}
	return nil
}

// raw gives the address of a byte slice to Rows.Scan.
func raw(b *[]byte) *bytesCol { return (*bytesCol)(b) }

// scanString scans the only column of a row into s.
func scanString(s *string) func(*sql.Rows) error {
	return func(r *sql.Rows) error { return r.Scan(s) }
}
