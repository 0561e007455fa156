package format

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/zegel-id/zegel/credential"
	"github.com/zegel-id/zegel/credential/profile/led"
	"github.com/zegel-id/zegel/credential/status"
	"github.com/zegel-id/zegel/internal/cputime"
	"github.com/zegel-id/zegel/internal/jose"
)

// BenchmarkRatioLDP says how many times the processor time of the signature
// operations that cannot be avoided a diploma with a Data Integrity proof takes: to
// issue it a key pair, a signature of each statement that is not fixed and one of
// the rest; to present a claim of it, one signature by the holder; to verify that,
// the holder's signature, the issuer's, and one for each statement that was chosen.
// Rounds by turns, so that a busy machine slows both.
func BenchmarkRatioLDP(b *testing.B) {
	w := newLDP(b, led.ELM())
	path := credential.Path{"credentialSubject", "hasClaim", "title", "nl"}
	kind := By("ldp_vc")
	template, err := kind.Compile(Type{Issuer: testIssuer, Document: led.ELM(), Chain: w.sealer.Chain()})
	check(b, err)
	holder, err := jose.PublicJWK(w.key.Public())
	check(b, err)
	c := Copy{
		ID: "urn:uuid:6b0ed0fe-6a3a-4d8c-9f0e-1f6f5f2a7b11", IssuedAt: testNow, NotBefore: testNow, Expires: testNow.Add(time.Hour), Holder: holder, Claims: []byte(testClaims),
		Entries: []status.Entry{{Purpose: status.Revocation, Index: 7, List: testIssuer + "/status/1/revocation"}},
	}
	presented := w.present(b, path)
	issued, chosen := signatures(b, w.credential), signatures(b, jsontext.Value(presented[bytes.Index(presented, []byte(`"verifiableCredential"`)):]))
	b.Logf("%d statements are signed one by one, %d of them presented", issued, chosen)
	message := []byte("_:u3Lv2QpFgo-YAegc1cQQKWJFW2sEjQF6FfuZ0VEoMKHg <http://www.w3.org/1999/02/22-rdf-syntax-ns#type> <https://schema.org/Person> .\n")
	signature, err := jose.Sign(w.key, jose.ES256, message)
	check(b, err)
	sign := func(n int) {
		for range n {
			_, err := jose.Sign(w.key, jose.ES256, message)
			check(b, err)
		}
	}
	for _, x := range []struct {
		name       string
		each       int
		ours, bare func()
	}{
		{"issue", 20, func() {
			d, err := template.Prepare(c, nil)
			check(b, err)
			_, err = d.Seal(w.sealer)
			check(b, err)
		}, func() {
			_, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
			check(b, err)
			sign(issued + 1)
		}},
		{"present", 50, func() { w.present(b, path) }, func() { sign(1) }},
		{"verify", 50, func() {
			_, err := kind.Presented(presented, w.policy)
			check(b, err)
		}, func() {
			for range chosen + 2 {
				check(b, jose.VerifySignature(w.key.Public(), jose.ES256, message, signature))
			}
		}},
	} {
		b.Run(x.name, func(b *testing.B) {
			var ours, bare time.Duration
			rounds := 0
			for b.Loop() {
				ours += measured(x.each, x.ours)
				bare += measured(x.each, x.bare)
				rounds++
			}
			b.ReportMetric(float64(ours)/float64(bare), "ratio")
			b.ReportMetric(float64(ours.Microseconds())/float64(rounds*x.each), "µs/ours")
		})
	}
}

func measured(n int, f func()) time.Duration {
	start := cputime.Used()
	for range n {
		f()
	}
	return cputime.Used() - start
}

// signatures counts those of single statements in the first proof of a text: byte
// strings of 64 bytes, beside the one of the issuer.
func signatures(b *testing.B, text jsontext.Value) int {
	b.Helper()
	_, rest, ok := strings.Cut(string(text), `"cryptosuite":"ecdsa-sd-2023"`)
	_, value, also := strings.Cut(rest, `"proofValue":"u`)
	value, _, closed := strings.Cut(value, `"`)
	raw, err := base64.RawURLEncoding.DecodeString(value)
	if err != nil || !ok || !also || !closed {
		b.Fatal("no proof")
	}
	return bytes.Count(raw, []byte{0x58, 0x40}) - 1
}
