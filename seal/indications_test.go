package seal_test

import (
	"context"
	"crypto/elliptic"
	"crypto/x509"
	"errors"
	"testing"
	"time"

	"github.com/zegel-id/zegel/seal"
	"github.com/zegel-id/zegel/seal/evidence"
	"github.com/zegel-id/zegel/seal/trust"
	"github.com/zegel-id/zegel/seal/trust/devca"
)

// What is said of a seal whose certificate was not valid at the time that counts
// (ETSI EN 319 102-1 V1.4.1, clause 5.5.4, steps 4a, 4b and 4d), as EU DSS says it.
func TestOutOfBounds(t *testing.T) {
	a := newArchive(t)
	c := a.seal.Certificate
	bare := a.made(seal.BaselineB)
	older := old(t, a) // whose certificate began before that of the seal
	stamped := func(at time.Time) *evidence.File {
		f := a.lift(at)
		a.stamp(f, evidence.SignatureTimeStamp, older, at)
		return f
	}
	day := 24 * time.Hour
	published := func(at time.Time, entries ...x509.RevocationListEntry) trust.RevocationSource {
		return a.validator(at, entries...).Revocation
	}
	const open, never = seal.Indeterminate, seal.TotalFailed
	for name, tc := range map[string]struct {
		f      *evidence.File
		at     time.Time
		source trust.RevocationSource
		ind    seal.Indication
		sub    seal.SubIndication
	}{
		"expired, not revoked until then":         {bare, c.NotAfter.Add(day), published(c.NotAfter.Add(-day)), open, seal.OutOfBoundsNotRevoked},
		"expired, revoked before":                 {bare, c.NotAfter.Add(day), published(c.NotAfter.Add(-day), gone(c, now)), open, seal.RevokedNoPOE},
		"expired, a list from after":              {bare, c.NotAfter.Add(day), published(c.NotAfter.Add(time.Hour)), open, seal.OutOfBoundsNoPOE},
		"expired, nothing is known":               {bare, c.NotAfter.Add(day), nil, open, seal.OutOfBoundsNoPOE},
		"stamped when it had expired":             {stamped(c.NotAfter.Add(time.Second)), c.NotAfter.Add(day), published(c.NotAfter.Add(-day)), open, seal.OutOfBoundsNotRevoked},
		"before the certificate, by our clock":    {bare, c.NotBefore.Add(-day), nil, open, seal.OutOfBoundsNoPOE},
		"stamped before the certificate":          {stamped(c.NotBefore.Add(-day)), now, published(now), never, seal.NotYetValid},
		"stamped before it, as clocks may differ": {stamped(c.NotBefore.Add(-time.Second)), now, published(c.NotBefore), open, seal.OutOfBoundsNotRevoked},
	} {
		v := a.validator(tc.at)
		v.Revocation = tc.source
		if tc.f != bare { // the authority that stamped is asked about, too
			v.Revocation = trust.Sources{a.validator(now).Revocation, a.validator(tc.at).Revocation}
			if tc.source != nil {
				v.Revocation = trust.Sources{tc.source, a.validator(tc.at).Revocation}
			}
		}
		got := judge(t, v, tc.f, tc.at)
		if got.Indication != tc.ind || got.SubIndication != tc.sub || got.Path != nil || got.Err() == nil || got.Qualification != seal.NotApplicable {
			t.Errorf("%s: found %s %s\n%s", name, got.Indication, got.SubIndication, got.Checks)
		}
	}
	// Revocation that cannot be asked about ends the judgement.
	v := a.validator(now)
	v.Revocation = unreachable{}
	if _, err := v.ValidateEvidence(t.Context(), bare, c.NotAfter.Add(day)); err == nil {
		t.Error("judged although the question could not be asked")
	}
}

// unreachable is a source that no question can be put to.
type unreachable struct{}

func (unreachable) Revocation(context.Context, *x509.Certificate, *x509.Certificate, time.Time) (trust.RevocationStatus, error) {
	return trust.RevocationStatus{}, errors.New("no way to ask")
}

// below is an archive whose seals are of an authority below a root that stays.
func below(t *testing.T) (*archive, devca.Pair) {
	root := authority("Root")
	root.NotBefore, root.NotAfter = now.Add(-10*year), now.Add(40*year)
	a := newArchive(t)
	top := mint(t, root, nil)
	c := authority("Below")
	c.NotBefore, c.NotAfter = now.Add(-year), now.Add(9*year)
	middle := mint(t, c, &top)
	tmpl := leaf()
	tmpl.NotBefore, tmpl.NotAfter = now.Add(-year/2), now.Add(year/2)
	a.ca, a.seal = top, mint(t, tmpl, &middle)
	return a, middle
}

