package status

import (
	"bytes"
	"compress/flate"
	"math/rand/v2"
	"testing"
)

// Whatever is in a list, it is compressed at most a tenth worse than by the
// highest level, which would take far too long.
func TestCompressedSize(t *testing.T) {
	source := rand.New(rand.NewPCG(1, 2))
	random := func(share float64) []byte {
		b := make([]byte, 64<<10)
		for i := range len(b) * 4 {
			if source.Float64() < share {
				b[i/4] |= 1 << (2 * (i % 4))
			}
		}
		return b
	}
	run := make([]byte, 64<<10)
	for i := range run[:20000] {
		run[i] = 0xaa
	}
	for name, data := range map[string][]byte{
		"nothing set": random(0), "one in 10,000": random(0.0001), "one in 10": random(0.1), "one in 3": random(0.33), "a third suspended at once": run,
	} {
		var best bytes.Buffer
		w, err := flate.NewWriter(&best, flate.BestCompression)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(data); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		for kind, f := range map[string]struct {
			pack   func([]byte) ([]byte, error)
			unpack func([]byte) ([]byte, error)
		}{"zlib": {zlibPack, zlibUnpack}, "gzip": {gzipPack, gzipUnpack}} {
			packed, err := f.pack(data)
			if err != nil {
				t.Fatal(err)
			}
			if len(packed) > best.Len()*11/10+200 {
				t.Errorf("%s, %s: %d bytes, the highest level has %d", name, kind, len(packed), best.Len())
			}
			if again, err := f.pack(data); err != nil || !bytes.Equal(again, packed) {
				t.Errorf("%s, %s: compressed again it is another, %v", name, kind, err)
			}
			if again, err := f.unpack(packed); err != nil || !bytes.Equal(again, data) {
				t.Errorf("%s, %s: %v", name, kind, err)
			}
		}
	}
}
