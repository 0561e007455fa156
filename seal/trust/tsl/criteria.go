package tsl

import (
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/beevik/etree"
)

const (
	maxNested   = 8
	maxCriteria = 200 // of one list
)

// Fit is whether a certificate fits a criterion.
type Fit uint8

// A criterion that is not understood fits and does not fit: what depends on it
// is Undetermined.
const (
	Undetermined Fit = iota
	Fits
	FitsNot
)

func fit(ok bool) Fit {
	if ok {
		return Fits
	}
	return FitsNot
}

// Criteria is a CriteriaList: criteria of certificates and how they are put
// together (ETSI TS 119 612, clause 5.5.9.2.2).
type Criteria struct {
	assert string // all, atLeastOne, none
	parts  []criterion
}

type criterion interface {
	judge(*x509.Certificate) Fit
}

// Judge holds a certificate against the criteria. One that is not understood
// matters only where the others do not decide alone. A list without criteria
// decides nothing.
func (c Criteria) Judge(cert *x509.Certificate) Fit { return c.judge(cert) }

func (c Criteria) judge(cert *x509.Certificate) Fit {
	var fits, not, open bool
	for _, p := range c.parts {
		switch p.judge(cert) {
		case Fits:
			fits = true
		case FitsNot:
			not = true
		default:
			open = true
		}
	}
	switch {
	case len(c.parts) == 0:
		return Undetermined
	case c.assert == "all" && not, c.assert == "none" && fits:
		return FitsNot
	case c.assert == "atLeastOne" && fits:
		return Fits
	case open:
		return Undetermined
	}
	return fit(c.assert != "atLeastOne")
}

func parseCriteria(e *etree.Element, depth int) (Criteria, error) {
	c := Criteria{assert: attribute(e, "assert")}
	switch {
	case e == nil:
		return c, errors.New("CriteriaList is missing or there twice")
	case depth == 0:
		return c, fmt.Errorf("CriteriaList is nested deeper than %d", maxNested)
	case !slices.Contains([]string{"all", "atLeastOne", "none"}, c.assert):
		return c, errors.New("CriteriaList: assert must be all, atLeastOne or none")
	}
	for _, one := range e.ChildElements() {
		if len(c.parts) > maxCriteria {
			return c, fmt.Errorf("more than %d criteria", maxCriteria)
		}
		if err := c.add(one, depth); err != nil {
			return c, err
		}
	}
	return c, nil
}

func (c *Criteria) add(e *etree.Element, depth int) error {
	switch {
	case is(e, nsQual, "CriteriaList"):
		nested, err := parseCriteria(e, depth-1)
		if err != nil {
			return err
		}
		c.parts = append(c.parts, nested)
	case is(e, nsQual, "KeyUsage"):
		k, err := parseKeyUsage(e)
		if err != nil {
			return err
		}
		c.parts = append(c.parts, k)
	case is(e, nsQual, "PolicySet"):
		c.parts = append(c.parts, policySet(identifiers(e, nsQual, "PolicyIdentifier")))
	case is(e, nsQual, "otherCriteriaList"):
		for _, other := range e.ChildElements() {
			c.parts = append(c.parts, otherCriterion(other))
		}
	case is(e, nsQual, "Description"):
	default:
		c.parts = append(c.parts, unknown{})
	}
	return nil
}

func otherCriterion(e *etree.Element) criterion {
	switch {
	case is(e, nsMore, "ExtendedKeyUsage"):
		return purposes(identifiers(e, nsMore, "KeyPurposeId"))
	case is(e, nsMore, "CertSubjectDNAttribute"):
		return subjectAttributes(identifiers(e, nsMore, "AttributeOID"))
	default:
		return unknown{}
	}
}

// identifiers reads the object identifiers of children, written with or
// without urn:oid: before them.
func identifiers(e *etree.Element, ns, name string) []string {
	var out []string
	for _, c := range children(e, ns, name) {
		id := text(child(c, nsXAdES, "Identifier"))
		out = append(out, strings.TrimPrefix(strings.ToLower(id), "urn:oid:"))
	}
	return out
}

// unknown is a criterion that is not understood.
type unknown struct{}

func (unknown) judge(*x509.Certificate) Fit { return Undetermined }

// keyUsage says of key usage bits whether they must be set.
type keyUsage struct{ set, clear x509.KeyUsage }

var usageBits = map[string]x509.KeyUsage{
	"digitalSignature": x509.KeyUsageDigitalSignature, "nonRepudiation": x509.KeyUsageContentCommitment,
	"keyEncipherment": x509.KeyUsageKeyEncipherment, "dataEncipherment": x509.KeyUsageDataEncipherment,
	"keyAgreement": x509.KeyUsageKeyAgreement, "keyCertSign": x509.KeyUsageCertSign, "crlSign": x509.KeyUsageCRLSign,
	"encipherOnly": x509.KeyUsageEncipherOnly, "decipherOnly": x509.KeyUsageDecipherOnly,
}

func parseKeyUsage(e *etree.Element) (criterion, error) {
	var k keyUsage
	for _, b := range children(e, nsQual, "KeyUsageBit") {
		bit, ok := usageBits[attribute(b, "name")]
		if !ok {
			return unknown{}, nil
		}
		switch text(b) {
		case "true", "1":
			k.set |= bit
		case "false", "0":
			k.clear |= bit
		default:
			return nil, errors.New("KeyUsageBit must be true or false")
		}
	}
	if k.set|k.clear == 0 {
		return unknown{}, nil
	}
	return k, nil
}

func (k keyUsage) judge(c *x509.Certificate) Fit {
	return fit(c.KeyUsage&k.set == k.set && c.KeyUsage&k.clear == 0)
}

// all reports whether everything wanted is there. Nothing wanted is not
// understood.
func all(wanted, there []string) Fit {
	if len(wanted) == 0 || slices.Contains(wanted, "") {
		return Undetermined
	}
	for _, w := range wanted {
		if !slices.Contains(there, w) {
			return FitsNot
		}
	}
	return Fits
}

// policySet are certificate policies, all of which a certificate must have.
type policySet []string

func (p policySet) judge(c *x509.Certificate) Fit {
	var there []string
	for _, id := range c.Policies {
		there = append(there, id.String())
	}
	return all(p, there)
}

// purposes are extended key usages.
type purposes []string

var oidExtKeyUsage = asn1.ObjectIdentifier{2, 5, 29, 37}

func (p purposes) judge(c *x509.Certificate) Fit {
	var there []string
	for _, x := range c.Extensions {
		var ids []asn1.ObjectIdentifier
		if x.Id.Equal(oidExtKeyUsage) {
			if rest, err := asn1.Unmarshal(x.Value, &ids); err != nil || len(rest) != 0 {
				return Undetermined
			}
		}
		for _, id := range ids {
			there = append(there, id.String())
		}
	}
	return all(p, there)
}

// subjectAttributes are attributes that the subject's name must have.
type subjectAttributes []string

func (s subjectAttributes) judge(c *x509.Certificate) Fit {
	var there []string
	for _, a := range c.Subject.Names {
		there = append(there, a.Type.String())
	}
	return all(s, there)
}
