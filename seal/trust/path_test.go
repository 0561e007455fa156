package trust_test

import (
	"crypto/x509/pkix"
	"encoding/asn1"
	"sync"
	"testing"

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
