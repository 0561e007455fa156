//go:build !(darwin || dragonfly || freebsd || linux || netbsd || openbsd)

package localdir

import "os"

// exclusive takes no lock here: the operator must see to it that one process
// uses the directory.
func exclusive(*os.File) error { return nil }

// syncDir does nothing here: folders cannot be synced through os.File.
func syncDir(*os.File) error { return nil }
