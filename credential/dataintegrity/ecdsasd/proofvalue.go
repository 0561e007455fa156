package ecdsasd

import (
	"bytes"

	di "github.com/zegel-id/zegel/credential/dataintegrity"
	"github.com/zegel-id/zegel/credential/dataintegrity/selective"
	"github.com/zegel-id/zegel/internal/cbor"
)

// The headers of proof values (DI ECDSA 1.0, Sections 3.5.2 and 3.5.7).
var (
	headerBase    = []byte{0xd9, 0x5d, 0x00}
	headerDerived = []byte{0xd9, 0x5d, 0x01}
)

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
	b := cbor.AppendArray(bytes.Clone(headerBase), 5)
	b = cbor.AppendBytes(b, v.baseSignature)
	b = cbor.AppendBytes(b, v.publicKey)
	b = cbor.AppendBytes(b, v.hmacKey)
	b = appendSignatures(b, v.signatures)
	b = cbor.AppendArray(b, len(v.mandatoryPointers))
	for _, p := range v.mandatoryPointers {
		b = cbor.AppendText(b, p)
	}
	return b
}

// encode is the CBOR of a derived proof, header included (compressLabelMap, Section 3.5.5).
func (v *derivedValue) encode() []byte {
	b := cbor.AppendArray(bytes.Clone(headerDerived), 5)
	b = cbor.AppendBytes(b, v.baseSignature)
	b = cbor.AppendBytes(b, v.publicKey)
	b = appendSignatures(b, v.signatures)
	b = cbor.AppendMap(b, len(v.labels))
	for i, label := range v.labels {
		b = cbor.AppendBytes(cbor.AppendUint(b, uint64(i)), label)
	}
	b = cbor.AppendArray(b, len(v.mandatoryIndexes))
	for _, i := range v.mandatoryIndexes {
		b = cbor.AppendUint(b, uint64(i))
	}
	return b
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
	b = cbor.AppendArray(b, len(signatures))
	for _, s := range signatures {
		b = cbor.AppendBytes(b, s)
	}
	return b
}

// parseBase is parseBaseProofValue (Section 3.5.3).
func parseBase(proofValue string) (*baseValue, error) {
	r, err := open(proofValue, headerBase)
	if err != nil {
		return nil, err
	}
	v := &baseValue{baseSignature: r.sized(signatureSize), publicKey: r.sized(publicKeySize), hmacKey: r.sized(selective.HMACKeySize)}
	v.signatures = r.signatures()
	for range r.Array() {
		v.mandatoryPointers = append(v.mandatoryPointers, r.Text())
	}
	if len(v.mandatoryPointers) > selective.MaxPointers || !r.done(v.encode) {
		return nil, notElements("base")
	}
	return v, nil
}

// parseDerived is parseDerivedProofValue (Section 3.5.8).
func parseDerived(proofValue string) (*derivedValue, error) {
	r, err := open(proofValue, headerDerived)
	if err != nil {
		return nil, err
	}
	v := &derivedValue{baseSignature: r.sized(signatureSize), publicKey: r.sized(publicKeySize)}
	v.signatures = r.signatures()
	v.labels = r.labels()
	for range r.Array() {
		i := r.index()
		if n := len(v.mandatoryIndexes); n > 0 && v.mandatoryIndexes[n-1] >= i {
			r.bad = true // not ascending, or twice
		}
		v.mandatoryIndexes = append(v.mandatoryIndexes, i)
	}
	if !r.done(v.encode) {
		return nil, notElements("derived")
	}
	return v, nil
}

// elements are the five elements of a proof value under way.
type elements struct {
	*cbor.Reader
	size int // of the whole, in bytes
	bad  bool
}

// limits of the CBOR: a signature and a label for each statement at most, and pointers.
var limits = cbor.Limits{Size: maxProofValue, Depth: 2, Items: 4*selective.MaxStatements + selective.MaxPointers}

// open reads the multibase encoding, the header and the head of the five elements.
func open(proofValue string, header []byte) (*elements, error) {
	if len(proofValue) > maxProofValue {
		return nil, badValue("proofValue is longer than 512 KiB")
	}
	b, err := di.MultibaseBase64(proofValue)
	if err != nil {
		return nil, err
	}
	rest, ok := bytes.CutPrefix(b, header)
	switch {
	case ok:
	case bytes.HasPrefix(b, headerBase):
		return nil, badValue("it is a base proof, which an issuer makes for the holder alone: derive a proof from it")
	case bytes.HasPrefix(b, headerDerived):
		return nil, badValue("it is a derived proof, from which nothing more can be derived: use the base proof of the issuer")
	default:
		return nil, badValue("proofValue does not start with a header of " + Name)
	}
	if err := cbor.Check(rest, limits); err != nil {
		return nil, &di.Error{Check: di.CheckProofValue, Spec: spec + ", Section 3.5", Detail: "what follows the header", Err: err}
	}
	r := &elements{Reader: cbor.NewReader(rest), size: len(b)}
	r.bad = r.Array() != 5
	return r, nil
}

// sized reads a byte string of one length.
func (r *elements) sized(n int) []byte {
	b := r.Bytes()
	r.bad = r.bad || len(b) != n
	return b
}

// signatures reads an array of signatures.
func (r *elements) signatures() [][]byte {
	n := r.Array()
	r.bad = r.bad || n > selective.MaxStatements
	all := make([][]byte, n)
	for i := range all {
		all[i] = r.sized(signatureSize)
	}
	return all
}

// index reads a number that can count statements.
func (r *elements) index() int {
	i := r.Uint()
	if i >= selective.MaxStatements {
		r.bad = true
		return 0
	}
	return int(i)
}

// labels reads a label map, in any order of its keys, which are the numbers from 0 on, each
// once (decompressLabelMap, Section 3.5.6).
func (r *elements) labels() [][]byte {
	labels := make([][]byte, r.Map())
	for range labels {
		i, label := r.index(), r.sized(labelSize)
		if i >= len(labels) {
			r.bad = true
			return nil
		}
		labels[i] = label
	}
	return labels
}

// done says whether all was read, and was as short as what is written: in the order of the
// label map they may differ, not in the length of anything.
func (r *elements) done(encode func() []byte) bool {
	return !r.bad && r.End() == nil && len(encode()) == r.size
}

func notElements(kind string) error {
	return badValue("the CBOR of the " + kind + " proof is not five elements of their kinds and lengths, in their shortest forms and without tags")
}

func badValue(detail string) *di.Error {
	return &di.Error{Check: di.CheckProofValue, Spec: spec + ", Section 3.5", Detail: detail}
}
