package userimport

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"testing"

	"cognate/api/idp"
	"cognate/internal/store"
)

// bulk is an import without a job, and its log.
func (o *office) bulk() (*Bulk, *bytes.Buffer) {
	log := &bytes.Buffer{}
	return &Bulk{DB: o.db, Users: o.imports.users, Pool: o.pool, Log: log}, log
}

func (o *office) csv(file string) Source {
	o.Helper()
	s, err := NewCSV(o.imports.users, o.pool, "", strings.NewReader(file))
	o.must(err)
	return s
}

func (o *office) count() (n int64) {
	o.Helper()
	o.must(o.db.View(o.Context(), func(tx *store.Tx) (err error) {
		n, err = tx.CountUsers(o.pool.ID)
		return err
	}))
	return n
}

// TestBulk imports a file without a job, as a job would: also the second time, and of a dry run nothing.
func TestBulk(t *testing.T) {
	onEngines(t, func(o *office) {
		file := o.file(600, "x,y", "user00007")
		b, log := o.bulk()
		b.DryRun = true
		counts, err := b.Run(t.Context(), o.csv(file))
		if err != nil || counts != (Counts{Imported: 600, Skipped: 1, Failed: 1}) || o.count() != 0 {
			t.Errorf("dry: %+v, %v; %d users", counts, err, o.count())
		}
		b.DryRun = false
		log.Reset()
		counts, err = b.Run(t.Context(), o.csv(file))
		if err != nil || counts != (Counts{Imported: 600, Skipped: 1, Failed: 1}) || o.count() != 600 {
			t.Errorf("%+v, %v; %d users", counts, err, o.count())
		}
		if !strings.HasPrefix(log.String(), "[FAILED] Line Number 2 - The line has 2 columns, and the header has 21.\n[SUCCEEDED] Line Number 3 - ") ||
			strings.Count(log.String(), "\n") != 602 {
			t.Errorf("the log is %.300s", log)
		}
		counts, err = b.Run(t.Context(), o.csv(file))
		if err != nil || counts != (Counts{Skipped: 601, Failed: 1}) {
			t.Errorf("again: %+v, %v", counts, err)
		}
	})
}

// failing is a source that fails after some entries.
type failing struct {
	Source
	left int
	then func() error
}

func (f *failing) Next() (Entry, error) {
	if f.left--; f.left < 0 {
		return Entry{}, f.then()
	}
	return f.Source.Next()
}

// TestBulkStops keeps and tells what it has read before the source fails, the log does, or whoever runs it has enough.
func TestBulkStops(t *testing.T) {
	o := newOffice(t)
	file := o.file(1000)
	b, _ := o.bulk()
	broken := errors.New("broken")
	counts, err := b.Run(t.Context(), &failing{o.csv(file), 300, func() error { return broken }})
	if err != broken || counts != (Counts{Imported: 300}) || o.count() != 300 {
		t.Errorf("a source that fails: %+v, %v", counts, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	b.Progress = func(c Counts) {
		if c.Users() >= 512 {
			cancel()
		}
	}
	counts, err = b.Run(ctx, o.csv(file))
	if !errors.Is(err, context.Canceled) || counts != (Counts{Imported: 212, Skipped: 300}) || o.count() != 512 {
		t.Errorf("interrupted: %+v, %v", counts, err)
	}
	b.Log = failingWriter{}
	if counts, err = b.Run(t.Context(), o.csv(file)); !errors.Is(err, io.ErrShortWrite) || o.count() != 512 {
		t.Errorf("a log that fails: %+v, %v", counts, err)
	}
}

type failingWriter struct{}

func (failingWriter) Write([]byte) (int, error) { return 0, io.ErrShortWrite }

// TestBulkWithoutPool says that the pool is gone.
func TestBulkWithoutPool(t *testing.T) {
	o := newOffice(t)
	b, _ := o.bulk()
	from := o.csv(o.file(3))
	o.must(o.db.Update(t.Context(), func(tx *store.Tx) error { return tx.DeletePool(o.pool.ID) }))
	if _, err := b.Run(t.Context(), from); err == nil || !strings.HasPrefix(err.Error(), "the pool, or one of its groups, has been deleted: ") {
		t.Error(err)
	}
}

// TestNewCSVRefuses says what is wrong with a file, or a pool, before anything is read.
func TestNewCSVRefuses(t *testing.T) {
	o := newOffice(t)
	for text, want := range map[string]string{
		"":                               `The header of the CSV file has a column that it must not have: "".`,
		"x\n":                            `The header of the CSV file has a column that it must not have: "x".`,
		strings.Repeat("x", 100_000):     `The header of the CSV file has a column that it must not have: "".`,
		"\xef\xbb\xbf" + o.file(0):       "The CSV file begins with a byte order mark.",
		strings.Split(o.file(0), ",")[0]: `The header of the CSV file lacks a column: "given_name".`,
	} {
		if _, err := NewCSV(o.imports.users, o.pool, "", strings.NewReader(text)); err == nil || err.Error() != want {
			t.Errorf("%.20q: got %v\nwant %s", text, err, want)
		}
	}
	p, err := o.pools.Create(t.Context(), "us-east-1", &idp.CreateUserPoolRequest{PoolName: "q"})
	o.must(err)
	_, err = NewCSV(o.imports.users, p, "", strings.NewReader(o.file(0)))
	o.wantFault(err, "PreconditionNotMetException", "The user pool must have at least one auto verified attribute to import users.")
}
