package audit

import (
	"bytes"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// rawLog is the limit: bytes appended to a file, one sync for all who wait.
type rawLog struct {
	mu, commit sync.Mutex
	f          *os.File
	buf        []byte
	b          *batch
}

func (r *rawLog) append(p []byte) error {
	r.mu.Lock()
	r.buf = append(r.buf, p...)
	b := r.b
	if b != nil {
		r.mu.Unlock()
		<-b.done
		return b.err
	}
	b = &batch{done: make(chan struct{})}
	r.b = b
	r.mu.Unlock()
	r.commit.Lock()
	defer r.commit.Unlock()
	r.mu.Lock()
	buf := r.buf
	r.buf, r.b = nil, nil
	r.mu.Unlock()
	if _, b.err = r.f.Write(buf); b.err == nil {
		b.err = datasync(r.f)
	}
	close(b.done)
	return b.err
}

// writers runs n appends on w goroutines.
func writers(b *testing.B, w, n int, do func() error) time.Duration {
	b.Helper()
	var left atomic.Int64
	left.Store(int64(n))
	begin := time.Now()
	var wg sync.WaitGroup
	for range w {
		wg.Go(func() {
			for left.Add(-1) >= 0 {
				if err := do(); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	return time.Since(begin)
}

func BenchmarkAppend(b *testing.B) {
	for _, w := range []int{1, 16} {
		b.Run(map[int]string{1: "writers=1", 16: "writers=16"}[w], func(b *testing.B) {
			dir := b.TempDir()
			f, err := os.OpenFile(filepath.Join(dir, "raw"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
			if err != nil {
				b.Fatal(err)
			}
			defer f.Close()
			raw := &rawLog{f: f}
			line := bytes.Repeat([]byte("x"), 520) // as long as an entry
			l, err := Open(filepath.Join(dir, "log"), Options{Signer: testKey})
			if err != nil {
				b.Fatal(err)
			}
			defer l.Close()
			e := share(b, "0b8ad6d2-3c1b-4d0e-9a0f-7c4f3b0c2f11")
			var ours, theirs time.Duration
			for n := b.N; n > 0; n -= 1000 { // in turns, so that both meet the same disk
				part := min(n, 1000)
				theirs += writers(b, w, part, func() error { return raw.append(line) })
				ours += writers(b, w, part, func() error { return l.Append(b.Context(), e) })
			}
			b.ReportMetric(float64(ours.Nanoseconds())/float64(b.N), "ns/append")
			b.ReportMetric(float64(theirs)/float64(ours), "of-raw")
			b.ReportMetric(0, "ns/op")
		})
	}
}
