package dataintegrity_test

import (
	"context"
	"crypto/ed25519"
	"os"
	"runtime"
	"testing"
	"time"

	"github.com/zegel-id/zegel/contexts"
	di "github.com/zegel-id/zegel/credential/dataintegrity"
	"github.com/zegel-id/zegel/credential/jsonld"
	"github.com/zegel-id/zegel/did"
	"github.com/zegel-id/zegel/internal/cputime"
)

const contextDiploma = "https://diplomas.example/context/v1"

// diploma is a European diploma of 62 quads, and what knows its context.
func diploma(t testing.TB) ([]byte, *jsonld.Processor) {
	t.Helper()
	file := func(name string) []byte {
		b, err := os.ReadFile("../jsonld/testdata/" + name)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	own := file("diploma-context.jsonld")
	return file("diploma.jsonld"), jsonld.New(jsonld.LoaderFunc(func(url string) ([]byte, error) {
		if url == contextDiploma {
			return own, nil
		}
		return contexts.Document(url)
	}))
}

// BenchmarkRatio says how many times the processor time of a bare Ed25519 operation
// issuing and verifying take, in rounds by turns, so that a busy machine slows both.
func BenchmarkRatio(b *testing.B) {
	document, p := diploma(b)
	key := edKey(1)
	tmpl := template(b, p, "eddsa-rdfc-2022", key, func(o *di.Options) { o.Contexts = []string{contextV2, contextDiploma} })
	signed, err := tmpl.Add(document, di.Terms{Created: now})
	if err != nil {
		b.Fatal(err)
	}
	pol := policy(b, key.Public())
	pol.Suites, pol.Contexts = []di.Suite{di.EdDSARDFC2022(p)}, []string{contextV2, contextDiploma}
	// Issuers are trusted, so that their documents are at hand.
	d, err := did.KeyMethod{}.Resolve(context.Background(), pol.Controllers[0])
	if err != nil {
		b.Fatal(err)
	}
	pol.Resolver = documents{document: d}
	message := make([]byte, 64)
	signature := ed25519.Sign(key, message)

	for _, c := range []struct {
		name      string
		ours      func(i int) error
		primitive func()
	}{
		{"issue", func(i int) error {
			_, err := tmpl.Add(document, di.Terms{Created: now.Add(time.Duration(i) * time.Second)})
			return err
		}, func() { ed25519.Sign(key, message) }},
		{"issue-same-second", func(int) error {
			_, err := tmpl.Add(document, di.Terms{Created: now})
			return err
		}, func() { ed25519.Sign(key, message) }},
		{"verify", func(int) error {
			_, err := di.Verify(context.Background(), signed, pol)
			return err
		}, func() { ed25519.Verify(key.Public().(ed25519.PublicKey), message, signature) }},
	} {
		b.Run(c.name, func(b *testing.B) {
			const each = 200
			var mine, bare time.Duration
			n := 0
			for b.Loop() {
				runtime.GC() // each pays for its own garbage
				start := cputime.Used()
				for i := range each {
					if err := c.ours(i); err != nil {
						b.Fatal(err)
					}
				}
				mine += cputime.Used() - start
				runtime.GC()
				start = cputime.Used()
				for range each {
					c.primitive()
				}
				bare += cputime.Used() - start
				n += each
			}
			b.ReportMetric(float64(mine.Nanoseconds())/1e3/float64(n), "us-ours")
			b.ReportMetric(float64(bare.Nanoseconds())/1e3/float64(n), "us-bare")
			b.ReportMetric(float64(mine)/float64(bare), "times")
		})
	}
}
