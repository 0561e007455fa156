package storetest

import (
	"os"
	"syscall"
)

// syncData syncs what is needed to read the file's data back.
func syncData(f *os.File) error { return syscall.Fdatasync(int(f.Fd())) }
