// Package inbox is a message.Sender for development: it keeps every message
// and shows it on a page and as JSON, so that no mail server is needed to read
// a code. It holds codes in clear, in memory, until the process ends; a
// production server never mounts it.
package inbox

import (
	"context"
	"sync"

	"cognate/internal/message"
)

// What an inbox keeps at most; the oldest messages go first.
const (
	MaxMessages = 10_000
	MaxBytes    = 64 << 20 // of bodies, subjects and names together
)

// Inbox keeps messages, newest last, with what has become of them. It is safe
// for concurrent use. Messages do not survive a restart: their codes are worth
// nothing for longer.
type Inbox struct {
	mu    sync.Mutex
	items []kept
	bytes int
}

// kept is a message and what has become of it.
type kept struct {
	message.Message
	status status
	err    string // why it was not sent
}

type status string

const (
	sent    status = "sent"
	failed  status = "failed"
	pending status = "pending"
)

// New makes an empty inbox.
func New() *Inbox { return &Inbox{} }

// Send keeps m, and gives it an ID and a time when it has none. What does not
// pass the checks that every sender makes is kept, too, as failed.
func (b *Inbox) Send(ctx context.Context, m message.Message) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	k := kept{Message: m.Identified(), status: sent}
	err := m.Validate()
	if err != nil {
		k.status, k.err = failed, err.Error()
	}
	b.keep(k)
	return err
}

// Report keeps a message that another sender has, with what has become of it
// so far. It is a [message.Reporter].
func (b *Inbox) Report(_ context.Context, r message.Report) {
	k := kept{Message: r.Message, status: failed}
	switch {
	case r.Pending:
		k.status = pending
	case r.Err == nil:
		k.status = sent
	default:
		k.err = r.Err.Error()
	}
	if r.Pending || !b.settle(k) {
		b.keep(k)
	}
}

// settle tells the news of a message that is there.
func (b *Inbox) settle(k kept) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	for i := len(b.items) - 1; i >= 0; i-- {
		if old := &b.items[i]; old.status == pending && old.ID == k.ID {
			old.status, old.err = k.status, k.err
			b.bytes += len(k.err)
			return true
		}
	}
	return false
}

func (b *Inbox) keep(k kept) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.items = append(b.items, k)
	b.bytes += size(k)
	b.trim()
}

// trim lets the oldest go, but never the newest.
func (b *Inbox) trim() {
	for len(b.items) > 1 && (len(b.items) > MaxMessages || b.bytes > MaxBytes) {
		b.bytes -= size(b.items[0])
		b.items[0] = kept{} // lets its texts go while the array stays
		b.items = b.items[1:]
	}
}

func size(k kept) int {
	return len(k.Body) + len(k.Subject) + len(k.Username) + len(k.Destination) + len(k.Code) + len(k.err)
}

// Messages is a copy of what is kept and has not failed, newest last; with a
// destination that is not empty, only what went exactly there.
func (b *Inbox) Messages(destination string) []message.Message {
	out := []message.Message{}
	for _, k := range b.all(destination) {
		if k.status != failed {
			out = append(out, k.Message)
		}
	}
	return out
}

// all is Messages with those that have failed.
func (b *Inbox) all(destination string) []kept {
	b.mu.Lock()
	defer b.mu.Unlock()
	out := make([]kept, 0, len(b.items))
	for _, k := range b.items {
		if destination == "" || k.Destination == destination {
			out = append(out, k)
		}
	}
	return out
}

// Empty forgets every message.
func (b *Inbox) Empty() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.items, b.bytes = nil, 0
}
