package seal_test

import (
	"context"
	"crypto"
	"crypto/x509"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ocsp"

	"github.com/zegel-id/zegel/internal/testvectors"
	"github.com/zegel-id/zegel/seal"
	"github.com/zegel-id/zegel/seal/evidence"
	"github.com/zegel-id/zegel/seal/trust"
)

// The golden files have the levels that EU DSS 6.4 gave them, on the clock of the
// vectors.
func TestGoldenEvidence(t *testing.T) {
	sealCA, tsaCA := goldenCertificate(t, "sealca.pem"), goldenCertificate(t, "tsaca.pem")
	store, err := trust.NewStore(trust.Anchors{trust.UseSeal: {sealCA}, trust.UseTimeStamp: {tsaCA}}, 0)
	if err != nil {
		t.Fatal(err)
	}
	crls := trust.NewCRLs(nil, nil)
	for file, ca := range map[string]*x509.Certificate{"sealca.crl": sealCA, "tsaca.crl": tsaCA} {
		if err := crls.Add(testvectors.File(t, "jades-golden", file), ca); err != nil {
			t.Fatal(err)
		}
	}
	v := &seal.Validator{Trust: store, Revocation: crls, SkipProviderList: true}
	seen := 0
	for line := range strings.Lines(string(testvectors.File(t, "jades-golden", "DSS-6.4-verdicts.txt"))) {
		row := strings.Fields(line)
		if len(row) < 4 || !strings.HasSuffix(row[0], ".json") {
			continue
		}
		seen++
		t.Run(row[0], func(t *testing.T) {
			typ := map[bool]string{true: "dc+sd-jwt", false: "vc+jwt"}[strings.HasPrefix(row[0], "p-sdjwt")]
			if strings.HasPrefix(row[0], "p-edc") {
				typ = "jose+json"
			}
			got, f, err := v.ValidateJSON(context.Background(), testvectors.File(t, "jades-golden", row[0]), typ, goldenTime)
			if err != nil || f == nil {
				t.Fatal(err, got.Checks)
			}
			if got.Err() != nil || string(got.Indication) != row[1] || string(got.Level) != row[3] || got.Qualification != seal.AdESeal {
				t.Errorf("found %s %s %s, DSS says %s\n%s", got.Indication, got.Level, got.Qualification, row[1:], got.Checks)
			}
			if !got.BestSignatureTime.Before(goldenTime) || got.StampBefore.IsZero() || len(got.TimeStamps) == 0 {
				t.Errorf("best signature time %s, %d time-stamps", got.BestSignatureTime, len(got.TimeStamps))
			}
		})
	}
	if seen != 8 {
		t.Errorf("%d files", seen)
	}
}

// Each level is found while everybody is there, with what is published now and,
// from B-LT on, without.
func TestLevels(t *testing.T) {
	a := newArchive(t)
	at := now.Add(2 * time.Hour)
	for _, level := range []seal.Level{seal.BaselineB, seal.BaselineT, seal.BaselineLT, seal.BaselineLTA} {
		v := a.validator(now.Add(time.Hour))
		got := judge(t, v, a.made(level), at)
		if got.Err() != nil || got.Level != level || got.Qualification != seal.AdESeal {
			t.Errorf("%s: found %s %s\n%s", level, got.Indication, got.Level, got.Checks)
		}
		best := now
		if level == seal.BaselineB {
			best = at
		}
		if !got.BestSignatureTime.Equal(best) || !got.ClaimedTime.Equal(now) {
			t.Errorf("%s: best signature time %s", level, got.BestSignatureTime)
		}
		v.Revocation = nil
		got = judge(t, v, a.made(level), at)
		if (got.Err() == nil) != level.Includes(seal.BaselineLT) {
			t.Errorf("%s with what was kept alone: %v", level, got.Err())
		}
	}
	restamped := a.again(a.made(seal.BaselineLTA), a.tsas[1], now.Add(year))
	got := judge(t, a.validator(now.Add(year)), restamped, now.Add(year+time.Hour))
	if got.Err() != nil || got.Level != seal.BaselineLTA || len(got.TimeStamps) != 3 || got.TimeStamps[0].Kind != evidence.SignatureTimeStamp ||
		!got.TimeStamps[2].Time.Equal(now.Add(year)) || !got.StampBefore.Equal(a.tsas[1].Chain[0].NotAfter) {
		t.Errorf("stamped again: %s, to be stamped before %s\n%s", got.Level, got.StampBefore, got.Checks)
	}
}

