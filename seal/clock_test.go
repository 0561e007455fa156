package seal_test

import (
	"crypto/x509"
	"testing"
	"time"

	"github.com/zegel-id/zegel/seal"
	"github.com/zegel-id/zegel/seal/evidence"
)

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
