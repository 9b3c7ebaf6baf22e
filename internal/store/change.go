package store

import (
	"fmt"
	"strings"
)

// Change says that a row which nodes keep in memory has changed. Kind and ID are
// the caller's own names for it; a Change with an empty Kind says that anything
// may have changed and every cache is to be emptied.
type Change struct {
	Kind, ID string
}

// Subscribe has fn called after the commit of every Update that called
// [Tx.Notify]: once per Notify, on the goroutine of the Update before it returns,
// and on PostgreSQL also for the Updates of every node, this one included (so a
// change may arrive twice), and with a zero Change after the connection to the
// other nodes was lost and is back. fn must be quick and safe for concurrent use.
// A subscription lasts as long as the DB.
func (d *DB) Subscribe(fn func(Change)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.subs = append(d.subs, fn)
}

// Publish tells the subscribers of a change that another node made. Only engines
// call it.
func (d *DB) Publish(c Change) {
	d.mu.RLock()
	subs := d.subs
	d.mu.RUnlock()
	for _, fn := range subs {
		fn(c)
	}
}

// Notify announces a change of the row id of some kind (a word without "/") to
// the subscribers, if and when the Update commits.
func (t *Tx) Notify(kind, id string) {
	t.changes = append(t.changes, Change{Kind: kind, ID: id})
}

// sendChanges hands the changes to the engine, to be sent on commit.
func (t *Tx) sendChanges() error {
	if t.dialect.Notify == "" {
		return nil
	}
	for _, c := range t.changes {
		if err := t.put("notify", t.dialect.Notify, c.String()); err != nil {
			return err
		}
	}
	return nil
}

// String is the form in which a change travels between nodes, kind/id.
func (c Change) String() string { return fmt.Sprintf("%s/%s", c.Kind, c.ID) }

// ParseChange reads what [Change.String] wrote. Anything else is the zero Change,
// which empties caches: the safe reading of a newer node's words.
func ParseChange(s string) Change {
	kind, id, ok := strings.Cut(s, "/")
	if !ok {
		return Change{}
	}
	return Change{Kind: kind, ID: id}
}
