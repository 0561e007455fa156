package seal_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/zegel-id/zegel/internal/cputime"
	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/seal"
	"github.com/zegel-id/zegel/seal/evidence"
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

// BenchmarkListed prints how many times the processor time of judging a compact
// seal without trusted lists it costs with them, when the chain was seen before.
func BenchmarkListed(b *testing.B) {
	h, u := newHierarchy(b), newUnion(b)
	s, err := h.Sealer("", clock)
	if err != nil {
		b.Fatal(err)
	}
	compact, err := s.SignCompact("dc+sd-jwt", now, make([]byte, 1800))
	if err != nil {
		b.Fatal(err)
	}
	plain, listed := newValidator(b, h, now), newValidator(b, h, now)
	listed.Lists = u.lists(b, now, "BE", forSeals(h.SealCA.Certificate, now.Add(-9*year)))
	judge := func(v *seal.Validator, want seal.Qualification) time.Duration {
		start := cputime.Used()
		for range 50 {
			fresh, err := jose.Parse(compact)
			if err != nil {
				b.Fatal(err)
			}
			got, err := v.Validate(b.Context(), fresh, now.Add(time.Hour))
			if err != nil || got.Err() != nil || got.Qualification != want {
				b.Fatal(err, got.Qualification, got.Checks)
			}
		}
		return cputime.Used() - start
	}
	var with, without time.Duration
	b.ReportAllocs()
	for b.Loop() {
		without += judge(plain, seal.AdESeal)
		with += judge(listed, seal.QESeal)
	}
	b.ReportMetric(float64(with)/float64(without), "x-without-lists")
	b.ReportMetric(float64(without.Nanoseconds())/1000/50/float64(b.N), "us-without")
}

// BenchmarkLevels prints what evidence of each level costs as a ratio to level
// B-B: to make it, where B-B is the seal on a compact token, and to judge it,
// where B-B is judging that token. Authorities and lists are in the process.
func BenchmarkLevels(b *testing.B) {
	a := newArchive(b)
	ctx := context.Background()
	s, err := seal.NewSealer(a.seal.Key, []*x509.Certificate{a.seal.Certificate}, seal.Options{Now: clock})
	if err != nil {
		b.Fatal(err)
	}
	payload := make([]byte, 1800)
	by, v := a.archivist(0, now), a.validator(now)
	lifted := func(level seal.Level) *evidence.File {
		compact, err := s.SignCompact("dc+sd-jwt", now, payload)
		if err != nil {
			b.Fatal(err)
		}
		f, err := evidence.Lift(compact)
		if err == nil {
			err = by.Lift(ctx, f, level)
		}
		if err != nil {
			b.Fatal(err)
		}
		return f
	}
	for _, level := range []seal.Level{seal.BaselineT, seal.BaselineLT, seal.BaselineLTA} {
		name := strings.TrimPrefix(string(level), "JAdES-BASELINE-")
		b.Run("make/"+name, func(b *testing.B) {
			compare(b, "x-B-B", func() { lifted(level) }, func() {
				if _, err := s.SignCompact("dc+sd-jwt", now, payload); err != nil {
					b.Fatal(err)
				}
			})
		})
		f := lifted(level)
		text, err := f.Marshal(evidence.Flattened)
		if err != nil {
			b.Fatal(err)
		}
		compact, err := f.Compact()
		if err != nil {
			b.Fatal(err)
		}
		b.Run("judge/"+name, func(b *testing.B) {
			compare(b, "x-B-B", func() {
				if got, _, err := v.ValidateJSON(ctx, text, "dc+sd-jwt", now); err != nil || got.Level != level {
					b.Fatal(err, got.Checks)
				}
			}, func() {
				if got, _, err := v.ValidateCompact(ctx, compact, "dc+sd-jwt", now); err != nil || got.Err() != nil {
					b.Fatal(err, got.Checks)
				}
			})
		})
	}
}
