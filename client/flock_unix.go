//go:build unix

package client

import (
	"errors"
	"os"
	"syscall"
)

// flock takes the lock of a file unless another open file has it. It ends when the file is closed.
func flock(f *os.File) (taken bool, err error) {
	err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return false, nil
	}
	return err == nil, err
}
