package bbs2023

import (
	"strconv"

	"github.com/zegel-id/zegel/credential/bbs"
	"github.com/zegel-id/zegel/credential/dataintegrity/internal/derivable"
	"github.com/zegel-id/zegel/credential/dataintegrity/selective"
	"github.com/zegel-id/zegel/internal/cbor"
)

// The headers of proof values (DI BBS 1.0, Sections 3.2.2 and 3.2.6).
var (
	headerBase    = []byte{0xd9, 0x5d, 0x02}
	headerDerived = []byte{0xd9, 0x5d, 0x03}
)

// features are the optional ones, by the last octet of their headers.
var features = map[byte]string{
	0x04: "anonymous holder binding", 0x05: "anonymous holder binding",
	0x06: "pseudonyms", 0x07: "pseudonyms",
	0x08: "holder binding with pseudonyms", 0x09: "holder binding with pseudonyms",
}

// kind is the suite, for what it has in common with others.
var kind = &derivable.Suite{
	Name: Name, Spec: spec, ProofValues: "3.2", Pointers: "3.3.4", Deriving: "3.3.6",
	Base: headerBase, Derived: headerDerived, MaxProofValue: maxProofValue, Unsupported: features,
}

const (
	bbsHeaderSize = 64 // proofHash and mandatoryHash, SHA-256 each
	minBBSProof   = 272
	maxHeader     = 1 << 12 // of a presentation header, in octets
	maxProofValue = 1 << 18 // characters of a proofValue: 32 octets for each hidden message
	maxBBSProof   = minBBSProof + 32*bbs.MaxMessages
)

// baseValue is a base proof value (Section 3.2.2).
type baseValue struct {
	signature, header, publicKey, hmacKey []byte
	mandatoryPointers                     []string
}

// derivedValue is a derived proof value (Section 3.2.6).
type derivedValue struct {
	proof                              []byte
	labels                             []int // the one at i is that of "c14n<i>" in "b<n>"
	mandatoryIndexes, selectiveIndexes []int // ascending
	presentationHeader                 []byte
}

func (v *baseValue) encode() []byte {
	b := derivable.AppendHead(headerBase)
	for _, part := range [][]byte{v.signature, v.header, v.publicKey, v.hmacKey} {
		b = cbor.AppendBytes(b, part)
	}
	return derivable.AppendPointers(b, v.mandatoryPointers)
}

func (v *derivedValue) encode() []byte {
	b := derivable.AppendHead(headerDerived)
	b = cbor.AppendBytes(b, v.proof)
	b = derivable.AppendLabels(b, v.labels, func(b []byte, n int) []byte { return cbor.AppendUint(b, uint64(n)) })
	b = derivable.AppendIndexes(b, v.mandatoryIndexes)
	b = derivable.AppendIndexes(b, v.selectiveIndexes)
	return cbor.AppendBytes(b, v.presentationHeader)
}

// given are the labels as text, for a label map.
func (v *derivedValue) given() []string {
	all := make([]string, len(v.labels))
	for i, n := range v.labels {
		all[i] = "b" + strconv.Itoa(n)
	}
	return all
}

// parseBase is parseBaseProofValue (Section 3.2.3).
func parseBase(proofValue string) (*baseValue, error) {
	r, err := kind.Open(proofValue, headerBase)
	if err != nil {
		return nil, err
	}
	v := &baseValue{signature: r.Sized(bbs.SignatureSize), header: r.Sized(bbsHeaderSize), publicKey: r.Sized(bbs.PublicKeySize), hmacKey: r.Sized(selective.HMACKeySize)}
	v.mandatoryPointers = r.Pointers()
	if !r.Done(v.encode) {
		return nil, kind.NotElements("base")
	}
	return v, nil
}

// parseDerived is parseDerivedProofValue (Section 3.2.7).
func parseDerived(proofValue string) (*derivedValue, error) {
	r, err := kind.Open(proofValue, headerDerived)
	if err != nil {
		return nil, err
	}
	v := &derivedValue{proof: r.Bytes()}
	r.Must(len(v.proof) >= minBBSProof && len(v.proof) <= maxBBSProof)
	v.labels = derivable.Labels(r, r.Index)
	v.mandatoryIndexes, v.selectiveIndexes = r.Indexes(), r.Indexes()
	v.presentationHeader = r.Bytes()
	r.Must(len(v.presentationHeader) <= maxHeader)
	if !r.Done(v.encode) {
		return nil, kind.NotElements("derived")
	}
	return v, nil
}
