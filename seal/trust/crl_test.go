package trust_test

import (
	"context"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"math/big"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/zegel-id/zegel/internal/testvectors"
	"github.com/zegel-id/zegel/seal/trust"
)

func crlOf(t testing.TB, by pair, bend func(*x509.RevocationList), revoked ...x509.RevocationListEntry) []byte {
	list := &x509.RevocationList{Number: big.NewInt(7), ThisUpdate: now.Add(-time.Minute), NextUpdate: now.Add(time.Hour), RevokedCertificateEntries: revoked}
	if bend != nil {
		bend(list)
	}
	der, err := x509.CreateRevocationList(rand.Reader, list, by.cert, by.key)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

func entry(c pair, since time.Time, reason int) x509.RevocationListEntry {
	return x509.RevocationListEntry{SerialNumber: c.cert.SerialNumber, RevocationTime: since, ReasonCode: reason}
}

func ask(t testing.TB, c *trust.CRLs, cert, issuer pair, at time.Time) trust.RevocationStatus {
	s, err := c.Revocation(context.Background(), cert.cert, issuer.cert, at)
	if err != nil {
		t.Fatal(err)
	}
	if s.Detail == "" {
		t.Error("no detail")
	}
	return s
}

func TestRevocationStates(t *testing.T) {
	ca, other := mint(t, authority("CA"), nil), mint(t, authority("CA"), nil)
	good, gone, hold := mint(t, leaf("Good"), &ca), mint(t, leaf("Gone"), &ca), mint(t, leaf("Hold"), &ca)
	short := leaf("Short")
	short.NotAfter = now.Add(-30 * time.Minute)
	expired := mint(t, short, &ca)
	c := trust.NewCRLs(nil, nil)
	if s := ask(t, c, good, ca, now); s.State != trust.Unknown {
		t.Errorf("empty memory: %s", s.State)
	}
	list := crlOf(t, ca, nil, entry(gone, now.Add(-time.Second), 1), entry(hold, now.Add(-time.Second), 6))
	if err := c.Add(pem.EncodeToMemory(&pem.Block{Type: "X509 CRL", Bytes: list}), ca.cert); err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		cert, issuer pair
		at           time.Time
		want         trust.State
	}{
		"good":                           {good, ca, now, trust.Good},
		"good at the last moment":        {good, ca, now.Add(time.Hour), trust.Good},
		"good, list ran out":             {good, ca, now.Add(time.Hour + time.Second), trust.Unknown},
		"revoked":                        {gone, ca, now, trust.Revoked},
		"revoked, list ran out":          {gone, ca, now.Add(2 * time.Hour), trust.Revoked},
		"before it was revoked":          {gone, ca, now.Add(-30 * time.Second), trust.Good},
		"on hold":                        {hold, ca, now, trust.OnHold},
		"another authority of that name": {good, other, now, trust.Unknown},
		"expired before the list":        {expired, ca, now.Add(-45 * time.Minute), trust.Unknown},
	} {
		if got := ask(t, c, tc.cert, tc.issuer, tc.at); got.State != tc.want {
			t.Errorf("%s: found %s, expected %s (%s)", name, got.State, tc.want, got.Detail)
		}
	}
	// An older list does not replace a newer one; a newer one does.
	if err := c.Add(crlOf(t, ca, func(l *x509.RevocationList) { l.Number = big.NewInt(6) }), ca.cert); err != nil {
		t.Fatal(err)
	}
	if got := ask(t, c, gone, ca, now); got.State != trust.Revoked {
		t.Errorf("an older list was taken: %s", got.State)
	}
	if err := c.Add(crlOf(t, ca, func(l *x509.RevocationList) { l.Number = big.NewInt(8) }, entry(good, now, 4)), ca.cert); err != nil {
		t.Fatal(err)
	}
	if got := ask(t, c, good, ca, now); got.State != trust.Revoked || got.Reason != 4 || !got.Since.Equal(now) {
		t.Errorf("a newer list was not taken: %+v", got)
	}
}

