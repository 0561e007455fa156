//go:build !unix

package cputime

import "time"

// Used is what this process used so far; zero where that is not known.
func Used() time.Duration { return 0 }
