package bbs

import (
	"crypto/rand"
	"runtime"
	"testing"
	"time"

	"github.com/consensys/gnark-crypto/ecc"
	bls "github.com/consensys/gnark-crypto/ecc/bls12-381"
	"github.com/consensys/gnark-crypto/ecc/bls12-381/fr"

	"github.com/zegel-id/zegel/internal/cputime"
)

// BenchmarkRatio measures, over 50 messages, what signing costs against the two
// operations that it cannot do without, and the table against the library.
func BenchmarkRatio(b *testing.B) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	sk, messages, header := newKey(b), numbered(50), make([]byte, 64)
	pub := sk.PublicKey()
	var disclosed []int
	for i := 0; i < len(messages); i += 5 {
		disclosed = append(disclosed, i)
	}
	shown := pick2(messages, disclosed)
	sig, _ := sk.Sign(header, messages)
	proof, err := ProofGen(rand.Reader, pub, sig, header, nil, messages, disclosed)
	if err != nil {
		b.Fatal(err)
	}
	g, _, _ := SHA256.generators(len(messages))
	next := someTerms(g)
	terms := next()
	scalars := make([]fr.Element, len(g.bases))
	for i, t := range terms {
		scalars[i] = t.k
	}
	cases := []struct {
		name string
		do   func()
	}{
		{"msm", func() { g.sum(next()) }},
		{"msm-library", func() {
			var p bls.G1Affine
			p.MultiExp(g.bases, scalars, ecc.MultiExpConfig{NbTasks: 1})
		}},
		{"multiply", func() { multiply(&g.bases[0], &scalars[0]) }},
		{"sign", func() { sk.Sign(header, messages) }},
		{"verify", func() { Verify(pub, sig, header, messages) }},
		{"proofgen", func() { ProofGen(rand.Reader, pub, sig, header, nil, messages, disclosed) }},
		{"proofverify", func() { ProofVerify(pub, proof, header, nil, shown, disclosed) }},
	}
	used := map[string]time.Duration{}
	n := 0
	for b.Loop() {
		for _, c := range cases {
			start := cputime.Used()
			for range 20 {
				c.do()
			}
			used[c.name] += cputime.Used() - start
		}
		n += 20
	}
	for _, c := range cases {
		b.ReportMetric(float64(used[c.name].Microseconds())/float64(n), "us-"+c.name)
	}
	b.ReportMetric(float64(used["sign"])/float64(used["msm"]+used["multiply"]), "sign/(msm+multiply)")
	b.ReportMetric(float64(used["msm-library"])/float64(used["msm"]), "msm-library/msm")
}

// BenchmarkMultiplications is what a signature of 50 messages cannot do without, a
// multi-scalar multiplication with the table and one multiplication. The table of
// docs/benchmarks.md has it from here, because the table of points is nobody else's.
func BenchmarkMultiplications(b *testing.B) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	g, _, err := SHA256.generators(50)
	if err != nil {
		b.Fatal(err)
	}
	next := someTerms(g)
	start := cputime.Used()
	for b.Loop() {
		terms := next()
		g.sum(terms)
		multiply(&g.bases[0], &terms[0].k)
	}
	b.ReportMetric(float64((cputime.Used()-start).Nanoseconds())/float64(b.N), "cpu-ns/op")
}

// someTerms are scalars for all bases, others each time for long: no two
// signatures have the same, and with the same again and again the points that they
// look up would all be in the cache and each branch would be foreseen.
func someTerms(g *generators) (next func() []term) {
	var sets [64][]term
	for i := range sets {
		for base := range g.bases {
			sets[i] = append(sets[i], term{base, randomScalar()})
		}
		g.sum(sets[i])
	}
	i := 0
	return func() []term {
		i++
		return sets[i%len(sets)]
	}
}

func pick2(messages [][]byte, indexes []int) (out [][]byte) {
	for _, i := range indexes {
		out = append(out, messages[i])
	}
	return out
}
