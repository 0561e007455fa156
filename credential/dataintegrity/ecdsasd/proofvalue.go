package ecdsasd

import (
	"slices"

	"github.com/zegel-id/zegel/credential/dataintegrity/internal/derivable"
	"github.com/zegel-id/zegel/credential/dataintegrity/selective"
	"github.com/zegel-id/zegel/internal/cbor"
)

// The headers of proof values (DI ECDSA 1.0, Sections 3.5.2 and 3.5.7).
var (
	headerBase    = []byte{0xd9, 0x5d, 0x00}
	headerDerived = []byte{0xd9, 0x5d, 0x01}
)

// kind is the suite, for what it has in common with others.
var kind = &derivable.Suite{
	Name: Name, Spec: spec, ProofValues: "3.5", Pointers: "3.4.13", Deriving: "3.6.6",
	Base: headerBase, Derived: headerDerived, MaxProofValue: maxProofValue,
}

// Lengths in bytes.
//
// Deviation: Section 3.5.8 says 36 for the public key. Its encoding in Section 3.6.5, two bytes
// of codec and a compressed point, the official vectors and other implementations say 35.
const (
	signatureSize = 64
	publicKeySize = 35
	labelSize     = 32
)

// maxProofValue is the longest proofValue that is read: a signature for each statement that
// a document may have, and room for pointers.
const maxProofValue = 1 << 19

// baseValue is a base proof value (Section 3.5.2).
type baseValue struct {
	baseSignature, publicKey, hmacKey []byte
	signatures                        [][]byte
	mandatoryPointers                 []string
}

// derivedValue is a derived proof value (Section 3.5.7).
type derivedValue struct {
	baseSignature, publicKey []byte
	signatures               [][]byte
	labels                   [][]byte // digests: the one at i is for "c14n<i>"
	mandatoryIndexes         []int    // ascending
}

// encode is the CBOR of a base proof, header included.
func (v *baseValue) encode() []byte {
	b := derivable.AppendHead(headerBase)
	b = cbor.AppendBytes(b, v.baseSignature)
	b = cbor.AppendBytes(b, v.publicKey)
	b = cbor.AppendBytes(b, v.hmacKey)
	b = appendSignatures(b, v.signatures)
	return derivable.AppendPointers(b, v.mandatoryPointers)
}

// encode is the CBOR of a derived proof, header included (compressLabelMap, Section 3.5.5).
func (v *derivedValue) encode() []byte {
	b := derivable.AppendHead(headerDerived)
	b = cbor.AppendBytes(b, v.baseSignature)
	b = cbor.AppendBytes(b, v.publicKey)
	b = appendSignatures(b, v.signatures)
	b = derivable.AppendLabels(b, v.labels, cbor.AppendBytes)
	return derivable.AppendIndexes(b, v.mandatoryIndexes)
}

// given are the labels as text, for a label map.
func (v *derivedValue) given() []string {
	all := make([]string, len(v.labels))
	for i, digest := range v.labels {
		all[i] = selective.EncodeLabel(digest)
	}
	return all
}

func appendSignatures(b []byte, signatures [][]byte) []byte {
	const head = 2 // bytes before each
	b = cbor.AppendArray(slices.Grow(b, len(signatures)*(head+signatureSize)), len(signatures))
	for _, s := range signatures {
		b = cbor.AppendBytes(b, s)
	}
	return b
}

// parseBase is parseBaseProofValue (Section 3.5.3).
func parseBase(proofValue string) (*baseValue, error) {
	r, err := kind.Open(proofValue, headerBase)
	if err != nil {
		return nil, err
	}
	v := &baseValue{baseSignature: r.Sized(signatureSize), publicKey: r.Sized(publicKeySize), hmacKey: r.Sized(selective.HMACKeySize)}
	v.signatures = signatures(r)
	v.mandatoryPointers = r.Pointers()
	if !r.Done(v.encode) {
		return nil, kind.NotElements("base")
	}
	return v, nil
}

// parseDerived is parseDerivedProofValue (Section 3.5.8).
func parseDerived(proofValue string) (*derivedValue, error) {
	r, err := kind.Open(proofValue, headerDerived)
	if err != nil {
		return nil, err
	}
	v := &derivedValue{baseSignature: r.Sized(signatureSize), publicKey: r.Sized(publicKeySize)}
	v.signatures = signatures(r)
	v.labels = derivable.Labels(r, func() []byte { return r.Sized(labelSize) })
	v.mandatoryIndexes = r.Indexes()
	if !r.Done(v.encode) {
		return nil, kind.NotElements("derived")
	}
	return v, nil
}

// signatures reads an array of signatures.
func signatures(r *derivable.Elements) [][]byte {
	n := r.Array()
	r.Must(n <= selective.MaxStatements)
	all := make([][]byte, n)
	for i := range all {
		all[i] = r.Sized(signatureSize)
	}
	return all
}
