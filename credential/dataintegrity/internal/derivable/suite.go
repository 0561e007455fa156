// Package derivable is what the cryptosuites with base and derived proofs have in
// common around their signatures: how proof values are read and written in CBOR, which
// proof of a document can be derived from, what JSON pointers make of it, and what a
// verifier requires. What is signed, and how, stays with each suite.
package derivable

import (
	"crypto/sha256"
	"errors"
	"slices"
	"strconv"

	di "github.com/zegel-id/zegel/credential/dataintegrity"
	"github.com/zegel-id/zegel/credential/dataintegrity/selective"
)

// The checks that only such suites have.
const (
	CheckPointers  = "json_pointers"
	CheckDisclosed = "disclosed"
)

// Suite is a cryptosuite with derived proofs, as its errors and proof values name it.
type Suite struct {
	Name string
	// Spec of the suite, and its sections for proof values, JSON pointers and Add Derived
	// Proof.
	Spec, ProofValues, Pointers, Deriving string
	// Base and Derived are the headers of proof values.
	Base, Derived []byte
	// MaxProofValue is the longest proofValue that is read, in characters.
	MaxProofValue int
	// Unsupported are features by the third octet of their headers.
	Unsupported map[byte]string
}

func (s *Suite) fault(check, section, detail string, err error) *di.Error {
	return &di.Error{Check: check, Spec: s.Spec + ", Section " + section, Detail: detail, Err: err}
}

// BadPointers is the error of JSON pointers that do not fit.
func (s *Suite) BadPointers(err error) error {
	return s.fault(CheckPointers, s.Pointers, "the JSON pointers do not fit the document", err)
}

// NotReadable is the error of a document that selective.Read does not read.
func NotReadable(err error) error {
	return &di.Error{Check: di.CheckSignature, Spec: "Data Integrity 1.0, Section 2.4.1", Detail: "the document cannot be turned into statements without loss", Err: err}
}

// Mandatory are the pointers for a document: all that are fixed, and of the others those
// that lead to something.
func Mandatory(d *selective.Document, fixed, ifPresent []string) []string {
	all := slices.Clone(fixed)
	for _, p := range ifPresent {
		if d.Has(p) && !slices.Contains(all, p) {
			all = append(all, p)
		}
	}
	return all
}

// Groups selects what the issuer fixed, and that together with what the holder chose,
// which must be something.
func (s *Suite) Groups(d *selective.Document, mandatoryPointers, selectivePointers []string) (mandatory, combined *selective.Selection, err error) {
	if mandatory, err = d.Select(mandatoryPointers); err != nil {
		return nil, nil, s.BadPointers(err)
	}
	if combined, err = d.Select(slices.Concat(mandatoryPointers, selectivePointers)); err != nil {
		return nil, nil, s.BadPointers(err)
	}
	if combined.JSON == nil {
		return nil, nil, s.BadPointers(errors.New("there are none, and the issuer fixed nothing: nothing would be disclosed"))
	}
	return mandatory, combined, nil
}

// Chosen gives, for each index that is combined and not mandatory, its place among all
// that are not mandatory. Both lists ascend.
func Chosen(mandatory, combined []int) []int {
	var places []int
	for _, i := range combined {
		if before, fixed := slices.BinarySearch(mandatory, i); !fixed {
			places = append(places, i-before)
		}
	}
	return places
}

// Split parts statements into those at the given places, which ascend, and the others.
func Split(statements [][]byte, at []int) (fixed, rest [][]byte) {
	fixed, rest = make([][]byte, 0, len(at)), make([][]byte, 0, len(statements)-len(at))
	for i, s := range statements {
		if len(at) > 0 && at[0] == i {
			fixed, at = append(fixed, s), at[1:]
		} else {
			rest = append(rest, s)
		}
	}
	return fixed, rest
}

// SplitDisclosed is Split by the mandatory indexes of a derived proof, which a stranger
// wrote.
func (s *Suite) SplitDisclosed(statements [][]byte, mandatory []int) (fixed, rest [][]byte, err error) {
	if n := len(mandatory); n > 0 && mandatory[n-1] >= len(statements) {
		return nil, nil, s.Malformed("a mandatory index is beyond the statements of the document")
	}
	fixed, rest = Split(statements, mandatory)
	return fixed, rest, nil
}

// HashMandatory is hashMandatoryNQuads (DI ECDSA 1.0, Section 3.4.17).
func HashMandatory(fixed [][]byte) []byte {
	h := sha256.New()
	for _, s := range fixed {
		h.Write(s)
	}
	return h.Sum(nil)
}

// Require makes sure that a document has what each pointer leads to.
func (s *Suite) Require(d *selective.Document, pointers []string) error {
	for _, pointer := range pointers {
		if !d.Has(pointer) {
			return s.fault(CheckDisclosed, s.Deriving, "the document does not disclose "+strconv.QuoteToASCII(pointer)+", which is required here; ask the holder for it", nil)
		}
	}
	return nil
}
