package vcapi

import (
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/zegel-id/zegel/credential/vcdm"
)

// CredentialResult says whether a credential holds (VCALM 0.9, "Verify Credential").
type CredentialResult struct {
	// Verified only if there is no problem at all.
	Verified bool `json:"verified"`
	// Credential is what was verified, in the form in which it came.
	Credential jsontext.Value `json:"credential,omitempty"`
	// Problems are why it does not hold.
	Problems []Problem `json:"problemDetails,omitempty"`
	// Results are those of each step that was taken.
	Results *CredentialResults `json:"results,omitzero"`
}

// CredentialResults are the steps, by the members of the credential.
type CredentialResults struct {
	ValidFrom  *Step  `json:"validFrom,omitzero"`
	ValidUntil *Step  `json:"validUntil,omitzero"`
	Status     []Step `json:"credentialStatus,omitempty"`
	Proof      []Step `json:"proof,omitempty"`
}

// Step is one of them.
type Step struct {
	Verified bool           `json:"verified"`
	Input    jsontext.Value `json:"input,omitempty"`
	// Value is that of a status entry.
	Value *uint8 `json:"value,omitzero"`
}

// PresentationResult says whether a presentation holds, with every credential in
// it (VCALM 0.9, "Verify Presentation").
type PresentationResult struct {
	Verified     bool                 `json:"verified"`
	Presentation jsontext.Value       `json:"verifiablePresentation,omitempty"`
	Problems     []Problem            `json:"problemDetails,omitempty"`
	Results      *PresentationResults `json:"results,omitzero"`
}

// PresentationResults are the steps of a presentation and the results of its
// credentials, in their order.
type PresentationResults struct {
	Presentation PresentationSteps  `json:"presentation"`
	Credentials  []CredentialResult `json:"credentials"`
}

// PresentationSteps are those of the presentation itself.
type PresentationSteps struct {
	Challenge *Step  `json:"challenge,omitzero"`
	Domain    *Step  `json:"domain,omitzero"`
	Holder    *Step  `json:"holder,omitzero"`
	Proof     []Step `json:"proof,omitempty"`
}

func (r *CredentialResult) problem(p Problem) { r.Problems = append(r.Problems, p) }

// steps are the same outcome for each of some objects.
func steps(ok bool, list []vcdm.Object) []Step {
	var out []Step
	for _, o := range list {
		out = append(out, Step{Verified: ok, Input: o.Raw})
	}
	return out
}

// text is a step about a string; nil for none.
func text(ok bool, s string) *Step {
	if s == "" {
		return nil
	}
	v, err := jsontext.AppendQuote(nil, s)
	if err != nil {
		return nil
	}
	return &Step{Verified: ok, Input: v}
}

// moment is a step about a time; nil for none.
func moment(ok bool, t time.Time) *Step {
	if t.IsZero() {
		return nil
	}
	return text(ok, t.UTC().Format(time.RFC3339Nano))
}
