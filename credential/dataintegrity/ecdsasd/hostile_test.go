package ecdsasd

import (
	"strings"
	"testing"
	"time"

	"github.com/zegel-id/zegel/credential/dataintegrity/internal/sdtest"
)

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
	all := map[string]hostile{
		"labels":     {[]byte(sdtest.HostileHead + `"givenName":"A"}`), value(0, 1000)},
		"signatures": {sdtest.Scores(7000), value(600, 1)},
	}
	for name, document := range sdtest.Hostile() {
		nodes := 1
		if name == "look-alikes" || name == "clique" {
			nodes = 8
		}
		all[name] = hostile{document, value(8, nodes)}
	}
	return all
}

// TestHostile: what nobody signed is refused, whatever it is made of, and by the bound
// that is meant for it.
func TestHostile(t *testing.T) {
	_, in := sdtest.Diploma(t, Name)
	in.Context = sdtest.Benign(0, in).Context
	want := map[string]string{
		"clique":      "too many blank nodes",
		"labels":      "label map has 1000 labels",
		"look-alikes": "statements, more than",
		"nothing":     "make no statement",
		"signatures":  "600 signatures for 1604 statements",
		"types":       "statements, more than",
		"wide":        "statements, more than",
	}
	for name, h := range hostiles() {
		in.Document = h.document
		err := Derived(published).Verify(in, encoded(&h.value), newKey(t).Public())
		if want[name] == "" || err == nil || !strings.Contains(err.Error(), want[name]) {
			t.Errorf("%s: %v, want a refusal that says %q", name, err, want[name])
		}
	}
}

// BenchmarkHostile says how many times the processor time of a benign credential of its size
// each hostile one takes to be refused.
func BenchmarkHostile(b *testing.B) {
	_, in := sdtest.Diploma(b, Name)
	key := newKey(b)
	s, err := NewSigner(published, Options{Key: key})
	if err != nil {
		b.Fatal(err)
	}
	benign := sdtest.Benign(sdtest.HostileSize*2/5, in)
	in.Context = benign.Context
	base, err := s.Sign(benign)
	if err != nil {
		b.Fatal(err)
	}
	reveal, value, err := derive(published, benign.Document, base, []string{""})
	if err != nil {
		b.Fatal(err)
	}
	benign.Document = reveal
	for name, h := range hostiles() {
		hostile, text := in, encoded(&h.value)
		hostile.Document = h.document
		b.Run(name, func(b *testing.B) {
			var theirs, ours time.Duration
			for b.Loop() {
				theirs += sdtest.Measure(5, func() { _ = Derived(published).Verify(hostile, text, key.Public()) })
				ours += sdtest.Measure(1, func() {
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
