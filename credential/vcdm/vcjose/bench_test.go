package vcjose_test

import (
	"crypto/sha256"
	"testing"
	"time"

	"github.com/zegel-id/zegel/credential/vcdm/vcjose"
	"github.com/zegel-id/zegel/internal/cputime"
	"github.com/zegel-id/zegel/internal/jose"
)

// BenchmarkRatio compares issuing a vc+jwt with its bare signature.
func BenchmarkRatio(b *testing.B) {
	i, h := newParty(b), newParty(b)
	c := vcjose.Credential{Document: []byte(document(i.id, h.id)), IssuedAt: now, Expires: now.AddDate(0, 3, 0), Holder: holderJWK(b, h)}
	s := sealer(b)
	digest := sha256.Sum256(c.Document)
	var whole, bare time.Duration
	for b.Loop() {
		start := cputime.Used()
		for range 500 {
			d, err := vcjose.Prepare(c)
			if err != nil {
				b.Fatal(err)
			}
			if _, err := d.Seal(s); err != nil {
				b.Fatal(err)
			}
		}
		whole += cputime.Used() - start
		start = cputime.Used()
		for range 500 {
			if _, err := jose.SignDigest(i.key, jose.ES256, digest[:]); err != nil {
				b.Fatal(err)
			}
		}
		bare += cputime.Used() - start
	}
	b.ReportMetric(float64(whole)/float64(bare), "signatures")
}
