package qc

import (
	"crypto/x509/pkix"
	"encoding/asn1"
	"slices"
)

// The attributes that name a natural person (ETSI EN 319 412-2, clause 4.2.4).
var personal = []asn1.ObjectIdentifier{
	{2, 5, 4, 4},  // surname
	{2, 5, 4, 42}, // givenName
	{2, 5, 4, 65}, // pseudonym
}

// NaturalPerson reports whether a distinguished name is that of a person of flesh
// and blood, also one that acts for an organisation. It is personal data, and in
// Belgium comes with the national number.
func NaturalPerson(name pkix.Name) bool {
	return slices.ContainsFunc(name.Names, func(a pkix.AttributeTypeAndValue) bool {
		return slices.ContainsFunc(personal, a.Type.Equal)
	})
}
