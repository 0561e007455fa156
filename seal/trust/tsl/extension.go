package tsl

import (
	"errors"
	"fmt"
	"time"

	"github.com/beevik/etree"
)

const (
	maxExtensions = 100
	maxQualifiers = 20
)

// Extensions say more of a state of a service (ETSI TS 119 612, clause 5.5.9).
type Extensions struct {
	// For says what the certificates of the service are for, such as ForSeals
	// (additionalServiceInformation).
	For []string
	// Qualifications say more of the certificates that fit their criteria.
	Qualifications []QualificationElement
	// ExpiredCertsRevocationInfo is since when revocation of certificates that
	// have expired is still told; zero if it is not.
	ExpiredCertsRevocationInfo time.Time
	// TakenOver: another provider runs the service now.
	TakenOver bool
	// NotUnderstood names what a critical extension holds that is not
	// understood here. The service is not used in that state.
	NotUnderstood string
}

// QualificationElement gives qualifiers to the certificates that fit the
// criteria (clause 5.5.9.2).
type QualificationElement struct {
	Critical   bool
	Qualifiers []string // such as QCForESeal
	Criteria   Criteria
}

// critical reads the attribute of an extension. One that does not say is
// critical.
func critical(e *etree.Element) bool {
	v := attribute(e, "Critical")
	return v != "false" && v != "0"
}

func parseExtensions(e *etree.Element) (Extensions, error) {
	var x Extensions
	list := children(e, nsList, "Extension")
	if len(list) > maxExtensions {
		return x, fmt.Errorf("more than %d extensions", maxExtensions)
	}
	for _, one := range list {
		content := one.ChildElements()
		if len(content) == 0 && critical(one) {
			x.unknown("an empty extension")
		}
		for _, c := range content {
			if err := x.read(c, critical(one)); err != nil {
				return x, err
			}
		}
	}
	return x, nil
}

func (x *Extensions) unknown(what string) {
	if x.NotUnderstood == "" {
		x.NotUnderstood = clip(what)
	}
}

func (x *Extensions) read(e *etree.Element, critical bool) error {
	switch {
	case is(e, nsList, "AdditionalServiceInformation"):
		uri := text(child(e, nsList, "URI"))
		if uri == "" {
			return errors.New("additionalServiceInformation without URI")
		}
		x.For = append(x.For, uri)
		if critical && !additional[uri] {
			x.unknown("additionalServiceInformation " + uri)
		}
	case is(e, nsQual, "Qualifications"):
		return x.qualifications(e, critical)
	case is(e, nsList, "ExpiredCertsRevocationInfo"):
		at, err := instant(e)
		if err != nil {
			return fmt.Errorf("expiredCertsRevocationInfo %w", err)
		}
		x.ExpiredCertsRevocationInfo = at
	case is(e, nsMore, "TakenOverBy"):
		x.TakenOver = true
	case critical:
		x.unknown("extension " + e.Tag)
	}
	return nil
}

// additional is the additional information that is understood.
var additional = map[string]bool{ForSignatures: true, ForSeals: true, ForWebsites: true, infoBase + "RootCA-QC": true}

func (x *Extensions) qualifications(e *etree.Element, critical bool) error {
	elements := children(e, nsQual, "QualificationElement")
	if len(elements) == 0 || len(elements) > maxExtensions {
		return fmt.Errorf("qualifications: expected 1 to %d QualificationElement", maxExtensions)
	}
	for _, q := range elements {
		out := QualificationElement{Critical: critical}
		list := children(child(q, nsQual, "Qualifiers"), nsQual, "Qualifier")
		if len(list) == 0 || len(list) > maxQualifiers {
			return fmt.Errorf("qualifications: expected 1 to %d Qualifier", maxQualifiers)
		}
		for _, one := range list {
			uri := attribute(one, "uri")
			out.Qualifiers = append(out.Qualifiers, uri)
			if critical && !qualifiers[uri] {
				x.unknown("qualifier " + uri)
			}
		}
		var err error
		if out.Criteria, err = parseCriteria(child(q, nsQual, "CriteriaList"), maxNested); err != nil {
			return fmt.Errorf("qualifications: %w", err)
		}
		x.Qualifications = append(x.Qualifications, out)
	}
	return nil
}
