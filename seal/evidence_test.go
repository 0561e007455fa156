package seal_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ocsp"

	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/internal/testvectors"
	"github.com/zegel-id/zegel/seal"
	"github.com/zegel-id/zegel/seal/evidence"
	"github.com/zegel-id/zegel/seal/trust"
	"github.com/zegel-id/zegel/seal/tsp/devtsa"
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

// What time does to evidence (ETSI EN 319 102-1, clauses 5.5 and 5.6).
func TestClock(t *testing.T) {
	a := newArchive(t)
	tsa, next := a.tsas[0].Chain[0], a.tsas[1].Chain[0]
	const stamp, archiveStamp = seal.CheckTimeStamp, seal.CheckArchiveStamp
	restamped := func() *evidence.File { return a.again(a.made(seal.BaselineLTA), a.tsas[1], now.Add(year)) }
	for name, tc := range map[string]struct {
		f       *evidence.File
		at      time.Time
		revoked []x509.RevocationListEntry
		sub     seal.SubIndication
		level   seal.Level
		failed  string
	}{
		"B, certificate expired": {a.made(seal.BaselineB), now.Add(year), nil, seal.OutOfBoundsNoPOE, seal.BaselineB, seal.CheckValidity},
		// What is published now says nothing of certificates that have run out.
		"T, certificate expired":    {a.made(seal.BaselineT), now.Add(year), nil, seal.TryLater, seal.BaselineT, seal.CheckRevocation},
		"LT, certificate expired":   {a.made(seal.BaselineLT), now.Add(year), nil, "", seal.BaselineLT, ""},
		"LTA, certificate expired":  {a.made(seal.BaselineLTA), now.Add(year), nil, "", seal.BaselineLTA, ""},
		"B, revoked since":          {a.made(seal.BaselineB), now.Add(time.Hour), []x509.RevocationListEntry{gone(a.seal.Certificate, now.Add(time.Minute))}, seal.RevokedNoPOE, seal.BaselineB, seal.CheckRevocation},
		"T, revoked after":          {a.made(seal.BaselineT), now.Add(time.Hour), []x509.RevocationListEntry{gone(a.seal.Certificate, now.Add(time.Minute))}, "", seal.BaselineT, ""},
		"T, revoked before":         {a.made(seal.BaselineT), now.Add(time.Hour), []x509.RevocationListEntry{gone(a.seal.Certificate, now.Add(-time.Minute))}, seal.RevokedNoPOE, seal.BaselineT, seal.CheckRevocation},
		"LTA, revoked before":       {a.made(seal.BaselineLTA), now.Add(2 * time.Hour), []x509.RevocationListEntry{gone(a.seal.Certificate, now.Add(-time.Minute))}, seal.RevokedNoPOE, seal.BaselineLTA, seal.CheckRevocation},
		"T, authority expired":      {a.made(seal.BaselineT), now.Add(2 * year), nil, seal.OutOfBoundsNoPOE, seal.BaselineB, stamp + " " + seal.CheckValidity},
		"LTA, authority expired":    {a.made(seal.BaselineLTA), now.Add(2 * year), nil, seal.OutOfBoundsNoPOE, seal.BaselineB, archiveStamp + " " + stamp + " " + seal.CheckValidity},
		"stamped again":             {restamped(), now.Add(2 * year), nil, "", seal.BaselineLTA, ""},
		"stamped again, both gone":  {restamped(), now.Add(3 * year), nil, seal.OutOfBoundsNoPOE, seal.BaselineB, archiveStamp + " " + archiveStamp + " " + stamp + " " + seal.CheckValidity},
		"stamped twice":             {a.again(restamped(), a.tsas[2], now.Add(2*year)), now.Add(3 * year), nil, "", seal.BaselineLTA, ""},
		"stamped again too late":    {a.again(a.made(seal.BaselineLTA), a.tsas[1], now.Add(2*year)), now.Add(2*year + time.Hour), nil, seal.OutOfBoundsNoPOE, seal.BaselineB, archiveStamp + " " + stamp + " " + seal.CheckValidity},
		"LTA, authority revoked":    {a.made(seal.BaselineLTA), now.Add(2 * time.Hour), []x509.RevocationListEntry{gone(tsa, now.Add(90*time.Minute))}, "", seal.BaselineB, archiveStamp + " " + stamp},
		"revoked after stamp again": {restamped(), now.Add(year + 2*time.Hour), []x509.RevocationListEntry{gone(tsa, now.Add(year+time.Hour))}, "", seal.BaselineLTA, ""},
		"last authority revoked":    {restamped(), now.Add(year + 2*time.Hour), []x509.RevocationListEntry{gone(next, now.Add(year+time.Hour))}, "", seal.BaselineLTA, archiveStamp},
	} {
		t.Run(name, func(t *testing.T) {
			got := judge(t, a.validator(tc.at, tc.revoked...), tc.f, tc.at)
			ind := seal.Indeterminate
			if tc.sub == "" {
				ind = seal.TotalPassed
			}
			if got.Indication != ind || got.SubIndication != tc.sub || got.Level != tc.level || !hasFailures(got, tc.failed) || (got.Err() == nil) != (tc.failed == "") {
				t.Errorf("found %s %s %s, failed %v\n%s", got.Indication, got.SubIndication, got.Level, got.Checks.Failures(), got.Checks)
			}
		})
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

// Forgeries are refused, each by the check that is for it.
func TestForgeries(t *testing.T) {
	a := newArchive(t)
	other := newArchive(t)
	good := a.made(seal.BaselineLTA)
	e := texts(good)
	donor := a.lift(now.Add(time.Second)) // another seal of the same certificate
	a.stamp(donor, evidence.SignatureTimeStamp, a.tsas[0], now)
	restamped := texts(a.again(a.made(seal.BaselineLTA), a.tsas[1], now.Add(2*time.Hour)))
	at := now.Add(3 * time.Hour)

	doubled := jose.Encode(bytes.Replace(decoded(t, e[0]), []byte(`[{`), []byte(`[{"val":"MAA="},{`), 1))
	strange := a.made(seal.BaselineLT)
	foreign := a.made(seal.BaselineB)
	a.stamp(foreign, evidence.SignatureTimeStamp, other.tsas[0], now)
	early := a.lift(now)
	a.stamp(early, evidence.SignatureTimeStamp, a.tsas[0], now.Add(-10*time.Minute))
	beforeCert := a.lift(now.Add(-year / 2))
	a.stamp(beforeCert, evidence.SignatureTimeStamp, old(t, a), now.Add(-year))
	future := a.made(seal.BaselineB)
	a.stamp(future, evidence.SignatureTimeStamp, a.tsas[0], at.Add(time.Hour))
	disordered := a.made(seal.BaselineLT)
	a.stamp(disordered, evidence.ArchiveTimeStamp, a.tsas[0], now.Add(-time.Hour))
	// Values of the authority alone, and an archive time-stamp before the values.
	partial := a.made(seal.BaselineT)
	a.check(partial.AddValues(evidence.Values{CRLs: [][]byte{crl(t, a.tsas[0].Root, a.tsas[0].RootKey, now)}}))
	emptied := a.made(seal.BaselineT)
	imprint, err := emptied.Imprint(evidence.ArchiveTimeStamp, crypto.SHA256)
	a.check(err)
	token, err := a.tsas[0].Token(devtsa.Stamp{Hash: crypto.SHA256, Imprint: imprint, Time: now.Add(time.Hour)})
	a.check(err)
	nothing := jose.Encode([]byte(`{"arcTst":{"tstTokens":[{"val":"` + base64.StdEncoding.EncodeToString(token) + `"}]}}`))
	// Archived by one authority and again by another, nothing kept of the first.
	gap := a.made(seal.BaselineT)
	v := a.values(now.Add(time.Minute))
	v.CRLs = v.CRLs[:2] // of the seal's authority and of the one that stamped first
	a.check(gap.AddValues(v))
	a.stamp(gap, evidence.ArchiveTimeStamp, a.tsas[3], now.Add(time.Hour))
	a.stamp(gap, evidence.ArchiveTimeStamp, a.tsas[0], now.Add(2*time.Hour))
	resealed := func(bend func(map[string]any)) []byte {
		h := header(a.seal.Certificate)
		bend(h)
		compact := strings.Split(sign(t, a.seal.Key, h, `{"a":1}`), ".")
		b, err := json.Marshal(map[string]any{"payload": compact[1], "protected": compact[0], "signature": compact[2], "header": map[string]any{"etsiU": e[:1]}})
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	changed, err := good.Marshal(evidence.Flattened)
	if err != nil {
		t.Fatal(err)
	}
	changed = bytes.Replace(changed, []byte(jose.Encode([]byte(`{"a":1}`))), []byte(jose.Encode([]byte(`{"a":2}`))), 1)

	const stamp, archiveStamp = seal.CheckTimeStamp, seal.CheckArchiveStamp
	for name, tc := range map[string]struct {
		in     []byte
		sub    seal.SubIndication
		level  seal.Level
		failed string
	}{
		"as it was made":                    {with(t, good, e...), "", seal.BaselineLTA, ""},
		"values of the authority alone":     {with(t, partial, texts(partial)...), "", seal.BaselineT, ""},
		"archive time-stamp before values":  {with(t, emptied, texts(emptied)[0], nothing, e[1], e[2]), "", seal.BaselineLT, ""},
		"values of an archive missing":      {with(t, gap, texts(gap)...), "", seal.BaselineT, ""},
		"etsiU stripped":                    {with(t, good), "", seal.BaselineB, ""},
		"archive time-stamp stripped":       {with(t, good, e[:3]...), "", seal.BaselineLT, ""},
		"values stripped":                   {with(t, good, e[0], e[3]), "", seal.BaselineT, archiveStamp},
		"certificates stripped":             {with(t, good, e[0], e[2], e[3]), "", seal.BaselineLT, archiveStamp},
		"signature time-stamp stripped":     {with(t, good, e[1:]...), "", seal.BaselineB, archiveStamp},
		"elements in another order":         {with(t, good, e[0], e[2], e[1], e[3]), "", seal.BaselineLT, archiveStamp},
		"archive time-stamp moved":          {with(t, good, e[0], e[1], e[3], e[2]), "", seal.BaselineLT, archiveStamp},
		"values exchanged":                  {with(t, good, e[0], e[1], texts(strange)[2], e[3]), "", seal.BaselineLT, archiveStamp},
		"first archive time-stamp stripped": {with(t, good, append(append([]string{}, restamped[:3]...), restamped[4:]...)...), "", seal.BaselineLT, archiveStamp},
		"time-stamp of another seal":        {with(t, good, texts(donor)[0]), "", seal.BaselineB, stamp},
		"archive time-stamp as signature's": {with(t, good, retitled(t, e[3], "arcTst", "sigTst")), "", seal.BaselineB, stamp},
		"two tokens in a time-stamp":        {with(t, good, doubled), seal.FormatFailure, seal.NotBaseline, seal.CheckFormat},
		"authority not trusted":             {with(t, foreign, texts(foreign)...), "", seal.BaselineB, stamp},
		"stamped before it was sealed":      {with(t, early, texts(early)...), seal.SigConstraintsFailure, seal.BaselineT, seal.CheckAttributes},
		"stamped before the certificate":    {with(t, beforeCert, texts(beforeCert)...), seal.OutOfBoundsNoPOE, seal.BaselineT, seal.CheckValidity + " " + seal.CheckAttributes},
		"stamped in the future":             {with(t, future, texts(future)...), "", seal.BaselineB, stamp},
		"archived before it was stamped":    {with(t, disordered, texts(disordered)...), seal.SigConstraintsFailure, seal.BaselineB, stamp + " " + seal.CheckAttributes},
		"another payload":                   {changed, seal.HashFailure, seal.NotBaseline, seal.CheckSignature},
		"certificate swapped":               {resealed(func(h map[string]any) { h["x5c"] = jose.EncodeX5C([]*x509.Certificate{other.seal.Certificate}) }), seal.NoSigningCertificateFound, seal.NotBaseline, seal.CheckCertificate},
		"no certificate":                    {resealed(func(h map[string]any) { delete(h, "x5c") }), seal.NoSigningCertificateFound, seal.NotBaseline, seal.CheckCertificate},
		"unknown crit":                      {resealed(func(h map[string]any) { h["crit"], h["foo"] = []string{"foo"}, 1 }), seal.FormatFailure, seal.NotBaseline, seal.CheckFormat},
		"another typ":                       {resealed(func(h map[string]any) { h["typ"] = "vc+jwt" }), seal.FormatFailure, seal.NotBaseline, seal.CheckFormat},
		"sigT with iat":                     {resealed(func(h map[string]any) { h["sigT"] = "2026-11-23T12:00:00Z" }), seal.SigConstraintsFailure, seal.NotBaseline, stamp + " " + seal.CheckAttributes + " " + seal.CheckBaseline},
		"no reference":                      {resealed(func(h map[string]any) { delete(h, "x5t#S256") }), "", seal.NotBaseline, stamp + " " + seal.CheckBaseline},
		"detached":                          {resealed(func(h map[string]any) { h["sigD"] = map[string]any{} }), seal.SignedDataNotFound, seal.NotBaseline, seal.CheckFormat},
	} {
		t.Run(name, func(t *testing.T) {
			got, _, err := a.validator(at).ValidateJSON(context.Background(), tc.in, "dc+sd-jwt", at)
			if err != nil {
				t.Fatal(err)
			}
			if got.SubIndication != tc.sub || got.Level != tc.level || !hasFailures(got, tc.failed) || (got.Err() == nil) != (tc.failed == "") {
				t.Errorf("found %s %s %s, failed %v\n%s", got.Indication, got.SubIndication, got.Level, got.Checks.Failures(), got.Checks)
			}
		})
	}
	if _, err := new(seal.Validator).ValidateEvidence(context.Background(), good, at); err == nil {
		t.Error("judged without trust")
	}
	if _, err := a.validator(at).ValidateEvidence(context.Background(), good, time.Time{}); err == nil {
		t.Error("judged at no time")
	}
}

func decoded(t testing.TB, text string) []byte {
	b, err := jose.Decode(text)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// retitled is an element under another name.
func retitled(t testing.TB, text, from, to string) string {
	return jose.Encode(bytes.Replace(decoded(t, text), []byte(from), []byte(to), 1))
}

// old is an authority before the first one, trusted as it.
func old(t testing.TB, a *archive) *devtsa.Authority {
	tsa, err := devtsa.New(devtsa.Options{Now: clock, NotBefore: now.Add(-2 * year), NotAfter: now.Add(year)})
	if err != nil {
		t.Fatal(err)
	}
	a.tsas = append(a.tsas, tsa)
	return tsa
}
