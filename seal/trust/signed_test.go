package trust_test

import (
	"crypto/x509"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ocsp"

	"github.com/zegel-id/zegel/seal/trust"
	"github.com/zegel-id/zegel/seal/trust/devocsp"
)

// ending is a suite in which P-256 ends at midnight after the time of the tests;
// without is one that never had it.
func ending(t testing.TB) (s *trust.Suite, end time.Time) {
	t.Helper()
	end = now.UTC().Truncate(24*time.Hour).AddDate(0, 0, 1)
	s, err := trust.ParseSuite([]byte(`{"version":"of the tests","digests":[{"name":"SHA-256"}],"keys":[{"name":"ECDSA","bits":384},{"name":"ECDSA","bits":256,"until":"` + end.Format(time.DateOnly) + `"}]}`))
	if err != nil {
		t.Fatal(err)
	}
	return s, end
}

func without(t testing.TB) *trust.Suite {
	t.Helper()
	s, err := trust.ParseSuite([]byte(`{"version":"without","digests":[{"name":"SHA-256"}],"keys":[{"name":"ECDSA","bits":384}]}`))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// Lists and answers that are published are believed while their own algorithms are,
// today: whoever can forge one today can write any day on it. That somebody was
// revoked is not taken back.
func TestPublishedAlgorithms(t *testing.T) {
	s, end := ending(t)
	long := func(l *x509.RevocationList) { l.NextUpdate = end.AddDate(0, 1, 0) }
	ca := mint(t, authority("CA"), nil)
	good, gone := mint(t, leaf("Good"), &ca), mint(t, leaf("Gone"), &ca)
	list := crlOf(t, ca, long, entry(gone, now.Add(-time.Second), 1))
	tmpl := leaf("Leaf")
	tmpl.OCSPServer = []string{responderURL}
	answered := mint(t, tmpl, &ca)
	for name, tc := range map[string]struct {
		suite   *trust.Suite
		clock   time.Time
		at      time.Time
		believe bool
	}{
		"before the end":                      {s, end.Add(-time.Second), now, true},
		"after the end":                       {s, end, now, false},
		"asked about a time after the end":    {s, now, end, false},
		"not in the suite":                    {without(t), now, now, false},
		"by the default suite, no end is set": {nil, end, now, true},
	} {
		clock := func() time.Time { return tc.clock }
		crls := trust.NewCRLs(nil, clock)
		crls.Suite = tc.suite
		if err := crls.Add(list, ca.cert); err != nil {
			t.Fatal(err)
		}
		got, value, err := crls.RevocationValue(t.Context(), good.cert, ca.cert, tc.at)
		if err != nil || (got.State == trust.Good) != tc.believe || got.Ended == tc.believe || value.CRL == nil {
			t.Errorf("a list, %s: %+v, %v", name, got, err)
		}
		if kept, _ := crls.Kept(good.cert, ca.cert, tc.at); kept.State != got.State {
			t.Errorf("a list that is kept, %s: %+v", name, kept)
		}
		if got := ask(t, crls, gone, ca, tc.at); got.State != trust.Revoked {
			t.Errorf("revoked, %s: %+v", name, got)
		}
		responder := &devocsp.Responder{Issuer: ca.cert, Certificate: ca.cert, Key: ca.key, Now: clock, Bend: func(a *devocsp.Answer) { a.ThisUpdate, a.NextUpdate = now, end.AddDate(0, 1, 0) }}
		r := trust.NewResponders(responder, nil, clock)
		r.Suite = tc.suite
		got, _, err = r.RevocationValue(t.Context(), answered.cert, ca.cert, tc.at)
		if err != nil || (got.State == trust.Good) != tc.believe || got.Ended == tc.believe {
			t.Errorf("an answer, %s: %+v, %v", name, got, err)
		}
		if kept, _ := r.Kept(answered.cert, ca.cert, tc.at); kept.State != got.State {
			t.Errorf("an answer that is kept, %s: %+v", name, kept)
		}
		// The next source stands in for one that is not believed, and what is left
		// unknown says why.
		both := trust.Preferred{crls, r}
		got, _, err = both.RevocationValue(t.Context(), answered.cert, ca.cert, tc.at)
		if err != nil || (got.State == trust.Good) != tc.believe || got.Ended == tc.believe || !tc.believe && strings.Count(got.Detail, "cannot be believed") != 2 {
			t.Errorf("both, %s: %+v, %v", name, got, err)
		}
	}
	// A list that has ended, and an answer of a responder that has not.
	weak := trust.NewCRLs(nil, func() time.Time { return end })
	weak.Suite = s
	if err := weak.Add(list, ca.cert); err != nil {
		t.Fatal(err)
	}
	responder := &devocsp.Responder{Issuer: ca.cert, Certificate: ca.cert, Key: ca.key, Now: clock, Bend: func(a *devocsp.Answer) { a.NextUpdate = end.AddDate(0, 1, 0) }}
	if got, err := (trust.Preferred{weak, trust.NewResponders(responder, nil, func() time.Time { return end })}).Revocation(t.Context(), answered.cert, ca.cert, now); err != nil || got.State != trust.Good {
		t.Errorf("the responder does not stand in: %+v, %v", got, err)
	}
}

// A delegate's answer hangs on its certificate as well.
func TestDelegatedAlgorithms(t *testing.T) {
	s, end := ending(t)
	ca := mint(t, authority("CA"), nil)
	c := mint(t, leaf("Leaf"), &ca)
	der := answer(t, ca, responder(t, ca, nil), c, func(r *ocsp.Response) { r.NextUpdate = end.AddDate(0, 1, 0) })
	for at, want := range map[time.Time]trust.State{end.Add(-time.Second): trust.Good, end: trust.Unknown} {
		a := trust.NewArchive(nil, [][]byte{der})
		a.Suite = s
		if got, err := a.Revocation(t.Context(), c.cert, ca.cert, at); err != nil || got.State != want || got.Ended != (want == trust.Unknown) {
			t.Errorf("%s: %+v, %v", at, got, err)
		}
	}
}

// A delegate's answer hangs on how long its certificate lasts, but for that somebody
// was revoked.
func TestDelegateRanOut(t *testing.T) {
	ca := mint(t, authority("CA"), nil)
	by := responder(t, ca, nil)
	c := mint(t, leaf("Leaf"), &ca)
	end := by.cert.NotAfter
	long := func(r *ocsp.Response) { r.NextUpdate = end.AddDate(0, 1, 0) }
	good := answer(t, ca, by, c, long)
	gone := answer(t, ca, by, c, func(r *ocsp.Response) {
		long(r)
		r.Status, r.RevokedAt = ocsp.Revoked, now.Add(-time.Minute)
	})
	for name, tc := range map[string]struct {
		der   []byte
		known time.Time
		want  trust.State
	}{
		"proven inside":            {good, end, trust.Good},
		"proven past the end":      {good, end.Add(time.Second), trust.Unknown},
		"never proven":             {good, time.Time{}, trust.Unknown},
		"revoked, past the end":    {gone, end.Add(time.Second), trust.Revoked},
		"by the authority, itself": {answer(t, ca, ca, c, long), end.Add(time.Second), trust.Good},
	} {
		a := trust.NewArchive(nil, [][]byte{tc.der})
		a.Known = func([]byte) time.Time { return tc.known }
		got, err := a.Revocation(t.Context(), c.cert, ca.cert, now)
		if err != nil || got.State != tc.want || got.OutOfBounds != (tc.want == trust.Unknown) || got.Ended {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
		both, err := (trust.Sources{a, trust.NewCRLs(nil, nil)}).Revocation(t.Context(), c.cert, ca.cert, now)
		if err != nil || both.OutOfBounds != got.OutOfBounds {
			t.Errorf("%s, beside a source without an answer: %+v, %v", name, both, err)
		}
	}
}

// What is kept is believed by the time at which it is proven to exist, whatever time
// is asked about, and not at all where nothing proves one.
func TestKeptAlgorithms(t *testing.T) {
	s, end := ending(t)
	ca := mint(t, authority("CA"), nil)
	c := mint(t, leaf("Leaf"), &ca)
	first, second := crlOf(t, ca, nil), crlOf(t, ca, func(l *x509.RevocationList) { l.ThisUpdate = now.Add(-time.Second) })
	for name, tc := range map[string]struct {
		known map[string]time.Time
		want  trust.State
		since time.Time
	}{
		"proven before the end":      {map[string]time.Time{string(first): end.Add(-time.Hour), string(second): end}, trust.Good, end.Add(-time.Hour)},
		"the older one counts":       {map[string]time.Time{string(first): end.Add(-time.Hour), string(second): end.Add(-2 * time.Hour)}, trust.Good, end.Add(-2 * time.Hour)},
		"proven when it had ended":   {map[string]time.Time{string(first): end, string(second): end.Add(time.Hour)}, trust.Unknown, time.Time{}},
		"proven at no time whatever": {nil, trust.Unknown, time.Time{}},
	} {
		a := trust.NewArchive([][]byte{first, second}, nil)
		a.Suite, a.Known = s, func(value []byte) time.Time { return tc.known[string(value)] }
		got, err := a.Revocation(t.Context(), c.cert, ca.cert, now)
		if err != nil || got.State != tc.want || got.Ended != (tc.want == trust.Unknown) || tc.want == trust.Good && !got.Known.Equal(tc.since) {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
}
