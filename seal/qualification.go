package seal

import (
	"crypto/x509"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/zegel-id/zegel/seal/trust/inquiry"
)

// TrustedLists answers what the trusted lists of the Union make of a certificate;
// *tsl.Source and *tsl.Lists do.
type TrustedLists interface {
	Seal(chain []*x509.Certificate, t inquiry.Times) inquiry.Determination
}

// qualify decides the qualification. What the certificate says of itself makes
// no seal qualified: that takes the service that issued it in a trusted list
// (ETSI TS 119 615). Where the lists cannot tell, nothing is said of the seal,
// not even that it is an unqualified one.
func (v *Validator) qualify(out *Validation, now time.Time) {
	const spec = "Regulation (EU) No 910/2014, Articles 36 and 38; ETSI TS 119 615"
	switch {
	case out.Indication != TotalPassed:
		out.Checks.Skip(CheckQualified, spec, "the seal does not hold")
		return
	case out.Level == NotBaseline:
		out.Checks.Skip(CheckQualified, spec, "not a baseline seal, so never qualified")
		return
	case slices.Contains(out.Checks.Failures(), CheckStatements):
		out.Checks.Skip(CheckQualified, spec, "qcStatements cannot be read")
		return
	case out.Organization == nil:
		out.Checks.Skip(CheckQualified, spec, "the certificate does not identify a legal person")
		return
	}
	reason := "no trusted list is configured"
	if v.Lists != nil {
		d := v.Lists.Seal(out.Path.Certificates, inquiry.Times{Signature: out.BestSignatureTime, Now: now})
		out.Listed = &d
		out.steps(d)
		switch {
		case d.Qualified == inquiry.Indeterminate:
			out.Checks.Skip(CheckQualified, spec, "the trusted lists do not tell: "+d.Reason())
			return
		case d.Qualified == inquiry.Positive:
			out.qualified(d, spec)
			return
		}
		reason = d.Reason()
	}
	if s := out.Statements; len(s.Types) > 0 && !s.Seal() {
		out.Checks.Skip(CheckQualified, spec, "the certificate is not for electronic seals")
		return
	}
	out.Qualification = AdESeal
	out.Checks.Pass(CheckQualified, spec, "AdESeal; not higher, because "+reason)
}

// qualified tells the two worths of a qualified certificate apart. A device of
// which the lists cannot tell makes no qualified seal.
func (v *Validation) qualified(d inquiry.Determination, spec string) {
	v.Qualification = AdESealQC
	detail := "AdESeal-QC; the key is not known to be in a qualified device: " + d.Device.String()
	if d.Device == inquiry.Positive {
		v.Qualification, detail = QESeal, "QESeal"
	}
	if len(d.Services) > 0 {
		s := d.Services[0]
		detail += fmt.Sprintf("; by %s, list %d of %s", s.Provider, s.Sequence, s.Territory)
	}
	v.Checks.Pass(CheckQualified, spec, detail)
}

// steps puts what the lists say into the checks. A no is no fault of the seal: it
// is skipped, as what does not make it more.
func (v *Validation) steps(d inquiry.Determination) {
	v.Checks = slices.Grow(v.Checks, len(d.Steps)+1)
	var asked time.Time // two or three times, one after the other
	var suffix string
	for _, s := range d.Steps {
		prefix, spec := "", s.Spec
		if s.Service > 0 {
			prefix = "service " + strconv.Itoa(s.Service) + ": "
		}
		if !s.At.Equal(asked) {
			asked, suffix = s.At, "; asked for "+s.At.UTC().Format(time.RFC3339)
		}
		if s.At.IsZero() {
			suffix = ""
		}
		if spec == "" {
			spec = "ETSI TS 119 615"
		}
		if s.Outcome == inquiry.Positive {
			v.Checks.Pass(CheckListed+s.Name, spec, prefix+s.Found+suffix)
		} else {
			v.Checks.Skip(CheckListed+s.Name, spec, s.Outcome.String()+": "+prefix+s.Found+suffix)
		}
	}
}
