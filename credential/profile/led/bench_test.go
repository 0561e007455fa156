package led_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"strings"
	"testing"
	"time"

	"github.com/zegel-id/zegel/credential/profile/led"
	"github.com/zegel-id/zegel/internal/cputime"
)

// BenchmarkRatio says what part of one P-256 signature writing a document takes,
// in rounds by turns.
func BenchmarkRatio(b *testing.B) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		b.Fatal(err)
	}
	digest := sha256.Sum256([]byte("document"))
	for _, p := range led.Profiles() {
		template, err := p.Template(issuer)
		if err != nil {
			b.Fatal(err)
		}
		for name, claims := range map[string]string{"full": full, "usual": usual} {
			b.Run(p.Name()+"/"+name, func(b *testing.B) {
				var writing, signing time.Duration
				n := 0
				var doc []byte
				for b.Loop() {
					start := cputime.Used()
					for range 1000 {
						if doc, err = template.Append(doc[:0], sample(), []byte(claims)); err != nil {
							b.Fatal(err)
						}
					}
					writing += cputime.Used() - start
					start = cputime.Used()
					for range 1000 {
						if _, err := key.Sign(rand.Reader, digest[:], crypto.SHA256); err != nil {
							b.Fatal(err)
						}
					}
					signing += cputime.Used() - start
					n += 1000
				}
				b.ReportMetric(0, "ns/op")
				b.ReportMetric(float64(writing.Nanoseconds())/float64(1000*n), "us-write")
				b.ReportMetric(float64(signing.Nanoseconds())/float64(1000*n), "us-sign")
				b.ReportMetric(float64(writing)/float64(signing), "ratio")
				b.ReportMetric(float64(len(doc)), "bytes")
				b.ReportMetric(testing.AllocsPerRun(100, func() { doc, _ = template.Append(doc[:0], sample(), []byte(claims)) }), "allocs")
			})
		}
	}
}

// BenchmarkHostile reads documents of 64 KB that somebody made to be slow, and
// says how many times a benign one of that size they take.
func BenchmarkHostile(b *testing.B) {
	const size = 64 << 10
	p := led.ELM()
	doc := string(document(b, p, sample(), full))
	// fill repeats a piece behind a place of the document.
	fill := func(behind, piece string) []byte {
		if !strings.Contains(doc, behind) {
			b.Fatalf("%s is not in the document", behind)
		}
		return []byte(strings.Replace(doc, behind, behind+strings.Repeat(piece, (size-len(doc))/len(piece)), 1))
	}
	benign := []byte(strings.Replace(doc, `"nl":"Bachelor in`, `"nl":"`+strings.Repeat("Bachelor ", (size-len(doc))/27)+`in`, -1))
	const scheme = `https://solid.data.vlaanderen.be/id/conceptscheme/Leercredential-`
	for name, hostile := range map[string][]byte{
		"one claim at many places": fill(`"dcType":[`, `{"inScheme":{"id":"`+scheme+`Bewijsstaat"},"prefLabel":{"nl":"Eindbewijs"}},`),
		"many elements of a list":  fill(`"noteLiteral":{"nl":"Twee"}}`, `,{"subject":{"inScheme":{"id":"https://zegel-id.github.io/id/conceptscheme/led-bijkomende-informatie"}}}`),
		"many strangers":           fill(`"dcType":[`, `{},`),
		"many names":               fill(`"dcType":[`, `{"a":0,"b":0,"c":0,"d":0,"e":0,"f":0},`),
		"deep":                     fill(`"dcType":[`, strings.Repeat(`{"a":[`, 20)+strings.Repeat(`]}`, 20)+`,`),
	} {
		b.Run(name, func(b *testing.B) {
			if _, err := p.Read(benign); err != nil {
				b.Fatal(err)
			}
			if _, err := p.Read(hostile); err != nil {
				b.Fatal(err)
			}
			var bad, good time.Duration
			for b.Loop() {
				start := cputime.Used()
				for range 50 {
					_, _ = p.Read(hostile)
				}
				bad += cputime.Used() - start
				start = cputime.Used()
				for range 50 {
					_, _ = p.Read(benign)
				}
				good += cputime.Used() - start
			}
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(float64(len(hostile)), "bytes")
			b.ReportMetric(float64(bad)/float64(good), "times")
		})
	}
}
