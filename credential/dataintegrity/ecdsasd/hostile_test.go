package ecdsasd

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/zegel-id/zegel/internal/cputime"
)

const hostileSize = 64 << 10 // of document and proof value together

// filled is a document of about so many bytes, made of pieces.
func filled(size int, head string, piece func(i int) string, tail string) []byte {
	var b strings.Builder
	b.WriteString(head)
	for i := 0; b.Len() < size-len(tail); i++ {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(piece(i))
	}
	b.WriteString(tail)
	return []byte(b.String())
}

const hostileHead = `{"@context":["https://www.w3.org/ns/credentials/v2","https://e.example/context/v1"],`

// hostiles are credentials of 64 KB, proof value included, that nobody signed.
func hostiles() map[string]struct {
	document []byte
	value    derivedValue
} {
	type hostile = struct {
		document []byte
		value    derivedValue
	}
	labels := func(n int) (all [][]byte) {
		for i := range n {
			digest := make([]byte, labelSize)
			digest[0], digest[1] = byte(i), byte(i>>8)
			all = append(all, digest)
		}
		return all
	}
	value := func(signatures, nodes int) derivedValue {
		v := derivedValue{baseSignature: make([]byte, signatureSize), publicKey: make([]byte, publicKeySize), labels: labels(nodes)}
		for range signatures {
			v.signatures = append(v.signatures, make([]byte, signatureSize))
		}
		return v
	}
	alike := filled(hostileSize-2000, hostileHead+`"knows":[`, func(int) string { return `{"knows":{"knows":{}}}` }, `]}`)
	clique := filled(hostileSize-2000, hostileHead+`"knows":[`, func(i int) string {
		return fmt.Sprintf(`{"id":"_:b%d","knows":[{"id":"_:b%d"},{"id":"_:b%d"}]}`, i, (i*7+1)%40, (i*11+3)%40)
	}, `]}`)
	return map[string]hostile{
		"look-alikes": {alike, value(8, 8)},
		"clique":      {clique, value(8, 8)},
		"wide":        {filled(hostileSize-2000, hostileHead+`"score":[`, func(i int) string { return fmt.Sprint(i) }, `]}`), value(8, 1)},
		"nothing":     {filled(hostileSize-2000, hostileHead+`"score":[`, func(int) string { return "null" }, `]}`), value(8, 1)},
		"types":       {filled(hostileSize-2000, hostileHead+`"type":[`, func(i int) string { return fmt.Sprintf(`"u:%d"`, i) }, `]}`), value(8, 1)},
		"labels":      {[]byte(hostileHead + `"givenName":"A"}`), value(0, 1000)},
		"signatures":  {filled(7000, hostileHead+`"score":[`, func(i int) string { return fmt.Sprint(i) }, `]}`), value(600, 1)},
	}
}

// TestHostile: what nobody signed is refused, whatever it is made of.
func TestHostile(t *testing.T) {
	_, in := diploma(t)
	for name, h := range hostiles() {
		in.Document = h.document
		if err := Derived(published).Verify(in, encoded(&h.value), newKey(t).Public()); err == nil {
			t.Errorf("%s: not refused", name)
		}
	}
}

// BenchmarkHostile says how many times the processor time of a benign credential of its size
// each hostile one takes to be refused.
func BenchmarkHostile(b *testing.B) {
	_, in := diploma(b)
	in.Context = []byte(`["https://www.w3.org/ns/credentials/v2","https://e.example/context/v1"]`)
	key := newKey(b)
	s, err := NewSigner(published, Options{Key: key})
	if err != nil {
		b.Fatal(err)
	}
	benign := in
	benign.Document = filled(hostileSize*2/5, hostileHead+`"score":[`, func(i int) string { return fmt.Sprintf(`"a score of %060d"`, i) }, `]}`)
	base, err := s.Sign(benign)
	if err != nil {
		b.Fatal(err)
	}
	reveal, value, err := derive(published, benign.Document, base, []string{""})
	if err != nil {
		b.Fatal(err)
	}
	benign.Document = reveal
	measure := func(n int, do func()) time.Duration {
		runtime.GC()
		start := cputime.Used()
		for range n {
			do()
		}
		return (cputime.Used() - start) / time.Duration(n)
	}
	for name, h := range hostiles() {
		hostile, text := in, encoded(&h.value)
		hostile.Document = h.document
		b.Run(name, func(b *testing.B) {
			var theirs, ours time.Duration
			for b.Loop() {
				theirs += measure(5, func() { _ = Derived(published).Verify(hostile, text, key.Public()) })
				ours += measure(1, func() {
					if err := Derived(published).Verify(benign, value, key.Public()); err != nil {
						b.Fatal(err)
					}
				})
			}
			b.ReportMetric(float64(theirs)/float64(ours), "times")
			b.ReportMetric(float64(len(benign.Document)+len(value)), "benign-bytes")
			b.ReportMetric(float64(len(hostile.Document)+len(text)), "hostile-bytes")
		})
	}
}
