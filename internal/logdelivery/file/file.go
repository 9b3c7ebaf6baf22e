// Package file is a logdelivery.Sink that appends documents to a file, one a line. The file is rotated by its size; one that something
// else has moved away, as logrotate does, is begun anew.
package file

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"sync"

	"cognate/internal/logdelivery"
)

// Config says where documents are kept.
type Config struct {
	// Path is the file's. Its folder must be there; one process may write to it.
	Path string
	// MaxBytes is the size above which the file is rotated, 100 MB when zero: no file is longer, unless one batch is.
	MaxBytes int64
	// Keep is how many rotated files are kept, as path.1, the newest, to path.<keep>; 5 when zero.
	Keep int
}

const (
	usualSize = 100 << 20
	usualKeep = 5
	maxKeep   = 1000
)

// Sink appends to a file. It is safe for concurrent use.
type Sink struct {
	config Config

	mu   sync.Mutex
	file *os.File // nil before the first batch, and after an error
}

// New makes a sink, and the file when it is not there, so that one that cannot be written is known at once.
func New(c Config) (*Sink, error) {
	switch {
	case c.Path == "":
		return nil, errors.New("the path is missing")
	case c.MaxBytes < 0 || c.Keep < 0 || c.Keep > maxKeep:
		return nil, fmt.Errorf("max_bytes is negative, or keep is not from 0 to %d", maxKeep)
	}
	if c.MaxBytes == 0 {
		c.MaxBytes = usualSize
	}
	if c.Keep == 0 {
		c.Keep = usualKeep
	}
	c.Path = filepath.Clean(c.Path)
	s := &Sink{config: c}
	_, err := s.open()
	return s, err
}

// Deliver implements logdelivery.Sink. A batch is in the file whole, or not at all.
func (s *Sink) Deliver(ctx context.Context, b logdelivery.Batch) ([]logdelivery.Entry, error) {
	if left, err := logdelivery.Ended(ctx, b); err != nil {
		return left, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.write(b.Lines()); err != nil {
		s.close()
		return b.Entries, fmt.Errorf("file: %w", err)
	}
	return nil, nil
}

func (s *Sink) write(lines []byte) error {
	size, err := s.open()
	if err != nil {
		return err
	}
	if size > 0 && size+int64(len(lines)) > s.config.MaxBytes {
		if err := s.rotate(); err != nil {
			return err
		}
		if size, err = s.open(); err != nil {
			return err
		}
	}
	if _, err = s.file.Write(lines); err != nil {
		return errors.Join(err, s.file.Truncate(size)) // half a line would spoil the next one
	}
	return nil
}

// open opens the file that has the path now, and tells its size.
func (s *Sink) open() (size int64, err error) {
	if s.file != nil {
		own, err := s.file.Stat()
		there, gone := os.Stat(s.config.Path)
		if err == nil && gone == nil && os.SameFile(own, there) {
			return own.Size(), nil
		}
		s.close()
	}
	if s.file, err = os.OpenFile(s.config.Path, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600); err != nil {
		return 0, err
	}
	info, err := s.file.Stat()
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

// rotate moves each file one further, and the last one away.
func (s *Sink) rotate() error {
	s.close()
	for i := s.config.Keep; i > 0; i-- {
		if err := os.Rename(s.numbered(i-1), s.numbered(i)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

func (s *Sink) numbered(i int) string {
	if i == 0 {
		return s.config.Path
	}
	return s.config.Path + "." + strconv.Itoa(i)
}

func (s *Sink) close() {
	if s.file != nil {
		s.file.Close()
		s.file = nil
	}
}

// Close has what was written reach the disk, and closes the file.
func (s *Sink) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.file == nil {
		return nil
	}
	err := s.file.Sync()
	s.close()
	return err
}
