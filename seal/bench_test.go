package seal_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"slices"
	"testing"
	"time"

	"github.com/zegel-id/zegel/internal/jose"
)

// compare runs subject and bare in turn and reports the ratio of their median
// times, which a busy machine disturbs least.
func compare(b *testing.B, unit string, subject, bare func()) {
	var subjects, bares []time.Duration
	b.ReportAllocs()
	for b.Loop() {
		start := time.Now()
		subject()
		middle := time.Now()
		bare()
		subjects = append(subjects, middle.Sub(start))
		bares = append(bares, time.Since(middle))
	}
	slices.Sort(subjects)
	slices.Sort(bares)
	b.ReportMetric(float64(subjects[len(subjects)/2])/float64(bares[len(bares)/2]), unit)
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
	compare(b, "x-bare-signature", func() {
		if _, err := s.SignCompact("dc+sd-jwt", now, payload); err != nil {
			b.Fatal(err)
		}
	}, func() {
		if _, err := key.Sign(nil, digest[:], crypto.SHA256); err != nil {
			b.Fatal(err)
		}
	})
}

// BenchmarkValidate prints how many bare P-256 verifications it costs to parse
// and validate a token when the chain was seen before. The token is parsed each
// time, because one that has verified would remember it.
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
	ctx := context.Background()
	compare(b, "x-bare-verification", func() {
		fresh, err := jose.Parse(compact)
		if err != nil {
			b.Fatal(err)
		}
		got, err := v.Validate(ctx, fresh, now)
		if err != nil || got.Err() != nil {
			b.Fatal(err, got.Checks)
		}
	}, func() {
		// A full verification that ends in no.
		if err := jose.VerifySignature(key, jose.ES256, []byte("x"), tok.Signature); err == nil {
			b.Fatal("verified")
		}
	})
}
