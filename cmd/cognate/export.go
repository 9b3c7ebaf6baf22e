package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"cognate/internal/server"
	"cognate/internal/userexport"
)

type exportCmd struct {
	administered
	sealing
	Pool  string `required:"" placeholder:"ID" help:"User pool."`
	Out   string `default:"-" placeholder:"FILE" help:"File to write; by default the standard output."`
	Force bool   `help:"Replace the file if it is there."`
	Quiet bool   `help:"Tell nothing but what goes wrong."`
}

// Run exports. A file that is not whole is removed.
func (c *exportCmd) Run(ctx context.Context) error {
	if c.Out == "-" && isTerminal(os.Stdout) {
		return errors.New("the standard output is a terminal: name a file by --out")
	}
	if err := c.free(); err != nil {
		return err
	}
	config, err := c.config()
	if err != nil {
		return err
	}
	users, err := server.OpenUsers(ctx, config, c.Pool)
	if err != nil {
		return err
	}
	return errors.Join(c.export(ctx, users), users.Close())
}

func (c *exportCmd) export(ctx context.Context, users *server.Users) error {
	passphrase, err := c.choose(ctx, newPrompter())
	if err != nil {
		return interrupted(ctx, err)
	}
	bar := newProgress(c.Quiet)
	var counts userexport.Counts
	err = c.write(func(w io.Writer) (err error) {
		counts, err = users.Export(ctx, w, passphrase, func(n userexport.Counts) {
			bar.show(n.Users, float64(n.Users)/float64(max(n.Total, 1)))
		})
		return err
	})
	bar.clear()
	if err != nil {
		return interrupted(ctx, err)
	}
	c.tell("exported %d users and %d groups", counts.Users, counts.Groups)
	if counts.MoreDevices > 0 {
		c.tell("%d devices are left out: those beyond the hundred that a user used last", counts.MoreDevices)
	}
	return nil
}

func (c *exportCmd) tell(format string, args ...any) {
	if !c.Quiet {
		fmt.Fprintf(os.Stderr, format+"\n", args...)
	}
}

// free refuses a file that is not to be replaced.
func (c *exportCmd) free() error {
	if c.Out == "-" {
		return nil
	}
	info, err := os.Lstat(c.Out)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case !info.Mode().IsRegular():
		return fmt.Errorf("%s is no file", c.Out)
	case !c.Force:
		return fmt.Errorf("%s is there already: --force replaces it", c.Out)
	}
	return nil
}

// write has fn write the file, which gets its name once it is whole. Only its owner may read it.
func (c *exportCmd) write(fn func(io.Writer) error) error {
	if c.Out == "-" {
		return fn(os.Stdout)
	}
	f, err := os.CreateTemp(filepath.Dir(c.Out), "."+filepath.Base(c.Out)+".*") // mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	if err := errors.Join(fn(f), f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := c.free(); err != nil { // somebody may have made it meanwhile
		return err
	}
	return os.Rename(f.Name(), c.Out)
}

// exit is an error with the status that the command ends with.
type exit struct {
	error
	code int
}

// ExitCode implements kong's interface.
func (e exit) ExitCode() int { return e.code }

// Unwrap returns the error.
func (e exit) Unwrap() error { return e.error }

// The statuses of the commands, beside 1 for what went wrong.
const (
	exitRefused     = 3   // some users were not imported
	exitInterrupted = 130 // as of a program that Ctrl-C ends
)

// interrupted is an error with the status of a command that a signal has ended, if one has.
func interrupted(ctx context.Context, err error) error {
	if err != nil && ctx.Err() != nil {
		return exit{errors.New("interrupted"), exitInterrupted}
	}
	return err
}
