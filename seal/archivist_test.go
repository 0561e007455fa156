package seal_test

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"strings"
	"testing"
	"time"

	"github.com/zegel-id/zegel/seal"
	"github.com/zegel-id/zegel/seal/evidence"
	"github.com/zegel-id/zegel/seal/trust"
	"github.com/zegel-id/zegel/seal/tsp"
)

// archivist is one at a time, with the authority of that year.
func (a *archive) archivist(tsa int, at time.Time, entries ...x509.RevocationListEntry) *seal.Archivist {
	v := a.validator(at, entries...)
	authority := *a.tsas[tsa]
	authority.Now = func() time.Time { return at }
	return &seal.Archivist{
		Trust: v.Trust, Lists: v.Revocation.(*trust.CRLs), Now: authority.Now,
		Stamper: &tsp.Client{HTTP: &authority, Trust: v.Trust, Random: rand.Reader, Now: authority.Now, Authorities: []tsp.Authority{{URL: "https://tsa.example/"}}},
	}
}

// Evidence is lifted level by level or at once, stamped again, and holds after
// everybody has gone.
func TestArchivist(t *testing.T) {
	a := newArchive(t)
	ctx := context.Background()
	for _, steps := range [][]seal.Level{{seal.BaselineT, seal.BaselineLT, seal.BaselineLTA}, {seal.BaselineLTA}, {seal.BaselineB, seal.BaselineLTA, seal.BaselineT}} {
		f, first := a.lift(now), a.archivist(0, now)
		for _, level := range steps {
			if err := first.Lift(ctx, f, level); err != nil {
				t.Fatalf("%s: %v", level, err)
			}
			got := judge(t, a.validator(now), f, now.Add(time.Second))
			if got.Err() != nil || !got.Level.Includes(level) {
				t.Fatalf("%s: found %s\n%s", level, got.Level, got.Checks)
			}
		}
		if len(f.Elements()) != 4 {
			t.Errorf("%v: %d elements", steps, len(f.Elements()))
		}
		for i, at := range []time.Time{now.Add(year), now.Add(2 * year)} {
			if err := a.archivist(i+1, at).Renew(ctx, f); err != nil {
				t.Fatal(err)
			}
		}
		b, err := f.Marshal(evidence.General)
		if err != nil {
			t.Fatal(err)
		}
		at := now.Add(3 * year)
		got, _, err := a.validator(at).ValidateJSON(ctx, b, "dc+sd-jwt", at)
		if err != nil || got.Err() != nil || got.Level != seal.BaselineLTA || !got.BestSignatureTime.Equal(now) {
			t.Errorf("%v: found %s, %v\n%s", steps, got.Level, err, got.Checks)
		}
	}
}

// The wallet unit computes the imprint and adds the token; who fetched it saw a
// digest.
func TestStampedElsewhere(t *testing.T) {
	a := newArchive(t)
	f := a.made(seal.BaselineLTA)
	at := now.Add(year)
	if err := f.AddValues(a.values(at.Add(-time.Hour))); err != nil {
		t.Fatal(err)
	}
	imprint, err := f.Imprint(evidence.ArchiveTimeStamp, crypto.SHA512)
	if err != nil {
		t.Fatal(err)
	}
	token, err := a.archivist(1, at).Stamper.Stamp(context.Background(), crypto.SHA512, imprint)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.AddTimeStamp(evidence.ArchiveTimeStamp, token.Raw); err != nil {
		t.Fatal(err)
	}
	if got := judge(t, a.validator(at.Add(year)), f, at.Add(year)); got.Err() != nil || got.Level != seal.BaselineLTA {
		t.Errorf("found %s\n%s", got.Level, got.Checks)
	}
}

func TestArchivistRefuses(t *testing.T) {
	a, other := newArchive(t), newArchive(t)
	revoked := a.archivist(0, now, gone(a.seal.Certificate, now.Add(-time.Hour)))
	later := a.archivist(0, now.Add(year))
	unknown := a.archivist(0, now)
	unknown.Lists = trust.NewCRLs(nil, nil)
	down := a.archivist(0, now)
	down.Stamper.(*tsp.Client).Authorities[0].URL = "://"
	for name, tc := range map[string]struct {
		by    *seal.Archivist
		f     *evidence.File
		do    func(*seal.Archivist, *evidence.File) error
		says  string
		added int
	}{
		"nothing configured":      {&seal.Archivist{}, a.lift(now), nil, "needs", 0},
		"a level of another kind": {a.archivist(0, now), a.lift(now), lift(seal.IssuerAuth), "no level", 0},
		"no authority answers":    {down, a.lift(now), nil, "address", 0},
		"seal revoked":            {revoked, a.lift(now), nil, "is revoked", 1},
		"nobody knows":            {unknown, a.lift(now), nil, "is unknown", 1},
		"seal not trusted":        {other.archivist(0, now), a.lift(now), nil, "no certificate chain", 1},
		"certificate expired":     {later, a.lift(now), nil, "not valid at this time", 1},
		"nothing to renew":        {a.archivist(0, now), a.made(seal.BaselineLT), renew, "no archive time-stamp", 0},
	} {
		do := tc.do
		if do == nil {
			do = lift(seal.BaselineLTA)
		}
		before := len(tc.f.Elements())
		err := do(tc.by, tc.f)
		if err == nil || !strings.Contains(err.Error(), tc.says) || len(tc.f.Elements()) != before+tc.added {
			t.Errorf("%s: %v, %d elements added", name, err, len(tc.f.Elements())-before)
		}
	}
}

func renew(a *seal.Archivist, f *evidence.File) error { return a.Renew(context.Background(), f) }

func lift(level seal.Level) func(*seal.Archivist, *evidence.File) error {
	return func(a *seal.Archivist, f *evidence.File) error { return a.Lift(context.Background(), f, level) }
}
