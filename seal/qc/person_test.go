package qc_test

import (
	"crypto/x509/pkix"
	"encoding/asn1"
	"testing"

	"github.com/zegel-id/zegel/seal/qc"
)

func TestNaturalPerson(t *testing.T) {
	name := func(oid ...int) pkix.Name {
		return pkix.Name{Names: []pkix.AttributeTypeAndValue{{Type: asn1.ObjectIdentifier{2, 5, 4, 3}, Value: "x"}, {Type: oid, Value: "y"}}}
	}
	for _, last := range []int{4, 42, 65} {
		if !qc.NaturalPerson(name(2, 5, 4, last)) {
			t.Errorf("2.5.4.%d names a person", last)
		}
	}
	for _, last := range []int{5, 10, 97} {
		if qc.NaturalPerson(name(2, 5, 4, last)) {
			t.Errorf("2.5.4.%d names no person", last)
		}
	}
}