// The authority of the seals is revoked, below a root that stays. That was before
// the time that counts; or after it, and then what says of the seal that it is good
// must be proven to be older, for the thief of the authority's key can say it too
// (EN 319 102-1, clause 5.6.2.4, step 3).
func TestAuthorityOfSealsRevoked(t *testing.T) {
	a, middle := below(t)
	level := func(to seal.Level) *evidence.File {
		f, err := evidence.Lift(sign(t, a.seal.Key, header(a.seal.Certificate, middle.Certificate), `{"a":1}`))
		a.check(err)
		a.stamp(f, evidence.SignatureTimeStamp, a.tsas[0], now)
		if to.Includes(seal.BaselineLT) {
			v := a.values(now.Add(time.Minute))
			v.CRLs = append(v.CRLs, crl(t, middle.Certificate, middle.Key, now.Add(time.Minute)))
			a.check(f.AddValues(v))
		}
		if to.Includes(seal.BaselineLTA) {
			a.stamp(f, evidence.ArchiveTimeStamp, a.tsas[0], now.Add(time.Hour))
		}
		return f
	}
	stamped, kept, archived := level(seal.BaselineT), level(seal.BaselineLT), level(seal.BaselineLTA)
	const ca = seal.RevokedCANoPOE
	for name, tc := range map[string]struct {
		f     *evidence.File
		since time.Time
		sub   seal.SubIndication
	}{
		"before it was stamped":                       {stamped, now.Add(-time.Minute), ca},
		"before it was stamped, archived":             {archived, now.Add(-time.Minute), ca},
		"after it was stamped, only lists of now":     {stamped, now.Add(time.Minute), ca},
		"after it was stamped, kept and not archived": {kept, now.Add(2 * time.Hour), ca},
		"after it was stamped, before the archive":    {archived, now.Add(30 * time.Minute), ca},
		"when it was archived":                        {archived, now.Add(time.Hour), ""},
		"after it was archived":                       {archived, now.Add(2 * time.Hour), ""},
	} {
		at := now.Add(3 * time.Hour)
		v := a.validator(at, gone(middle.Certificate, tc.since))
		a.check(v.Revocation.(*trust.CRLs).Add(crl(t, middle.Certificate, middle.Key, at), middle.Certificate))
		if got := judge(t, v, tc.f, at); got.SubIndication != tc.sub || (got.Err() == nil) != (tc.sub == "") {
			t.Errorf("%s: found %s %s\n%s", name, got.Indication, got.SubIndication, got.Checks)
		}
	}
}

// Time-stamps whose times contradict each other are told as that, where nothing
// worse is wrong (clause 5.5.4, step 4e).
func TestTimestampOrder(t *testing.T) {
	a := newArchive(t)
	older := a.lift(now.Add(-2 * time.Hour)) // so that the claimed time is before all of them
	a.stamp(older, evidence.SignatureTimeStamp, a.tsas[0], now)
	a.check(older.AddValues(a.values(now)))
	a.stamp(older, evidence.ArchiveTimeStamp, a.tsas[0], now.Add(-time.Hour))
	got := judge(t, a.validator(now.Add(time.Hour)), older, now.Add(time.Hour))
	if got.Indication != seal.Indeterminate || got.SubIndication != seal.TimestampOrderFailure || !hasFailures(got, seal.CheckTimeStamp) || got.Qualification != seal.NotApplicable {
		t.Errorf("found %s %s, failed %v\n%s", got.Indication, got.SubIndication, got.Checks.Failures(), got.Checks)
	}
	// Revoked as well: that is told.
	at := now.Add(time.Hour)
	got = judge(t, a.validator(at, gone(a.seal.Certificate, now.Add(-3*time.Hour))), older, at)
	if got.SubIndication != seal.RevokedNoPOE {
		t.Errorf("found %s %s", got.Indication, got.SubIndication)
	}
	// A time-stamp from the future of our clock contradicts that alone.
	future := a.lift(now)
	a.stamp(future, evidence.SignatureTimeStamp, a.tsas[0], now.Add(2*time.Hour))
	if got := judge(t, a.validator(at), future, at); got.SubIndication != "" || !hasFailures(got, seal.CheckTimeStamp) {
		t.Errorf("found %s %s", got.Indication, got.SubIndication)
	}
}

