package qc

import (
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"fmt"
	"regexp"
	"strconv"
)

// OrganizationID is the attribute organizationIdentifier (ITU-T X.520).
var OrganizationID = asn1.ObjectIdentifier{2, 5, 4, 97}

// ErrOrganization is returned for an organization identifier that is missing
// or not well-formed.
var ErrOrganization = errors.New("not a well-formed organization identifier")

// Organization is a legal person's registration (ETSI EN 319 412-1, clause
// 5.1.4): three letters for the scheme, two for the country, and the number.
type Organization struct {
	Scheme  string // NTR, VAT, ...
	Country string
	Number  string
}

func (o Organization) String() string { return o.Scheme + o.Country + "-" + o.Number }

var organization = regexp.MustCompile(`^([A-Z]{3})([A-Z]{2})-([0-9A-Za-z.:/ -]{1,64})$`)

// ParseOrganization reads an identifier such as NTRBE-0123456749. A Belgian
// number must be a possible enterprise number.
func ParseOrganization(s string) (Organization, error) {
	m := organization.FindStringSubmatch(s)
	if m == nil {
		return Organization{}, fmt.Errorf("%w: expected scheme, country, hyphen and number (ETSI EN 319 412-1, clause 5.1.4)", ErrOrganization)
	}
	o := Organization{Scheme: m[1], Country: m[2], Number: m[3]}
	if o.Country == "BE" && (o.Scheme == "NTR" || o.Scheme == "VAT") && !ValidEnterpriseNumber(o.Number) {
		return Organization{}, fmt.Errorf("%w: the Belgian enterprise number has wrong check digits", ErrOrganization)
	}
	return o, nil
}

// OrganizationOf reads the identifier of a certificate's subject, which must
// stand there once.
func OrganizationOf(c *x509.Certificate) (Organization, error) {
	var found []string
	for _, n := range c.Subject.Names {
		if s, ok := n.Value.(string); ok && n.Type.Equal(OrganizationID) {
			found = append(found, s)
		}
	}
	if len(found) != 1 {
		return Organization{}, fmt.Errorf("%w: the certificate's subject has %d, expected one (ETSI EN 319 412-3, clause 4.2.1)", ErrOrganization, len(found))
	}
	return ParseOrganization(found[0])
}

// ValidEnterpriseNumber checks a number of the Belgian Crossroads Bank for
// Enterprises: ten digits, the first 0 or 1, the last two 97 minus the first
// eight modulo 97.
func ValidEnterpriseNumber(s string) bool {
	if len(s) != 10 || s[0] != '0' && s[0] != '1' {
		return false
	}
	base, err := strconv.ParseUint(s[:8], 10, 32)
	check, err2 := strconv.ParseUint(s[8:], 10, 8)
	return err == nil && err2 == nil && check == 97-base%97
}