// OCSP answers do as well as lists.
func TestLevelByOCSP(t *testing.T) {
	a := newArchive(t)
	f := a.made(seal.BaselineT)
	answer := func(of, by *x509.Certificate, key crypto.Signer) []byte {
		der, err := ocsp.CreateResponse(by, by, ocsp.Response{
			Status: ocsp.Good, SerialNumber: of.SerialNumber, ThisUpdate: now.Add(time.Minute), NextUpdate: now.Add(24 * time.Hour), IssuerHash: crypto.SHA1,
		}, key)
		a.check(err)
		return der
	}
	tsa := a.tsas[0]
	a.check(f.AddValues(evidence.Values{OCSPs: [][]byte{answer(a.seal.Certificate, a.ca.Certificate, a.ca.Key), answer(tsa.Chain[0], tsa.Root, tsa.RootKey)}}))
	a.stamp(f, evidence.ArchiveTimeStamp, tsa, now.Add(time.Hour))
	v := a.validator(now)
	v.Revocation = nil
	if got := judge(t, v, f, now.Add(2*time.Hour)); got.Err() != nil || got.Level != seal.BaselineLTA {
		t.Errorf("found %s\n%s", got.Level, got.Checks)
	}
}

func TestLevelIncludes(t *testing.T) {
	levels := []seal.Level{seal.NotBaseline, seal.BaselineB, seal.BaselineT, seal.BaselineLT, seal.BaselineLTA}
	for i, l := range levels {
		for j, other := range levels {
			if want := i == j || i > j && j > 0; l.Includes(other) != want {
				t.Errorf("%s includes %s: %t", l, other, !want)
			}
		}
	}
	if seal.IssuerAuth.Includes(seal.BaselineB) || seal.BaselineLTA.Includes(seal.IssuerAuth) {
		t.Error("a level of another format is included")
	}
}

// Who accepts that nothing is known of revocation does not accept an authority
// that has run out, and gets the levels otherwise.
func TestUnknownRevocation(t *testing.T) {
	a := newArchive(t)
	v := a.validator(now)
	v.Revocation, v.InsecureAcceptUnknownRevocation = nil, true
	if got := judge(t, v, a.made(seal.BaselineT), now.Add(year)); got.Err() != nil || got.Level != seal.BaselineT {
		t.Errorf("found %s\n%s", got.Level, got.Checks)
	}
	got := judge(t, v, a.made(seal.BaselineT), now.Add(2*year))
	if !hasFailures(got, seal.CheckTimeStamp+" "+seal.CheckValidity) || got.SubIndication != seal.OutOfBoundsNoPOE {
		t.Errorf("authority expired: %s\n%s", got.SubIndication, got.Checks)
	}
}

// A list from before a theft was known does not help the thief once the
// certificate has run out, if freshness is asked for.
func TestRevocationFreshness(t *testing.T) {
	a := newArchive(t)
	f := a.lift(now)
	a.stamp(f, evidence.SignatureTimeStamp, a.tsas[0], now)
	a.check(f.AddValues(a.values(now.Add(-24 * time.Hour))))
	a.check(f.AddValues(evidence.Values{CRLs: [][]byte{crl(t, a.tsas[0].Root, a.tsas[0].RootKey, now.Add(time.Minute))}}))
	a.stamp(f, evidence.ArchiveTimeStamp, a.tsas[0], now.Add(time.Hour))
	v := a.validator(now.Add(year))
	if got := judge(t, v, f, now.Add(year)); got.Err() != nil || got.Level != seal.BaselineLTA {
		t.Errorf("no freshness asked for: %s\n%s", got.Level, got.Checks)
	}
	v.RevocationFreshness = time.Hour
	if got := judge(t, v, f, now.Add(year)); got.SubIndication != seal.TryLater || !hasFailures(got, seal.CheckRevocation) {
		t.Errorf("a list of the day before: %s\n%s", got.SubIndication, got.Checks)
	}
}

// A signature time-stamp of nobody known proves nothing; the archive time-stamp
// over it proves when the signature existed all the same.
func TestArchiveAloneProves(t *testing.T) {
	a, other := newArchive(t), newArchive(t)
	f := a.made(seal.BaselineB)
	a.stamp(f, evidence.SignatureTimeStamp, other.tsas[0], now)
	a.check(f.AddValues(a.values(now)))
	a.stamp(f, evidence.ArchiveTimeStamp, a.tsas[0], now.Add(time.Hour))
	got := judge(t, a.validator(now.Add(year)), f, now.Add(year))
	if got.Indication != seal.TotalPassed || got.Level != seal.BaselineB || !hasFailures(got, seal.CheckTimeStamp) || !got.BestSignatureTime.Equal(now.Add(time.Hour)) {
		t.Errorf("found %s %s at %s\n%s", got.Indication, got.Level, got.BestSignatureTime, got.Checks)
	}
}

// Nothing is judged without trust or time.
func TestJudgesNothing(t *testing.T) {
	a := newArchive(t)
	f := a.made(seal.BaselineLTA)
	if _, err := new(seal.Validator).ValidateEvidence(context.Background(), f, now); err == nil {
		t.Error("judged without trust")
	}
	if _, err := a.validator(now).ValidateEvidence(context.Background(), f, time.Time{}); err == nil {
		t.Error("judged at no time")
	}
}
