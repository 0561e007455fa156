package embedded_test

import (
	"testing"

	"github.com/zegel-id/zegel/store"
	"github.com/zegel-id/zegel/store/embedded"
	"github.com/zegel-id/zegel/store/storetest"
)

// BenchmarkStore reports x-log-rate, the rate as a share of a bare log's on the
// same disk. Goal: 0.65 with one writer, 0.4 with 16.
func BenchmarkStore(b *testing.B) {
	storetest.Benchmark(b, b.TempDir(), func(b *testing.B) store.Store {
		s, err := embedded.Open(b.TempDir(), embedded.Options{})
		if err != nil {
			b.Fatal(err)
		}
		return s
	})
}
