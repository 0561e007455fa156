package bbs2023

import (
	"bytes"

	"github.com/zegel-id/zegel/credential/bbs"
	di "github.com/zegel-id/zegel/credential/dataintegrity"
	"github.com/zegel-id/zegel/credential/dataintegrity/internal/derivable"
	"github.com/zegel-id/zegel/credential/dataintegrity/selective"
	"github.com/zegel-id/zegel/credential/jsonld"
)

const (
	// CheckDisclosed is the check that fails where a holder left out what the
	// verifier requires.
	CheckDisclosed = derivable.CheckDisclosed
	// CheckPresentation is the check that fails where a proof was made for
	// another presentation.
	CheckPresentation = "presentation_header"
)

// Expect is what a verifier expects of a derived proof.
type Expect struct {
	// PresentationHeader the proof must be bound to, such as PresentationHeader
	// gives for a domain and a challenge that was used once. Empty fits no proof.
	PresentationHeader []byte
	// InsecureAnyPresentation takes proofs bound to anything, also such as were
	// shown to others before. For tests and archives.
	InsecureAnyPresentation bool
	// Required are JSON pointers to what the document must disclose: a holder may
	// leave out whatever the issuer did not fix.
	Required []string
}

// Derived verifies derived proofs for one presentation, for the Suites of a
// verifier's policy; base proofs are refused.
func Derived(p *jsonld.Processor, e Expect) di.Suite {
	configurations := di.NewConfigurations(p)
	return verifier(func(in di.Input, proofValue string, issuer *bbs.PublicKey) error {
		return derived(p, configurations, in, proofValue, issuer, e)
	})
}

// Base verifies base proofs, whole: for holders who receive a document, and
// issuers who look at what they made. It is not for verifiers.
func Base(p *jsonld.Processor) di.Suite {
	configurations := di.NewConfigurations(p)
	return verifier(func(in di.Input, proofValue string, issuer *bbs.PublicKey) error {
		return base(p, configurations, in, proofValue, issuer)
	})
}

func verifier(proof func(in di.Input, proofValue string, issuer *bbs.PublicKey) error) di.Suite {
	return derivable.Verifier[*bbs.PublicKey]{Suite: Name, IssuerKey: issuerKey, Proof: proof}
}

// derived is Verify Derived Proof (Section 3.3.7). The BBS header is made anew
// from the document; the key is the issuer's.
func derived(p *jsonld.Processor, configurations *di.Configurations, in di.Input, proofValue string, issuer *bbs.PublicKey, e Expect) error {
	v, err := parseDerived(proofValue)
	if err != nil {
		return err
	}
	if !e.InsecureAnyPresentation && (len(e.PresentationHeader) == 0 || !bytes.Equal(v.presentationHeader, e.PresentationHeader)) {
		return &di.Error{Check: CheckPresentation, Spec: spec + ", Section 3.3.7", Detail: "the proof was not made for this presentation: its presentation header is another"}
	}
	d, err := selective.Read(p, in.Document, selective.Given(v.given()))
	if err != nil {
		return derivable.NotReadable(err)
	}
	fixed, rest, err := kind.SplitDisclosed(d.Statements, v.mandatoryIndexes)
	if err != nil {
		return err
	}
	header, err := bbsHeader(configurations, in, fixed)
	if err != nil {
		return err
	}
	if err := bbs.ProofVerify(issuer, v.proof, header, v.presentationHeader, rest, v.selectiveIndexes); err != nil {
		return &di.Error{Check: di.CheckSignature, Spec: spec + ", Section 3.3.7", Detail: "the proof is not one of these statements, proof options and issuer", Err: err}
	}
	return kind.Require(d, e.Required)
}

// base checks a base proof. What it repeats of the document and the key must be
// the same, since Derive relies on it.
func base(p *jsonld.Processor, configurations *di.Configurations, in di.Input, proofValue string, issuer *bbs.PublicKey) error {
	v, err := parseBase(proofValue)
	if err != nil {
		return err
	}
	d, err := selective.Read(p, in.Document, selective.ShuffledHMAC(v.hmacKey))
	if err != nil {
		return derivable.NotReadable(err)
	}
	mandatory, err := d.Select(v.mandatoryPointers)
	if err != nil {
		return kind.BadPointers(err)
	}
	fixed, rest := derivable.Split(d.Statements, mandatory.Indexes)
	header, err := bbsHeader(configurations, in, fixed)
	if err != nil {
		return err
	}
	if !bytes.Equal(header, v.header) || !bytes.Equal(v.publicKey, issuer.Bytes()) {
		return &di.Error{Check: di.CheckSignature, Spec: spec + ", Section 3.3.5", Detail: "the BBS header or the public key in the base proof is not that of the document and its issuer"}
	}
	if err := bbs.Verify(issuer, v.signature, header, rest); err != nil {
		return &di.Error{Check: di.CheckSignature, Spec: spec + ", Section 3.3.5", Detail: "the signature is not the issuer's over this document and proof options", Err: err}
	}
	return nil
}
