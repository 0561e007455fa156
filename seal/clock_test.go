package seal_test

import (
	"crypto/x509"
	"testing"
	"time"

	"github.com/zegel-id/zegel/internal/tsltest"
	"github.com/zegel-id/zegel/seal"
	"github.com/zegel-id/zegel/seal/evidence"
)

// What time does to seals (ETSI EN 319 102-1, clauses 5.5 and 5.6; TS 119 615). All
// were made on 2026-11-23 (now), with a certificate until half a year later, stamped
// within the hour, and archived an hour after that by the first of three authorities,
// whose certificates last a year and a half, two and a half, and three and a half.
// Published lists of revocation are an instant old; so are trusted lists.
func TestClock(t *testing.T) {
	a, u := newArchive(t), newUnion(t)
	sealCA, c := a.ca.Certificate, a.seal.Certificate
	tsa, next := a.tsas[0].Chain[0], a.tsas[1].Chain[0]
	b, stamped := a.made(seal.BaselineB), a.made(seal.BaselineT)
	lt, lta := a.made(seal.BaselineLT), a.made(seal.BaselineLTA)
	again := a.again(a.made(seal.BaselineLTA), a.tsas[1], now.Add(year))
	twice := a.again(a.again(a.made(seal.BaselineLTA), a.tsas[1], now.Add(year)), a.tsas[2], now.Add(2*year))
	tooLate := a.again(a.made(seal.BaselineLTA), a.tsas[1], now.Add(2*year))

	// What the list of the country says of the authority of seals, in a list as old.
	type listed struct {
		service tsltest.Service
		age     time.Duration
	}
	const hour = time.Hour
	service := func(since time.Time, history ...tsltest.Service) tsltest.Service {
		s := forSeals(sealCA, since, history...)
		device := tsltest.Qualified(true, tsltest.Criteria("all", tsltest.KeyUsage("nonRepudiation", true)), "QCWithQSCD")
		s.Extensions = append(s.Extensions, device)
		for i := range s.History {
			s.History[i].Extensions = append(s.History[i].Extensions, device)
		}
		return s
	}
	ago := now.Add(-9 * year)
	granted := listed{service(ago), hour}
	withdrawn := func(since time.Time) listed { return listed{takenAway(service(since, service(ago))), hour} }

	revoked := func(c *x509.Certificate, since time.Time) []x509.RevocationListEntry {
		return []x509.RevocationListEntry{gone(c, since)}
	}
	const passed, open = seal.TotalPassed, seal.Indeterminate
	const qualified, advanced, none = seal.QESeal, seal.AdESeal, seal.NotApplicable
	const stamp, archiveStamp, validity, revocation = seal.CheckTimeStamp, seal.CheckArchiveStamp, seal.CheckValidity, seal.CheckRevocation
	const tryLater, noPOE, revokedNoPOE = seal.TryLater, seal.OutOfBoundsNoPOE, seal.RevokedNoPOE
	day := now.Add(24 * hour)
	for _, tc := range []struct {
		name    string
		f       *evidence.File
		at      time.Time
		revoked []x509.RevocationListEntry
		list    listed
		ind     seal.Indication
		sub     seal.SubIndication
		level   seal.Level
		worth   seal.Qualification
		failed  string
	}{
		{"B, in its time", b, day, nil, granted, passed, "", seal.BaselineB, qualified, ""},
		{"LTA, in its time", lta, day, nil, granted, passed, "", seal.BaselineLTA, qualified, ""},

		// The certificate of the seal runs out. What is published then says nothing of
		// it any more; what was kept does.
		{"expired, without a time-stamp", b, now.Add(year), nil, granted, open, noPOE, seal.BaselineB, none, validity},
		{"expired, stamped", stamped, now.Add(year), nil, granted, open, tryLater, seal.BaselineT, none, revocation},
		{"expired, stamped, values kept", lt, now.Add(year), nil, granted, passed, "", seal.BaselineLT, qualified, ""},
		{"expired, archived", lta, now.Add(year), nil, granted, passed, "", seal.BaselineLTA, qualified, ""},

		// It is revoked.
		{"revoked, without a time-stamp", b, day, revoked(c, now.Add(time.Minute)), granted, open, revokedNoPOE, seal.BaselineB, none, revocation},
		{"revoked before it was stamped", stamped, day, revoked(c, now.Add(-time.Minute)), granted, open, revokedNoPOE, seal.BaselineT, none, revocation},
		{"revoked at the very time", stamped, day, revoked(c, now), granted, open, revokedNoPOE, seal.BaselineT, none, revocation},
		{"revoked after it was stamped", stamped, day, revoked(c, now.Add(time.Second)), granted, passed, "", seal.BaselineT, qualified, ""},
		{"revoked before, and told after it was archived", lta, day, revoked(c, now.Add(-time.Minute)), granted, open, revokedNoPOE, seal.BaselineLTA, none, revocation},
		{"revoked since nobody knows when", lta, day, revoked(c, time.Unix(0, 0)), granted, open, revokedNoPOE, seal.BaselineLTA, none, revocation},

		// The authority that stamped runs out.
		{"authority expired, stamped", stamped, now.Add(2 * year), nil, granted, open, noPOE, seal.BaselineB, none, stamp + " " + validity},
		{"authority expired, archived", lta, now.Add(2 * year), nil, granted, open, noPOE, seal.BaselineB, none, archiveStamp + " " + stamp + " " + validity},
		{"authority expired, stamped again", again, now.Add(2 * year), nil, granted, passed, "", seal.BaselineLTA, qualified, ""},
		{"both expired, stamped again", again, now.Add(3 * year), nil, granted, open, noPOE, seal.BaselineB, none, archiveStamp + " " + archiveStamp + " " + stamp + " " + validity},
		{"both expired, stamped twice", twice, now.Add(3 * year), nil, granted, passed, "", seal.BaselineLTA, qualified, ""},
		{"stamped again when it had expired", tooLate, now.Add(2*year + hour), nil, granted, open, noPOE, seal.BaselineB, none, archiveStamp + " " + stamp + " " + validity},

		// It is revoked. Nothing says that its tokens are not of who stole its key, but
		// those that another had stamped before.
		{"authority revoked, stamped", stamped, day, revoked(tsa, now.Add(time.Minute)), granted, passed, "", seal.BaselineB, qualified, stamp},
		{"authority revoked, archived", lta, day, revoked(tsa, now.Add(2*hour)), granted, passed, "", seal.BaselineB, qualified, archiveStamp + " " + stamp},
		{"authority revoked since, stamped again", again, now.Add(year + 2*hour), revoked(tsa, now.Add(year+hour)), granted, passed, "", seal.BaselineLTA, qualified, ""},
		{"last authority revoked", again, now.Add(year + 2*hour), revoked(next, now.Add(year+hour)), granted, passed, "", seal.BaselineLTA, qualified, archiveStamp},

		// The trusted lists.
		{"list expired", lta, day, nil, listed{service(ago), 4 * 31 * 24 * hour}, passed, "", seal.BaselineLTA, none, ""},
		{"service withdrawn before it was stamped", lta, day, nil, withdrawn(now.Add(-time.Second)), passed, "", seal.BaselineLTA, advanced, ""},
		{"service withdrawn after it was stamped", lta, day, nil, withdrawn(now.Add(time.Second)), passed, "", seal.BaselineLTA, qualified, ""},
		{"service withdrawn after, without a time-stamp", b, day, nil, withdrawn(now.Add(time.Second)), passed, "", seal.BaselineB, advanced, ""},
		{"service withdrawn after, and all expired", twice, now.Add(3 * year), nil, withdrawn(now.Add(time.Second)), passed, "", seal.BaselineLTA, qualified, ""},
		{"service granted after the certificate was issued", lta, day, nil, listed{service(c.NotBefore.Add(time.Second)), hour}, passed, "", seal.BaselineLTA, advanced, ""},
		{"service granted when the certificate was issued", lta, day, nil, listed{service(c.NotBefore), hour}, passed, "", seal.BaselineLTA, qualified, ""},
		{"service granted after it was sealed", lta, day, nil, listed{service(now.Add(time.Second)), hour}, passed, "", seal.BaselineLTA, advanced, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			v := a.validator(tc.at, tc.revoked...)
			v.Lists = u.lists(t, tc.at.Add(-tc.list.age), "BE", tc.list.service)
			got := judge(t, v, tc.f, tc.at)
			if got.Indication != tc.ind || got.SubIndication != tc.sub || got.Level != tc.level || got.Qualification != tc.worth || !hasFailures(got, tc.failed) || (got.Err() == nil) != (tc.failed == "") {
				t.Errorf("found %s %s %s %s, failed %v\n%s", got.Indication, got.SubIndication, got.Level, got.Qualification, got.Checks.Failures(), got.Checks)
			}
		})
	}
}
