package trust_test

import (
	"context"
	"crypto"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"slices"
	"testing"
	"time"

	"golang.org/x/crypto/ocsp"

	"github.com/zegel-id/zegel/seal/trust"
)

// responder is a certificate for OCSP answers. The library says that it answers
// at the time of the machine.
func responder(t testing.TB, by pair, bend func(*x509.Certificate)) pair {
	c := leaf("Responder")
	c.NotAfter = time.Now().AddDate(1, 0, 0)
	c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageOCSPSigning}
	c.ExtraExtensions = []pkix.Extension{{Id: asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 48, 1, 5}, Value: []byte{5, 0}}}
	if bend != nil {
		bend(c)
	}
	return mint(t, c, &by)
}

// answer is an OCSP answer about a certificate, good unless bent. The responder
// is in the answer unless it is the issuer.
func answer(t testing.TB, issuer, by, about pair, bend func(*ocsp.Response)) []byte {
	r := ocsp.Response{Status: ocsp.Good, SerialNumber: about.cert.SerialNumber, ThisUpdate: now.Add(-time.Minute), NextUpdate: now.Add(time.Hour), IssuerHash: crypto.SHA1}
	if !by.cert.Equal(issuer.cert) {
		r.Certificate = by.cert
	}
	if bend != nil {
		bend(&r)
	}
	der, err := ocsp.CreateResponse(issuer.cert, by.cert, r, by.key)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

func kept(t testing.TB, crls, ocsps [][]byte, about, issuer pair, at time.Time) trust.RevocationStatus {
	s, err := trust.NewArchive(crls, ocsps).Revocation(context.Background(), about.cert, issuer.cert, at)
	if err != nil {
		t.Fatal(err)
	}
	if s.Detail == "" {
		t.Error("no detail")
	}
	return s
}

func TestArchiveOCSP(t *testing.T) {
	ca, other := mint(t, authority("CA"), nil), mint(t, authority("Other"), nil)
	c := mint(t, leaf("Leaf"), &ca)
	by := responder(t, ca, nil)
	short := leaf("Short")
	short.NotAfter = now.Add(-30 * time.Minute)
	expired := mint(t, short, &ca)
	revoked := func(since time.Duration, reason int) func(*ocsp.Response) {
		return func(r *ocsp.Response) {
			r.Status, r.RevokedAt, r.RevocationReason = ocsp.Revoked, now.Add(since), reason
		}
	}
	// The other authority has a certificate of the same number, and its responder
	// has one of the first authority too.
	same := leaf("Same number")
	twin := mint(t, same, &other)
	twin.cert.SerialNumber = c.cert.SerialNumber
	namesake := mint(t, authority("CA"), nil)
	renamed := mintFor(t, authority("Renamed"), ca.key, nil)
	for name, tc := range map[string]struct {
		answer []byte
		about  pair
		at     time.Time
		want   trust.State
	}{
		"by the issuer":                     {answer(t, ca, ca, c, nil), c, now, trust.Good},
		"by a responder":                    {answer(t, ca, by, c, nil), c, now, trust.Good},
		"by SHA-256 of the issuer":          {answer(t, ca, by, c, func(r *ocsp.Response) { r.IssuerHash = crypto.SHA256 }), c, now, trust.Good},
		"ran out":                           {answer(t, ca, by, c, nil), c, now.Add(2 * time.Hour), trust.Unknown},
		"no next update, before it":         {answer(t, ca, by, c, func(r *ocsp.Response) { r.NextUpdate = time.Time{} }), c, now.Add(-time.Hour), trust.Good},
		"no next update, after it":          {answer(t, ca, by, c, func(r *ocsp.Response) { r.NextUpdate = time.Time{} }), c, now, trust.Unknown},
		"unknown":                           {answer(t, ca, by, c, func(r *ocsp.Response) { r.Status = ocsp.Unknown }), c, now, trust.Unknown},
		"revoked":                           {answer(t, ca, by, c, revoked(-time.Minute, 1)), c, now, trust.Revoked},
		"revoked, answer ran out":           {answer(t, ca, by, c, revoked(-time.Minute, 1)), c, now.Add(2 * time.Hour), trust.Revoked},
		"before it was revoked":             {answer(t, ca, by, c, revoked(-time.Minute, 1)), c, now.Add(-2 * time.Minute), trust.Good},
		"on hold":                           {answer(t, ca, by, c, revoked(-time.Minute, 6)), c, now, trust.OnHold},
		"expired before the answer":         {answer(t, ca, by, expired, nil), expired, now.Add(-40 * time.Minute), trust.Unknown},
		"about another":                     {answer(t, ca, by, by, nil), c, now, trust.Unknown},
		"by another authority":              {answer(t, other, other, c, nil), c, now, trust.Unknown},
		"of the same number elsewhere":      {answer(t, other, by, twin, nil), c, now, trust.Unknown},
		"responder of another authority":    {answer(t, ca, responder(t, other, nil), c, nil), c, now, trust.Unknown},
		"signed with SHA-1":                 {answer(t, ca, ca, c, func(r *ocsp.Response) { r.SignatureAlgorithm = x509.ECDSAWithSHA1 }), c, now, trust.Unknown},
		"by a leaf":                         {answer(t, ca, responder(t, ca, func(c *x509.Certificate) { c.ExtKeyUsage = nil }), c, nil), c, now, trust.Unknown},
		"responder that may be revoked":     {answer(t, ca, responder(t, ca, func(c *x509.Certificate) { c.ExtraExtensions = nil }), c, nil), c, now, trust.Unknown},
		"responder expired":                 {answer(t, ca, responder(t, ca, func(c *x509.Certificate) { c.NotAfter = now.Add(-time.Minute) }), c, func(r *ocsp.Response) {}), c, now, trust.Unknown},
		"no answer":                         {[]byte{0x30, 3, 10, 1, 6}, c, now, trust.Unknown},
		"by the same name with another key": {answer(t, namesake, by, c, nil), c, now, trust.Unknown},
		"by the same key of another name":   {answer(t, renamed, by, c, nil), c, now, trust.Unknown},
		"too long": {answer(t, ca, ca, c, func(r *ocsp.Response) {
			r.ExtraExtensions = []pkix.Extension{{Id: asn1.ObjectIdentifier{1, 2, 3}, Value: make([]byte, 64<<10)}}
		}), c, now, trust.Unknown},
	} {
		if got := kept(t, nil, [][]byte{tc.answer}, tc.about, ca, tc.at); got.State != tc.want {
			t.Errorf("%s: found %s, expected %s (%s)", name, got.State, tc.want, got.Detail)
		}
	}
	changed := answer(t, ca, by, c, nil)
	changed[len(changed)/3] ^= 1
	if got := kept(t, nil, [][]byte{changed}, c, ca, now); got.State != trust.Unknown {
		t.Errorf("a changed answer: %s", got.State)
	}
}

// Of several values and sources the worst answer counts.
func TestWorstAnswerCounts(t *testing.T) {
	ca, other := mint(t, authority("CA"), nil), mint(t, authority("Other"), nil)
	c := mint(t, leaf("Leaf"), &ca)
	good, gone := crlOf(t, ca, nil), crlOf(t, ca, nil, entry(c, now.Add(-time.Second), 1))
	held := answer(t, ca, ca, c, func(r *ocsp.Response) { r.Status, r.RevokedAt, r.RevocationReason = ocsp.Revoked, now, 6 })
	for name, tc := range map[string]struct {
		crls, ocsps [][]byte
		want        trust.State
	}{
		"nothing":           {nil, nil, trust.Unknown},
		"of another":        {[][]byte{crlOf(t, other, nil)}, nil, trust.Unknown},
		"not a list":        {[][]byte{{0x30, 0}, good}, [][]byte{{0x30, 0}}, trust.Good},
		"good and revoked":  {[][]byte{good, gone}, nil, trust.Revoked},
		"revoked and good":  {[][]byte{gone, good}, nil, trust.Revoked},
		"good and on hold":  {[][]byte{good}, [][]byte{held}, trust.OnHold},
		"hold and revoked":  {[][]byte{gone}, [][]byte{held}, trust.Revoked},
		"good and no value": {[][]byte{crlOf(t, other, nil), good}, nil, trust.Good},
	} {
		if got := kept(t, tc.crls, tc.ocsps, c, ca, now); got.State != tc.want {
			t.Errorf("%s: found %s, expected %s (%s)", name, got.State, tc.want, got.Detail)
		}
	}
	ctx := context.Background()
	sources := trust.Sources{trust.NewArchive([][]byte{good}, nil), trust.NewCRLs(nil, nil), trust.NewArchive([][]byte{gone}, nil)}
	for n, want := range []trust.State{trust.Unknown, trust.Good, trust.Good, trust.Revoked} {
		if got, err := sources[:n].Revocation(ctx, c.cert, ca.cert, now); err != nil || got.State != want || got.Detail == "" {
			t.Errorf("%d sources: %s, %v", n, got.State, err)
		}
	}
	ctx, cancel := context.WithCancel(ctx)
	cancel()
	if _, err := sources.Revocation(ctx, c.cert, ca.cert, now); !errors.Is(err, context.Canceled) {
		t.Errorf("after the end: %v", err)
	}
}

// A Store remembers lists that it verified, for those who signed them alone.
func TestStoreArchive(t *testing.T) {
	ca, namesake := mint(t, authority("CA"), nil), mint(t, authority("CA"), nil)
	c := mint(t, leaf("Leaf"), &ca)
	store := storeOf(t, trust.UseSeal, ca.cert)
	ask := func(list []byte, issuer pair) trust.State {
		got, err := store.Archive([][]byte{list}, nil).Revocation(t.Context(), c.cert, issuer.cert, now)
		if err != nil {
			t.Fatal(err)
		}
		return got.State
	}
	good, gone := crlOf(t, ca, nil), crlOf(t, ca, nil, entry(c, now.Add(-time.Second), 1))
	changed := slices.Clone(good)
	changed[len(changed)-1] ^= 1
	for range 2 {
		for _, tc := range []struct {
			list []byte
			by   pair
			want trust.State
		}{{good, ca, trust.Good}, {good, namesake, trust.Unknown}, {changed, ca, trust.Unknown}, {gone, ca, trust.Revoked}} {
			if got := ask(tc.list, tc.by); got != tc.want {
				t.Errorf("found %s, expected %s", got, tc.want)
			}
		}
	}
}

// Old values are not believed that somebody was good, and still that somebody
// was not.
func TestArchiveMaxAge(t *testing.T) {
	ca := mint(t, authority("CA"), nil)
	c, bad := mint(t, leaf("Leaf"), &ca), mint(t, leaf("Bad"), &ca)
	a := trust.NewArchive([][]byte{crlOf(t, ca, nil, entry(bad, now.Add(-time.Hour), 1))}, [][]byte{answer(t, ca, ca, c, nil)}) // of a minute ago
	for _, tc := range []struct {
		about pair
		age   time.Duration
		at    time.Time
		want  trust.State
	}{
		{c, 0, now, trust.Good}, {c, time.Minute, now, trust.Good}, {c, 59 * time.Second, now, trust.Unknown},
		{c, time.Second, now.Add(-time.Hour), trust.Good}, {bad, time.Second, now, trust.Revoked},
	} {
		a.MaxAge = tc.age
		if got, err := a.Revocation(context.Background(), tc.about.cert, ca.cert, tc.at); err != nil || got.State != tc.want {
			t.Errorf("at most %s old: %s (%s)", tc.age, got.State, got.Detail)
		}
	}
}

func TestComplete(t *testing.T) {
	root := mint(t, authority("Root"), nil)
	middle := mint(t, authority("Middle"), &root)
	lower := mint(t, authority("Lower"), &middle)
	end := mint(t, leaf("End"), &lower)
	namesake := mint(t, authority("Lower"), &middle)
	stranger := mint(t, authority("Stranger"), nil)
	store := storeOf(t, trust.UseSeal, root.cert)
	for name, tc := range map[string]struct {
		chain, more []*x509.Certificate
		want        error
		n           int
	}{
		"complete":            {certs(end, lower, middle), nil, nil, 4},
		"from among others":   {certs(end), certs(stranger, root, middle, namesake, lower), nil, 4},
		"the upper part":      {certs(end, lower), certs(middle), nil, 4},
		"one is missing":      {certs(end), certs(root, lower), trust.ErrNoPath, 0},
		"nothing is there":    {certs(end), nil, trust.ErrNoPath, 0},
		"only of other names": {certs(end), certs(stranger), trust.ErrNoPath, 0},
		"only namesakes":      {certs(end), certs(namesake, middle), trust.ErrNoPath, 0},
		"no chain":            {nil, certs(middle), trust.ErrChain, 0},
	} {
		p, err := store.Complete(tc.chain, tc.more, trust.UseSeal, now)
		if !errors.Is(err, tc.want) || tc.want == nil && (err != nil || len(p.Certificates) != tc.n) {
			t.Errorf("%s: %v", name, err)
		}
	}
	// A root that nobody trusts is no reason to complain of the chain.
	if _, err := storeOf(t, trust.UseSeal, stranger.cert).Complete(certs(end), certs(root, middle, lower), trust.UseSeal, now); !errors.Is(err, trust.ErrNoPath) {
		t.Errorf("to a root that is not trusted: %v", err)
	}
	// An anchor further down ends the path there.
	if p, err := storeOf(t, trust.UseSeal, middle.cert).Complete(certs(end), certs(root, middle, lower), trust.UseSeal, now); err != nil || len(p.Certificates) != 3 {
		t.Errorf("anchored below: %v", err)
	}
}

func FuzzArchive(f *testing.F) {
	ca := mint(f, authority("CA"), nil)
	c := mint(f, leaf("Leaf"), &ca)
	f.Add(answer(f, ca, ca, c, nil))
	f.Add(answer(f, ca, responder(f, ca, nil), c, nil))
	f.Fuzz(func(t *testing.T, der []byte) {
		if s, err := trust.NewArchive([][]byte{der}, [][]byte{der}).Revocation(context.Background(), c.cert, ca.cert, now); err != nil || s.Detail == "" {
			t.Errorf("found %+v, %v", s, err)
		}
	})
}

// Certificates of strangers must not cost more than they are worth.
func TestCompleteIsBounded(t *testing.T) {
	root := mint(t, authority("Root"), nil)
	middle := mint(t, authority("Middle"), &root)
	end := mint(t, leaf("End"), &middle)
	decoy := mint(t, authority("Middle"), &root)
	store := storeOf(t, trust.UseSeal, root.cert)
	for n, want := range map[int]error{15: nil, 16: trust.ErrNoPath} {
		more := append(slices.Repeat(certs(decoy), n), middle.cert)
		if _, err := store.Complete(certs(end), more, trust.UseSeal, now); !errors.Is(err, want) || want == nil && err != nil {
			t.Errorf("%d namesakes before the issuer: %v", n, err)
		}
	}
}

// A responder's key is looked at before anything is verified with it.
func TestResponderKey(t *testing.T) {
	ca := mint(t, authority("CA"), nil)
	c := mint(t, leaf("Leaf"), &ca)
	tmpl := leaf("Responder")
	tmpl.NotAfter = time.Now().AddDate(1, 0, 0)
	tmpl.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageOCSPSigning}
	tmpl.ExtraExtensions = []pkix.Extension{{Id: asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 48, 1, 5}, Value: []byte{5, 0}}}
	small := mintFor(t, tmpl, smallRSA(t), &ca)
	if got := kept(t, nil, [][]byte{answer(t, ca, small, c, nil)}, c, ca, now); got.State != trust.Unknown {
		t.Errorf("a small key: %s", got.State)
	}
}
