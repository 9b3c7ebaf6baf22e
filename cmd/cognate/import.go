package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync/atomic"

	"golang.org/x/term"

	"cognate/internal/server"
	"cognate/internal/userexport"
	"cognate/internal/userimport"
)

type importCmd struct {
	administered
	sealing
	File         string `arg:"" type:"existingfile" help:"File that export has written, a CSV file in Cognito's format, or a JSON file of Firebase's auth:export or Keycloak's export of a realm."`
	Pool         string `required:"" placeholder:"ID" help:"User pool."`
	PasswordHash string `enum:",BCRYPT,SCRYPT,ARGON2ID,PBKDF2_SHA256" default:"" placeholder:"ALGORITHM" help:"Algorithm of the column password_hash of a CSV file: BCRYPT, SCRYPT, ARGON2ID or PBKDF2_SHA256."`
	FirebaseHash string `type:"existingfile" placeholder:"FILE" help:"File with the hash parameters that Firebase's console shows."`
	DryRun       bool   `help:"Check all, and import nothing."`
	Report       string `placeholder:"FILE" help:"File to tell in what came of each line; by default the first lines that failed are told on the standard error."`
	Force        bool   `help:"Replace the report if it is there."`
	Quiet        bool   `help:"Tell nothing but what goes wrong."`
}

// Run imports. Where it ends early, what is imported stays, and the same command goes on.
func (c *importCmd) Run(ctx context.Context) error {
	config, err := c.config()
	if err != nil {
		return err
	}
	f, err := os.Open(c.File)
	if err != nil {
		return err
	}
	defer f.Close()
	users, err := server.OpenUsers(ctx, config, c.Pool)
	if err != nil {
		return err
	}
	return errors.Join(c.with(ctx, users, f), users.Close())
}

func (c *importCmd) with(ctx context.Context, users *server.Users, f *os.File) error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	file := &metered{r: f, size: info.Size()}
	from, err := c.source(ctx, users, bufio.NewReaderSize(file, 1<<16))
	if err != nil {
		return interrupted(ctx, err)
	}
	log, err := c.openLog()
	if err != nil {
		return err
	}
	bar := newProgress(c.Quiet)
	counts, err := users.Import(ctx, from, log, c.DryRun, func(n userimport.Counts) { bar.show(n.Users(), file.part()) })
	bar.clear()
	err = errors.Join(err, log.Close())
	if !c.Quiet || err != nil {
		fmt.Fprintln(os.Stderr, c.summary(counts))
	}
	if err == nil && counts.Failed > 0 {
		return exit{errors.New("not all users are there"), exitRefused}
	}
	return interrupted(ctx, err)
}

func (c *importCmd) summary(n userimport.Counts) string {
	did := "imported"
	if c.DryRun {
		did = "would be imported"
	}
	text := fmt.Sprintf("%d users %s, %d skipped, %d failed", n.Imported, did, n.Skipped, n.Failed)
	if n.GroupsCreated+n.GroupsThere > 0 {
		text += fmt.Sprintf("; %d groups created, %d there already", n.GroupsCreated, n.GroupsThere)
	}
	return text
}

// source opens the file as what it looks like.
func (c *importCmd) source(ctx context.Context, users *server.Users, file *bufio.Reader) (userimport.Source, error) {
	begin, err := file.Peek(len(userexport.Magic))
	if err != nil && err != io.EOF {
		return nil, err
	}
	if bytes.HasPrefix(bytes.TrimSpace(begin), []byte("{")) {
		return c.json(users, file)
	}
	if !bytes.Equal(begin, []byte(userexport.Magic)) {
		return users.OpenCSV(file, c.PasswordHash)
	}
	if c.PasswordHash != "" {
		return nil, errors.New("--password-hash is for CSV files: an export tells of its hashes itself")
	}
	passphrase, err := c.open(ctx, newPrompter())
	if err != nil {
		return nil, err
	}
	r, err := users.OpenExport(file, passphrase)
	if err != nil {
		return nil, err
	}
	if r.PoolID() != c.Pool && !c.Quiet {
		fmt.Fprintf(os.Stderr, "The users are of pool %.80q. Unless its id ends alike, passwords have to be sent once, by USER_PASSWORD_AUTH or on the pages, before SRP works.\n", r.PoolID())
	}
	return r, nil
}

// json opens a file of another system.
func (c *importCmd) json(users *server.Users, file io.Reader) (userimport.Source, error) {
	var hash userimport.FirebaseHash
	if c.FirebaseHash != "" {
		var err error
		if hash, err = userimport.ReadFirebaseHash(c.FirebaseHash); err != nil {
			return nil, err
		}
	}
	return users.OpenJSON(file, hash)
}

// metered is a file that knows how much of it has been read.
type metered struct {
	r    io.Reader
	size int64
	read atomic.Int64
}

func (m *metered) Read(p []byte) (int, error) {
	n, err := m.r.Read(p)
	m.read.Add(int64(n))
	return n, err
}

func (m *metered) part() float64 { return float64(m.read.Load()) / float64(max(m.size, 1)) }

// openLog opens what is told of each line: a file, or the standard error, of which failures are all it is told.
func (c *importCmd) openLog() (io.WriteCloser, error) {
	if c.Report == "" {
		return &failures{w: os.Stderr}, nil
	}
	how := os.O_WRONLY | os.O_CREATE | os.O_EXCL
	if c.Force {
		how = os.O_WRONLY | os.O_CREATE | os.O_TRUNC
	}
	f, err := os.OpenFile(c.Report, how, 0o600)
	if errors.Is(err, os.ErrExist) {
		return nil, fmt.Errorf("%s is there already: --force replaces it", c.Report)
	}
	if err != nil {
		return nil, err
	}
	return &logFile{bufio.NewWriterSize(f, 1<<16), f}, nil
}

type logFile struct {
	*bufio.Writer
	f *os.File
}

func (l *logFile) Close() error { return errors.Join(l.Flush(), l.f.Close()) }

// failures passes on the first lines that tell of a failure.
type failures struct {
	w io.Writer
	n int
}

const shownFailures = 20

func (f *failures) Write(line []byte) (int, error) {
	if !strings.HasPrefix(string(line), "[FAILED]") {
		return len(line), nil
	}
	if f.n++; f.n > shownFailures {
		return len(line), nil
	}
	return f.w.Write(line)
}

func (f *failures) Close() error {
	if f.n > shownFailures {
		fmt.Fprintf(f.w, "and %d more: --report tells of all\n", f.n-shownFailures)
	}
	return nil
}

func isTerminal(f *os.File) bool { return term.IsTerminal(int(f.Fd())) }