func TestUnusableCRLs(t *testing.T) {
	ca, other := mint(t, authority("CA"), nil), mint(t, authority("Other"), nil)
	twin := mint(t, authority("CA"), nil)
	noSign := authority("No CRL")
	noSign.KeyUsage = x509.KeyUsageCertSign
	signer := mint(t, authority("No CRL"), nil) // same name, another certificate
	extension := func(critical bool, id ...int) func(*x509.RevocationList) {
		return func(l *x509.RevocationList) {
			l.ExtraExtensions = []pkix.Extension{{Id: asn1.ObjectIdentifier(id), Critical: critical, Value: []byte{0x30, 0}}}
		}
	}
	criticalEntry := entry(ca, now, 1)
	criticalEntry.ExtraExtensions = []pkix.Extension{{Id: asn1.ObjectIdentifier{2, 5, 29, 29}, Critical: true, Value: []byte{0x30, 0}}}
	for name, tc := range map[string]struct {
		list   []byte
		issuer *x509.Certificate
	}{
		"not a list":           {[]byte("hello"), ca.cert},
		"PEM of something":     {trust.EncodePEM(ca.cert), ca.cert},
		"of another authority": {crlOf(t, other, nil), ca.cert},
		"of a namesake":        {crlOf(t, twin, nil), ca.cert},
		"delta":                {crlOf(t, ca, extension(true, 2, 5, 29, 27)), ca.cert},
		"partial or indirect":  {crlOf(t, ca, extension(true, 2, 5, 29, 28)), ca.cert},
		"critical extension":   {crlOf(t, ca, extension(true, 1, 2, 3)), ca.cert},
		"critical entry":       {crlOf(t, ca, nil, criticalEntry), ca.cert},
		"no cRLSign":           {crlOf(t, signer, nil), mintFor(t, noSign, signer.key, nil).cert},
		"SHA-1":                {crlOf(t, ca, func(l *x509.RevocationList) { l.SignatureAlgorithm = x509.ECDSAWithSHA1 }), ca.cert},
		"too long":             {make([]byte, 17<<20), ca.cert},
	} {
		c := trust.NewCRLs(nil, nil)
		if err := c.Add(tc.list, tc.issuer); !errors.Is(err, trust.ErrCRL) {
			t.Errorf("%s: found %v, expected ErrCRL", name, err)
		}
	}
	if err := trust.NewCRLs(nil, nil).Add(crlOf(t, ca, extension(false, 1, 2, 3)), ca.cert); err != nil {
		t.Errorf("an extension that is not critical: %v", err)
	}
}

// web answers with what is set and counts.
type web struct {
	mu    sync.Mutex
	body  []byte
	err   error
	asked []string
}

func (w *web) Fetch(ctx context.Context, url, accept string) ([]byte, time.Duration, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.asked = append(w.asked, url+" "+accept)
	if err := ctx.Err(); err != nil {
		return nil, 0, err
	}
	return w.body, 0, w.err
}

func (w *web) count() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.asked)
}

