package client

import (
	"bytes"
	"context"
	"sync"
)

// Store keeps the state of one [Client]: a short text that holds tokens and other secrets. Its methods are called by one goroutine at a
// time.
type Store interface {
	// Load returns what was saved last, or nil where there is nothing.
	Load(ctx context.Context) ([]byte, error)
	// Save replaces what there was, as a whole or not at all; nil removes it.
	Save(ctx context.Context, state []byte) error
}

// Locker is a [Store] that several clients or programs share. Where the app client rotates its refresh tokens, a shared Store has to be
// one: two that renew the same session at once end it.
type Locker interface {
	// Lock waits until no other holds the lock, or ctx ends. The lock spans a Load, a request to the server, and a Save.
	Lock(ctx context.Context) (unlock func(), err error)
}

// MemoryStore is for one [Client], and forgets when the program ends. Its zero value is empty.
type MemoryStore struct {
	mu    sync.Mutex
	state []byte
}

// Load implements [Store].
func (m *MemoryStore) Load(context.Context) ([]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return bytes.Clone(m.state), nil
}

// Save implements [Store].
func (m *MemoryStore) Save(_ context.Context, state []byte) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.state = bytes.Clone(state)
	return nil
}
