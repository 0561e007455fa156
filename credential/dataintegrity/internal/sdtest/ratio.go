package sdtest

import (
	"runtime"
	"testing"
	"time"

	"github.com/zegel-id/zegel/internal/cputime"
)

// Measure is the processor time that something takes, of n times. Each pays for its own
// garbage.
func Measure(n int, do func()) time.Duration {
	runtime.GC()
	start := cputime.Used()
	for range n {
		do()
	}
	return (cputime.Used() - start) / time.Duration(n)
}

// Ratio reports how many times the processor time of bare is used by ours, in rounds by
// turns, so that a busy machine slows both.
func Ratio(b *testing.B, each int, ours, bare func()) {
	var mine, theirs time.Duration
	rounds := 0
	for b.Loop() {
		mine += Measure(each, ours)
		theirs += Measure(each, bare)
		rounds++
	}
	b.ReportMetric(float64(mine.Nanoseconds())/1e3/float64(rounds), "us-ours")
	b.ReportMetric(float64(theirs.Nanoseconds())/1e3/float64(rounds), "us-bare")
	b.ReportMetric(float64(mine)/float64(theirs), "times")
}
