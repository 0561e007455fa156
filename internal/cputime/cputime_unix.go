//go:build unix

// Package cputime tells what processor time a process used: the measure, for
// benchmarks, of what a machine can serve.
package cputime

import (
	"syscall"
	"time"
)

// Used is what this process used so far; zero where that is not known.
func Used() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
