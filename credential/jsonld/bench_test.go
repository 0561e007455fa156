package jsonld_test

import (
	"runtime"
	"testing"
	"time"

	"github.com/zegel-id/zegel/credential/jsonld"
	"github.com/zegel-id/zegel/credential/rdf"
	"github.com/zegel-id/zegel/internal/cputime"
)

// BenchmarkRatio says how many times the processor time json-gold takes, in
// rounds by turns, so that a busy machine slows both.
func BenchmarkRatio(b *testing.B) {
	load := known(b)
	other := &peer{load, map[string]any{}}
	p := jsonld.New(load)
	docs := documents(b)
	for _, name := range []string{"62", "111KB"} {
		b.Run(name, func(b *testing.B) {
			doc := docs[name]
			var mine, theirs time.Duration
			n := 0
			for b.Loop() {
				runtime.GC() // each pays for its own garbage
				start := cputime.Used()
				for range 500 {
					if _, err := p.Canonicalize(doc, jsonld.Options{InsecureLax: true}, rdf.Options{}); err != nil {
						b.Fatal(err)
					}
				}
				mine += cputime.Used() - start
				runtime.GC()
				start = cputime.Used()
				for range 20 {
					if _, err := other.canonical(doc); err != nil {
						b.Fatal(err)
					}
				}
				theirs += cputime.Used() - start
				n++
			}
			b.ReportMetric(float64(mine.Microseconds())/float64(500*n), "us-ours")
			b.ReportMetric(float64(theirs.Microseconds())/float64(20*n), "us-theirs")
			b.ReportMetric(25*float64(theirs)/float64(mine), "times")
		})
	}
}