func TestFetchedCRL(t *testing.T) {
	ca := mint(t, authority("CA"), nil)
	tmpl := leaf("Leaf")
	tmpl.CRLDistributionPoints = []string{"ldap://directory.example.org/", "https://ca.example.org/ca.crl"}
	cert, gone := mint(t, tmpl, &ca), mint(t, leaf("Gone"), &ca)

	clock := now
	w := &web{err: errors.New("unreachable")}
	c := trust.NewCRLs(w, func() time.Time { return clock })
	for range 3 {
		if s := ask(t, c, cert, ca, now); s.State != trust.Unknown {
			t.Errorf("unreachable: %s", s.State)
		}
	}
	if w.count() != 1 || w.asked[0] != "https://ca.example.org/ca.crl application/pkix-crl" {
		t.Errorf("asked %v, expected once", w.asked)
	}
	// What comes must be right.
	clock = clock.Add(time.Minute)
	w.body, w.err = crlOf(t, mint(t, authority("CA"), nil), nil), nil
	if s := ask(t, c, cert, ca, now); s.State != trust.Unknown || !strings.Contains(s.Detail, "did not sign") {
		t.Errorf("a forged list: %s, %s", s.State, s.Detail)
	}
	clock = clock.Add(time.Minute)
	w.body = crlOf(t, ca, nil, entry(gone, now, 1))
	for range 3 {
		if s := ask(t, c, cert, ca, now); s.State != trust.Good {
			t.Errorf("fetched: %s, %s", s.State, s.Detail)
		}
	}
	if w.count() != 3 {
		t.Errorf("asked %d times, expected 3", w.count())
	}
	if s := ask(t, c, gone, ca, now); s.State != trust.Revoked {
		t.Errorf("fetched and revoked: %s", s.State)
	}
	// A list that ran out is fetched again.
	later := now.Add(2 * time.Hour)
	w.body = crlOf(t, ca, func(l *x509.RevocationList) {
		l.Number, l.ThisUpdate, l.NextUpdate = big.NewInt(8), now.Add(30*time.Minute), later.Add(time.Hour)
	})
	if s := ask(t, c, cert, ca, later); s.State != trust.Good || w.count() != 4 {
		t.Errorf("refreshed: %s, asked %d times", s.State, w.count())
	}
	// A certificate without a point has none to ask.
	if s := ask(t, trust.NewCRLs(w, nil), mint(t, leaf("None"), &ca), ca, now); s.State != trust.Unknown || w.count() != 4 {
		t.Errorf("no distribution point: %s", s.State)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := trust.NewCRLs(w, nil).Revocation(ctx, cert.cert, ca.cert, now); !errors.Is(err, context.Canceled) {
		t.Errorf("the context ended: %v", err)
	}
}

// slow answers after a while.
type slow struct{ web }

func (s *slow) Fetch(ctx context.Context, url, accept string) ([]byte, time.Duration, error) {
	time.Sleep(time.Second)
	return s.web.Fetch(ctx, url, accept)
}

func TestCRLIsFetchedOnce(t *testing.T) {
	ca := mint(t, authority("CA"), nil)
	tmpl := leaf("Leaf")
	tmpl.CRLDistributionPoints = []string{"https://ca.example.org/ca.crl"}
	cert := mint(t, tmpl, &ca)
	synctest.Test(t, func(t *testing.T) {
		w := &slow{web{body: crlOf(t, ca, nil)}}
		c := trust.NewCRLs(w, nil)
		var wg sync.WaitGroup
		for range 10 {
			wg.Go(func() {
				if s := ask(t, c, cert, ca, now); s.State != trust.Good {
					t.Errorf("%s: %s", s.State, s.Detail)
				}
			})
		}
		wg.Wait()
		if w.count() != 1 {
			t.Errorf("fetched %d times", w.count())
		}
		// One who leaves does not take the list from the others.
		c = trust.NewCRLs(w, nil)
		ctx, cancel := context.WithTimeout(context.Background(), time.Millisecond)
		defer cancel()
		wg.Go(func() {
			if _, err := c.Revocation(ctx, cert.cert, ca.cert, now); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("left early: %v", err)
			}
		})
		synctest.Wait()
		if s := ask(t, c, cert, ca, now); s.State != trust.Good || w.count() != 2 {
			t.Errorf("stayed: %s, fetched %d times", s.State, w.count())
		}
		wg.Wait()
	})
}

func FuzzCRL(f *testing.F) {
	ca, err := trust.ParsePEM(testvectors.File(f, "jades-golden", "sealca.pem"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(testvectors.File(f, "jades-golden", "sealca.crl"))
	f.Add(testvectors.File(f, "jades-golden", "tsaca.crl"))
	f.Fuzz(func(t *testing.T, b []byte) {
		_ = trust.NewCRLs(nil, nil).Add(b, ca[0]) // must not panic
	})
}

// A list of the time that is asked about had to be replaced since, and the next one
// may know of a revocation before that time: it is fetched, and when it cannot be had
// nothing is said to be good.
func TestListIsReplacedByNow(t *testing.T) {
	ca := mint(t, authority("CA"), nil)
	tmpl := leaf("Leaf")
	tmpl.CRLDistributionPoints = []string{"http://crl.example.org/ca.crl", "http://b.example.org", "http://c.example.org", "http://d.example.org"}
	cert := mint(t, tmpl, &ca)
	w, clock := &web{}, now
	w.body = crlOf(t, ca, nil)
	c := trust.NewCRLs(w, func() time.Time { return clock })
	if s := ask(t, c, cert, ca, now); s.State != trust.Good {
		t.Fatal(s)
	}
	clock = now.Add(48 * time.Hour)
	w.err = errors.New("out of order")
	if s := ask(t, c, cert, ca, now); s.State != trust.Unknown {
		t.Errorf("cannot be had: %s", s.State)
	}
	if n := w.count(); n != 1+3 {
		t.Errorf("%d addresses were asked", n-1)
	}
	clock = clock.Add(time.Hour)
	w.err = nil
	w.body = crlOf(t, ca, func(l *x509.RevocationList) {
		l.Number, l.ThisUpdate, l.NextUpdate = big.NewInt(8), clock.Add(-time.Minute), clock.Add(time.Hour)
	}, entry(cert, now.Add(-time.Hour), 1))
	if s := ask(t, c, cert, ca, now); s.State != trust.Revoked {
		t.Errorf("revoked since: %s, %s", s.State, s.Detail)
	}
	// What is known to be revoked stays so.
	clock, w.err = clock.Add(48*time.Hour), errors.New("out of order")
	if s := ask(t, c, cert, ca, now); s.State != trust.Revoked {
		t.Errorf("revoked, and cannot be had: %s", s.State)
	}
}
