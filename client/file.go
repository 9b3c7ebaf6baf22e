package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"time"
)

// FileStore keeps the state in a file that the user alone can read, and that programs may share. Folders that are missing are made. A
// file that others can read is refused, for they may have.
type FileStore struct {
	Path string
}

// Load implements [Store].
func (s *FileStore) Load(context.Context) ([]byte, error) {
	f, err := os.Open(s.Path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("client: %s is not a file", s.Path)
	}
	if mode := info.Mode().Perm(); runtime.GOOS != "windows" && mode&0o077 != 0 {
		return nil, fmt.Errorf("client: others can get at %s, which has mode %04o: sign in anew once it is removed", s.Path, mode)
	}
	return io.ReadAll(io.LimitReader(f, maxAnswer))
}

// Save implements [Store]: it writes a new file in the place of the old one.
func (s *FileStore) Save(_ context.Context, state []byte) error {
	if state == nil {
		return s.remove()
	}
	if err := s.makeFolder(); err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(s.Path), filepath.Base(s.Path)+".*") // has mode 0600
	if err != nil {
		return err
	}
	_, err = f.Write(state)
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), s.Path)
	}
	if err != nil {
		os.Remove(f.Name())
	}
	return err
}

func (s *FileStore) remove() error {
	if err := os.Remove(s.Path); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

func (s *FileStore) makeFolder() error { return os.MkdirAll(filepath.Dir(s.Path), 0o700) }

// lockPause is between two looks whether a lock is free.
const lockPause = 20 * time.Millisecond

// Lock implements [Locker], by a lock on a file beside that of the state. On systems without flock it locks nothing: keep to one program
// for each file there.
func (s *FileStore) Lock(ctx context.Context) (unlock func(), err error) {
	if err := s.makeFolder(); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(s.Path+".lock", os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	for {
		taken, err := flock(f)
		if err != nil {
			f.Close()
			return nil, err
		}
		if taken {
			return func() { f.Close() }, nil
		}
		select {
		case <-ctx.Done():
			f.Close()
			return nil, context.Cause(ctx)
		case <-time.After(lockPause):
		}
	}
}
