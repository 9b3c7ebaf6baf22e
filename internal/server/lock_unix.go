//go:build unix

package server

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
)

// lock makes this process the only one that serves a SQLite file: what another one changes, its caches would
// not hear of. The lock ends with the process, however that ends.
func lock(database string) (*os.File, error) {
	f, err := os.OpenFile(database+".lock", os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		err = fmt.Errorf("another server uses %s: several servers need PostgreSQL", filepath.Base(database))
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}
