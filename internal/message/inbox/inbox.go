// Package inbox is a message.Sender for development: it keeps every message
// and shows it on a page and as JSON, so that no mail server is needed to read
// a code. It holds codes in clear, in memory, until the process ends; a
// production server never mounts it.
package inbox

import (
	"context"
	"crypto/rand"
	"sync"
	"time"

	"cognate/internal/message"
)

// What an inbox keeps at most; the oldest messages go first.
const (
	MaxMessages = 10_000
	MaxBytes    = 64 << 20 // of bodies, subjects and names together
)

// Inbox keeps messages, newest last. It is safe for concurrent use. Messages
// do not survive a restart: their codes are worth nothing for longer.
type Inbox struct {
	mu       sync.Mutex
	messages []message.Message
	bytes    int
}

// New makes an empty inbox.
func New() *Inbox { return &Inbox{} }

// Send keeps m, after the checks that every sender makes, and gives it an ID
// and a time when it has none.
func (b *Inbox) Send(ctx context.Context, m message.Message) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := m.Validate(); err != nil {
		return err
	}
	if m.ID == "" {
		m.ID = rand.Text()
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if m.Time.IsZero() {
		m.Time = time.Now()
	}
	b.messages = append(b.messages, m)
	b.bytes += size(m)
	b.trim()
	return nil
}

// trim lets the oldest go, but never the newest.
func (b *Inbox) trim() {
	for len(b.messages) > 1 && (len(b.messages) > MaxMessages || b.bytes > MaxBytes) {
		b.bytes -= size(b.messages[0])
		b.messages[0] = message.Message{} // lets its texts go while the array stays
		b.messages = b.messages[1:]
	}
}

func size(m message.Message) int {
	return len(m.Body) + len(m.Subject) + len(m.Username) + len(m.Destination) + len(m.Code)
}

// Messages is a copy of what is kept, newest last; with a destination that is
// not empty, only what went exactly there.
func (b *Inbox) Messages(destination string) []message.Message {
	b.mu.Lock()
	defer b.mu.Unlock()
	out := make([]message.Message, 0, len(b.messages))
	for _, m := range b.messages {
		if destination == "" || m.Destination == destination {
			out = append(out, m)
		}
	}
	return out
}

// Empty forgets every message.
func (b *Inbox) Empty() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.messages, b.bytes = nil, 0
}
