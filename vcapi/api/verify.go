package api

import (
	"net/http"
	"slices"

	"github.com/zegel-id/zegel/internal/rest"
	"github.com/zegel-id/zegel/vcapi"
)

// verifyOptions are those of the text, and two of the test suites: checks, and
// challenge and domain for a credential.
type verifyOptions struct {
	Challenge            string   `json:"challenge"`
	Domain               string   `json:"domain"`
	Checks               []string `json:"checks"`
	ReturnResults        bool     `json:"returnResults"`
	ReturnProblemDetails *bool    `json:"returnProblemDetails"`
	ReturnCredential     bool     `json:"returnCredential"`
	ReturnPresentation   bool     `json:"returnPresentation"`
}

var common = []string{"challenge", "domain", "checks", "returnResults", "returnProblemDetails"}

// options: the proofs and the data model are always looked at. Checks that name others
// than credentialStatus leave the status out; an empty list names none.
func (o verifyOptions) options() (vcapi.CredentialOptions, error) {
	known := []string{"proof", "credentialStatus"}
	for _, c := range o.Checks {
		if !slices.Contains(known, c) {
			return vcapi.CredentialOptions{}, &rest.Problem{
				Status: http.StatusBadRequest, Type: unknownOption, Title: "Unknown check", Field: "options.checks", Found: clip(c), Expected: "proof or credentialStatus",
				Spec: vcalm + "Error Handling", Remedy: "Leave it out; without checks all are made.",
			}
		}
	}
	return vcapi.CredentialOptions{Challenge: o.Challenge, Domain: o.Domain, SkipStatus: len(o.Checks) > 0 && !slices.Contains(o.Checks, "credentialStatus")}, nil
}

func (s server) verifyCredential(r *rest.Request) (rest.Answer, error) {
	raw, o, err := body[verifyOptions](r, "verifiableCredential", append(common, "returnCredential")...)
	if err != nil {
		return rest.Answer{}, err
	}
	options, err := o.options()
	if err != nil {
		return rest.Answer{}, err
	}
	result, err := s.o.Verifier.Credential(r.Context(), raw, options)
	if err != nil {
		return rest.Answer{}, err
	}
	if !o.ReturnCredential {
		result.Credential = nil
	}
	o.trim(&result)
	return s.result(result.Verified, result), nil
}

func (s server) verifyPresentation(r *rest.Request) (rest.Answer, error) {
	raw, o, err := body[verifyOptions](r, "verifiablePresentation", append(common, "returnPresentation")...)
	if err != nil {
		return rest.Answer{}, err
	}
	options, err := o.options()
	if err != nil {
		return rest.Answer{}, err
	}
	result, err := s.o.Verifier.Presentation(r.Context(), raw, options)
	if err != nil {
		return rest.Answer{}, err
	}
	if !o.ReturnPresentation {
		result.Presentation = nil
	}
	if !o.problems() {
		result.Problems = nil
	}
	// What each credential came to is always told: a presentation may fail by one.
	for i := range result.Results.Credentials {
		o.trim(&result.Results.Credentials[i])
	}
	return s.result(result.Verified, result), nil
}

func (o verifyOptions) problems() bool {
	return o.ReturnProblemDetails == nil || *o.ReturnProblemDetails
}

// trim leaves out what was not asked for.
func (o verifyOptions) trim(r *vcapi.CredentialResult) {
	if !o.problems() {
		r.Problems = nil
	}
	if !o.ReturnResults {
		r.Results = nil
	}
}

func (s server) result(verified bool, v any) rest.Answer {
	status := http.StatusOK
	if !verified {
		status = s.o.UnverifiedStatus
	}
	return rest.JSON(status, v)
}
