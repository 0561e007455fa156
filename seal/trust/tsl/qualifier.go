package tsl

import (
	"crypto/x509"
	"maps"
	"slices"
	"strings"

	"github.com/zegel-id/zegel/seal/qc"
)

// deciding are the qualifiers that change an answer.
var deciding = map[string]bool{
	QCStatement: true, NotQualified: true, QCForESig: true, QCForESeal: true, QCForWSA: true,
	QCWithQSCD: true, QCNoQSCD: true, QCQSCDStatusAsInCert: true, QCQSCDManagedOnBehalf: true,
}

// qualifiers collects those that apply to a certificate. One whose criteria are
// not understood could apply or not, whatever the extension says of being
// critical, so that nothing can be determined with it.
func (d *asking) qualifiers(step Step, x Extensions, leaf *x509.Certificate) (map[string]bool, Outcome) {
	step.Name, step.Spec = StepQualifiers, clause(specList, "5.5.9.2")
	applied := map[string]bool{}
	for _, q := range x.Qualifications {
		fit := q.Criteria.Judge(leaf)
		for _, uri := range q.Qualifiers {
			switch {
			case !deciding[uri] || fit == FitsNot:
			case fit == Undetermined:
				return nil, d.step(step, "%s depends on a criterion that is not understood", lastPart(uri))
			default:
				applied[uri] = true
			}
		}
	}
	var names []string
	for _, uri := range slices.Sorted(maps.Keys(applied)) {
		names = append(names, lastPart(uri))
	}
	step.Outcome = Positive
	if len(names) == 0 {
		return applied, d.step(step, "none")
	}
	return applied, d.step(step, "%s", strings.Join(names, ", "))
}

// qualified: the list overrules what the certificate says.
func (d *asking) qualified(step Step, applied map[string]bool, said qc.Statements) Outcome {
	step.Name, step.Spec = StepQualified, clause(specProcedures, "4.4")
	switch {
	case applied[NotQualified] && applied[QCStatement]:
		return d.step(step, "the list says both QCStatement and NotQualified")
	case applied[NotQualified]:
		step.Outcome = Negative
		return d.step(step, "the list says NotQualified")
	case applied[QCStatement] && len(said.Legislation) > 0:
		return d.step(step, "the list says QCStatement, the certificate that it is qualified under the law of a third country")
	case applied[QCStatement]:
		step.Outcome = Positive
		return d.step(step, "the list says QCStatement")
	case len(said.Legislation) > 0:
		step.Outcome = Negative
		return d.step(step, "the certificate says that it is qualified under the law of a third country (QcCClegislation)")
	case said.Compliance:
		step.Outcome = Positive
		return d.step(step, "the certificate says QcCompliance")
	}
	step.Outcome = Negative
	return d.step(step, "neither the certificate (QcCompliance) nor the list (QCStatement) says so")
}

// purpose: certificates for seals, from a service for seals.
func (d *asking) purpose(step Step, x Extensions, applied map[string]bool, said qc.Statements) Outcome {
	step.Name, step.Spec = StepPurpose, clause(specProcedures, "4.4")
	var overruled []string
	for _, uri := range []string{QCForESig, QCForESeal, QCForWSA} {
		if applied[uri] {
			overruled = append(overruled, uri)
		}
	}
	seals := slices.Contains(x.For, ForSeals)
	others := slices.Contains(x.For, ForSignatures) || slices.Contains(x.For, ForWebsites)
	switch {
	case len(overruled) > 1:
		return d.step(step, "the list names more than one purpose of the certificate")
	case len(overruled) == 1 && overruled[0] != QCForESeal:
		step.Outcome = Negative
		return d.step(step, "the list says %s", lastPart(overruled[0]))
	case len(overruled) == 1 && others && !seals:
		return d.step(step, "the list says QCForESeal of the certificate, and purposes without ForeSeals of the service")
	case len(overruled) == 1:
		step.Outcome = Positive
		return d.step(step, "the list says QCForESeal")
	case !seals:
		step.Outcome = Negative
		return d.step(step, "the list says neither ForeSeals of the service nor QCForESeal of the certificate")
	case said.Seal() && len(said.Types) > 1:
		return d.step(step, "the certificate names more than one purpose (QcType)")
	case said.Seal():
		step.Outcome = Positive
		return d.step(step, "the list says ForeSeals, the certificate is for seals (QcType)")
	}
	step.Outcome = Negative
	return d.step(step, "the certificate is not for seals (QcType)")
}

// device: whether the key is in a qualified seal creation device.
func (d *asking) device(step Step, applied map[string]bool, said qc.Statements) Outcome {
	step.Name, step.Spec = StepDevice, clause(specProcedures, "4.5")
	yes := applied[QCWithQSCD] || applied[QCQSCDManagedOnBehalf]
	no, asSaid := applied[QCNoQSCD], applied[QCQSCDStatusAsInCert]
	switch {
	case yes && (no || asSaid), no && asSaid:
		return d.step(step, "the list says more than one thing of the device")
	case yes && applied[QCQSCDManagedOnBehalf]:
		step.Outcome = Positive
		return d.step(step, "the list says QCQSCDManagedOnBehalf")
	case yes:
		step.Outcome = Positive
		return d.step(step, "the list says QCWithQSCD")
	case no:
		step.Outcome = Negative
		return d.step(step, "the list says QCNoQSCD")
	case said.SSCD:
		step.Outcome = Positive
		return d.step(step, "the certificate says QcSSCD")
	}
	step.Outcome = Negative
	return d.step(step, "the certificate does not say QcSSCD")
}
