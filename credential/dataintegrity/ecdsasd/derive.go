package ecdsasd

import (
	"fmt"

	di "github.com/zegel-id/zegel/credential/dataintegrity"
	"github.com/zegel-id/zegel/credential/dataintegrity/internal/derivable"
	"github.com/zegel-id/zegel/credential/dataintegrity/selective"
	"github.com/zegel-id/zegel/credential/jsonld"
)

// Derive is Add Derived Proof (DI ECDSA 1.0, Section 3.6.6): of a document with a base proof,
// the part that the issuer fixed and the JSON pointers select, with a proof of it. The rest,
// the HMAC key and its other signatures stay behind. Values are disclosed byte by byte as
// they stand in the document.
//
// The base proof is not verified, see Base. Other proofs of the document are left out, for
// they are proofs of the whole. The error is a *dataintegrity.Error.
func Derive(p *jsonld.Processor, document []byte, selectivePointers []string) ([]byte, error) {
	return kind.Derive(document, func(in di.Input, proofValue string) ([]byte, string, error) {
		return derive(p, in.Document, proofValue, selectivePointers)
	})
}

// Disclosable are JSON pointers to what the holder of a document with a base proof may
// hold back: all but what the issuer fixed. The error is a *dataintegrity.Error.
func Disclosable(p *jsonld.Processor, document []byte) ([]string, error) {
	var pointers []string
	err := kind.Read(document, func(in di.Input, proofValue string) error {
		base, err := parseBase(proofValue)
		if err != nil {
			return err
		}
		d, err := selective.Read(p, in.Document, selective.HMAC(base.hmacKey))
		if err != nil {
			return derivable.NotReadable(err)
		}
		mandatory, err := d.Select(base.mandatoryPointers)
		if err != nil {
			return kind.BadPointers(err)
		}
		pointers = d.Beyond(mandatory.Indexes)
		return nil
	})
	return pointers, err
}

// derive is createDisclosureData (Section 3.5.4): the document to reveal, without a proof,
// and the derived proof value.
func derive(p *jsonld.Processor, document []byte, proofValue string, selectivePointers []string) (reveal []byte, value string, err error) {
	base, err := parseBase(proofValue)
	if err != nil {
		return nil, "", err
	}
	d, err := selective.Read(p, document, selective.HMAC(base.hmacKey))
	if err != nil {
		return nil, "", derivable.NotReadable(err)
	}
	mandatory, combined, err := kind.Groups(d, base.mandatoryPointers, selectivePointers)
	if err != nil {
		return nil, "", err
	}
	signatures, err := disclosed(base.signatures, len(d.Statements), mandatory.Indexes, combined.Indexes)
	if err != nil {
		return nil, "", err
	}
	labels, err := combined.Labels()
	if err != nil {
		return nil, "", derivable.NotReadable(err)
	}
	v := derivedValue{
		baseSignature: base.baseSignature, publicKey: base.publicKey, signatures: signatures,
		mandatoryIndexes: selective.Relative(mandatory.Indexes, combined.Indexes),
	}
	for _, label := range labels {
		digest, err := di.MultibaseBase64(label)
		if err != nil {
			return nil, "", err
		}
		v.labels = append(v.labels, digest)
	}
	return combined.JSON, di.EncodeBase64(v.encode()), nil
}

// disclosed are the signatures of the statements that are disclosed and not mandatory. A base
// proof has one for each statement that is not mandatory, in the order of the statements.
func disclosed(signatures [][]byte, statements int, mandatory, combined []int) ([][]byte, error) {
	if len(signatures) != statements-len(mandatory) {
		return nil, &di.Error{Check: di.CheckProofValue, Spec: spec + ", Section 3.5.4", Detail: fmt.Sprintf("the base proof has %d signatures for %d statements that are not mandatory: it is of another document", len(signatures), statements-len(mandatory))}
	}
	var kept [][]byte
	for _, i := range derivable.Chosen(mandatory, combined) {
		kept = append(kept, signatures[i])
	}
	return kept, nil
}
