package bbs2023

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/zegel-id/zegel/credential/bbs"
	di "github.com/zegel-id/zegel/credential/dataintegrity"
	"github.com/zegel-id/zegel/credential/dataintegrity/internal/sdtest"
	"github.com/zegel-id/zegel/did"
)

type hostile struct {
	document []byte
	value    derivedValue
}

// hostiles are credentials of 64 KB, proof value included, that nobody signed. Their BBS
// proofs are of points that are where they should be, taken from somebody's proof, so
// that they are not refused for their form.
func hostiles(t testing.TB, ph []byte) map[string]hostile {
	t.Helper()
	key := newKey(t)
	proof := func(hidden int) []byte {
		messages := make([][]byte, hidden)
		signature, err := key.Sign(nil, messages)
		if err != nil {
			t.Fatal(err)
		}
		proof, err := bbs.ProofGen(rand.Reader, key.PublicKey(), signature, nil, ph, messages, nil)
		if err != nil {
			t.Fatal(err)
		}
		return proof
	}
	few, many := proof(20), proof(1000)
	value := func(proof []byte, labels, disclosed int) derivedValue {
		v := derivedValue{proof: proof, presentationHeader: ph}
		for i := range labels {
			v.labels = append(v.labels, i)
		}
		for i := range disclosed {
			v.selectiveIndexes = append(v.selectiveIndexes, i)
		}
		return v
	}
	wide := sdtest.Filled(34<<10, sdtest.HostileHead+`"type":[`, func(i int) string { return fmt.Sprintf(`"u:%d"`, i) }, `]}`)
	all := map[string]hostile{
		"labels":    {[]byte(sdtest.HostileHead + `"givenName":"A"}`), value(few, 4000, 1)},
		"hidden":    {[]byte(sdtest.HostileHead + `"givenName":"A"}`), value(many, 1, 1)},
		"disclosed": {wide, value(few, 1, bytes.Count(wide, []byte(`"u:`)))},
	}
	for name, document := range sdtest.Hostile() {
		nodes := 1
		if name == "look-alikes" || name == "clique" {
			nodes = 8
		}
		all[name] = hostile{document, value(few, nodes, 1)}
	}
	return all
}

// TestHostile: what nobody signed is refused, whatever it is made of, and by the bound
// that is meant for it.
func TestHostile(t *testing.T) {
	_, in := sdtest.Diploma(t, Name)
	in.Context = sdtest.Benign(0, in).Context
	ph := PresentationHeader("v.example", "1")
	pub := did.BBSPublicKey(newKey(t).PublicKey().Bytes())
	want := map[string]string{
		"clique":      "too many blank nodes",
		"disclosed":   "does not verify",
		"hidden":      "does not verify",
		"labels":      "label map has 4000 labels",
		"look-alikes": "statements, more than",
		"nothing":     "make no statement",
		"types":       "statements, more than",
		"wide":        "statements, more than",
	}
	for name, h := range hostiles(t, ph) {
		in.Document = h.document
		err := Derived(published, Expect{PresentationHeader: ph}).Verify(in, di.EncodeBase64(h.value.encode()), pub)
		if want[name] == "" || err == nil || !strings.Contains(err.Error(), want[name]) {
			t.Errorf("%s: %v, want a refusal that says %q", name, err, want[name])
		}
	}
}

// BenchmarkHostile says how many times the processor time of a benign credential of its
// size each hostile one takes to be refused.
func BenchmarkHostile(b *testing.B) {
	_, in := sdtest.Diploma(b, Name)
	ph := PresentationHeader("v.example", "1")
	key := newKey(b)
	pub := did.BBSPublicKey(key.PublicKey().Bytes())
	s, err := NewSigner(published, Options{Key: key})
	if err != nil {
		b.Fatal(err)
	}
	benign := sdtest.Benign(sdtest.HostileSize, in)
	in.Context = benign.Context
	base, err := s.Sign(benign)
	if err != nil {
		b.Fatal(err)
	}
	reveal, v, err := derive(rand.Reader, published, benign, base, []string{""}, ph)
	if err != nil {
		b.Fatal(err)
	}
	benign.Document = reveal
	value := di.EncodeBase64(v.encode())
	verifier := Derived(published, Expect{PresentationHeader: ph})
	for name, h := range hostiles(b, ph) {
		hostile, text := in, di.EncodeBase64(h.value.encode())
		hostile.Document = h.document
		b.Run(name, func(b *testing.B) {
			var theirs, ours time.Duration
			for b.Loop() {
				theirs += sdtest.Measure(5, func() { _ = verifier.Verify(hostile, text, pub) })
				ours += sdtest.Measure(5, func() {
					if err := verifier.Verify(benign, value, pub); err != nil {
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
