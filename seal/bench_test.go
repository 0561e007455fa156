package seal_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"testing"
	"time"

	"github.com/zegel-id/zegel/internal/jose"
)

// reference times f for the time of one benchmark and returns what one call
// took.
func reference(b *testing.B, f func()) time.Duration {
	const rounds = 400
	for range rounds / 4 {
		f()
	}
	start := time.Now()
	for range rounds {
		f()
	}
	return time.Since(start) / rounds
}

// BenchmarkSeal prints how many bare P-256 signatures (RFC 6979) one seal
// costs, for a payload of about the size of a credential with 20 digests.
func BenchmarkSeal(b *testing.B) {
	h := newHierarchy(b)
	s, err := h.Sealer("", clock)
	if err != nil {
		b.Fatal(err)
	}
	payload := make([]byte, 1800)
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		b.Fatal(err)
	}
	digest := sha256.Sum256(payload)
	bare := reference(b, func() {
		if _, err := key.Sign(nil, digest[:], crypto.SHA256); err != nil {
			b.Fatal(err)
		}
	})
	b.ReportAllocs()
	for b.Loop() {
		if _, err := s.SignCompact("dc+sd-jwt", now, payload); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed())/float64(b.N)/float64(bare), "x-bare-signature")
}

// BenchmarkValidate prints how many bare P-256 verifications one validation
// costs when the chain was seen before.
func BenchmarkValidate(b *testing.B) {
	h := newHierarchy(b)
	s, err := h.Sealer("", clock)
	if err != nil {
		b.Fatal(err)
	}
	compact, err := s.SignCompact("dc+sd-jwt", now, make([]byte, 1800))
	if err != nil {
		b.Fatal(err)
	}
	v := newValidator(b, h, now)
	tok, err := jose.Parse(compact)
	if err != nil {
		b.Fatal(err)
	}
	key := h.Seal.Certificate.PublicKey
	bare := reference(b, func() {
		if err := jose.VerifySignature(key, jose.ES256, []byte("x"), tok.Signature); err == nil {
			b.Fatal("verified")
		}
	})
	ctx := context.Background()
	b.ReportAllocs()
	for b.Loop() {
		got, err := v.Validate(ctx, tok, now)
		if err != nil || got.Err() != nil {
			b.Fatal(err, got.Checks)
		}
	}
	b.ReportMetric(float64(b.Elapsed())/float64(b.N)/float64(bare), "x-bare-verification")
}
