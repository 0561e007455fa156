package seal_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/seal"
	"github.com/zegel-id/zegel/seal/evidence"
	"github.com/zegel-id/zegel/seal/trust"
	"github.com/zegel-id/zegel/seal/trust/devca"
	"github.com/zegel-id/zegel/seal/tsp/devtsa"
)

// suite is one in which SHA-256 and P-256 end on days of the tests; empty is none.
func suite(t testing.TB, sha256, p256 string) *trust.Suite {
	until := func(day string) string {
		if day == "" {
			return ""
		}
		return fmt.Sprintf(`,"until":%q`, day)
	}
	s, err := trust.ParseSuite(fmt.Appendf(nil, `{"version":"of the tests","digests":[{"name":"SHA-256"%s},{"name":"SHA-384"},{"name":"SHA-512"}],"keys":[{"name":"ECDSA","bits":256%s},{"name":"ECDSA","bits":384}]}`, until(sha256), until(p256)))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// What the end of an algorithm does to evidence: a time-stamp made before keeps it,
// and the time-stamp itself is kept by the next one, with another algorithm. The
// clocks are moved; seals are of now, 2026-11-23.
func TestAlgorithmsOverTime(t *testing.T) {
	a := newArchive(t)
	// Lasting evidence is stamped with a digest that does not end here, by an
	// authority that signs with SHA-256 all the same.
	stampedIn512 := a.made(seal.BaselineLT)
	imprint, err := stampedIn512.Imprint(evidence.ArchiveTimeStamp, crypto.SHA512)
	a.check(err)
	token, err := a.tsas[0].Token(devtsa.Stamp{Hash: crypto.SHA512, Imprint: imprint, Time: now.Add(time.Hour), Accuracy: time.Second})
	a.check(err)
	a.check(stampedIn512.AddTimeStamp(evidence.ArchiveTimeStamp, token))
	day := func(d string) time.Time {
		at, err := time.Parse(time.DateOnly, d)
		a.check(err)
		return at
	}
	// Stamped again by an authority of P-384 while P-256 was believed.
	again := a.again(a.made(seal.BaselineLTA), a.anotherAuthority(elliptic.P384()), now.Add(24*time.Hour))
	// Stamped by a unit of P-256 under an authority of P-384.
	weak := a.made(seal.BaselineB)
	a.stamp(weak, evidence.SignatureTimeStamp, a.anotherAuthority(elliptic.P256()), now)
	const noPOE, never = seal.CryptoConstraintsNoPOE, seal.CryptoConstraintsFailure
	const end, stamp, archiveStamp = seal.CheckAlgorithmEnd, seal.CheckTimeStamp, seal.CheckArchiveStamp
	for name, tc := range map[string]struct {
		f            *evidence.File
		sha256, p256 string
		at           time.Time
		sub          seal.SubIndication
		level        seal.Level
		failed       string
		stampBefore  time.Time
	}{
		"B, no end":                          {a.made(seal.BaselineB), "", "", day("2026-12-01"), "", seal.BaselineB, "", time.Time{}},
		"B, before the end":                  {a.made(seal.BaselineB), "2026-12-02", "", day("2026-12-01"), "", seal.BaselineB, "", time.Time{}},
		"B, digest ended":                    {a.made(seal.BaselineB), "2026-12-01", "", day("2026-12-01"), noPOE, seal.BaselineB, end, time.Time{}},
		"B, key ended":                       {a.made(seal.BaselineB), "", "2026-12-01", day("2026-12-01"), noPOE, seal.BaselineB, end, time.Time{}},
		"B, ended before the certificate":    {a.made(seal.BaselineB), "2026-01-01", "", day("2026-12-01"), never, seal.BaselineB, end, time.Time{}},
		"T, before the end":                  {a.made(seal.BaselineT), "2027-01-01", "", day("2026-12-01"), "", seal.BaselineT, "", day("2027-01-01")},
		"T, ended, the time-stamp too":       {a.made(seal.BaselineT), "2026-12-01", "", day("2026-12-01"), noPOE, seal.BaselineB, stamp + " " + end, time.Time{}},
		"LTA, ended, both time-stamps too":   {a.made(seal.BaselineLTA), "2026-12-01", "", day("2026-12-01"), noPOE, seal.BaselineB, archiveStamp + " " + stamp + " " + end, time.Time{}},
		"LTA of SHA-512, ended in signature": {stampedIn512, "2026-12-01", "", day("2026-12-01"), noPOE, seal.BaselineB, archiveStamp + " " + stamp + " " + end, time.Time{}},
		"LTA, before the key's end":          {a.made(seal.BaselineLTA), "", "2027-03-01", day("2026-12-01"), "", seal.BaselineLTA, "", day("2027-03-01")},
		"LTA, the authority ends first":      {a.made(seal.BaselineLTA), "", "2040-01-01", day("2026-12-01"), "", seal.BaselineLTA, "", a.tsas[0].Chain[0].NotAfter},
		"stamped again before the end":       {again, "", "2027-03-01", day("2027-04-01"), "", seal.BaselineLTA, "", a.tsas[3].Chain[0].NotAfter},
		"T, the key of the unit ended":       {weak, "", "2026-12-01", day("2026-12-01"), noPOE, seal.BaselineB, stamp + " " + end, time.Time{}},
		"stamped when it had ended already":  {a.made(seal.BaselineT), "2026-11-23", "", day("2026-11-24"), noPOE, seal.BaselineB, stamp + " " + end, time.Time{}},
	} {
		t.Run(name, func(t *testing.T) {
			v := a.validator(tc.at)
			v.Suite = suite(t, tc.sha256, tc.p256)
			got := judge(t, v, tc.f, tc.at)
			if got.SubIndication != tc.sub || got.Level != tc.level || !hasFailures(got, tc.failed) || (got.Err() == nil) != (tc.failed == "") || !got.StampBefore.Equal(tc.stampBefore) {
				t.Errorf("found %s %s %s, to be stamped before %s, failed %v\n%s", got.Indication, got.SubIndication, got.Level, got.StampBefore, got.Checks.Failures(), got.Checks)
			}
		})
	}
}

// rsaLeaf is a seal of RSA with 2048 bits, which ends in 2029.
func (a *archive) rsaLeaf() devca.Pair {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	a.check(err)
	c := leaf()
	c.NotBefore, c.NotAfter = now.Add(-year/2), now.Add(9*year)
	return devca.Pair{Key: key, Certificate: certify(a.t, c, key.Public(), key, &a.ca)}
}

// By the table of ETSI: a seal of RSA with 2048 bits holds until 2029, and longer
// with a time-stamp of P-256 from before.
func TestRSAOverTime(t *testing.T) {
	a := newArchive(t)
	p := a.rsaLeaf()
	h := header(p.Certificate)
	h["alg"] = "PS256"
	lifted := func() *evidence.File {
		f, err := evidence.Lift(sign(t, p.Key, h, `{"a":1}`))
		a.check(err)
		return f
	}
	bare, archived := lifted(), lifted()
	a.stamp(archived, evidence.SignatureTimeStamp, a.tsas[0], now)
	a.check(archived.AddValues(a.values(now.Add(time.Minute))))
	a.stamp(archived, evidence.ArchiveTimeStamp, a.tsas[0], now.Add(time.Hour))
	a.again(archived, a.tsas[1], now.Add(year))
	a.again(archived, a.tsas[2], now.Add(2*year))
	end := time.Date(2029, 1, 1, 0, 0, 0, 0, time.UTC)
	for name, tc := range map[string]struct {
		f   *evidence.File
		at  time.Time
		sub seal.SubIndication
	}{
		"the day before":           {bare, end.Add(-time.Second), ""},
		"the day":                  {bare, end, seal.CryptoConstraintsNoPOE},
		"the day, stamped before":  {archived, end, ""},
		"months after, in archive": {archived, end.AddDate(0, 4, 0), ""},
	} {
		got := judge(t, a.validator(tc.at), tc.f, tc.at)
		if got.SubIndication != tc.sub || (got.Err() == nil) != (tc.sub == "") {
			t.Errorf("%s: found %s %s\n%s", name, got.Indication, got.SubIndication, got.Checks)
		}
		if says := strings.Contains(got.Checks.String(), "RSA-PSS of 2048 bits"); !says {
			t.Errorf("%s: the end is not told\n%s", name, got.Checks)
		}
	}
}

// Seals on tokens and other signatures are held to the same; so is the chain.
func TestAlgorithmsOfTokens(t *testing.T) {
	a := newArchive(t)
	compact := sign(t, a.seal.Key, header(a.seal.Certificate), `{"a":1}`)
	v := a.validator(now)
	v.Suite = suite(t, "", "2026-11-24")
	at := now.Add(24 * time.Hour)
	if got := validate(t, v, compact, now); got.Err() != nil || !strings.Contains(got.Checks.String(), "believed until 2026-11-24 (of the tests)") {
		t.Errorf("before the end: %s", got.Checks)
	}
	if got := validate(t, v, compact, at); got.SubIndication != seal.CryptoConstraintsNoPOE || !hasFailures(got, seal.CheckAlgorithmEnd) {
		t.Errorf("after the end: %s\n%s", got.SubIndication, got.Checks)
	}
	s := seal.Signature{Level: seal.IssuerAuth, Alg: jose.ES256, SignedAt: now, Chain: [][]byte{a.seal.Certificate.Raw}, Verify: func(crypto.PublicKey) error { return nil }}
	if got, err := v.ValidateSignature(context.Background(), s, at); err != nil || got.SubIndication != seal.CryptoConstraintsNoPOE {
		t.Errorf("a signature that is no JWS: %s %v", got.SubIndication, err)
	}

	// The seal is of P-384, under an authority of P-256 that ended with it.
	strong := a.strongLeaf()
	s.Chain, s.Alg = [][]byte{strong.Raw}, jose.ES384
	if got, err := v.ValidateSignature(context.Background(), s, at); err != nil || got.SubIndication != seal.CryptoConstraintsNoPOE || !hasFailures(got, seal.CheckAlgorithmEnd) {
		t.Errorf("the chain ended: %s %v\n%s", got.SubIndication, err, got.Checks)
	}
}

func (a *archive) strongLeaf() *x509.Certificate {
	key, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	a.check(err)
	c := leaf()
	c.NotBefore, c.NotAfter = now.Add(-year/2), now.Add(year/2)
	return certify(a.t, c, key.Public(), key, &a.ca)
}

// anotherAuthority is one more, of P-384 with a unit of a curve.
func (a *archive) anotherAuthority(curve elliptic.Curve) *devtsa.Authority {
	pair := func(c *x509.Certificate, curve elliptic.Curve, by *devca.Pair) devca.Pair {
		key, err := ecdsa.GenerateKey(curve, rand.Reader)
		a.check(err)
		return devca.Pair{Key: key, Certificate: certify(a.t, c, key.Public(), key, by)}
	}
	c := authority("Time-stamp root of P-384")
	c.NotBefore, c.NotAfter = now.Add(-year), now.Add(9*year)
	root := pair(c, elliptic.P384(), nil)
	c = leaf()
	usage, err := devtsa.ExtKeyUsage(true, asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 3, 8})
	a.check(err)
	c.NotBefore, c.NotAfter, c.ExtraExtensions = now.Add(-year), now.Add(2*year), []pkix.Extension{usage}
	unit := pair(c, curve, &root)
	a.tsas = append(a.tsas, &devtsa.Authority{Key: unit.Key, Chain: []*x509.Certificate{unit.Certificate}, Policy: devtsa.Policy, Now: clock, Root: root.Certificate, RootKey: root.Key})
	return a.tsas[len(a.tsas)-1]
}