// Lists and answers are believed while their own algorithms are, at the time at
// which they are proven to exist (clause 5.5.4, step 10; clause 5.6.2.4, step 4).
func TestAlgorithmsOfRevocation(t *testing.T) {
	a := newArchive(t)
	strong := a.anotherAuthority(elliptic.P384())
	made := func(archived bool, v evidence.Values) *evidence.File {
		f := a.made(seal.BaselineB)
		a.stamp(f, evidence.SignatureTimeStamp, strong, now)
		a.check(f.AddValues(v))
		if archived {
			a.stamp(f, evidence.ArchiveTimeStamp, strong, now.Add(time.Hour))
		}
		return f
	}
	values := a.values(now.Add(time.Minute))
	w := &forger{archive: a}
	byAnswer := w.answered(&a.ca)
	byAnswer.CRLs = [][]byte{crl(t, strong.Root, strong.RootKey, now.Add(time.Minute))}
	end := time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC)
	const noPOE = seal.CryptoConstraintsNoPOE
	for name, tc := range map[string]struct {
		f   *evidence.File
		at  time.Time
		sub seal.SubIndication
	}{
		"a list, before the end":     {made(false, values), end.Add(-time.Second), ""},
		"a list, ended":              {made(false, values), end, noPOE},
		"a list, archived before":    {made(true, values), end, ""},
		"an answer, before the end":  {made(false, byAnswer), end.Add(-time.Second), ""},
		"an answer, ended":           {made(false, byAnswer), end, noPOE},
		"an answer, archived before": {made(true, byAnswer), end, ""},
	} {
		v := a.validator(tc.at)
		v.Suite = suite(t, "", "2026-12-01")
		// Nothing is published of the seal; of the authority of time-stamps what is strong.
		crls := trust.NewCRLs(nil, nil)
		a.check(crls.Add(crl(t, strong.Root, strong.RootKey, tc.at), strong.Root))
		v.Revocation = crls
		got := judge(t, v, tc.f, tc.at)
		if got.SubIndication != tc.sub || (got.Err() == nil) != (tc.sub == "") || tc.sub != "" && !hasFailures(got, seal.CheckRevocation) {
			t.Errorf("%s: found %s %s\n%s", name, got.Indication, got.SubIndication, got.Checks)
		}
		// Unknown revocation may be accepted; what is broken is not unknown.
		v.InsecureAcceptUnknownRevocation = true
		if got := judge(t, v, tc.f, tc.at); got.SubIndication != tc.sub {
			t.Errorf("%s, leniently: found %s %s", name, got.Indication, got.SubIndication)
		}
	}
}

// An answer of a responder whose certificate has run out since is believed where a
// time-stamp proves that it is older, or somebody says it again (clause 5.6.2.4).
func TestResponderRanOut(t *testing.T) {
	a := newArchive(t)
	kept := (&forger{archive: a}).answered(&a.ca) // the responder's certificate ends in a month
	made := func(archived bool) *evidence.File {
		f := a.made(seal.BaselineT)
		a.check(f.AddValues(kept))
		if archived {
			a.stamp(f, evidence.ArchiveTimeStamp, a.tsas[0], now.Add(time.Hour))
		}
		return f
	}
	end := now.AddDate(0, 1, 0)
	for name, tc := range map[string]struct {
		f         *evidence.File
		at        time.Time
		published bool
		sub       seal.SubIndication
	}{
		"at the end":                {made(false), end, false, ""},
		"past the end":              {made(false), end.Add(time.Second), false, seal.RevocationOutOfBoundsNoPOE},
		"past the end, archived":    {made(true), end.Add(time.Second), false, ""},
		"past the end, a list now":  {made(false), end.Add(time.Second), true, ""},
		"archived, and a list, too": {made(true), end.Add(time.Second), true, ""},
	} {
		v := a.validator(tc.at)
		if !tc.published { // nothing of the seal, and what is known of the authority of time-stamps
			crls := trust.NewCRLs(nil, nil)
			a.check(crls.Add(crl(t, a.tsas[0].Root, a.tsas[0].RootKey, tc.at), a.tsas[0].Root))
			v.Revocation = crls
		}
		got := judge(t, v, tc.f, tc.at)
		if got.SubIndication != tc.sub || (got.Err() == nil) != (tc.sub == "") || tc.sub != "" && (got.Indication != seal.Indeterminate || !hasFailures(got, seal.CheckRevocation)) {
			t.Errorf("%s: found %s %s\n%s", name, got.Indication, got.SubIndication, got.Checks)
		}
	}
}
