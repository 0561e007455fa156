package oid4vci

import (
	"context"
	"crypto"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/zegel-id/zegel/credential/dataintegrity"
	"github.com/zegel-id/zegel/did"
	"github.com/zegel-id/zegel/internal/jose"
)

const (
	specDIVP      = "OpenID4VCI 1.0, Appendix F.2"
	specIntegrity = "Data Integrity 1.0, Section 4.4"
	// maxDIVP is the longest di_vp proof that is read, in bytes.
	maxDIVP = 64 << 10
)

// presentation is the frame of a di_vp proof. What it presents is not looked
// at: the proof is all that counts here.
type presentation struct {
	Context jsontext.Value `json:"@context"`
	Type    jsontext.Value `json:"type"`
	Holder  jsontext.Value `json:"holder"`
	Proof   jsontext.Value `json:"proof"`
}

// integrityProof is the proof of a presentation (Data Integrity 1.0, Section
// 2.1).
type integrityProof struct {
	Type               string         `json:"type"`
	Cryptosuite        string         `json:"cryptosuite"`
	Created            *string        `json:"created"`
	Expires            *string        `json:"expires"`
	VerificationMethod string         `json:"verificationMethod"`
	ProofPurpose       string         `json:"proofPurpose"`
	Domain             jsontext.Value `json:"domain"`
	Challenge          *string        `json:"challenge"`
	PreviousProof      jsontext.Value `json:"previousProof"`
}

// diVP checks one proof of type di_vp: a presentation that is signed for this
// issuer and this c_nonce.
func (v *verification) diVP(ctx context.Context, at string, text []byte) error {
	bad := func(spec, field, format string, args ...any) error {
		return refuse(InvalidProof, spec, at+field, format, args...)
	}
	// Step 1. A presentation with one Data Integrity proof. Several would leave
	// open which key is meant.
	p, proof, err := parsePresentation(text)
	if err != nil {
		return &Error{Code: InvalidProof, Field: at, Description: err.Error(), Spec: specDIVP, Err: err}
	}
	// Step 2. A suite of the list, for the purpose of authentication.
	switch {
	case proof.Type != typeIntegrity:
		return bad(specDIVP, " proof.type", "expected %s", typeIntegrity)
	case !slices.Contains(v.Cryptosuites, proof.Cryptosuite):
		return bad(specDIVP, " proof.cryptosuite", "is none of proof_signing_alg_values_supported")
	case proof.ProofPurpose != "authentication":
		return bad(specDIVP, " proof.proofPurpose", "expected authentication")
	case proof.PreviousProof != nil:
		return bad("Data Integrity 1.0, Section 2.1.2", " proof.previousProof", "a proof of possession stands alone")
	}
	// Step 3. For this issuer, and nobody else.
	if !isOnly(proof.Domain, v.Issuer) {
		return bad(specDIVP, " proof.domain", "is not the credential issuer identifier")
	}
	// Step 4. The key, of the document that the method's URL names.
	if v.ResolveKid == nil {
		return bad(specDIVP, " proof.verificationMethod", "no DID is resolved here")
	}
	key, err := v.ResolveKid(ctx, proof.VerificationMethod)
	if err != nil {
		return &Error{Code: InvalidProof, Field: at + " proof.verificationMethod", Description: "its key cannot be resolved", Spec: "Controlled Identifiers 1.0, Section 3.3", Err: err}
	}
	// Step 5. The holder, if there is one, controls that key.
	controller, _, _ := strings.Cut(proof.VerificationMethod, "#")
	if holder, ok := holderOf(p.Holder); !ok || holder != "" && holder != controller {
		return bad(specDIVP, " holder", "is not the controller of the verification method")
	}
	// Step 6. Times.
	if err := v.proofTimes(at, proof); err != nil {
		return err
	}
	// Step 7. The signature.
	if err := verifyIntegrity(text, key); err != nil {
		return &Error{Code: InvalidProof, Field: at, Description: err.Error(), Spec: specIntegrity, Err: err}
	}
	// Step 8. The challenge is the c_nonce.
	if err := v.nonce(at+" proof.challenge", proof.Challenge); err != nil {
		return err
	}
	return v.add(at, key, proof.VerificationMethod, nil)
}

func (v *verification) proofTimes(at string, p integrityProof) error {
	const spec = "Data Integrity 1.0, Section 2.1"
	if p.Created == nil {
		// F.4 asks for a creation time in a window, as far as there is one; the
		// challenge is what makes it fresh.
	} else if created, err := time.Parse(time.RFC3339, *p.Created); err != nil {
		return refuse(InvalidProof, spec, at+" proof.created", "is no date and time with a zone")
	} else if err := v.window(at+" proof.created", created); err != nil {
		return err
	}
	if p.Expires == nil {
		return nil
	}
	expires, err := time.Parse(time.RFC3339, *p.Expires)
	if err != nil || !v.Now.Before(expires) {
		return refuse(InvalidProof, spec, at+" proof.expires", "is past, or no date and time with a zone")
	}
	return nil
}

