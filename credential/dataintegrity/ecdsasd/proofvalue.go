package ecdsasd

import (
	"bytes"
	"encoding/base64"
	"unicode/utf8"

	di "github.com/zegel-id/zegel/credential/dataintegrity"
	"github.com/zegel-id/zegel/credential/dataintegrity/selective"
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

// derivedValue is a derived proof value (Section 3.5.7). The label at i is for "c14n<i>".
type derivedValue struct {
	baseSignature, publicKey []byte
	signatures               [][]byte
	labels                   []string
	mandatoryIndexes         []int // ascending
}

func (v *baseValue) encode() string {
	b := appendHead(bytes.Clone(headerBase), majorArray, 5)
	b = appendBytes(b, v.baseSignature)
	b = appendBytes(b, v.publicKey)
	b = appendBytes(b, v.hmacKey)
	b = appendSignatures(b, v.signatures)
	b = appendHead(b, majorArray, len(v.mandatoryPointers))
	for _, p := range v.mandatoryPointers {
		b = appendText(b, p)
	}
	return di.EncodeBase64(b)
}

// encode writes what parseDerived reads; labels are those of HMAC.
func (v *derivedValue) encode() (string, error) {
	b := appendHead(bytes.Clone(headerDerived), majorArray, 5)
	b = appendBytes(b, v.baseSignature)
	b = appendBytes(b, v.publicKey)
	b = appendSignatures(b, v.signatures)
	b = appendHead(b, majorMap, len(v.labels))
	for i, label := range v.labels { // compressLabelMap, Section 3.5.5
		digest, err := base64.RawURLEncoding.DecodeString(label[1:])
		if err != nil {
			return "", badValue("a label is not one of an HMAC")
		}
		b = appendBytes(appendHead(b, majorUint, i), digest)
	}
	b = appendHead(b, majorArray, len(v.mandatoryIndexes))
	for _, i := range v.mandatoryIndexes {
		b = appendHead(b, majorUint, i)
	}
	return di.EncodeBase64(b), nil
}

func appendSignatures(b []byte, signatures [][]byte) []byte {
	b = appendHead(b, majorArray, len(signatures))
	for _, s := range signatures {
		b = appendBytes(b, s)
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
	n := r.head(majorArray)
	if n > selective.MaxPointers {
		return nil, badValue("more JSON pointers than are read")
	}
	for range n {
		p := r.text()
		if !utf8.ValidString(p) {
			r.fault()
		}
		v.mandatoryPointers = append(v.mandatoryPointers, p)
	}
	if !r.done() {
		return nil, badValue("the CBOR of the base proof is not five elements of their kinds and lengths, in shortest forms, without tags and with nothing behind")
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
	for range r.head(majorArray) {
		i := r.head(majorUint)
		if n := len(v.mandatoryIndexes); n > 0 && v.mandatoryIndexes[n-1] >= i {
			r.fault() // not ascending, or twice
		}
		v.mandatoryIndexes = append(v.mandatoryIndexes, i)
	}
	if !r.done() {
		return nil, badValue("the CBOR of the derived proof is not five elements of their kinds and lengths, in shortest forms, without tags and with nothing behind")
	}
	return v, nil
}

// open reads the multibase encoding, the header and the head of the five elements.
func open(proofValue string, header []byte) (*reader, error) {
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
		r := &reader{b: rest}
		if r.head(majorArray) != 5 {
			r.fault()
		}
		return r, nil
	case bytes.HasPrefix(b, headerBase):
		return nil, badValue("it is a base proof, which an issuer makes for the holder alone: derive a proof from it")
	case bytes.HasPrefix(b, headerDerived):
		return nil, badValue("it is a derived proof, from which nothing more can be derived: use the base proof of the issuer")
	}
	return nil, badValue("proofValue does not start with a header of " + Name)
}

// signatures reads an array of signatures.
func (r *reader) signatures() [][]byte {
	n := r.head(majorArray)
	if n > selective.MaxStatements {
		r.fault()
		return nil
	}
	all := make([][]byte, n)
	for i := range all {
		all[i] = r.sized(signatureSize)
	}
	return all
}

// labels reads a label map, in any order of its keys, which are the numbers from 0 on, each
// once (decompressLabelMap, Section 3.5.6).
func (r *reader) labels() []string {
	labels := make([]string, r.head(majorMap))
	for range labels {
		i := r.head(majorUint)
		if i >= len(labels) || labels[i] != "" {
			r.fault()
			return nil
		}
		labels[i] = selective.EncodeLabel(r.sized(labelSize))
	}
	return labels
}

func badValue(detail string) *di.Error {
	return &di.Error{Check: di.CheckProofValue, Spec: spec + ", Section 3.5", Detail: detail}
}
