package userimport

import (
	"context"
	"errors"
	"fmt"
	"io"

	"cognate/internal/pool"
	"cognate/internal/store"
	"cognate/internal/user"
)

// Entry is what a file has in one place: a user, or why it has none there; or a group.
type Entry struct {
	Line    int64  // from 1
	Sub     string // of a user who has one already; for the log
	Recruit user.Recruit
	Err     error
	Group   *store.Group
}

// Source reads a file that users are imported from.
type Source interface {
	// Next returns the next entry, and io.EOF at the end. After any other error nothing more can be read.
	Next() (Entry, error)
}

// Counts are how many users and groups an import is done with.
type Counts struct {
	Imported, Skipped, Failed  int64
	GroupsCreated, GroupsThere int64
}

// Users is how many users that are.
func (c Counts) Users() int64 { return c.Imported + c.Skipped + c.Failed }

// Bulk imports users into a pool at once, without a job.
type Bulk struct {
	DB    *store.DB
	Users *user.Directory
	Pool  *pool.Pool
	// DryRun has everything checked, within 256 users at a time, and nothing kept.
	DryRun bool
	// Log gets a line for each user, in the words of the logs of jobs.
	Log io.Writer
	// Progress is told after each step; nil for nobody.
	Progress func(Counts)
}

// Run imports what a source has, 256 users in a transaction, and returns how far it came. It stops between two transactions
// when ctx ends, and when the source fails after what it has read before. Users whom the pool has are skipped, so that whoever
// begins anew goes on.
func (b *Bulk) Run(ctx context.Context, from Source) (c Counts, err error) {
	for {
		if err := ctx.Err(); err != nil {
			return c, err
		}
		entries, end := take(from)
		if err := b.step(ctx, entries, &c); err != nil {
			return c, err
		}
		if b.Progress != nil {
			b.Progress(c)
		}
		if end == io.EOF {
			return c, nil
		}
		if end != nil {
			return c, end
		}
	}
}

// take reads the entries of a step.
func take(from Source) (entries []Entry, err error) {
	for len(entries) < stepLines {
		e, err := from.Next()
		if err != nil {
			return entries, err
		}
		entries = append(entries, e)
	}
	return entries, nil
}

// errUndone undoes a transaction of a dry run.
var errUndone = errors.New("userimport: nothing is kept")

// step imports some entries, and tells of them.
func (b *Bulk) step(ctx context.Context, entries []Entry, c *Counts) error {
	if len(entries) == 0 {
		return nil
	}
	ctx = context.WithoutCancel(ctx) // what is cut off in the middle may have been committed or not
	for try := 1; ; try++ {
		var results []error
		next := *c
		err := b.DB.Update(ctx, func(tx *store.Tx) (err error) {
			next = *c
			if results, err = b.commit(tx, entries, &next, try); err == nil && b.DryRun {
				err = errUndone
			}
			return err
		})
		switch {
		case err == nil || err == errUndone:
			*c = next
			return b.tell(entries, results, c)
		case errors.Is(err, store.ErrNotFound):
			return fmt.Errorf("the pool, or one of its groups, has been deleted: %w", err)
		case !errors.Is(err, store.ErrExists) || try == stepTries:
			return err
		}
	}
}

// commit writes the groups and the users of some entries. What collides at the first try goes one by one at the next.
func (b *Bulk) commit(tx *store.Tx, entries []Entry, c *Counts, try int) ([]error, error) {
	var recruits []user.Recruit
	for _, e := range entries {
		switch {
		case e.Group != nil:
			if err := b.group(tx, *e.Group, c); err != nil {
				return nil, err
			}
		case e.Err == nil:
			recruits = append(recruits, e.Recruit)
		}
	}
	if try == 1 {
		return b.Users.Enlist(tx, b.Pool, recruits)
	}
	return b.Users.EnlistEach(tx, b.Pool, recruits)
}

// group creates a group, unless the pool has one of that name.
func (b *Bulk) group(tx *store.Tx, g store.Group, c *Counts) error {
	err := tx.CreateGroup(g)
	if errors.Is(err, store.ErrExists) {
		c.GroupsThere++
		return nil
	}
	c.GroupsCreated++
	return err
}

// tell counts what came of the users of a step, and logs it.
func (b *Bulk) tell(entries []Entry, results []error, c *Counts) error {
	for _, e := range entries {
		if e.Group != nil {
			continue
		}
		if e.Err == nil {
			e.Err, results = results[0], results[1:]
		}
		if _, err := io.WriteString(b.Log, c.count(e)); err != nil {
			return fmt.Errorf("the report: %w", err)
		}
	}
	return nil
}

// count adds an entry to the counts, and words it for the log.
func (c *Counts) count(e Entry) string {
	switch {
	case e.Err == nil:
		c.Imported++
		return logLine(succeeded, e.Line, "The import succeeded")
	case errors.Is(e.Err, user.ErrMember):
		c.Skipped++
		return logLine(skipped, e.Line, "The user already exists")
	}
	c.Failed++
	text := message(e.Err)
	if e.Sub != "" {
		text += " (sub " + e.Sub + ")"
	}
	return logLine(failed, e.Line, text)
}