// parsePresentation reads a presentation and its one proof.
func parsePresentation(text []byte) (p presentation, proof integrityProof, err error) {
	if len(text) > maxDIVP {
		return p, proof, fmt.Errorf("longer than %d bytes", maxDIVP)
	}
	if err = jose.Unmarshal(text, &p); err != nil {
		return presentation{}, proof, err
	}
	if !listed(p.Type, "VerifiablePresentation") {
		return presentation{}, proof, fmt.Errorf("type does not hold VerifiablePresentation")
	}
	if !listed(p.Context, contextV2) && !listed(p.Context, contextV1) {
		return presentation{}, proof, fmt.Errorf("@context does not hold that of verifiable credentials")
	}
	raw := p.Proof
	if raw.Kind() == '[' {
		var list []jsontext.Value
		if err = jose.Unmarshal(raw, &list); err != nil || len(list) != 1 {
			return presentation{}, proof, fmt.Errorf("proof must be exactly one")
		}
		raw = list[0]
	}
	if raw.Kind() != '{' {
		return presentation{}, proof, fmt.Errorf("proof is missing or no object")
	}
	if err = jose.Unmarshal(raw, &proof); err != nil {
		return presentation{}, integrityProof{}, err
	}
	return p, proof, nil
}

const (
	contextV1 = "https://www.w3.org/2018/credentials/v1"
	contextV2 = "https://www.w3.org/ns/credentials/v2"
)

// listed reports whether a string, or an array that may hold others too, holds
// the text.
func listed(v jsontext.Value, text string) bool {
	var one string
	if jose.Unmarshal(v, &one) == nil {
		return one == text
	}
	var many []jsontext.Value
	if jose.Unmarshal(v, &many) != nil {
		return false
	}
	return slices.ContainsFunc(many, func(e jsontext.Value) bool {
		return e.Kind() == '"' && jose.Unmarshal(e, &one) == nil && one == text
	})
}

// isOnly reports whether a string, or a set of strings, is that one text (Data
// Integrity 1.0, Section 4.4 compares sets).
func isOnly(v jsontext.Value, text string) bool {
	var one string
	if v.Kind() == '"' {
		return jose.Unmarshal(v, &one) == nil && one == text
	}
	var many []string
	if v.Kind() != '[' || jose.Unmarshal(v, &many) != nil || len(many) == 0 {
		return false
	}
	return !slices.ContainsFunc(many, func(s string) bool { return s != text })
}

// holderOf is the holder's identifier, empty if none is named. False when it
// is named in a form that cannot be read.
func holderOf(v jsontext.Value) (string, bool) {
	var id string
	switch v.Kind() {
	case 0:
		return "", len(v) == 0
	case '"':
		return id, jose.Unmarshal(v, &id) == nil && id != ""
	case '{':
		var o struct {
			ID string `json:"id"`
		}
		return o.ID, jose.Unmarshal(v, &o) == nil && o.ID != ""
	default:
		return "", false
	}
}

// PresentationClaims are what a di_vp proof is made for.
type PresentationClaims struct {
	// Audience is the credential issuer identifier.
	Audience string
	Created  time.Time
	// Nonce is the c_nonce.
	Nonce Secret
}

// NewPresentationProof makes a di_vp proof with a P-256, P-384 or Ed25519 key,
// named by its did:key (Appendix F.2).
func NewPresentationProof(key crypto.Signer, c PresentationClaims) (jsontext.Value, error) {
	holder, err := did.DIDKey(key.Public())
	if err != nil {
		return nil, err
	}
	signer, err := integritySigner(key)
	if err != nil {
		return nil, err
	}
	template, err := dataintegrity.NewTemplate(dataintegrity.Options{
		Signer: signer, VerificationMethod: holder + "#" + strings.TrimPrefix(holder, "did:key:"),
		Purpose: did.Authentication, Contexts: []string{contextV2},
	})
	if err != nil {
		return nil, err
	}
	document, err := jose.Marshal(map[string]any{"@context": []string{contextV2}, "type": []string{"VerifiablePresentation"}, "holder": holder})
	if err != nil {
		return nil, err
	}
	return template.Add(document, dataintegrity.Terms{Created: c.Created, Domain: []string{c.Audience}, Challenge: string(c.Nonce)})
}
