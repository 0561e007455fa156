// Package report says what was found when a seal was judged, as a document that
// can be kept and shown (ETSI EN 319 102-1, clause 5.1.3): JSON with a published
// schema, and the same for people.
//
// It reads what people have (a compact token, an SD-JWT with what it discloses,
// evidence in JSON) and judges nothing itself: that is seal.Validator. It holds
// no claim value; whom it names are those who sealed and stamped.
package report

import (
	_ "embed"
	"slices"
	"time"

	"github.com/zegel-id/zegel/credential"
	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/seal"
	"github.com/zegel-id/zegel/seal/evidence"
	"github.com/zegel-id/zegel/seal/statement"
)

// Type names the shape of a Report. A member that a reader must understand
// changes the number; others may be added without.
const Type = "urn:zegel:seal-report:1"

// Schema is the JSON Schema of a Report.
//
//go:embed schema.json
var Schema []byte

// Report is what was found. Times are UTC in whole seconds.
type Report struct {
	Type     string   `json:"type"`
	Document Document `json:"document"`
	// ValidatedAt is the time as of which was judged, by which Process.
	ValidatedAt time.Time `json:"validated_at"`
	Process     Process   `json:"process"`

	// Accepted: TOTAL_PASSED, in a form that has a level, and no check failed.
	Accepted      bool               `json:"accepted"`
	Indication    seal.Indication    `json:"indication"`
	SubIndication seal.SubIndication `json:"sub_indication,omitzero"`
	Qualification seal.Qualification `json:"qualification"`
	Level         seal.Level         `json:"level"`
	// Statement is what the seal says, for people; nil unless Accepted.
	Statement *statement.Statement `json:"statement,omitzero"`

	// ClaimedTime is when the creator says it sealed; zero also when no calendar has
	// what it says.
	ClaimedTime time.Time `json:"claimed_time,omitzero"`
	// BestSignatureTime is since when the seal is proven to exist; ValidatedAt
	// where no time-stamp proves more. Zero when the signature does not verify.
	BestSignatureTime time.Time `json:"best_signature_time,omitzero"`
	// StampBefore is by when the evidence must be stamped again.
	StampBefore time.Time `json:"stamp_before,omitzero"`

	// Creator is the registration in the certificate, such as NTRBE-0123456749.
	Creator string `json:"creator,omitzero"`
	// Source is what the certificate says (QcPSB); it counts when Accepted.
	Source   *Source   `json:"source,omitzero"`
	Provider *Provider `json:"provider,omitzero"`
	// TrustedLists is absent where they were not asked.
	TrustedLists *TrustedLists `json:"trusted_lists,omitzero"`
	Chain        []Certificate `json:"chain"`
	Revocation   *Revocation   `json:"revocation,omitzero"`
	TimeStamps   []TimeStamp   `json:"time_stamps"`
	// ContentTimeStamps are those that were signed with the document; absent where
	// there is none.
	ContentTimeStamps []TimeStamp `json:"content_time_stamps,omitzero"`
	Basis             Basis       `json:"held_against"`

	Checks credential.Report `json:"checks"`
}

// Process is which of the validation processes of ETSI EN 319 102-1 was followed.
// What the document holds decides.
type Process string

const (
	Basic    Process = "basic"     // clause 5.3, Basic Signatures
	WithTime Process = "with-time" // clause 5.5, signatures with time or long-term validation material
	LongTerm Process = "long-term" // clause 5.6.3, with an archive time-stamp
)

// Form is how a document came.
type Form string

const (
	Compact    Form = "compact"         // RFC 7515, Section 7.1
	SDJWT      Form = "sd-jwt"          // RFC 9901, Section 4
	Flattened  Form = "json-flattened"  // RFC 7515, Section 7.2.2
	General    Form = "json-general"    // RFC 7515, Section 7.2.1
	Unreadable Form = "not-a-signature" // none of them
)

// Document is what was judged, without what it says.
type Document struct {
	Form Form   `json:"form"`
	Typ  string `json:"typ,omitzero"`
	Alg  string `json:"alg,omitzero"`
	// Size in bytes and SHA256 in hex are those of the file as it came.
	Size   int    `json:"size"`
	SHA256 string `json:"sha256"`
	// Disclosures is how many there are; KeyBinding tells that a proof of the
	// holder is there, which is not judged.
	Disclosures int  `json:"disclosures"`
	KeyBinding  bool `json:"key_binding"`
}

