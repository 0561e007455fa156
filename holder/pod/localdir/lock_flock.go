//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package localdir

import (
	"os"
	"syscall"
)

// exclusive takes the lock, which the kernel releases with the process.
func exclusive(f *os.File) error {
	return syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
}

func syncDir(f *os.File) error { return f.Sync() }
