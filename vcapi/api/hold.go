package api

import (
	"net/http"

	"github.com/zegel-id/zegel/internal/rest"
	"github.com/zegel-id/zegel/vcapi"
)

type presentOptions struct {
	Type               string `json:"type"`
	Cryptosuite        string `json:"cryptosuite"`
	VerificationMethod string `json:"verificationMethod"`
	ProofPurpose       string `json:"proofPurpose"`
	Challenge          string `json:"challenge"`
	Domain             string `json:"domain"`
}

func (s server) present(r *rest.Request) (rest.Answer, error) {
	h := s.holders[r.Path("holder")]
	if h == nil {
		return rest.Answer{}, &rest.Problem{Status: http.StatusNotFound, Title: "No such holder", Detail: "The address names no holder of this server.", Remedy: "Take the name from the configuration (vc_api.holders)."}
	}
	presentation, o, err := body[presentOptions](r, "presentation", "type", "cryptosuite", "verificationMethod", "proofPurpose", "challenge", "domain")
	if err != nil {
		return rest.Answer{}, err
	}
	if o.Type != "" && o.Type != "DataIntegrityProof" {
		return rest.Answer{}, &rest.Problem{Status: http.StatusBadRequest, Title: "Unknown type of proof", Field: "options.type", Expected: "DataIntegrityProof", Found: clip(o.Type), Spec: vcalm + "Create Presentation", Remedy: "Leave it out."}
	}
	signed, err := h.Present(presentation, vcapi.PresentOptions{Challenge: o.Challenge, Domain: o.Domain, Cryptosuite: o.Cryptosuite, VerificationMethod: o.VerificationMethod, Purpose: o.ProofPurpose})
	if err != nil {
		return rest.Answer{}, err
	}
	return made("verifiablePresentation", signed), nil
}

type deriveOptions struct {
	SelectivePointers []string `json:"selectivePointers"`
}

func (s server) derive(r *rest.Request) (rest.Answer, error) {
	credential, o, err := body[deriveOptions](r, "verifiableCredential", "selectivePointers")
	if err != nil {
		return rest.Answer{}, err
	}
	derived, err := s.o.Contexts.Derive(s.o.Random, credential, o.SelectivePointers)
	if err != nil {
		return rest.Answer{}, err
	}
	return made("verifiableCredential", derived), nil
}