// Source is the authentic source and the law (ETSI TS 119 412-6, clause 8.3).
type Source struct {
	Country     string `json:"country"`
	Name        string `json:"name"`
	Legislation string `json:"legislation"`
}

// Provider is the creator's entry in the list of PuB-EAA providers.
type Provider struct {
	Name         string    `json:"name"`
	Registration string    `json:"registration"`
	Law          string    `json:"law"`
	Information  string    `json:"information,omitzero"`
	Service      string    `json:"service"`
	Status       string    `json:"status"`
	Since        time.Time `json:"since"`
	ListSequence int64     `json:"list_sequence"`
}

// Revocation is what is known of the certificate of the seal at the best
// signature time.
type Revocation struct {
	State      string    `json:"state"`
	Since      time.Time `json:"since,omitzero"`
	Reason     int       `json:"reason,omitzero"` // RFC 5280, Section 5.3.1
	ThisUpdate time.Time `json:"this_update,omitzero"`
	NextUpdate time.Time `json:"next_update,omitzero"`
	Detail     string    `json:"detail,omitzero"`
}

// TimeStamp is a time-stamp of the evidence, or of the content.
type TimeStamp struct {
	Kind evidence.Kind `json:"kind"`
	// Time is what the authority says; zero when the token cannot be read.
	Time time.Time `json:"time,omitzero"`
	// Accuracy in seconds.
	Accuracy float64 `json:"accuracy,omitzero"`
	Policy   string  `json:"policy,omitzero"`
	Accepted bool    `json:"accepted"`
	// Chain is empty unless Accepted.
	Chain []Certificate `json:"chain"`
}

// newReport copies what was found. The document's own checks were added to out
// before.
func newReport(v *seal.Validator, doc Document, process Process, out seal.Validation, at time.Time) Report {
	r := Report{
		Type: Type, Document: doc, ValidatedAt: seconds(at), Process: process,
		Accepted: out.Err() == nil, Indication: out.Indication, SubIndication: out.SubIndication,
		Qualification: out.Qualification, Level: out.Level,
		ClaimedTime: seconds(out.ClaimedTime), StampBefore: seconds(out.StampBefore),
		Chain: chain(out), TrustedLists: trustedLists(out.Listed), Basis: basis(v, out), Checks: out.Checks,
	}
	if s, ok := statement.Of(out, at); ok {
		r.Statement = &s
	}
	if passed(out.Checks, seal.CheckSignature) { // a broken signature is proven at no time
		r.BestSignatureTime = seconds(out.BestSignatureTime)
	}
	if out.Organization != nil {
		r.Creator = out.Organization.String()
	}
	if s := out.Source; s != nil {
		r.Source = &Source{s.Country, s.Name, s.Legislation}
	}
	if p := out.Provider; p != nil {
		r.Provider = &Provider{
			Name: p.Name, Registration: p.Registration.String(), Law: p.Law, Information: p.Information,
			Service: string(p.Service), Status: p.Status, Since: seconds(p.Since), ListSequence: p.Sequence,
		}
	}
	if out.Path != nil {
		s := out.Revocation
		r.Revocation = &Revocation{
			State: s.State.String(), Since: seconds(s.Since), Reason: s.Reason,
			ThisUpdate: seconds(s.ThisUpdate), NextUpdate: seconds(s.NextUpdate), Detail: s.Detail,
		}
	}
	r.TimeStamps, r.ContentTimeStamps = timeStamps(out.TimeStamps), timeStamps(out.ContentTimeStamps)
	return r
}

func timeStamps(all []seal.TimeStamp) (out []TimeStamp) {
	for _, s := range all {
		out = append(out, TimeStamp{
			Kind: s.Kind, Time: seconds(s.Time), Accuracy: s.Accuracy.Seconds(), Policy: s.Policy,
			Accepted: s.Accepted, Chain: path(s.Path),
		})
	}
	return out
}

func passed(checks credential.Report, name string) bool {
	return slices.ContainsFunc(checks, func(c credential.Check) bool { return c.Name == name && c.Outcome == credential.Passed })
}

// seconds is a time as the report has it. What a stranger claims may lie in years
// that cannot be written (RFC 3339, Section 1): that is no time.
func seconds(t time.Time) time.Time {
	if y := t.UTC().Year(); y < 0 || y > 9999 {
		return time.Time{}
	}
	return t.UTC().Truncate(time.Second)
}

// JSON writes the report.
func (r Report) JSON() ([]byte, error) { return jose.Marshal(r) }
