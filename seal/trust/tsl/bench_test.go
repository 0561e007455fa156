package tsl_test

import (
	"crypto"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/beevik/etree"

	"github.com/zegel-id/zegel/internal/cputime"
	"github.com/zegel-id/zegel/internal/testvectors"
	"github.com/zegel-id/zegel/internal/tsltest"
	"github.com/zegel-id/zegel/seal/trust/tsl"
)

// large is a list of about a megabyte, as a larger Member State has it.
func large(b testing.TB) tsltest.List {
	l := national("BE")
	for i := range 40 {
		p := tsltest.Provider{Name: fmt.Sprintf("TEST provider %d", i)}
		for j := range 5 {
			ca := authority(b, fmt.Sprintf("TEST CA %d.%d", i, j))
			qualified := tsltest.Qualified(true, tsltest.Criteria("all", tsltest.KeyUsage("nonRepudiation", true), tsltest.Policies("0.4.0.194112.1.3")), "QCWithQSCD", "QCForESeal")
			extensions := []string{tsltest.For("ForeSeals"), tsltest.For("ForeSignatures"), qualified}
			p.Services = append(p.Services, tsltest.Service{Since: years(1), Certificates: certs(ca), Extensions: extensions, History: []tsltest.Service{
				{Since: years(2), Extensions: extensions}, {Status: tsltest.Withdrawn, Since: years(3), Extensions: extensions},
			}})
		}
		l.Providers = append(l.Providers, p)
	}
	return l
}

// BenchmarkVerify prints how many times the processor time it costs to read and
// verify a list of a megabyte, to its bare hash and one bare signature (RSA of
// 2048 bits), in one run by turns.
func BenchmarkVerify(b *testing.B) {
	signer := listSigner(b, rsaKey(b, 2048), "BE")
	doc := signedBy(b, large(b), signer)
	digest := sha256.Sum256(doc)
	value, err := signer.key.Sign(nil, digest[:], crypto.SHA256)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	var ours, bare time.Duration
	n := 0
	for b.Loop() {
		runtime.GC() // each pays for its own garbage
		start := cputime.Used()
		for range 5 {
			if _, err := tsl.Verify(doc, certs(signer), now); err != nil {
				b.Fatal(err)
			}
		}
		ours += cputime.Used() - start
		runtime.GC()
		start = cputime.Used()
		for range 100 {
			digest := sha256.Sum256(doc)
			if err := rsa.VerifyPKCS1v15(signer.key.Public().(*rsa.PublicKey), crypto.SHA256, digest[:], value); err != nil {
				b.Fatal(err)
			}
		}
		bare += cputime.Used() - start
		n++
	}
	b.ReportMetric(float64(len(doc))/1e6, "MB")
	b.ReportMetric(float64(ours.Microseconds())/float64(5*n), "us-verify")
	b.ReportMetric(20*float64(ours)/float64(bare), "x-bare")
}

// BenchmarkRealLists prints what it costs to read and verify all real lists of the
// vectors: processor time as a ratio to parsing their XML into a tree, the memory that is
// allocated meanwhile and that which the lists keep, both as a ratio to their octets.
func BenchmarkRealLists(b *testing.B) {
	type real struct {
		doc    []byte
		signer []*x509.Certificate
		now    time.Time
	}
	var all []real
	size := 0
	for _, v := range lists {
		doc := testvectors.File(b, "tsl", v.file)
		all = append(all, real{doc, []*x509.Certificate{embeddedSigner(b, doc)}, v.now})
		size += len(doc)
	}
	load := func() []*tsl.List {
		var out []*tsl.List
		for _, r := range all {
			l, err := tsl.Verify(r.doc, r.signer, r.now)
			if err != nil {
				b.Fatal(err)
			}
			out = append(out, l)
		}
		return out
	}
	var before, during, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	kept := load()
	runtime.ReadMemStats(&during)
	runtime.GC()
	runtime.ReadMemStats(&after)
	runtime.KeepAlive(kept)
	var ours, bare time.Duration
	for b.Loop() {
		start := cputime.Used()
		load()
		middle := cputime.Used()
		for _, r := range all {
			if err := etree.NewDocument().ReadFromBytes(r.doc); err != nil {
				b.Fatal(err)
			}
		}
		ours, bare = ours+middle-start, bare+cputime.Used()-middle
	}
	b.ReportMetric(float64(size)/1e3, "KB")
	b.ReportMetric(float64(ours.Microseconds())/float64(b.N)/1e3, "ms")
	b.ReportMetric(float64(ours)/float64(bare), "x-tree")
	b.ReportMetric(float64(during.TotalAlloc-before.TotalAlloc)/float64(size), "x-allocated")
	b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/float64(size), "x-kept")
}

