package led_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
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
