//go:build unix

package audit

import (
	"errors"
	"os"
	"syscall"
)

// lock makes sure that one process writes the log.
func lock(f *os.File) error {
	err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return ErrLocked
	}
	return err
}
