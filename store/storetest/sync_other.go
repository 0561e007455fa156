//go:build !linux

package storetest

import "os"

// syncData syncs the whole file, where there is no cheaper way.
func syncData(f *os.File) error { return f.Sync() }
