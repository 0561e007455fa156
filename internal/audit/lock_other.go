//go:build !unix

package audit

import "os"

// lock does nothing where there is no flock: there the operator must see to
// it that one process writes the log.
func lock(*os.File) error { return nil }
