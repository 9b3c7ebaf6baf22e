// Package cache keeps in memory what nodes read of the store again and again, until a change is announced.
package cache

import (
	"maps"
	"sync"
	"time"
)

const (
	// maxAge bounds how long a node can be wrong that missed another's change.
	maxAge = 30 * time.Second
	// maxEntries bounds the memory of a cache: a pool takes some 20 KB.
	maxEntries = 10000
)

// Cache keeps what was read by id, some thousands of it for half a minute at most. It is safe for concurrent use.
//
// A read that began before an invalidation must not be kept after it, so every
// invalidation begins a new generation, and Put takes the generation in which
// its read began.
type Cache[T any] struct {
	mu         sync.RWMutex
	generation uint64
	entries    map[string]entry[T]
}

type entry[T any] struct {
	value *T
	read  time.Time
}

// New makes an empty cache.
func New[T any]() *Cache[T] { return &Cache[T]{entries: map[string]entry[T]{}} }

// Get returns the entry of id unless it is too old, and the present generation.
func (c *Cache[T]) Get(id string) (*T, uint64) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	e, ok := c.entries[id]
	if !ok || time.Since(e.read) >= maxAge {
		return nil, c.generation
	}
	return e.value, c.generation
}

// Put keeps v, which was read at the time of read, in that generation.
func (c *Cache[T]) Put(id string, v *T, generation uint64, read time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if generation != c.generation {
		return
	}
	if _, ok := c.entries[id]; !ok && len(c.entries) >= maxEntries {
		for victim := range c.entries { // the order of a map is as good as random
			delete(c.entries, victim)
			break
		}
	}
	c.entries[id] = entry[T]{v, read}
}

// Drop forgets the entries that match and what is being read just now.
func (c *Cache[T]) Drop(match func(id string, v *T) bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.generation++
	maps.DeleteFunc(c.entries, func(id string, e entry[T]) bool { return match(id, e.value) })
}

// Expire makes the entries that match too old, and has what is being read just now not kept.
func (c *Cache[T]) Expire(match func(id string, v *T) bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.generation++
	for id, e := range c.entries {
		if match(id, e.value) {
			c.entries[id] = entry[T]{value: e.value}
		}
	}
}

// Old returns the entry of id, however old it is.
func (c *Cache[T]) Old(id string) *T {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.entries[id].value
}
