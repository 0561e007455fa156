package sdjwt_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/sha256"
	"math"
	"runtime"
	"syscall"
	"testing"
	"time"

	"github.com/zegel-id/zegel/credential/sdjwt"
	"github.com/zegel-id/zegel/seal/trust/devca"
)

// cpu is the process time used so far: other programs on the machine do not
// count in it, garbage collection does.
func cpu() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// ratio runs reference and subject alternately in rounds of 200 on one
// processor and reports the smallest CPU time of each, and their ratio.
func ratio(b *testing.B, reference, subject func()) {
	old := runtime.GOMAXPROCS(1)
	defer runtime.GOMAXPROCS(old)
	const round = 200
	best := func(min float64, f func()) float64 {
		from := cpu()
		for range round {
			f()
		}
		return math.Min(min, float64(cpu()-from)/round)
	}
	ref, sub := math.Inf(1), math.Inf(1)
	reference()
	subject()
	rounds := 0
	for b.Loop() {
		ref = best(ref, reference)
		sub = best(sub, subject)
		rounds++
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(testing.AllocsPerRun(100, subject), "allocs")
	b.ReportMetric(ref/1000, "ref-us")
	b.ReportMetric(sub/1000, "us")
	b.ReportMetric(sub/ref, "ratio")
	b.ReportMetric(float64(rounds), "rounds")
}

func benchTemplate(b *testing.B, p party) *sdjwt.Template {
	frame, err := sdjwt.NewFrame(twentyPaths(b)...)
	if err != nil {
		b.Fatal(err)
	}
	c := p.credential(b, nil)
	t, err := sdjwt.NewTemplate(sdjwt.Options{Issuer: c.Issuer, Type: c.Type, TypeIntegrity: c.TypeIntegrity, Category: c.Category, Frame: frame, Certificate: p.issuer.cert})
	if err != nil {
		b.Fatal(err)
	}
	return t
}

// BenchmarkIssue: 20 disclosable claims as PuB-EAA, x5c in the header, against
// one bare RFC 6979 P-256 signature; with the product's seal, with a signer
// that appends, and with one that returns its token.
func BenchmarkIssue(b *testing.B) {
	p := parties()
	template := benchTemplate(b, p)
	c := p.credential(b, twenty)
	digest := sha256.Sum256(twenty)
	h, err := devca.New(devca.Options{Now: now, Issuer: issuerURL})
	if err != nil {
		b.Fatal(err)
	}
	seal, err := h.Sealer("", func() time.Time { return now })
	if err != nil {
		b.Fatal(err)
	}
	for _, s := range []struct {
		name   string
		signer sdjwt.Signer
	}{{"seal", seal}, {"append", p.issuer}, {"plain", struct{ sdjwt.Signer }{p.issuer}}} {
		signer := s.signer
		b.Run(s.name, func(b *testing.B) {
			ratio(b, func() {
				if _, err := p.issuer.key.Sign(nil, digest[:], crypto.SHA256); err != nil {
					b.Fatal(err)
				}
			}, func() {
				d, err := template.Prepare(c, nil)
				if err != nil {
					b.Fatal(err)
				}
				if _, err := d.Seal(signer); err != nil {
					b.Fatal(err)
				}
			})
		})
	}
}

func tenPaths() []sdjwt.Path {
	var paths []sdjwt.Path
	for _, n := range []string{"given_name", "family_name", "birthdate", "title", "level", "field", "date", "institution", "city", "eqf"} {
		paths = append(paths, sdjwt.Path{n})
	}
	return paths
}

// BenchmarkPresent: parse, disclose 10 of 20 and bind, against one bare RFC
// 6979 signature.
func BenchmarkPresent(b *testing.B) {
	p := parties()
	text := p.issue(b, twenty, twentyPaths(b)...)
	digest := sha256.Sum256(twenty)
	paths := tenPaths()
	ratio(b, func() {
		if _, err := p.holder.Sign(nil, digest[:], crypto.SHA256); err != nil {
			b.Fatal(err)
		}
	}, func() {
		s, err := sdjwt.Parse(text)
		if err != nil {
			b.Fatal(err)
		}
		sel, err := s.Disclose(paths)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := s.Present(sel, p.binding()); err != nil {
			b.Fatal(err)
		}
	})
}

// BenchmarkVerify: 10 disclosed claims and key binding, issuer key at hand,
// against the two bare verifications that cannot be avoided.
func BenchmarkVerify(b *testing.B) {
	p := parties()
	text := present(b, p.issue(b, twenty, twentyPaths(b)...), p.binding(), tenPaths()...)
	policy := p.policy()
	digest := sha256.Sum256(twenty)
	sign := func(k crypto.Signer) []byte {
		sig, err := k.Sign(nil, digest[:], crypto.SHA256)
		if err != nil {
			b.Fatal(err)
		}
		return sig
	}
	one, two := sign(p.issuer.key), sign(p.holder)
	issuer, holder := p.issuer.key.Public().(*ecdsa.PublicKey), &p.holder.PublicKey
	ratio(b, func() {
		if !ecdsa.VerifyASN1(issuer, digest[:], one) || !ecdsa.VerifyASN1(holder, digest[:], two) {
			b.Fatal("reference does not verify")
		}
	}, func() {
		v, err := sdjwt.Verify(text, policy)
		if err != nil {
			b.Fatal(err)
		}
		if len(v.Claims.Raw()) == 0 || len(v.Disclosed) != 10 {
			b.Fatal("claims are missing")
		}
	})
}
