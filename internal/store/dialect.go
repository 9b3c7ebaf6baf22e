package store

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strconv"
	"strings"

	"github.com/pressly/goose/v3"
)

// Dialect is what differs between the engines' SQL, all of it.
type Dialect struct {
	// Goose is the engine's name for the migrations.
	Goose goose.Dialect
	// Collate follows the type of a text column that is compared or sorted, so
	// that both engines order by bytes.
	Collate string
	// Serial is the type of a primary key that the engine numbers by itself.
	Serial string
	// ByKey ends a CREATE TABLE whose rows are best kept inside the primary key.
	ByKey string
	// SkipLocked ends a SELECT that picks a row to take.
	SkipLocked string
	// Notify is a statement that sends its one argument to the other nodes when
	// the transaction commits; empty when there are none.
	Notify string
	// Replan is a statement that has the rest of a transaction plan each of its statements anew; empty when there is no need.
	Replan string
	// Unique and ForeignKey recognise the errors of those constraints.
	Unique, ForeignKey func(error) bool
}

//go:embed migrations/*.sql
var migrations embed.FS

// Migrate brings a database to the newest schema. Migrations are numbered and
// only ever added to; a database that is newer than the program is left alone, so
// that nodes can be upgraded one by one. When nothing is to be done it costs three
// small queries.
func Migrate(ctx context.Context, db *sql.DB, d Dialect, opts ...goose.ProviderOption) error {
	steps, err := d.steps()
	if err != nil {
		return fmt.Errorf("store: read migrations: %w", err)
	}
	opts = append(opts, goose.WithGoMigrations(steps...), goose.WithDisableGlobalRegistry(true))
	p, err := goose.NewProvider(d.Goose, db, nil, opts...)
	if err != nil {
		return fmt.Errorf("store: read migrations: %w", err)
	}
	if _, err := p.Up(ctx); err != nil {
		return fmt.Errorf("store: migrate: %w", err)
	}
	return nil
}

// steps turns the embedded files into migrations. They are Go migrations rather
// than SQL ones because goose would read the files before they are expanded.
func (d Dialect) steps() ([]*goose.Migration, error) {
	files, err := fs.Glob(migrations, "migrations/*.sql")
	if err != nil {
		return nil, err
	}
	var steps []*goose.Migration
	for _, f := range files {
		text, err := migrations.ReadFile(f)
		if err != nil {
			return nil, err
		}
		number, _, _ := strings.Cut(path.Base(f), "_")
		version, err := strconv.ParseInt(number, 10, 64)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", f, err)
		}
		steps = append(steps, goose.NewGoMigration(version, &goose.GoFunc{RunTx: d.step(string(text))}, nil))
	}
	return steps, nil
}

// step runs the statements of one file, each of which ends a line with ";".
func (d Dialect) step(text string) func(context.Context, *sql.Tx) error {
	text = strings.NewReplacer("{{C}}", d.Collate, "{{SERIAL}}", d.Serial, "{{BYKEY}}", d.ByKey).Replace(text)
	return func(ctx context.Context, tx *sql.Tx) error {
		for stmt := range strings.SplitSeq(text, ";\n") {
			if strings.TrimSpace(stmt) == "" {
				continue
			}
			if _, err := tx.ExecContext(ctx, stmt); err != nil {
				return errors.Join(err, errors.New(stmt))
			}
		}
		return nil
	}
}
