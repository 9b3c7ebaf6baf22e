package userexport

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"cognate/internal/pool"
	"cognate/internal/store"
	"cognate/internal/user"
)

// pageSize is how many users are read at a time.
const pageSize = 128

// Counts are how many users and groups have been exported.
type Counts struct {
	Users, Groups int64
	// Total is how many users the pool had when the export began.
	Total int64
	// MoreDevices is how many devices are left out, of users with more than a hundred.
	MoreDevices int64
}

// Exporter writes the users of a pool.
type Exporter struct {
	DB    *store.DB
	Users *user.Directory
	Pool  *pool.Pool
	// Progress is told after each page of users; nil for nobody.
	Progress func(Counts)
}

// Write writes all users to w, in clear: see [Seal]. It reads page by page, in the order of the subs, each page at one moment: a
// user is as it was then, with all that belongs to it. Who is created meanwhile may be missing, and who is deleted may be there.
func (e *Exporter) Write(ctx context.Context, w io.Writer) (Counts, error) {
	out := &writer{Exporter: e, w: bufio.NewWriterSize(w, 1<<16), groups: map[string]bool{}}
	err := errors.Join(out.all(ctx), out.w.Flush())
	return out.counts, err
}

// writer is an export under way.
type writer struct {
	*Exporter
	w      *bufio.Writer
	groups map[string]bool // that are written
	counts Counts
}

func (w *writer) all(ctx context.Context) error {
	if err := w.begin(ctx); err != nil {
		return err
	}
	for after := ""; ; {
		if err := ctx.Err(); err != nil {
			return err
		}
		page, err := w.Users.Records(ctx, w.Pool, after, pageSize)
		if err != nil {
			return err
		}
		if len(page.Users) == 0 {
			return w.line(line{End: &end{w.counts.Users, w.counts.Groups}})
		}
		if err := w.page(ctx, page); err != nil {
			return err
		}
		after = page.Last
	}
}

// begin writes the header and the groups.
func (w *writer) begin(ctx context.Context) error {
	err := w.DB.View(ctx, func(tx *store.Tx) (err error) {
		w.counts.Total, err = tx.CountUsers(w.Pool.ID)
		return err
	})
	if err != nil {
		return err
	}
	err = w.line(line{Header: &header{
		Format: format, Version: version, Created: time.Now().UTC().Truncate(time.Second), PoolID: w.Pool.ID,
		KeyMark: w.Users.KeyMark(), Users: w.counts.Total, Schema: schemaOf(w.Pool),
	}})
	for after := ""; err == nil; {
		var groups []store.Group
		err = w.DB.View(ctx, func(tx *store.Tx) (err error) {
			groups, err = tx.ListGroups(w.Pool.ID, after, pageSize)
			return err
		})
		if err != nil || len(groups) == 0 {
			return err
		}
		for _, g := range groups {
			err = errors.Join(err, w.group(g))
		}
		after = groups[len(groups)-1].Name
	}
	return err
}

func (w *writer) group(g store.Group) error {
	w.groups[g.Name] = true
	w.counts.Groups++
	return w.line(line{Group: groupOf(g)})
}

// page writes some users, after the groups of theirs that are new.
func (w *writer) page(ctx context.Context, page user.Records) error {
	for i := range page.Users {
		if err := w.newGroups(ctx, &page.Users[i]); err != nil {
			return err
		}
		if err := w.line(line{User: &page.Users[i]}); err != nil {
			return err
		}
		w.counts.Users++
	}
	w.counts.MoreDevices += page.MoreDevices
	if w.Progress != nil {
		w.Progress(w.counts)
	}
	return nil
}

// newGroups writes the groups of a user that have been made since the export began. One that is gone again has no members.
func (w *writer) newGroups(ctx context.Context, u *user.Record) error {
	var left []string
	for _, name := range u.Groups {
		if !w.groups[name] {
			var g store.Group
			err := w.DB.Look(ctx, func(tx *store.Tx) (err error) {
				g, err = tx.GetGroup(w.Pool.ID, name)
				return err
			})
			if errors.Is(err, store.ErrNotFound) {
				continue
			}
			if err := errors.Join(err, w.group(g)); err != nil {
				return err
			}
		}
		left = append(left, name)
	}
	u.Groups = left
	return nil
}

// line writes one line. Another program than this would not read one that is too long.
func (w *writer) line(l line) error {
	text, err := json.Marshal(l)
	if err != nil {
		return err
	}
	if len(text) > maxLine {
		return fmt.Errorf("userexport: a line has %d bytes", len(text))
	}
	w.w.Write(text)
	return w.w.WriteByte('\n') // an error stays until then
}

// isOwn reports whether an attribute is one that the pool has been given.
func isOwn(name string) bool {
	return strings.HasPrefix(name, "custom:") || strings.HasPrefix(name, "dev:custom:")
}
