package storetest

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/zegel-id/zegel/store"
)

// Benchmark measures Create and Replace with 1 and 16 writers, records of
// 1.2 KB, and reports how the rate compares to that of a bare group-commit log
// in logDir that writes as many bytes, in the same run: both take turns, a
// slice of the work each, so that a busy machine slows both.
func Benchmark(b *testing.B, logDir string, open func(*testing.B) store.Store) {
	for _, writers := range []int{1, 16} {
		for _, op := range []string{"create", "replace"} {
			b.Run(fmt.Sprintf("%s/writers=%d", op, writers), func(b *testing.B) {
				s := open(b)
				defer s.Close()
				log, err := openRawLog(logDir)
				if err != nil {
					b.Fatal(err)
				}
				defer log.close()
				run := bench{B: b, s: s, writers: writers, last: make([]store.Record, writers)}
				run.compare(log, op)
			})
		}
	}
}

type bench struct {
	*testing.B
	s       store.Store
	writers int
	next    atomic.Uint64
	last    []store.Record // by writer, for replace
}

// compare does b.N operations on the store and as many on the log.
func (b *bench) compare(log *rawLog, op string) {
	frame := make([]byte, recordSize)
	ctx := context.Background()
	var work func(writer int) error
	switch op {
	case "create":
		work = func(int) error {
			_, err := b.s.Create(ctx, benchRecord(b.next.Add(1)))
			return err
		}
	case "replace":
		for i := range b.last {
			var err error
			if b.last[i], err = b.s.Create(ctx, benchRecord(b.next.Add(1))); err != nil {
				b.Fatal(err)
			}
		}
		work = func(writer int) (err error) {
			b.last[writer], err = b.s.Replace(ctx, b.last[writer], b.last[writer])
			return err
		}
	default:
		b.Fatalf("no operation %q", op)
	}

	slice := 64 * b.writers
	var ofStore, ofLog time.Duration
	b.ResetTimer()
	for left := b.N; left > 0; left -= slice {
		n := min(left, slice)
		b.StopTimer()
		ofLog += b.share(n, func(int) error { return log.append(frame) })
		b.StartTimer()
		ofStore += b.share(n, work)
	}
	b.StopTimer()
	b.ReportMetric(ofLog.Seconds()/ofStore.Seconds(), "x-log-rate")
	b.ReportMetric(float64(b.N)/ofStore.Seconds(), "ops/s")
	b.ReportMetric(float64(b.N)/ofLog.Seconds(), "log-ops/s")
}

// share has the writers do n operations and returns how long that took.
func (b *bench) share(n int, f func(writer int) error) time.Duration {
	var left atomic.Int64
	left.Store(int64(n))
	var writers sync.WaitGroup
	start := time.Now()
	for i := range b.writers {
		writers.Go(func() {
			for left.Add(-1) >= 0 {
				if err := f(i); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	writers.Wait()
	return time.Since(start)
}

// recordSize is that of a benchRecord with its keys.
const recordSize = 1200 + 100

func benchRecord(n uint64) store.Record {
	return store.Record{
		Kind:   "bench",
		ID:     fmt.Sprintf("%020d", n),
		Tags:   []string{fmt.Sprintf("tag-%d", n%100)},
		Expiry: time.Now().Add(time.Hour),
		Data:   make([]byte, 1200),
	}
}
