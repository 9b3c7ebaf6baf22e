package saml

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"
)

// How often metadata are read again.
const (
	metadataAge  = 6 * time.Hour
	metadataWait = time.Minute // whatever came of the last try
)

// source holds the metadata of a provider, and reads them again where they have an address.
type source struct {
	kind Kind
	url  string // empty for metadata that stay as they are
	last atomic.Pointer[reading]

	mu    sync.Mutex // held while they are read
	tried time.Time
}

// reading is metadata and when they were read; a zero time says that nobody knows.
type reading struct {
	*metadata
	at time.Time
}

func newSource(k Kind, url string, m *metadata) *source {
	s := &source{kind: k, url: url}
	s.last.Store(&reading{metadata: m})
	return s
}

// current returns metadata that are at most six hours old, or the last that could be read. While one caller reads them
// again the others go on with the old ones.
func (s *source) current(ctx context.Context) *metadata {
	last := s.last.Load()
	if s.url == "" || time.Since(last.at) < metadataAge || !s.mu.TryLock() {
		return last.metadata
	}
	defer s.mu.Unlock()
	return s.again(ctx)
}

// renewed returns the metadata that have followed old, which may be read now or by another caller; old itself where none
// have.
func (s *source) renewed(ctx context.Context, old *metadata) *metadata {
	if s.url == "" {
		return old
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if m := s.last.Load().metadata; m != old {
		return m
	}
	return s.again(ctx)
}

// again reads the metadata, unless that was tried a moment ago, and returns those that count from now on. The caller holds
// the lock. A browser that goes away does not end the reading, which others wait for.
func (s *source) again(ctx context.Context) *metadata {
	if time.Since(s.tried) < metadataWait {
		return s.last.Load().metadata
	}
	s.tried = time.Now()
	m, err := s.kind.read(context.WithoutCancel(ctx), s.url)
	if err != nil {
		slog.WarnContext(ctx, "the metadata of a SAML provider could not be read again", "url", s.url, "error", cmp.Or(errors.Unwrap(err), err))
		return s.last.Load().metadata
	}
	s.last.Store(&reading{m, time.Now()})
	return m
}
