package bbs2023

import (
	"bytes"
	"strconv"

	"github.com/zegel-id/zegel/credential/bbs"
	di "github.com/zegel-id/zegel/credential/dataintegrity"
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
	b := cbor.AppendArray(bytes.Clone(headerBase), 5)
	for _, part := range [][]byte{v.signature, v.header, v.publicKey, v.hmacKey} {
		b = cbor.AppendBytes(b, part)
	}
	b = cbor.AppendArray(b, len(v.mandatoryPointers))
	for _, p := range v.mandatoryPointers {
		b = cbor.AppendText(b, p)
	}
	return b
}

func (v *derivedValue) encode() []byte {
	b := cbor.AppendArray(bytes.Clone(headerDerived), 5)
	b = cbor.AppendBytes(b, v.proof)
	b = cbor.AppendMap(b, len(v.labels))
	for i, n := range v.labels {
		b = cbor.AppendUint(cbor.AppendUint(b, uint64(i)), uint64(n))
	}
	for _, indexes := range [][]int{v.mandatoryIndexes, v.selectiveIndexes} {
		b = cbor.AppendArray(b, len(indexes))
		for _, i := range indexes {
			b = cbor.AppendUint(b, uint64(i))
		}
	}
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
	r, err := open(proofValue, headerBase)
	if err != nil {
		return nil, err
	}
	v := &baseValue{signature: r.sized(bbs.SignatureSize), header: r.sized(bbsHeaderSize), publicKey: r.sized(bbs.PublicKeySize), hmacKey: r.sized(selective.HMACKeySize)}
	for range r.Array() {
		v.mandatoryPointers = append(v.mandatoryPointers, r.Text())
	}
	if len(v.mandatoryPointers) > selective.MaxPointers || !r.done(v.encode) {
		return nil, notElements("base")
	}
	return v, nil
}

// parseDerived is parseDerivedProofValue (Section 3.2.7).
func parseDerived(proofValue string) (*derivedValue, error) {
	r, err := open(proofValue, headerDerived)
	if err != nil {
		return nil, err
	}
	v := &derivedValue{proof: r.Bytes()}
	r.bad = r.bad || len(v.proof) < minBBSProof || len(v.proof) > maxBBSProof
	v.labels = r.labels()
	v.mandatoryIndexes, v.selectiveIndexes = r.indexes(), r.indexes()
	v.presentationHeader = r.Bytes()
	if len(v.presentationHeader) > maxHeader || !r.done(v.encode) {
		return nil, notElements("derived")
	}
	return v, nil
}

// elements are the five elements of a proof value under way.
type elements struct {
	*cbor.Reader
	size int // of the whole, in octets
	bad  bool
}

var limits = cbor.Limits{Size: maxProofValue, Depth: 2, Items: 4*selective.MaxStatements + selective.MaxPointers}

// open reads the multibase encoding, the header and the head of the elements.
func open(proofValue string, header []byte) (*elements, error) {
	if len(proofValue) > maxProofValue {
		return nil, badValue("proofValue is longer than 256 KiB")
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
	case len(b) > 2 && b[0] == 0xd9 && b[1] == 0x5d && features[b[2]] != "":
		return nil, badValue("the feature is not supported: " + features[b[2]] + "; only the baseline of " + Name + " is")
	default:
		return nil, badValue("proofValue does not start with a header of " + Name)
	}
	if err := cbor.Check(rest, limits); err != nil {
		return nil, &di.Error{Check: di.CheckProofValue, Spec: spec + ", Section 3.2", Detail: "what follows the header", Err: err}
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

// index reads a number that can count statements.
func (r *elements) index() int {
	i := r.Uint()
	if i >= selective.MaxStatements {
		r.bad = true
		return 0
	}
	return int(i)
}

// indexes reads an array of numbers that ascend.
func (r *elements) indexes() []int {
	var all []int
	for range r.Array() {
		i := r.index()
		if n := len(all); n > 0 && all[n-1] >= i {
			r.bad = true // not ascending, or twice
		}
		all = append(all, i)
	}
	return all
}

// labels reads a label map, in any order of its keys, which are the numbers
// from 0 on, each once (decompressLabelMap, Section 3.2.5).
func (r *elements) labels() []int {
	labels := make([]int, r.Map())
	seen := make([]bool, len(labels))
	for range labels {
		i, n := r.index(), r.index()
		if i >= len(labels) || seen[i] {
			r.bad = true
			return nil
		}
		labels[i], seen[i] = n, true
	}
	return labels
}

// done says whether all was read, and was as short as what is written.
func (r *elements) done(encode func() []byte) bool {
	return !r.bad && r.End() == nil && len(encode()) == r.size
}

func notElements(kind string) error {
	return badValue("the CBOR of the " + kind + " proof is not five elements of their kinds and lengths, in their shortest forms and without tags")
}

func badValue(detail string) *di.Error {
	return &di.Error{Check: di.CheckProofValue, Spec: spec + ", Section 3.2", Detail: detail}
}
