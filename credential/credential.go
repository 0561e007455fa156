// Package credential holds the few words that all credential formats share:
// the format's name and the report of a verification, check by check.
//
// It knows no format, no key and no network.
package credential

import "strings"

// Format is a credential format identifier (OpenID4VCI 1.0, Appendix A;
// OpenID4VP 1.0, Appendix B).
type Format string

const (
	// FormatSDJWTVC is the IETF SD-JWT VC.
	FormatSDJWTVC Format = "dc+sd-jwt"
	// FormatMdoc is the mdoc of ISO/IEC 18013-5.
	FormatMdoc Format = "mso_mdoc"
	// FormatJWT is a W3C credential secured as a JWT (VC-JOSE-COSE); FormatJWTLD
	// is the same where wallets are told of JSON-LD.
	FormatJWT   Format = "jwt_vc_json"
	FormatJWTLD Format = "jwt_vc_json-ld"
	// FormatLDP is a W3C credential secured with a Data Integrity proof.
	FormatLDP Format = "ldp_vc"
)

// W3C reports whether the format is one of W3C Verifiable Credentials, whose
// types are lists of IRIs.
func (f Format) W3C() bool { return f == FormatJWT || f == FormatJWTLD || f == FormatLDP }

// Outcome of one check. The zero value is not an outcome: a check that was
// never decided does not pass.
type Outcome string

const (
	Passed Outcome = "passed"
	Failed Outcome = "failed"
	// Skipped means that the policy of the caller does not ask for the check
	// or that it does not apply; Detail says which.
	Skipped Outcome = "skipped"
)

// Check is one named step of a verification.
type Check struct {
	// Name is stable and machine-readable, such as "holder_binding".
	Name    string  `json:"name"`
	Outcome Outcome `json:"outcome"`
	// Detail says in words what was found and expected. It never holds a claim
	// value.
	Detail string `json:"detail,omitempty"`
	// Spec is the document and section that asks for the check.
	Spec string `json:"spec,omitempty"`
}

// The checks of a presentation, in the order in which they are made. Formats
// add their own.
const (
	CheckStructure       = "structure"
	CheckIssuerSignature = "issuer_signature"
	CheckSeal            = "seal"
	CheckIssuerTrust     = "issuer_trust"
	CheckType            = "type"
	CheckValidity        = "validity"
	CheckStatus          = "status"
	CheckHolderBinding   = "holder_binding"
	CheckReplay          = "replay"
	CheckQuery           = "query"
	CheckPolicy          = "policy"
)

// Report is the list of checks made, in order.
type Report []Check

// Pass adds a passed check.
func (r *Report) Pass(name, spec, detail string) { r.add(name, Passed, spec, detail) }

// Fail adds a failed check.
func (r *Report) Fail(name, spec, detail string) { r.add(name, Failed, spec, detail) }

// Skip adds a check that the policy leaves out; detail says why.
func (r *Report) Skip(name, spec, detail string) { r.add(name, Skipped, spec, detail) }

func (r *Report) add(name string, o Outcome, spec, detail string) {
	*r = append(*r, Check{Name: name, Outcome: o, Spec: spec, Detail: detail})
}

// OK reports whether every one of the required checks passed and no check
// failed. An empty report is not OK.
func (r Report) OK(required ...string) bool {
	if len(r) == 0 {
		return false
	}
	passed := map[string]bool{}
	for _, c := range r {
		switch c.Outcome {
		case Passed:
			passed[c.Name] = true
		case Skipped:
		default:
			return false
		}
	}
	for _, name := range required {
		if !passed[name] {
			return false
		}
	}
	return true
}

// Failures lists the names of the checks that did not pass.
func (r Report) Failures() []string {
	var out []string
	for _, c := range r {
		if c.Outcome != Passed && c.Outcome != Skipped {
			out = append(out, c.Name)
		}
	}
	return out
}

func (r Report) String() string {
	var b strings.Builder
	for _, c := range r {
		b.WriteString(string(c.Outcome) + " " + c.Name)
		if c.Detail != "" {
			b.WriteString(": " + c.Detail)
		}
		b.WriteByte('\n')
	}
	return b.String()
}