// BenchmarkHostile prints how many times the processor time of a benign list of
// 1.2 MB the dearest of the lists costs that somebody between us and the server
// could make of it: the signature fits, the digest does not, and only after all
// has been canonicalised that is seen.
func BenchmarkHostile(b *testing.B) {
	signer := listSigner(b, ecKey(b, elliptic.P256()), "BE")
	benign, small := signedBy(b, large(b), signer), string(signedBy(b, national("BE"), signer))
	var prefixes strings.Builder
	for i := range 30 {
		fmt.Fprintf(&prefixes, ` xmlns:n%d="urn:x"`, i)
	}
	deep, end := "<a"+prefixes.String()+">"+strings.Repeat("<a>", 40), strings.Repeat("</a>", 41)
	hostile := map[string]string{
		"elements":   strings.Repeat("<a/>", 290_000),
		"text":       strings.Repeat("<b/>x", 240_000),
		"prefixes":   deep + strings.Repeat("<a/>", 290_000) + end,
		"signatures": deep + strings.Repeat("<Signature/>", 100_000) + end,
		"attributes": strings.Repeat(`<a b="" c="" d="" e="" f="" g="" h="" i=""/>`, 27_000),
		"entities":   strings.Repeat("&amp;", 240_000),
	}
	cost := func(doc []byte) time.Duration {
		start := cputime.Used()
		_, _ = tsl.Verify(doc, certs(signer), now)
		return cputime.Used() - start
	}
	var worst float64
	for b.Loop() {
		worst = 0
		base := cost(benign)
		for _, in := range hostile {
			worst = max(worst, float64(cost([]byte(strings.Replace(small, "<SchemeInformation>", in+"<SchemeInformation>", 1))))/float64(base))
		}
	}
	b.ReportMetric(worst, "worst-times")
}

// BenchmarkSeal prints how many bare P-256 verifications the answer about one
// certificate costs, whose chain was asked about before.
func BenchmarkSeal(b *testing.B) {
	u, ca := newUnion(b), authority(b, "TEST CA")
	be := large(b)
	be.Providers[20].Services = append(be.Providers[20].Services, tsltest.Service{Since: years(2), Certificates: certs(ca), Extensions: []string{tsltest.For("ForeSeals")}})
	lists := u.verified(b, u.listOfLists(u.pointer()), be)
	leaf := sealCertificate(b, ca, sealStatements(), nil)
	other := sealCertificate(b, authority(b, "TEST CA"), sealStatements(), nil)
	chain := certs(leaf)
	var ours, bare time.Duration
	b.ReportAllocs()
	for b.Loop() {
		start := cputime.Used()
		for range 50 {
			if d := lists.Seal(chain, tsl.Times{Signature: now, Now: now}); d.Qualified != tsl.Positive {
				b.Fatal(d.Reason())
			}
		}
		middle := cputime.Used()
		for range 50 {
			if err := other.cert.CheckSignatureFrom(ca.cert); err == nil {
				b.Fatal("verified")
			}
		}
		ours, bare = ours+middle-start, bare+cputime.Used()-middle
	}
	b.ReportMetric(float64(ours)/float64(bare), "x-bare-verification")
}
