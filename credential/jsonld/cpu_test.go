package jsonld_test

import (
	"syscall"
	"testing"
	"time"

	"github.com/zegel-id/zegel/credential/jsonld"
	"github.com/zegel-id/zegel/credential/rdf"
)

func cpu(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

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
				start := cpu(b)
				for range 50 {
					if _, err := p.Canonicalize(doc, jsonld.Options{InsecureLax: true}, rdf.Options{}); err != nil {
						b.Fatal(err)
					}
				}
				middle := cpu(b)
				for range 5 {
					if _, err := other.canonical(doc); err != nil {
						b.Fatal(err)
					}
				}
				mine += middle - start
				theirs += cpu(b) - middle
				n++
			}
			b.ReportMetric(float64(mine.Microseconds())/float64(50*n), "us-ours")
			b.ReportMetric(float64(theirs.Microseconds())/float64(5*n), "us-theirs")
			b.ReportMetric(10*float64(theirs)/float64(mine), "times")
		})
	}
}
