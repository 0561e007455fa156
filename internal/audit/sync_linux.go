package audit

import (
	"os"
	"syscall"
)

// datasync makes what was written durable, with the file's length but without
// its times.
func datasync(f *os.File) error {
	for {
		if err := syscall.Fdatasync(int(f.Fd())); err != syscall.EINTR {
			return err
		}
	}
}
