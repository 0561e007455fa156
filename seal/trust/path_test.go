package trust_test

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/zegel-id/zegel/seal/qc"
	"github.com/zegel-id/zegel/seal/trust"
)

// What a path says of its leaf is what the leaf says, whoever asked before, with
// whatever identifier of QcPSB.
func TestPathFacts(t *testing.T) {
	other := asn1.ObjectIdentifier{1, 3, 9}
	body := &qc.PublicBody{Country: "BE", Source: "urn:source", Legislation: "law"}
	ext, err := qc.Statements{Compliance: true, PublicBody: body}.Extension(other)
	if err != nil {
		t.Fatal(err)
	}
	ca := mint(t, authority("CA"), nil)
	tmpl := leaf("Leaf")
	tmpl.Subject.ExtraNames = []pkix.AttributeTypeAndValue{{Type: qc.OrganizationID, Value: "NTRBE-0123456749"}}
	tmpl.ExtraExtensions = []pkix.Extension{ext}
	one := mint(t, tmpl, &ca)
	path, err := storeOf(t, trust.UseSeal, ca.cert).Certificates(certs(one), trust.UseSeal, now)
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for _, id := range []asn1.ObjectIdentifier{nil, other, qc.PublicBodyID, other, other} {
				s, found, err := path.Statements(id)
				if err != nil || !found || (s.PublicBody != nil) != id.Equal(other) || len(s.Unknown) == 1 == id.Equal(other) {
					t.Errorf("with %v: %+v, %t, %v", id, s, found, err)
				}
			}
			if o, err := path.Organization(); err != nil || o.String() != "NTRBE-0123456749" {
				t.Errorf("%v, %v", o, err)
			}
		})
	}
	wg.Wait()
	if _, found, err := (&trust.Path{Certificates: certs(ca)}).Statements(nil); found || err != nil {
		t.Errorf("an authority has statements: %v", err)
	}
	if _, err := (&trust.Path{Certificates: certs(ca)}).Organization(); err == nil {
		t.Error("a name without an identifier has one")
	}
}

// An authority renews its certificate with the name and the key that it had, and both
// are trusted: the order in which they are named, and what was asked before, decide
// nothing.
func TestRenewedAnchor(t *testing.T) {
	const year = 365 * 24 * time.Hour
	key := ecKey(t)
	before, after, below := authority("CA"), authority("CA"), leaf("Seal")
	before.NotAfter, after.NotAfter, below.NotAfter = now.Add(year), now.Add(10*year), now.Add(5*year)
	after.NotBefore = now.Add(-time.Minute)
	one, two := mintFor(t, before, key, nil), mintFor(t, after, key, nil)
	chain := certs(mint(t, below, &one))
	for name, anchors := range map[string][]*x509.Certificate{"the old one first": certs(one, two), "the new one first": certs(two, one)} {
		s := storeOf(t, trust.UseSeal, anchors...)
		for _, at := range []time.Time{now.Add(-2 * time.Minute), now, now.Add(2 * year), now} { // the first under the old one alone
			p, err := s.Certificates(chain, trust.UseSeal, at)
			if err != nil {
				t.Fatalf("%s, %s: %v", name, at, err)
			}
			if !at.Before(now) && !p.NotAfter().Equal(below.NotAfter) {
				t.Errorf("%s, %s: the path runs out on %s", name, at, p.NotAfter())
			}
		}
		if _, err := s.Certificates(chain, trust.UseSeal, now.Add(6*year)); !errors.Is(err, trust.ErrValidity) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
